"""Studies, cell by cell: what is missing is played in processes and kept with a checksum.

A cell's key covers its arguments and the source of everything that could change its rows, so an
edit of theory plays the studies again, and nothing else.  Linear algebra runs on one thread in every
process: the rows do not depend on how many there are, nor on where they are.
"""

import hashlib
import io
import json
import threading
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from paper_repro import backend, catalogue
from paper_repro.progress import tracker
from paper_repro.store import DamagedCache
from paper_repro.version import SOURCE
from sim.files import write_atomic
from sim.tiers import Tier
from theory.studies.study import Study

Job = tuple[Study, dict[str, Any]]
_ALONE = threading.Lock()  # a worker with several threads plays one cell at a time


def folder_of(out: Path) -> Path:
    """Where the cells of an output folder lie, under this version of the code."""
    return out / "cache" / f"studies-{SOURCE}"


def path_of(folder: Path, study: Study, cell: dict[str, Any]) -> Path:
    """Where the rows of a cell lie or will lie."""
    key = hashlib.sha256(json.dumps([study.name, cell], sort_keys=True).encode()).hexdigest()[:32]
    return folder / f"{study.name}-{key}.parquet"


def kept(path: Path) -> tuple[pd.DataFrame, float] | None:
    """(rows, core seconds) of a finished cell; None if there is none or it is damaged (with a warning)."""
    note = path.with_suffix(".json")
    if not (path.is_file() and note.is_file()):
        return None
    try:
        data, said = path.read_bytes(), json.loads(note.read_text())
        if said["sha256"] != hashlib.sha256(data).hexdigest():
            raise ValueError("does not match its checksum: it was truncated or edited")
        return pd.read_parquet(io.BytesIO(data)), float(said["seconds"])
    except (ValueError, KeyError, TypeError, OSError) as error:
        warnings.warn(f"{path} {error}; it will be computed again", DamagedCache, stacklevel=2)
        return None


def play(study: Study, cell: dict[str, Any]) -> tuple[bytes, float]:
    """(rows as Parquet, core seconds) of a cell."""
    with _ALONE, threadpool_limits(1):
        start = time.process_time()
        frame = study.play(**cell)
        seconds = time.process_time() - start
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue(), seconds


def put(path: Path, cell: dict[str, Any], data: bytes, seconds: float) -> None:
    """Keep the rows of a cell atomically, the note with the checksum last."""
    write_atomic(path, data)
    note = dict(sha256=hashlib.sha256(data).hexdigest(), seconds=round(seconds, 4), cell=cell)
    write_atomic(path.with_suffix(".json"), json.dumps(note).encode())


def listed(tier: Tier, names: tuple[str, ...]) -> list[Job]:
    """The cells of the named studies, dearest first."""
    asked = [(study, cell) for study in map(catalogue.STUDIES.get, names) if study for cell in study.cells(tier)]
    return sorted(asked, key=lambda job: -job[0].seconds)


def fill(asked: Sequence[Job], folder: Path, each: backend.Each) -> None:
    """Play the cells that are missing in a folder, and keep them as they arrive."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", DamagedCache)
        missing = [(study, cell) for study, cell in asked if kept(path_of(folder, study, cell)) is None]
    with tracker(sum(study.seconds for study, _ in missing), len(missing), "cells") as shown:
        # Processes, because solvers and warning filters are not made for threads.
        for i, (data, seconds) in each(play, missing, "processes"):
            study, cell = missing[i]
            put(path_of(folder, study, cell), cell, data, seconds)
            shown.advance(study.seconds, study.name)


def play_all(
    tier: Tier, names: tuple[str, ...], out: Path, each: backend.Each
) -> tuple[dict[str, pd.DataFrame], dict[str, float]]:
    """(table, core seconds) of every named study; rows in the order of its cells."""
    folder, asked = folder_of(out), listed(tier, names)
    fill(asked, folder, each)
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in names}
    seconds = dict.fromkeys(names, 0.0)
    for study, cell in asked:
        found = kept(path_of(folder, study, cell))
        if found is None:
            raise OSError(f"the rows of {study.name} {cell} cannot be read back from {folder}; check the disk")
        frames[study.name].append(found[0])
        seconds[study.name] += found[1]
    return {name: pd.concat(parts, ignore_index=True) for name, parts in frames.items()}, seconds
