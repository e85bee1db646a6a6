"""A cache of the features of texts, under a digest of the model's content and of the texts.

``<folder>/<digest>.npy`` holds the rows, in float32 where that loses nothing, and ``<digest>.json``
their sha256.  A damaged file is reported and computed again.  Batch size and device, which move a
feature by rounding only, are no part of the digest.
"""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from sim.files import Kept


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
    kept = _kept(model.digest(), texts, folder)
    rows = kept.get(lambda data, _: _checked(np.load(io.BytesIO(data), allow_pickle=False), len(texts)))
    if rows is None:
        rows = model.encode(texts, batch_size, note)
        kept.put(_bytes(rows), {"shape": list(rows.shape)})
    return np.ascontiguousarray(rows, dtype=np.float64)


def has(model: str, texts: Sequence[str], folder: Path) -> bool:
    """Whether a finished file is there (its checksum is read only when it is used)."""
    return _kept(model, texts, folder).finished()


def _kept(model: str, texts: Sequence[str], folder: Path) -> Kept:
    return Kept(folder / f"{digest(model, texts)}.npy", DamagedFeatures)


def _checked(rows: np.ndarray, n: int) -> np.ndarray:
    if rows.ndim != 2 or len(rows) != n:
        raise ValueError(f"has shape {rows.shape}, not ({n}, width)")
    return rows


def _bytes(rows: np.ndarray) -> bytes:
    narrow = rows.astype(np.float32)
    buffer = io.BytesIO()
    np.save(buffer, narrow if np.array_equal(narrow.astype(np.float64), rows) else rows)
    return buffer.getvalue()
