"""What it costs a gate to give a share of its budget to a coin, and what that protects it from."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, final, require, some, summary

NAME = "f26_insurance"
TITLE = "The price of insurance and its protection"
CAPTION = (
    "llf_paced gives a share of its budget to a coin (0: none, 1: random). Mean regret over all rounds with 95 % "
    "t-intervals on a benign stream (left: the price) and under bait (right: the protection, with theorem 8's "
    "guarantee for the coin's labels, dashed, and the worst that any gate can do, dotted)."
)
NEEDS = {
    "insurance": ("gate", "follower", "coin_share", "d", "seed", "replication", "t", "T", "regret"),
    "overlay_insurance": ("gate", "follower", "guarantee"),
}


def draw(tables: Tables) -> Figure:
    """Regret against the coin's share: benign stream on the left, bait on the right."""
    table, overlay = require(tables, NAME, NEEDS)
    rows = some(final(table), NAME, "insurance", "final round")
    rows = rows.assign(share=np.where(rows["gate"] == "random", 1.0, rows["coin_share"]))
    figure = style.blank(13, 6)
    left, right = figure.subplots(1, 2)
    hostile = rows["follower"] == "bait"
    _panel(left, rows[~hostile], "a benign stream: domain shift, hard negatives")
    _panel(right, rows[hostile], "under bait")
    _bounds(right, rows[hostile], overlay[overlay["follower"] == "bait"])
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, title: str) -> None:
    means = summary(rows, ["share"], "regret")
    style.intervals(ax, style.gate_look("llf_paced"), means["share"], means)
    style.log_limits(ax, means["mean"], 1.6)
    style.dress(ax, "share of the budget given to a coin", style.LABELS["regret"], title)


def _bounds(ax: Axes, rows: pd.DataFrame, overlay: pd.DataFrame) -> None:
    shares = rows.drop_duplicates("gate")[["gate", "share"]].merge(overlay, on="gate").sort_values("share")
    ax.plot(shares["share"], shares["guarantee"], color=style.GUIDE, linestyle="--", linewidth=1.6)
    top = float(rows["T"].iloc[0])
    ax.axhline(top, color="black", linestyle=":", linewidth=1.2)
    style.log_limits(ax, np.append(summary(rows, ["share"], "regret")["mean"], [top, shares["guarantee"].max()]), 1.3)
    names = [
        style.line("theorem 8's guarantee", style.GUIDE, "--"),
        style.line("trivial bound, S = L = 1", "black", ":"),
    ]
    style.legend_below(ax, names, 2, drop=0.14)
