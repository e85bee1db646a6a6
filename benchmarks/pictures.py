"""The benchmarks' figures, drawn from their tables."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

OURS, OTHERS = "#D55E00", "#6F6F6F"


def points(rows: Sequence[dict], sizes: Sequence[tuple[int, int]]) -> Figure:
    """Microseconds a round (log scale), one panel a size: median and range; the project's own are coloured."""
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, (K, d) in zip(figure.subplots(1, len(sizes), sharey=True), sizes, strict=True):
        mine = [r for r in rows if (int(r["K"]), int(r["d"])) == (K, d) and r["us_per_round"] and r["name"] != "dgemm"]
        names = [r["name"] for r in mine][::-1]
        times = np.array([float(r["us_per_round"]) for r in mine][::-1])
        low = times - np.array([float(r["min"]) for r in mine][::-1])
        high = np.array([float(r["max"]) for r in mine][::-1]) - times
        own = [name.startswith(("engine", "whole game")) for name in names]
        colours = [OURS if o else OTHERS for o in own]
        spread = [np.maximum(low, 0), np.maximum(high, 0)]
        ax.errorbar(times, names, xerr=spread, fmt="none", ecolor="black", elinewidth=1, zorder=1)
        ax.scatter(times, names, color=colours, s=26, zorder=2)
        ax.set(xscale="log", title=f"K = {K}, d = {d}", xlabel="µs a round")
        ax.tick_params(axis="y", labelsize=8)
        ax.grid(axis="x", alpha=0.3)
    return figure


def lines(panels: dict[str, tuple[list[float], list[float], float]], ylabel: str) -> Figure:
    """One log-log panel a variable: name -> (x, y, slope)."""
    figure = Figure(figsize=(2.6 * len(panels), 2.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = np.atleast_1d(np.asarray(figure.subplots(1, len(panels))))
    for ax, (name, (x, y, slope)) in zip(axes, panels.items(), strict=True):
        ax.loglog(x, y, "o-", color=OURS, markersize=4)
        ax.set(xlabel=name, ylabel=ylabel, title=f"exponent {slope:.2f}")
        ax.set_xticks(x, [f"{v:g}" if v < 10**4 else f"$10^{{{np.log10(v):.3g}}}$" for v in x], fontsize=8)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_minor_formatter(NullFormatter())
        ax.set_ylim(10 ** np.floor(np.log10(min(y))), 10 ** np.ceil(np.log10(max(y))))
        ax.grid(alpha=0.3)
    return figure


def ranks(names: Sequence[str], values: Sequence[float], xlabel: str) -> Figure:
    """Horizontal bars in the order given, the first on top."""
    figure = Figure(figsize=(7, 0.6 + 0.32 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.barh(list(names)[::-1], list(values)[::-1], color=OURS)
    ax.set(xlabel=xlabel)
    ax.tick_params(axis="y", labelsize=8)
    ax.grid(axis="x", alpha=0.3)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write an SVG without a date, so that the same table gives the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})
