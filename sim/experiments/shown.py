"""Runs to be looked at and runs on real data."""

from itertools import product

from sim.experiments.parts import BUYERS, FINAL, arena, per_set
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from sim.tiers import Tier

DIGIT_BETAS = (0.02, 0.05, 0.1, 0.2, 0.5)


def trace(tier: Tier) -> tuple[RunSpec, ...]:
    """One run of ``llf_fixed`` and one of ``llf_paced``, recorded in every round."""
    T = min(4 * tier.T_pool, 4000)
    return tuple(
        RunSpec(
            T=T, beta=0.2, **arena("hard_negative", "shift", 8, components=2), gate=GateSpec(kind=g),
            learner=LearnerSpec(sigma=0.25), record=RecordSpec(mode="every"),
        )
        for g in ("llf_fixed", "llf_paced")
    )  # fmt: skip


def digits(tier: Tier) -> tuple[RunSpec, ...]:
    """Real data: every gate on scikit-learn's digits, one-versus-all ridge, rows in permuted orders."""
    stream = StreamSpec(context="recorded", path="digits", center=True)
    learner = LearnerSpec(kind="ova", feedback="gold", sigma=0.5, radius_mode="fixed", radius_c=0.1)
    cells = [(b, g) for b, g in product(DIGIT_BETAS, BUYERS)] + [(1.0, GateSpec(kind="always"))]
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=1300, beta=b, stream=stream, follower=FollowerSpec(kind="all"), learner=learner, gate=g, seed=seed,
                record=FINAL, replications=tier.reps("digits"),
            )
            for b, g in cells
        ],
    )  # fmt: skip


SWEEPS = (trace, digits)
