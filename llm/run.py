"""A study of a language model from end to end: data, model, features, every missing cell, tables.

``<out>/cells`` holds every finished cell (``llm.spec.Cell``) in files of its own, so that a run may be
killed at any moment and the same command goes on; ``<out>/results.parquet`` and ``timings.parquet``
are made from them at the end.  A cell's file is named by everything that its numbers depend on, the
source code included, so no other configuration and no other version reads it.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pandas as pd

from llm import sources, streams, tables, text
from llm.errors import CacheError
from llm.frozen import play as frozen
from llm.spec import Cell, StudySpec
from sim.files import write_atomic

Arrival = tuple[Cell, tables.Played]
ROOM = Path(__file__).parent
FROZEN = ("spec", "streams", "tables", "frozen/candidates", "frozen/play", "frozen/ridge")  # all that frozen mode reads
AROUND = (
    "__main__",
    "options",
    "run",
    "text",
    "errors",
    "trainer",
    "budgeted",
    "frozen/features",
)  # no number depends on them

ELSEWHERE = "generative/"  # modes of its own


class Plan(NamedTuple):
    """A study with its data, its model and its cells; ``done`` are the cells that are finished already."""

    spec: StudySpec
    data: text.Data
    model: Any
    cells: list[Cell]
    done: set[Cell]


class Listener(Protocol):
    """Who hears how far a run is: texts encoded, rounds played, and cells finished, with labels spent."""

    def encoded(self, texts: int) -> None:
        return

    def playing(self, cell: Cell, t: int, labels: int) -> None:
        return

    def finished(self, cell: Cell, labels: int, mistakes: int, seconds: float) -> None:
        return


class Silent(Listener):
    """A listener that says nothing."""


def code(mode: str) -> str:
    """Digest (12 hex digits) of the source that determines a mode's numbers: this package's and the simulator's."""
    if mode == "frozen":
        return sources.digest(ROOM, FROZEN.__contains__)
    return sources.digest(ROOM, lambda name: name not in AROUND and not name.startswith(ELSEWHERE))


def plan(spec: StudySpec, out: Path, model: Any = None) -> Plan:
    """Read the data, load the model (or take the given one) and list the cells.

    Raises what ``text.load`` and ``model.load`` raise, and CacheError if ``out`` is no folder.
    """
    if out.exists() and not out.is_dir():
        raise CacheError(f"{out} is a file; give a folder with --out")
    data = text.load(spec.data)
    streams.check(len(data.texts), spec.rounds)
    if spec.mode == "frozen":
        frozen.check(spec, data)
    if model is None:
        from llm import model as models

        m = spec.model
        model = models.load(m.name, m.device, m.dtype, m.pooling, m.max_length)
    cells = spec.cells(spec.digest(data.digest(), model.digest(), code(spec.mode)))
    done = {c for c in cells if tables.kept(out / "cells", c).finished()}
    return Plan(spec, data, model, cells, done)


def run(study: Plan, out: Path, jobs: int = 1, cache: Path | None = None, listener: Listener | None = None):
    """Play what is missing; returns (results, timings), both also written to ``out``."""
    heard = listener or Silent()
    cells = [c for c in study.cells if c not in study.done]
    if study.spec.mode == "finetune":
        arriving = _finetuned(study, cells, out, heard)
    else:
        arriving = _frozen(study, cells, jobs, cache or out / "features", heard)
    for cell, played in arriving:
        frame = tables.frame(study.spec, cell, study.data.K, played)
        tables.save_cell(out / "cells", cell, frame, tables.timing(study.spec, cell, played))
        last = frame.iloc[-1]
        heard.finished(cell, int(last["labels"]), int(last["mistakes"]), played.seconds.get("total", 0.0))
    return collect(study, out)


def collect(study: Plan, out: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of all cells, from their files, written as results and timings."""
    loaded = [tables.load_cell(out / "cells", cell) for cell in study.cells]
    missing = sum(cell is None for cell in loaded)
    if missing:
        raise CacheError(f"{missing} of {len(loaded)} cells are not finished in {out / 'cells'}; run the study again")
    whole = [cell for cell in loaded if cell is not None]
    results = tables.joined([frame for frame, _ in whole], tables.SCHEMA)
    timings = tables.joined([pd.DataFrame([row]) for _, row in whole], tables.TIMINGS)
    for name, frame in (("results", results), ("timings", timings)):
        write_atomic(out / f"{name}.parquet", frame.to_parquet(index=False, compression="zstd"))
    write_atomic(out / "study.json", study.spec.model_dump_json(indent=1).encode())
    return results, timings


def _frozen(study: Plan, cells: list[Cell], jobs: int, cache: Path, heard: Listener) -> Iterator[Arrival]:
    from joblib import Parallel, delayed

    if cells:
        ready = frozen.encode(study.spec, study.data, study.model, cache, heard.encoded)
        work = (delayed(frozen.play_cell)(study.spec, cell, study.data, ready) for cell in cells)
        yield from zip(cells, Parallel(n_jobs=jobs, return_as="generator")(work), strict=True)


def _finetuned(study: Plan, cells: list[Cell], out: Path, heard: Listener) -> Iterator[Arrival]:
    from llm.tuned import checkpoint
    from llm.tuned import play as tuned

    for cell in cells:
        folder = out / "checkpoints" / cell.key()
        yield (
            cell,
            tuned.run_cell(study.spec, study.data, study.model, cell, folder, partial(heard.playing, cell)).played,
        )
        checkpoint.clear(folder)  # the caller has kept the cell's rows by now
