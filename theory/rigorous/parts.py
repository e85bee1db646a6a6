"""The deterministic inequalities of recorded runs, as what ball arithmetic needs: doubles and a text.

A ``Part`` is one inequality measured <= bound(constants) for many rows.  Which rows a claim speaks of is
``theory.inequalities``' choice, and ``agrees`` compares every measured value and every bound with the rows of
that file, so that the two cannot drift apart.  Conditions (labels, thresholds) hold for every run, on E or not.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sim.rules.gates import INFO_TIE
from sim.rules.learners import WIDE
from sim.table import final
from theory import bounds, inequalities
from theory.inequalities import on_event
from theory.rigorous import balls

AGREEMENT = 1e-12  # relative, of a bound in doubles with its enclosure
RADIUS = ["sigma", "lam", "S", "delta"]


class Part(NamedTuple):
    """measured (n,) doubles; constants (n, k), a column an argument of ``bound``; terms (n,), how many rounded
    numbers the simulator added up for each measured value (0 for a count); judged: the part is a row of
    ``theory.inequalities``, not a condition."""

    name: str
    measured: pd.Series
    constants: pd.DataFrame
    bound: Callable[..., Any]
    terms: pd.Series
    judged: bool = True


def lemma0(table: pd.DataFrame) -> list[Part]:
    """B2: information, sum of squares where lam >= L^2, count of w^2 >= 0.25; once a label is bought."""
    vectors = table["labels"] * (table["M"] + 1).where(table["feedback"] == "full", 1)
    table = table.assign(n=vectors)[vectors > 0]
    about = table[["n", "d", "lam", "L"]]
    square = table[(table["lam"] >= table["L"] ** 2) & (table["psi"] > 0.0)]
    return [
        Part("information", table["psi"], about, bounds.information_cap, table["n"]),
        Part("squares", square["potential"], square[["psi"]], bounds.potential_cap, square["n"]),
        Part("count", table["wide"], about, _count, 0 * table["n"]),
    ]


def _count(n: Any, d: Any, lam: Any, L: Any) -> Any:
    return bounds.count_cap(bounds.information_cap(n, d, lam, L), balls.exact([WIDE])[0])


def theorem1(table: pd.DataFrame) -> list[Part]:
    """B3b on E, every label bought."""
    rows = on_event(table)
    return [Part("regret", rows["regret"], rows[["t", "d", "L", *RADIUS]], _theorem1, rows["t"])]


def _theorem1(t: Any, d: Any, L: Any, sigma: Any, lam: Any, S: Any, delta: Any) -> Any:
    info = bounds.information_cap(t, d, lam, L)
    return bounds.theorem1(balls.radius(info, sigma, lam, S, delta), t, info)


def theorem23(table: pd.DataFrame) -> list[Part]:
    """The regret bound of theorems 2 and 3 on E."""
    return [_regret(table, _theorem23)]


def stated_form(table: pd.DataFrame) -> list[Part]:
    """B9a on E: the stated form with c = c_beta."""
    return [_regret(table, _stated_form)]


def _regret(table: pd.DataFrame, bound: Callable[..., Any]) -> Part:
    rows = on_event(table)
    return Part("regret", rows["regret"], rows[["T", "B", "d", "L", *RADIUS]], bound, rows["T"])


def _theorem23(T: Any, B: Any, d: Any, L: Any, sigma: Any, lam: Any, S: Any, delta: Any) -> Any:
    info = bounds.information_cap(B, d, lam, L)
    return bounds.theorem23(balls.radius(info, sigma, lam, S, delta), T, B, info)


def _stated_form(T: Any, B: Any, d: Any, L: Any, sigma: Any, lam: Any, S: Any, delta: Any) -> Any:
    info = bounds.information_cap(B, d, lam, L)
    alpha = balls.radius(info, sigma, lam, S, delta)
    return bounds.stated_form(alpha, info, B, bounds.c_beta(alpha, T, B, info))


def theorem2(table: pd.DataFrame) -> list[Part]:
    """B7: the regret bound, and at most B labels without a cap."""
    return [*theorem23(table), _condition("labels", table["labels"], table[["B"]], lambda B: B)]


def theorem3(table: pd.DataFrame) -> list[Part]:
    """B8: the regret bound; no threshold rises, a label stays unspent, no unbought gain exceeds D_B/B.

    The gate does not buy on a tie, and calls a gain within INFO_TIE of its threshold a tie: that is its rule,
    so the last bound is D_B/B + INFO_TIE.
    """
    return [
        *theorem23(table),
        _condition("threshold's rise", table["threshold_rise_max"], table[["B"]], lambda B: 0 * B),
        _condition("labels + 1", table["labels"] + 1, table[["B"]], lambda B: B),
        _condition("unbought gain", table["gain_unbought_max"], table[["B", "d", "lam", "L"]], _unbought),
    ]


def _unbought(B: Any, d: Any, lam: Any, L: Any) -> Any:
    return bounds.information_cap(B, d, lam, L) / B + INFO_TIE


def _condition(name: str, measured: pd.Series, constants: pd.DataFrame, bound: Callable[..., Any]) -> Part:
    return Part(name, measured, constants, bound, pd.Series(0, measured.index), judged=False)


class Reading(NamedTuple):
    """A claim: the rows that it speaks of, its parts, and the same inequality in doubles."""

    rows: Callable[[pd.DataFrame], pd.DataFrame]
    parts: Callable[[pd.DataFrame], list[Part]]
    doubles: Callable[[pd.DataFrame], pd.DataFrame]


READINGS: Mapping[str, Reading] = {
    "B2": Reading(inequalities.honest, lemma0, inequalities.lemma0),
    "B3b": Reading(lambda t: inequalities.path(inequalities.honest(t)), theorem1, inequalities.theorem1),
    "B7": Reading(final, theorem2, inequalities.theorem23),
    "B8": Reading(final, theorem3, inequalities.theorem23),
    "B9a": Reading(final, stated_form, inequalities.stated_form),
}


def agrees(parts: list[Part], bound: np.ndarray, doubles: pd.DataFrame) -> None:
    """Raises RuntimeError where the judged parts and the rows in doubles are not the same inequality.

    bound (n,): the enclosures' lower ends of the judged parts, one after the other.
    """
    measured = np.concatenate([*(part.measured.to_numpy(float) for part in parts if part.judged), []])
    if not np.array_equal(measured, doubles["measured"].to_numpy(float), equal_nan=True):
        raise RuntimeError("the rows in ball arithmetic are not those of theory.inequalities")
    apart = np.abs(bound - doubles["bound"].to_numpy(float)) > AGREEMENT * np.abs(bound)
    if apart.any():
        at = int(np.argmax(apart))
        raise RuntimeError(f"bound {doubles['bound'].iloc[at]!r} of theory.inequalities is not {bound[at]!r}")
