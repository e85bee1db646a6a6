"""What every gate does: coverage, the LLF theorems, labels saved, followers, peeking, planted faults."""

from itertools import product
from typing import Any

import numpy as np

from sim.experiments.parts import ALL_GATES, ARENAS, BUYERS, FINAL, PATIENT, arena, per_set
from sim.rules.followers import POOL
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec
from sim.tiers import Tier

POOL_BETAS = (0.01, 0.02, 0.05, 0.1, 0.2)


def coverage(tier: Tier) -> tuple[RunSpec, ...]:
    """Every gate against every follower in many short runs, and the other kinds of feedback: does the
    confidence ellipsoid hold the truth?
    """
    record = RecordSpec(per_octave=1)
    kinds = (
        LearnerSpec(leader="optimistic"),
        LearnerSpec(feedback="full"),
        LearnerSpec(feedback="full", leader="optimistic"),
        LearnerSpec(feedback="bandit", leader="optimistic"),
    )

    def cells(seed: int) -> list[RunSpec]:
        common = dict(T=300, record=record, seed=seed, replications=tier.reps("coverage"))
        runs = [RunSpec(beta=0.1, **arena(f, c, 4), gate=g, **common) for (f, c), g in product(ARENAS, ALL_GATES)]
        runs += [
            RunSpec(beta=0.3, **arena("best_response", "isotropic", 4), learner=k, gate=GateSpec(kind=g), **common)
            for k, g in product(kinds, ("always", "llf_paced", "llf_regret"))
        ]
        return runs

    return per_set(tier, cells)


def long(tier: Tier) -> tuple[RunSpec, ...]:
    """Long runs of two gates against the ball: does the confidence ellipsoid hold the truth for ever?"""
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_long, beta=0.1, **arena("ball", "free", 4), gate=GateSpec(kind=g), record=FINAL, seed=seed,
                replications=tier.reps("long"),
            )
            for g in ("random", "llf_paced")
        ],
    )  # fmt: skip


def noise(tier: Tier) -> tuple[RunSpec, ...]:
    """Labels with other than Gaussian noise of the same variance: does the ellipsoid still hold the truth?"""
    places = [(f, c) for f, c in ARENAS if f in ("iid", "best_response", "ball", "evader")]
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=300, beta=0.3, **arena(f, c, 4, noise=law), gate=GateSpec(kind=g), record=FINAL, seed=seed,
                replications=tier.reps("coverage"),
            )
            for law in ("rademacher", "uniform")
            for (f, c), g in product(places, ("always", "random", "llf_paced"))
        ],
    )  # fmt: skip


def choice(tier: Tier) -> tuple[RunSpec, ...]:
    """Labels that are choices between two responses: does the ellipsoid of the Newton steps hold the truth?  And the
    same with a radius that is far too small.
    """
    places = [(f, c) for f, c in ARENAS if f in ("iid", "best_response", "ball", "evader")]
    honest = [(LearnerSpec(feedback="choice"), g) for g in ("always", "random", "llf_paced")]
    wrong = (LearnerSpec(feedback="choice", radius_mode="scaled", radius_c=0.02), "always")
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=300, beta=0.3 if g != "always" else 1.0, **arena(f, c, 4), learner=k, gate=GateSpec(kind=g),
                record=FINAL, seed=seed, replications=tier.reps("coverage"),
            )
            for (f, c), (k, g) in product(places, (*honest, wrong))
        ],
    )  # fmt: skip


def misfit(tier: Tier) -> tuple[RunSpec, ...]:
    """Every label bought where payoffs are only nearly linear, one alternative: what does the misfit cost?"""
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_theorem, **arena(f, "isotropic", d, misfit=eps), learner=LearnerSpec(sigma=0.1), record=FINAL,
                seed=seed, replications=tier.reps("misfit"),
            )
            for f in ("hard_negative", "best_response")
            for d in (2, 4)
            for eps in (0.0, 0.01, 0.03)
        ],
    )  # fmt: skip


def _theorem(tier: Tier, gate: GateSpec) -> tuple[RunSpec, ...]:
    grid = product(ARENAS, (2, 8), (0.02, 0.1, 0.3), (0.25, 1.0), (1.0, 4.0))
    cells = [c for c in grid if c[0][0] != "hard_instance" or tier.T_theorem * c[2] >= c[3] ** 2 * c[1] ** 2 / 4]
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_theorem, beta=beta, **arena(f, c, d, components=2), gate=gate, record=FINAL,
                learner=LearnerSpec(sigma=sigma, lam=lam), seed=seed, replications=tier.reps("theorem"),
            )
            for (f, c), d, beta, sigma, lam in cells
        ],
    )  # fmt: skip


def theorem2(tier: Tier) -> tuple[RunSpec, ...]:
    """``llf_fixed`` without the hard cap, over followers, d, beta, noise and ridge parameter."""
    return _theorem(tier, GateSpec(kind="llf_fixed", cap=False))


def theorem3(tier: Tier) -> tuple[RunSpec, ...]:
    """``llf_paced`` without the hard cap, over the same configurations as ``theorem2``."""
    return _theorem(tier, GateSpec(kind="llf_paced", cap=False))


def efficiency(tier: Tier) -> tuple[RunSpec, ...]:
    """Regret against labels really bought, for every gate in four context processes."""
    contexts: tuple[dict[str, Any], ...] = (
        dict(context="isotropic"),
        dict(context="power_law", exponent=1.0),
        dict(context="zipf", components=8, leak=0.1),
        dict(context="shift", components=4),
    )
    cells = [(b, g) for b, g in product(POOL_BETAS, BUYERS)] + [(1.0, GateSpec(kind="always"))]
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_pool, beta=b, **arena("hard_negative", d=16, **c), gate=g, record=FINAL, seed=seed,
                learner=LearnerSpec(sigma=0.25), replications=tier.reps("efficiency"),
            )
            for c, (b, g) in product(contexts, cells)
        ],
    )  # fmt: skip


def followers(tier: Tier) -> tuple[RunSpec, ...]:
    """Every gate that has a budget against every follower; ``random`` also at half the budget."""
    pairs: list[tuple[str | FollowerSpec, str]] = [(f, "isotropic") for f in POOL]
    pairs += [("ball", "free"), ("evader", "free")]
    cells = [(f, c, 0.1, g) for (f, c), g in product(pairs, BUYERS)]
    cells += [(f, c, 0.05, GateSpec(kind="random")) for f, c in pairs]
    cells += [(f, "free", 0.1, g) for f in ("bait", PATIENT) for g in BUYERS]
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_pool, beta=b, **arena(f, c, 8), gate=g, record=FINAL, seed=seed,
                replications=tier.reps("followers"),
            )
            for f, c, b, g in cells
        ],
    )  # fmt: skip


def peek(tier: Tier) -> tuple[RunSpec, ...]:
    """Runs with other label noise from a round on, beside the run without: a gate must decide alike up to it.

    Three rounds a gate and horizon, drawn among the recorded ones by the seed set, and the last round.
    """
    gates, record = (*ALL_GATES, GateSpec(kind="control_peek")), RecordSpec()
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=T, beta=0.5, **arena("hard_negative", "isotropic", 4), gate=g, record=record, seed=seed,
                replications=tier.reps("peek"), relabel_from=relabel,
            )
            for i, (g, T) in enumerate(product(gates, (100, 150)))
            for relabel in (0, *np.random.default_rng([seed, i]).choice(record.rounds(T)[:-1], 3, False).tolist(), T)
        ],
    )  # fmt: skip


def controls(tier: Tier) -> tuple[RunSpec, ...]:
    """Runs that are wrong on purpose: a confidence radius far too small, a learner with a wrong update."""
    kinds = (LearnerSpec(radius_mode="scaled", radius_c=0.05), LearnerSpec(control="wrong_update"))
    return per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=300, **arena(f, c, 4), learner=k, record=RecordSpec(per_octave=1), seed=seed,
                replications=tier.reps("controls"),
            )
            for k, (f, c) in product(kinds, (("ball", "free"), ("iid", "isotropic")))
        ],
    )  # fmt: skip


SWEEPS = (coverage, long, noise, choice, misfit, theorem2, theorem3, efficiency, followers, peek, controls)
