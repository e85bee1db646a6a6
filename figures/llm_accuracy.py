"""Texts, frozen language model: held-out accuracy of a logistic head against labels bought."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from figures import style
from figures.tables import Tables, require, some, summary

NAME = "f22_llm_accuracy"
TITLE = "Real text: accuracy against labels bought"
CAPTION = (
    "Reference measurement (python -m llm, frozen model): held-out accuracy of a logistic head on the labels that "
    "each gate bought, iid streams, a panel a data set. Cells with fewer than 150 labels are left out: LLF paced "
    "hardly opens at these budgets in 384 dimensions."
)
NEEDS = {
    "llm_runs": (
        "data", "mode", "stream", "gate", "B", "T", "seed", "replication", "labels", "head_accuracy_logistic",
        "mistakes",
    ),
}  # fmt: skip
FEWEST = 150  # mean labels below which a cell would only stretch the axes


def frozen(tables: Tables, family: str) -> pd.DataFrame:
    """Frozen runs of each data set's longest horizon, the gate that buys everything under the simulator's name."""
    (runs,) = require(tables, family, NEEDS)
    rows = runs[runs["mode"] == "frozen"]
    rows = rows[rows["T"] == rows.groupby("data")["T"].transform("max")]
    return some(rows.assign(gate=rows["gate"].replace("all", "always")), family, "llm_runs", "frozen run")


def curves(own: pd.DataFrame, column: str) -> pd.DataFrame:
    """Mean of a column and of labels by gate and budget, without the cells that bought almost nothing."""
    means = summary(own, ["gate", "B"], column).assign(labels=summary(own, ["gate", "B"], "labels")["mean"])
    return means[means["labels"] >= min(FEWEST, means["labels"].max())]


def label_axis(ax: Axes, labels: pd.Series) -> None:
    """Log axis of label counts with plain numbers."""
    low, high = max(float(labels.min()), 1.0), float(labels.max())
    ax.set_xscale("log")
    ax.set_xlim(low / 1.3, high * 1.3)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 200 else (1,)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def draw(tables: Tables) -> Figure:
    """A panel a data set (iid stream), one line a gate through its budgets; dotted: every label."""
    rows = frozen(tables, NAME)
    rows = some(rows[rows["stream"] == "iid"], NAME, "llm_runs", "iid run")
    sets = sorted(rows["data"].unique())
    figure = style.blank(5.2 * len(sets) + 3, 6.2)
    for ax, data in zip(figure.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
        own = rows[rows["data"] == data]
        means = curves(own, "head_accuracy_logistic")
        style.label_curves(ax, means)
        label_axis(ax, means["labels"])
        style.dress(ax, "mean labels bought (labels)", "held-out accuracy (share)", data)
    style.legend_curves(figure, rows["gate"])
    return figure
