"""What the benchmarks share: one core, interleaved repeats, tables with their circumstances.

Import it before NumPy: it leaves every numerical library one thread.  ``pin`` keeps the process on one core;
a measurement that needs more calls ``unpin``.
"""

import csv
import datetime
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

for _name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "benchmarks"
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


class Entry(NamedTuple):
    """One thing to time: ``fresh()`` prepares (not timed) and returns what is timed, ``rounds`` rounds of it."""

    name: str
    rounds: int
    fresh: Callable[[], Callable[[], Any]]
    version: str = ""
    note: str = ""
    clock: Callable[[], float] = time.process_time


class Target(NamedTuple):
    """A goal beside what was measured; ``met`` is None where it could not be measured."""

    target: str
    measured: str
    met: bool | None

    def row(self) -> dict[str, str]:
        word = {True: "met", False: "MISSED", None: "not measured"}[self.met]
        return {"target": self.target, "measured": self.measured, "verdict": word}


def pin() -> None:
    """Stay on one core (the last), where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {CORES[-1]})


def unpin() -> None:
    """Back to all cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(CORES))


def interleave(entries: Sequence[Entry], repeats: int) -> dict[str, list[float]]:
    """Microseconds a round of every entry, ``repeats`` of each, in turn, after one run that is not counted."""
    times: dict[str, list[float]] = {e.name: [] for e in entries}
    for repeat in range(repeats + 1):
        for e in entries:
            run = e.fresh()
            start = e.clock()
            run()
            spent = e.clock() - start
            if repeat:
                times[e.name].append(spent / e.rounds * 1e6)
    return times


def spread(times: Sequence[float]) -> tuple[float, float, float]:
    """(median, smallest, largest)."""
    return statistics.median(times), min(times), max(times)


def version(package: str) -> str:
    """Installed version, or '' where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def circumstances(packages: Iterable[str], threads: int = 1) -> dict[str, str]:
    """Date, processor, Python, threads and versions: the last columns of every table."""
    from paper_repro import provenance

    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": f"{provenance.processor()}, {len(CORES)} cores",
        "python": platform.python_version(),
        "threads": str(threads),
        "commit": provenance.commit(),
        "versions": "; ".join(f"{p} {version(p) or 'not installed'}" for p in packages),
    }


def write(path: Path, rows: Sequence[dict], also: dict[str, str]) -> None:
    """Write rows as CSV, each with its circumstances."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], *also], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | also for row in rows)


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV table."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def show(rows: Sequence[dict], columns: Sequence[str]) -> None:
    """Print rows in columns."""
    cells = [[str(r[c]) for c in columns] for r in rows]
    width = [max(len(c), *(len(line[i]) for line in cells)) for i, c in enumerate(columns)]
    for line in [list(columns), *cells]:
        print("  ".join(text.ljust(w) for text, w in zip(line, width, strict=True)).rstrip())
    print(flush=True)


def digits(x: float) -> str:
    """Three significant digits, no exponent between 1e-4 and 1e6."""
    if x == 0 or 1e-4 <= abs(x) < 1e6:
        return f"{x:#.3g}".rstrip(".") if abs(x) < 1000 else f"{x:.0f}"
    return f"{x:.2e}"


def note(text: str) -> None:
    """Say on the error stream what is going on."""
    print(text, file=sys.stderr, flush=True)
