"""Regret against the labels that each gate really bought, a panel for each way of drawing contexts."""

from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, final, require, some, summary

NAME = "f4_efficiency"
TITLE = "Label efficiency"
CAPTION = (
    "Mean regret against the labels really bought, one line a gate through its budgets, a panel for each context. "
    "The star and the dotted line mark the regret with every label bought."
)
NEEDS = {"efficiency": ("context", "gate", "B", "T", "seed", "replication", "t", "regret", "labels")}


def draw(tables: Tables) -> Figure:
    """One line a gate through its budgets; all panels share the range of the regret."""
    (table,) = require(tables, NAME, NEEDS)
    runs = some(final(table), NAME, "efficiency", "final round")
    contexts = style.ordered(runs["context"], style.CONTEXTS)
    columns = min(len(contexts), 2)
    lines = -(-len(contexts) // columns)
    figure = style.blank(15, 6.2 * lines)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    means = summary(runs, ["context", "gate", "B"], "regret")
    means["labels"] = summary(runs, ["context", "gate", "B"], "labels")["mean"]
    for ax, context in zip(axes, contexts, strict=False):
        style.label_curves(ax, means[means["context"] == context])
        style.log_limits(ax, means["mean"], 1.4)
        style.dress(ax, "mean labels bought (labels)", style.LABELS["regret"], style.CONTEXTS.get(context, context))
    for ax in axes[len(contexts) :]:
        ax.remove()
    style.legend_curves(figure, means["gate"], "regret with every label bought")
    return figure
