"""Preference game: seconds that the follower's and leader's problems take, own methods and general solvers."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, require

NAME = "f14_preference_solvers"
TITLE = "Preference game: solver times"
CAPTION = (
    "Reference measurement (benchmarks/preference.py): median seconds against the number of pairs, and the slowest "
    "solver's time over the own method's."
)
NEEDS = {"bench_preference": ("problem", "N", "solver", "seconds", "ratio")}
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
GOAL = 50.0


def draw(tables: Tables) -> Figure:
    """Left: seconds against the number of pairs; right: how many times slower the general solver is."""
    (table,) = require(tables, NAME, NEEDS)
    problems, solvers = sorted(table["problem"].unique()), sorted(table["solver"].unique())
    figure = style.blank(15, 6.6)
    left, right = figure.subplots(1, 2)
    looks = dict(zip(problems, zip(style.SEQUENCE, MARKERS, strict=False), strict=False))
    lines = {solver: LINES[i % len(LINES)] for i, solver in enumerate(solvers)}
    _seconds(left, table, looks, lines)
    _ratios(right, table, looks)
    handles = [style.line(p, colour, "-", marker) for p, (colour, marker) in looks.items()]
    handles += [style.line(solver, "black", line) for solver, line in lines.items()]
    handles.append(style.line(f"{GOAL:g} times", style.GUIDE, ":"))
    style.legend_right(figure, handles, "colour: problem, line: solver")
    return figure


def _seconds(ax: Axes, table: pd.DataFrame, looks: dict, lines: dict) -> None:
    for (problem, solver), rows in table.groupby(["problem", "solver"]):
        curve = rows.groupby("N")["seconds"]
        mean, low, high = curve.median(), curve.min(), curve.max()
        colour, marker = looks.get(problem, ("black", "."))
        bars = [mean - low, high - mean]
        ax.errorbar(
            mean.index, mean, yerr=bars, color=colour, marker=marker, linestyle=lines[solver], markersize=5, capsize=2
        )
    ax.set_xscale("log")
    style.log_limits(ax, table["seconds"], 1.8)
    style.dress(ax, "pairs N (pairs)", "time (s; median, bars from least to most)", "seconds to solve")


def _ratios(ax: Axes, table: pd.DataFrame, looks: dict) -> None:
    own = table[table["ratio"] > 1.0]
    for problem, rows in own.groupby("problem"):
        top = rows.groupby("N")["ratio"].max()
        colour, marker = looks.get(problem, ("black", "."))
        ax.plot(top.index, top, color=colour, marker=marker, markersize=5, linewidth=1.6)
    ax.axhline(GOAL, color=style.GUIDE, linestyle=":", linewidth=1.2)
    ax.set_xscale("log")
    style.log_limits(ax, [*own["ratio"], GOAL], 1.8)
    style.dress(ax, "pairs N (pairs)", "slowest solver / own method (ratio)", "speed-up")
