"""How near each bound is met, by typical runs and by the worst instances that a search found."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures import style
from figures.tables import Tables, require

NAME = "f18_tightness"
TITLE = "How tight the bounds are"
CAPTION = (
    "Measured over bound of every deterministic claim, on the event E. Lines: median, 95 % and largest over runs "
    "(each run's largest ratio; for B3a, rounds with a wrong pick), with every bound (grey) and with those below "
    "the trivial one (blue). Crosses, diamonds, pluses: the worst instances found by search, replayed; for L1 and "
    "L2, Pigou's links; for S4a and S4b every sample is a search. Right of the line a bound is broken."
)
NEEDS = {"tightness": ("claim", "source", "quantile", "ratio", "n", "unit", "useful")}
RUNS = {
    "runs": ("#9A9A9A", 0.16, "runs, every row"),
    "runs, bound not trivial": (style.GOOD, -0.16, "runs, bound below the trivial one"),
}
QUANTILES = {0.5: ("o", "median"), 0.95: ("s", "95 %"), 1.0: (">", "largest")}
FOUND = {
    "worst found": ("#5F5F5F", 0.16, "X", "worst found, every row"),
    "worst found, bound not trivial": (style.BAD, -0.16, "D", "worst found, bound below the trivial one"),
    "worst found, bound not trivial, noisy": ("#E69F00", 0.0, "P", "the same, noise at least S L"),
}
BROKEN = 1.0 + 1e-9


def draw(tables: Tables) -> Figure:
    """One row a claim on a log axis; the line marks 1, right of which a bound is broken."""
    (rows,) = require(tables, NAME, NEEDS)
    claims = list(dict.fromkeys(rows["claim"]))
    figure = style.blank(14, 3.2 + 0.72 * len(claims))
    ax = figure.subplots()
    positive = rows.loc[np.isfinite(rows["ratio"]) & (rows["ratio"] > 0.0), "ratio"]
    low, high = (min(positive.min(), 0.5), max(positive.max(), 1.0)) if len(positive) else (0.1, 1.0)
    ax.set_xscale("log")
    ax.set_xlim(low / 1.5, high * 1.5)
    for i, claim in enumerate(claims):
        _row(ax, i, rows[rows["claim"] == claim], low / 1.4)
    ax.axvline(1.0, color="black", linewidth=1.4)
    ax.axvspan(1.0, high * 1.5, color=style.BAD, alpha=0.08)
    ax.set_yticks(range(len(claims)), claims)
    ax.set_ylim(len(claims) - 0.4, -0.6)
    style.dress(
        ax, "measured / bound (ratio; right of the line the bound is broken)", "claim", "how tight the bounds are"
    )
    _legend(figure)
    return figure


def _row(ax: Axes, i: int, rows: pd.DataFrame, edge: float) -> None:
    for source, (colour, shift, _) in RUNS.items():
        spread = rows[rows["source"] == source].sort_values("quantile")
        ax.plot(spread["ratio"].clip(lower=edge), np.full(len(spread), i + shift), color=colour, linewidth=1.6)
        for _, row in spread.iterrows():
            marker = QUANTILES.get(row["quantile"], (".", ""))[0]
            ax.plot(max(row["ratio"], edge), i + shift, color=colour, marker=marker, markersize=7, linestyle="")
    for source, (colour, shift, marker, _) in FOUND.items():
        for ratio in rows.loc[rows["source"] == source, "ratio"]:
            edgecolour = "black" if ratio > BROKEN else "white"
            ax.plot(
                max(ratio, edge), i + shift, color=colour, marker=marker, markersize=10, linestyle="", mec=edgecolour
            )
    style.row_note(ax, 1.01, i, _note(rows))


def _note(rows: pd.DataFrame) -> str:
    """How many samples, and the largest ratios in figures: near 1 the axis shows no difference."""
    found = rows["source"].isin(FOUND)
    top = [
        f"{what} {part['ratio'].max():.4f}"
        for what, part in (("largest", rows[~found]), ("found", rows[found]))
        if len(part)
    ]
    lines = [("BROKEN: " if rows["ratio"].max() > BROKEN else "") + ", ".join(top)]
    for _, first in rows[rows["source"] == "runs"].head(1).iterrows():
        lines.append(f"{int(first['n']):,} {first['unit']}; bound below trivial in {first['useful']:.0%}")
    return "\n".join(lines)


def _legend(figure: Figure) -> None:
    handles = [style.line(label, colour) for colour, _, label in RUNS.values()]
    handles += [style.line(label, "black", "", marker) for marker, label in QUANTILES.values()]
    handles += [style.line(label, colour, "", marker) for colour, _, marker, label in FOUND.values()]
    style.legend_foot(figure, handles, 3)
