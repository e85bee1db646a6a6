"""Claims and verdicts.

A judge reads results tables and an error level and returns a Finding.  Its outcome becomes a
verdict: a failed claim that a paper states, or that is conjectured here, is REFUTED (a result), any
other failed claim is FAIL.
The verdict is drawn from the pooled table and from every seed set alone; where they differ it is
INCONCLUSIVE.

Origins: "stated by [W26]" (arXiv 2602.00952) or "[C25]" (arXiv 2502.18099) where the rate or the
sentence is the paper's, followed by what was added here; "derived here"; "classical"; "conjectured
here" (before the runs); "control" (built to fail).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

PASS, FAIL, INCONCLUSIVE, VACUOUS, REFUTED = "PASS", "FAIL", "INCONCLUSIVE", "VACUOUS", "REFUTED"
FAMILY_ERROR = 0.01
ROUNDING = 1e-9  # what sums of rounding errors may add to an inequality

W26, C25 = "stated by [W26]", "stated by [C25]"
DERIVED, CLASSICAL, CONJECTURED, CONTROL = "derived here", "classical", "conjectured here", "control"
NO_RADIUS = "no radius constant enters"
THEORY_RADIUS = "theory radius (AYPS 2011, thm 2), delta = 0.05"

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
    """One row of the ledger.

    ``part`` is the theorem or topic; ``origin`` begins with one of the module's origins; ``kind`` is
    certificate, upper, coverage, exponent or ordering (the last three share the ledger's error);
    ``needs`` names the tables that ``judge`` reads, ``figure`` the figure that shows them;
    ``constants`` tells which constants enter; ``expected`` only decides the exit code.
    """

    id: str
    part: str
    statement: str
    origin: str
    kind: str
    needs: tuple[str, ...]
    figure: str
    judge: Callable[[Tables, float], Finding]
    constants: str = NO_RADIUS
    expected: str = PASS

    @property
    def group(self) -> str:
        """The id without the letter of its reading: B9 for B9a and B9b."""
        return self.id.rstrip("abcd")


def nothing(why: str, bound: float = float("nan")) -> Finding:
    """INCONCLUSIVE, because the tables hold nothing to judge."""
    nan = float("nan")
    return Finding(nan, bound, INCONCLUSIVE, nan, nan, 0, why)


def compared(measured: pd.Series, bound: Any, trivial: Any = np.inf) -> pd.DataFrame:
    """Rows of an inequality measured <= bound: float columns measured, bound, trivial on measured's index.

    ``bound`` and ``trivial`` are numbers or have one value for each row of ``measured``, in its order.
    A bound that is not below the trivial one (what holds without the theorem) says nothing.
    """
    rows = pd.DataFrame({"measured": measured}).astype(float)
    for name, values in (("bound", bound), ("trivial", trivial)):
        rows[name] = np.broadcast_to(np.asarray(values, dtype=float), len(rows))
    return rows


def broken(rows: pd.DataFrame) -> pd.Series:
    """Which rows of ``compared`` violate it by more than rounding; what is not a number does."""
    return ~(rows["measured"] <= rows["bound"] + ROUNDING * (1.0 + rows["bound"].abs()))


def within(rows: pd.DataFrame, detail: str) -> Finding:
    """Finding of a deterministic inequality, from its rows (``compared``).

    FAIL if a row is broken; VACUOUS where no row has a bound below the trivial one.  The row shown has
    the largest ratio measured/bound among the broken ones, else among those that say something.
    """
    if rows.empty:
        return nothing("no run to judge")
    violations, useful = broken(rows), rows["bound"] < rows["trivial"]
    pick = violations if violations.any() else (useful if useful.any() else rows["bound"] > -np.inf)
    ratio = (rows["measured"] / rows["bound"].clip(lower=1e-300)).fillna(np.inf).where(pick, -np.inf)
    measured, bound, _ = rows.iloc[int(np.argmax(ratio.to_numpy()))]
    outcome = FAIL if violations.any() else (PASS if useful.any() else VACUOUS)
    says = f"{int(violations.sum())} violations in {len(rows)} rows; "
    says += f"bound below the trivial one in {useful.mean():.0%}. {detail}"
    return Finding(float(measured), float(bound), outcome, float(measured), float(measured), len(rows), says.strip())


def all_of(comparisons: list[tuple[str, float, float, float]], bound: float, side: str) -> Finding:
    """Finding of several interval comparisons (label, estimate, low, high) with one bound.

    side "below": each value is claimed to be at most the bound.  PASS if every interval ends at or
    below it, FAIL if one begins above it, else INCONCLUSIVE; "above" mirrors it.  The detail lists
    the first twelve comparisons.
    """
    sign = 1.0 if side == "below" else -1.0
    if not comparisons:
        return nothing("nothing to compare", bound)
    worst = max(comparisons, key=lambda c: sign * c[1] if c[1] == c[1] else -float("inf"))
    good = all(sign * (c[3] if side == "below" else c[2]) <= sign * bound for c in comparisons)
    bad = [c for c in comparisons if sign * (c[2] if side == "below" else c[3]) > sign * bound]
    shown = max(bad, key=lambda c: sign * c[1]) if bad else worst
    outcome = PASS if good else (FAIL if bad else INCONCLUSIVE)
    text = "; ".join(f"{label} {est:.3g} [{low:.3g}, {high:.3g}]" for label, est, low, high in comparisons[:12])
    return Finding(shown[1], bound, outcome, shown[2], shown[3], len(comparisons), f"worst: {shown[0]}. {text}")


def verdict(claim: Claim, outcome: str) -> str:
    """A failed statement of a paper, or conjecture, is REFUTED; everything else keeps its outcome."""
    return REFUTED if outcome == FAIL and claim.origin.startswith((W26, C25, CONJECTURED)) else outcome


def judge(claim: Claim, tables: Tables, level: float) -> dict:
    """The verdict row of one claim.

    Finding's fields without ``outcome``, Claim's without ``needs`` and ``judge``, and: verdict (of the
    pooled tables, INCONCLUSIVE where a seed set alone gives another), agreement (the verdict of each
    seed set, in order), tightness (measured / bound).  KeyError where a needed table is missing.
    """
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
