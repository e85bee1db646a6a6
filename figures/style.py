"""The look that all figures share: one colour, marker and line style for each gate, sizes, labels, legends.

Colours come from the palettes of Okabe and Ito and of Tol, which colour-blind readers can tell apart.
LLF gates are saturated, controls grey or brown; markers differ throughout, so colour is never the only cue.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike


class Look(NamedTuple):
    """How one series is drawn in every figure."""

    label: str
    colour: str
    marker: str
    line: str


GATES: dict[str, Look] = {
    "llf_fixed": Look("LLF fixed", "#0072B2", "o", "-"),
    "llf_paced": Look("LLF paced", "#D55E00", "s", "-"),
    "llf_regret": Look("LLF regret", "#009E73", "^", "-"),
    "llf_self_paced": Look("LLF self-paced", "#CC79A7", "D", "-"),
    "llf_quantile": Look("LLF quantile", "#E69F00", "v", "-"),
    "llf_split_prefix": Look("LLF split, prefix", "#56B4E9", "P", "-"),
    "llf_split_random": Look("LLF split, random", "#882255", "X", "-"),
    "llf_oracle": Look("LLF oracle (offline)", "#332288", "h", "--"),
    "always": Look("every label", "#000000", "*", "-"),
    "never": Look("no label", "#000000", "x", ":"),
    "random": Look("random", "#4D4D4D", "<", "--"),
    "prefix": Look("prefix", "#808080", ">", "--"),
    "margin": Look("margin", "#A6A6A6", "p", "--"),
    "periodic": Look("periodic", "#6F6F6F", "d", ":"),
    "dual": Look("dual", "#8C510A", "H", "-."),
    "bbq": Look("BBQ", "#BF9B5F", "8", "-."),
    "width": Look("width", "#543005", "1", "-."),
    "entropy": Look("entropy", "#B8860B", "2", "-."),
    "ratio": Look("gap / width, paced", "#44AA99", "3", "-"),
    "adpo": Look("ADPO", "#6A3D9A", "$A$", "-."),
    "d_optimal": Look("D-optimal", "#1B9E77", "$D$", "-."),
    "llf_regret_scaled": Look("LLF regret, scaled radius", "#117733", "4", ":"),
}
FOLLOWERS: dict[str, Look] = {
    "iid": Look("iid", "#56B4E9", "o", "-"),
    "hard_negative": Look("hard negative", "#009E73", "s", "-"),
    "best_response": Look("best response", "#CC79A7", "^", "-"),
    "ball": Look("ball", "#0072B2", "D", "-"),
    "evader": Look("evader", "#D55E00", "v", "--"),
    "hard_instance": Look("hard instance", "#E69F00", "P", "-"),
    "patient": Look("patient (plans)", "#332288", "X", "-"),
    "bait": Look("bait (spreads labels)", "#882255", "h", "-"),
    "schedule": Look("schedule", "#777777", "p", ":"),
}
SEQUENCE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255")
GOOD, BAD, OPEN, GUIDE, OTHER = "#0072B2", "#D55E00", "#E69F00", "#777777", "#BBBBBB"
CONTEXTS = {
    "isotropic": "isotropic",
    "power_law": "power-law spectrum",
    "zipf": "Zipf clusters",
    "shift": "domain shift",
    "free": "ball follower",
}
LABELS = {
    "t": "round t (rounds)",
    "regret": "regret over all rounds (reward)",
    "labels": "labels bought (labels)",
    "B": "budget B (labels)",
    "psi": "information bought Ψ (nats)",
    "latency": "latency (reward)",
    "gain": "gain log(1 + w²) (nats)",
}
DPI, TITLE, TEXT, SMALL = 150, 13, 11.5, 10


def blank(width: float, height: float) -> Figure:
    """An empty figure (inches) on its own Agg canvas, laid out so that outside legends get their room."""
    engine = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure(figsize=(width, height), dpi=DPI, layout=engine)
    FigureCanvasAgg(figure)
    return figure


def dress(ax: Axes, x: str, y: str, title: str = "") -> None:
    """Axis labels (with units), title, sizes and a light grid."""
    ax.set_xlabel(x, fontsize=TEXT)
    ax.set_ylabel(y, fontsize=TEXT)
    if title:
        ax.set_title(title, fontsize=TITLE)
    ax.tick_params(labelsize=SMALL)
    ax.grid(True, which="major", color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def look_of(name: str, looks: Mapping[str, Look]) -> Look:
    """The look of a name; one that is not listed gets a plain grey line under its own name."""
    return looks.get(name, Look(name, OTHER, ".", ":"))


def ordered(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """The distinct names, those that are known in the order of ``known``, then the others by the alphabet."""
    place = {name: i for i, name in enumerate(known)}
    return sorted(set(names), key=lambda name: (place.get(name, len(place)), name))


def gate_look(gate: str) -> Look:
    """The look of a gate in every figure; with a coin beside it (llf_paced+coin0.5) that of the gate, dotted."""
    name, _, share = gate.partition("+coin")
    look = look_of(name, GATES)
    return look._replace(label=f"{look.label} + coin ({float(share):.0%})", line=":") if share else look


def gate_order(gates: Iterable[str]) -> list[str]:
    """Gates in the order of every legend."""
    return ordered(gates, GATES)


def intervals(ax: Axes, look: Look, x: ArrayLike, curve: pd.DataFrame, **how: Any) -> None:
    """One series of means with intervals (columns mean, low, high); a single run has no interval (NaN)."""
    mean, low, high = (curve[column].to_numpy(float) for column in ("mean", "low", "high"))
    half = np.nan_to_num(np.stack((mean - low, high - mean)))
    ax.errorbar(
        x, mean, yerr=half, color=look.colour, marker=look.marker, linestyle=look.line, markersize=6, **how
    )  # fmt: skip


def bars(ax: Axes, gate: str, x: ArrayLike, mean: ArrayLike, low: ArrayLike, high: ArrayLike) -> None:
    """One gate's line with its intervals."""
    look = gate_look(gate)
    mean, low, high = (np.asarray(a, dtype=float) for a in (mean, low, high))
    size = 13 if look.marker == "*" else 6
    _, caps, stems = ax.errorbar(
        x, mean, yerr=np.stack((mean - low, high - mean)), color=look.colour, marker=look.marker, linestyle=look.line,
        label=look.label, markersize=size, linewidth=1.5, elinewidth=0.9, capsize=2, alpha=0.9,
    )  # fmt: skip
    for part in (*caps, *stems):
        part.set_alpha(0.45)


def gate_handles(gates: Iterable[str]) -> list[Line2D]:
    """Legend entries of gates, in the common order."""
    return [entry(gate_look(gate)) for gate in gate_order(gates)]


def entry(look: Look, note: str = "") -> Line2D:
    """The legend entry of a look, with a note behind its name."""
    return line(look.label + note, look.colour, look.line, look.marker)


def line(label: str, colour: str, style: Any = "-", marker: str = "", width: float = 1.5) -> Line2D:
    """A legend entry."""
    return Line2D([], [], color=colour, linestyle=style, marker=marker, label=label, linewidth=width, markersize=6)


def row_note(ax: Axes, across: float, row: float, text: str, **looks: Any) -> None:
    """Text on a row of the y axis, at a fraction of the panel's width."""
    place = ("axes fraction", "data")
    ax.annotate(text, (across, row), xycoords=place, va="center", fontsize=SMALL, **looks)


def legend_right(figure: Figure, handles: list, title: str = "mean and 95 % interval") -> None:
    """A legend in a column of its own to the right of all panels."""
    figure.legend(
        handles=handles, loc="outside right upper", fontsize=SMALL, title=title, title_fontsize=SMALL, frameon=False
    )


def legend_foot(figure: Figure, handles: list, columns: int, **how: Any) -> None:
    """A legend under all panels."""
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=SMALL, frameon=False, **how)


def legend_curves(figure: Figure, gates: Iterable[str], what: str = "with every label bought") -> None:
    """The legend of ``label_curves``: gates, and what the dotted line is."""
    legend_right(figure, [*gate_handles(gates), line(what, "black", ":")])


def legend_below(ax: Axes, handles: list, columns: int = 1, drop: float = 0.1) -> None:
    """A legend under the x label of one panel, its top ``drop`` panel heights below the axis."""
    ax.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -drop), ncols=columns, fontsize=SMALL, frameon=False
    )


def legend_beside(ax: Axes, handles: list) -> None:
    """A legend to the right of one panel."""
    ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=SMALL, frameon=False)


def log_limits(ax: Axes, values: ArrayLike, pad: float = 1.5) -> None:
    """Log y axis around the positive values: an interval that reaches zero is cut at the frame."""
    values = np.asarray(values, dtype=float)
    kept = values[np.isfinite(values) & (values > 0)]
    ax.set_yscale("log")
    if kept.size:
        ax.set_ylim(kept.min() / pad, kept.max() * pad)
        _plain_ticks(ax, kept.max() / kept.min() * pad**2)


def _plain_ticks(ax: Axes, span: float) -> None:
    # Powers of ten alone leave a short axis with one number or none.
    if span < 300:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if span > 8 else (1, 1.5, 2, 3, 4, 5, 7)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())


def labels_axis(ax: Axes) -> None:
    """Log x axis for label counts on which no label at all still has a place."""
    ax.set_xscale("symlog", linthresh=1, linscale=0.5)
    ax.set_xlim(left=-0.2)


def label_curves(ax: Axes, means: pd.DataFrame) -> None:
    """One line a gate through its budgets against labels bought; a dotted line where every label is.

    Columns gate, B, labels, mean, low, high.
    """
    for gate in gate_order(means["gate"]):
        rows = means[means["gate"] == gate].sort_values("B")
        bars(ax, gate, rows["labels"], rows["mean"], rows["low"], rows["high"])
        if gate == "always":
            ax.axhline(rows["mean"].iloc[-1], color="black", linestyle=":", linewidth=1.2)
    labels_axis(ax)
