"""How fast regret grows: fitted exponents with their intervals, beside the claimed values and bands."""

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from figures import style
from figures.tables import Tables, require, some

NAME = "f2_exponents"
TITLE = "Measured exponents against the claimed ones"
CAPTION = "Slopes of log-log fits of the regret with their intervals, beside the claimed value (black bar) and band."
NEEDS = {
    "exponents": (
        "quantity", "label", "estimate", "low", "high", "claimed", "claimed_low", "claimed_high", "relation", "claim",
    ),
}  # fmt: skip
TITLES = {
    "T": "regret against the rounds T",
    "d": "regret against the dimension d",
    "beta": "regret against the budget ratio β",
}
LOOKS = {
    "inside": ("interval agrees with the claim", style.GOOD, "o"),
    "straddles": ("interval straddles the claim's edge", style.OPEN, "D"),
    "outside": ("interval contradicts the claim", style.BAD, "X"),
}


def draw(tables: Tables) -> Figure:
    """A forest plot, one panel a quantity."""
    (fits,) = require(tables, NAME, NEEDS)
    quantities = [q for q in TITLES if (fits["quantity"] == q).any()]
    some(fits[fits["quantity"].isin(quantities)], NAME, "exponents", "exponent of T, d or beta")
    counts = [int((fits["quantity"] == q).sum()) for q in quantities]
    figure = style.blank(11, 2.2 + 1.1 * len(counts) + 0.34 * sum(counts))
    axes = figure.subplots(len(counts), 1, squeeze=False, height_ratios=[n + 1.5 for n in counts])[:, 0]
    for ax, quantity in zip(axes, quantities, strict=True):
        _panel(ax, fits[fits["quantity"] == quantity].reset_index(drop=True), TITLES[quantity])
    handles: list[Artist] = [style.line(label, colour, "-", marker) for label, colour, marker in LOOKS.values()]
    handles += [
        Patch(color="#CFE3F1", label="claimed band (open to the left: at most)"),
        style.line("claimed value", "black"),
    ]
    style.legend_foot(figure, handles, 2)
    return figure


def state(row: pd.Series) -> str:
    """inside, straddles or outside: where the interval lies against the claimed band."""
    floor = -np.inf if row["relation"] == "at most" else row["claimed_low"]
    if floor <= row["low"] and row["high"] <= row["claimed_high"]:
        return "inside"
    return "outside" if row["low"] > row["claimed_high"] or row["high"] < floor else "straddles"


def _panel(ax: Axes, rows: pd.DataFrame, title: str) -> None:
    ends = rows[["estimate", "low", "high", "claimed", "claimed_low", "claimed_high"]].to_numpy(dtype=float)
    finite = ends[np.isfinite(ends)]
    left, right = finite.min(), finite.max()
    pad = 0.12 * max(right - left, 0.1)
    ax.set_xlim(left - pad, right + pad)
    for i, (_, row) in enumerate(rows.iterrows()):
        start = left - pad if row["relation"] == "at most" else row["claimed_low"]
        ax.barh(i, row["claimed_high"] - start, left=start, height=0.8, color="#CFE3F1")
        ax.plot([row["claimed"]] * 2, [i - 0.4, i + 0.4], color="black", linewidth=1.6)
        _, colour, marker = LOOKS[state(row)]
        ax.plot(np.clip([row["low"], row["high"]], left - pad, right + pad), [i, i], color=colour, linewidth=2)
        ax.plot(row["estimate"], i, color=colour, marker=marker, markersize=8)
        note = f"{row['claim']}:  {row['estimate']:.2f}  [{row['low']:.2f}, {row['high']:.2f}]"
        style.row_note(ax, 1.01, i, note)
    ax.set_yticks(range(len(rows)), [str(label) for label in rows["label"]])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    style.dress(ax, "exponent of the regret (no unit)", "runs", title)
    ax.grid(False, axis="y")
