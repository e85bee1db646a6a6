"""Every claim at a glance: its measured value over its bound, and its verdict."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, require

NAME = "f9_ledger"
TITLE = "The ledger"
CAPTION = (
    "Measured value over bound of each claim (the line marks 1), with its verdict. Claims without a finite ratio "
    "are marked at the left."
)
NEEDS = {"verdicts": ("id", "statement", "tightness", "verdict", "sound")}
VERDICTS = {
    "PASS": (style.GOOD, "o"),
    "FAIL": (style.BAD, "X"),
    "REFUTED": ("#882255", "D"),
    "INCONCLUSIVE": ("#B87400", "s"),
    "VACUOUS": ("#808080", "v"),
}
WIDTH = 62


def draw(tables: Tables) -> Figure:
    """One row a claim, in the order of the table."""
    (rows,) = require(tables, NAME, NEEDS)
    rows = rows.reset_index(drop=True)
    figure = style.blank(15, 2.0 + 0.36 * len(rows))
    ax = figure.subplots()
    ratio = pd.to_numeric(rows["tightness"], errors="coerce").to_numpy(dtype=float)
    finite = np.isfinite(ratio) & (ratio > 0)
    _limits(ax, ratio[finite])
    for i, (_, row) in enumerate(rows.iterrows()):
        _row(ax, i, row, ratio[i], bool(finite[i]))
    ax.axvline(1.0, color="black", linewidth=1.4)
    ax.set_yticks(range(len(rows)), [_name(row) for _, row in rows.iterrows()])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    style.dress(ax, "measured / bound (ratio; the line marks 1)", "claim", "the ledger")
    handles = [style.line(name, colour, "", marker) for name, (colour, marker) in VERDICTS.items()]
    style.legend_foot(figure, handles, len(handles))
    return figure


def _limits(ax: Axes, ratio: np.ndarray) -> None:
    low, high = (min(ratio.min(), 1.0), max(ratio.max(), 1.0)) if ratio.size else (0.1, 10.0)
    room = max((high / low) ** 0.06, 1.5)
    ax.set_xscale("log")
    ax.set_xlim(low / room, high * room)


def _row(ax: Axes, i: int, row: pd.Series, ratio: float, finite: bool) -> None:
    colour, marker = VERDICTS.get(row["verdict"], ("black", "."))
    if finite:
        ax.plot([1.0, ratio], [i, i], color=colour, linewidth=1, alpha=0.5)
        ax.plot(ratio, i, color=colour, marker=marker, markersize=8, linestyle="")
    else:
        text = "ratio 0" if ratio == 0 else "no finite ratio"
        white = dict(facecolor="white", edgecolor="none", pad=1.5)
        style.row_note(ax, 0.005, i, text, color=colour, style="italic", bbox=white)
    style.row_note(ax, 1.01, i, _verdict(row), color=colour, fontweight="bold")


def _verdict(row: pd.Series) -> str:
    return str(row["verdict"]) + ("" if row["sound"] else " (a planted fault was not found)")


def _name(row: pd.Series) -> str:
    text = textwrap.shorten(str(row["statement"]), WIDTH, placeholder=" …")
    return f"{text}   {row['id']}".replace("$", r"\$")
