"""Claims S4 and S5 about the regret of DPO and SGPO when the pairs that count are not the pairs learned from.

[C25] is arXiv 2502.18099.  Regrets are found by search, so they are lower bounds of a supremum; upper bounds are
therefore checked on every adversary found, and exponents and comparisons are those of the search.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from theory import stats
from theory.judges.path import JUST_BELOW, Change, unchanged
from theory.ledger import (
    C25,
    DERIVED,
    PASS,
    READ,
    Claim,
    Comparison,
    Control,
    Finding,
    Judge,
    Tables,
    all_of,
    broken,
    compared,
    inside,
    within,
)  # fmt: skip
from theory.planted import edited, tightened
from theory.stats import Estimate, curves

LOG2 = float(np.log(2.0))
LINEAR = (0.8, 1.2)
SMALL = 0.1  # the largest mismatch that counts as small
RANGES = {"small": (0.0125, SMALL), "large": (0.2, np.inf)}  # mismatches over which an exponent is fitted
QUADRATIC = ("regular", "noisy")  # regimes whose curvature is large enough for theorem R4 to say something


def adversaries(rows: pd.DataFrame) -> str:
    """How many adversaries stand behind the rows."""
    return f"{int(rows['adversaries'].sum())} adversaries"


def bound_r1(tables: Tables, level: float, change: Change = unchanged) -> Finding:
    """S4a: on every adversary found, regret <= min(2 eps ||comparator||, log 2), and the risk <= log 2.

    The risk is at least the regret, so its check covers regrets that the comparator understates; log 2 is
    no news as a bound, so only a broken one is shown.
    """
    rows = tables["preference_regret"].dropna(subset=["r1_bound"])
    regret = change(compared(rows["r1_measured"], rows["r1_bound"], LOG2))
    risks = compared(rows["risk"], LOG2, 2.0 * LOG2)
    return within(pd.concat([regret, risks[broken(risks)]]), adversaries(rows))


def bound_r2(tables: Tables, level: float, change: Change = unchanged) -> Finding:
    """S4b: regret <= (delta + eps) ||comparator|| + (delta - eps) ||theta_eps|| on every adversary found."""
    rows = tables["preference_regret"].dropna(subset=["r2_bound"])
    return within(change(compared(rows["r2_measured"], rows["r2_bound"])), adversaries(rows))


def bound_r4(tables: Tables, level: float, change: Change = unchanged, policy: str = "dpo") -> Finding:
    """S5c: DPO's regret <= (1 + D ||theta||/4)^2 delta^2/(2 mu) on every adversary found, small mismatches.

    Against theorem R2's bound at eps = 0, which is linear in delta.
    """
    rows = tables["preference_regret"]
    rows = rows[(rows["policy"] == policy) & rows["regime"].isin(QUADRATIC) & (rows["delta"] <= SMALL)]
    return within(change(compared(rows["r4_measured"], rows["r4_bound"], rows["r4_trivial"])), adversaries(rows))


def regret_curves(table: pd.DataFrame, regime: str, policy: str) -> tuple[np.ndarray, np.ndarray]:
    """(deltas (points,), sup-regrets (n, points)) of one policy, a row a data set."""
    return curves(table[(table["regime"] == regime) & (table["policy"] == policy)], "delta")


def slopes(table: pd.DataFrame, regime: str, policy: str, part: str) -> Estimate:
    """Mean over data sets of the log-log slope over a part of ``RANGES``."""
    x, y = regret_curves(table, regime, policy)
    low, high = RANGES[part]
    kept = (x >= low) & (x <= high)
    x, y = x[kept], y[:, kept]
    if len(y) < 2 or len(x) < 2 or not (y > 0.0).all():
        return stats.fixed(np.nan, -np.inf, np.inf)
    return stats.mean(np.log(y) @ stats.slope_weights(x))


def exponent(regime: str, *parts: str) -> Judge:
    """Judge: the interval of DPO's exponent in delta lies inside ``LINEAR`` over each part of ``RANGES``.

    The detail says of each part whether it holds, and shows the exponent of SGPO with eps = delta.
    """

    def judge(tables: Tables, level: float) -> Finding:
        table = tables["preference_regret"]
        dpo = [(f"{part} delta", slopes(table, regime, "dpo", part)) for part in parts]
        found = inside(dpo, *LINEAR, level)
        notes = []
        for part, (label, estimate) in zip(parts, dpo, strict=True):
            own, other = (_shown(e, level) for e in (estimate, slopes(table, regime, "matched", part)))
            one = inside([(label, estimate)], *LINEAR, level / len(parts)).outcome
            says = {"PASS": "holds", "FAIL": "fails"}.get(one, "is open")
            notes.append(f"{label} {says}: DPO {own}, SGPO with eps = delta {other}")
        return replace(found, detail=f"{regime}: {'; '.join(notes)}")

    return judge


def _shown(estimate: Estimate, level: float) -> str:
    low, high = estimate.at(level)
    return f"{estimate.value:.3f} [{low:.3f}, {high:.3f}]"


def _ratio(log: float) -> float:
    """exp, at most 1e304: two data sets have intervals wider than floats."""
    return float(np.exp(np.clip(log, -700.0, 700.0)))


def crossing(x: np.ndarray, logs: np.ndarray, level: float) -> tuple[float, float, float]:
    """(delta*, low, high): where the mean over data sets of logs (n, points) at mismatches x rises through 0.

    logs are linear in log delta between the points.  The interval holds every delta whose mean may be 0 at the
    level; an end that lies outside x is 0 or inf, and so is delta*.
    """
    grid = np.linspace(np.log(x[0]), np.log(x[-1]), 401)
    lines = [stats.mean([np.interp(g, np.log(x), row) for row in logs]) for g in grid]
    bands = np.array([[line.value, *line.at(level)] for line in lines])

    def first(above: np.ndarray) -> float:
        if above[0]:
            return 0.0
        return float(np.exp(grid[above.argmax()])) if above.any() else float("inf")

    value, low, high = bands.T
    return first(value >= 0.0), first(high >= 0.0), first(low >= 0.0)


def lower_regret(regime: str) -> Judge:
    """Judge: matched SGPO's sup-regret is below DPO's at every mismatch up to ``SMALL``.

    Ratio DPO/SGPO, geometric mean over data sets with its interval, against 1.  The detail begins with the
    mismatch delta* from which on SGPO's is the lower one.
    """

    def judge(tables: Tables, level: float) -> Finding:
        table = tables["preference_regret"]
        (x, dpo), (_, matched) = (regret_curves(table, regime, policy) for policy in ("dpo", "matched"))
        logs = np.log(dpo / matched)
        found: list[Comparison] = [
            (f"delta = {x[i]:g}: DPO/SGPO", stats.mean(logs[:, i]).mapped(_ratio)) for i in np.flatnonzero(x <= SMALL)
        ]
        outcome = all_of(found, 1.0, "above", level)
        star, low, high = crossing(x, logs, level)
        return replace(outcome, detail=f"SGPO's is lower from delta* = {star:.3g} [{low:.3g}, {high:.3g}] on; "
                       f"{outcome.detail}")  # fmt: skip

    return judge


REGRET, F12 = ("preference_regret",), "f12_preference_regret"
READING = f"{C25}, {READ}"


def ratio_controls(regime: str) -> tuple[Control, Control]:
    """DPO's regret set, data set by data set, to nine tenths of SGPO's (fault) and to 1.1 times SGPO's (truth)."""

    def set_to(share: float) -> Judge:
        def judge(tables: Tables, level: float) -> Finding:
            table = tables["preference_regret"]
            own = table[table["policy"] == "matched"]
            return lower_regret(regime)(
                {"preference_regret": pd.concat([own, own.assign(policy="dpo", regret=share * own["regret"])])}, level
            )

        return judge

    return (
        Control("DPO's regret nine tenths of SGPO's", set_to(0.9)),
        Control("DPO's regret 1.1 times SGPO's", set_to(1.1), outcome=PASS),
    )


CLAIMS = (
    Claim("S4a", "regret", "SGPO, delta <= eps: regret <= min(2 eps ||theta*||, log 2), every adversary found",
          f"{C25}, constants derived here", "upper", REGRET, F12, bound_r1,
          (Control(JUST_BELOW, partial(bound_r1, change=tightened)),), "constants 2 ||theta*|| and log 2 (theorem R1)"),
    Claim("S4b", "regret", "Any delta: regret <= (delta + eps) ||theta*|| + (delta - eps) ||theta_eps||, DPO included",
          DERIVED, "upper", REGRET, F12, bound_r2, (Control(JUST_BELOW, partial(bound_r2, change=tightened)),),
          "constants of theorem R2"),
    Claim("S4c", "regret", "SGPO's sup-regret is below DPO's, delta <= 0.1, regular data (eps = delta)",
          READING, "ordering", REGRET, F12, lower_regret("regular"), ratio_controls("regular")),
    Claim("S4d", "regret", "SGPO's sup-regret is below DPO's, delta <= 0.1, nearly separable data (eps = delta)",
          READING, "ordering", REGRET, F12, lower_regret("near_separable"), ratio_controls("near_separable")),
    Claim("S5a", "rate in delta", "DPO's sup-regret grows linearly on regular data: exponents for small delta (0.0125 "
          "to 0.1) and for large delta (from 0.2) both in [0.8, 1.2]",
          READING, "exponent", REGRET, F12, exponent("regular", "small", "large"),
          (Control("DPO's regret = delta", edited(exponent("regular", "small", "large"), "preference_regret",
                                                  regret=lambda t: t["delta"]), outcome=PASS),
           Control("DPO's regret = delta^1.25", edited(exponent("regular", "small", "large"), "preference_regret",
                                                       regret=lambda t: t["delta"] ** 1.25)))),
    Claim("S5b", "rate in delta", "On nearly separable data DPO's exponent for small delta (0.0125 to 0.1) is in "
          "[0.8, 1.2]", DERIVED, "exponent", REGRET, F12, exponent("near_separable", "small"),
          (Control("DPO's regret = delta^1.25", edited(exponent("near_separable", "small"), "preference_regret",
                                                       regret=lambda t: t["delta"] ** 1.25)),)),
    Claim("S5c", "rate in delta", "Small delta: DPO's regret <= (1 + D ||theta||/4)^2 delta^2/(2 mu), quadratic, every "
          "adversary found, regular and noisy data", DERIVED, "upper", REGRET, F12, bound_r4,
          (Control(JUST_BELOW, partial(bound_r4, change=tightened)),
           Control("SGPO's policy at eps = 0.1, whose gradient on the given pairs is not 0",
                   partial(bound_r4, policy="fixed"))),
          "constants of theorem R4; mu bounded below pair by pair"),
)  # fmt: skip
