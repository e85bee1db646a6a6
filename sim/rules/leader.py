"""The leader's half of a round: which response it picks, against which it compares, and how sure it is.

The leader picks the best score among the shown responses; scores within ``TIE`` of the best are
a tie, and in the games a tie goes against the leader (the follower breaks it).  The compared
pair is the pick a and the shown response that is least certain against it.  Two upper confidence
bounds on the regret of the round, called latencies, follow from it:

    width latency   factor * alpha * w,    w = max_k ||phi_k - phi_a||_P    (pair feedback)
    regret latency  max_k [<theta, phi_k - phi_a> + alpha ||phi_k - phi_a||_P]_+

On the event E the regret of the round is at most either of them; an optimistic leader needs
factor 2 (triangle inequality in the P-norm), a greedy one factor 1.  Derived here.

Three classes, the best score 0.3 ahead, and a pair that is 0.4 wide: the width alone says that
the regret may be 0.4, the lead takes 0.3 off.

>>> import numpy as np
>>> from sim.rules import leader
>>> view = leader.assess_classes(np.array([0.2, 0.5, 0.1]), w2=0.08, alpha=1.0)
>>> view.pick, view.rival, round(view.width_latency, 6), round(float(view.regret_latency), 6)
(1, 0, 0.4, 0.1)
"""

import math
from typing import NamedTuple

from sim.rules import codes, learners

TIE = 1e-12


class View(NamedTuple):
    """What the leader sees of a round.

    pick, rival      pool indices of the compared pair
    width            w = ||phi_rival - phi_pick||_P (dimensionless)
    gap              score of the pick minus that of the runner-up [reward]
    width_latency, regret_latency  the two bounds on the regret of the round [reward]
    """

    pick: int
    rival: int
    width: float
    gap: float
    width_latency: float
    regret_latency: float


def score(g, s, Phi, alpha, means, scores, W):
    """Score a pool ``Phi`` (N, d) by the estimate in ``s``.

    means   (N,) out: Phi theta
    scores  (N,) out: the means for a greedy leader, plus alpha ||phi||_P for an optimistic one
    W       (N, d) buffer; an optimistic leader leaves Phi P in it
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
    """Index of the best score among ``shown``; among ties the one of smallest payoff, against the leader."""
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
    """Compare the pick with every shown response and bound the regret of the round: a ``View``.

    means  (N,) estimated payoffs;  shown  (M + 1,) pool indices;  alpha  confidence radius
    Under full and bandit feedback the width is that of single responses, not of differences.
    Modifies the buffers ``z`` and ``out`` (d,).
    """
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
    """The same for K classes that share one feature row psi; ties go to the lowest index.

    scores  (K,);  w2 = ||psi||_P^2
    phi(x, y) = e_y (x) psi(x), so ||phi_i - phi_j||_P = sqrt(2) ||psi||_P for every pair of classes.
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


def assess_pool(scores, squares, shown, pick, alpha):
    """``assess`` under pair feedback and a greedy leader, from widths that the learner has computed: a ``View``.

    scores  (N,) estimated payoffs;  squares  (M + 1,) square widths ||phi_k - phi_pick||_P^2 in the order of
    ``shown`` (M + 1,)
    """
    rival, width, gap, regret = pick, 0.0, math.inf, 0.0
    for j in range(shown.shape[0]):
        k = shown[j]
        if k == pick:
            continue
        w = math.sqrt(squares[j])
        if rival == pick or w > width:
            rival, width = k, w
        gap = min(gap, scores[pick] - scores[k])
        regret = max(regret, scores[k] - scores[pick] + alpha * w)
    return View(pick, rival, width, gap, alpha * width, regret)
