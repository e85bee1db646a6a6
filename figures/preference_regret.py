"""Preference game: largest regret of DPO and SGPO against the mismatch δ, in three regimes of data.

The pairs that count lie within δ (Wasserstein distance) of those learned from, and a search picks the worst ones.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import REPEATS, Tables, require, summary

NAME = "f12_preference_regret"
TITLE = "Preference game: sup-regret against mismatch"
CAPTION = (
    "Largest regret found by search (a lower bound of the supremum), geometric mean over data sets with 95 % "
    "intervals, log-log slopes in the legend. Dotted: theorem R1 for ε = δ, averaged over data sets; the dashed "
    "policy has another ε."
)
NEEDS = {"preference_regret": ("regime", "policy", "delta", "seed", "replication", "regret", "r1_bound")}
POLICIES = {
    "dpo": style.Look("DPO (ε = 0)", style.BAD, "s", "-"),
    "matched": style.Look("SGPO, ε = δ", style.GOOD, "o", "-"),
    "fixed": style.Look("SGPO, ε = 0.1", "#009E73", "^", "--"),
}
REGIMES = {"regular": "regular data", "noisy": "noisy data", "near_separable": "nearly separable data"}
RANGES = (("0.0125 ≤ δ ≤ 0.1", 0.0125, 0.1), ("δ ≥ 0.2", 0.2, np.inf))  # over which the ledger fits exponents


def draw(tables: Tables) -> Figure:
    """One panel a regime, log-log; means are geometric over data sets, bars their 95 % intervals."""
    (table,) = require(tables, NAME, NEEDS)
    regimes = style.ordered(table["regime"], REGIMES)
    figure = style.blank(16.5, 7.6)
    for ax, regime in zip(figure.subplots(1, len(regimes), squeeze=False)[0], regimes, strict=True):
        _panel(ax, table[table["regime"] == regime])
        style.dress(ax, "mismatch δ (units of the features)", "sup-regret found (nats)", REGIMES.get(regime, regime))
    return figure


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    handles, shown = [], []
    for policy, look in POLICIES.items():
        own = rows[(rows["policy"] == policy) & (rows["regret"] > 0)]
        if own.empty:
            continue
        curve = summary(own.assign(height=np.log(own["regret"])), ["delta"], "height")
        curve[["mean", "low", "high"]] = np.exp(curve[["mean", "low", "high"]])
        style.intervals(ax, look, curve["delta"], curve, capsize=2, linewidth=1.6)
        shown.append(curve["mean"])
        handles.append(style.entry(look, _slopes(own)))
    matched = rows[rows["policy"] == "matched"].groupby("delta")["r1_bound"].mean().sort_index()
    ax.plot(matched.index, matched, color="black", linestyle=":", linewidth=1.6)
    ax.axhline(np.log(2.0), color=style.GUIDE, linestyle="-.", linewidth=1.0)
    handles += [
        style.line("theorem R1 for ε = δ: min(2δ‖θ*‖, log 2)", "black", ":"),
        style.line("log 2: the loss of θ = 0", style.GUIDE, "-."),
    ]
    ax.set_xscale("log")
    deltas = sorted(rows["delta"].unique())
    ax.set_xticks(deltas, [f"{d:g}" for d in deltas], rotation=35)
    ax.minorticks_off()
    style.log_limits(ax, np.concatenate([*shown, matched.to_numpy(float), [np.log(2.0)]]), 1.8)
    style.legend_below(ax, handles, drop=0.17)


def _slopes(rows: pd.DataFrame) -> str:
    parts = [
        f"{_slope(part)} for {name}"
        for name, low, high in RANGES
        for part in (rows[rows["delta"].between(low, high)],)
        if part["delta"].nunique() > 1
    ]
    return "\n  slope " + ",\n  slope ".join(parts) if parts else ""


def _slope(rows: pd.DataFrame) -> str:
    """Mean log-log slope over data sets with its 95 % interval, which one data set does not have."""
    each = rows.groupby(list(REPEATS))[["delta", "regret"]].apply(
        lambda part: np.polyfit(np.log(part["delta"]), np.log(part["regret"]), 1)[0]
    )
    found = summary(each.reset_index(name="slope").assign(all=0), ["all"], "slope").iloc[0]
    interval = f" [{found['low']:.2f}, {found['high']:.2f}]" if found["n"] > 1 else ""
    return f"{found['mean']:.2f}{interval}"
