"""What a gate that draws lots is worth over a deterministic one, against a follower that evades its threshold."""

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from figures import style
from figures.tables import Tables, require, summary

NAME = "f19_determinism"
TITLE = "The price of determinism"
CAPTION = (
    "One round against the exact evader: best deterministic gate, any mixture (lines), and a threshold with blind "
    "buying below it (dots), which is always optimal. Median and range over designs. Patience: what a label costs "
    "the follower over what it is worth to the leader; a label at the widest vector is worth four rounds of the "
    "largest damage. Bottom right: simulated regret under the evader; random and prefix have their split gate's "
    "labels."
)
NEEDS = {
    "determinism": (
        "seed", "design", "labels", "patience", "beta", "pure", "split", "mixed", "price", "blind", "threshold",
    ),
    "determinism_play": ("seed", "replication", "gate", "beta", "labels", "regret"),
}  # fmt: skip
BETA = "budget ratio β (labels per round)"
TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
SHARE = "in units of the largest damage (ratio)"


def draw(tables: Tables) -> Figure:
    """Values and price of the one-round game, the gate that attains them, and simulated regret."""
    game, played = require(tables, NAME, NEEDS)
    figure = style.blank(15, 12)
    (values, price), (gate, regret) = figure.subplots(2, 2)
    looks = dict(zip(sorted(game["patience"].unique(), reverse=True), style.SEQUENCE, strict=False))
    for patience, colour in looks.items():
        rows = game[game["patience"] == patience]
        _band(values, rows, "pure", colour, "--")
        _band(values, rows, "mixed", colour, "-")
        at = rows.groupby("beta")["split"].median()
        values.plot(at.index, at, color=colour, marker="o", linestyle="", markersize=6)
        _band(price, rows, "price", colour, "-")
        scarce = rows[rows["beta"] < 1.0]  # with a label for every round, very different gates are worth the same
        _band(gate, scarce, "blind", colour, "-")
        _band(gate, scarce, "threshold", colour, ":")
    for ax in (values, price, gate, regret):
        ax.set_xscale("log")
        ax.set_xticks(TICKS, [f"{beta:g}" for beta in TICKS])
        ax.xaxis.set_minor_formatter(NullFormatter())
    style.dress(values, BETA, f"leader's payoff\n{SHARE}", "one round: value of the commitment")
    style.dress(price, BETA, f"mixed minus deterministic\n{SHARE}", "price of determinism")
    style.dress(
        gate, BETA, "probability, or share of the widest vector", "the optimal gate, β < 1: threshold and blind share"
    )
    people = [style.line(f"patience {patience:g}", colour) for patience, colour in looks.items()]
    marks = [style.line("any mixture", "black"), style.line("deterministic", "black", "--")]
    _legend(values, [*people, *marks, style.line("threshold + blind", "black", "", "o")])
    _legend(price, people)
    _legend(gate, [*people, style.line("blind probability", "black"), style.line("threshold (1: never)", "black", ":")])
    _simulated(regret, played)
    return figure


def _band(ax: Axes, rows: pd.DataFrame, column: str, colour: str, dash: str) -> None:
    """Median over designs and seeds, range shaded."""
    groups = rows.groupby("beta")[column]
    middle = groups.median()
    ax.plot(middle.index, middle, color=colour, linestyle=dash, linewidth=1.8)
    ax.fill_between(middle.index, groups.min(), groups.max(), color=colour, alpha=0.12, linewidth=0)


def _simulated(ax: Axes, played: pd.DataFrame) -> None:
    means = summary(played, ["gate", "beta"], "regret")
    labels = summary(played, ["gate", "beta"], "labels")["mean"]
    means = means.assign(labels=labels)
    handles: list[Artist] = []
    for gate in style.gate_order(means["gate"]):
        rows = means[means["gate"] == gate]
        style.bars(ax, gate, rows["beta"], rows["mean"], rows["low"], rows["high"])
        look = style.gate_look(gate)
        spent = f"{rows['labels'].iloc[0]:.0f} to {rows['labels'].iloc[-1]:.0f} labels"
        handles.append(style.line(f"{look.label}, {spent}", look.colour, look.line, look.marker))
    style.log_limits(ax, means["mean"], 1.3)
    style.dress(ax, BETA, style.LABELS["regret"], "simulated, evader: random and prefix at their split's labels")
    _legend(ax, handles, 1)


def _legend(ax: Axes, handles: list, columns: int = 2) -> None:
    style.legend_below(ax, handles, columns + (len(handles) > 4), drop=0.12)
