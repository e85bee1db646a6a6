"""Regret against the rounds played when every label is bought, with theorem 1's bound and fitted exponents."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures import style
from figures.tables import Tables, require, some, summary

NAME = "f1_regret_T"
TITLE = "Regret against the rounds played, every label bought"
CAPTION = (
    "Mean regret over all rounds with 95 % t-intervals (shaded). Left: the ball follower, one line for each "
    "dimension d, with theorem 1's bound (dashed), the trivial bound and a guide of slope 1/2; the legend gives "
    "the fitted exponents. Right: every follower at one dimension."
)
NEEDS = {
    "horizon": ("follower", "gate", "d", "seed", "replication", "t", "regret"),
    "overlay_horizon": ("d", "t", "theorem1", "trivial"),
    "exponents": ("quantity", "label", "estimate", "low", "high"),
}


def draw(tables: Tables) -> Figure:
    """Left: ball follower, one line a dimension; right: every follower at the common dimension."""
    horizon, overlay, exponents = require(tables, NAME, NEEDS)
    horizon = some(horizon[horizon["gate"] == "always"], NAME, "horizon", "run of the gate 'always'")
    ball = some(horizon[horizon["follower"] == "ball"], NAME, "horizon", "run of the follower 'ball'")
    fits = exponents[exponents["quantity"] == "T"].set_index("label")
    figure = style.blank(13.5, 8.2)
    left, right = figure.subplots(1, 2)
    _ball(left, ball, overlay, fits)
    _followers(right, horizon, fits)
    return figure


def _ball(ax: Axes, ball: pd.DataFrame, overlay: pd.DataFrame, fits: pd.DataFrame) -> None:
    handles, shown = [], []
    for d, colour in zip(sorted(ball["d"].unique()), style.SEQUENCE, strict=False):
        curve = summary(ball[ball["d"] == d], ["t"], "regret")
        _band(ax, curve, colour, 1.8)
        bound = overlay[overlay["d"] == d].sort_values("t")
        ax.plot(bound["t"], bound["theorem1"], color=colour, linestyle="--", linewidth=1.4)
        shown += [curve["mean"], bound["theorem1"]]
        handles.append(style.line(f"d = {d}{_fitted(fits, f'ball, d={d}')}", colour))
    trivial = overlay.drop_duplicates("t").sort_values("t")
    ax.plot(trivial["t"], trivial["trivial"], color="black", linestyle="-.", linewidth=1.0)
    lowest = summary(ball[ball["d"] == ball["d"].min()], ["t"], "regret")
    guide = _guide(ax, lowest, 0.5)
    handles += [
        style.line("theorem 1's bound (colour of its d)", style.GUIDE, "--"),
        style.line("trivial bound S L t", "black", "-.", width=1.0),
        guide,
    ]
    style.log_limits(ax, np.concatenate(shown))
    _finish(ax, "ball follower", handles)


def _followers(ax: Axes, horizon: pd.DataFrame, fits: pd.DataFrame) -> None:
    others = horizon[horizon["follower"] != "ball"]
    d = others["d"].min() if len(others) else horizon["d"].min()
    same = horizon[horizon["d"] == d]
    handles, shown = [], []
    for follower, look in style.FOLLOWERS.items():
        runs = same[same["follower"] == follower]
        if runs.empty:
            continue
        curve = summary(runs, ["t"], "regret")
        _band(ax, curve, look.colour, 1.1, look.line)
        shown.append(curve)
        handles.append(style.line(look.label + _fitted(fits, f"{follower}, d={d}"), look.colour, look.line, width=1.1))
    if shown:
        top = max(shown, key=lambda curve: curve["mean"].iloc[-1])
        handles.append(_guide(ax, top, 1.8))
        style.log_limits(ax, np.concatenate([curve["mean"] for curve in shown]), 2.5)
    _finish(ax, f"all followers, d = {d}", handles)


def _band(ax: Axes, curve: pd.DataFrame, colour: str, width: float, line: str = "-") -> None:
    low = np.maximum(curve["low"], 1e-12)
    ax.fill_between(curve["t"], low, curve["high"], color=colour, alpha=0.18, linewidth=0)
    ax.plot(curve["t"], curve["mean"], color=colour, linewidth=width, linestyle=line)


def _guide(ax: Axes, curve: pd.DataFrame, factor: float) -> Line2D:
    last = curve.iloc[-1]
    t = curve["t"][curve["t"] >= last["t"] / 64]
    ax.plot(t, factor * last["mean"] * np.sqrt(t / last["t"]), color=style.GUIDE, linestyle=":", linewidth=2.2)
    return style.line("slope 1/2", style.GUIDE, ":", width=2.2)


def _fitted(fits: pd.DataFrame, label: str) -> str:
    if label not in fits.index:
        return ""
    fit = fits.loc[[label]].iloc[0]
    return f":  exponent {fit['estimate']:.2f}  [{fit['low']:.2f}, {fit['high']:.2f}]"


def _finish(ax: Axes, title: str, handles: list) -> None:
    ax.set_xscale("log")
    style.dress(ax, style.LABELS["t"], style.LABELS["regret"], title)
    style.legend_below(ax, handles)
