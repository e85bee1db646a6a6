"""The named experiments: functions from a tier to an immutable tuple of run specs, with ids "name/i".

Every sweep but ``trace`` is played on ``tier.sets`` disjoint seed sets, so that each verdict can be
drawn from independent data as often.  TESTING names sweeps small enough for a unit test.
"""

from itertools import product
from typing import Any

from sim.rules import gates
from sim.rules.followers import POOL, SWEPT
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from sim.tiers import Tier

FINAL = RecordSpec(mode="final")
PLAIN_GATES = tuple(g for g in gates.GATES if g not in ("control_peek", "llf_split"))
SPLITS = (GateSpec(kind="llf_split"), GateSpec(kind="llf_split", purse="random"))
ALL_GATES = tuple(GateSpec(kind=g) for g in PLAIN_GATES) + SPLITS
BUYERS = tuple(g for g in ALL_GATES if not g.traits.reference)
BETAS = (0.01, 0.03, 0.1, 0.3, 1.0)
POOL_BETAS = (0.01, 0.02, 0.05, 0.1, 0.2)
STATED_BETAS = (0.005, 0.02, 0.1, 0.3, 1.0)
DIGIT_BETAS = (0.02, 0.05, 0.1, 0.2, 0.5)
PATIENT = FollowerSpec(kind="patient", price=0.5)  # half of what a vector costs it is what it teaches
ARENAS = (
    ("iid", "isotropic"),
    ("hard_negative", "zipf"),
    ("best_response", "shift"),
    ("ball", "free"),
    ("evader", "free"),
    ("hard_instance", "free"),
)


def arena(follower: str | FollowerSpec, context: str, d: int, **stream: Any) -> dict[str, Any]:
    """The stream and the follower (or its kind) of a configuration, as keyword arguments of ``RunSpec``.

    d       feature dimension;  stream  further fields of ``StreamSpec``
    """
    played = FollowerSpec(kind=follower) if isinstance(follower, str) else follower
    return dict(stream=StreamSpec(context=context, d=d, **stream), follower=played)


def _per_set(tier: Tier, make) -> tuple[RunSpec, ...]:
    return tuple(spec for seed in range(tier.sets) for spec in make(seed))


def horizon(tier: Tier) -> tuple[RunSpec, ...]:
    """Every label bought, against the ball follower in each dimension and against four others at d = 8:
    how regret grows with T and d.
    """
    cells = [("ball", "free", d) for d in tier.dims]
    cells += [(f, "isotropic", 8) for f in POOL] + [("evader", "free", 8)]
    return _per_set(
        tier,
        lambda seed: [
            RunSpec(T=tier.T_rate, **arena(f, c, d), seed=seed, replications=tier.reps("horizon")) for f, c, d in cells
        ],
    )


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

    return _per_set(tier, cells)


def _theorem(tier: Tier, gate: GateSpec) -> tuple[RunSpec, ...]:
    grid = product(ARENAS, (2, 8), (0.02, 0.1, 0.3), (0.25, 1.0), (1.0, 4.0))
    cells = [c for c in grid if c[0][0] != "hard_instance" or 400 * c[2] >= c[3] ** 2 * c[1] ** 2 / 4]
    return _per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=400, beta=beta, **arena(f, c, d, components=2), learner=LearnerSpec(sigma=sigma, lam=lam), gate=gate,
                record=FINAL, seed=seed, replications=tier.reps("theorem"),
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


def hard(tier: Tier) -> tuple[RunSpec, ...]:
    """Every gate that has a budget, on the hard instance of theorem 4, over budgets."""
    d = 4 if tier.T_hard < 4096 else (8 if tier.T_hard < 2**15 else 16)
    betas = [b for b in BETAS if b * tier.T_hard >= d * d / 4]
    return _per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_hard, beta=b, **arena("hard_instance", "free", d), gate=g, record=FINAL, seed=seed,
                replications=tier.reps("hard"),
            )
            for b, g in product(betas, BUYERS)
        ],
    )  # fmt: skip


def stated(tier: Tier) -> tuple[RunSpec, ...]:
    """``llf_paced`` over the whole range of beta, in runs long enough for theorem 3's bound to be below
    the trivial one.
    """
    return _per_set(
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
    return _per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=T, B=B, **arena("hard_instance", "free", 16), gate=g, record=FINAL, seed=seed,
                replications=tier.reps("witness"),
            )
            for (T, B), g in product(tier.T_witness, gates)
        ],
    )  # fmt: skip


def efficiency(tier: Tier) -> tuple[RunSpec, ...]:
    """Regret against labels really bought, for every gate in four context processes."""
    contexts: tuple[dict[str, Any], ...] = (
        dict(context="isotropic"),
        dict(context="power_law", exponent=1.0),
        dict(context="zipf", components=8, leak=0.1),
        dict(context="shift", components=4),
    )
    cells = [(b, g) for b, g in product(POOL_BETAS, BUYERS)] + [(1.0, GateSpec(kind="always"))]
    return _per_set(
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
    return _per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=tier.T_pool, beta=b, **arena(f, c, 8), gate=g, record=FINAL, seed=seed,
                replications=tier.reps("followers"),
            )
            for f, c, b, g in cells
        ],
    )  # fmt: skip


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
    return _per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=1300, beta=b, stream=stream, follower=FollowerSpec(kind="all"), learner=learner, gate=g, seed=seed,
                record=FINAL, replications=tier.reps("digits"),
            )
            for b, g in cells
        ],
    )  # fmt: skip


def peek(tier: Tier) -> tuple[RunSpec, ...]:
    """Pairs of runs that differ only in the label noise of the last round: a gate must decide alike in both."""
    gates = (*ALL_GATES, GateSpec(kind="control_peek"))
    return _per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=T, beta=0.5, **arena("hard_negative", "isotropic", 4), gate=g, record=FINAL, seed=seed,
                replications=tier.reps("peek"), relabel_from=relabel,
            )
            for g, T in product(gates, (100, 150))
            for relabel in (0, T)
        ],
    )  # fmt: skip


def controls(tier: Tier) -> tuple[RunSpec, ...]:
    """Runs that are wrong on purpose: a confidence radius far too small, a learner with a wrong update."""
    kinds = (LearnerSpec(radius_mode="scaled", radius_c=0.05), LearnerSpec(control="wrong_update"))
    return _per_set(
        tier,
        lambda seed: [
            RunSpec(
                T=300, **arena(f, c, 4), learner=k, record=RecordSpec(per_octave=1), seed=seed,
                replications=tier.reps("controls"),
            )
            for k, (f, c) in product(kinds, (("ball", "free"), ("iid", "isotropic")))
        ],
    )  # fmt: skip


SWEEPS = {
    f.__name__: f
    for f in (
        horizon, coverage, theorem2, theorem3, hard, stated, witness, efficiency, followers, trace, digits, peek,
        controls,
    )
}  # fmt: skip
TESTING = ("trace", "controls")


def cost(spec: RunSpec) -> float:
    """Rough cost of a configuration, for plans and progress: 1 is about one round at d <= 16."""
    passes = 2.0 if spec.gate.kind == "llf_oracle" else 1.0
    d = 64 if spec.stream.context == "recorded" else spec.stream.d
    return spec.T * spec.replications * passes * (1.0 + (d / 32.0) ** 2)
