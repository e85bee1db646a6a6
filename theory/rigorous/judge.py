"""Rows against enclosures of their bounds.

A bound depends on a row's constants alone, so it is enclosed once for all rows that share them, at the first
of ``balls.PRECISIONS`` that separates their measured values from it:

    proved     measured <= the lower end of the enclosure
    refuted    measured > the upper end, by more than rounding can explain (below), or not a finite number
    undecided  everything else

A measured value that the simulator summed from n non-negative terms is off by at most a factor 1 + n u from the
sum of those terms, u = 2^-53 (Higham 2002, section 4.2, to first order; two more for the terms' own last bit).
A row above its bound by less than that is not refuted, because the true sum may lie below: it is ``undecided``.
Lemma 0 holds with equality on the hard instance, so such rows are there.  No row is proved with the help of this.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from theory.rigorous import balls
from theory.rigorous.parts import Part, Reading, agrees

UNIT = 2.0**-53
PROVED, UNDECIDED, REFUTED = 1, 0, -1


class Enclosed(NamedTuple):
    """For each row of a part: outcome (n,), low and high (n,) doubles around the bound (``balls.ends``), and the
    ball of every row's bound by ``group`` (n,); bits: the largest precision that was used."""

    outcome: np.ndarray
    low: np.ndarray
    high: np.ndarray
    group: np.ndarray
    balls: np.ndarray
    bits: int


class Verified(NamedTuple):
    """A claim in ball arithmetic.

    rows = proved + undecided + refuted; distinct: sets of constants; worst: (low, high) doubles around the largest
    measured/bound, ``digits`` that its enclosure fixes, ``part`` that has it; slack: the least distance bound -
    measured of a row in ulps of the measured value, negative where a row lies above; bits: as in ``Enclosed``.
    """

    rows: int
    proved: int
    undecided: int
    refuted: int
    distinct: int
    worst: tuple[float, float]
    digits: int
    part: str
    slack: float
    bits: int


def outcomes(measured: np.ndarray, terms: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """PROVED, UNDECIDED or REFUTED (n,) of measured values against doubles around their bounds."""
    above = measured - high > (terms + 2) * UNIT * np.abs(measured) * (terms > 0)
    refuted = (np.isfinite(high) & above) | ~np.isfinite(measured)
    return np.where(measured <= low, PROVED, np.where(refuted, REFUTED, UNDECIDED))


def enclosed(part: Part, scale: Any = 1) -> Enclosed:
    """Outcomes of one part; ``scale``, a number or ball, multiplies the bound (below 1 it plants a false one)."""
    names = list(part.constants.columns)
    group = part.constants.groupby(names, sort=False, dropna=False).ngroup().to_numpy()
    distinct = part.constants.drop_duplicates()
    measured, terms = part.measured.to_numpy(float), part.terms.to_numpy(float)
    ends, found = np.tile([-math.inf, math.inf], (len(distinct), 1)), np.empty(len(distinct), dtype=object)
    todo, bits = np.arange(len(distinct)), 0
    outcome, low, high = np.full(len(measured), UNDECIDED), *ends[group].T
    for bits in balls.PRECISIONS:
        with balls.precision(bits):
            arguments = {name: balls.exact(distinct[name].iloc[todo]) for name in names}
            found[todo] = part.bound(**arguments) * scale
            ends[todo] = np.reshape([balls.ends(ball) for ball in found[todo]], (-1, 2))
        low, high = ends[group].T
        outcome = outcomes(measured, terms, low, high)
        todo = np.unique(group[(outcome == UNDECIDED) & ~(measured > high)])
        if not len(todo):
            break
    return Enclosed(outcome, low, high, group, found, bits)


def verified(reading: Reading, table: pd.DataFrame, scale: Any = 1) -> Verified:
    """A claim on a table with the rows of its sweeps.

    Raises ValueError where there is no row to judge, RuntimeError where ``theory.inequalities`` says something else.
    """
    rows = reading.rows(table).reset_index(drop=True)
    parts = [part for part in reading.parts(rows) if len(part.measured)]
    if not parts:
        raise ValueError("the tables hold no run to judge; play a tier with: paper-repro run")
    results = [enclosed(part, scale) for part in parts]
    if scale == 1:
        said = [found.low for part, found in zip(parts, results, strict=True) if part.judged]
        agrees(parts, np.concatenate([*said, []]), reading.doubles(rows))
    outcome = np.concatenate([found.outcome for found in results])
    worst, fixed, worst_part = _worst(parts, results)
    return Verified(
        rows=len(outcome),
        proved=int((outcome == PROVED).sum()),
        undecided=int((outcome == UNDECIDED).sum()),
        refuted=int((outcome == REFUTED).sum()),
        distinct=sum(len(found.balls) for found in results),
        worst=worst,
        digits=fixed,
        part=worst_part,
        slack=min(map(_slack, parts, results)),
        bits=max(found.bits for found in results),
    )


def _slack(part: Part, found: Enclosed) -> float:
    """The least bound - measured in ulps of the measured value; a part of counts has none."""
    if not part.terms.any():
        return math.inf
    measured = part.measured.to_numpy(float)
    some = measured > 0.0
    return float(np.min((found.low[some] - measured[some]) / np.spacing(measured[some]), initial=math.inf))


def _worst(parts: list[Part], results: list[Enclosed]) -> tuple[tuple[float, float], int, str]:
    """(ends, digits, part) of the largest measured/bound over rows with a positive bound that is not a condition."""
    top: list[tuple[float, int, int]] = []
    for i, (part, found) in enumerate(zip(parts, results, strict=True)):
        if part.judged:
            ratio = np.where(found.low > 0.0, part.measured.to_numpy(float) / np.maximum(found.low, 1e-300), -np.inf)
            row = int(np.argmax(ratio))
            top.append((float(ratio[row]), i, row))
    if not top:
        return (math.nan, math.nan), 0, "no run on E"
    _, i, row = max(top)
    with balls.precision(balls.PRECISIONS[0]):
        ball = balls.exact([float(parts[i].measured.iloc[row])])[0] / results[i].balls[results[i].group[row]]
    return balls.around(ball), balls.digits(ball), parts[i].name
