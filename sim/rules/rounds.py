"""The parts of one round, as rules: present a pool, let the leader pick, signal to the gate, buy the label.

``sim.game`` plays whole runs from these, ``sim.adapters.episode`` one round at a time.

>>> s = learners.start(2, 2, 1.0)                              # two classes on two features, no label yet
>>> s = learners.update(s, np.array([0.0, 1.0]), np.array([0.0, 1.0]), 4096, False, np.zeros(2))
>>> accuracy(s, np.eye(2), np.array([0, 1]))                   # rows (1, 0) of class 0 and (0, 1) of class 1
1.0
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sim.rules import bait, choice, codes, draws, evasion, followers, gates, leader, learners, planners, streams


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


def surprise(g, keys, t, v, w):
    """|noise| of the round's label for the control gate that peeks and, as a bait, for a user's gate (else 0)."""
    if gates.BAITED[g.gate]:
        noise(g, keys, t, w)
        if g.feedback == codes.CHOICE:
            mean = w.payoffs[min(v.pick, v.rival)] - w.payoffs[max(v.pick, v.rival)]
            return choice.surprise(mean, winner(mean, w))
        return abs(w.eta[0])
    return 0.0


def surprise_of_class(g, pick, label):
    """The same on a recorded stream: twice sigma where the label would be a surprise."""
    return 2.0 * g.sigma if gates.BAITED[g.gate] and pick != label else 0.0


def best(payoffs):
    """The index of the largest payoff (N,), the lowest on a tie."""
    gold = 0
    for k in range(payoffs.shape[0]):
        if payoffs[k] > payoffs[gold]:
            gold = k
    return gold


def payoffs_of(w, theta_star):
    """Fill payoffs (N,) with <theta*, phi> and return the gold index."""
    learners.dots(w.Phi, theta_star, w.payoffs)
    return best(w.payoffs)


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
    learners.dots(w.Phi, theta_star, w.payoffs)
    if g.misfit > 0.0:
        streams.bend(g.misfit, process.twist, w.Phi, w.payoffs, w.scores)
    gold = best(w.payoffs)
    leader.score(g, s, w.Phi, alpha, w.means, w.scores, w.W)
    if g.follower == followers.IID:
        draws.fill_uniform(keys[draws.FOLLOWER], t * g.N, w.luck)  # counters let a run skip unneeded draws
    choose(g, w.scores, w.payoffs, gold, w.luck, w.shown)
    return gold


def respond(g, keys, t, s, p, alpha, theta_star, scheduled, w, decide):
    """The free game: write the follower's z (d,) into ``w.z``; it knows the gate's rule ``decide``."""
    x = gates.Signal(t, 0.0, 0.0, 0.0, 0.0, 0, 1.0, scheduled, 0.0)  # what the follower asks about: no coin
    if g.follower == followers.HARD_INSTANCE:
        followers.hard(t, g.L, w.z)
    elif g.follower == followers.SCHEDULE:
        planners.replay(t, g.script, w.z)
    elif g.follower != followers.BAIT or not bait.spread(g, s, p, x, alpha, w.z, w.out, decide):
        draws.fill_bell(keys[draws.FOLLOWER], t * g.d, w.z)
        followers.tremble(theta_star, g.tremble, w.z, w.candidate)
        if g.follower == followers.PATIENT:
            planners.patient(g, s, t, w.candidate, w.z)
        else:
            followers.ball(s.theta[:, 0], w.candidate, g.L, w.z)
        if g.exact:
            evasion.evade_exactly(g, s, p, x, theta_star, alpha, w.z, w.candidate, w.out, decide)
        elif g.follower in (followers.EVADER, followers.BAIT):
            evasion.evade_along_rays(g, s, p, x, theta_star, alpha, w.z, w.candidate, w.out, decide)


def lay_out(keys, t, w):
    """The pair of a free round: z against the zero vector, in an order set by a coin. Modifies ``w``."""
    row = 0 if draws.uniform_at(keys[draws.ORDER], t) < 0.5 else 1
    for i in range(w.z.shape[0]):
        w.Phi[row, i] = w.z[i]
        w.Phi[1 - row, i] = 0.0
    w.shown[0], w.shown[1] = 0, 1


def noise(g, keys, t, w):
    """Fill ``w.eta`` (M + 1,) with the label noise of round t [reward], sigma times ``draws.standard``; another
    sequence from ``relabel_from`` on.  Modifies ``w``."""
    key = keys[draws.RELABEL] if t >= g.relabel_from else keys[draws.NOISE]
    draws.fill_uniform(key, t * (2 * (g.M + 1)), w.few)
    for k in range(g.M + 1):
        w.eta[k] = g.sigma * draws.standard(g.noise, w.few[2 * k], w.few[2 * k + 1])


def compare(w, v):
    """z = phi_lo - phi_hi of the compared pair in index order, which knows nothing of gold."""
    lo, hi = min(v.pick, v.rival), max(v.pick, v.rival)
    for i in range(w.z.shape[0]):
        w.z[i] = w.Phi[lo, i] - w.Phi[hi, i]
    return w.payoffs[lo] - w.payoffs[hi]


def winner(mean, w):
    """The label of a choice, from the draw that ``noise`` left in ``w``: 1 where the first of the compared pair, ahead
    by ``mean`` [reward], wins, 0 where it loses."""
    return 1 if w.few[0] < choice.chance(mean) else 0


def buy(g, s, v, keys, t, w):
    """Step 6: the label that feedback defines, and the learner's update. Modifies ``w``."""
    noise(g, keys, t, w)
    if g.feedback == codes.CHOICE:
        won = winner(compare(w, v), w)
        return learners.learn_choice(s, w.z, won, g.S, g.L, g.refresh, g.wrong, w.y, w.out)
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


def meet(g, keys, t, s, alpha, scheduled, w):
    """What the leader makes of the shown set in ``w``, and the gate of that: (leader.View, gates.Signal).

    It returns numbers only, and is apart from ``present`` for that: the compiled run then counts no references.
    """
    pick = leader.pick_against(w.scores, w.payoffs, w.shown)
    v = leader.assess(g, s, w.Phi, w.means, w.shown, pick, alpha, w.z, w.out)
    return v, gates.signal(g, v, t, v.width * v.width, gates.coin(g, keys, t), scheduled, surprise(g, keys, t, v, w))


def meet_class(g, keys, t, alpha, scores, w2, label, scheduled):
    """The same on a recorded stream, from the class scores (K,) and w2 = ||x||_P^2: (View, Signal, regret)."""
    v = leader.assess_classes(scores, w2, alpha)
    x = gates.signal(g, v, t, w2, gates.coin(g, keys, t), scheduled, surprise_of_class(g, v.pick, label))
    return v, x, 0.0 if v.pick == label else 1.0


def predict_class(s, x, room, out):
    """(class scores (K,), ||x||_P^2) of a row x (m,). Modifies ``room`` (K,), which holds them, and ``out`` (m,)."""
    for k in range(room.shape[0]):
        room[k] = learners.dot(x, s.theta[:, k])
    return room, learners.square_width(s.P, x, out)


def learn_class(g, s, x, one_hot, out):
    """The learner's state after the bought label ``one_hot`` (K,) of row x (m,). Modifies ``out`` (m,)."""
    return learners.update(s, x, one_hot, g.refresh, False, out)


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
