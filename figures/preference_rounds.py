"""Preference game: accuracy round by round as models annotate for themselves, with clean and flipped seed labels."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import REPEATS, Tables, require, summary

NAME = "f15_preference_rounds"
TITLE = "Preference game: self-annotation round by round"
CAPTION = (
    "Accuracy on clean pairs with 95 % intervals; below, the paired difference from seed DPO after the last round. "
    "The feature ball's gain is there before the first round: on the seed labels it is ridge-DPO."
)
NEEDS = {"preference_rounds": ("method", "round", "accuracy", "seed", "replication", "flip")}
BASE = "dpo"
SHORT = {
    "ridge": "ridge-DPO",
    "self_L0": "ε = 0",
    "L1": "SSAPO L1",
    "L2": "SSAPO L2",
    "L3": "SSAPO L3",
    "feature": "feature ball",
    "spa": "SPA-style",
    "rdpo": "rDPO",
    "dr_dpo": "Dr. DPO",
}
METHODS = {
    "dpo": style.Look("DPO on the seed labels alone", "#000000", "*", "-"),
    "ridge": style.Look("ridge-DPO, the feature ball's pull", "#A6761D", "h", "-"),
    "self_L0": style.Look("self-annotation, ε = 0 (no follower)", "#4D4D4D", "<", "--"),
    "L1": style.Look("SSAPO, leader L1", "#0072B2", "o", "-"),
    "L2": style.Look("SSAPO, leader L2", "#D55E00", "s", "-"),
    "L3": style.Look("SSAPO, leader L3 (exact)", "#009E73", "^", "-"),
    "feature": style.Look("SSAPO, feature ball", "#56B4E9", "X", "-"),
    "spa": style.Look("SPA-style self-labels", "#CC79A7", "D", "-."),
    "rdpo": style.Look("rDPO", "#E69F00", "v", "-."),
    "dr_dpo": style.Look("Dr. DPO", "#8C510A", "P", "-."),
}


def draw(tables: Tables) -> Figure:
    """A column for each share of flipped seed labels: accuracy by round, and gain over seed DPO at the end."""
    (table,) = require(tables, NAME, NEEDS)
    shares = sorted(table["flip"].unique())
    figure = style.blank(13.5, 11.5)
    axes = figure.subplots(2, len(shares), squeeze=False, sharex="row")
    methods = style.ordered(table["method"], METHODS)
    for (top, bottom), share in zip(axes.T, shares, strict=True):
        rows = table[table["flip"] == share]
        _curves(top, rows, methods)
        _gains(bottom, rows, methods)
        title = f"{share:.0%} of the seed labels flipped" if share else "clean seed labels"
        style.dress(top, "round (0: after the seed labels)", "accuracy on clean pairs (share)", title)
        style.dress(bottom, "accuracy after the last round minus seed DPO's, paired (share)", "method")
        top.set_xticks(sorted(table["round"].unique()))
    handles = [style.entry(style.look_of(m, METHODS)) for m in methods]
    style.legend_foot(figure, handles, 3, title="mean and 95 % interval", title_fontsize=style.SMALL)
    return figure


def _curves(ax: Axes, rows: pd.DataFrame, methods: list[str]) -> None:
    for i, method in enumerate(methods):
        curve = summary(rows[rows["method"] == method], ["round"], "accuracy")
        if len(curve):
            place = curve["round"] + 0.05 * (i - (len(methods) - 1) / 2)
            look = style.look_of(method, METHODS)
            style.intervals(ax, look, place, curve, linewidth=1.4, elinewidth=0.9, capsize=2)


def last(rows: pd.DataFrame, method: str) -> pd.Series:
    """Accuracy after a method's last round, by (seed, replication)."""
    own = rows[rows["method"] == method]
    return own[own["round"] == own["round"].max()].set_index(list(REPEATS))["accuracy"]


def _gains(ax: Axes, rows: pd.DataFrame, methods: list[str]) -> None:
    base, others = last(rows, BASE), [m for m in methods if m != BASE]
    ax.axvline(0.0, color="black", linewidth=1.2)
    for i, method in enumerate(others):
        gain = (last(rows, method) - base).dropna()
        if gain.empty:
            continue
        look = style.look_of(method, METHODS)
        found = summary(gain.reset_index(name="gain").assign(all=0), ["all"], "gain").iloc[0]
        half = np.nan_to_num([[found["mean"] - found["low"]], [found["high"] - found["mean"]]])
        ax.errorbar([found["mean"]], [i], xerr=half, color=look.colour, marker=look.marker, markersize=8, capsize=4)
    ax.set_yticks(range(len(others)), [SHORT.get(m, m) for m in others])
    ax.set_ylim(len(others) - 0.5, -0.5)
