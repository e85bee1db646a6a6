"""Regret against the budget B on the hard instance, between the floor of any algorithm and the ceilings."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, final, require, some, summary

NAME = "f3_regret_B"
TITLE = "Regret against the budget on the hard instance"
CAPTION = (
    "Left: mean regret of each gate between the floor of theorem 4 and the ceilings: theorem 3, the stated form "
    "with the constant c(β) and with a β-free constant. Right: the same regret over the floor; markers are moved "
    "a little sideways so that intervals stay apart."
)
KEYS = ["T", "d", "B"]
NEEDS = {
    "hard": ("gate", "T", "d", "B", "seed", "replication", "t", "regret"),
    "overlay_hard": ("T", "d", "B", "floor", "theorem3", "stated_c_beta", "stated_beta_free", "trivial"),
}
BOUNDS = {
    "floor": ("floor (theorem 4)", "black", "-"),
    "theorem3": ("ceiling (theorem 3)", "black", "--"),
    "stated_c_beta": ("stated form, constant c(β)", "#117733", (0, (6, 1, 1, 1))),
    "stated_beta_free": ("stated form, β-free constant", "#AA3377", ":"),
    "trivial": ("trivial bound S L T", "#BBBBBB", "-."),
}


def draw(tables: Tables) -> Figure:
    """Left: gates and bounds; right: gates over the floor."""
    hard, overlay = require(tables, NAME, NEEDS)
    runs = some(final(hard), NAME, "hard", "final round")
    means = summary(runs, ["gate", *KEYS], "regret").merge(overlay, on=KEYS, how="inner")
    some(means, NAME, "overlay_hard", "row for the T, d, B of the table 'hard'")
    bounds = overlay.merge(means[KEYS].drop_duplicates(), on=KEYS).sort_values("B")
    figure = style.blank(15, 7)
    left, right = figure.subplots(1, 2)
    _bounds(left, bounds)
    _gates(left, means)
    _ratios(right, means)
    style.log_limits(left, np.concatenate([means["mean"], bounds[list(BOUNDS)].to_numpy().ravel()]))
    first = means.iloc[0]
    where = f"hard instance, T = {first['T']:,.0f}, d = {first['d']:.0f}"
    style.dress(left, style.LABELS["B"], style.LABELS["regret"], where)
    style.dress(right, style.LABELS["B"], "regret / floor of theorem 4 (ratio)", "the same gates over the floor")
    handles = style.gate_handles(means["gate"])
    handles += [style.line(label, colour, line, width=2) for label, colour, line in BOUNDS.values()]
    style.legend_right(figure, handles)
    return figure


def _bounds(ax: Axes, bounds: pd.DataFrame) -> None:
    for column, (_, colour, line) in BOUNDS.items():
        ax.plot(bounds["B"], bounds[column], color=colour, linestyle=line, linewidth=2, zorder=1)
    ax.set_xscale("log")


def _gates(ax: Axes, means: pd.DataFrame) -> None:
    for gate in style.gate_order(means["gate"]):
        rows = means[means["gate"] == gate].sort_values("B")
        style.bars(ax, gate, rows["B"], rows["mean"], rows["low"], rows["high"])


def _ratios(ax: Axes, means: pd.DataFrame) -> None:
    gates = style.gate_order(means["gate"])
    for i, gate in enumerate(gates):
        rows = means[means["gate"] == gate].sort_values("B")
        # Gates share the same budgets, so each is moved a little sideways to keep its interval visible.
        x = rows["B"] * 1.035 ** (i - (len(gates) - 1) / 2)
        style.bars(ax, gate, x, *(rows[c] / rows["floor"] for c in ("mean", "low", "high")))
    ax.axhline(1.0, color="black", linewidth=2)
    ax.set_xscale("log")
    style.log_limits(ax, np.append(means["mean"] / means["floor"], 1.0), 1.25)
