"""The checks of a preflight as data, the run through them, and the verdict file that it writes.

``preflight.json`` (schema 1) holds: schema, kind, name, source, sha256 of the file, played (compiled or why not), fit
(bool), verdict ("fit", "unfit", "inconclusive"), exit_code, size, level (error of each interval check), reduced
(list of texts), seconds (wall, cpu), versions, and checks: a list of id, title, question, honest, verdict (PASS,
FAIL, INCONCLUSIVE, VACUOUS, SKIPPED), message, measured, bound, low, high (null where there is no number), n,
control, seconds.

A part is unfit if it FAILs an honesty check (``Check.honest``).  Without a failure, one that stays INCONCLUSIVE or
for which no time was left makes the preflight inconclusive.  Losing to other gates is reported and makes nothing unfit.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from paper_repro import provenance
from paper_repro.preflight import bench, checks, rivals, search
from paper_repro.preflight import follower as followers
from paper_repro.preflight import learner as learners
from paper_repro.preflight.interface import interface
from paper_repro.preflight.outcome import SKIPPED, Check, Outcome
from paper_repro.preflight.size import FULL, PLAIN, QUICK, SEARCH, Size, fitting
from sim import plugins, sources
from sim.sources import PluginError
from sim.spec import RunSpec
from theory.ledger import FAIL, FAMILY_ERROR, INCONCLUSIVE

SCHEMA = 1
VERDICT = {0: "fit", 1: "unfit", 3: "inconclusive"}  # by exit code
CRASHED = "; it could not be played"
UNASKED = "not asked, because the file raised an exception in the first check; mend it and try again"
LATE = "no time was left; give more --minutes"

GATE: tuple[Check, ...] = (
    Check("interface", "Interface", "bool, no side effects, no exceptions on extreme signals", True, interface),
    Check("budget", "Budget", "at most B labels with the hard cap off, any arena, any B", True, checks.budget),
    Check("peeking", "No peeking", "decisions do not depend on labels that are not yet bought", True, checks.peeking),
    Check("latency", "Latency", "on E no round costs more than latency() claims", True, checks.latency),
    Check("coverage", "Coverage", "the confidence set holds the truth in 1 - delta of the runs", True, checks.coverage),
    Check("determinism", "Determinism", "the same seed gives the same bytes, anywhere", True, checks.determinism),
    Check("resume", "Resume", "saved and restored halfway it decides alike", True, checks.resume),
    Check("falsify", "Search", "no instance breaks its budget or its claimed latency", True, search.falsified),
    Check("idle", "Spending", "it spends its budget in every arena", False, checks.idle),
    Check("ranking", "Rank", "its mean rank over all arenas is better than random's", False, rivals.ranking),
    Check("equal_labels", "Equal labels", "less regret than random at the labels it bought", False,
          rivals.equal_labels),
    Check("exponent_T", "Exponent in T", "regret grows no faster than T^0.6 (ball, beta 0.1)", False,
          rivals.exponent_T),
    Check("exponent_beta", "Exponent in beta", "regret grows like beta^(-1/2) (hard instance)", False,
          rivals.exponent_beta),
    Check("weakest", "Where it breaks", "no instance is found where random surely beats it", False, search.weakest),
    Check("digits", "Digits", "more accurate than random with the same budget", False, rivals.digits),
    Check("features", "Your features", "the same on the recorded features given", False, rivals.features),
    Check("cost", "Cost", "its own part of a round takes under a millisecond", False, rivals.cost),
)  # fmt: skip
BATTERY = {plugins.GATE: GATE, plugins.FOLLOWER: followers.BATTERY, plugins.LEARNER: learners.BATTERY}
INTERVALS = 8  # checks of a battery that have intervals; each errs with FAMILY_ERROR / INTERVALS


@dataclass(frozen=True)
class Answer:
    """A check with its outcome and wall seconds."""

    check: Check
    outcome: Outcome
    seconds: float


@dataclass(frozen=True)
class Report:
    """A finished preflight: its bench, the answers, and seconds on the clock and of processor time."""

    bench: bench.Bench
    answers: list[Answer]
    wall: float
    cpu: float

    @property
    def code(self) -> int:
        """The exit code."""
        return exit_code(self.answers)


def exit_code(answers: list[Answer]) -> int:
    """0 fit, 1 unfit, 3 inconclusive."""
    honest = [a.outcome for a in answers if a.check.honest]
    if any(o.verdict == FAIL for o in honest):
        return 1
    return 3 if any(o.verdict == INCONCLUSIVE or o.message == LATE for o in honest) else 0


def answer(check: Check, b: bench.Bench) -> Answer:
    """Run one check; what the user's file raises is its outcome."""
    start = time.monotonic()
    try:
        outcome = Outcome(SKIPPED, LATE) if b.late() else check.run(b)
    except PluginError as error:
        outcome = Outcome(FAIL if check.honest else SKIPPED, f"{error}{CRASHED}")
    return Answer(check, outcome, time.monotonic() - start)


def prepare(
    source: str, kind: str, *, features: str = "", quick: bool = False, jobs: int = 1, minutes: float = 5.0,
    plain: bool = False,
) -> bench.Bench:  # fmt: skip
    """Load, compile where that can be done, measure a round, and choose how much to play.

    Raises PluginError for a file that cannot be used, ValueError for minutes that are not positive.
    """
    if not (math.isfinite(minutes) and minutes > 0.0):
        raise ValueError(f"minutes = {minutes:g} is not allowed; give a positive number")
    start = time.monotonic()
    if not source.startswith("entry:"):
        source = str(Path(source).resolve())  # workers may stand in another folder
    compiled, how = bench.way(kind, source, plain)
    size: Size = QUICK if quick else (FULL if compiled else PLAIN)
    size = replace(size, search=min(size.search, SEARCH * 60.0 * minutes))
    level = FAMILY_ERROR / INTERVALS
    b = bench.Bench(kind, source, size, jobs, compiled, how, start + 60.0 * minutes, level, features)
    if not compiled and not quick:
        b.reduced.append(f"size {PLAIN.name}: fewer replications and shorter runs than of a compiled part")
    if kind == plugins.GATE:
        try:
            b.cost = typical_cost(b)
        except PluginError:
            return b  # the first check says what the file raised
        b.size, reduced = fitting(size, level, b.cost, b.stop - time.monotonic(), jobs)
        b.reduced += reduced
    return b


def typical_cost(b: bench.Bench) -> float:
    """Microseconds of a round of a gate, one in six against the evader, who asks a gate many times."""
    usual, evader = (
        bench.microseconds(RunSpec(**bench.arena(*place), gate=b.gate), b.compiled, 2000 if b.compiled else 20)
        for place in (("best_response", "isotropic"), ("evader", "free"))
    )
    return (5.0 * usual + evader) / 6.0


def fly(b: bench.Bench, tell: Callable[[Answer], None] = lambda answer: None) -> Report:
    """Run the battery; ``tell`` sees every answer as it comes.  A crash in the first check ends the questions."""
    wall, cpu = time.monotonic(), time.process_time()
    answers: list[Answer] = []
    for check in BATTERY[b.kind]:
        crashed = bool(answers) and CRASHED in answers[0].outcome.message
        answers.append(Answer(check, Outcome(SKIPPED, UNASKED), 0.0) if crashed else answer(check, b))
        tell(answers[-1])
    return Report(b, answers, time.monotonic() - wall, time.process_time() - cpu + b.elsewhere)


def _number(x: float) -> float | None:
    return x if math.isfinite(x) else None


def verdict_file(report: Report) -> dict[str, Any]:
    """The machine-readable verdict; see the module for its schema."""
    b, code = report.bench, report.code
    file = sources.file_of(b.source)
    return dict(
        schema=SCHEMA,
        kind=b.kind,
        name=file.stem,
        source=b.source,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        played=b.how,
        fit=code == 0,
        verdict=VERDICT[code],
        exit_code=code,
        size=b.size.name,
        level=b.level,
        reduced=b.reduced,
        seconds=dict(wall=round(report.wall, 1), cpu=round(report.cpu, 1)),
        versions=provenance.collect(),
        checks=[
            dict(id=a.check.id, title=a.check.title, question=a.check.question, honest=a.check.honest,
                 seconds=round(a.seconds, 2))
            | {k: _number(v) if isinstance(v, float) else v for k, v in asdict(a.outcome).items()}
            for a in report.answers
        ],
    )  # fmt: skip


def text_of(report: Report) -> str:
    """The verdict file's text."""
    return json.dumps(verdict_file(report), indent=1, allow_nan=False) + "\n"


def folder_of(source: str, out: Path | None) -> Path:
    """Where page and verdict go: the folder given, else preflight/NAME."""
    return out or Path("preflight") / sources.file_of(source).stem
