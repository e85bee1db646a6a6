"""Handwritten digits: held-out accuracy and mistakes against the labels that each gate bought."""

import pandas as pd
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, final, require, some, summary

NAME = "f8_digits"
TITLE = "Handwritten digits"
CAPTION = (
    "Held-out accuracy, mistakes over all rounds and mistakes over bought rounds against the labels really bought, "
    "over permuted orders. Dotted: every label bought."
)
NEEDS = {
    "digits": ("gate", "B", "T", "seed", "replication", "t", "labels", "accuracy", "regret", "regret_queried"),
}
PANELS = {
    "accuracy": ("held-out accuracy (share)", "held-out accuracy"),
    "regret": ("mistakes over all rounds (rounds)", "first clock: all rounds"),
    "regret_queried": ("mistakes over bought rounds (rounds)", "second clock: bought rounds"),
}


def draw(tables: Tables) -> Figure:
    """One line a gate through its budgets; dotted: every label bought."""
    (table,) = require(tables, NAME, NEEDS)
    runs = some(final(table), NAME, "digits", "final round")
    labels = summary(runs, ["gate", "B"], "labels")["mean"]
    figure = style.blank(19, 6.8)
    for ax, (column, (name, title)) in zip(figure.subplots(1, 3), PANELS.items(), strict=True):
        means = summary(runs, ["gate", "B"], column)
        style.label_curves(ax, means.assign(labels=labels))
        if column == "regret":
            style.log_limits(ax, means["mean"], 1.2)
        else:
            ax.set_ylim(*_range(means["mean"]))
        style.dress(ax, "mean labels bought (labels)", name, title)
    style.legend_curves(figure, runs["gate"])
    return figure


def _range(mean: pd.Series) -> tuple[float, float]:
    pad = 0.06 * max(float(mean.max() - mean.min()), 0.1)
    return max(float(mean.min()), 0.0) - pad, float(mean.max()) + pad
