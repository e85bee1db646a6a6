"""A run's state on disk: whole or not at all, and of no other configuration.

``state-<t>.pt`` holds tensors and plain numbers; ``checkpoint.json``, replaced last and atomically,
names it with its sha256 and the configuration's digest.  A process killed between the two leaves
the pointer on the older file, which is removed only after the pointer has moved.
"""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from llm.errors import CacheError
from sim.files import write_atomic

POINTER = "checkpoint.json"


def save(folder: Path, key: str, t: int, state: dict) -> None:
    """Write the state before round t (0-based) of the configuration ``key``; older files go."""
    buffer = io.BytesIO()
    torch.save(_tensors(state), buffer)
    data = buffer.getvalue()
    path = folder / f"state-{t:08d}.pt"
    write_atomic(path, data)
    note = {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "key": key, "t": t}
    write_atomic(folder / POINTER, json.dumps(note, indent=1).encode())
    clear(folder, keep=path.name)


def load(folder: Path, key: str, device: str = "cpu") -> tuple[int, dict] | None:
    """(t, state) of the last checkpoint, arrays as NumPy and weights as tensors; None where there is none.

    Raises CacheError for another configuration's checkpoint and for a damaged one.
    """
    pointer = folder / POINTER
    if not pointer.is_file():
        return None
    try:
        note = json.loads(pointer.read_text())
        name, digest, owner, t = str(note["file"]), note["sha256"], note["key"], int(note["t"])
    except (ValueError, KeyError, TypeError) as error:
        raise CacheError(f"{pointer} is damaged ({error}); delete {folder} to begin the run again") from error
    if owner != key:
        raise CacheError(
            f"{folder} holds a checkpoint of another configuration (key {owner}, this run's is {key}); give another "
            "folder, or delete it to begin anew"
        )
    path = folder / name
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != digest:
        raise CacheError(f"{path} is missing or does not match its checksum; delete {folder} to begin the run again")
    return t, _arrays(torch.load(io.BytesIO(data), map_location=device, weights_only=True))


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
