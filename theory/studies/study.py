"""A table that is made outside the sweeps, in cells that are played apart, kept and resumed."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from sim.tiers import Tier


class Study(NamedTuple):
    """``cells(tier)`` lists keyword arguments of ``play`` (plain JSON values; ``seed`` names the seed
    set); ``play(**cell)`` returns the rows of one cell and depends on nothing else; ``seconds`` is a
    rough number of core seconds a cell, for plans and progress; ``more(tier, look)``, look = 1, 2, ...,
    lists what is added so that the replications double, nothing where the study cannot grow."""

    name: str
    cells: Callable[[Tier], tuple[dict[str, Any], ...]]
    play: Callable[..., pd.DataFrame]
    seconds: float = 1.0
    more: Callable[[Tier, int], tuple[dict[str, Any], ...]] = lambda tier, look: ()


def batch(first: int, look: int) -> range:
    """The replications that a look plays: ``first`` in look 0, then as many again as there are."""
    return range(first << (look - 1), first << look) if look else range(first)
