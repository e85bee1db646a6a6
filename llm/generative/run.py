"""Studies of a generative model from end to end: data, model, streams, every missing cell, two tables.

``<out>/cells`` holds every finished cell, named by all that its numbers depend on, the source code included: a run
may be killed at any moment and the same command goes on.  A *unit* is one replication of a study: its stream is
prepared once for all gates.  Units run in ``jobs`` processes of one thread each; results do not depend on it.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from llm import sources, text
from llm.errors import CacheError
from llm.generative import pairs, pools, tables
from llm.generative.spec import Cell, LmSpec
from llm.spec import ModelSpec
from sim.files import write_atomic

ROOM = Path(__file__).parent.parent
OUTSIDE = ("__main__", "run", "tables", "tiers", "tiny", "command")  # of this room: no number depends on them
AROUND = (
    "__main__",
    "options",
    "run",
    "streams",
    "tables",
    "trainer",
    "budgeted",
    "packaged",
    "loading",
    "errors",
)  # of llm
RIDGE = "frozen/ridge"  # all of frozen mode that is played here
Note = Callable[[str], None]


class Unit(NamedTuple):
    """The missing cells of one replication of a study."""

    spec: LmSpec
    cells: list[Cell]


class Plan(NamedTuple):
    """Studies with their cells; ``units`` are the missing ones, replication by replication."""

    specs: list[tuple[LmSpec, list[Cell]]]
    units: list[Unit]

    @property
    def total(self) -> int:
        """Number of cells, finished ones included."""
        return sum(len(cells) for _, cells in self.specs)

    @property
    def missing(self) -> int:
        """Number of cells that are not finished."""
        return sum(len(unit.cells) for unit in self.units)


def code() -> str:
    """Digest (12 hex digits) of the source that the numbers depend on: this package's and the simulator's."""
    around = {*AROUND, *(f"generative/{name}" for name in OUTSIDE)}
    return sources.digest(ROOM, lambda name: name not in around and (name == RIDGE or not name.startswith("frozen/")))


def plan(specs: list[LmSpec], out: Path) -> Plan:
    """Read the data, find the models' digests and list the cells.

    Raises what reading data and models raises, and CacheError if ``out`` is no folder.
    """
    if out.exists() and not out.is_dir():
        raise CacheError(f"{out} is a file; give a folder with --out")
    listed, units, source = [], [], code()
    for spec in specs:
        digest = spec.digest(content(spec), model(spec.model).digest(), source)
        cells = spec.cells(digest)
        listed.append((spec, cells))
        for replication in range(spec.replications):
            own = [c for c in cells if c.replication == replication]
            left = [c for c in own if not tables.kept(out / "cells", c).finished()]
            if left:
                units.append(Unit(spec, left))
    units.sort(key=lambda unit: unit.cells[0].replication)  # every study's first replication comes first
    return Plan(listed, units)


def run(planned: Plan, out: Path, jobs: int = 1, note: Note | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Play what is missing; returns (results, times), also written to ``out`` as lm_runs and lm_times .parquet."""
    from joblib import Parallel, delayed

    work = [delayed(play_unit)(unit, out, note if jobs == 1 else None) for unit in planned.units]
    for unit in Parallel(n_jobs=jobs, return_as="generator_unordered")(work):
        if note:
            note(unit)
    found, timed = collect(planned, out)
    for name, frame in (("lm_runs", found), ("lm_times", timed)):
        write_atomic(out / f"{name}.parquet", frame.to_parquet(index=False, compression="zstd"))
    return found, timed


def collect(planned: Plan, out: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(results, times) of the cells that are finished, which may be a part of them."""
    rows: list[dict[str, Any]] = []
    times: list[dict[str, Any]] = []
    for spec, cells in planned.specs:
        longer = pairs.longer(pools_of(spec)) if spec.mode == "preferences" else math.nan
        for cell in cells:
            loaded = tables.load(out / "cells", cell)
            if loaded is not None:
                name = tables.named(spec, cell, longer)
                rows += [name | row for row in loaded[0]]
                times.append(name | cell.told() | loaded[1])
    return tables.results(rows), tables.times(times)


def play_unit(unit: Unit, out: Path, note: Note | None = None) -> str:
    """Play the missing cells of one replication, on one thread; returns a line about it."""
    import torch
    from threadpoolctl import threadpool_limits

    from llm.generative import play
    from llm.generative.stream import Stream

    spec, threads = unit.spec, torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            stream = Stream(spec, pools_of(spec), language(spec), unit.cells[0].replication)
            for cell in unit.cells:
                rows, timing = play.cell_rows(spec, cell, stream)
                tables.save(out / "cells", cell, rows, timing)
                if note:
                    note(line(spec, cell, rows, timing))
    finally:
        torch.set_num_threads(threads)
    return f"{spec.data.name} {spec.mode} replication {unit.cells[0].replication}: {len(unit.cells)} cells"


def line(spec: LmSpec, cell: Cell, rows: list[dict[str, Any]], timing: dict[str, Any]) -> str:
    """A cell in a line: what it bought and how it ended."""
    kind = "tuned" if cell.tuned else "predicted"
    scores = ", ".join(f"{r['method']} {r['scorer']:.3f}" for r in rows if r["scorer"] == r["scorer"])
    return (
        f"{spec.data.name} {cell.mode} {kind} {cell.gate} replication {cell.replication}: {rows[0]['labels']} of "
        f"{cell.B} labels in {cell.T} rounds, {rows[0]['mistakes']} mistakes{', ' if scores else ''}{scores}, "
        f"{timing['seconds_total']:.0f} s"
    )


@lru_cache(maxsize=2)
def model(spec: ModelSpec) -> Any:
    """The pretrained model of a description."""
    from llm import model as models

    return models.load(spec.name, spec.device, spec.dtype, spec.pooling, spec.max_length)


def language(spec: LmSpec) -> Any:
    """The model split into trunk and top."""
    from llm.generative.language import Language

    return Language(model(spec.model), spec.tune.layers, spec.template)


@lru_cache(maxsize=16)
def pools_of(spec: LmSpec) -> pools.Pools:
    """The prompts and candidates of a study."""
    return pairs.load(spec.data) if spec.mode == "preferences" else pools.of(text.load(spec.data), spec.candidates)


def content(spec: LmSpec) -> str:
    """Hash (32 hex digits) of the prompts, candidates and gold answers."""
    p = pools_of(spec)
    h = hashlib.sha256()
    for part in (p.prompts, p.answers, p.gold.tolist(), p.held_prompts, p.held_answers, p.held_gold.tolist()):
        h.update(repr(part).encode())
    return h.hexdigest()[:32]


def missing_lines(planned: Plan) -> Iterator[str]:
    """What is left to do, a line a study."""
    for spec, cells in planned.specs:
        left = sum(len(u.cells) for u in planned.units if u.spec is spec)
        yield f"{spec.data.name} {spec.mode}: {len(cells)} cells, {left} to play"
