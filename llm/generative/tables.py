"""Results of a study of a generative model: one row a cell and method, timings apart, cells kept as they finish."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from llm.errors import CacheError
from llm.generative.spec import Cell, LmSpec
from sim.files import Kept

COLUMNS: dict[str, tuple[str, str]] = {
    "data": ("str", "data set"),
    "model": ("str", "pretrained model"),
    "mode": ("str", "answers or preferences"),
    "tuned": ("bool", "False: the gates on recorded features of the untuned model, the simulator's prediction"),
    "method": ("str", "objective: sft, a preference method, or none"),
    "gate": ("str", "gate with its constants"),
    "B": ("int64", "budget [labels]"),
    "T": ("int64", "horizon [rounds]"),
    "N": ("int64", "candidate answers"),
    "M": ("int64", "alternatives shown beside the gold"),
    "seed": ("int64", "seed set"),
    "replication": ("int64", "replication within the seed set"),
    "labels": ("int64", "labels bought"),
    "labels_free": ("int64", "labels by the model's own margin, not paid for"),
    "mistakes": ("int64", "rounds whose pick was not the gold"),
    "mistakes_queried": ("int64", "the same, of the rounds that were bought"),
    "accuracy": ("float64", "held-out accuracy of the leader's ridge, all candidates shown"),
    "scorer": ("float64", "held-out accuracy of the model's own score: likelihood a token, or implicit reward"),
    "scorer_before": ("float64", "the same (preferences: the reference's log-probability) before tuning"),
    "policy_ranking": ("float64", "share of held-out pairs whose preferred answer is likelier (preferences)"),
    "loss": ("float64", "held-out DPO loss [nats] (preferences)"),
    "longer": ("float64", "share of held-out pairs whose longer answer is preferred (preferences)"),
    "identity_pairs": ("int64", "held-out pairs on which the ranking identity was checked"),
    "identity_wrong": ("int64", "of these, pairs that break it"),
    "refits": ("int64", "fits on growth of the determinant"),
    "refit_bound": ("float64", "1 + D_B / refit_growth"),
    "psi": ("float64", "information bought, log det V - log det lam I [nats]"),
    "tokens": ("int64", "tokens through the top layers, in training and scoring"),
    "key": ("str", "digest of the cell"),
}
PARTS = ("prepare", "features", "scoring", "gate", "train", "evaluate", "total")
NAMES = ("data", "model", "mode", "tuned", "gate", "B", "T", "seed", "replication", "key")
TIMES = (
    {name: COLUMNS[name][0] for name in NAMES} | {f"seconds_{p}": "float64" for p in PARTS} | {"peak_memory": "float64"}
)


def kept(folder: Path, cell: Cell) -> Kept:
    """Where a cell's rows lie or will lie; damage is a CacheError."""
    advice = "delete it and its note to play the cell again, or give another folder with --out"
    return Kept(folder / f"{cell.key()}.rows", CacheError, advice, about={"cell": list(cell)})


def save(folder: Path, cell: Cell, rows: list[dict[str, Any]], timing: dict[str, Any]) -> None:
    """Write the rows and the timing of a finished cell."""
    kept(folder, cell).put(json.dumps({"rows": rows, "timing": timing}).encode())


def load(folder: Path, cell: Cell) -> tuple[list[dict[str, Any]], dict[str, Any]] | None:
    """Rows and timing of a finished cell; None where there is none.  Raises CacheError for damage."""
    told = kept(folder, cell).get(lambda data, note: json.loads(data))
    return None if told is None else (told["rows"], told["timing"])


def named(spec: LmSpec, cell: Cell, longer: float) -> dict[str, Any]:
    """What all rows of a cell share beside what was measured."""
    return dict(data=spec.data.name, model=spec.model.name, longer=longer, key=cell.key())


def results(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The table of results (COLUMNS), typed."""
    return _typed(rows, {name: kind for name, (kind, _) in COLUMNS.items()})


def times(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The table of wall times [s] and memory [MiB], typed."""
    return _typed(rows, TIMES)


def _typed(rows: list[dict[str, Any]], kinds: dict[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(kinds))
    return frame.astype({name: kind for name, kind in kinds.items() if kind != "str"})
