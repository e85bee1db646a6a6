"""Regret against the dimension for a follower that plans ahead, beside one that does not, under the ceiling."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, final, require, some, summary

NAME = "f17_nonmyopic"
TITLE = "A follower that plans"
CAPTION = (
    "Every label bought: mean regret against the dimension for the myopic ball follower and for the planner whose "
    "parameters a search found (on other seeds), with fitted exponents, and the ceiling sqrt((T + 2D)(λS² + σ²D)) "
    "that holds for every follower; right: the share of it that is reached."
)
NEEDS = {
    "nonmyopic": ("follower", "d", "T", "seed", "replication", "t", "regret", "ceiling"),
    "nonmyopic_fits": ("series", "from", "to", "estimate", "low", "high"),
}
LOOKS = {
    "ball": style.Look("ball (myopic)", "#0072B2", "D", "-"),
    "patient": style.Look("patient (plans)", "#D55E00", "o", "-"),
}
SLOPES = {0.5: ":", 1.0: "-."}


def draw(tables: Tables) -> Figure:
    """Left: mean regret against d with the ceiling and guides; right: its share of the ceiling."""
    table, fits = require(tables, NAME, NEEDS)
    runs = final(table)
    some(runs, NAME, "nonmyopic", "final round")
    figure = style.blank(14.5, 6.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
    T = int(runs["T"].max())
    runs = runs[runs["T"] == T].assign(share=runs["regret"] / runs["ceiling"])
    _regret(left, runs, T)
    _share(right, runs)
    present = [name for name in LOOKS if name in set(runs["follower"])]
    handles = [style.entry(LOOKS[name], f": {_exponents(name, fits)}") for name in present]
    handles.append(style.line(f"ceiling for every follower: {_exponents('ceiling', fits)}", "black", "--"))
    handles += [style.line(f"guide of slope {slope:g}", style.GUIDE, dash) for slope, dash in SLOPES.items()]
    style.legend_foot(figure, handles, 1)
    return figure


def _exponents(series: str, fits: pd.DataFrame) -> str:
    """The fitted exponents of a series, one a range of d."""
    own = fits[fits["series"] == series]
    parts = []
    for _, row in own.iterrows():
        interval = f" [{row['low']:.2f}, {row['high']:.2f}]" if row["high"] > row["low"] else ""
        parts.append(f"{row['estimate']:.2f}{interval} over d = {row['from']}..{row['to']}")
    return "exponent " + ", ".join(parts) if parts else "no fit"


def _series(ax: Axes, runs: pd.DataFrame, value: str) -> pd.DataFrame:
    means = summary(runs, ["follower", "d"], value)
    for name, look in LOOKS.items():
        rows = means[means["follower"] == name]
        style.intervals(ax, look, rows["d"], rows, linewidth=1.6, capsize=3)
    d = np.array(sorted(runs["d"].unique()))
    ax.set_xscale("log", base=2)
    ax.set_xticks(d, [f"{x}" for x in d])
    ax.minorticks_off()
    return means


def _regret(ax: Axes, runs: pd.DataFrame, T: int) -> None:
    means = _series(ax, runs, "regret")
    top = runs.groupby("d")["ceiling"].first()
    d = top.index.to_numpy(dtype=float)
    ax.plot(d, top, color="black", linestyle="--", linewidth=1.5)
    ball = means[means["follower"] == "ball"].set_index("d")["mean"]
    for slope, dash in SLOPES.items():
        ax.plot(d, 0.8 * ball.iloc[0] * (d / d[0]) ** slope, color=style.GUIDE, linestyle=dash, linewidth=1.2)
    style.log_limits(ax, np.concatenate((means["mean"], top, 0.8 * ball.iloc[[0]])), pad=1.25)
    style.dress(ax, "dimension d", f"mean regret at T = {T:,} (reward)", "regret against d, every label bought")


def _share(ax: Axes, runs: pd.DataFrame) -> None:
    _series(ax, runs, "share")
    ax.axhline(1.0, color="black", linestyle="--", linewidth=1.5)
    ax.set_ylim(0, 1.08)
    style.dress(ax, "dimension d", "mean regret / ceiling (ratio)", "how much of the ceiling a follower reaches")
