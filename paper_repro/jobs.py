"""What a plan plays, one job at a time: taken from the cache, or else played, kept and read back.

Every table is made of jobs: a sweep of the configurations that it lists (``runs``), a study of its
cells (``cells``).  A finished job has a file in ``<out>/cache/<code version>`` with a checksum: a run
that was interrupted goes on where it stopped, a damaged file is reported and its job played again,
and files of another code version are left alone and never read.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import pandas as pd

from paper_repro import backend
from paper_repro.progress import tracker
from sim import engine
from sim.files import Kept

Item = TypeVar("Item")


class DamagedCache(UserWarning):
    """A file of the cache was truncated or edited, or is of something else; its job is played again."""


@dataclass(frozen=True)
class Kind:
    """What the jobs of all sweeps have in common, or those of all studies.

    plural: what messages call them.  here: what plays them on this machine.  folder and suffix: of
    their files in the cache.  play(*args) returns (bytes, core seconds), read(bytes, *args) their value,
    or raises ValueError, and join([(job, value), ...]) a table.
    """

    plural: str
    here: Literal["threads", "processes"]
    folder: str
    suffix: str
    play: Callable[..., tuple[bytes, float]]
    read: Callable[..., Any]
    join: Callable[..., pd.DataFrame]


@dataclass(frozen=True)
class Job:
    """A part of a table that is played apart: the arguments of its kind's functions.

    name: unique in a plan.  key: names its file; jobs with one key have one result.  seconds: roughly
    how many core seconds it takes.  about: JSON values in the note that say what was played.
    """

    kind: Kind
    table: str
    name: str
    key: str
    seconds: float
    args: tuple[Any, ...]
    about: dict[str, Any]

    def kept(self, out: Path) -> Kept:
        """Where the result lies or will lie, in the cache of an output folder."""
        return Kept(out / "cache" / self.kind.folder / f"{self.key}{self.kind.suffix}", DamagedCache, about=self.about)

    def result(self, data: bytes, note: dict[str, Any]) -> tuple[Any, float]:
        """(value, core seconds) of what the cache holds."""
        return self.kind.read(data, *self.args), float(note["seconds"])


def collect(jobs: Sequence[Job], out: Path, each: backend.Each) -> dict[str, tuple[Any, float]]:
    """(value, core seconds) by key: from the cache, or else played, the longest first, and kept as they arrive."""
    unique = {job.key: job for job in sorted(jobs, key=lambda j: -j.seconds)}
    with warnings.catch_warnings():
        warnings.simplefilter("always", DamagedCache)
        warnings.simplefilter("ignore", engine.IdleGate)  # said once a sweep, when its table is made
        cached = {key: job.kept(out).get(job.result) for key, job in unique.items()}
        results = {key: result for key, result in cached.items() if result is not None}
        for kind in {job.kind.plural: job.kind for job in jobs}.values():
            missing = [job for key, job in unique.items() if job.kind is kind and key not in results]
            with tracker(sum(job.seconds for job in missing), len(missing), kind.plural) as shown:
                for i, (data, seconds) in each(kind.play, [job.args for job in missing], kind.here):
                    job, note = missing[i], {"seconds": round(seconds, 4)}
                    job.kept(out).put(data, note)
                    results[job.key] = job.result(data, note)
                    shown.advance(job.seconds, job.table)
    return results


def by_table(jobs: Sequence[Job]) -> dict[str, list[Job]]:
    """Table -> its jobs, both in their order."""
    tables: dict[str, list[Job]] = {}
    for job in jobs:
        tables.setdefault(job.table, []).append(job)
    return tables


def versions(out: Path) -> dict[str, int]:
    """Code version -> number of finished configurations in the cache."""
    folders = [f for f in (out / "cache").glob("*") if f.is_dir() and not f.name.startswith("studies-")]
    return {f.name: len(list(f.glob("*.npy"))) for f in sorted(folders)}


class Shard(NamedTuple):
    """Part ``number`` of ``of``, counted from 1: n machines that share a folder can fill its cache together."""

    number: int = 1
    of: int = 1


def parse(text: str) -> Shard:
    """The shard that "i/n" names, 1 <= i <= n; ValueError for anything else."""
    i, _, n = text.partition("/")
    if not (i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
        raise ValueError(f"--shard {text}: give i/n with 1 <= i <= n, for example 2/8")
    return Shard(int(i), int(n))


def part(items: Sequence[Item], shard: Shard) -> list[Item]:
    """Every n-th item from the i-th: shares of about equal cost where the items are sorted by cost."""
    return list(items[shard.number - 1 :: shard.of])


def share(jobs: Sequence[Job], shard: Shard) -> list[Job]:
    """A shard's jobs.  They depend on the plan alone, never on what is cached, so none falls between two shards."""
    unique = {job.key: job for job in jobs}
    return part(sorted(unique.values(), key=lambda job: (-job.seconds, job.name)), shard)
