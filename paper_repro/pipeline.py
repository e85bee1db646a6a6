"""Play what is missing, then tables, verdicts, figures and the report, each from the one before."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from paper_repro import backend, catalogue, drawing, jobs, provenance, report
from paper_repro.plan import Plan
from sim.files import write_atomic
from sim.version import CODE
from theory import claims


@dataclass(frozen=True)
class Results:
    """Tables by name (sweeps, overlays, verdicts), core seconds a sweep, folder."""

    tables: dict[str, pd.DataFrame]
    seconds: dict[str, float]
    out: Path


def simulate(plan: Plan, out: Path, place: backend.Where) -> Results:
    """Play the plan's jobs and write its tables; the order of rows is the plan's, wherever they are played."""
    results = collect(plan.jobs, out, place)
    tables, seconds = {}, {}
    for name, parts in jobs.by_table(plan.jobs).items():
        tables[name] = parts[0].kind.join([(job, results[job.key][0]) for job in parts])
        seconds[name] = sum(results[job.key][1] for job in parts)
        keep(tables[name], out / "tables" / f"{name}.parquet")
    return Results(tables, seconds, out)


def prefill(plan: Plan, out: Path, place: backend.Where, shard: jobs.Shard) -> str:
    """Play one shard of the plan into the cache and write no table; returns a line that says so."""
    mine = jobs.share(plan.jobs, shard)
    collect(mine, out, place)
    kinds = [job.kind.plural for job in mine]
    counts = f"{kinds.count('configurations')} configurations and {kinds.count('cells')} cells"
    return f"shard {shard.number}/{shard.of}: {counts} are in {out / 'cache'}"


def collect(chosen: Sequence[jobs.Job], out: Path, place: backend.Where) -> dict[str, tuple[Any, float]]:
    """``jobs.collect`` at a place; says which results in the output folder belong to other code."""
    for version, count in jobs.versions(out).items():
        if version != CODE:
            folder = out / "cache" / version
            print(f"note: {count} results of code version {version} in {folder} are not used", flush=True)
    with backend.connect(place) as each:
        return jobs.collect(chosen, out, each)


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
