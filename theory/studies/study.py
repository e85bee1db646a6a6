"""A table that is made outside the sweeps, in cells that are played apart, kept and resumed."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from sim.tiers import Tier


class Study(NamedTuple):
    """``cells(tier)`` lists keyword arguments of ``play`` (plain JSON values; ``seed`` names the seed
    set); ``play(**cell)`` returns the rows of one cell and depends on nothing else; ``seconds`` is a
    rough number of core seconds a cell, for plans and progress."""

    name: str
    cells: Callable[[Tier], tuple[dict[str, Any], ...]]
    play: Callable[..., pd.DataFrame]
    seconds: float = 1.0
