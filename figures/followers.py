"""Every gate against every follower, and the labels that each gate buys when the follower evades it."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, final, require, some, summary

NAME = "f6_followers"
TITLE = "Every gate against every follower"
CAPTION = (
    "Left: mean regret over that of the follower's best gate. Right: labels bought under the evader, with the "
    "budget dashed."
)
NEEDS = {
    "followers": ("follower", "gate", "beta", "B", "T", "seed", "replication", "t", "regret", "labels"),
}
BETA = 0.1


def draw(tables: Tables) -> Figure:
    """Left: regret over that of the follower's best gate; right: labels bought under the evader."""
    (table,) = require(tables, NAME, NEEDS)
    # B is rounded down, so B/T is only near the budget ratio that was asked for.
    runs = final(table[np.isclose(table["beta"], BETA, rtol=0.02, atol=1e-3)])
    some(runs, NAME, "followers", f"final round at beta = {BETA}")
    regret = summary(runs, ["gate", "follower"], "regret").pivot(index="gate", columns="follower", values="mean")
    gates = style.gate_order(regret.index)
    regret = regret.loc[gates, style.ordered(regret.columns, style.FOLLOWERS)]
    figure = style.blank(7.5 + 1.5 * len(regret.columns), 2.6 + 0.46 * len(gates))
    left, right = figure.subplots(1, 2, width_ratios=(0.3 * len(regret.columns), 1))
    _heat(figure, left, regret)
    _bars(right, runs[runs["follower"] == "evader"], gates)
    return figure


def _heat(figure: Figure, ax: Axes, regret: pd.DataFrame) -> None:
    best = regret.min()
    ratio = (regret / best).to_numpy()
    top = max(float(np.nanmax(ratio)), 1.1)
    norm = LogNorm(1.0, top)
    image = ax.imshow(ratio, aspect="auto", cmap="viridis_r", norm=norm)
    for (i, j), value in np.ndenumerate(ratio):
        if np.isfinite(value):
            colour = "white" if norm(value) > 0.45 else "black"
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=style.SMALL)
    names = [style.look_of(f, style.FOLLOWERS).label for f in regret.columns]
    ax.set_xticks(range(len(names)), [f"{n}\n(best: {b:.3g})" for n, b in zip(names, best, strict=True)])
    ax.set_yticks(range(len(regret)), [style.gate_look(g).label for g in regret.index])
    title = f"regret relative to the best gate, β = {BETA}"
    style.dress(ax, "follower (its best gate's mean regret, reward)", "gate", title)
    ax.grid(False)
    bar = figure.colorbar(image, ax=ax, pad=0.02)
    bar.ax.set_xlabel("ratio", fontsize=style.SMALL)
    ticks = [x for x in (1, 1.5, 2, 3, 5, 10, 20, 50, 100) if x <= top]
    bar.set_ticks(ticks, labels=[f"{x:g}" for x in ticks])
    bar.ax.minorticks_off()
    bar.set_label("regret / best gate's regret (ratio, log scale)", fontsize=style.TEXT)


def _bars(ax: Axes, evader: pd.DataFrame, gates: list[str]) -> None:
    some(evader, NAME, "followers", "run of the follower 'evader'")
    means = summary(evader, ["gate"], "labels").set_index("gate").reindex(gates)
    y = np.arange(len(gates))
    colours = [style.gate_look(g).colour for g in gates]
    error = np.stack((means["mean"] - means["low"], means["high"] - means["mean"]))
    ax.barh(y, means["mean"], color=colours, xerr=error, error_kw=dict(elinewidth=1, capsize=2), height=0.72)
    budget = evader["B"].max()
    ax.axvline(budget, color="black", linestyle="--", linewidth=1.5)
    ax.set_xlim(0, 1.22 * budget)
    for i, mean in enumerate(means["mean"]):
        if np.isfinite(mean):
            style.row_note(ax, 0.99, i, f"{mean:.0f}", ha="right")
    ax.set_yticks(y, [style.gate_look(g).label for g in gates])
    ax.set_ylim(len(gates) - 0.5, -0.5)
    style.dress(ax, style.LABELS["labels"], "gate", f"labels bought under the evader\n(dashed: B = {budget:,.0f})")
    ax.grid(False, axis="y")
