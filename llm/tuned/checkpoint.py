"""The state of a run on disk, so that a run that was killed goes on: whole or not there.

``state-<t>.pt`` holds tensors and plain numbers; ``checkpoint.json``, replaced last, names that file,
its sha256 and the configuration's digest.  A process killed between the two leaves the pointer on
the older file, which is removed only after the pointer has moved.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch

from llm.errors import CacheError
from sim.files import Kept

POINTER = "checkpoint.json"


def save(folder: Path, key: str, t: int, state: dict) -> None:
    """Write the state before round t (0-based) of the configuration ``key``; older files go."""
    buffer = io.BytesIO()
    torch.save(_tensors(state), buffer)
    file = f"state-{t:08d}.pt"
    _kept(folder).put(buffer.getvalue(), {"key": key, "t": t}, file)
    clear(folder, keep=file)


def load(folder: Path, key: str, device: str = "cpu") -> tuple[int, dict] | None:
    """(t, state) of the last checkpoint, arrays as NumPy and weights as tensors; None where there is none.

    Raises CacheError for another configuration's checkpoint and for a damaged one.
    """

    def read(data: bytes, note: dict[str, Any]) -> tuple[int, bytes]:
        if note["key"] != key:
            raise CacheError(
                f"{folder} holds a checkpoint of another configuration (key {note['key']}, this run's is {key}); give "
                "another folder, or delete it to begin anew"
            )
        return int(note["t"]), data

    saved = _kept(folder).get(read)
    if saved is None:
        return None
    return saved[0], _arrays(torch.load(io.BytesIO(saved[1]), map_location=device, weights_only=True))


def _kept(folder: Path) -> Kept:
    return Kept(folder / POINTER, CacheError, f"delete {folder} to begin the run again")


def clear(folder: Path, keep: str = "") -> None:
    """Remove the states but ``keep``; with nothing to keep, the pointer first."""
    if not keep:
        (folder / POINTER).unlink(missing_ok=True)
    for old in folder.glob("state-*.pt"):
        if old.name != keep:
            old.unlink(missing_ok=True)


ARRAY = "array:"  # key prefix of what was a NumPy array, so that it comes back as one


def _tensors(part: Any) -> Any:
    if isinstance(part, dict):
        return {f"{ARRAY}{k}" if isinstance(v, np.ndarray) else k: _tensors(v) for k, v in part.items()}
    if isinstance(part, np.ndarray):
        return torch.from_numpy(np.array(part, order="C"))
    return part


def _arrays(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    out = {}
    for name, value in part.items():
        if isinstance(name, str) and name.startswith(ARRAY):
            out[name.removeprefix(ARRAY)] = value.cpu().numpy()
        else:
            out[name] = _arrays(value)
    return out
