"""How hard is a soft budget?  Labels bought over B by scikit-activeml's managers on the same utilities."""

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
    """Utilities that do not change: uniform on [0, 1]."""
    return rng.random(T)


def shrinking(rng: np.random.Generator, T: int) -> np.ndarray:
    """Utilities that shrink as widths do when labels come in: U / sqrt(1 + t / 100)."""
    return rng.random(T) / np.sqrt(1.0 + np.arange(T) / 100.0)


LAWS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {"uniform": uniform, "shrinking": shrinking}


def manager(name: str, budget: float, seed: int) -> Any:
    """One of their managers with its own defaults; two classes where it asks for classes."""
    from skactiveml.stream import budgetmanager

    made = getattr(budgetmanager, name)
    takes = inspect.signature(made).parameters
    options: dict[str, Any] = {"random_state": seed} if "random_state" in takes else {}
    if "classes" in takes:
        options["classes"] = [0, 1]
    return made(budget=budget, **options)


def bought(made: Any, utilities: np.ndarray) -> int:
    """Labels that a manager buys on a stream of utilities (T,), one at a time."""
    labels = 0
    for u in utilities:
        one = np.array([u])
        indices = made.query_by_utility(one)
        call_func(made.update, candidates=np.zeros((1, 1)), queried_indices=indices, utilities=one)
        labels += len(indices)
    return labels


def overspend(
    T: int = 10_000, budget: float = 0.1, seeds: Iterable[int] = range(3), laws: Iterable[str] = tuple(LAWS)
) -> pd.DataFrame:
    """One row a manager, law and seed: law, manager, seed, B, labels, ratio = labels / B.

    Every manager sees the same utilities; the gates of ``OURS`` play beside theirs through
    ``GateBudgetManager``.  Raises ValueError for a law that is not known.
    """
    rows = []
    for law in laws:
        if law not in LAWS:
            raise ValueError(f"law {law!r} is not known; valid: {', '.join(LAWS)}")
        for seed in seeds:
            utilities = LAWS[law](np.random.default_rng(seed), T)
            for name in MANAGERS + OURS:
                ours = name in OURS
                made = GateBudgetManager(name, T, budget, seed=seed) if ours else manager(name, budget, seed)
                labels, B = bought(made, utilities), int(budget * T * (1 + 1e-12))
                rows.append(dict(law=law, manager=name, seed=seed, B=B, labels=labels, ratio=labels / B))
    return pd.DataFrame(rows)
