"""Claims and verdicts.

A judge reads results tables and an error level and returns a Finding.  Its outcome becomes a
verdict: a failed claim that a paper states, or that is conjectured here, is REFUTED (a result), any
other failed claim is FAIL.
The verdict is drawn from the pooled table and from every seed set alone; where they differ it is
INCONCLUSIVE.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

PASS, FAIL, INCONCLUSIVE, VACUOUS, REFUTED = "PASS", "FAIL", "INCONCLUSIVE", "VACUOUS", "REFUTED"
FAMILY_ERROR = 0.01
ROUNDING = 1e-9  # what sums of rounding errors may add to an inequality

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Finding:
    """What a judge found: the worst measured value against its bound, and the outcome.

    low, high: interval of ``measured`` (equal to it for deterministic claims); n: how many runs
    or comparisons; detail: the witness, or what the reader should know.
    """

    measured: float
    bound: float
    outcome: str
    low: float
    high: float
    n: int
    detail: str


@dataclass(frozen=True)
class Claim:
    """One row of the ledger; ``needs`` are sweeps, ``expected`` only decides the exit code."""

    id: str
    part: str
    statement: str
    origin: str
    kind: str
    constants: str
    needs: tuple[str, ...]
    figure: str
    judge: Callable[[Tables, float], Finding]
    expected: str = PASS

    @property
    def group(self) -> str:
        """The id without the letter of its reading: B9 for B9a and B9b."""
        return self.id.rstrip("abcd")


def within(measured: pd.Series, bound: pd.Series, trivial: pd.Series, detail: str) -> Finding:
    """Finding of a deterministic inequality measured <= bound in every row.

    VACUOUS where no row has a bound below the trivial one; the row shown is the tightest among
    those that say something.
    """
    measured, bound, trivial = (pd.Series(x).reset_index(drop=True).astype(float) for x in (measured, bound, trivial))
    if measured.empty:
        return Finding(float("nan"), float("nan"), INCONCLUSIVE, float("nan"), float("nan"), 0, "no run to judge")
    broken = ~(measured <= bound + ROUNDING * (1.0 + bound.abs()))
    useful = bound < trivial
    pick = broken if broken.any() else (useful if useful.any() else bound > -float("inf"))
    ratio = (measured / bound.clip(lower=1e-300)).fillna(np.inf).where(pick, -np.inf)
    i = int(np.argmax(ratio.to_numpy()))
    outcome = FAIL if broken.any() else (PASS if useful.any() else VACUOUS)
    says = f"{int(broken.sum())} violations in {len(bound)} rows; bound below the trivial one in {useful.mean():.0%}"
    value = float(measured.iloc[i])
    return Finding(value, float(bound.iloc[i]), outcome, value, value, len(bound), f"{says}. {detail}".strip())


def all_of(comparisons: list[tuple[str, float, float, float]], bound: float, side: str) -> Finding:
    """Finding of several interval comparisons (label, estimate, low, high) with one bound.

    side "below": each value is claimed to lie below the bound.  PASS if every interval lies
    below, FAIL if one lies above, else INCONCLUSIVE; "above" mirrors it.
    """
    sign = 1.0 if side == "below" else -1.0
    if not comparisons:
        return Finding(float("nan"), bound, INCONCLUSIVE, float("nan"), float("nan"), 0, "nothing to compare")
    worst = max(comparisons, key=lambda c: sign * c[1] if c[1] == c[1] else -float("inf"))
    good = all(sign * (c[3] if side == "below" else c[2]) <= sign * bound for c in comparisons)
    bad = [c for c in comparisons if sign * (c[2] if side == "below" else c[3]) > sign * bound]
    shown = max(bad, key=lambda c: sign * c[1]) if bad else worst
    outcome = PASS if good else (FAIL if bad else INCONCLUSIVE)
    text = "; ".join(f"{label} {est:.3g} [{low:.3g}, {high:.3g}]" for label, est, low, high in comparisons[:12])
    return Finding(shown[1], bound, outcome, shown[2], shown[3], len(comparisons), f"worst: {shown[0]}. {text}")


def verdict(claim: Claim, outcome: str) -> str:
    """A failed statement of a paper, or conjecture, is REFUTED; everything else keeps its outcome."""
    return REFUTED if outcome == FAIL and claim.origin.startswith(("stated by", "conjectured")) else outcome


def judge(claim: Claim, tables: Tables, level: float) -> dict:
    """The verdict row of one claim: pooled finding, verdict of every seed set, agreement."""
    needed = {name: tables[name] for name in claim.needs}
    found = claim.judge(needed, level)
    sets = sorted(set().union(*(t["seed"].unique() for t in needed.values())))
    alone = [
        verdict(claim, claim.judge({k: t[t["seed"] == s] for k, t in needed.items()}, level).outcome) for s in sets
    ]
    pooled = verdict(claim, found.outcome)
    agree = set(alone) == {pooled}
    detail = found.detail if agree else f"pooled {pooled}, but the seed sets differ. {found.detail}"
    row = asdict(found)
    row.update(
        id=claim.id, part=claim.part, statement=claim.statement, origin=claim.origin, kind=claim.kind,
        constants=claim.constants, figure=claim.figure, expected=claim.expected, detail=detail,
        verdict=pooled if agree else INCONCLUSIVE, agreement=" ".join(alone),
        tightness=found.measured / found.bound if found.bound else float("nan"),
    )  # fmt: skip
    del row["outcome"]
    return row


def exit_code(verdicts: pd.DataFrame) -> int:
    """0 if all is as expected or a paper's claim is refuted, 1 if a claim failed (or a control
    did not fail), 3 if something stayed inconclusive."""
    control = verdicts["expected"] == FAIL
    failed = (~control & (verdicts["verdict"] == FAIL)) | (control & (verdicts["verdict"].isin([PASS, VACUOUS])))
    if failed.any():
        return 1
    return 3 if (verdicts["verdict"] == INCONCLUSIVE).any() else 0
