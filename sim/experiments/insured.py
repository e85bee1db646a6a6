"""Followers that bait a gate, coins that insure it, and what the insurance costs."""

from itertools import product

from sim.experiments.parts import FINAL, arena, per_set
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RunSpec, StreamSpec
from sim.tiers import Tier

COIN = GateSpec(kind="random")
HALVES = tuple(GateSpec(kind=kind, coin_share=0.5) for kind in ("llf_fixed", "llf_paced", "llf_self_paced"))
INSURED = (COIN, GateSpec(kind="llf_split", purse="random"), *HALVES)
PLAYED = (GateSpec(kind="llf_fixed"), GateSpec(kind="llf_paced"), *INSURED)
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75)
BETA = 0.1
# ``theory.studies.nonmyopic.search(play, 8, beta=0.1)``: of the planners the one that ``random`` fares worst against
HOSTILE = FollowerSpec(kind="patient", price=-0.4, turn=0.34, haste=0.08, period=3)


def bait(tier: Tier) -> tuple[RunSpec, ...]:
    """Gates with and without a coin under every free follower, a planner searched against ``random`` among them."""
    dims = (4, 8) if tier.T_hard < 4096 else (4, 8, 16, 32)
    kinds = [FollowerSpec(kind=kind) for kind in ("ball", "evader", "bait")]
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_hard, beta=BETA, stream=StreamSpec(context="free", d=d), follower=follower, gate=gate,
                record=FINAL, seed=seed, replications=tier.reps("bait"),
            )
            for d in dims
            for follower, gate in product([*kinds, HOSTILE], PLAYED)
        ],
    )  # fmt: skip


def steep(tier: Tier) -> tuple[RunSpec, ...]:
    """A threshold and a coin under bait with nearly a label a round, where theorem 9's sine is far from 1."""
    gates = (GateSpec(kind="llf_fixed"), COIN)
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=2 * tier.T_hard, beta=0.9, **arena("bait", "free", d), gate=gate, record=FINAL, seed=seed,
                replications=tier.reps("steep"),
            )
            for d, gate in product((4, 8, 16), gates)
        ],
    )  # fmt: skip


def insurance(tier: Tier) -> tuple[RunSpec, ...]:
    """``llf_paced`` that gives a share of its budget to a coin: on a benign stream and under ``bait``."""
    gates = [GateSpec(kind="llf_paced", coin_share=share) for share in SHARES] + [COIN]
    places = [arena("hard_negative", "shift", 16, components=4), arena("bait", "free", 16)]
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_hard, beta=BETA, **place, gate=gate, learner=LearnerSpec(sigma=0.25), record=FINAL,
                seed=seed, replications=tier.reps("insurance"),
            )
            for place, gate in product(places, gates)
        ],
    )  # fmt: skip


SWEEPS = (bait, steep, insurance)
