"""How much of the information that the best choice of B labels holds each gate bought."""

from itertools import product

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, require, summary

NAME = "f20_information"
TITLE = "Share of the optimal information"
CAPTION = (
    "Information bought over that of the best B labels in hindsight (D-optimal, certified) on the vectors that the "
    "run itself met; ticks: over the best labels as many as it bought. Dashed: random; dotted: prefix."
)
NEEDS = {"information": ("context", "gate", "beta", "seed", "replication", "labels", "share", "share_labels")}
CONTROLS = {"random": "--", "prefix": ":"}


def draw(tables: Tables) -> Figure:
    """A dot plot of gates, a column a context and a row a budget ratio."""
    (runs,) = require(tables, NAME, NEEDS)
    contexts = style.ordered(runs["context"], style.CONTEXTS)
    betas = sorted(runs["beta"].unique())
    gates = style.gate_order(runs["gate"])
    figure = style.blank(3.6 + 3.2 * len(contexts), 1.6 + (1.0 + 0.33 * len(gates)) * len(betas))
    axes = figure.subplots(len(betas), len(contexts), squeeze=False, sharex=True, sharey=True)
    for (i, beta), (j, context) in product(enumerate(betas), enumerate(contexts)):
        ax = axes[i, j]
        _panel(ax, runs[(runs["beta"] == beta) & (runs["context"] == context)], gates)
        title = f"{style.CONTEXTS.get(context, context)}, β = {beta:g}"
        style.dress(ax, "share of the optimal information", "gate", title)
        ax.tick_params(labelbottom=True)
    axes[0, 0].set_xlim(-0.03, 1.03)
    axes[0, 0].set_yticks(range(len(gates)), [style.gate_look(g).label for g in gates])
    axes[0, 0].set_ylim(len(gates) - 0.4, -0.6)
    handles = [
        style.line("of the best B labels, mean and 95 % interval", "black", "-", "o"),
        style.line("of the best labels as many as it bought", "black", "", "|"),
        style.line("random", style.gate_look("random").colour, "--"),
        style.line("prefix", style.gate_look("prefix").colour, ":"),
    ]
    style.legend_foot(figure, handles, 4)
    return figure


def _panel(ax: Axes, runs: pd.DataFrame, gates: list[str]) -> None:
    place = {gate: i for i, gate in enumerate(gates)}
    means = summary(runs, ["gate"], "share")
    same = runs.groupby("gate")["share_labels"].mean()
    for gate, dash in CONTROLS.items():
        for level in means.loc[means["gate"] == gate, "mean"]:
            ax.axvline(level, color=style.gate_look(gate).colour, linestyle=dash, linewidth=1.2)
    for _, row in means.iterrows():
        look, y = style.gate_look(row["gate"]), place[row["gate"]]
        ax.plot([row["low"], row["high"]], [y, y], color=look.colour, linewidth=1.6)
        ax.plot(row["mean"], y, color=look.colour, marker=look.marker, markersize=7, linestyle="")
        ax.plot(same[row["gate"]], y, color=look.colour, marker="|", markersize=13, markeredgewidth=2, linestyle="")
