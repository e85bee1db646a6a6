"""Cells over every seed set and combination of values."""

from typing import Any

from sim.tiers import Tier

Cells = tuple[dict[str, Any], ...]


def per_set(tier: Tier, **axes: Any) -> Cells:
    """One cell for each seed set of the tier and combination of the axes' values, the last axis fastest."""
    grid: list[dict[str, Any]] = [dict(seed=seed) for seed in range(tier.sets)]
    for name, values in axes.items():
        grid = [cell | {name: value} for cell in grid for value in values]
    return tuple(grid)
