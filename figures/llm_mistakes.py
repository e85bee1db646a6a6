"""Texts, frozen language model: online mistakes against labels bought, by order of the texts and data set."""

from matplotlib.figure import Figure

from figures import llm_accuracy, style
from figures.llm_accuracy import curves, frozen, label_axis
from figures.tables import Tables

NAME = "f23_llm_mistakes"
TITLE = "Real text: online mistakes"
CAPTION = (
    "Reference measurement (python -m llm, frozen model): mistakes over all rounds of the online ridge scorer, a "
    "row a stream and a column a data set. Cells with fewer than 150 labels are left out."
)
NEEDS = llm_accuracy.NEEDS


def draw(tables: Tables) -> Figure:
    """A row a stream, a column a data set; one line a gate through its budgets."""
    rows = frozen(tables, NAME)
    sets, streams = sorted(rows["data"].unique()), [s for s in ("iid", "drift", "zipf") if s in set(rows["stream"])]
    figure = style.blank(5.2 * len(sets) + 3, 4.6 * len(streams))
    grid = figure.subplots(len(streams), len(sets), squeeze=False)
    for i, stream in enumerate(streams):
        for j, data in enumerate(sets):
            ax, own = grid[i, j], rows[(rows["stream"] == stream) & (rows["data"] == data)]
            if own.empty:
                ax.set_axis_off()
                continue
            means = curves(own, "mistakes")
            style.label_curves(ax, means)
            label_axis(ax, means["labels"])
            style.log_limits(ax, means["mean"], 1.2)
            style.dress(ax, "mean labels bought (labels)", "mistakes, all rounds (rounds)", f"{data}, {stream}")
    style.legend_curves(figure, rows["gate"])
    return figure
