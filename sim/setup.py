"""A run's constants as plain numbers: the one argument that every rule takes as ``g``."""

import math
from typing import NamedTuple

import numpy as np

from sim import own, scripts
from sim.rules import codes
from sim.spec import RunSpec


class Setup(NamedTuple):
    """Constants of a run: sizes, codes of its parts (see ``codes``), scales, gate parameters.

    info = D_B and info_half = D_{B/2} [nats]; feature_norm = norm of a pool row;
    relabel_from is 0-based, T where it is off; script (T', d) the schedule, no row without one.
    """

    T: int
    d: int
    N: int
    M: int
    B: int
    context: int
    follower: int
    leader: int
    feedback: int
    gate: int
    latency: int
    purse: int
    cap: bool
    radius_mode: int
    refresh: int
    window: int
    wrong: bool
    relabel_from: int
    sigma: float
    lam: float
    S: float
    L: float
    delta: float
    radius_c: float
    tremble: float
    feature_norm: float
    info: float
    info_half: float
    gate_threshold: float
    gate_c: float
    gate_p: float
    gate_kappa: float
    gate_eta: float
    exact: bool
    price: float
    turn: float
    haste: float
    period: int
    script: np.ndarray


def information(n: float, d: int, lam: float, L: float, vectors: int = 1) -> float:
    """D_n = d log(1 + n v L^2 / (d lam)) [nats]: the most that n labels of v vectors can teach."""
    return d * math.log1p(n * vectors * L * L / (d * lam))


def never_opens(n: float, d: int, lam: float, L: float) -> bool:
    """True where llf_fixed and llf_paced stay shut for ever: D_B/B >= log(1 + L^2/lam)."""
    return information(n, d, lam, L) / n >= math.log1p(L * L / lam)


def build(spec: RunSpec, d: int | None = None, classes: int | None = None) -> Setup:
    """Turn a checked spec into numbers; a recorded stream brings its own d and class count."""
    k, gate, stream, follower = spec.learner, spec.gate, spec.stream, spec.follower
    d = d or stream.d
    N = classes or spec.N
    M = N - 1 if classes else follower.M
    B = spec.budget
    committed = follower.kind == "schedule"
    vectors = M + 1 if k.feedback == "full" else 1
    return Setup(
        T=spec.T,
        d=d,
        N=N,
        M=M,
        B=B,
        context=codes.CONTEXTS.index(stream.context),
        follower=codes.code(follower.kind, codes.FOLLOWERS),
        leader=codes.LEADERS.index(k.leader),
        feedback=codes.FEEDBACKS.index(k.feedback),
        gate=codes.code(gate.kind, codes.GATES),
        latency=codes.LATENCIES.index(gate.latency_used),
        purse=codes.GATES.index(gate.purse),
        cap=gate.cap,
        radius_mode=codes.RADIUS_MODES.index(k.radius_mode),
        refresh=k.refresh,
        window=own.memory(gate.path) if gate.kind == codes.OWN else gate.window,
        wrong=k.control == "wrong_update",
        relabel_from=spec.relabel_from - 1 if spec.relabel_from else spec.T,
        sigma=k.sigma,
        lam=k.lam,
        S=k.S,
        L=k.L,
        delta=k.delta,
        radius_c=k.radius_c,
        tremble=follower.tremble,
        feature_norm=k.L / 2.0 if k.feedback == "pair" else k.L,
        info=information(B, d, k.lam, k.L, vectors),
        info_half=information(max(B // 2, 1), d, k.lam, k.L, vectors),
        gate_threshold=gate.threshold,
        gate_c=gate.c,
        gate_p=gate.p,
        gate_kappa=gate.kappa,
        gate_eta=gate.eta or 1.0 / math.sqrt(B),
        exact=follower.exact,
        price=follower.price,
        turn=follower.turn,
        haste=follower.haste,
        period=follower.period,
        script=scripts.load(follower.path, d, k.L) if committed else np.zeros((0, d)),
    )
