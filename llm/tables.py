"""Results of a study: the simulator's table with what a model adds, and timings apart from it.

The results depend on the study alone, so the same study gives the same bytes; seconds and memory,
which do not, stand in a table of their own, joined on ``key``.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from llm.errors import CacheError
from llm.spec import Cell, StudySpec
from sim import table
from sim.files import Kept
from sim.runlog import RunLog
from sim.setup import build

ADDED: dict[str, tuple[str, str, str]] = {
    "data": ("str", "", "data set"),
    "model": ("str", "", "pretrained model"),
    "mode": ("str", "", "frozen or finetune"),
    "stream": ("str", "", "order of arrival: iid, drift or zipf"),
    "head_accuracy_logistic": (
        "float64",
        "share",
        "held-out accuracy of a logistic head on the labels bought by T (frozen), or of the trained head (finetune)",
    ),
    "head_accuracy_refit": (
        "float64",
        "share",
        "held-out accuracy of the pretrained model trained afresh on the labels bought by T (finetune)",
    ),
}
SCHEMA = ADDED | table.SCHEMA
SECONDS = ("features", "scoring", "gate", "train", "evaluate", "head", "total")
TIMINGS: dict[str, tuple[str, str, str]] = {
    "key": ("str", "", "digest of the cell"),
    "data": ("str", "", "data set"),
    "model": ("str", "", "pretrained model"),
    "mode": ("str", "", "frozen or finetune"),
    "stream": ("str", "", "order of arrival"),
    "gate": ("str", "", "gate with its constants"),
    "B": ("int64", "labels", "budget"),
    "T": ("int64", "rounds", "horizon"),
    "replication": ("int64", "", "replication within the seed set"),
    **{f"seconds_{name}": ("float64", "s", f"wall time: {name}") for name in SECONDS},
    "peak_memory": ("float64", "MiB", "largest memory of the process (or device) so far"),
}


class Played(NamedTuple):
    """What playing a cell gives: rows (R, log.WIDTH) at the recorded rounds, the width d of the
    features, the logistic head's held-out accuracy (NaN: none), seconds by ``SECONDS`` [s] (absent
    parts 0), peak memory [MiB]; after fine-tuning also the trained head's accuracy at the recorded
    rounds (R,) and that of pretrained weights trained afresh on the bought labels (NaN: not asked)."""

    rows: np.ndarray
    d: int
    head: float
    seconds: dict[str, float]
    peak_memory: float
    heads: np.ndarray | None = None
    refit: float = float("nan")


def frame(spec: StudySpec, cell: Cell, K: int, played: Played) -> pd.DataFrame:
    """The results table of one cell; the head's accuracy stands in its last row."""
    run = spec.run_of(cell)
    log = RunLog(run, build(run, played.d, K), [played.rows])
    rows = table.from_log(f"{spec.data.name}/{cell.stream}", log, cell.replication)
    head = np.full(len(rows), np.nan)
    head[-1] = played.head
    if played.heads is not None:
        head[:] = played.heads
    refit = np.full(len(rows), np.nan)
    refit[-1] = played.refit
    heads = dict(head_accuracy_logistic=head, head_accuracy_refit=refit)
    source = dict(data=spec.data.name, model=spec.model.name, mode=cell.mode, stream=cell.stream)
    return typed(rows.assign(**source, **heads, gate=cell.gate, key=cell.key()), SCHEMA)


def timing(spec: StudySpec, cell: Cell, played: Played) -> dict[str, Any]:
    """One row of the timings table."""
    seconds = {f"seconds_{name}": played.seconds.get(name, 0.0) for name in SECONDS}
    row = dict(data=spec.data.name, model=spec.model.name, key=cell.key(), peak_memory=played.peak_memory)
    return row | {k: getattr(cell, k) for k in ("mode", "stream", "gate", "B", "T", "replication")} | seconds


def typed(frame: pd.DataFrame, schema: dict[str, tuple[str, str, str]]) -> pd.DataFrame:
    """Order and type the columns by a schema; raises TableError on a missing one."""
    missing = set(schema) - set(frame)
    if missing:
        raise table.TableError(f"missing columns {sorted(missing)}")
    return frame[list(schema)].astype({c: kind for c, (kind, _, _) in schema.items()}).reset_index(drop=True)


def joined(frames: Sequence[pd.DataFrame], schema: dict[str, tuple[str, str, str]]) -> pd.DataFrame:
    """Several tables of one schema as one."""
    return typed(pd.concat(frames, ignore_index=True), schema)


def kept(folder: Path, cell: Cell) -> Kept:
    """Where the table of a cell lies or will lie; damage, or another cell's table, is a CacheError."""
    advice = "delete it and its .json to play the cell again, or give another folder with --out"
    return Kept(folder / f"{cell.key()}.parquet", CacheError, advice, about={"cell": list(cell)})


def save_cell(folder: Path, cell: Cell, rows: pd.DataFrame, timings: dict[str, Any]) -> None:
    """Write ``<key>.parquet`` and, last, ``<key>.json`` with the cell, its timings and the sha256."""
    kept(folder, cell).put(rows.to_parquet(index=False, compression="zstd"), {"timings": timings})


def load_cell(folder: Path, cell: Cell) -> tuple[pd.DataFrame, dict[str, Any]] | None:
    """A finished cell's table and timings; None where there is none.

    Raises CacheError if the files are damaged or hold another cell.
    """
    return kept(folder, cell).get(
        lambda data, note: (typed(pd.read_parquet(io.BytesIO(data)), SCHEMA), dict(note["timings"]))
    )


def summary(results: pd.DataFrame) -> pd.DataFrame:
    """Per (data, stream, gate, B): means and standard errors over replications at the last round."""
    last = results[results["t"] == results["T"]]
    groups = last.groupby(["data", "mode", "stream", "beta", "gate"], sort=False)
    columns = ["labels", "mistakes", "mistakes_queried", "accuracy", "head_accuracy_logistic"]
    means, errors = groups[columns].mean(), groups[columns].sem(ddof=1).add_suffix("_se")
    return means.join(errors).join(groups.size().rename("replications")).reset_index()
