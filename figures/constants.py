"""The constant c of the stated regret bound, as small as the runs allow, against the budget ratio β."""

from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, require, some

NAME = "f11_constants"
TITLE = "The constant that the stated form needs"
CAPTION = (
    "With C fitted where every label is bought, the smallest c for each budget ratio on the hard instance, beside "
    "the derived c(β) and the smallest c that theorem 4 allows any algorithm. All grow like 1/β: none is β-free."
)
NEEDS = {"constants": ("beta", "C", "c_measured", "c_beta", "c_floor")}
LINES = {
    "c_beta": ("derived c(β), theorem 3", "black", "--", ""),
    "c_measured": ("smallest c that covers every run", "#0072B2", "-", "o"),
    "c_floor": ("smallest c that the floor allows (theorem 4)", "#D55E00", "-", "s"),
}


def draw(tables: Tables) -> Figure:
    """c against β on a log-log grid; a β-free c would be a horizontal line above all of them."""
    (rows,) = require(tables, NAME, NEEDS)
    inner = some(rows[rows["beta"] < 1.0], NAME, "constants", "β below 1").sort_values("beta")
    figure = style.blank(8.5, 6.2)
    ax = figure.subplots()
    for column, (label, colour, dash, marker) in LINES.items():
        shown = inner[inner[column] > 0.0]
        ax.plot(shown["beta"], shown[column], color=colour, linestyle=dash, marker=marker, label=label)
    guide = inner["c_measured"].max() * inner["beta"].min() / inner["beta"]
    ax.plot(inner["beta"], guide, color="#777777", linestyle=":", linewidth=2, label="slope −1")
    ax.set_xscale("log")
    ax.set_yscale("log")
    title = f"R ≤ C √(d B log(1 + B/d)) + c √B, C = {inner['C'].iloc[0]:.2f} from β = 1"
    style.dress(ax, "budget ratio β (labels per round)", "constant c (reward)", title)
    figure.legend(loc="outside lower center", ncols=2, fontsize=style.SMALL, frameon=False)
    return figure
