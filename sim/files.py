"""Files that are whole or not there: atomic writes, and bytes kept with a checksum.

>>> import tempfile
>>> kept = Kept(Path(tempfile.mkdtemp()) / "rows.bin", OSError, "delete it", about={"seed": 3})
>>> kept.put(b"12", {"seconds": 0.5})
>>> kept.get(lambda data, note: (int(data), note["seconds"]))
(12, 0.5)
"""

import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_UMASK = os.umask(0o022)  # read once, at import: it cannot be read without being set
os.umask(_UMASK)


def write_atomic(path: Path, data: bytes) -> None:
    """Write bytes so that a reader sees the old file or the whole new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        os.chmod(name, 0o666 & ~_UMASK)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def ensure_writable(folder: Path) -> None:
    """Make the folder if need be; raise PermissionError with the way out if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".write-test"
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)  # another process may have been here in between
    except OSError as error:
        raise PermissionError(f"cannot write to {folder} ({error.strerror}); give another folder with --out") from error


@dataclass(frozen=True)
class Kept:
    """Bytes in the file ``path`` and, in ``<stem>.json`` beside it, a note with their sha256 and more.

    The note is written last, so the bytes are finished if and only if both files are there.  Where
    ``path`` itself ends in .json it is the note, which then names the file of the bytes: the bytes of
    before stay whole until it names the new ones.

    damage: what becomes of files that are there and cannot be read back as they were written.  A
    subclass of Warning is given as a warning, and the bytes count as missing; any other exception is
    raised.  advice: the end of that message, the way out.  about: JSON values that say what the
    bytes are of; they stand in the note, and a note with other values is damage.
    """

    path: Path
    damage: type[Exception]
    advice: str = "it will be computed again"
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def note(self) -> Path:
        """The file of the note."""
        return self.path.with_suffix(".json")

    def finished(self) -> bool:
        """Whether bytes and note are there; whether they are whole, only ``get`` finds out."""
        return self.path.is_file() and self.note.is_file()

    def put(self, data: bytes, more: Mapping[str, Any] | None = None, file: str = "") -> None:
        """Write the bytes and then their note, with the JSON values ``more`` in it.

        ``file`` is the name of the bytes' file, in the same folder, where ``path`` is the note.
        """
        write_atomic(self.path.with_name(file) if file else self.path, data)
        note = {**(more or {}), **self.about, "sha256": hashlib.sha256(data).hexdigest()}
        note |= {"file": file} if file else {}
        write_atomic(self.note, json.dumps(note, indent=1, sort_keys=True).encode())

    def get(self, read: Callable[[bytes, dict[str, Any]], T]) -> T | None:
        """``read(bytes, note)``, or None if the bytes are not finished or damage is a warning.

        Whatever goes wrong in ``read`` is damage too; it may raise ``damage`` itself, with its own message.
        """
        if not self.finished():
            return None
        try:
            note = json.loads(self.note.read_text())
            path = self.path.with_name(note["file"]) if self.path == self.note else self.path
            data = path.read_bytes()
            if note["sha256"] != hashlib.sha256(data).hexdigest():
                raise ValueError("does not match its checksum: it was truncated or edited")
            for name, value in self.about.items():
                if _plain(note[name]) != _plain(value):
                    raise ValueError(f"holds the {name} {note[name]}, not {value}")
            return read(data, note)
        except Exception as error:
            if isinstance(error, (self.damage, MemoryError)):
                raise
            message = f"{self.path} is damaged ({str(error) or type(error).__name__}); {self.advice}"
            if not issubclass(self.damage, Warning):
                raise self.damage(message) from error
            warnings.warn(message, self.damage, stacklevel=2)
            return None


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
