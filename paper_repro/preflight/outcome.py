"""What a check answers (an Outcome), and how a judge's Finding becomes one."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from theory.judges.plugin import agreed
from theory.ledger import FAIL, INCONCLUSIVE, PASS, VACUOUS, Finding

SKIPPED = "SKIPPED"
VERDICTS = (PASS, FAIL, INCONCLUSIVE, VACUOUS, SKIPPED)
NAN = math.nan


@dataclass(frozen=True)
class Outcome:
    """A verdict; a line that says why; measured against bound, with its interval; n runs or comparisons; and what the
    same judge says of a planted fault (``control``, empty where there is none)."""

    verdict: str
    message: str
    measured: float = NAN
    bound: float = NAN
    low: float = NAN
    high: float = NAN
    n: int = 0
    control: str = ""


class Check(NamedTuple):
    """A question about a part.  A FAIL of an ``honest`` check makes it unfit for a full run; the others only inform."""

    id: str
    title: str
    question: str
    honest: bool
    run: Callable[[Any], Outcome]


def of_finding(finding: Finding, message: str, verdict: str = "", control: str = "") -> Outcome:
    """The Outcome of a judge's Finding; ``verdict`` where it is another one."""
    f = finding
    return Outcome(verdict or f.outcome, message, f.measured, f.bound, f.low, f.high, f.n, control)


def over_sets(judge: Callable[[pd.DataFrame], Finding], rows: pd.DataFrame, sets: range) -> tuple[Finding, str]:
    """The finding on all rows, and the verdict: its outcome if every seed set alone gives it, else INCONCLUSIVE."""
    finding = judge(rows)
    return finding, agreed(finding.outcome, [judge(rows[rows["seed"] == s]).outcome for s in sets])


def rule(broken: bool, message: str, n: int, control: str = "") -> Outcome:
    """The Outcome of a rule without a number."""
    return Outcome(FAIL if broken else PASS, message, float(broken), 0.0, float(broken), float(broken), n, control)
