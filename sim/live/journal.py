"""An append-only file of events; a process that writes it may be killed at any moment.

One line an event: ``<crc32> {"n": number, ...}``.  A line is on disk (fsync) before ``append`` returns.  A process
that is killed while it writes leaves the beginning of a line.  The next process cuts that off, because ``append`` had
not returned.  A last event that is whole but for its line end is kept, and the end mended.  Any other damage (an
edited, missing or repeated line) is refused.  The empty file ``<path>.begun`` says that there was a first event, so
that a journal that was emptied does not look like a new one.
"""

import fcntl
import json
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class JournalError(ValueError):
    """A journal is damaged or closed, or another process has it open."""


class Journal:
    """Events of the file ``path``, locked for the process that opens it until ``close``.

    Its threads take turns (``held``).  A process forked from it must not write, because both would count events.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._begun = path, path.with_name(path.name + ".begun")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._owner, self._turn = os.getpid(), threading.RLock()
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._lock(self._file)
            self._load(self._file)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def held(self) -> Iterator[int]:
        """The file, for one thread at a time. Raises JournalError after ``close`` and in a forked process."""
        if os.getpid() != self._owner:  # before the turn, which a thread that was not forked may hold for ever
            raise JournalError(
                f"{self.path} was opened by process {self._owner} and is used by {os.getpid()}, a fork of it; close it "
                "there and open it here"
            )
        with self._turn:
            if self._file is None:
                raise JournalError(f"{self.path} is closed; open it again")
            yield self._file

    def append(self, event: dict[str, Any]) -> None:
        """Write one event and return when it is on disk; a failed write leaves the file as it was.

        Raises JournalError as ``held`` does.
        """
        with self.held() as file:
            line = encode(len(self.events), event)
            try:
                self._write(file, line)
            except BaseException:
                os.ftruncate(file, self._size)
                os.lseek(file, self._size, os.SEEK_SET)
                raise
            self._size += len(line)
            self.events.append(event)
            if len(self.events) == 1:
                self._mark()

    def close(self) -> None:
        """Let another process open the file.  A second call does nothing; in a fork the file stays locked."""
        if os.getpid() != self._owner:
            self._release(False)
            return
        with self._turn:
            self._release(True)

    def _release(self, unlock: bool) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                if unlock:  # a fork that still has the file must not keep the lock
                    fcntl.flock(file, fcntl.LOCK_UN)
            finally:
                os.close(file)

    def _lock(self, file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JournalError(f"{self.path} is open in another process; end that one first") from error

    def _load(self, file: int) -> None:
        data = self.path.read_bytes()
        self.events, size = read(data, self.path)
        if not self.events and self._begun.exists():
            raise JournalError(
                f"{self.path} has no event, but {self._begun.name} says that it had one; put the file back from a "
                "copy, or begin in another folder"
            )
        os.ftruncate(file, size)
        os.lseek(file, size, os.SEEK_SET)
        if size and data[size - 1 : size] != b"\n":
            self._write(file, b"\n")
            size += 1
        self._size = size
        os.fsync(file)
        sync_folder(self.path.parent)
        self._mark()

    def _write(self, file: int, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)

    def _mark(self) -> None:
        """Say beside the file that it has an event."""
        if self.events and not self._begun.exists():
            self._begun.touch()
            sync_folder(self.path.parent)


def encode(n: int, event: dict[str, Any]) -> bytes:
    """The line of event number n."""
    body = json.dumps({"n": n, **event}, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def parse(data: bytes, path: Path) -> list[dict[str, Any]]:
    """The events in a journal's bytes; the beginning of a last line is left out.

    Raises JournalError that names the first damaged line.
    """
    return read(data, path)[0]


def read(data: bytes, path: Path) -> tuple[list[dict[str, Any]], int]:
    """(the events in a journal's bytes, how many bytes they fill; a last event may want its line end).

    Raises JournalError as ``parse`` does.
    """
    *lines, tail = data.split(b"\n")
    events = [_event(line, n, path) for n, line in enumerate(lines)]
    size = len(data) - len(tail)
    for body in (tail, tail[:-1]):  # the line end is missing, or another byte is in its place
        if _whole(body):
            events.append(_event(body, len(lines), path))
            return events, size + len(body)
    if _object_in(tail):
        raise _damage(path, len(lines), "its checksum is wrong")
    return events, size


def _event(line: bytes, n: int, path: Path) -> dict[str, Any]:
    try:
        if not _whole(line):
            raise ValueError("its checksum is wrong")
        event = json.loads(line[9:])
        if event.pop("n") != n:
            raise ValueError("a line before it is missing or repeated")
    except (ValueError, KeyError) as error:
        raise _damage(path, n, error) from error
    return event


def _whole(line: bytes) -> bool:
    return line[:9] == b"%08x " % zlib.crc32(line[9:])


def _object_in(tail: bytes) -> bool:
    """Whether a line without an end holds a complete object: a line that was not written to its end holds none."""
    try:
        return isinstance(json.JSONDecoder().raw_decode(tail[9:].decode(errors="replace"))[0], dict)
    except ValueError:
        return False


def _damage(path: Path, n: int, what: object) -> JournalError:
    return JournalError(
        f"{path}, line {n + 1} is damaged ({what}); put the file back from a copy, or cut it before this line and so "
        "forget what follows"
    )


def sync_folder(folder: Path) -> None:
    """Write the folder itself to disk, so that the name of a new file in it survives a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
