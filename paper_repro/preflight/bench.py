"""Where a preflight plays: which part, how (compiled or plain), how much, on how many cores, until when.

Compiled runs share threads (kernels release the lock), plain runs have processes of their own.  Neither
changes a byte of a run.
"""

import statistics
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from paper_repro.preflight.size import Size
from sim import engine, plugins, sources, table
from sim.rules import codes
from sim.runlog import RunLog
from sim.sources import PluginError
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from sim.sweeps import ALL_GATES
from theory.studies import nonmyopic

FINAL, EVERY = RecordSpec(mode="final"), RecordSpec(mode="every")
DIGITS = dict(kind="ova", feedback="gold", sigma=0.5, radius_mode="fixed", radius_c=0.1)  # as the sweep of that name
TIMED = 5  # timings a median is taken of


class Job(NamedTuple):
    """A run to play: what the tables call it, its spec, its first replication."""

    name: str
    spec: RunSpec
    first: int = 0


def rows_of(spec: RunSpec, first: int, compiled: bool) -> list[np.ndarray]:
    """The rows of a run; a gate that never opens is an instance like any other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return engine.play(spec, first=first, compiled=compiled).rows


def timed(spec: RunSpec, first: int, compiled: bool) -> tuple[list[np.ndarray], float]:
    """The rows and the processor time of this thread [s]."""
    start = time.thread_time()
    return rows_of(spec, first, compiled), time.thread_time() - start


def arena(follower: str, context: str, d: int = 8) -> dict[str, Any]:
    """Stream and follower of an arena; heavy tails and shifts leak a little, so that all directions occur."""
    stream = StreamSpec(context=context, d=d, leak=0.1 if context == "zipf" else 0.0, components=min(4, d))
    return dict(stream=stream, follower=built_in(follower, d))


def built_in(follower: str, d: int) -> FollowerSpec:
    """A built-in follower; the patient one as ``theory.studies.nonmyopic`` found it, or it would be ball."""
    known = follower == "patient" and d in nonmyopic.FOUND
    return nonmyopic.follower_of(follower, d) if known else FollowerSpec(kind=follower)


def recorded(path: str, center: bool) -> dict[str, Any]:
    """Stream, follower and learner of a recorded stream."""
    stream = StreamSpec(context="recorded", path=path, center=center)
    return dict(stream=stream, follower=FollowerSpec(kind="all"), learner=LearnerSpec(**DIGITS))


def contenders(ours: GateSpec | None) -> list[GateSpec]:
    """Every built-in gate but the one that peeks, both purses of llf_split, and ours."""
    return [*ALL_GATES, *([ours] if ours is not None else [])]


@dataclass
class Bench:
    """See the module.  ``stop`` is the clock at which nothing more is started; ``said`` lists what was reduced;
    ``kept`` holds tables for later checks and the page; ``elsewhere`` is the processor time of other processes
    [s], ``cost`` that of a round [us]."""

    kind: str
    source: str
    size: Size
    jobs: int
    compiled: bool
    how: str
    stop: float
    level: float
    features: str = ""
    said: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    elsewhere: float = 0.0
    cost: float = 1.0

    @property
    def gate(self) -> GateSpec:
        return GateSpec(kind=codes.PLUGIN, path=self.source)

    @property
    def uncapped(self) -> GateSpec:
        return GateSpec(kind=codes.PLUGIN, path=self.source, cap=False)

    @property
    def sets(self) -> range:
        return range(self.size.sets)

    def is_own(self, spec: RunSpec) -> bool:
        """Whether the run plays the part that is looked at."""
        return codes.PLUGIN in (spec.gate.kind, spec.follower.kind, spec.learner.kind)

    def play(self, jobs: Sequence[Job]) -> pd.DataFrame:
        """The results table of the runs in their order, with the column ``arena``."""
        plain = [i for i, job in enumerate(jobs) if self.is_own(job.spec) and not self.compiled]
        apart = set(plain)
        fast = [i for i in range(len(jobs)) if i not in apart]
        found: dict[int, list[np.ndarray]] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for chosen, prefer, compiled in ((fast, "threads", True), (plain, "processes", False)):
                workers = min(self.jobs, len(chosen)) if len(chosen) > 3 else 1
                asked = (delayed(timed)(jobs[i].spec, jobs[i].first, compiled) for i in chosen)
                parts = Parallel(n_jobs=workers, prefer=prefer)(asked) if chosen else []
                found.update((i, rows) for i, (rows, _) in zip(chosen, parts, strict=True))
                if prefer == "processes" and workers > 1:
                    self.elsewhere += sum(seconds for _, seconds in parts)
        return self.tabled(jobs, [found[i] for i in range(len(jobs))])

    def tabled(self, jobs: Sequence[Job], rows: list[list[np.ndarray]]) -> pd.DataFrame:
        """Rows of runs -> results table."""
        frames = []
        for first in sorted({job.first for job in jobs}):
            chosen = [i for i, job in enumerate(jobs) if job.first == first]
            logs = [(jobs[i].name, RunLog(jobs[i].spec, engine.setup_of(jobs[i].spec), rows[i])) for i in chosen]
            frames.append(table.from_logs(logs, first))
        frame = pd.concat(frames, ignore_index=True)
        return frame.assign(arena=frame["follower"] + "/" + frame["context"])

    def late(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() > self.stop


def way(kind: str, source: str, plain: bool) -> tuple[bool, str]:
    """(compiled, why): how the part is played, after compiling both runs where that can be done.

    Raises PluginError for a file that cannot be loaded or brings no such part.
    """
    plugins.part(source, kind)
    if plain:
        return False, "plain loop, as asked (--plain)"
    if not plugins.compilable(source, kind):
        return False, f"plain loop, because {'a class' if kind == plugins.GATE else 'a learner'} is not compiled"
    raised = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for spec in samples(kind, source):
                engine.play(spec)
        except PluginError as error:
            raised = str(error)
    refused = [str(w.message).split(": ", 1)[-1] for w in caught if issubclass(w.category, engine.NotCompiled)]
    if refused or raised:
        return False, f"plain loop, because Numba refuses it: {(refused or [raised])[0]}"
    return True, "compiled by Numba"


def samples(kind: str, source: str) -> list[RunSpec]:
    """A short run of each sort that the part can play."""
    module, short = sources.load(source), dict(T=8, B=3, record=FINAL)
    if kind == plugins.GATE:
        mine = GateSpec(kind=codes.PLUGIN, path=source)
        games = [RunSpec(**short, **arena("ball", "free", 4), gate=mine)]
        return [*games, RunSpec(**short, **recorded("digits", True), gate=mine)]
    follower = FollowerSpec(kind=codes.PLUGIN, path=source)
    found = []
    if callable(getattr(module, "respond", None)):
        found.append(RunSpec(**short, stream=StreamSpec(context="free", d=4), follower=follower))
    if callable(getattr(module, "choose", None)):
        found.append(RunSpec(**short, stream=StreamSpec(d=4), follower=follower))
    return found


def microseconds(spec: RunSpec, compiled: bool, rounds: int) -> float:
    """CPU time of a round, median of a few short runs [us]."""
    spec = spec.model_copy(update=dict(T=rounds, B=max(1, rounds // 10), beta=None, record=FINAL, replications=1))
    taken = []
    for _ in range(TIMED):
        start = time.thread_time()
        rows_of(spec, 0, compiled)
        taken.append(time.thread_time() - start)
    return 1e6 * statistics.median(taken) / rounds
