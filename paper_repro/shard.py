"""One part of n of a plan, so that n machines that share a folder can fill its cache without a scheduler.

Who plays what depends on the plan alone, never on what is cached: no piece falls between two shards.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")


class Shard(NamedTuple):
    """Part ``number`` of ``of``, counted from 1."""

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
