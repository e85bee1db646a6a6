"""Does the confidence ellipsoid hold the true parameter, and does one with a far too small radius lose it?

The ellipsoid holds the truth where the distance of the estimate, in units of the radius, stays below 1.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import style
from figures.tables import Tables, exact_share, require, some

NAME = "f7_coverage"
TITLE = "Coverage of the confidence ellipsoid"
CAPTION = (
    "Left: distance of the estimate from the truth in units of the radius, quantiles over the runs of all gates, "
    "by follower. Right: share of runs that never left the ellipsoid up to round t, with exact binomial intervals: "
    "the cell that covers least under the radius of theory, and the control whose radius is far too small."
)
NEEDS = {
    "coverage": (
        "follower", "context", "gate", "leader", "feedback", "radius_mode", "seed", "replication", "t", "delta",
        "conf_ratio", "conf_ratio_max",
    ),
    "controls": ("follower", "radius_mode", "radius_c", "seed", "replication", "t", "conf_ratio_max"),
}  # fmt: skip
RATIO = "‖θ̂ − θ*‖ in V / radius (ratio)"
LEVELS = (("median", 0.5, "-"), ("95 % quantile", 0.95, "--"), ("largest run", 1.0, ":"))


def draw(tables: Tables) -> Figure:
    """Left: quantiles of the ratio over runs, a panel for each follower; right: share of runs covered."""
    coverage, controls = require(tables, NAME, NEEDS)
    plain = (coverage["radius_mode"] == "theory") & (coverage["leader"] == "greedy") & (coverage["feedback"] == "pair")
    runs = some(coverage[plain], NAME, "coverage", "greedy run on pairs with the radius of theory")
    scaled = some(controls[controls["radius_mode"] == "scaled"], NAME, "controls", "run with a scaled radius")
    followers = [f for f in style.FOLLOWERS if (runs["follower"] == f).any()]
    figure = style.blank(16, 8)
    grid = figure.add_gridspec(2, 5, width_ratios=(1, 1, 1, 0.9, 0.9))
    for i, follower in enumerate(followers):
        ax = figure.add_subplot(grid[i // 3, i % 3])
        _quantiles(ax, runs[runs["follower"] == follower], style.FOLLOWERS[follower])
    ax = figure.add_subplot(grid[:, 3:])
    shares = _shares(ax, runs, scaled)
    names = [style.line(label, style.GUIDE, line) for label, _, line in LEVELS]
    names.append(style.line("1: the truth leaves the ellipsoid", "black", width=1))
    style.legend_foot(figure, names + shares, 2)
    return figure


def _quantiles(ax: Axes, runs: pd.DataFrame, look: style.Look) -> None:
    groups = runs.groupby("t")["conf_ratio"]
    for _, level, line in LEVELS:
        curve = groups.quantile(level)
        ax.plot(curve.index, curve, color=look.colour, linestyle=line, linewidth=1.8)
    ax.axhline(1.0, color="black", linewidth=1)
    ax.set_ylim(0, max(1.1, 1.05 * runs["conf_ratio"].max()))
    ax.set_xscale("log")
    style.dress(ax, style.LABELS["t"], RATIO, look.label)


def _shares(ax: Axes, runs: pd.DataFrame, scaled: pd.DataFrame) -> list[Line2D]:
    cells = _covered(runs, ["follower", "context", "gate"])
    last = cells[cells["t"] == cells["t"].max()].sort_values("share").iloc[0]
    same = (cells["follower"] == last["follower"]) & (cells["context"] == last["context"])
    worst = cells[same & (cells["gate"] == last["gate"])]
    count = cells.groupby(["follower", "context", "gate"]).ngroups
    name = f"radius of theory, worst of {count} cells (follower × gate)"
    handles = [_share_line(ax, worst, name, style.GOOD, "o", "-")]
    shares = _covered(scaled, ["follower"])
    factor = scaled["radius_c"].iloc[0]
    names = sorted(shares["follower"].unique())
    for follower, marker, line in zip(names, "sXD^", ("-", "--", ":", "-."), strict=False):
        label = f"control: radius × {factor:g}, {style.FOLLOWERS[follower].label} follower"
        handles.append(_share_line(ax, shares[shares["follower"] == follower], label, style.BAD, marker, line))
    level = 1 - runs["delta"].iloc[0]
    ax.axhline(level, color="black", linestyle="-.", linewidth=1.3)
    handles.append(style.line(f"promised: 1 − δ = {level:g}", "black", "-."))
    ax.set_xscale("log")
    ax.set_ylim(-0.03, 1.05)
    style.dress(ax, style.LABELS["t"], "runs covered in every round up to t (share)", "coverage, exact 95 % intervals")
    return handles


def _covered(runs: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Share of runs with conf_ratio_max <= 1 in each cell and round.

    Runs of one cell are independent; those of two cells share their draws and must not be pooled
    under a binomial interval.
    """
    hit = runs.assign(hit=runs["conf_ratio_max"] <= 1)
    out = hit.groupby([*by, "t"])["hit"].agg(hits="sum", n="count").reset_index()
    out["share"] = out["hits"] / out["n"]
    out["low"], out["high"] = exact_share(out["hits"].to_numpy(), out["n"].to_numpy())
    return out


def _share_line(ax: Axes, rows: pd.DataFrame, label: str, colour: str, marker: str, line: str) -> Line2D:
    ax.fill_between(rows["t"], rows["low"], rows["high"], color=colour, alpha=0.15, linewidth=0)
    ax.plot(rows["t"], rows["share"], color=colour, marker=marker, linestyle=line, linewidth=1.6, markersize=5)
    return style.line(f"{label}, n = {rows['n'].min()}", colour, line, marker)
