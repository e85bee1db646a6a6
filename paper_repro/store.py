"""Results by configuration digest and code version.

One array a configuration, ``cache/<code version>/<key>.npy`` of shape (replications, records,
log columns), with a JSON beside it that is written last: a result is finished iff both are there
and the checksum fits.  A damaged file is reported and computed again; results of another code
version are left alone and never read.
"""

import hashlib
import io
import json
import warnings
from pathlib import Path

import numpy as np

from sim import engine
from sim.files import write_atomic
from sim.rules import log
from sim.runlog import RunLog
from sim.spec import RunSpec
from sim.version import CODE


class DamagedCache(UserWarning):
    """A cached result was truncated or edited; it is computed again."""


class Store:
    """The cache of one output folder."""

    def __init__(self, out: Path) -> None:
        self.root = out / "cache"
        self.folder = self.root / CODE

    def path(self, spec: RunSpec) -> Path:
        """Where the result of a configuration lies or will lie."""
        return self.folder / f"{spec.key()}.npy"

    def get(self, spec: RunSpec) -> tuple[RunLog, float] | None:
        """(log, core seconds it took), or None if not finished or damaged (with a warning)."""
        path = self.path(spec)
        if not self.has(spec):
            return None
        try:
            data, note = path.read_bytes(), json.loads(path.with_suffix(".json").read_text())
            if note["sha256"] != hashlib.sha256(data).hexdigest():
                raise ValueError("does not match its checksum: it was truncated or edited")
            rows = np.load(io.BytesIO(data), allow_pickle=False)
            if rows.shape[0] != spec.replications or rows.shape[2] != log.WIDTH:
                raise ValueError(f"has shape {rows.shape}")
        except (ValueError, KeyError, TypeError, IndexError, OSError) as error:
            warnings.warn(f"{path} {error}; it will be computed again", DamagedCache, stacklevel=2)
            return None
        return RunLog(spec, engine.setup_of(spec), list(rows)), float(note["seconds"])

    def put(self, result: RunLog, seconds: float) -> None:
        """Store a finished result atomically."""
        buffer = io.BytesIO()
        np.save(buffer, np.stack(result.rows))
        data, path = buffer.getvalue(), self.path(result.spec)
        note = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "seconds": round(seconds, 4),
            "code": CODE,
            "columns": log.COLUMNS,
            "spec": result.spec.model_dump(mode="json"),
        }
        write_atomic(path, data)
        write_atomic(path.with_suffix(".json"), json.dumps(note).encode())

    def has(self, spec: RunSpec) -> bool:
        """Whether a finished result is there (its checksum is only read by ``get``)."""
        path = self.path(spec)
        return path.is_file() and path.with_suffix(".json").is_file()

    def other_versions(self) -> dict[str, int]:
        """Code version -> number of results that this version does not read."""
        if not self.root.is_dir():
            return {}
        folders = [
            f for f in self.root.iterdir() if f.is_dir() and f.name != CODE and not f.name.startswith("studies-")
        ]
        return {f.name: len(list(f.glob("*.npy"))) for f in sorted(folders)}


def ensure_writable(out: Path) -> None:
    """Raise PermissionError with the way out if ``out`` cannot be made or written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".write-test"
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)  # another shard may have been here in between
    except OSError as error:
        raise PermissionError(f"cannot write to {out} ({error.strerror}); give another folder with --out") from error
