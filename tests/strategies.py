"""Hypothesis strategies: run specs, gate signals, design vectors."""

import numpy as np
from hypothesis import strategies as st

from sim.rules import codes, followers, gates
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec

HONEST = tuple(g for g in gates.GATES if g != "control_peek")
ARENAS = (
    ("ball", "free"),
    ("evader", "free"),
    ("hard_instance", "free"),
    ("iid", "isotropic"),
    ("hard_negative", "zipf"),
    ("best_response", "shift"),
)
POOLS = ("isotropic", "power_law", "zipf", "shift")

seeds = st.integers(0, 2**32 - 1)
rngs = seeds.map(np.random.default_rng)
scales = st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0])


def floats(low, high):
    """Finite floats in [low, high]."""
    return st.floats(low, high, allow_nan=False, allow_subnormal=False)


@st.composite
def gate_specs(draw, kinds=HONEST):
    """A gate with any of its parameters."""
    kind = draw(st.sampled_from(kinds))
    return GateSpec(
        kind=kind,
        latency=draw(st.sampled_from(["", *codes.LATENCIES])),
        threshold=draw(floats(0.0, 1.0)),
        c=draw(floats(0.0, 2.0)),
        p=draw(floats(0.0, 5.0)),
        kappa=draw(floats(0.0, 2.0)),
        eta=draw(floats(0.0, 1.0)),
        window=draw(st.integers(1, 12)),
        purse=draw(st.sampled_from(["prefix", "random"])),
        cap=draw(st.booleans()) if kind in ("llf_fixed", "llf_paced") else True,
    )


@st.composite
def run_specs(draw, kinds=HONEST, max_T=60, leaders=codes.LEADERS):
    """A simulated run: any arena, feedback, leader, gate and scale that a spec allows."""
    T = draw(st.integers(2, max_T))
    d = draw(st.integers(1, 6))
    follower = draw(st.sampled_from(followers.SWEPT + followers.POOL))
    free = follower in followers.SWEPT
    leader = "greedy" if follower in ("ball", "evader") else draw(st.sampled_from(leaders))
    feedback = "pair" if free else draw(st.sampled_from(["pair", "full", *(["bandit"] if leader != "greedy" else [])]))
    N = 2 if free else draw(st.integers(2, 6))
    B = draw(st.integers(1, T))
    sigma, S, L = draw(scales), draw(scales), draw(scales)
    if follower == "hard_instance":
        sigma = min(sigma, 1.99 * S * L * np.sqrt(B) / d)
    mode = draw(st.sampled_from(codes.RADIUS_MODES))
    return RunSpec(
        T=T,
        B=B,
        stream=StreamSpec(
            context="free" if free else draw(st.sampled_from(POOLS)),
            N=N,
            d=d,
            components=draw(st.integers(1, d)),
            leak=draw(st.sampled_from([0.0, 0.1])),
        ),
        follower=FollowerSpec(kind=follower, M=1 if free else draw(st.integers(1, N - 1))),
        learner=LearnerSpec(
            leader=leader,
            feedback=feedback,
            lam=draw(scales),
            sigma=sigma,
            S=S,
            L=L,
            delta=draw(floats(0.01, 0.9)),
            radius_mode=mode,
            radius_c=1.0 if mode == "theory" else draw(floats(0.2, 5.0)),
            refresh=draw(st.sampled_from([3, 4096])),
        ),
        gate=draw(gate_specs(kinds)),
        record=RecordSpec(mode="every"),
        seed=draw(st.integers(0, 1000)),
    )


@st.composite
def gate_runs(draw, kinds=HONEST):
    """A spec with a gate and one number table (T, 7) of arbitrary signals.

    Columns: latency, width, gain, gap, certified, coin, scheduled.  The gains are free numbers,
    so nothing here needs to come from a real design.
    """
    gate = draw(gate_specs(kinds))
    T = draw(st.integers(1, 60))
    spec = RunSpec(T=T, B=draw(st.integers(1, T)), stream=StreamSpec(d=draw(st.integers(1, 4))), gate=gate)
    rng = draw(rngs)
    table = rng.exponential(draw(st.sampled_from([0.1, 1.0])), (T, 7))
    table[rng.random(T) < draw(st.sampled_from([0.0, 0.3])), 3] = 0.0
    table[:, 4] = rng.random(T) < 0.3
    table[:, 5] = rng.random(T)
    table[:, 6] = rng.random(T) < 0.5
    return spec, table


@st.composite
def designs(draw, max_n=40, max_d=5):
    """(lam, L, vectors (n, d)) with norms at most L, zero vectors and repeats among them."""
    d, n, L = draw(st.integers(1, max_d)), draw(st.integers(0, max_n)), draw(scales)
    rng = draw(rngs)
    Z = rng.normal(size=(n, d))
    Z /= np.sqrt((Z**2).sum(axis=1, keepdims=True))
    Z *= L * rng.choice([0.0, 0.01, 0.5, 1.0], size=(n, 1), p=[0.1, 0.1, 0.3, 0.5])
    if n and draw(st.booleans()):
        Z = Z[rng.integers(0, max(1, n // 8), size=n)]
    return draw(scales), L, Z
