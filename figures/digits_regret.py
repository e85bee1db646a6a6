"""Handwritten digits: mistakes beyond those of the best fixed linear scorer, against labels bought.

They are counted on two clocks: over all rounds, and over the rounds whose label was bought.
"""

import numpy as np
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, require, summary

NAME = "f21_digits_regret"
TITLE = "Regret on digits against a certified scorer"
CAPTION = (
    "Online mistakes minus those of the best fixed linear scorer on the same rounds, on both clocks, for two norm "
    "bounds. The certificate covers the scorer's mean logistic loss (value and gap in the titles), not its "
    "mistakes; 0 is the scorer, and a gate may go below it."
)
NEEDS = {
    "digits_regret": (
        "gate", "B", "T", "seed", "replication", "labels", "norm_bound", "scorer", "loss", "gap", "regret_all",
        "regret_bought",
    ),
}  # fmt: skip
CLOCKS = {"regret_all": "all rounds", "regret_bought": "bought rounds"}
LINEAR = 10.0  # mistakes; below it the axis is linear, so that a gate may beat the scorer


def draw(tables: Tables) -> Figure:
    """A row a norm bound of the comparator, a column a clock; one line a gate through its budgets."""
    (runs,) = require(tables, NAME, NEEDS)
    norms = sorted(runs["norm_bound"].unique())
    figure = style.blank(16.5, 6.6 * len(norms))
    axes = figure.subplots(len(norms), 2, squeeze=False)
    for line, norm in zip(axes, norms, strict=True):
        mine = runs[runs["norm_bound"] == norm]
        for ax, (column, clock) in zip(line, CLOCKS.items(), strict=True):
            means = summary(mine, ["gate", "B"], column)
            labels = summary(mine, ["gate", "B"], "labels")["mean"]
            style.label_curves(ax, means.assign(labels=labels))
            ax.axhline(0.0, color=style.GUIDE, linewidth=1.0)
            _limits(ax, means[["low", "high", "mean"]].to_numpy(dtype=float))
            style.dress(ax, "mean labels bought (labels)", f"mistakes beyond the scorer's, {clock}", _title(mine, norm))
    style.legend_curves(figure, runs["gate"])
    return figure


def _limits(ax, ends: np.ndarray) -> None:
    finite = ends[np.isfinite(ends)]
    top, bottom = max(finite.max(), LINEAR), min(finite.min(), 0.0)
    ax.set_yscale("symlog", linthresh=LINEAR, linscale=0.5)
    ax.set_ylim(1.3 * bottom - 1.0, 1.3 * top)


def _title(runs, norm: float) -> str:
    orders = runs.drop_duplicates(["seed", "replication"])
    share = (orders["scorer"] / orders["T"]).mean()
    loss, gap = orders["loss"].mean(), orders["gap"].max()
    return f"‖W‖ ≤ {norm:g}: log loss {loss:.3f} (gap ≤ {gap:.0e}), {share:.1%} mistakes"
