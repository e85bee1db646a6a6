"""Play what is missing, then tables, verdicts, figures and the report, each from the one before."""

import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from paper_repro import catalogue, cells, provenance, report
from paper_repro.plan import Job, Plan
from paper_repro.progress import tracker
from paper_repro.store import DamagedCache, Store
from sim import engine, table
from theory import claims


@dataclass(frozen=True)
class Results:
    """Tables by name (sweeps, overlays, verdicts), core seconds a sweep, folder."""

    tables: dict[str, pd.DataFrame]
    seconds: dict[str, float]
    out: Path


def play(job: Job, store: Store) -> tuple[Job, engine.RunLog, float]:
    """The result of one configuration, from the cache or computed and stored."""
    found = store.get(job.spec)
    if found is not None:
        return job, *found
    start = time.thread_time()
    result = engine.play(job.spec)
    seconds = time.thread_time() - start
    store.put(result, seconds)
    return job, result, seconds


def simulate(plan: Plan, out: Path, jobs: int) -> Results:
    """Play the plan's configurations on ``jobs`` threads; the order of rows is the plan's."""
    store = Store(out)
    for name, count in store.other_versions().items():
        print(f"note: {count} results of code version {name} in {store.root / name} are not used", flush=True)
    work = [j.seconds for j in plan.jobs]
    parts: dict[str, tuple[engine.RunLog, float]] = {}
    # Threads, because kernels release the interpreter lock and compile once for all of them.
    runs = Parallel(n_jobs=jobs, prefer="threads", return_as="generator_unordered")(
        delayed(play)(job, store) for job in sorted(plan.jobs, key=lambda j: -j.seconds)
    )
    with tracker(sum(work), len(plan.jobs)) as shown, warnings.catch_warnings():
        warnings.simplefilter("always", DamagedCache)
        warnings.simplefilter("ignore", engine.IdleGate)  # summed up per sweep below
        for job, result, seconds in runs:
            parts[job.run] = (result, seconds)
            shown.advance(job.seconds, job.sweep)
    tables, seconds_of = {}, {}
    for name in plan.sweeps:
        mine = [j.run for j in plan.jobs if j.sweep == name]
        tables[name] = table.from_logs([(run, parts[run][0]) for run in mine])
        seconds_of[name] = sum(parts[run][1] for run in mine)
        keep(tables[name], out / "tables" / f"{name}.parquet")
        idle = {
            j.spec.gate.kind for j in plan.jobs if j.sweep == name and engine.is_idle(j.spec, parts[j.run][0].setup)
        }
        if idle:
            print(
                f"note: {', '.join(sorted(idle))} can never open in some of {name} (B too small against d)", flush=True
            )
    frames, spent = cells.play_all(plan.tier, plan.studies, out, jobs)
    for name, frame in frames.items():
        keep(frame, out / "tables" / f"{name}.parquet")
    return Results(tables | frames, seconds_of | spent, out)


def keep(frame: pd.DataFrame, path: Path) -> None:
    """Write a table atomically as Parquet."""
    table.write_atomic(path, frame.to_parquet(index=False, compression="zstd"))


def verify(plan: Plan, results: Results) -> Results:
    """Add the derived tables and the verdict table."""
    tables = dict(results.tables) | catalogue.derive(results.tables)
    if plan.claims:
        tables["verdicts"] = claims.verify(tables, plan.claims)
    for name in tables.keys() - results.tables.keys():
        keep(tables[name], results.out / "tables" / f"{name}{plan.label if name == 'verdicts' else ''}.parquet")
    note = dict(provenance.collect(), tier=plan.tier.name, seed_sets=plan.tier.sets, seconds=results.seconds)
    table.write_atomic(results.out / "provenance.json", json.dumps(note, indent=1).encode())
    return Results(tables, results.seconds, results.out)


def draw(plan: Plan, results: Results) -> list[Path]:
    """Draw the plan's figures as PNG and PDF."""
    from figures.gallery import FAMILIES, save

    paths = []
    for name in plan.figures:
        paths += save(FAMILIES[name].draw(results.tables), results.out / "figures", name)
    return paths


def run(plan: Plan, out: Path, jobs: int) -> tuple[Results, Path]:
    """The whole pipeline; returns the results and the path of the HTML report."""
    results = verify(plan, simulate(plan, out, jobs))
    draw(plan, results)
    return results, report.write(plan, results.tables, results.seconds, out)
