"""Regret in d under the follower that baits: a threshold grows like d, a coin like the square root of d."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, final, require, some, summary

NAME = "f25_bait"
TITLE = "What a threshold costs against a follower that sees it"
CAPTION = (
    "Mean regret over all rounds with 95 % t-intervals, one tenth of the labels. Left: under bait, against the "
    "dimension, with theorem 9's closed form for llf_fixed and theorem 8's guarantee for random. Right: every "
    "follower at the largest dimension."
)
NEEDS = {
    "bait": ("gate", "follower", "d", "seed", "replication", "t", "T", "regret"),
    "overlay_bait": ("d", "closed", "guarantee", "trivial"),
}


def draw(tables: Tables) -> Figure:
    """Left: regret against d under bait; right: every follower at the largest d."""
    table, overlay = require(tables, NAME, NEEDS)
    rows = some(final(table), NAME, "bait", "final round")
    figure = style.blank(14, 7)
    left, right = figure.subplots(1, 2)
    _dimensions(left, rows[rows["follower"] == "bait"], overlay)
    _followers(right, rows[rows["d"] == rows["d"].max()])
    style.legend_right(figure, style.gate_handles(rows["gate"].unique()))
    return figure


def _dimensions(ax: Axes, rows: pd.DataFrame, overlay: pd.DataFrame) -> None:
    means = summary(rows, ["gate", "d"], "regret")
    for gate in style.gate_order(means["gate"]):
        own = means[means["gate"] == gate]
        style.bars(ax, gate, own["d"], own["mean"], own["low"], own["high"])
    lines = (
        ("closed", "theorem 9: llf_fixed under bait", "#0072B2", "--"),
        ("guarantee", "theorem 8: random under anyone", "#4D4D4D", "-."),
        ("trivial", "trivial bound S L T", "black", ":"),
    )
    for column, _, colour, dash in lines:
        ax.plot(overlay["d"], overlay[column], color=colour, linestyle=dash, linewidth=1.6)
    ax.set_xscale("log", base=2)
    ax.set_xticks(overlay["d"], [str(d) for d in overlay["d"]])
    style.log_limits(ax, pd.concat([means["mean"], overlay["trivial"]]), 1.3)
    style.dress(ax, "dimension d", style.LABELS["regret"], "under bait")
    style.legend_below(ax, [style.line(text, colour, dash) for _, text, colour, dash in lines], drop=0.12)


def _followers(ax: Axes, rows: pd.DataFrame) -> None:
    means = summary(rows, ["gate", "follower"], "regret")
    names = style.ordered(means["follower"], style.FOLLOWERS)
    gates = style.gate_order(means["gate"])
    for i, gate in enumerate(gates):
        own = means[means["gate"] == gate].set_index("follower").reindex(names)
        places = [k + 0.6 * (i / max(len(gates) - 1, 1) - 0.5) for k in range(len(names))]
        look = style.gate_look(gate)
        style.intervals(ax, look._replace(line=""), places, own)
    ax.set_xticks(
        range(len(names)), [style.look_of(name, style.FOLLOWERS).label.replace(" (", "\n(") for name in names]
    )
    style.log_limits(ax, means["mean"], 1.3)
    style.dress(ax, "follower", style.LABELS["regret"], f"every follower, d = {rows['d'].max()}")
