"""Where largest-latency-first comes from: total latency over the optimum, against the leader's share of the flow."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, require, some

NAME = "f10_routing"
TITLE = "Where largest-latency-first comes from"
CAPTION = (
    "Parallel links, a leader who routes a share β of the flow, largest latency first: total latency over the "
    "optimum, over random and tight instances, with the two guarantees. The tight examples lie on them."
)
NEEDS = {"routing": ("kind", "beta", "ratio", "bound")}
KINDS = {"linear": "linear latencies: 4/(3 + β)", "polynomial": "any latencies: 1/β"}


def draw(tables: Tables) -> Figure:
    """One panel a kind of latency: median, 95 % quantile and largest ratio, with the guarantee."""
    (rows,) = require(tables, NAME, NEEDS)
    some(rows, NAME, "routing", "instance")
    figure = style.blank(12.5, 5.6)
    axes = figure.subplots(1, 2)
    for ax, (kind, title) in zip(axes, KINDS.items(), strict=True):
        _panel(ax, rows[rows["kind"] == kind])
        style.dress(ax, "leader's share β of the flow (share)", "total latency / optimum (ratio)", title)
        ax.set_xscale("log")
    axes[1].set_yscale("log")
    handles = [
        style.line("guarantee", "black", "--", width=1.8),
        style.line("largest, tight examples included", "#D55E00", "-", "X"),
        style.line("95 % quantile", "#0072B2", "-", "o"),
        style.line("median", "#56B4E9", "-", "s"),
    ]
    style.legend_foot(figure, handles, 4)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    groups = rows.groupby("beta")
    beta = np.array(sorted(rows["beta"].unique()))
    ax.plot(beta, groups["bound"].first(), color="black", linestyle="--", linewidth=1.8)
    ax.plot(beta, groups["ratio"].max(), color="#D55E00", marker="X")
    ax.plot(beta, groups["ratio"].quantile(0.95), color="#0072B2", marker="o")
    ax.plot(beta, groups["ratio"].median(), color="#56B4E9", marker="s")
