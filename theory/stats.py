"""Estimates over replications, and intervals that stay valid however often one looks.

An ``Estimate`` gives its interval at any error level, so that a judge asks for what its decision needs: at the
claim's level for "every comparison holds", at the level divided by their number for "one of them fails"
(``ledger.all_of``).  Replications are added in looks that double their number, and look k spends the share
1/((k + 1)(k + 2)) of a claim's level (``spent``); the shares add up to at most 1, so by the union bound an
interval that was right to stop on is wrong with probability at most the claim's level, whenever one stops.

Frequencies have exact intervals (Clopper and Pearson 1934).  Means have Student's, exact for normal values and
approximate for others; curves have Student's on their linearisation (the delta method).

>>> spent(0.01, 0), spent(0.01, 1)
(0.005, 0.0016666666666666668)
>>> mean([1.0, 2.0, 3.0]).at(0.1)[0] < 2.0
True
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

RESAMPLES = 2000
PAIR = ["seed", "replication"]  # runs that agree in both share prompts and noise, so they are compared in pairs


class Estimate(NamedTuple):
    """A number estimated from ``n`` replications; ``at(level)`` is its two-sided interval of that error probability."""

    value: float
    n: int
    at: Callable[[float], tuple[float, float]]

    def mapped(self, rising: Callable[[float], float]) -> "Estimate":
        """The estimate of a rising function of the number, such as ``exp`` of a mean logarithm."""

        def at(level: float) -> tuple[float, float]:
            low, high = self.at(level)
            with np.errstate(over="ignore"):  # few replications: an interval may be without end
                return float(rising(low)), float(rising(high))

        return Estimate(float(rising(self.value)), self.n, at)


def spent(level: float, look: int) -> float:
    """The part of a claim's error level that look 0, 1, 2, ... may spend: level/((look + 1)(look + 2)).

    Raises ValueError for a level outside (0, 1) or a negative look.
    """
    if not 0.0 < level < 1.0 or look < 0:
        raise ValueError(f"level {level:g}, look {look}: the rule is 0 < level < 1 and look = 0, 1, 2, ...")
    return level / ((look + 1) * (look + 2))


def student(value: float, error: float, n: int) -> Estimate:
    """Student's interval with n - 1 degrees around ``value`` with standard error ``error``; endless for n < 2."""

    def at(level: float) -> tuple[float, float]:
        if n < 2 or not error >= 0.0:
            return -np.inf, np.inf
        half = stats.t.ppf(1.0 - level / 2.0, n - 1) * error
        return value - half, value + half

    return Estimate(float(value), n, at)


def mean(values: npt.ArrayLike) -> Estimate:
    """Mean of (n,) independent values with Student's interval; endless where one is not a number."""
    sample = np.asarray(values, dtype=float)
    n = len(sample)
    return student(sample.mean(), sample.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan, n)


def frequency(k: int, n: int) -> Estimate:
    """k of n with the exact (Clopper-Pearson) interval."""

    def at(level: float) -> tuple[float, float]:
        low = stats.beta.ppf(level / 2.0, k, n - k + 1) if k > 0 else 0.0
        high = stats.beta.ppf(1.0 - level / 2.0, k + 1, n - k) if k < n else 1.0
        return float(low), float(high)

    return Estimate(k / n, int(n), at)


def resampled(statistic: Callable[[np.ndarray], float], n: int, seed: int = 0) -> Estimate:
    """Bootstrap standard error with Student's quantile of n - 1 degrees.

    ``statistic(rows)`` takes row numbers (n,) of replications and returns a number.  The quantile form is used
    because levels of 1e-4 are beyond what resampled percentiles can reach.  A resample without an answer (NaN)
    makes the interval endless: it is not known what it hides.
    """
    rng = np.random.default_rng(seed)
    draws = np.array([statistic(rng.integers(0, n, n)) for _ in range(RESAMPLES)]) if n > 1 else np.array([np.nan])
    return student(float(statistic(np.arange(n))), draws.std(ddof=1) if n > 1 else np.nan, n)


def curves(rows: pd.DataFrame, column: str, value: str = "regret") -> tuple[np.ndarray, np.ndarray]:
    """(x (points,), values (n, points)): ``value`` of each of n replications against the values of ``column``."""
    wide = rows.pivot_table(index=PAIR, columns=column, values=value)
    return wide.columns.to_numpy(float), wide.to_numpy(float)


def slope_weights(x: np.ndarray) -> np.ndarray:
    """Weights (points,) whose product with log y is the least-squares slope of log y against log x."""
    log_x = np.log(x) - np.log(x).mean()
    return log_x / (log_x @ log_x)


def log_combination(weights: np.ndarray, curves: np.ndarray) -> Estimate:
    """sum_j weights_j log(mean over replications of curves[:, j]), curves (n, points) positive on average.

    Its error is that of the linearisation, whose values are independent over replications (delta method).
    """
    middle = curves.mean(axis=0)
    linear = (curves / middle) @ weights
    n = len(curves)
    return student(float(weights @ np.log(middle)), linear.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan, n)


def slope(x: np.ndarray, curves: np.ndarray) -> Estimate:
    """Log-log slope of the mean over replications of curves (n, points) against x (points,)."""
    return log_combination(slope_weights(x), curves)


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """The estimate times a known factor above 0."""
    return estimate.mapped(lambda x: factor * x)


def fixed(value: float, low: float, high: float, n: int = 1) -> Estimate:
    """An estimate whose interval was made elsewhere, at a level of its own; endless where the value is not a number."""
    ends = (float(low), float(high)) if value == value else (-np.inf, np.inf)
    return Estimate(float(value), n, lambda level: ends)
