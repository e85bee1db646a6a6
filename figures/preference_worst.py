"""Preference game: which pairs each kind of follower moves, flips or weighs more, and where to."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, require, some

NAME = "f13_preference_worst"
TITLE = "Preference game: which pairs the followers move"
CAPTION = (
    "Left: mean landing place under the window follower. Middle: shares moved (least confident first) and flipped "
    "(most confident first). Right: weights under the reweighting follower."
)
NEEDS = {"preference_worst": ("seed", "ball", "eps", "pair", "margin", "moved", "landed", "weight")}
WINDOW, FLIP, REWEIGHT = "window", "flip", "reweight"


def draw(tables: Tables) -> Figure:
    """Left: landing places on the margin line; middle: share moved or flipped; right: weights of pairs."""
    (table,) = require(tables, NAME, NEEDS)
    table = table[table["seed"] == table["seed"].min()]
    figure = style.blank(16.5, 6.2)
    places, shares, weights = figure.subplots(1, 3)
    _places(places, some(table[table["ball"] == WINDOW], NAME, "preference_worst", "pair of the window ball"))
    _shares(shares, table)
    _weights(weights, some(table[table["ball"] == REWEIGHT], NAME, "preference_worst", "pair of the reweighting ball"))
    return figure


def _radii(rows: pd.DataFrame) -> list[tuple[float, str, str]]:
    eps = sorted(rows["eps"].unique())
    return list(zip(eps, style.SEQUENCE, ("o", "s", "^", "D", "v", "P", "X"), strict=False))


def _places(ax: Axes, rows: pd.DataFrame) -> None:
    reach = [rows["margin"].min(), rows["margin"].max()]
    ax.plot(reach, reach, color=style.GUIDE, linestyle=":", linewidth=1.2)
    handles = [style.line("not moved", style.GUIDE, ":")]
    for eps, colour, marker in _radii(rows):
        own = rows[rows["eps"] == eps].sort_values("margin")
        ax.plot(own["margin"], own["landed"], color=colour, marker=marker, markersize=3.5, linewidth=1.0, alpha=0.9)
        handles.append(style.line(f"ε = {eps:g} nats", colour, "-", marker))
    style.dress(ax, "margin of the pair (nats)", "mean margin after the follower (nats)", "window: the least confident")
    ax.legend(handles=handles, loc="upper left", fontsize=style.SMALL, frameon=False)


def _shares(ax: Axes, table: pd.DataFrame) -> None:
    handles = []
    for ball, title, line in ((WINDOW, "moved down (window)", "-"), (FLIP, "label flipped (cost κ = 1)", "--")):
        own = table[table["ball"] == ball]
        for eps, colour, _ in _radii(own):
            part = own[own["eps"] == eps].sort_values("margin")
            ax.plot(part["margin"], part["moved"], color=colour, linestyle=line, linewidth=1.6)
            handles.append(style.line(f"{title}, ε = {eps:g}", colour, line))
    style.dress(ax, "margin of the pair (nats)", "share of the pair's mass (share)", "who is moved, who is flipped")
    ax.set_ylim(-0.04, 1.5)
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.legend(handles=handles, loc="upper center", fontsize=style.SMALL, frameon=False, ncols=1)


def _weights(ax: Axes, rows: pd.DataFrame) -> None:
    ax.axhline(1.0, color=style.GUIDE, linestyle=":", linewidth=1.2)
    handles = [style.line("weight before", style.GUIDE, ":")]
    for eps, colour, marker in _radii(rows):
        own = rows[rows["eps"] == eps]
        ax.scatter(own["margin"], own["weight"], color=colour, marker=marker, s=22, alpha=0.75, linewidths=0)
        handles.append(style.line(f"ε = {eps:g} (units of the features)", colour, "", marker))
    style.dress(
        ax, "margin of the pair (nats)", "weight of the pair × N (ratio)", "reweighting: mass moves to large losses"
    )
    ax.set_yscale("symlog", linthresh=1.0)
    ax.set_ylim(bottom=-0.1)
    ax.legend(handles=handles, loc="upper right", fontsize=style.SMALL, frameon=False)
