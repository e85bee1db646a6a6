"""Features on disk under a hash of what they are a function of: model and texts.

``<folder>/<digest>.npy`` holds the rows and ``<digest>.json``, written last, their sha256.  Rows are
kept in float32 where that loses nothing.  A damaged or truncated file is reported and computed again.
Batch size and device move a feature by rounding only and are no part of the hash.
"""

import hashlib
import io
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from sim.files import write_atomic


class DamagedFeatures(UserWarning):
    """A cached feature file was truncated or edited; it is computed again."""


class Encoder(Protocol):
    """What the cache asks of a model (``llm.model.Model`` is one)."""

    def encode(
        self, texts: Sequence[str], batch_size: int = 32, note: Callable[[int], None] | None = None
    ) -> np.ndarray: ...

    def digest(self) -> str: ...


def digest(model: str, texts: Sequence[str]) -> str:
    """Digest (32 hex digits) of a model's digest and the texts in order."""
    h = hashlib.sha256(model.encode())
    h.update(json.dumps(list(texts)).encode())
    return h.hexdigest()[:32]


def cached(
    model: Encoder,
    texts: Sequence[str],
    folder: Path,
    batch_size: int = 32,
    note: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Features (n, width) float64 of the texts, from the folder or computed and put there."""
    path = folder / f"{digest(model.digest(), texts)}.npy"
    rows = _read(path, len(texts))
    if rows is None:
        rows = model.encode(texts, batch_size, note)
        _write(path, rows)
    return np.ascontiguousarray(rows, dtype=np.float64)


def has(model: str, texts: Sequence[str], folder: Path) -> bool:
    """Whether a finished file is there (its checksum is read only when it is used)."""
    return (folder / f"{digest(model, texts)}.json").is_file()


def _read(path: Path, n: int) -> np.ndarray | None:
    note = path.with_suffix(".json")
    if not path.is_file() or not note.is_file():
        return None
    try:
        data = path.read_bytes()
        if json.loads(note.read_text())["sha256"] != hashlib.sha256(data).hexdigest():
            raise ValueError("does not match its checksum: it was truncated or edited")
        rows = np.load(io.BytesIO(data), allow_pickle=False)
        if rows.ndim != 2 or len(rows) != n:
            raise ValueError(f"has shape {rows.shape}, not ({n}, width)")
    except (ValueError, KeyError, TypeError, OSError) as error:
        warnings.warn(f"{path} {error}; it will be computed again", DamagedFeatures, stacklevel=3)
        return None
    return rows


def _write(path: Path, rows: np.ndarray) -> None:
    narrow = rows.astype(np.float32)
    buffer = io.BytesIO()
    np.save(buffer, narrow if np.array_equal(narrow.astype(np.float64), rows) else rows)
    data = buffer.getvalue()
    path.with_suffix(".json").unlink(missing_ok=True)
    write_atomic(path, data)
    note = {"sha256": hashlib.sha256(data).hexdigest(), "shape": list(rows.shape)}
    write_atomic(path.with_suffix(".json"), json.dumps(note).encode())
