"""Progress: a bar with time left on a terminal, a plain line every few seconds elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_EVERY = 10.0


class Plain:
    """Lines for logs: what is done, and an estimate of what is left."""

    def __init__(self, total: float, count: int, what: str) -> None:
        self.total, self.count, self.what = total, count, what
        self.done, self.finished, self.start = 0.0, 0, time.monotonic()
        self.shown = self.start

    def advance(self, work: float, label: str) -> None:
        """Count one finished job of the given work (in any unit of time)."""
        self.done += work
        self.finished += 1
        now = time.monotonic()
        if now - self.shown >= PLAIN_EVERY or self.finished == self.count:
            self.shown = now
            left = (now - self.start) * (self.total - self.done) / max(self.done, 1e-9)
            print(f"  {self.finished}/{self.count} {self.what}, about {left:.0f} s left ({label})", flush=True)


class Bar:
    """The same on a terminal, as one moving line."""

    def __init__(self, progress: Progress, total: float, count: int) -> None:
        self.progress = progress
        self.task = progress.add_task("simulating", total=total)

    def advance(self, work: float, label: str) -> None:
        """Count one finished job of the given work (in any unit of time)."""
        self.progress.update(self.task, advance=work, description=label)


@contextmanager
def tracker(total: float, count: int, what: str = "configurations") -> Iterator[Plain | Bar]:
    """The progress display that fits standard output."""
    if not sys.stdout.isatty():
        yield Plain(total, count, what)
        return
    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console()) as progress:
        yield Bar(progress, total, count)
