"""Jobs of sweeps: one configuration each, all its replications, played by the engine in threads.

In the cache a configuration is one array (replications, recorded rounds, log columns), under the
digest of its spec.
"""

import io
import time

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

SECONDS_PER_UNIT = 2.5e-6  # one round at d <= 16 on one core; only used for estimates
SECONDS_PER_CONFIGURATION = 0.02


def jobs(sweep: str, tier: Tier) -> list[Job]:
    """The configurations of a sweep in their order, named "sweep/0", "sweep/1", ..."""
    return [
        Job(
            RUNS, sweep, f"{sweep}/{i}", spec.key(), SECONDS_PER_UNIT * sweeps.cost(spec) + SECONDS_PER_CONFIGURATION,
            (spec,), {"columns": log.COLUMNS, "spec": spec.model_dump(mode="json")},
        )
        for i, spec in enumerate(sweeps.SWEEPS[sweep](tier))
    ]  # fmt: skip


def play(spec: RunSpec) -> tuple[bytes, float]:
    """(rows as .npy, core seconds) of one configuration."""
    start = time.thread_time()
    rows = np.stack(engine.play(spec).rows)
    seconds = time.thread_time() - start
    buffer = io.BytesIO()
    np.save(buffer, rows)
    return buffer.getvalue(), seconds


def read(data: bytes, spec: RunSpec) -> list[np.ndarray]:
    """The rows (recorded rounds, log.WIDTH) of every replication; ValueError for another shape."""
    rows = np.load(io.BytesIO(data), allow_pickle=False)
    if rows.ndim != 3 or rows.shape[0] != spec.replications or rows.shape[2] != log.WIDTH:
        raise ValueError(f"has shape {rows.shape}, not ({spec.replications}, recorded rounds, {log.WIDTH})")
    return list(rows)


def join(parts: list[tuple[Job, list[np.ndarray]]]) -> pd.DataFrame:
    """The table of a sweep; prints a note where a gate can never open."""
    logs = [(job, RunLog(job.args[0], engine.setup_of(job.args[0]), rows)) for job, rows in parts]
    idle = {log.spec.gate.kind for _, log in logs if is_idle(log.setup)}
    if idle:
        kinds = ", ".join(sorted(idle))
        print(f"note: {kinds} can never open in some of {logs[0][0].table} (B too small against d)", flush=True)
    return table.from_logs([(job.name, log) for job, log in logs])


# Threads, because compiled rules release the interpreter lock and compile once for all of them.
RUNS = Kind("configurations", "threads", CODE, ".npy", play, read, join)
