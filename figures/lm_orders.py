"""Generative language models: how the simulator orders the gates, and how the tuned model does."""

from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import REPEATS, Tables, require, some, summary

NAME = "f28_lm_orders"
TITLE = "Language models: predicted and tuned order of the gates"
CAPTION = (
    "Reference measurement (lm_runs): online mistakes of each gate against the mean of all gates on the same stream, "
    "averaged over budgets, with 95 % intervals. Left in each panel the simulator's prediction on features of the "
    "untuned model, right the model tuned on the bought labels; lines that cross are gates that swap places."
)
METHOD = {"answers": "sft", "preferences": "dpo"}
WORLDS = ("predicted", "tuned")
CELL = ["mode", "data", "model", "B", "T", *REPEATS]
NEEDS = {"lm_runs": (*CELL, "tuned", "method", "gate", "mistakes")}
ENDS = ("all", "always", "never")  # their place is known without a prediction
DODGE = 0.018


def relative(runs: pd.DataFrame) -> pd.DataFrame:
    """Mistakes against the mean gate of the same stream and world [%], a row a world, gate and replication."""
    rows = runs[~runs["gate"].isin(ENDS) & (~runs["tuned"] | (runs["method"] == runs["mode"].map(METHOD)))]
    rows = rows.assign(world=np.where(rows["tuned"], "tuned", "predicted"))
    wide = rows.pivot_table(index=[*CELL, "gate"], columns="world", values="mistakes")
    both = wide.reindex(columns=list(WORLDS)).dropna()
    share = 100.0 * (both / both.groupby(CELL).transform("mean") - 1.0)
    each = share.groupby(["mode", "data", "gate", *REPEATS]).mean()
    return each.melt(value_name="mistakes", ignore_index=False).reset_index()


def draw(tables: Tables) -> Figure:
    """A row of panels for each mode, a panel a data set, a line a gate from its predicted to its tuned place."""
    (runs,) = require(tables, NAME, NEEDS)
    rows = some(relative(runs), NAME, "lm_runs", "stream played by the simulator and by a tuned model")
    modes = [(mode, sorted(own["data"].unique())) for mode, own in rows.groupby("mode")]
    columns = max(len(sets) for _, sets in modes)
    figure = style.blank(max(3.4 * columns, 7.0), 4.5 * len(modes) + 0.9)
    axes = figure.subplots(len(modes), columns, squeeze=False, sharey="row")
    for line, (mode, sets) in zip(axes, modes, strict=True):
        for ax, data in zip(line, sets, strict=False):
            _panel(ax, rows[(rows["mode"] == mode) & (rows["data"] == data)], f"{mode}: {data}")
        for ax in line[len(sets) :]:
            ax.remove()
        for ax in line[1 : len(sets)]:
            ax.set_ylabel(ax.get_ylabel(), alpha=0.0)  # one label is enough to read, and each axis has one
    handles = style.gate_handles(rows["gate"])
    style.legend_foot(figure, handles, 4 if columns < 4 else 6, title="mean and 95 % interval", title_fontsize=10)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, title: str) -> None:
    means = summary(rows, ["world", "gate"], "mistakes")
    gates = style.gate_order(means["gate"])
    for i, gate in enumerate(gates):
        own = means[means["gate"] == gate].set_index("world").loc[list(WORLDS)].reset_index()
        place = np.arange(2.0) + DODGE * (i - (len(gates) - 1) / 2)
        style.bars(ax, gate, place, own["mean"], *own[["low", "high"]].fillna(own["mean"]).to_numpy().T)
    wide = means.pivot_table(index="gate", columns="world", values="mean")
    pairs = list(combinations(range(len(wide)), 2))
    turned = sum(int(np.prod(wide.iloc[g].to_numpy() - wide.iloc[h].to_numpy()) < 0.0) for g, h in pairs)
    ax.axhline(0.0, color=style.GUIDE, linestyle=":", linewidth=1)
    style.dress(ax, "model", "mistakes against the mean gate (%)", f"{title}\n{turned} of {len(pairs)} pairs swap")
    ax.set_xticks(range(2), ["untuned\n(predicted)", "tuned"])
    ax.set_xlim(-0.3, 1.3)
