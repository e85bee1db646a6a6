"""Jobs of sweeps: one configuration each, all its replications, played by the engine in threads.

In the cache a configuration is one array (replications, recorded rounds, log columns), under the
digest of its spec.
"""

import io
import time
from itertools import groupby

import numpy as np
import pandas as pd

from paper_repro.jobs import Job, Kind
from sim import engine, sweeps, table
from sim.rules import log
from sim.runlog import RunLog
from sim.setup import is_idle
from sim.spec import RunSpec
from sim.tiers import Tier
from sim.version import CODE
from theory.studies.study import batch

SECONDS_PER_UNIT = 2.5e-6  # one round at d <= 16 on one core; only used for estimates
SECONDS_PER_CONFIGURATION = 0.02


def jobs(sweep: str, tier: Tier, look: int = 0) -> list[Job]:
    """The configurations of a sweep in their order, named "sweep/0", "sweep/1", ...

    Look 0 plays the replications that the spec names, look 1, 2, ... as many again as there are.  The key of a
    later look is the configuration's and the first replication's.
    """
    listed = []
    for i, spec in enumerate(sweeps.SWEEPS[sweep](tier)):
        reps = batch(spec.replications, look)
        seconds = SECONDS_PER_UNIT * sweeps.cost(spec) * len(reps) / spec.replications + SECONDS_PER_CONFIGURATION
        key = f"{spec.key()}-{reps.start}" if look else spec.key()
        about = {"columns": log.COLUMNS, "spec": spec.model_dump(mode="json"), "first": reps.start}
        listed.append(Job(RUNS, sweep, f"{sweep}/{i}", key, seconds, (spec, reps.start, len(reps)), about))
    return listed


def play(spec: RunSpec, first: int, count: int) -> tuple[bytes, float]:
    """(rows as .npy, core seconds) of ``count`` replications of one configuration, from ``first`` on."""
    start = time.thread_time()
    rows = np.stack(engine.play(spec.model_copy(update={"replications": count}), first=first).rows)
    seconds = time.thread_time() - start
    buffer = io.BytesIO()
    np.save(buffer, rows)
    return buffer.getvalue(), seconds


def read(data: bytes, spec: RunSpec, first: int, count: int) -> list[np.ndarray]:
    """The rows (recorded rounds, log.WIDTH) of every replication; ValueError for another shape."""
    rows = np.load(io.BytesIO(data), allow_pickle=False)
    if rows.ndim != 3 or rows.shape[0] != count or rows.shape[2] != log.WIDTH:
        raise ValueError(f"has shape {rows.shape}, not ({count}, recorded rounds, {log.WIDTH})")
    return list(rows)


def join(parts: list[tuple[Job, list[np.ndarray]]]) -> pd.DataFrame:
    """The table of a sweep; prints a note where a gate can never open."""
    logs = [(job, RunLog(job.args[0], engine.setup_of(job.args[0]), rows)) for job, rows in parts]
    idle = {log.spec.gate.kind for _, log in logs if is_idle(log.setup)}
    if idle:
        kinds = ", ".join(sorted(idle))
        print(f"note: {kinds} can never open in some of {logs[0][0].table} (B too small against d)", flush=True)
    batches = [list(some) for _, some in groupby(logs, key=lambda pair: pair[0].args[1])]
    frames = [table.from_logs([(job.name, log) for job, log in some], some[0][0].args[1]) for some in batches]
    return pd.concat(frames, ignore_index=True)


# Threads, because compiled rules release the interpreter lock and compile once for all of them.
RUNS = Kind("configurations", "threads", CODE, ".npy", play, read, join)
