"""By how much do scikit-activeml's budget managers exceed a budget?  Labels bought over B, on the same utilities."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from sim.adapters.activeml import GateBudgetManager, call_func

MANAGERS = (
    "FixedUncertaintyBudgetManager",
    "VariableUncertaintyBudgetManager",
    "RandomVariableUncertaintyBudgetManager",
    "SplitBudgetManager",
    "RandomBudgetManager",
    "DensityBasedSplitBudgetManager",
    "BalancedIncrementalQuantileFilter",
)
OURS = ("llf_quantile", "random")


def uniform(rng: np.random.Generator, T: int) -> np.ndarray:
    """Utilities (T,) whose law does not change: uniform on [0, 1]."""
    return rng.random(T)


def shrinking(rng: np.random.Generator, T: int) -> np.ndarray:
    """Utilities (T,) that shrink, as widths do when labels are bought: U / sqrt(1 + t / 100)."""
    return rng.random(T) / np.sqrt(1.0 + np.arange(T) / 100.0)


LAWS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {"uniform": uniform, "shrinking": shrinking}


def manager(name: str, budget: float, seed: int) -> Any:
    """A scikit-activeml manager with its defaults; two classes where it wants classes."""
    from skactiveml.stream import budgetmanager

    kind = getattr(budgetmanager, name)
    given = {"random_state": seed, "classes": [0, 1]}
    parameters = inspect.signature(kind).parameters
    return kind(budget=budget, **{k: v for k, v in given.items() if k in parameters})


def bought(manager: Any, utilities: np.ndarray) -> int:
    """Labels that a manager buys on a stream of utilities (T,), one at a time."""
    labels = 0
    for u in utilities:
        one = np.array([u])
        indices = manager.query_by_utility(one)
        call_func(manager.update, candidates=np.zeros((1, 1)), queried_indices=indices, utilities=one)
        labels += len(indices)
    return labels


def overspend(
    T: int = 10_000, budget: float = 0.1, seeds: Iterable[int] = range(3), laws: Iterable[str] = tuple(LAWS)
) -> pd.DataFrame:
    """A row for each law, seed and manager: law, manager, seed, B, labels, ratio = labels / B.

    Every manager sees the same utilities; the gates of ``OURS`` play through ``GateBudgetManager``.
    Raises ValueError for an unknown law.
    """
    rows = []
    for law in laws:
        if law not in LAWS:
            raise ValueError(f"law {law!r} is not known; valid: {', '.join(LAWS)}")
        for seed in seeds:
            utilities = LAWS[law](np.random.default_rng(seed), T)
            for name in MANAGERS + OURS:
                buyer = GateBudgetManager(name, T, budget, seed=seed) if name in OURS else manager(name, budget, seed)
                labels, B = bought(buyer, utilities), int(budget * T * (1 + 1e-12))
                rows.append(dict(law=law, manager=name, seed=seed, B=B, labels=labels, ratio=labels / B))
    return pd.DataFrame(rows)
