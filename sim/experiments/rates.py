"""How regret grows with T, d and beta, and what the stated form and the floor say of it."""

from itertools import product
from typing import Any

from sim.experiments.parts import BUYERS, FINAL, SPLITS, arena, per_set, planner
from sim.rules.followers import POOL, SWEPT
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RunSpec, StreamSpec
from sim.tiers import Tier

BETAS = (0.01, 0.03, 0.1, 0.3, 1.0)
STATED_BETAS = (0.005, 0.02, 0.1, 0.3, 1.0)
GAPS = (0.025, 0.05, 0.1, 0.15, 0.25)  # of the hard instance; gap sqrt(16) is still at most S = 1


def horizon(tier: Tier) -> tuple[RunSpec, ...]:
    """Every label bought, against the ball follower in each dimension and against four others at d = 8:
    how regret grows with T and d.
    """
    places = [arena("ball", "free", d) for d in tier.dims]
    places += [arena(f, "isotropic", 8) for f in POOL] + [arena("evader", "free", 8)]
    return per_set(
        tier,
        lambda seed: [
            RunSpec(T=tier.T_rate, **place, seed=seed, replications=tier.reps("horizon")) for place in places
        ],
    )


def planned(tier: Tier) -> tuple[RunSpec, ...]:
    """Every label bought against a planner, whose plan depends on the horizon: so at several horizons."""
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_rate // short, stream=StreamSpec(context="free", d=8), follower=planner(8), record=FINAL,
                seed=seed, replications=tier.reps("planned"),
            )
            for short in (16, 4, 1)
        ],
    )  # fmt: skip


def quiet(tier: Tier) -> tuple[RunSpec, ...]:
    """Every label bought under little noise, where theorem 1's bound is below the trivial one from early on."""
    cells = [(f, c, d) for d in (2, 4, 8) for f, c in (("ball", "free"), ("evader", "free"), ("hard_negative", "zipf"))]
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_rate, **arena(f, c, d, components=2), learner=LearnerSpec(sigma=0.1), seed=seed,
                replications=tier.reps("quiet"),
            )
            for f, c, d in cells
        ],
    )  # fmt: skip


def full(tier: Tier) -> tuple[RunSpec, ...]:
    """Full feedback, the setting of [W26], three alternatives: every label bought in each dimension, and ``random``
    over budgets at d = 8.
    """
    common: dict[str, Any] = dict(T=tier.T_hard, learner=LearnerSpec(feedback="full"), replications=tier.reps("full"))
    cells = [(f, d, 1.0, "always") for f in POOL for d in tier.dims]
    cells += [(f, 8, beta, "random") for f in POOL for beta in (0.01, 0.1, 0.3)]
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                stream=StreamSpec(d=d), follower=FollowerSpec(kind=f, M=3), beta=beta, gate=GateSpec(kind=gate),
                seed=seed, **common,
            )
            for f, d, beta, gate in cells
        ],
    )  # fmt: skip


def hard(tier: Tier) -> tuple[RunSpec, ...]:
    """Every gate that has a budget, on the hard instance of theorem 4, over budgets."""
    d = 4 if tier.T_hard < 4096 else 16
    betas = [b for b in BETAS if b * tier.T_hard >= d * d / 4]
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_hard, beta=b, **arena("hard_instance", "free", d), gate=g, record=FINAL, seed=seed,
                replications=tier.reps("hard"),
            )
            for b, g in product(betas, BUYERS)
        ],
    )  # fmt: skip


def envelope(tier: Tier) -> tuple[RunSpec, ...]:
    """Two gates that buy early, and one that never buys, on hard instances of fixed gaps over budgets."""
    played = ("llf_paced", "prefix", "never")
    d = 4 if tier.T_hard < 4096 else 16
    betas = (0.08, 0.2, 0.6) if tier.T_hard < 4096 else (0.02, 0.06, 0.2, 0.6)
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_hard // 2, beta=b, stream=StreamSpec(context="free", d=d), gate=GateSpec(kind=g), record=FINAL,
                follower=FollowerSpec(kind="hard_instance", gap=gap), seed=seed, replications=tier.reps("envelope"),
            )
            for b, g, gap in product(betas, played, GAPS)
        ],
    )  # fmt: skip


def stated(tier: Tier) -> tuple[RunSpec, ...]:
    """``llf_paced`` over the whole range of beta, in runs long enough for theorem 3's bound to be below
    the trivial one.
    """
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_stated, beta=b, **arena(f, "free", 2), gate=GateSpec(kind="llf_paced"), record=FINAL,
                learner=LearnerSpec(sigma=0.25), seed=seed, replications=tier.reps("stated"),
            )
            for b, f in product(STATED_BETAS, SWEPT)
        ],
    )  # fmt: skip


def witness(tier: Tier) -> tuple[RunSpec, ...]:
    """Small budgets on the hard instance, where a bound with a constant that ignores beta must break."""
    gates = [GateSpec(kind=g) for g in ("prefix", "random", "llf_paced", "llf_quantile")] + [SPLITS[0]]
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=T, B=B, **arena("hard_instance", "free", 16), gate=g, record=FINAL, seed=seed,
                replications=tier.reps("witness"),
            )
            for (T, B), g in product(tier.T_witness, gates)
        ],
    )  # fmt: skip


SWEEPS = (horizon, planned, quiet, full, hard, envelope, stated, witness)
