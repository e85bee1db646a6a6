"""Claims S1-S10 about the preference game and their judges.

[C25] is arXiv 2502.18099, whose displayed equations are read here from its prose and proofs.  A
"stated by" row is judged in the reading that is written in it.  Regrets are found by search, so
they are lower bounds of a supremum; upper bounds are therefore checked on every adversary found,
and exponents are those of the search.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from theory import stats
from theory.judges.rate import inside
from theory.ledger import C25, DERIVED, FAIL, REFUTED, Claim, Finding, Tables, all_of, compared, nothing, within
from theory.stats import PAIR, curves

TOLERANCE = 1e-6
UNRESTRICTED = 1e7  # a window this long counts as the whole margin line
SMALL, LARGE = 0.1, 0.2  # mismatches up to, and from, which an exponent is fitted
LOG2 = float(np.log(2.0))
LINEAR, QUADRATIC = (0.8, 1.2), (1.8, 2.2)
RIVALS = ("self_L0", "dpo", "spa", "rdpo", "dr_dpo")
FLIPPED = 0.25


def agrees(*checks: str, tolerance: float = TOLERANCE) -> Callable[[Tables, float], Finding]:
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


def bound_r1(tables: Tables, level: float) -> Finding:
    """S4a: on every adversary found, regret <= min(2 eps ||comparator||, log 2), and the risk <= log 2.

    The risk is at least the regret, so its check covers regrets that the comparator understates.
    """
    rows = tables["preference_regret"].dropna(subset=["r1_bound"])
    compare = [compared(rows["r1_measured"], rows["r1_bound"], LOG2), compared(rows["risk"], LOG2, LOG2)]
    return within(pd.concat(compare), f"{int(rows['adversaries'].sum())} adversaries")


def bound_r2(tables: Tables, level: float) -> Finding:
    """S4b: regret <= (delta + eps) ||comparator|| + (delta - eps) ||theta_eps|| on every adversary found."""
    rows = tables["preference_regret"].dropna(subset=["r2_bound"])
    return within(compared(rows["r2_measured"], rows["r2_bound"]), f"{int(rows['adversaries'].sum())} adversaries")


def regret_curves(table: pd.DataFrame, regime: str, policy: str) -> tuple[np.ndarray, np.ndarray]:
    """(deltas (points,), sup-regrets (n, points)) of one policy, a row a data set."""
    return curves(table[(table["regime"] == regime) & (table["policy"] == policy)], "delta")


def slopes(table: pd.DataFrame, regime: str, policy: str, small: bool, level: float) -> tuple[float, float, float]:
    """Mean and interval over data sets of the log-log slope for delta <= 0.1, or >= 0.2."""
    x, y = regret_curves(table, regime, policy)
    kept = x <= SMALL if small else x >= LARGE
    x, y = x[kept], y[:, kept]
    if len(y) < 2 or len(x) < 2 or not (y > 0.0).all():
        return np.nan, -np.inf, np.inf
    return stats.student(np.log(y) @ stats.slope_weights(x), level)


def exponent(regime: str, band: tuple[float, float], small: bool = True) -> Callable[[Tables, float], Finding]:
    """Judge: the interval of DPO's exponent in delta lies inside ``band``."""

    def judge(tables: Tables, level: float) -> Finding:
        table = tables["preference_regret"]
        found = [("DPO", *slopes(table, regime, "dpo", small, level))]
        outcome = inside(found, *band)
        other = slopes(table, regime, "matched", small, level)
        where = f"delta <= {SMALL}" if small else f"delta >= {LARGE}"
        ((_, mean, low, high),) = found
        note = f"{regime}, {where}: DPO {mean:.3f} [{low:.3f}, {high:.3f}], "
        note += f"SGPO with eps = delta {other[0]:.3f} [{other[1]:.3f}, {other[2]:.3f}]"
        return Finding(mean, sum(band) / 2, outcome, low, high, len(regret_curves(table, regime, "dpo")[1]), note)

    return judge


def lower_regret(regime: str) -> Callable[[Tables, float], Finding]:
    """Judge: matched SGPO's sup-regret is below DPO's at every mismatch up to ``SMALL``.

    Ratio DPO/SGPO, geometric mean over data sets with its interval, against 1.
    """

    def judge(tables: Tables, level: float) -> Finding:
        table = tables["preference_regret"]
        (x, dpo), (_, matched) = (regret_curves(table, regime, policy) for policy in ("dpo", "matched"))
        shown = np.flatnonzero(x <= SMALL)
        found = []
        for i in shown:
            log_ratio = np.log(dpo[:, i] / matched[:, i])
            mean, low, high = (float(np.exp(v)) for v in stats.student(log_ratio, level / len(shown)))
            found.append((f"delta = {x[i]:g}: DPO/SGPO", mean, low, high))
        return all_of(found, 1.0, "above")

    return judge


def paired(rows: pd.DataFrame, method: str) -> pd.Series:
    """Accuracy after the last round of one method, by (seed, replication)."""
    own = rows[rows["method"] == method]
    own = own[own["round"] == own["round"].max()]
    return own.set_index(PAIR)["accuracy"].sort_index()


def better(method: str, rivals: tuple[str, ...], flip: float) -> Callable[[Tables, float], Finding]:
    """Judge: ``method`` is more accurate after the last round than every rival at equal seed labels.

    Paired differences over replications that share data and labels; flip is the share of flipped
    seed labels.
    """

    def judge(tables: Tables, level: float) -> Finding:
        rows = tables["preference_rounds"]
        rows = rows[np.isclose(rows["flip"], flip)]
        found = []
        for rival in rivals:
            gain = (paired(rows, method) - paired(rows, rival)).dropna()
            if len(gain):
                found.append((f"{method} - {rival}", *stats.student(gain, level / len(rivals))))
        if len(found) < len(rivals):
            return nothing("a rival has no run")
        return all_of(found, 0.0, "above")

    return judge


def negligible(methods: tuple[str, ...], margin: float) -> Callable[[Tables, float], Finding]:
    """S10's judge: each method's accuracy is within ``margin`` of its own eps = 0, at every share of flips.

    Equivalence: PASS if every interval of the paired difference lies inside [-margin, margin], FAIL if one
    lies outside.
    """

    def judge(tables: Tables, level: float) -> Finding:
        rows = tables["preference_rounds"]
        cells = [(m, flip, part) for flip, part in rows.groupby("flip") for m in methods]
        found = []
        for method, flip, part in cells:
            gain = (paired(part, method) - paired(part, "self_L0")).dropna()
            found.append((f"{method}, {flip:.0%} flips", *stats.student(gain, level / len(cells))))
        if not found:
            return nothing("no run to judge")
        worst = max(found, key=lambda c: max(abs(c[2]), abs(c[3])))
        text = "; ".join(f"{name} {mean:.2g} [{low:.2g}, {high:.2g}]" for name, mean, low, high in found)
        return Finding(abs(worst[1]), margin, inside(found, -margin, margin), worst[2], worst[3], len(found), text)

    return judge


def buying(gate: str) -> Callable[[Tables, float], Finding]:
    """S9's judge: DPO on labels bought through ``gate`` is more accurate than self-annotation at every budget.

    After the last round, paired over replications, at the true labels that the gate really used (column
    ``gain``, ``studies.preference_rounds``).
    """

    def judge(tables: Tables, level: float) -> Finding:
        rows = tables["preference_labels"]
        rows = rows[(rows["round"] == rows["round"].max()) & (rows["strategy"] == gate)]
        cells = list(rows.groupby("budget"))
        found = []
        for budget, cell in cells:
            used = f"{cell['labels'].mean():.0f} labels, budget {budget}"
            found.append((used, *stats.student(cell["gain"], level / len(cells))))
        return all_of(found, 0.0, "above")

    return judge


CERTIFICATES, REGRET, ROUNDS = ("preference_certificates",), ("preference_regret",), ("preference_rounds",)
DUALS = ("window_atoms", "ball_attack", "flip_attack", "flip_dual", "reweight_plan", "reweight_price")
LEADERS = ("ball_leader", "flip_leader", "reweight_leader")
READING = f"{C25}, reading chosen here"
LEDGER_FIGURE, F12, F15, F16 = "f9_ledger", "f12_preference_regret", "f15_preference_rounds", "f16_preference_labels"

CLAIMS = (
    Claim("S1a", "follower", "Program (9): closed form = linear program to 1e-6, K = 3, 6, 12", DERIVED, "certificate",
          CERTIFICATES, LEDGER_FIGURE, agrees("program")),
    Claim("S1b", "follower", "The pairs moved do not depend on K: one set is optimal in (9) for every K", DERIVED,
          "certificate", CERTIFICATES, LEDGER_FIGURE, agrees("moved")),
    Claim("S2a", "margin line", "On an unrestricted margin line SGPO and DPO have the same maximiser, any eps", DERIVED,
          "certificate", ("preference_line",), LEDGER_FIGURE, same_maximisers),
    Claim("S2b", "margin line", "DPO's regret at distance delta is >= delta - 2 eps, SGPO's <= 2 eps in its ball",
          C25, "ordering", ("preference_contrast",), LEDGER_FIGURE, contrast, expected=REFUTED),
    Claim("S3a", "duals", "Window, ball, flips, reweighting: explicit adversary = closed form = program", DERIVED,
          "certificate", CERTIFICATES, "f13_preference_worst", agrees(*DUALS)),
    Claim("S3b", "duals", "The leaders against ball, flips and reweighting = cone programs to 1e-6", DERIVED,
          "certificate", CERTIFICATES, LEDGER_FIGURE, agrees(*LEADERS)),
    Claim("S4a", "regret", "SGPO, delta <= eps: regret <= min(2 eps ||theta*||, log 2), every adversary found",
          f"{C25}, constants derived here", "upper", REGRET, F12, bound_r1,
          "constants 2 ||theta*|| and log 2 (theorem R1)"),
    Claim("S4b", "regret", "Any delta: regret <= (delta + eps) ||theta*|| + (delta - eps) ||theta_eps||, DPO included",
          DERIVED, "upper", REGRET, F12, bound_r2, "constants of theorem R2"),
    Claim("S4c", "regret", "SGPO's sup-regret is below DPO's, delta <= 0.1, regular data (eps = delta)",
          READING, "ordering", REGRET, F12, lower_regret("regular"), expected=REFUTED),
    Claim("S4d", "regret", "SGPO's sup-regret is below DPO's, delta <= 0.1, nearly separable data (eps = delta)",
          READING, "ordering", REGRET, F12, lower_regret("near_separable")),
    Claim("S5a", "rate in delta", "DPO's sup-regret grows linearly, regular data, small delta: exponent in [0.8, 1.2]",
          C25, "exponent", REGRET, F12, exponent("regular", LINEAR), expected=REFUTED),
    Claim("S5b", "rate in delta", "On nearly separable data DPO's exponent for small delta lies in [0.8, 1.2]", DERIVED,
          "exponent", REGRET, F12, exponent("near_separable", LINEAR)),
    Claim("S5c", "rate in delta", "On regular data DPO's exponent for small delta lies in [1.8, 2.2]", DERIVED,
          "exponent", REGRET, F12, exponent("regular", QUADRATIC)),
    *(
        Claim(f"{group}{letter}", part, f"SSAPO ({leader}) beats its eps = 0, DPO, SPA, rDPO, Dr. DPO{where}",
              f"{C25}, rivals chosen here", "ordering", ROUNDS, F15, better(leader, RIVALS, flip))
        for group, part, where, flip in (
            ("S6", "rounds", " at equal seed labels", 0.0), ("S7", "label noise", ", 25 % of them flipped", FLIPPED),
        )
        for letter, leader in zip("abcd", ("L1", "L2", "L3", "feature"), strict=True)
    ),
    Claim("S8", "control", "Algorithm 1 read literally: weights sum_k s_ik = 1, its policy is plain DPO's", DERIVED,
          "certificate", CERTIFICATES, LEDGER_FIGURE, agrees("weights", "literal")),
    *(
        Claim(f"S9{letter}", "labels", f"At equal true labels buying through {gate} beats self-annotation, all budgets",
              DERIVED, "ordering", ("preference_labels",), F16, buying(gate))
        for letter, gate in zip("abcd", ("llf_paced", "llf_quantile", "margin", "random"), strict=True)
    ),
    Claim("S10", "rounds", "In the linear loop the follower (L1, L3) changes accuracy by less than 0.005", DERIVED,
          "ordering", ROUNDS, F15, negligible(("L1", "L3"), 0.005)),
)  # fmt: skip
