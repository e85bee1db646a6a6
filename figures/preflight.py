"""Pictures of a preflight: estimates with their intervals, one to a row, narrow enough for a telephone."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from figures import style

WIDTH, ROW = 5.4, 0.27  # inches
MOST = 12.0  # longest interval drawn, in units of the spread of the estimates: beyond it only says "open"


def draw(frame: pd.DataFrame, x: str, guides: tuple[float, ...] = (), mark: str = "plugin") -> Figure:
    """A dot and an interval for each row of (label, estimate, low, high), in the frame's order from the top.

    ``guides`` are vertical lines; the row called ``mark`` stands out.  Intervals that are not finite are cut at the
    frame.  Raises ValueError for an empty frame.
    """
    if frame.empty:
        raise ValueError("nothing to draw: the frame has no row (label, estimate, low, high)")
    figure = style.blank(WIDTH, 1.0 + ROW * len(frame))
    ax = figure.add_subplot()
    estimates = frame["estimate"].to_numpy(float)
    known = np.concatenate([estimates[np.isfinite(estimates)], np.array(guides, dtype=float)])
    low, high = (known.min(), known.max()) if known.size else (-1.0, 1.0)
    pad = max(high - low, 1e-9)
    ends = frame[["low", "high"]].to_numpy(float)
    ends = np.clip(ends, low - MOST / 4 * pad, high + MOST / 4 * pad)
    for row, (label, value) in enumerate(zip(frame["label"], estimates, strict=True)):
        look = style.gate_look(str(label))
        colour = style.BAD if label == mark else ("#4D4D4D" if look.colour == style.OTHER else look.colour)
        ax.plot(ends[row], [row, row], color=colour, linewidth=2.6 if label == mark else 1.4, alpha=0.8)
        ax.plot(
            [value], [row], color=colour, marker="D" if label == mark else "o", markersize=7 if label == mark else 5
        )
    for guide in guides:
        ax.axvline(guide, color="black", linestyle="--", linewidth=1)
    ax.set_yticks(range(len(frame)), [str(v) for v in frame["label"]])
    ax.set_ylim(len(frame) - 0.5, -0.5)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    style.dress(ax, x, "")
    return figure
