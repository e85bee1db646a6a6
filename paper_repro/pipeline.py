"""Play what is missing, then tables, verdicts, figures and the report, each from the one before."""

import json
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from paper_repro import backend, catalogue, cells, drawing, provenance, report
from paper_repro.plan import Job, Plan
from paper_repro.progress import tracker
from paper_repro.shard import Shard, part
from paper_repro.store import DamagedCache, Store
from sim import engine, table
from sim.files import write_atomic
from sim.runlog import RunLog
from sim.setup import is_idle
from sim.spec import RunSpec
from theory import claims


@dataclass(frozen=True)
class Results:
    """Tables by name (sweeps, overlays, verdicts), core seconds a sweep, folder."""

    tables: dict[str, pd.DataFrame]
    seconds: dict[str, float]
    out: Path


def play(spec: RunSpec) -> tuple[np.ndarray, float]:
    """Rows (replications, records, log.WIDTH) of one configuration, and core seconds."""
    start = time.thread_time()
    rows = np.stack(engine.play(spec).rows)
    return rows, time.thread_time() - start


def collect(jobs: Sequence[Job], store: Store, each: backend.Each) -> dict[str, tuple[RunLog, float]]:
    """(log, core seconds) by the spec's key, from the store or else played and stored as results arrive."""
    specs = {job.spec.key(): job for job in sorted(jobs, key=lambda j: -j.seconds)}
    with warnings.catch_warnings():
        warnings.simplefilter("always", DamagedCache)
        warnings.simplefilter("ignore", engine.IdleGate)  # summed up per sweep in ``simulate``
        logs = {key: found for key, job in specs.items() if (found := store.get(job.spec)) is not None}
        missing = [job for key, job in specs.items() if key not in logs]
        with tracker(sum(j.seconds for j in missing), len(missing)) as shown:
            # Threads, because kernels release the interpreter lock and compile once for all of them.
            for i, (rows, seconds) in each(play, [(job.spec,) for job in missing], "threads"):
                spec = missing[i].spec
                log = RunLog(spec, engine.setup_of(spec), list(rows))
                store.put(log, seconds)
                logs[spec.key()] = (log, seconds)
                shown.advance(missing[i].seconds, missing[i].sweep)
    return logs


def opened(out: Path) -> Store:
    """The store of an output folder; says which results in it belong to other code."""
    store = Store(out)
    for name, count in store.other_versions().items():
        print(f"note: {count} results of code version {name} in {store.root / name} are not used", flush=True)
    return store


def simulate(plan: Plan, out: Path, place: backend.Where) -> Results:
    """Play the plan's configurations and cells; the order of rows is the plan's, wherever they are played."""
    store = opened(out)
    with backend.connect(place) as each:
        logs = collect(plan.jobs, store, each)
        frames, spent = cells.play_all(plan.tier, plan.studies, out, each)
    tables, seconds_of = {}, {}
    for name in plan.sweeps:
        mine = [(j, *logs[j.spec.key()]) for j in plan.jobs if j.sweep == name]
        tables[name] = table.from_logs([(job.run, log) for job, log, _ in mine])
        seconds_of[name] = sum(seconds for _, _, seconds in mine)
        idle = {job.spec.gate.kind for job, log, _ in mine if is_idle(log.setup)}
        if idle:
            kinds = ", ".join(sorted(idle))
            print(f"note: {kinds} can never open in some of {name} (B too small against d)", flush=True)
    for name, frame in (tables | frames).items():
        keep(frame, out / "tables" / f"{name}.parquet")
    return Results(tables | frames, seconds_of | spent, out)


def prefill(plan: Plan, out: Path, place: backend.Where, shard: Shard) -> str:
    """Play one shard of the plan into the cache and write no table; returns a line that says so."""
    jobs = list({job.spec.key(): job for job in plan.jobs}.values())
    mine = part(sorted(jobs, key=lambda j: (-j.seconds, j.run)), shard)
    listed = part(cells.listed(plan.tier, plan.studies), shard)
    with backend.connect(place) as each:
        collect(mine, opened(out), each)
        cells.fill(listed, cells.folder_of(out), each)
    return f"shard {shard.number}/{shard.of}: {len(mine)} configurations and {len(listed)} cells are in {out / 'cache'}"


def keep(frame: pd.DataFrame, path: Path) -> None:
    """Write a table atomically as Parquet."""
    write_atomic(path, frame.to_parquet(index=False, compression="zstd"))


def verify(plan: Plan, results: Results) -> Results:
    """Add the derived tables and the verdict table."""
    tables = dict(results.tables) | catalogue.derive(results.tables)
    if plan.claims:
        tables["verdicts"] = claims.verify(tables, plan.claims)
    for name in tables.keys() - results.tables.keys():
        keep(tables[name], results.out / "tables" / f"{name}{plan.label if name == 'verdicts' else ''}.parquet")
    note = dict(provenance.collect(), tier=plan.tier.name, seed_sets=plan.tier.sets, seconds=results.seconds)
    write_atomic(results.out / "provenance.json", json.dumps(note, indent=1).encode())
    return Results(tables, results.seconds, results.out)


def draw(plan: Plan, results: Results) -> list[Path]:
    """Draw the plan's figures as PNG and PDF."""
    return drawing.write(plan.figures, results.tables, results.out / "figures")


def run(plan: Plan, out: Path, place: backend.Where) -> tuple[Results, Path]:
    """The whole pipeline; returns the results and the path of the HTML report."""
    results = verify(plan, simulate(plan, out, place))
    draw(plan, results)
    return results, report.write(plan, results.tables, results.seconds, out)
