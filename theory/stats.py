"""Intervals over replications.

Levels come from the ledger: the whole ledger may be wrong with probability at most 1 %, split
evenly over its interval claims and, inside a claim, over its comparisons (Bonferroni, which is
Holm's procedure in the form that has intervals).
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

RESAMPLES = 2000
PAIR = ["seed", "replication"]  # runs that agree in both share prompts and noise, so they are compared in pairs


def binomial(k: int, n: int, level: float) -> tuple[float, float]:
    """Exact (Clopper-Pearson) two-sided interval for a frequency, error probability ``level``."""
    interval = stats.binomtest(int(k), int(n)).proportion_ci(1.0 - level, "exact")
    return float(interval.low), float(interval.high)


def student(values: npt.ArrayLike, level: float) -> tuple[float, float, float]:
    """Mean and two-sided Student interval of (n,) independent values."""
    sample = np.asarray(values, dtype=float)
    mean, n = sample.mean(), len(sample)
    if n < 2:
        return mean, -np.inf, np.inf
    half = stats.t.ppf(1.0 - level / 2.0, n - 1) * sample.std(ddof=1) / np.sqrt(n)
    return mean, mean - half, mean + half


def bootstrap(statistic, n: int, level: float, seed: int = 0) -> tuple[float, float, float]:
    """Estimate and interval: bootstrap standard error, Student quantile with n - 1 degrees.

    ``statistic(rows)`` takes row numbers (n,) of replications and returns a number.  The quantile
    form is used because levels of 1e-4 are beyond what resampled percentiles can reach.
    """
    estimate = float(statistic(np.arange(n)))
    if n < 2:
        return estimate, -np.inf, np.inf
    rng = np.random.default_rng(seed)
    draws = np.array([statistic(rng.integers(0, n, n)) for _ in range(RESAMPLES)])
    half = stats.t.ppf(1.0 - level / 2.0, n - 1) * np.nanstd(draws, ddof=1)
    return estimate, estimate - half, estimate + half


def curves(rows: pd.DataFrame, column: str, value: str = "regret") -> tuple[np.ndarray, np.ndarray]:
    """(x (points,), values (n, points)): ``value`` of each of n replications against the values of ``column``."""
    wide = rows.pivot_table(index=PAIR, columns=column, values=value)
    return wide.columns.to_numpy(float), wide.to_numpy(float)


def slope_weights(x: np.ndarray) -> np.ndarray:
    """Weights (points,) whose product with log y is the least-squares slope of log y against log x."""
    log_x = np.log(x) - np.log(x).mean()
    return log_x / (log_x @ log_x)


def slope(x: np.ndarray, curves: np.ndarray, level: float) -> tuple[float, float, float]:
    """Log-log slope of the mean over replications of curves (n, points) against x (points,), with its interval."""
    weights = slope_weights(x)
    return bootstrap(lambda rows: weights @ np.log(curves[rows].mean(axis=0)), len(curves), level)
