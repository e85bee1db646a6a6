"""Claims S1-S3, S8 and S11-S14 about the preference game: its closed forms, its margin line, and how far they reach.

[C25] is arXiv 2502.18099, whose displayed equations are read here from its prose and proofs.  A
"stated by" row is judged in the reading that is written in it.
"""

from dataclasses import replace

import numpy as np

from theory.judges.path import JUST_BELOW, Change, unchanged
from theory.ledger import (
    C25,
    DERIVED,
    FAIL,
    PASS,
    Claim,
    Control,
    Finding,
    Judge,
    Tables,
    compared,
    nothing,
    within,
)  # fmt: skip
from theory.planted import edited, shifted, tightened

TOLERANCE = 1e-6
UNRESTRICTED = 1e7  # a window this long counts as the whole margin line


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

    Each row is a target with its exact distance and both exact regrets; a row breaks the statement where DPO's
    regret lies below the floor, or SGPO's above 2 eps while delta <= eps.  The detail says what the appendix's
    restriction leaves: targets inside SGPO's ball, whose floor is below 0.
    """
    rows = tables["preference_contrast"]
    if rows.empty:
        return nothing("no target")
    floor = rows["delta"] - 2.0 * rows["eps"]
    admitted = rows[rows["delta"] <= rows["eps"]]
    held = int((admitted["sgpo"] <= 2.0 * admitted["eps"]).sum())
    found = within(compared(floor.clip(lower=0.0), rows["dpo"]), "")
    note, miss = f"floor delta - 2 eps against DPO's regret: {found.detail} ", floor.clip(lower=0.0) - rows["dpo"]
    if (miss > 0.0).any():
        w = rows.iloc[int(np.argmax(miss.to_numpy()))]
        note += f"widest miss: {w['kind']}, seed {w['seed']:.0f}, target {w['replication']:.0f}: "
        note += f"delta {w['delta']:.3g}, eps {w['eps']:.3g}, DPO {w['dpo']:.3g}, SGPO {w['sgpo']:.3g}. "
    note += f"Restricted as in the appendix the floor is above 0 at {int((floor[admitted.index] > 0.0).sum())} of "
    note += f"{len(admitted)} targets: it says nothing. "
    note += f"SGPO's part held in {held} of {len(admitted)} targets inside its ball"
    return replace(found, outcome=found.outcome if held == len(admitted) else FAIL, detail=note, useful=float("nan"))


def reaches(*checks: str, change: Change = unchanged) -> Judge:
    """Judge of ``studies.preference_limits``: measured <= bound in every row of the named checks."""

    def judge(tables: Tables, level: float) -> Finding:
        rows = tables["preference_limits"]
        rows = rows[rows["check"].isin(checks)]
        trivial = rows["bound"].abs().where(rows["says"], -np.inf) + 1.0
        return within(change(compared(rows["measured"], rows["bound"], trivial)), "")

    return judge


CERTIFICATES, LIMITS = ("preference_certificates",), ("preference_limits",)
DUALS = ("window_atoms", "ball_attack", "flip_attack", "flip_dual", "reweight_plan", "reweight_price")
LEADERS = ("ball_leader", "flip_leader", "reweight_leader")
LEDGER_FIGURE, F12 = "f9_ledger", "f12_preference_regret"


def off(*checks: str) -> tuple[Control]:
    """The planted fault: a closed form that is off by 1e-5."""
    return (shifted(agrees(*checks), "preference_certificates", "error", 1e-5, "closed form off by 1e-5"),)


def below(*checks: str) -> Control:
    """The planted fault of an inequality: every bound lowered together."""
    return Control(JUST_BELOW, reaches(*checks, change=tightened))


def planted(text: str, *checks: str, outcome: str = FAIL) -> Control:
    """The judge on the bounds that the study planted beside the true ones."""
    wrong = edited(reaches(*checks), "preference_limits", bound=lambda t: t["planted"])
    return Control(text, wrong, outcome=outcome)


def changed_over(tables: Tables, level: float) -> Finding:
    """S13's judge with tangents in the place of chords: both orderings turned round, the errors as they are."""
    rows = tables["preference_limits"]
    ordered = rows["instance"].str.contains("below|above")
    turned = rows.assign(
        measured=rows["measured"].where(~ordered, rows["bound"]), bound=rows["bound"].where(~ordered, rows["measured"])
    )
    return reaches("pieces")({"preference_limits": turned}, level)


CLAIMS = (
    Claim("S1a", "follower", "Program (9): closed form = linear program to 1e-6, K = 3, 6, 12", DERIVED, "certificate",
          CERTIFICATES, LEDGER_FIGURE, agrees("program"), off("program")),
    Claim("S1b", "follower", "The pairs moved do not depend on K: one set is optimal in (9) for every K", DERIVED,
          "certificate", CERTIFICATES, LEDGER_FIGURE, agrees("moved"), off("moved")),
    Claim("S2a", "margin line", "On an unrestricted margin line SGPO and DPO have the same maximiser, any eps", DERIVED,
          "certificate", ("preference_line",), LEDGER_FIGURE, same_maximisers,
          (shifted(same_maximisers, "preference_line", "policy_gap", 1e-5, "a policy 1e-5 away"),)),
    Claim("S2b", "margin line", "At any target at distance delta DPO's regret is >= delta - 2 eps, SGPO's <= 2 eps in "
          "its ball", f"{C25}, read for any target: its appendix admits only those in SGPO's ball, where the floor is "
          "empty", "upper", ("preference_contrast",), LEDGER_FIGURE, contrast,
          (Control("regrets as the statement has them",
                   edited(contrast, "preference_contrast", dpo=lambda t: t["delta"], sgpo=lambda t: t["eps"]),
                   outcome=PASS),
           Control("DPO's regret 5 % below its floor",
                   edited(contrast, "preference_contrast", dpo=lambda t: 0.95 * (t["delta"] - 2.0 * t["eps"]),
                          sgpo=lambda t: t["eps"])))),
    Claim("S3a", "duals", "Window, ball, flips, reweighting: explicit adversary = closed form = program", DERIVED,
          "certificate", CERTIFICATES, "f13_preference_worst", agrees(*DUALS), off(*DUALS)),
    Claim("S3b", "duals", "The leaders against ball, flips and reweighting = cone programs to 1e-6", DERIVED,
          "certificate", CERTIFICATES, LEDGER_FIGURE, agrees(*LEADERS), off(*LEADERS)),
    Claim("S8", "control", "Algorithm 1 read literally: weights sum_k s_ik = 1, its policy is plain DPO's", DERIVED,
          "certificate", CERTIFICATES, LEDGER_FIGURE, agrees("weights", "literal"), off("weights", "literal")),
    Claim("S11", "regret", "DPO's sup-regret >= delta ||theta|| - m_min/N - log 2: linear once delta is large, slope "
          "||theta||", DERIVED, "upper", LIMITS, F12, reaches("linear"),
          (planted("a target that spends 95 % of its budget", "linear"), below("linear")),
          "constants of theorem R3; m_min the least margin"),
    Claim("S12", "regret", "With no mismatch SGPO loses at least eps^2/(2 Lambda) to DPO on the given pairs", DERIVED,
          "upper", LIMITS, F12, reaches("price"), (planted("the policy of half the radius", "price"), below("price")),
          "Lambda = lambda_max(mean zz')/4"),
    Claim("S13", "follower", "K tangents never overstate the follower's worst value, K chords never understate it; "
          "neither is off by more than h^2/32, h = window/(K - 1)", DERIVED, "upper", LIMITS, LEDGER_FIGURE,
          reaches("pieces"),
          (planted("h/2 in the place of h", "pieces"),
           Control("tangents and chords changed over", changed_over)),
          "the loss has curvature at most 1/4"),
    Claim("S14a", "margin line", "An equilibrium exists: on the whole margin line the follower attains its worst value",
          f"{C25}, read without a window", "upper", LIMITS, LEDGER_FIGURE, reaches("attained"),
          (planted("the same replies against the worst value inside their window", "attained", outcome=PASS),
           Control("that worst value set 5 % below the largest reply",
                   edited(reaches("attained", change=tightened), "preference_limits", bound=lambda t: t["planted"])))),
    Claim("S14b", "margin line", "On a line cut at -w the worst value stays below mean loss + eps by eps l(-xi)/(xi + "
          "w), xi the least margin, up to l(w): approached like 1/w, never attained", DERIVED, "upper", LIMITS,
          LEDGER_FIGURE, reaches("between"), (planted("a window 10 % longer", "between"), below("between"))),
)  # fmt: skip
