"""Where a preflight plays: which part, how (compiled or plain), how much, on how many cores, until when.

Compiled runs are played in threads, plain runs in processes; a run's numbers do not depend on it.
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
from sim.sweeps import PLANNERS
from theory.studies import nonmyopic

FINAL, EVERY = RecordSpec(mode="final"), RecordSpec(mode="every")
# The constants of the sweep ``digits``.
DIGITS: dict[str, Any] = dict(kind="ova", feedback="gold", sigma=0.5, radius_mode="fixed", radius_c=0.1)
TIMED = 5  # timings a median is taken of
CONTEXT_OF = {"respond": "free", "choose": "isotropic"}  # a context for each function of a follower


class Run(NamedTuple):
    """A run to play: its name in the table, its spec, its first replication."""

    name: str
    spec: RunSpec
    first: int = 0


def rows_of(spec: RunSpec, first: int, compiled: bool) -> list[np.ndarray]:
    """Rows (R, log.WIDTH) of each replication; the warning that a gate never opens is of no use here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return engine.play(spec, first=first, compiled=compiled).rows


def timed(run: Run, compiled: bool) -> tuple[list[np.ndarray], float]:
    """The rows of a run and the processor time that it took this thread [s]."""
    start = time.thread_time()
    return rows_of(run.spec, run.first, compiled), time.thread_time() - start


def arena(follower: str | FollowerSpec, context: str, d: int = 8) -> dict[str, Any]:
    """Stream and follower of an arena; a small leak lets every direction occur in zipf contexts."""
    stream = StreamSpec(context=context, d=d, leak=0.1 if context == "zipf" else 0.0, components=min(4, d))
    return dict(stream=stream, follower=built_in(follower, d) if isinstance(follower, str) else follower)


def built_in(follower: str, d: int) -> FollowerSpec:
    """A built-in follower; the patient one with the schedule that ``theory.studies.nonmyopic`` has for d."""
    known = follower == "patient" and d in PLANNERS
    return nonmyopic.follower_of(follower, d) if known else FollowerSpec(kind=follower)


def recorded(path: str, center: bool) -> dict[str, Any]:
    """Stream, follower and learner of a recorded stream."""
    stream = StreamSpec(context="recorded", path=path, center=center)
    return dict(stream=stream, follower=FollowerSpec(kind="all"), learner=LearnerSpec(**DIGITS))


@dataclass
class Bench:
    """The part that is looked at (``kind``, ``source``) and the means to play it.

    ``how`` says in words whether it is compiled; ``jobs`` is the number of threads or processes, ``stop`` the clock
    [s] after which no check begins, ``level`` the error of an interval check.  ``reduced`` lists what was cut from
    the size, ``kept`` holds tables for later checks and the page, ``elsewhere`` the processor time of other
    processes [s], ``cost`` that of a round [us].
    """

    kind: str
    source: str
    size: Size
    jobs: int
    compiled: bool
    how: str
    stop: float
    level: float
    features: str = ""
    reduced: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    elsewhere: float = 0.0
    cost: float = 1.0

    @property
    def gate(self) -> GateSpec:
        """The user's gate."""
        return GateSpec(kind=codes.PLUGIN, path=self.source)

    @property
    def uncapped(self) -> GateSpec:
        """The user's gate without the hard cap around it."""
        return GateSpec(kind=codes.PLUGIN, path=self.source, cap=False)

    @property
    def follower(self) -> FollowerSpec:
        """The user's follower."""
        return FollowerSpec(kind=codes.PLUGIN, path=self.source)

    @property
    def learner(self) -> LearnerSpec:
        """The user's learner, with the constants of the sweep ``digits``."""
        return LearnerSpec(**DIGITS | dict(kind=codes.PLUGIN, path=self.source))

    @property
    def sets(self) -> range:
        """The seeds of the disjoint seed sets."""
        return range(self.size.sets)

    def play(self, runs: Sequence[Run]) -> pd.DataFrame:
        """The results table of the runs in their order, with the column ``arena``.

        Runs of the user's part are played plainly unless it is compiled, all others compiled.
        """
        rows: list[list[np.ndarray]] = [[] for _ in runs]
        plain = [not self.compiled and has_plugin(run.spec) for run in runs]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for prefer, is_plain in (("threads", False), ("processes", True)):
                places = [i for i, p in enumerate(plain) if p == is_plain]
                workers = min(self.jobs, len(places)) if len(places) > 3 else 1
                calls = (delayed(timed)(runs[i], not is_plain) for i in places)
                played = Parallel(n_jobs=workers, prefer=prefer)(calls) if places else []
                for i, (run_rows, seconds) in zip(places, played, strict=True):
                    rows[i] = run_rows
                    self.elsewhere += seconds if is_plain and workers > 1 else 0.0
        return tabled(runs, rows)

    def late(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() > self.stop


def has_plugin(spec: RunSpec) -> bool:
    """Whether a user's part plays in the run."""
    return codes.PLUGIN in (spec.gate.kind, spec.follower.kind, spec.learner.kind)


def tabled(runs: Sequence[Run], rows: list[list[np.ndarray]]) -> pd.DataFrame:
    """The results table of runs with these rows, with the column ``arena``."""
    frames = []
    for first in sorted({run.first for run in runs}):
        logs = [
            (run.name, RunLog(run.spec, engine.setup_of(run.spec), run_rows))
            for run, run_rows in zip(runs, rows, strict=True) if run.first == first
        ]  # fmt: skip
        frames.append(table.from_logs(logs, first))
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(arena=frame["follower"] + "/" + frame["context"])


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
        gate = GateSpec(kind=codes.PLUGIN, path=source)
        return [RunSpec(**short, **p, gate=gate) for p in (arena("ball", "free", 4), recorded("digits", True))]
    follower = FollowerSpec(kind=codes.PLUGIN, path=source)
    contexts = [c for name, c in CONTEXT_OF.items() if callable(getattr(module, name, None))]
    return [RunSpec(**short, **arena(follower, context, 4)) for context in contexts]


def microseconds(spec: RunSpec, compiled: bool, rounds: int) -> float:
    """CPU time of a round, median of a few short runs [us]."""
    spec = spec.model_copy(update=dict(T=rounds, B=max(1, rounds // 10), beta=None, record=FINAL, replications=1))
    seconds = []
    for _ in range(TIMED):
        start = time.thread_time()
        rows_of(spec, 0, compiled)
        seconds.append(time.thread_time() - start)
    return 1e6 * statistics.median(seconds) / rounds
