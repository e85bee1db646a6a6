"""What the sweeps share: gates, arenas, planners, and a spec for every seed set."""

from collections.abc import Callable, Iterable
from typing import Any

from sim.rules import gates
from sim.spec import FollowerSpec, GateSpec, RecordSpec, RunSpec, StreamSpec
from sim.tiers import Tier

FINAL = RecordSpec(mode="final")
PLAIN_GATES = tuple(g for g in gates.GATES if g not in ("control_peek", "llf_split"))
SPLITS = (GateSpec(kind="llf_split"), GateSpec(kind="llf_split", purse="random"))
ALL_GATES = tuple(GateSpec(kind=g) for g in PLAIN_GATES) + SPLITS
BUYERS = tuple(g for g in ALL_GATES if not g.traits.reference)
ARENAS = (
    ("iid", "isotropic"),
    ("hard_negative", "zipf"),
    ("best_response", "shift"),
    ("ball", "free"),
    ("evader", "free"),
    ("hard_instance", "free"),
)
PATIENT = FollowerSpec(kind="patient", price=0.5)  # half of what a vector costs it is what it teaches
PLANNERS: dict[int, dict[str, Any]] = {  # by dimension, ``theory.studies.nonmyopic.search``
    2: dict(price=-0.5, turn=0.67, haste=2.47, period=123),
    4: dict(price=0.08, turn=0.9, haste=0.38, period=42),
    8: dict(price=-0.17, turn=0.95, haste=0.59, period=81),
    16: dict(price=0.1, turn=0.84, haste=0.27, period=26),
    32: dict(price=0.23, turn=0.77, haste=0.19, period=7),
}


def arena(follower: str | FollowerSpec, context: str, d: int, **stream: Any) -> dict[str, Any]:
    """The stream and the follower (or its kind) of a configuration, as keyword arguments of ``RunSpec``.

    d       feature dimension;  stream  further fields of ``StreamSpec``
    """
    played = FollowerSpec(kind=follower) if isinstance(follower, str) else follower
    return dict(stream=StreamSpec(context=context, d=d, **stream), follower=played)


def per_set(tier: Tier, make: Callable[[int], Iterable[RunSpec]]) -> tuple[RunSpec, ...]:
    """The configurations that ``make`` gives for each of the tier's seed sets."""
    return tuple(spec for seed in range(tier.sets) for spec in make(seed))


def planner(d: int) -> FollowerSpec:
    """``patient`` as the search of ``theory.studies.nonmyopic`` found it at d, where every label is bought."""
    return FollowerSpec(kind="patient", **PLANNERS[d])
