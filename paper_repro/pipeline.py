"""Play what is missing, then tables, verdicts, figures and the report, each from the one before."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from paper_repro import backend, catalogue, drawing, jobs, provenance, report
from paper_repro.plan import Plan, jobs_of
from sim.files import write_atomic
from sim.version import CODE
from theory import claims
from theory.ledger import INCONCLUSIVE


@dataclass(frozen=True)
class Results:
    """Tables by name (sweeps, overlays, verdicts), core seconds a sweep, folder."""

    tables: dict[str, pd.DataFrame]
    seconds: dict[str, float]
    out: Path


def simulate(plan: Plan, out: Path, place: backend.Where) -> Results:
    """Play the plan's first look and write its tables; the order of rows is the plan's, wherever they are played."""
    return extended(Results({}, {}, out), plan.jobs, place)


def extended(results: Results, chosen: Sequence[jobs.Job], place: backend.Where) -> Results:
    """The results with the rows that the jobs play, each table's below those it has; its tables are written."""
    played = collect(chosen, results.out, place)
    tables, seconds = dict(results.tables), dict(results.seconds)
    for name, parts in jobs.by_table(chosen).items():
        rows = parts[0].kind.join([(job, played[job.key][0]) for job in parts])
        tables[name] = pd.concat([tables[name], rows], ignore_index=True) if name in tables else rows
        seconds[name] = seconds.get(name, 0.0) + sum(played[job.key][1] for job in parts)
        keep(tables[name], results.out / "tables" / f"{name}.parquet")
    return Results(tables, seconds, results.out)


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


def decide(plan: Plan, results: Results, place: backend.Where) -> tuple[Results, pd.DataFrame]:
    """Judge the plan's claims, and play more replications for those that stay INCONCLUSIVE, up to the tier's looks.

    A claim that is decided keeps its verdict.  Whether there is another look depends on the data alone, and a
    claim is judged on the same replications whatever else was asked for: its tables have grown at every look
    that it has seen.
    """
    rows: dict[str, pd.DataFrame] = {}
    undecided, shipped = plan.claims, catalogue.shipped()
    for look in range(plan.tier.looks):
        judged = claims.verify(results.tables | shipped, undecided, look)
        rows |= {str(row["id"].iloc[0]): row for _, row in judged.groupby("id")}
        undecided = tuple(judged.loc[judged["verdict"] == INCONCLUSIVE, "id"])
        wanted = {name for claim in claims.LEDGER if claim.id in undecided for name in claim.tables}
        more = jobs_of(wanted, plan.tier, look + 1) if look + 1 < plan.tier.looks else ()
        grown = {job.table for job in more}
        undecided = tuple(c.id for c in claims.LEDGER if c.id in undecided and grown & set(c.tables))
        if not undecided:
            break
        print(f"look {look + 2}: {len(undecided)} claims are open ({', '.join(undecided)})", flush=True)
        results = extended(results, more, place)
    return results, pd.concat([rows[name] for name in plan.claims], ignore_index=True)


def verify(plan: Plan, results: Results, place: backend.Where) -> Results:
    """Add the verdict table, with the replications that it needed, and the derived tables."""
    verdicts = {}
    if plan.claims:
        results, verdicts["verdicts"] = decide(plan, results, place)
    tables = dict(results.tables) | catalogue.derive(results.tables) | verdicts
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
    results = verify(plan, simulate(plan, out, place), place)
    draw(plan, results)
    return results, report.write(plan, results.tables, results.seconds, out)
