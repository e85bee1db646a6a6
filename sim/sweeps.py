"""The named experiments: functions from a tier to an immutable tuple of run specs, with ids "name/i".

Gathered from ``sim.experiments``.  Every sweep but ``trace`` is played on ``tier.sets`` disjoint seed sets.  TESTING
names sweeps small enough for a unit test.
"""

import importlib
import pkgutil
from collections.abc import Callable

from sim import experiments
from sim.experiments.parts import ALL_GATES, ARENAS, BUYERS, FINAL, PLANNERS, SPLITS, arena, planner
from sim.spec import RunSpec
from sim.tiers import Tier

__all__ = ["ALL_GATES", "ARENAS", "BUYERS", "FINAL", "PLANNERS", "SPLITS", "SWEEPS", "arena", "cost", "planner"]

_MODULES = [
    importlib.import_module(f"{experiments.__name__}.{m.name}") for m in pkgutil.iter_modules(experiments.__path__)
]
SWEEPS: dict[str, Callable[[Tier], tuple[RunSpec, ...]]] = {
    sweep.__name__: sweep for module in _MODULES for sweep in getattr(module, "SWEEPS", ())
}
TESTING = ("trace", "controls")


def cost(spec: RunSpec) -> float:
    """Rough cost of a configuration, for plans and progress: 1 is about one round at d <= 16."""
    passes = 2.0 if spec.gate.kind == "llf_oracle" else 1.0
    d = 64 if spec.stream.context == "recorded" else spec.stream.d
    return spec.T * spec.replications * passes * (1.0 + (d / 32.0) ** 2)
