"""Claims S1-S5 and S8 about the preference game, its duals and its regret, and their judges.

[C25] is arXiv 2502.18099, whose displayed equations are read here from its prose and proofs.  A
"stated by" row is judged in the reading that is written in it.  Regrets are found by search, so
they are lower bounds of a supremum; upper bounds are therefore checked on every adversary found,
and exponents are those of the search.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from theory import stats
from theory.judges.path import JUST_BELOW, Change, unchanged
from theory.ledger import (
    C25,
    DERIVED,
    FAIL,
    PASS,
    Claim,
    Comparison,
    Control,
    Finding,
    Judge,
    Tables,
    all_of,
    compared,
    edited,
    inside,
    nothing,
    tightened,
    within,
)  # fmt: skip
from theory.stats import Estimate, curves

TOLERANCE = 1e-6
UNRESTRICTED = 1e7  # a window this long counts as the whole margin line
SMALL, LARGE = 0.1, 0.2  # mismatches up to, and from, which an exponent is fitted
LOG2 = float(np.log(2.0))
LINEAR, QUADRATIC = (0.8, 1.2), (1.8, 2.2)


def agrees(*checks: str, tolerance: float = TOLERANCE) -> Judge:
    """Judge of certificates: the relative error of every instance of each named check is at most ``tolerance``."""

    def judge(tables: Tables, level: float) -> Finding:
        rows = tables["preference_certificates"]
        rows = rows[rows["check"].isin(checks)]
        absent = sorted(set(checks) - set(rows["check"]))
        if absent:
            return nothing(f"no instance of {', '.join(absent)}")
        worst = "; ".join(f"{name} {part.max():.1e}" for name, part in rows.groupby("check")["error"])
        return within(compared(rows["error"], tolerance), f"largest error by check: {worst}")

    return judge


def same_maximisers(tables: Tables, level: float) -> Finding:
    """S2a: on windows of at least ``UNRESTRICTED`` nats the policies and values agree to 1e-6.

    Windows are lengthened in the table; the detail shows how fast the policies approach each other.
    """
    rows = tables["preference_line"]
    far = rows[rows["window"] >= UNRESTRICTED]
    if far.empty:
        return nothing("no window long enough")
    apart = far[["policy_gap", "value_gap"]].max(axis=1)
    shown = ", ".join(f"{w:.0e}: {g:.1e}" for w, g in rows.groupby("window")["policy_gap"].max().items())
    return within(compared(apart, TOLERANCE), f"largest distance of policies by window (nats) {shown}")


def contrast(tables: Tables, level: float) -> Finding:
    """S2b: Regret(DPO) >= delta - 2 eps at every target at distance delta, SGPO's at most 2 eps within eps.

    Each row is a target with its exact distance and both exact regrets; a row breaks the statement
    where DPO's regret lies below the floor, or SGPO's above 2 eps while delta <= eps.
    """
    rows = tables["preference_contrast"]
    floor = (rows["delta"] - 2.0 * rows["eps"]).clip(lower=0.0)
    inside_ball = rows["delta"] <= rows["eps"]
    held = int((rows.loc[inside_ball, "sgpo"] <= 2.0 * rows.loc[inside_ball, "eps"]).sum())
    if rows.empty:
        return nothing("no target")
    found = within(compared(floor, rows["dpo"]), "")
    note, miss = f"floor delta - 2 eps against DPO's regret: {found.detail} ", floor - rows["dpo"]
    if (miss > 0.0).any():
        w = rows.iloc[int(np.argmax(miss.to_numpy()))]
        note += f"widest miss: {w['kind']}, seed {w['seed']:.0f}, target {w['replication']:.0f}: "
        note += f"delta {w['delta']:.3g}, eps {w['eps']:.3g}, DPO {w['dpo']:.3g}, SGPO {w['sgpo']:.3g}. "
    note += f"SGPO's part held in {held} of {int(inside_ball.sum())} targets inside its ball"
    outcome = found.outcome if held == int(inside_ball.sum()) else FAIL
    return Finding(found.measured, found.bound, outcome, found.low, found.high, found.n, note)


def bound_r1(tables: Tables, level: float, change: Change = unchanged) -> Finding:
    """S4a: on every adversary found, regret <= min(2 eps ||comparator||, log 2), and the risk <= log 2.

    The risk is at least the regret, so its check covers regrets that the comparator understates.
    """
    rows = tables["preference_regret"].dropna(subset=["r1_bound"])
    compare = [compared(rows["r1_measured"], rows["r1_bound"], LOG2), compared(rows["risk"], LOG2, LOG2)]
    return within(change(pd.concat(compare)), f"{int(rows['adversaries'].sum())} adversaries")


def bound_r2(tables: Tables, level: float, change: Change = unchanged) -> Finding:
    """S4b: regret <= (delta + eps) ||comparator|| + (delta - eps) ||theta_eps|| on every adversary found."""
    rows = tables["preference_regret"].dropna(subset=["r2_bound"])
    return within(
        change(compared(rows["r2_measured"], rows["r2_bound"])), f"{int(rows['adversaries'].sum())} adversaries"
    )


def regret_curves(table: pd.DataFrame, regime: str, policy: str) -> tuple[np.ndarray, np.ndarray]:
    """(deltas (points,), sup-regrets (n, points)) of one policy, a row a data set."""
    return curves(table[(table["regime"] == regime) & (table["policy"] == policy)], "delta")


def slopes(table: pd.DataFrame, regime: str, policy: str, small: bool) -> Estimate:
    """Mean over data sets of the log-log slope for delta <= 0.1, or >= 0.2."""
    x, y = regret_curves(table, regime, policy)
    kept = x <= SMALL if small else x >= LARGE
    x, y = x[kept], y[:, kept]
    if len(y) < 2 or len(x) < 2 or not (y > 0.0).all():
        return stats.fixed(np.nan, -np.inf, np.inf)
    return stats.mean(np.log(y) @ stats.slope_weights(x))


def exponent(regime: str, band: tuple[float, float], small: bool = True) -> Judge:
    """Judge: the interval of DPO's exponent in delta lies inside ``band``."""

    def judge(tables: Tables, level: float) -> Finding:
        table = tables["preference_regret"]
        dpo, other = (slopes(table, regime, policy, small) for policy in ("dpo", "matched"))
        found = inside([("DPO", dpo)], *band, level)
        low, high = other.at(level)
        where = f"delta <= {SMALL}" if small else f"delta >= {LARGE}"
        note = f"{regime}, {where}: {found.detail}, "
        note += f"SGPO with eps = delta {other.value:.3f} [{low:.3f}, {high:.3f}]"
        return replace(found, detail=note)

    return judge


def lower_regret(regime: str) -> Judge:
    """Judge: matched SGPO's sup-regret is below DPO's at every mismatch up to ``SMALL``.

    Ratio DPO/SGPO, geometric mean over data sets with its interval, against 1.
    """

    def judge(tables: Tables, level: float) -> Finding:
        table = tables["preference_regret"]
        (x, dpo), (_, matched) = (regret_curves(table, regime, policy) for policy in ("dpo", "matched"))
        found: list[Comparison] = [
            (f"delta = {x[i]:g}: DPO/SGPO", stats.mean(np.log(dpo[:, i] / matched[:, i])).mapped(np.exp))
            for i in np.flatnonzero(x <= SMALL)
        ]
        return all_of(found, 1.0, "above", level)

    return judge


CERTIFICATES, REGRET = ("preference_certificates",), ("preference_regret",)
DUALS = ("window_atoms", "ball_attack", "flip_attack", "flip_dual", "reweight_plan", "reweight_price")
LEADERS = ("ball_leader", "flip_leader", "reweight_leader")
READING = f"{C25}, reading chosen here"
LEDGER_FIGURE, F12 = "f9_ledger", "f12_preference_regret"


def off(*checks: str) -> tuple[Control]:
    """The planted fault of a certificate: a closed form that is off by 1e-5."""
    wrong = edited(agrees(*checks), "preference_certificates", error=lambda t: t["error"] + 1e-5)
    return (Control("closed form off by 1e-5", wrong),)


def of_dpo(factor: Callable[[pd.DataFrame], Any]) -> dict[str, Callable[[pd.DataFrame], pd.Series]]:
    """For ``ledger.edited``: DPO's sup-regret times a factor."""
    return {"regret": lambda t: t["regret"].where(t["policy"] != "dpo", t["regret"] * factor(t))}


CLAIMS = (
    Claim("S1a", "follower", "Program (9): closed form = linear program to 1e-6, K = 3, 6, 12", DERIVED, "certificate",
          CERTIFICATES, LEDGER_FIGURE, agrees("program"), off("program")),
    Claim("S1b", "follower", "The pairs moved do not depend on K: one set is optimal in (9) for every K", DERIVED,
          "certificate", CERTIFICATES, LEDGER_FIGURE, agrees("moved"), off("moved")),
    Claim("S2a", "margin line", "On an unrestricted margin line SGPO and DPO have the same maximiser, any eps", DERIVED,
          "certificate", ("preference_line",), LEDGER_FIGURE, same_maximisers,
          (Control("a policy 1e-5 away", edited(same_maximisers, "preference_line",
                                                policy_gap=lambda t: t["policy_gap"] + 1e-5)),)),
    Claim("S2b", "margin line", "DPO's regret at distance delta is >= delta - 2 eps, SGPO's <= 2 eps in its ball",
          READING, "ordering", ("preference_contrast",), LEDGER_FIGURE, contrast,
          (Control("regrets as the statement has them",
                   edited(contrast, "preference_contrast", dpo=lambda t: t["delta"], sgpo=lambda t: t["eps"]),
                   outcome=PASS),
           Control("DPO without regret", edited(contrast, "preference_contrast", dpo=0.0)))),
    Claim("S3a", "duals", "Window, ball, flips, reweighting: explicit adversary = closed form = program", DERIVED,
          "certificate", CERTIFICATES, "f13_preference_worst", agrees(*DUALS), off(*DUALS)),
    Claim("S3b", "duals", "The leaders against ball, flips and reweighting = cone programs to 1e-6", DERIVED,
          "certificate", CERTIFICATES, LEDGER_FIGURE, agrees(*LEADERS), off(*LEADERS)),
    Claim("S4a", "regret", "SGPO, delta <= eps: regret <= min(2 eps ||theta*||, log 2), every adversary found",
          f"{C25}, constants derived here", "upper", REGRET, F12, bound_r1,
          (Control(JUST_BELOW, partial(bound_r1, change=tightened)),), "constants 2 ||theta*|| and log 2 (theorem R1)"),
    Claim("S4b", "regret", "Any delta: regret <= (delta + eps) ||theta*|| + (delta - eps) ||theta_eps||, DPO included",
          DERIVED, "upper", REGRET, F12, bound_r2, (Control(JUST_BELOW, partial(bound_r2, change=tightened)),),
          "constants of theorem R2"),
    Claim("S4c", "regret", "SGPO's sup-regret is below DPO's, delta <= 0.1, regular data (eps = delta)",
          READING, "ordering", REGRET, F12, lower_regret("regular"),
          (Control("DPO's regret times 100", edited(lower_regret("regular"), "preference_regret",
                                                    **of_dpo(lambda t: 100.0)), outcome=PASS),
           Control("DPO's regret divided by 100", edited(lower_regret("regular"), "preference_regret",
                                                         **of_dpo(lambda t: 0.01))))),
    Claim("S4d", "regret", "SGPO's sup-regret is below DPO's, delta <= 0.1, nearly separable data (eps = delta)",
          READING, "ordering", REGRET, F12, lower_regret("near_separable"),
          (Control("DPO's regret divided by 100", edited(lower_regret("near_separable"), "preference_regret",
                                                         **of_dpo(lambda t: 0.01))),
           Control("DPO's regret times 100", edited(lower_regret("near_separable"), "preference_regret",
                                                    **of_dpo(lambda t: 100.0)), outcome=PASS))),
    Claim("S5a", "rate in delta", "DPO's sup-regret grows linearly, regular data, small delta: exponent in [0.8, 1.2]",
          READING, "exponent", REGRET, F12, exponent("regular", LINEAR),
          (Control("regret = delta", edited(exponent("regular", LINEAR), "preference_regret",
                                            regret=lambda t: t["delta"]), outcome=PASS),
           Control("regret = delta^2", edited(exponent("regular", LINEAR), "preference_regret",
                                              regret=lambda t: t["delta"] ** 2)))),
    Claim("S5b", "rate in delta", "On nearly separable data DPO's exponent for small delta lies in [0.8, 1.2]", DERIVED,
          "exponent", REGRET, F12, exponent("near_separable", LINEAR),
          (Control("regret times delta", edited(exponent("near_separable", LINEAR), "preference_regret",
                                                **of_dpo(lambda t: t["delta"]))),)),
    Claim("S5c", "rate in delta", "On regular data DPO's exponent for small delta lies in [1.8, 2.2]", DERIVED,
          "exponent", REGRET, F12, exponent("regular", QUADRATIC),
          (Control("regret times delta", edited(exponent("regular", QUADRATIC), "preference_regret",
                                                **of_dpo(lambda t: t["delta"]))),)),
    Claim("S8", "control", "Algorithm 1 read literally: weights sum_k s_ik = 1, its policy is plain DPO's", DERIVED,
          "certificate", CERTIFICATES, LEDGER_FIGURE, agrees("weights", "literal"), off("weights", "literal")),
)  # fmt: skip
