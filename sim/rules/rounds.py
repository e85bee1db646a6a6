"""The parts of one round, as rules: present a pool, signal to the gate, buy the label.

``loop`` and ``kernels`` both play rounds from these; they differ in how a run is driven.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sim.rules import codes, draws, evasion, followers, gates, leader, learners, planners, streams


class Work(NamedTuple):
    """Buffers of a run, overwritten every round: Phi (N, d); payoffs, means, scores, luck (N,);
    W (N, d); shown (M + 1,); z, candidate, out (d,); y (1,); draws u (N d,) and few (2 (M + 1),); eta (M + 1,)."""

    Phi: np.ndarray
    W: np.ndarray
    payoffs: np.ndarray
    means: np.ndarray
    scores: np.ndarray
    luck: np.ndarray
    shown: np.ndarray
    z: np.ndarray
    candidate: np.ndarray
    out: np.ndarray
    y: np.ndarray
    u: np.ndarray
    few: np.ndarray
    eta: np.ndarray


def workspace(g):
    """Allocate the buffers of a run."""
    return Work(
        learners.zeros(g.N, g.d),
        learners.zeros(g.N, g.d),
        np.zeros(g.N),
        np.zeros(g.N),
        np.zeros(g.N),
        np.zeros(g.N),
        np.zeros(g.M + 1, dtype=np.int64),
        np.zeros(g.d),
        np.zeros(g.d),
        np.zeros(g.d),
        np.zeros(1),
        np.zeros(g.N * g.d),
        np.zeros(2 * (g.M + 1)),
        np.zeros(g.M + 1),
    )


def gate_coin(g, keys, t):
    """The gate's coin of round t, drawn only for gates that may toss one (1 otherwise)."""
    if g.gate == codes.RANDOM or g.gate == codes.LLF_SPLIT or g.gate == codes.OWN_CODE:
        return draws.uniform_at(keys[draws.COIN], t)
    return 1.0


def leak(g, keys, t, w):
    """|noise| of the round's label for the control gate that peeks and, as a bait, for a user's gate."""
    if g.gate == codes.CONTROL_PEEK or g.gate == codes.OWN_CODE:
        noise(g, keys, t, w)
        return abs(w.eta[0])
    return 0.0


def leak_of_class(g, pick, label):
    """The same on a recorded stream: twice sigma where the label would be a surprise."""
    baited = g.gate == codes.CONTROL_PEEK or g.gate == codes.OWN_CODE
    return 2.0 * g.sigma if baited and pick != label else 0.0


def payoffs_of(w, theta_star):
    """Fill payoffs (N,) and return the gold index (largest payoff, lowest index on a tie)."""
    gold = 0
    learners.dots(w.Phi, theta_star, w.payoffs)
    for k in range(w.payoffs.shape[0]):
        if w.payoffs[k] > w.payoffs[gold]:
            gold = k
    return gold


def present(g, process, keys, t, s, p, alpha, theta_star, scheduled, w, decide, choose, respond):
    """Steps 1-3: pool, commitment, shown set. Fills ``w``; returns the gold index.

    ``decide`` is the gate's rule, ``choose`` and ``respond`` the follower's on a pool and in the free game.
    """
    if g.context == codes.FREE:
        respond(g, keys, t, s, p, alpha, theta_star, scheduled, w, decide)
        lay_out(keys, t, w)
        gold = payoffs_of(w, theta_star)
        leader.score(g, s, w.Phi, alpha, w.means, w.scores, w.W)
        return gold
    c = streams.component(g, process, keys[draws.COMPONENT], t)
    streams.fill_pool(g, process.scales[c], keys[draws.FEATURES], t, w.u, w.Phi)
    gold = payoffs_of(w, theta_star)
    leader.score(g, s, w.Phi, alpha, w.means, w.scores, w.W)
    if g.follower == codes.IID:
        draws.fill_uniform(keys[draws.FOLLOWER], t * g.N, w.luck)  # counters let a run skip unneeded draws
    choose(g, w.scores, w.payoffs, gold, w.luck, w.shown)
    return gold


def respond(g, keys, t, s, p, alpha, theta_star, scheduled, w, decide):
    """The free game: write the follower's z (d,) into ``w.z``; it knows the gate's rule ``decide``."""
    if g.follower == codes.HARD_INSTANCE:
        followers.hard(t, g.L, w.z)
    elif g.follower == codes.SCHEDULE:
        planners.replay(t, g.script, w.z)
    else:
        draws.fill_bell(keys[draws.FOLLOWER], t * g.d, w.z)
        followers.tremble(theta_star, g.tremble, w.z, w.candidate)
        if g.follower == codes.PATIENT:
            planners.patient(g, s, t, w.candidate, w.z)
        else:
            followers.ball(s.theta[:, 0], w.candidate, g.L, w.z)
        if g.follower == codes.EVADER:
            x = gates.Signal(t, 0.0, 0.0, 0.0, 0.0, 0, 1.0, scheduled, 0.0)
            if g.exact:
                evasion.evade(g, s, p, x, theta_star, alpha, w.z, w.candidate, w.out, decide)
            else:
                followers.evade(g, s, p, x, theta_star, alpha, w.z, w.candidate, w.out, decide)


def lay_out(keys, t, w):
    """The pair of a free round: z against the zero vector, in an order set by a coin. Modifies ``w``."""
    row = 0 if draws.uniform_at(keys[draws.ORDER], t) < 0.5 else 1
    for i in range(w.z.shape[0]):
        w.Phi[row, i] = w.z[i]
        w.Phi[1 - row, i] = 0.0
    w.shown[0], w.shown[1] = 0, 1


def signal(g, v, t, design_w2, luck, scheduled, surprise):
    """What the gate may know: scalars only."""
    latency = v.regret_latency if g.latency == codes.REGRET else v.width_latency
    certified = 1 if v.regret_latency <= 0.0 else 0
    return gates.Signal(t, latency, v.width, math.log1p(design_w2), v.gap, certified, luck, scheduled, surprise)


def noise(g, keys, t, w):
    """Fill ``w.eta`` (M + 1,) with the label noise of round t [reward], N(0, sigma^2), another sequence from
    ``relabel_from`` on.  Modifies ``w``."""
    key = keys[draws.RELABEL] if t >= g.relabel_from else keys[draws.NOISE]
    draws.fill_uniform(key, t * (2 * (g.M + 1)), w.few)
    for k in range(g.M + 1):
        w.eta[k] = g.sigma * draws.gaussian(w.few[2 * k], w.few[2 * k + 1])


def compare(w, v):
    """z = phi_lo - phi_hi of the compared pair in index order, which knows nothing of gold."""
    lo, hi = min(v.pick, v.rival), max(v.pick, v.rival)
    for i in range(w.z.shape[0]):
        w.z[i] = w.Phi[lo, i] - w.Phi[hi, i]
    return w.payoffs[lo] - w.payoffs[hi]


def buy(g, s, v, keys, t, w):
    """Step 6: the label that feedback defines, and the learner's update. Modifies ``w``."""
    noise(g, keys, t, w)
    if g.feedback == codes.PAIR:
        w.y[0] = compare(w, v) + w.eta[0]
        return learners.update(s, w.z, w.y, g.refresh, g.wrong, w.out)
    if g.feedback == codes.BANDIT:
        w.y[0] = w.payoffs[v.pick] + w.eta[0]
        for i in range(w.z.shape[0]):  # bandit feedback comes with an optimistic score, which left P phi
            w.z[i], w.out[i] = w.Phi[v.pick, i], w.W[v.pick, i]
        return learners.absorb(s, w.z, w.y, g.refresh, g.wrong, w.out, max(learners.dot(w.z, w.out), 0.0))
    for j in range(w.shown.shape[0]):
        k = w.shown[j]
        w.y[0] = w.payoffs[k] + w.eta[j]
        s = learners.update(s, w.Phi[k], w.y, g.refresh, g.wrong, w.out)
    return s


def accuracy(s, X, y):
    """Share of held-out rows X (n, m) whose best class is y (n,); ties to the lowest class."""
    right = 0
    for i in range(y.shape[0]):
        best, pick = -np.inf, 0
        for k in range(s.theta.shape[1]):
            value = learners.dot(X[i], s.theta[:, k])
            if value > best:
                best, pick = value, k
        if pick == y[i]:
            right += 1
    return right / y.shape[0]


class Parts(NamedTuple):
    """Everything in a game that a user may bring: the gate's decide and settle (``gates.Rule``), the
    follower's choose (a pool) and respond (the free game)."""

    decide: Callable = gates.decide
    settle: Callable = gates.settle
    choose: Callable = followers.choose
    respond: Callable = respond


BUILT_IN = Parts()
