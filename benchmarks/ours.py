"""Plain LinUCB composed from the engine's own rules, and the whole game, as entries to time.

Plain LinUCB: K fresh feature vectors a round, one shared theta, optimistic score of every arm, the
best arm's reward, one Sherman-Morrison update.  ``sim.kernels`` registers the rules with the compiler when it
is imported, so that what is compiled here is the same text that the engine plays.
"""

from typing import NamedTuple

import harness
import numba
import numpy as np

from sim import engine, kernels  # noqa: F401 (kernels registers the rules)
from sim.rules import draws, leader, learners, rounds, streams
from sim.setup import Setup, build
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec

ALPHA, SIGMA = 0.5, 0.1
GIVEN, DRAWN = "engine's rules, features given", "engine's rules, features drawn"
PACED, EVERY = "whole game, 1 label in 10", "whole game, every label"


class Instance(NamedTuple):
    """One game of plain LinUCB: numbers, process, truth theta* (d,), keys, features X (T, K, d), rewards (T, K)."""

    g: Setup
    process: streams.Process
    truth: np.ndarray
    keys: np.ndarray
    X: np.ndarray
    Y: np.ndarray


def _best(scores):
    pick = 0
    for k in range(scores.shape[0]):
        if scores[k] > scores[pick]:
            pick = k
    return pick


best = numba.extending.register_jitable(_best)


def _noise(g, keys, t):
    key = keys[draws.NOISE]
    return g.sigma * draws.gaussian(draws.uniform_at(key, 2 * t), draws.uniform_at(key, 2 * t + 1))


noise = numba.extending.register_jitable(_noise)


@numba.njit(cache=True, nogil=True)
def given(g, X, Y, picks):
    """Play the features X (T, K, d) and rewards Y (T, K); fills picks (T,), returns theta (d,)."""
    s, w = learners.start(g.d, 1, g.lam), rounds.workspace(g)
    for t in range(g.T):
        for k in range(g.N):
            for i in range(g.d):
                w.Phi[k, i] = X[t, k, i]
        leader.score(g, s, w.Phi, learners.radius(g, s.psi), w.means, w.scores, w.W)
        picks[t] = best(w.scores)
        for i in range(g.d):
            w.z[i], w.out[i] = w.Phi[picks[t], i], w.W[picks[t], i]
        w.y[0] = Y[t, picks[t]]
        s = learners.absorb(s, w.z, w.y, g.refresh, False, w.out, learners.dot(w.z, w.out))
    return s.theta[:, 0].copy()


@numba.njit(cache=True, nogil=True)
def drawn(g, process, keys, truth, picks):
    """The same game, its features and noise drawn as the engine draws them."""
    s, w = learners.start(g.d, 1, g.lam), rounds.workspace(g)
    for t in range(g.T):
        streams.fill_pool(g, process.scales[0], keys[draws.FEATURES], t, w.u, w.Phi)
        leader.score(g, s, w.Phi, learners.radius(g, s.psi), w.means, w.scores, w.W)
        picks[t] = best(w.scores)
        for i in range(g.d):
            w.z[i], w.out[i] = w.Phi[picks[t], i], w.W[picks[t], i]
        rounds.noise(g, keys, t, w)
        w.y[0] = learners.dot(w.z, truth) + w.eta[0]
        s = learners.absorb(s, w.z, w.y, g.refresh, False, w.out, learners.dot(w.z, w.out))
    return s.psi


@numba.njit(cache=True, nogil=True)
def prepare(g, process, keys, truth, X, Y):
    """Write the features and rewards that ``drawn`` would draw into X and Y."""
    w = rounds.workspace(g)
    for t in range(g.T):
        streams.fill_pool(g, process.scales[0], keys[draws.FEATURES], t, w.u, w.Phi)
        rounds.noise(g, keys, t, w)
        for k in range(g.N):
            for i in range(g.d):  # an array assignment compiles a nameless function, which a cache may fail to load
                X[t, k, i] = w.Phi[k, i]
            Y[t, k] = learners.dot(w.Phi[k], truth) + w.eta[0]


@numba.njit(cache=True, nogil=True)
def update_only(g, X):
    """T updates on the first vectors of X (T, K, d) and nothing else; returns psi."""
    s, w = learners.start(g.d, 1, g.lam), rounds.workspace(g)
    for t in range(g.T):
        for i in range(g.d):
            w.z[i] = X[t, 0, i]
        w.y[0] = X[t, 0, 0]
        s = learners.update(s, w.z, w.y, g.refresh, False, w.out)
    return s.psi


def instance(K: int, d: int, T: int, replication: int = 0) -> Instance:
    """Features uniform in direction with norm 1, theta* of norm 1, noise SIGMA, constant radius ALPHA."""
    learner = LearnerSpec(leader="optimistic", feedback="bandit", sigma=SIGMA, radius_mode="fixed", radius_c=ALPHA)
    follower = FollowerSpec(kind="hard_negative")
    g = build(RunSpec(T=T, stream=StreamSpec(N=K, d=d), follower=follower, learner=learner))
    keys = draws.stream_keys(0, replication)
    process = streams.process("isotropic", d, exponent=1.0, components=1, leak=0.0)
    truth = streams.theta_star(keys[draws.THETA], d, g.S, 0.0)
    X, Y = np.zeros((T, K, d)), np.zeros((T, K))
    prepare(g, process, keys, truth, X, Y)
    return Instance(g, process, truth, keys, X, Y)


def game(K: int, d: int, T: int, gate: str, beta: float) -> RunSpec:
    """The whole game on a pool of K: hard negatives, pair feedback, a gate, ledger columns at log-spaced rounds."""
    learner = LearnerSpec(leader="optimistic", sigma=SIGMA, radius_mode="fixed", radius_c=ALPHA)
    stream, follower = StreamSpec(N=K, d=d), FollowerSpec(kind="hard_negative")
    return RunSpec(T=T, beta=beta, stream=stream, follower=follower, learner=learner, gate=GateSpec(kind=gate))


def same_game(a: Instance) -> None:
    """Raise RuntimeError unless given and drawn features lead to the same picks."""
    one, two = np.zeros(a.g.T, dtype=np.int64), np.zeros(a.g.T, dtype=np.int64)
    given(a.g, a.X, a.Y, one)
    drawn(a.g, a.process, a.keys, a.truth, two)
    if not np.array_equal(one, two):
        raise RuntimeError(f"given and drawn features differ in round {int(np.argmax(one != two))}: not one game")


def entries(a: Instance, long: int) -> list[harness.Entry]:
    """What the project offers at this size; the whole game is played for ``long`` rounds."""
    T, picks, version = a.g.T, np.zeros(a.g.T, dtype=np.int64), harness.version("budgeted-stackelberg")
    paced, every = game(a.g.N, a.g.d, long, "llf_paced", 0.1), game(a.g.N, a.g.d, long, "always", 1.0)
    rules = "leader.score, learners.absorb"
    return [
        harness.Entry(GIVEN, T, lambda: lambda: given(a.g, a.X, a.Y, picks), version, rules),
        harness.Entry(
            DRAWN,
            T,
            lambda: lambda: drawn(a.g, a.process, a.keys, a.truth, picks),
            version,
            f"{rules}, streams.fill_pool",
        ),
        harness.Entry("engine's update alone", T, lambda: lambda: update_only(a.g, a.X), version, "one vector a round"),
        harness.Entry(PACED, long, lambda: lambda: engine.play(paced), version, "engine.play: llf_paced, beta = .1"),
        harness.Entry(EVERY, long, lambda: lambda: engine.play(every), version, "engine.play: every round is updated"),
    ]


def replications(K: int, d: int, T: int) -> RunSpec:
    """One replication of the whole game, last round recorded only."""
    return game(K, d, T, "llf_paced", 0.1).model_copy(update={"record": RecordSpec(mode="final")})
