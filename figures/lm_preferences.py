"""Generative language models tuned on bought preference labels: what methods and gates gain on held-out pairs."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import REPEATS, Tables, require, some, summary

NAME = "f29_lm_preferences"
TITLE = "Language models: ranking of held-out preference pairs"
CAPTION = (
    "Reference measurement (lm_runs): held-out pairs that the tuned policy's implicit reward ranks rightly, with 95 % "
    "intervals; above by method, on the gates that all methods share, below by gate (DPO), averaged over budgets. "
    "Lines: DPO over those gates, the policy before tuning, always the longer answer. Band: random's accuracy and up "
    "to two points more, the margin of claim M8."
)
COLUMNS = ("mode", "tuned", "data", "method", "gate", "B", *REPEATS, "scorer", "scorer_before", "longer")
NEEDS = {"lm_runs": COLUMNS}
BASE, LITTLE = "dpo", 0.02
METHODS = {
    "dpo": style.Look("DPO", "#000000", "*", "-"),
    "ipo": style.Look("IPO", "#8C510A", "P", "-"),
    "rdpo": style.Look("rDPO", "#E69F00", "v", "-"),
    "spa": style.Look("SPA-style", "#CC79A7", "D", "-"),
    "ssapo_0": style.Look("SSAPO, ε = 0", "#4D4D4D", "<", "-"),
    "ssapo": style.Look("SSAPO", "#0072B2", "o", "-"),
}
LINES = {
    "DPO, mean over shared gates": ("black", "-"),
    "before tuning": ("#009E73", ":"),
    "the longer answer": ("#A6761D", "--"),
}


def draw(tables: Tables) -> Figure:
    """A column a data set: accuracy by method above, by gate below, on one axis."""
    (runs,) = require(tables, NAME, NEEDS)
    rows = runs[runs["tuned"] & (runs["mode"] == "preferences")].dropna(subset=["scorer"])
    rows = some(rows, NAME, "lm_runs", "model tuned on preferences")
    sets = sorted(rows["data"].unique())
    methods, gates = style.ordered(rows["method"], METHODS), style.gate_order(rows["gate"])
    figure = style.blank(max(4.6 * len(sets), 7.0) + 1.2, 1.9 + 0.42 * (len(methods) + len(gates)))
    heights = dict(height_ratios=[len(methods) + 1, len(gates) + 1])
    axes = figure.subplots(2, len(sets), squeeze=False, sharex="col", sharey="row", gridspec_kw=heights)
    for (top, bottom), data in zip(axes.T, sets, strict=True):
        own = rows[rows["data"] == data]
        base, shared = own[own["method"] == BASE], own[own["gate"].isin(_shared(own))]
        _dots(top, shared, "method", methods, {m: style.look_of(m, METHODS) for m in methods})
        _dots(bottom, base, "gate", gates, {g: style.gate_look(g) for g in gates})
        level = base.loc[base["gate"] == "random", "scorer"].mean()
        if level == level:
            bottom.axvspan(level, level + LITTLE, color="#BBBBBB", alpha=0.35, linewidth=0)
        for ax in (top, bottom):
            for value, (colour, dash) in zip(_levels(shared), LINES.values(), strict=True):
                if value == value:
                    ax.axvline(value, color=colour, linestyle=dash, linewidth=1.4, zorder=0)
        style.dress(top, "held-out pairs ranked rightly (share)", "method", data)
        style.dress(bottom, "held-out pairs ranked rightly (share)", "gate (DPO)")
    for ax in axes[:, 1:].ravel():
        ax.set_ylabel(ax.get_ylabel(), alpha=0.0)  # one label is enough to read, and each axis has one
    handles = [style.line(name, colour, dash) for name, (colour, dash) in LINES.items()]
    style.legend_foot(figure, handles, len(handles))
    return figure


def _shared(own: pd.DataFrame) -> set[str]:
    """Gates with which every method was tuned; all of them where there is none."""
    gates = own.groupby("method")["gate"].agg(set)
    return set.intersection(*gates) or set.union(*gates)


def _levels(own: pd.DataFrame) -> tuple[float, float, float]:
    base = own.loc[own["method"] == BASE, "scorer"]
    return float(base.mean()), float(own["scorer_before"].mean()), float(own["longer"].mean())


def _dots(ax: Axes, rows: pd.DataFrame, column: str, names: list[str], looks: dict[str, style.Look]) -> None:
    each = rows.groupby([column, *REPEATS])["scorer"].mean().reset_index()
    means = summary(each, [column], "scorer").set_index(column)
    for i, name in enumerate(names):
        if name in means.index:
            mean, low, high = means.loc[name, ["mean", "low", "high"]].to_numpy(float)
            half = np.nan_to_num([[mean - low], [high - mean]])
            look = looks[name]
            ax.errorbar([mean], [i], xerr=half, color=look.colour, marker=look.marker, markersize=8, capsize=4)
    ax.set_yticks(range(len(names)), [looks[name].label for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
