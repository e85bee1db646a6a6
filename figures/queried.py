"""Regret of bought rounds and of all rounds, both over the bound that theorem 6 has for bought rounds."""

import numpy as np
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, require

NAME = "f27_queried"
TITLE = "Two clocks: bought rounds obey sqrt(dB), all rounds do not"
CAPTION = (
    "Mean regret over theorem 6's bound sqrt((B + 2 D_B) K), which holds on bought rounds for every gate and follower "
    "(filled; left of the line). The same bound read on all rounds (open) fails: that is the beta-free reading."
)
NEEDS = {"overlay_queried": ("gate", "follower", "d", "queried", "all")}


def draw(tables: Tables) -> Figure:
    """A row for each gate and follower at the largest dimension, two dots on a log axis."""
    (table,) = require(tables, NAME, NEEDS)
    rows = table[table["d"] == table["d"].max()]
    gates = style.gate_order(rows["gate"])
    followers = style.ordered(rows["follower"], style.FOLLOWERS)
    figure = style.blank(11, 1.6 + 0.28 * len(rows))
    ax = figure.subplots()
    names: list[str] = []
    for gate in gates:
        for follower in followers:
            own = rows[(rows["gate"] == gate) & (rows["follower"] == follower)]
            if own.empty:
                continue
            y, look = -len(names), style.look_of(follower, style.FOLLOWERS)
            bought, every = float(own["queried"].iloc[0]), float(own["all"].iloc[0])
            ax.plot([max(bought, 1e-4), every], [y, y], color=style.OTHER, linewidth=1.0, zorder=1)
            ax.plot(max(bought, 1e-4), y, look.marker, color=look.colour, markersize=7)
            ax.plot(every, y, look.marker, color=look.colour, markersize=7, markerfacecolor="white")
            names.append(f"{style.gate_look(gate).label}, {follower}")
    ax.set_yticks(-np.arange(len(names)), names)
    ax.axvline(1.0, color="black", linewidth=1.2)
    ax.set_xscale("log")
    style.dress(ax, "mean regret / theorem 6's bound (ratio)", "gate, follower", f"d = {rows['d'].max()}")
    marks = [style.line("bought rounds", "black", "", "o"), style.line("all rounds", "black", "", "$\u25cb$")]
    style.legend_foot(figure, marks, 2)
    return figure
