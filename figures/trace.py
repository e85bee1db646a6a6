"""One run round by round: a gate with a fixed threshold beside one that paces its budget."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from figures import style
from figures.tables import Tables, require, some

NAME = "f5_trace"
TITLE = "Two gates round by round"
CAPTION = (
    "One run of the fixed and the paced gate: the gain of each round and the threshold it is compared with, labels "
    "bought (so far, in blocks of rounds, and the budget), information bought, and latency."
)
NEEDS = {
    "trace": ("gate", "seed", "replication", "t", "T", "B", "gain", "threshold", "labels", "psi", "latency"),
}
COLUMNS = ("llf_fixed", "llf_paced")
BOUGHT, PASSED = style.BAD, "#9A9A9A"
BLOCKS = 40


def draw(tables: Tables) -> Figure:
    """Rows: gain against threshold, purchases, information bought, latency; a column for each gate."""
    (table,) = require(tables, NAME, NEEDS)
    figure = style.blank(15, 13.5)
    axes = figure.subplots(4, 2, sharex="col", sharey="row")
    for column, gate in enumerate(COLUMNS):
        run = some(table[table["gate"] == gate], NAME, "trace", f"round of the gate {gate!r}")
        run = run.sort_values(["seed", "replication", "t"])
        first = run.iloc[0]
        run = run[(run["seed"] == first["seed"]) & (run["replication"] == first["replication"])]
        _column(axes[:, column], run.assign(bought=run["labels"].diff().fillna(run["labels"]) > 0))
        axes[0, column].set_title(style.gate_look(gate).label, fontsize=style.TITLE)
    _legends(axes[:, -1], int(first["T"] / BLOCKS))
    return figure


def _column(axes: np.ndarray, run: pd.DataFrame) -> None:
    gain, purchases, psi, latency = axes
    _points(gain, run, "gain")
    gain.plot(run["t"], run["threshold"], color="black", linewidth=1.8)
    gain.set_yscale("log")
    floor = run["gain"].where(run["gain"] > 0).quantile(0.002)
    gain.set_ylim(bottom=floor / 2)
    _purchases(purchases, run)
    psi.plot(run["t"], run["psi"], color=style.GOOD, linewidth=1.8)
    _points(latency, run, "latency")
    latency.set_yscale("log")
    names = (style.LABELS["gain"], "labels bought (labels)", style.LABELS["psi"], style.LABELS["latency"])
    for ax, name in zip(axes, names, strict=True):
        style.dress(ax, style.LABELS["t"], name)
        ax.tick_params(labelbottom=True, labelleft=True)


def _points(ax: Axes, run: pd.DataFrame, column: str) -> None:
    for bought, colour, size in ((False, PASSED, 3), (True, BOUGHT, 7)):
        rows = run[(run["bought"] == bought) & (run[column] > 0)]
        ax.scatter(rows["t"], rows[column], s=size, color=colour, linewidths=0, rasterized=True)


def _purchases(ax: Axes, run: pd.DataFrame) -> None:
    edges = np.linspace(0, run["T"].iloc[0], BLOCKS + 1)
    counts, _ = np.histogram(run["t"][run["bought"]], edges)
    ax.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color="#F2B58A", edgecolor="white", linewidth=0.4)
    ax.plot(run["t"], run["labels"], color=style.GOOD, linewidth=1.8)
    ax.axhline(run["B"].iloc[0], color="black", linestyle="--", linewidth=1.4)


def _legends(axes: np.ndarray, block: int) -> None:
    dots = [style.line("bought", BOUGHT, "", "o"), style.line("not bought", PASSED, "", "o")]
    style.legend_beside(axes[0], [*dots, style.line("threshold", "black")])
    style.legend_beside(
        axes[1],
        [
            style.line("so far", style.GOOD),
            Patch(color="#F2B58A", label=f"in {block} rounds"),
            style.line("budget B", "black", "--"),
        ],
    )
    style.legend_beside(axes[2], [style.line("Ψ so far", style.GOOD)])
    style.legend_beside(axes[3], dots)
