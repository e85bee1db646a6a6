"""Claims, their planted faults, and verdicts.

A judge reads results tables and an error level and returns a Finding.  Its outcome becomes a verdict: a failed
claim that a paper states, or that is conjectured here, is REFUTED (a result), any other failed claim is FAIL.

No verdict without a control.  Every claim names at least one planted fault: the same judge on data that are wrong
on purpose (a radius too small, a gate that reads the label, a bound set just below the largest value measured).  A
claim passes only if its faults FAIL beside it.  A claim that is expected to be refuted has a planted truth, which
must PASS, so that a refutation does not come from a judge that refuses everything.

The level.  The whole ledger may be wrong with probability ``FAMILY_ERROR``, split evenly over its interval claims
beforehand.  Inside a claim, PASS needs every comparison at the claim's level, which needs no split
(intersection-union); FAIL needs one comparison at the level divided by their number.  Replications are added in
looks (``stats.spent``), so that a claim may be watched until it is decided.

Origins: "stated by [W26]" (arXiv 2602.00952) or "[C25]" (arXiv 2502.18099) where the rate or the sentence is the
paper's, followed by what was added here ("reading chosen here"); "derived here"; "classical"; "conjectured here"
(before the runs).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from theory.stats import PAIR, Estimate, spent

PASS, FAIL, INCONCLUSIVE, VACUOUS, REFUTED = "PASS", "FAIL", "INCONCLUSIVE", "VACUOUS", "REFUTED"
FAMILY_ERROR = 0.01
ROUNDING = 1e-9  # what sums of rounding errors may add to an inequality
INTERVAL_KINDS = ("coverage", "exponent", "ordering")

W26, C25 = "stated by [W26]", "stated by [C25]"
READ = "reading chosen here"  # the paper's words leave it open; follows its name
DERIVED, CLASSICAL, CONJECTURED = "derived here", "classical", "conjectured here"
NO_RADIUS = "no radius constant enters"
THEORY_RADIUS = "theory radius (AYPS 2011, thm 2), delta = 0.05"

Tables = Mapping[str, pd.DataFrame]
Comparison = tuple[str, Estimate]


class LedgerError(ValueError):
    """A claim that cannot be judged as it stands: no control, no data, or a margin that means nothing."""


@dataclass(frozen=True)
class Finding:
    """What a judge found: the worst measured value against its bound, and the outcome.

    low, high: interval of ``measured`` (equal to it for deterministic claims); n: how many runs
    or comparisons; detail: the witness, or what the reader should know; useful: the share of rows whose
    bound is below the trivial one (NaN where the claim has no bound of that kind).
    """

    measured: float
    bound: float
    outcome: str
    low: float
    high: float
    n: int
    detail: str
    useful: float = float("nan")


Judge = Callable[[Tables, float], Finding]


class Control(NamedTuple):
    """The judge of a claim on data that are wrong on purpose: ``text`` says what was planted.

    outcome  what the judge must answer: FAIL for a planted fault, PASS for a planted truth
    needs    tables that it reads beside the claim's own
    """

    text: str
    judge: Judge
    needs: tuple[str, ...] = ()
    outcome: str = FAIL


@dataclass(frozen=True)
class Claim:
    """One row of the ledger.

    ``part`` is the theorem or topic; ``origin`` begins with one of the module's origins; ``kind`` is
    certificate, upper, coverage, exponent or ordering (the last three share the ledger's error);
    ``needs`` names the tables that ``judge`` reads, ``figure`` the figure that shows them;
    ``controls`` are its planted faults and truths; ``constants`` tells which constants enter.
    Raises LedgerError without a control.
    """

    id: str
    part: str
    statement: str
    origin: str
    kind: str
    needs: tuple[str, ...]
    figure: str
    judge: Judge
    controls: tuple[Control, ...]
    constants: str = NO_RADIUS

    def __post_init__(self) -> None:
        if not self.controls:
            raise LedgerError(f"claim {self.id} has no control: give it a planted fault that makes its judge fail")

    @property
    def group(self) -> str:
        """The id without the letter of its reading: B9 for B9a and B9b."""
        return self.id.rstrip("abcd")

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table that the claim and its controls read."""
        return tuple(dict.fromkeys((*self.needs, *(name for c in self.controls for name in c.needs))))


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
    value = float(measured)
    return Finding(value, float(bound), outcome, value, value, len(rows), says.strip(), float(useful.mean()))


def _shown(comparisons: list[Comparison], level: float) -> str:
    parts = []
    for label, estimate in comparisons[:12]:
        low, high = estimate.at(level)
        parts.append(f"{label} {estimate.value:.3g} [{low:.3g}, {high:.3g}]")
    return "; ".join(parts)


def inside(comparisons: list[Comparison], low: float, high: float, level: float) -> Finding:
    """Finding of several numbers that are all claimed to lie in [low, high]; an end may be infinite.

    PASS if every interval of error ``level`` lies inside, FAIL if an interval of error ``level`` divided by
    their number lies outside, else INCONCLUSIVE.  The one shown is the worst: among those that lie outside if
    there are any, the one farthest beyond its end.  The detail lists the first twelve.
    Raises LedgerError for an empty range.
    """
    if not low < high:
        raise LedgerError(f"range [{low:g}, {high:g}]: the rule is low < high; correct the margin")
    if not comparisons:
        return nothing("nothing to compare", high if np.isfinite(high) else low)

    def excess(value: float) -> float:
        return max(value - high, low - value) if value == value else -np.inf

    wide = [e.at(level) for _, e in comparisons]
    narrow = [e.at(level / len(comparisons)) for _, e in comparisons]
    bad = [i for i, (a, b) in enumerate(narrow) if a > high or b < low]
    outcome = PASS if all(a >= low and b <= high for a, b in wide) else (FAIL if bad else INCONCLUSIVE)
    i = max(bad or range(len(comparisons)), key=lambda j: excess(comparisons[j][1].value))
    label, estimate = comparisons[i]
    bound = high if not np.isfinite(low) or (np.isfinite(high) and estimate.value >= (low + high) / 2) else low
    text = f"worst: {label}. {_shown(comparisons, level)}"
    return Finding(estimate.value, bound, outcome, *wide[i], max(e.n for _, e in comparisons), text)


def all_of(comparisons: list[Comparison], bound: float, side: str, level: float) -> Finding:
    """``inside`` with one bound: side "below" claims that each number is at most the bound, "above" at least."""
    ends = (-np.inf, bound) if side == "below" else (bound, np.inf)
    found = inside(comparisons, *ends, level)
    return Finding(**asdict(found) | dict(bound=bound))


def margin(value: float, reason: str) -> float:
    """A margin of "no worse" or "the same", with the reason for its size; LedgerError where it is not above 0."""
    if not (np.isfinite(value) and value > 0.0 and reason.strip()):
        raise LedgerError(f"margin {value:g} ({reason!r}): the rule is a finite margin above 0 with a reason")
    return value


def verdict(claim: Claim, outcome: str) -> str:
    """A failed statement of a paper, or conjecture, is REFUTED; everything else keeps its outcome."""
    return REFUTED if outcome == FAIL and claim.origin.startswith((W26, C25, CONJECTURED)) else outcome


def _given(claim: Claim, tables: Tables) -> Tables:
    """The tables of a claim; LedgerError where they cannot carry a verdict, KeyError where one is missing."""
    given = {name: tables[name] for name in claim.tables}
    for name, table in given.items():
        if table.empty:
            raise LedgerError(f"claim {claim.id}: table {name!r} is empty; play it again, or choose other claims")
        paired = claim.kind in INTERVAL_KINDS and set(PAIR) <= set(table)
        if paired and len(table[PAIR].drop_duplicates()) < 2:
            raise LedgerError(
                f"claim {claim.id}: table {name!r} has one replication, which has no spread; play at least two"
            )
    return given


def judge(claim: Claim, tables: Tables, level: float, look: int = 0) -> dict:
    """The verdict row of one claim at a look (counted from 0), on all replications so far.

    Finding's fields without ``outcome``, Claim's without ``needs``, ``judge`` and ``controls``, and: verdict;
    control (each planted fault or truth with its outcome); sound (whether they came out as they must);
    by_set (``measured`` of every seed set alone, in order, for the eye only); level (spent on this look);
    looks (so far); tightness (measured / bound).
    Raises KeyError where a needed table is missing and LedgerError where one is empty or has one replication.
    """
    given, share = _given(claim, tables), spent(level, look)
    found = claim.judge({name: given[name] for name in claim.needs}, share)
    answers = [(c, c.judge({n: given[n] for n in (*claim.needs, *c.needs)}, share).outcome) for c in claim.controls]
    outcome, why = found.outcome, ""
    wanted = {PASS: FAIL, FAIL: PASS}.get(outcome)
    proofs = [(c, answer) for c, answer in answers if c.outcome == wanted]
    missed = [f"{c.text} is {answer}" for c, answer in proofs if answer != wanted]
    if missed or (outcome == PASS and not proofs):
        outcome, why = INCONCLUSIVE, f"{found.outcome}, but {'; '.join(missed) or 'no fault is planted'}. "
    if found.useful < 0.5 and outcome == PASS:
        why = f"the bound says something in {found.useful:.0%} of the rows only. "
    row = asdict(found) | dict(detail=why + found.detail)
    row.update(
        id=claim.id, part=claim.part, statement=claim.statement, origin=claim.origin, kind=claim.kind,
        constants=claim.constants, figure=claim.figure, verdict=verdict(claim, outcome),
        control="; ".join(f"{c.text}: {answer}" for c, answer in answers),
        sound=all(answer == c.outcome for c, answer in answers), by_set=_by_set(claim, given, share), level=share,
        looks=look + 1, tightness=found.measured / found.bound if found.bound else float("nan"),
    )  # fmt: skip
    del row["outcome"]
    return row


def _by_set(claim: Claim, given: Tables, level: float) -> str:
    needed = {name: given[name] for name in claim.needs}
    sets = sorted(set().union(*(t["seed"].unique() for t in needed.values())))
    if len(sets) < 2:
        return ""
    alone = [claim.judge({k: t[t["seed"] == s] for k, t in needed.items()}, level).measured for s in sets]
    return " ".join(f"{value:.3g}" for value in alone)


def exit_code(verdicts: pd.DataFrame) -> int:
    """0 if nothing failed (a refuted claim is a result), 1 if a claim failed, 3 if something stayed inconclusive."""
    if (verdicts["verdict"] == FAIL).any():
        return 1
    return 3 if (verdicts["verdict"] == INCONCLUSIVE).any() else 0
