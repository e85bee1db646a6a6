"""Preference game: buying true labels against letting the model annotate, at equal true labels."""

import pandas as pd
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, require, summary

NAME = "f16_preference_labels"
TITLE = "Preference game: buying against self-annotating"
CAPTION = (
    "Accuracy against true labels really used, and the paired gain over self-annotation at equal true labels, 95 % "
    "intervals."
)
NEEDS = {"preference_labels": ("strategy", "budget", "labels", "accuracy", "gain", "seed", "replication")}
SELF = "self-annotation"
LOOKS = {
    SELF: style.Look("self-annotation", "#000000", "o", "--"),
    "llf_split": style.GATES["llf_split_prefix"]._replace(label="LLF split"),
}
WIDTHS = dict(linewidth=1.5, elinewidth=0.9, capsize=3)


def draw(tables: Tables) -> Figure:
    """Left: accuracy against the true labels really used; right: the gain over self-annotation, paired."""
    (table,) = require(tables, NAME, NEEDS)
    buyers = style.ordered(set(table["strategy"]) - {SELF}, LOOKS)
    figure = style.blank(15, 6.8)
    left, right = figure.subplots(1, 2)
    alone = _alone(table)
    style.intervals(left, _look(SELF), alone["place"], alone, **WIDTHS)
    for i, strategy in enumerate(buyers, 1):
        own, look = table[table["strategy"] == strategy], _look(strategy)
        places = own.groupby("budget")["labels"].mean().to_numpy()
        style.intervals(left, look, places, summary(own, ["budget"], "accuracy"), **WIDTHS)
        aside = 1.02 ** (i - (len(buyers) + 1) / 2)
        style.intervals(right, look, aside * places, summary(own, ["budget"], "gain"), **WIDTHS)
    right.axhline(0.0, color="black", linestyle="--", linewidth=1.2)
    title = "three rounds, 50 seed labels"
    style.dress(left, "true labels really used (labels)", "accuracy on clean pairs (share)", title)
    style.dress(
        right, "true labels really used (labels)", "accuracy minus self-annotation's (share)", "at equal true labels"
    )
    for ax in (left, right):
        ax.set_xscale("log")
        ticks = sorted(table.loc[table["strategy"] == SELF, "budget"].unique())
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        ax.minorticks_off()
    style.legend_right(figure, [style.entry(_look(strategy)) for strategy in [SELF, *buyers]])
    return figure


def _alone(table: pd.DataFrame) -> pd.DataFrame:
    """Self-annotation (place, mean, low, high) at every mean number of true labels that anybody used, in order.

    It was played from exactly as many labels as each gate bought: accuracy minus gain.  A straight line between
    few points would understate it, as accuracy is concave in the logarithm of the labels.
    """
    used = table.groupby(["strategy", "budget"])["labels"].transform("mean").round()
    rows = table.assign(place=used, own=table["accuracy"] - table["gain"], first=table["strategy"] != SELF)
    rows = rows.sort_values("first", kind="stable").drop_duplicates(["place", "seed", "replication"])
    return summary(rows, ["place"], "own")


def _look(strategy: str) -> style.Look:
    return LOOKS.get(strategy, style.gate_look(strategy))
