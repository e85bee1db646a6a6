"""Checks and summaries of the tables that figures read; nothing here draws."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

Tables = Mapping[str, pd.DataFrame]
Needs = Mapping[str, tuple[str, ...]]
REPEATS = ("seed", "replication")


def require(tables: Tables, family: str, needs: Needs) -> list[pd.DataFrame]:
    """The tables of a family in the order of its needs.

    Raises ValueError, naming table and family, where a table is missing or empty or lacks a column.
    """
    found = []
    for name, columns in needs.items():
        if tables.get(name) is None:
            raise ValueError(f"figure family {family} needs the table {name!r}, which is missing")
        lacking = sorted(set(columns) - set(tables[name].columns))
        if lacking:
            raise ValueError(f"figure family {family} needs the columns {lacking} in the table {name!r}")
        found.append(some(tables[name], family, name))
    return found


def some(frame: pd.DataFrame, family: str, name: str, what: str = "row") -> pd.DataFrame:
    """The frame itself; raises ValueError, naming table and family, where it holds no row."""
    if frame.empty:
        raise ValueError(f"figure family {family} needs the table {name!r} to hold at least one {what}: it is empty")
    return frame


def final(frame: pd.DataFrame) -> pd.DataFrame:
    """The last recorded round (t = T) of each run."""
    return frame[frame["t"] == frame["T"]]


def summary(frame: pd.DataFrame, by: list[str], value: str, level: float = 0.95) -> pd.DataFrame:
    """Mean of a column over (seed, replication) in each group, with a t-interval.

    Returns the columns of ``by`` with mean, low, high and n.  A group with one run has no interval (NaN).
    """
    groups = frame.groupby(by, sort=True)[value]
    out = groups.agg(mean="mean", sd="std", n="count").reset_index()
    n = out["n"].to_numpy()
    half = stats.t.ppf(0.5 + level / 2, np.maximum(n - 1, 1)) * out["sd"] / np.sqrt(np.maximum(n, 1))
    out["low"], out["high"] = out["mean"] - half, out["mean"] + half
    return out.drop(columns="sd")


def exact_share(hits: np.ndarray, n: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Clopper and Pearson's exact interval (low, high) of a share, hits of n."""
    tail = (1 - level) / 2
    low = np.where(hits > 0, stats.beta.ppf(tail, np.maximum(hits, 1), n - hits + 1), 0.0)
    high = np.where(hits < n, stats.beta.ppf(1 - tail, hits + 1, np.maximum(n - hits, 1)), 1.0)
    return low, high
