"""Family 4: regret against the labels that each gate really bought, a panel for each context."""

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
CONTEXTS = {
    "isotropic": "isotropic",
    "power_law": "power-law spectrum",
    "zipf": "Zipf clusters",
    "shift": "domain shift",
}


def draw(tables: Tables) -> Figure:
    """One line a gate through its budgets; all panels share the range of the regret."""
    (table,) = require(tables, NAME, NEEDS)
    runs = some(final(table), NAME, "efficiency", "final round")
    contexts = [c for c in CONTEXTS if (runs["context"] == c).any()]
    contexts += sorted(set(runs["context"]) - set(contexts))
    columns = 2 if len(contexts) > 1 else 1
    figure = style.blank(15, 6.2 * ((len(contexts) + columns - 1) // columns))
    axes = figure.subplots((len(contexts) + columns - 1) // columns, columns, squeeze=False).ravel()
    means = summary(runs, ["context", "gate", "B"], "regret")
    labels = summary(runs, ["context", "gate", "B"], "labels")
    means["labels"] = labels["mean"]
    for ax, context in zip(axes, contexts, strict=False):
        style.label_curves(ax, means[means["context"] == context])
        style.log_limits(ax, means["mean"], 1.4)
        style.dress(ax, "mean labels bought (labels)", style.LABELS["regret"], CONTEXTS.get(context, context))
    for ax in axes[len(contexts) :]:
        ax.remove()
    handles = [*style.gate_handles(means["gate"]), style.line("regret with every label bought", "black", ":")]
    style.legend_right(figure, handles, "mean and 95 % interval")
    return figure
