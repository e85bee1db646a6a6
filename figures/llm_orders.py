"""Texts: does the simulator rank the gates as the fine-tuned model does, and what does fine-tuning cost?"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, require

NAME = "f24_llm_orders"
TITLE = "Real text: the simulator's order and the fine-tuned model's"
CAPTION = (
    "Reference measurement (python -m llm): mistakes on the same stream when features are recorded (simulator) and "
    "when the model is fine-tuned on the bought labels; right, the wall time of a fine-tuning run."
)
PARTS = {"scoring": "#0072B2", "train": "#D55E00", "evaluate": "#999999", "features": "#56B4E9", "gate": "#000000"}
NEEDS = {
    "llm_runs": ("data", "mode", "stream", "gate", "B", "T", "seed", "replication", "mistakes"),
    "llm_times": ("mode", "gate", "seconds_total", *(f"seconds_{part}" for part in PARTS)),
}


def draw(tables: Tables) -> Figure:
    """Left: mistakes in both modes on the same stream. Right: where the time of a fine-tuning run goes."""
    runs, times = require(tables, NAME, NEEDS)
    figure = style.blank(14, 5.8)
    left, right = figure.subplots(1, 2)
    _orders(left, runs)
    _times(right, times[times["mode"] == "finetune"])
    return figure


def _orders(ax: Axes, runs: pd.DataFrame) -> None:
    cell = ["data", "stream", "B", "T", "gate", "seed", "replication"]
    both = runs.pivot_table(index=cell, columns="mode", values="mistakes").reset_index()
    if {"frozen", "finetune"} <= set(both):
        both = both.dropna(subset=["frozen", "finetune"])
        for gate in style.gate_order(both["gate"]):
            own, look = both[both["gate"] == gate], style.gate_look(gate)
            ax.scatter(own["frozen"], own["finetune"], color=look.colour, marker=look.marker, s=55, label=look.label)
        ends = np.array([both[["frozen", "finetune"]].min().min(), both[["frozen", "finetune"]].max().max()])
        ax.plot(ends, ends, color=style.GUIDE, linestyle=":", label="equal")
        ax.legend(fontsize=style.SMALL, frameon=False)
    style.dress(
        ax,
        "simulator on recorded features (mistakes)",
        "fine-tuned model (mistakes)",
        "one point a gate and replication",
    )


def _times(ax: Axes, times: pd.DataFrame) -> None:
    means = times.groupby("gate")[[f"seconds_{part}" for part in PARTS]].mean()
    left = np.zeros(len(means))
    for part, colour in PARTS.items():
        width = means[f"seconds_{part}"].to_numpy(float)
        ax.barh(np.arange(len(means)), width, left=left, color=colour, label=part)
        left += width
    ax.set_yticks(np.arange(len(means)), [style.gate_look(str(g)).label for g in means.index])
    ax.legend(fontsize=style.SMALL, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=len(PARTS))
    style.dress(ax, "mean wall time of a run (s)", "gate", "where the time of fine-tuning goes")
