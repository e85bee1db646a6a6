"""Constants as plain numbers: the argument ``g`` of every rule.

``GateSetup`` is what a gate and its radius read, for whoever has a gate and no simulated game (a live gate,
a language model); ``Setup`` is a whole run's, with the same names for the same things, so that a
rule takes either.
"""

import math
from typing import NamedTuple

import numpy as np

from sim import plugins, scripts
from sim.fields import coins_of
from sim.rules import codes, followers, gates
from sim.spec import GateSpec, LearnerSpec, RunSpec


class GateSetup(NamedTuple):
    """Constants of a gate: horizon, budget and dimension; codes of its parts (``codes``, ``gates``); scales;
    the gate's own constants.  info = D_B and info_half = D_{B/2} [nats].  B counts the labels of the gate itself, coins
    those that a coin spends beside it (``rules.insurance``)."""

    T: int
    d: int
    B: int
    coins: int
    gate: int
    latency: int
    purse: int
    cap: bool
    window: int
    leader: int
    feedback: int
    radius_mode: int
    sigma: float
    lam: float
    S: float
    L: float
    delta: float
    radius_c: float
    info: float
    info_half: float
    gate_threshold: float
    gate_c: float
    gate_p: float
    gate_kappa: float
    gate_eta: float


class Setup(NamedTuple):
    """Constants of a run: those of ``GateSetup``, and the sizes and parts of the game around the gate.

    feature_norm = norm of a pool row; misfit [reward] of its payoffs; relabel_from is 0-based, T where it
    is off; script (T', d) the schedule, no row without one.
    """

    T: int
    d: int
    B: int
    coins: int
    gate: int
    latency: int
    purse: int
    cap: bool
    window: int
    leader: int
    feedback: int
    radius_mode: int
    sigma: float
    lam: float
    S: float
    L: float
    delta: float
    radius_c: float
    info: float
    info_half: float
    gate_threshold: float
    gate_c: float
    gate_p: float
    gate_kappa: float
    gate_eta: float
    N: int
    M: int
    context: int
    follower: int
    refresh: int
    wrong: bool
    relabel_from: int
    tremble: float
    noise: int
    misfit: float
    feature_norm: float
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


def is_idle(g: GateSetup | Setup) -> bool:
    """Whether the gate has too few labels against the dimension ever to open."""
    traits = gates.TRAITS[g.gate]
    return traits.potential and traits.uncapped and never_opens(g.B, g.d, g.lam, g.L)


def idle_text(g: GateSetup | Setup) -> str:
    """What to say of an idle gate, and the way out."""
    return (
        f"{gates.KINDS[g.gate]} never opens with B = {g.B} in d = {g.d} dimensions (D_B/B >= log(1 + L^2/lam)); "
        "use more labels, fewer dimensions, or llf_self_paced"
    )


def gate_setup(gate: GateSpec, T: int, B: int, d: int, learner: LearnerSpec, vectors: int = 1) -> GateSetup:
    """The numbers of a gate over T rounds with B labels in d dimensions; a label teaches ``vectors`` vectors."""
    k = learner
    coins = coins_of(B, gate.coin_share)
    B -= coins
    return GateSetup(
        T=T,
        d=d,
        B=B,
        coins=coins,
        gate=gates.KINDS.index(gate.kind),
        latency=codes.LATENCIES.index(gate.latency_used),
        purse=gates.KINDS.index(gate.purse),
        cap=gate.cap,
        window=plugins.memory(gate.path) if gate.kind == codes.PLUGIN else gate.window,
        leader=codes.LEADERS.index(k.leader),
        feedback=codes.FEEDBACKS.index(k.feedback),
        radius_mode=codes.RADIUS_MODES.index(k.radius_mode),
        sigma=k.sigma,
        lam=k.lam,
        S=k.S,
        L=k.L,
        delta=k.delta,
        radius_c=k.radius_c,
        info=information(B, d, k.lam, k.L, vectors),
        info_half=information(max(B // 2, 1), d, k.lam, k.L, vectors),
        gate_threshold=gate.threshold,
        gate_c=gate.c,
        gate_p=gate.p,
        gate_kappa=gate.kappa,
        gate_eta=gate.eta or 1.0 / math.sqrt(B),
    )


def build(spec: RunSpec, d: int | None = None, classes: int | None = None) -> Setup:
    """Turn a checked spec into numbers; a recorded stream brings its own d and class count."""
    k, stream, follower = spec.learner, spec.stream, spec.follower
    d, N = d or stream.d, classes or spec.N
    M = N - 1 if classes else follower.M
    vectors = M + 1 if k.feedback == "full" else 1
    return Setup(
        **gate_setup(spec.gate, spec.T, spec.budget, d, k, vectors)._asdict(),
        N=N,
        M=M,
        context=codes.CONTEXTS.index(stream.context),
        follower=followers.KINDS.index(follower.kind),
        refresh=k.refresh,
        wrong=k.control == "wrong_update",
        relabel_from=spec.relabel_from - 1 if spec.relabel_from else spec.T,
        tremble=follower.tremble,
        noise=codes.NOISES.index(stream.noise),
        misfit=stream.misfit,
        feature_norm=k.L / 2.0 if k.feedback in codes.COMPARED else k.L,
        exact=follower.exact,
        price=follower.price,
        turn=follower.turn,
        haste=follower.haste,
        period=follower.period,
        script=scripts.load(follower.path, d, k.L) if follower.kind == "schedule" else np.zeros((0, d)),
    )
