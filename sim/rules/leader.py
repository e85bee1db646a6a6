"""The leader's half of a round: pick, compared pair, latencies.

The leader picks the best score among the shown responses; scores within ``TIE`` of the best
are a tie, and in the games a tie goes against the leader (the follower breaks it).  The compared
pair is the pick and the shown response that is least certain against it, so that
    width latency   factor * alpha * w,         w = max_k ||phi_k - phi_a||_P   (pair)
    regret latency  max_k [<theta, phi_k - phi_a> + alpha ||phi_k - phi_a||_P]_+
On the event E the instant regret is at most either of them (derived here: for the optimistic
leader by the triangle inequality, hence factor 2).
"""

import math
from typing import NamedTuple

from sim.rules import codes, learners

TIE = 1e-12


class View(NamedTuple):
    """pick, rival: pool indices of the compared pair; width = w, gap [reward], both latencies."""

    pick: int
    rival: int
    width: float
    gap: float
    width_latency: float
    regret_latency: float


def score(g, s, Phi, alpha, means, scores, W):
    """Fill means (N,) = Phi theta and scores (N,): greedy = means, optimistic adds alpha ||phi||_P.

    Modifies the buffer ``W`` (N, d) too.
    """
    theta = s.theta.reshape(-1)  # one column: the same numbers, known to be contiguous
    learners.dots(Phi, theta, means)
    if g.leader == codes.OPTIMISTIC:
        learners.weigh(s.P, Phi, W)
        learners.row_dots(Phi, W, scores)
        for k in range(Phi.shape[0]):
            scores[k] = means[k] + alpha * math.sqrt(max(scores[k], 0.0))
    else:
        for k in range(Phi.shape[0]):
            scores[k] = means[k]


def pick_against(scores, payoffs, shown):
    """Best score among ``shown``; among ties the smallest payoff (against the leader)."""
    best = scores[shown[0]]
    for k in shown:
        best = max(best, scores[k])
    slack = TIE * max(1.0, abs(best))
    pick = -1
    for k in shown:
        if scores[k] >= best - slack and (pick < 0 or payoffs[k] < payoffs[pick]):
            pick = k
    return pick


def assess(g, s, Phi, means, shown, pick, alpha, z, out):
    """Compare the pick with every shown response. Modifies ``z`` and ``out`` (d,)."""
    rival, width, gap, regret = pick, 0.0, math.inf, 0.0
    for j in range(shown.shape[0]):
        k = shown[j]
        if k == pick:
            continue
        for i in range(z.shape[0]):
            z[i] = Phi[k, i] - Phi[pick, i]
        w = math.sqrt(learners.square_width(s.P, z, out))
        if rival == pick or w > width:
            rival, width = k, w
        gap = min(gap, means[pick] - means[k])
        regret = max(regret, means[k] - means[pick] + alpha * w)
    factor = 1.0 if g.leader == codes.GREEDY else 2.0
    if g.feedback == codes.FULL:
        factor, width = 2.0, 0.0
        for k in shown:
            width = max(width, math.sqrt(learners.square_width(s.P, Phi[k], out)))
    elif g.feedback == codes.BANDIT:
        width = math.sqrt(learners.square_width(s.P, Phi[pick], out))
    return View(pick, rival, width, gap, factor * alpha * width, regret)


def assess_classes(scores, w2, alpha):
    """The same for K classes that share one row psi: ``w2`` = ||psi||_P^2, ties to the lowest index.

    phi(x, y) = e_y (x) psi(x), so ||phi_i - phi_j||_P = sqrt(2) ||psi||_P for every pair.
    """
    pick = 0
    for k in range(scores.shape[0]):
        if scores[k] > scores[pick]:
            pick = k
    rival = 0 if pick != 0 else 1
    for k in range(scores.shape[0]):
        if k != pick and scores[k] > scores[rival]:
            rival = k
    w = math.sqrt(2.0 * w2)
    gap = scores[pick] - scores[rival]
    return View(pick, rival, w, gap, alpha * w, max(alpha * w - gap, 0.0))
