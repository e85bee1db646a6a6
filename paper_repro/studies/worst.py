"""The study ``worst_found``: the committed worst instances, replayed (``theory.falsify.tightness`` judges them)."""

from typing import Any

import pandas as pd

from paper_repro import falsify
from sim.tiers import Tier
from theory.falsify import tightness
from theory.studies.study import Study


def cells(tier: Tier) -> tuple[dict[str, Any], ...]:
    """One cell a committed instance; an instance belongs to no seed set, so they count as set 0."""
    return tuple(dict(seed=0, instance=path.stem) for path in sorted(falsify.INSTANCES.glob("*.json")))


def play(seed: int, instance: str) -> pd.DataFrame:
    """The row of ``tightness.replayed`` (its ``seed`` is the instance's own)."""
    return tightness.replayed(falsify.INSTANCES / f"{instance}.json", falsify.play)


STUDY = Study("worst_found", cells, play, 0.1)
