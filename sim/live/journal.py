"""An append-only file of events; a process that writes it may be killed at any moment.

One line an event: ``<crc32> {"n": number, ...}``.  A line is on disk (fsync) before ``append`` returns.  A process
that is killed while it writes leaves a line without an end.  The next process cuts that line off, because
``append`` had not returned.  Any other damage (an edited, missing or repeated line) is refused.
"""

import fcntl
import json
import os
import zlib
from pathlib import Path
from typing import Any


class JournalError(ValueError):
    """A journal is damaged, or another process has it open."""


class Journal:
    """Events of the file ``path``, locked for one process until ``close``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._lock()
            data = path.read_bytes()
            self.events = parse(data, path)
            self._size = data.rfind(b"\n") + 1
            os.ftruncate(self._file, self._size)
            os.lseek(self._file, self._size, os.SEEK_SET)
            os.fsync(self._file)
            sync_folder(path.parent)
        except BaseException:
            os.close(self._file)
            raise

    def append(self, event: dict[str, Any]) -> None:
        """Write one event and return when it is on disk; a failed write leaves the file as it was."""
        line = encode(len(self.events), event)
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except BaseException:
            os.ftruncate(self._file, self._size)
            os.lseek(self._file, self._size, os.SEEK_SET)
            raise
        self._size += len(line)
        self.events.append(event)

    def close(self) -> None:
        """Let another process open the file."""
        os.close(self._file)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JournalError(f"{self.path} is open in another process; end that one first") from error


def encode(n: int, event: dict[str, Any]) -> bytes:
    """The line of event number n."""
    body = json.dumps({"n": n, **event}, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def parse(data: bytes, path: Path) -> list[dict[str, Any]]:
    """The events in a journal's bytes; a last line without an end is left out.

    Raises JournalError that names the first damaged line.
    """
    events: list[dict[str, Any]] = []
    for n, line in enumerate(data.split(b"\n")[:-1]):
        try:
            if line[:9] != b"%08x " % zlib.crc32(line[9:]):
                raise ValueError("its checksum is wrong")
            event = json.loads(line[9:])
            if event.pop("n") != n:
                raise ValueError("a line before it is missing or repeated")
        except (ValueError, KeyError) as error:
            raise JournalError(
                f"{path}, line {n + 1} is damaged ({error}); put the file back from a copy, or cut it before this "
                "line and so forget what follows"
            ) from error
        events.append(event)
    return events


def sync_folder(folder: Path) -> None:
    """Write the folder itself to disk, so that the name of a new file in it survives a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
