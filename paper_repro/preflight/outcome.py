"""What a check answers, and how a ledger Finding becomes an answer."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from theory.ledger import FAIL, INCONCLUSIVE, PASS, VACUOUS, Finding

SKIPPED = "SKIPPED"
VERDICTS = (PASS, FAIL, INCONCLUSIVE, VACUOUS, SKIPPED)
NAN = math.nan


@dataclass(frozen=True)
class Outcome:
    """A verdict, one line that says why, measured against bound with its interval, n runs or comparisons, and how a
    planted fault fared under the same judge (``control``, empty where none makes sense)."""

    verdict: str
    message: str
    measured: float = NAN
    bound: float = NAN
    low: float = NAN
    high: float = NAN
    n: int = 0
    control: str = ""


class Check(NamedTuple):
    """A question of the battery.  ``honest``: a FAIL makes the part unfit for a full run; the others only inform."""

    id: str
    title: str
    question: str
    honest: bool
    run: Callable[[Any], Outcome]


def of_finding(found: Finding, message: str, verdict: str = "", control: str = "") -> Outcome:
    """The Outcome of a judge's Finding."""
    return Outcome(
        verdict or found.outcome, message, found.measured, found.bound, found.low, found.high, found.n, control
    )


def rule(broken: bool, message: str, n: int, control: str = "") -> Outcome:
    """The Outcome of a rule without a number."""
    return Outcome(FAIL if broken else PASS, message, float(broken), 0.0, float(broken), float(broken), n, control)
