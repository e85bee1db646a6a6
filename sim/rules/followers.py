"""Followers: which alternatives are shown beside the gold response.

On a pool a follower ranks the alternatives.  In the free game it chooses a vector z, which is
shown against the zero vector in an order that does not tell which of the two is gold.  ``ball``
and ``evader`` know theta* and everything that the leader has committed to, except a gate's coin.
They reply to the present round only (myopic).

If the leader believes in the first axis and the truth also has a part on the second, the worst
difference that the leader will misjudge lies on the second:

    >>> import numpy as np
    >>> from sim.rules import followers
    >>> z = np.empty(2)
    >>> followers.ball(theta=np.array([1.0, 0.0]), aim=np.array([0.6, 0.8]), L=1.0, z=z)
    >>> z.round(6).tolist()
    [0.0, 1.0]

The ball response is exact up to a trembling hand (Selten 1975): exact play stays in the plane of
theta_hat and theta*, which is an unstable manifold, so that rounding errors would decide how many
dimensions are explored; a tremble of 1e-3 decides it on every machine alike.  It also settles the
case of theta* parallel to theta_hat, where every response is worth 0.

The evader here is the cheap version: it scales z along its ray, or tilts it away from theta_hat,
until the gate does not buy.  The exact version is in ``evasion``.
"""

import math

from sim.rules import codes, gates, learners
from sim.rules.leader import TIE

TILTS = 8
BISECTIONS = 30
WORTH = 0.01  # an evasion that keeps less of the payoff than this share is not worth making


def ascend(shown):
    """Sort a few indices in place, by insertion: a library sort would cost more than the rest of the round."""
    for i in range(1, shown.shape[0]):
        k, j = shown[i], i
        while j > 0 and shown[j - 1] > k:
            shown[j] = shown[j - 1]
            j -= 1
        shown[j] = k


def smallest(keys, gold, forced, M, shown):
    """Write the gold index, ``forced`` and the smallest of ``keys`` into ``shown`` (M + 1,), ascending.

    keys    (N,) one a response; equal keys go to the lowest index; overwritten
    forced  an index that is shown in any case, or -1
    """
    keys[gold] = math.inf
    n = 0
    if forced >= 0:
        keys[forced] = math.inf
        shown[n] = forced
        n += 1
    while n < M:
        best = -1
        for k in range(keys.shape[0]):
            if keys[k] < math.inf and (best < 0 or keys[k] < keys[best]):
                best = k
        keys[best] = math.inf
        shown[n] = best
        n += 1
    shown[n] = gold
    ascend(shown)


def worst_pick(scores, payoffs, gold, M):
    """The alternative that costs the leader most and can be made its pick; -1 if there is none.

    scores, payoffs  (N,)
    k can be made the pick iff it beats or ties the gold response and at least M - 1 other
    alternatives do not beat k.
    """
    slack = TIE * max(1.0, abs(scores[gold]))
    best = -1
    for k in range(scores.shape[0]):
        if k == gold or scores[k] < scores[gold] - slack:
            continue
        beaten = 0
        for j in range(scores.shape[0]):
            if j != gold and j != k and scores[j] <= scores[k]:
                beaten += 1
        if beaten >= M - 1 and (best < 0 or payoffs[k] < payoffs[best]):
            best = k
    return best


def choose(g, scores, payoffs, gold, keys, shown):
    """Choose what a follower of a pool shows: ``shown`` (M + 1,) in place, ascending, gold included.

    scores, payoffs  (N,);  gold  index of the largest payoff
    keys             (N,) uniforms for the follower ``iid``; a buffer for the others, overwritten
    """
    forced = -1
    if g.follower != codes.IID:
        for k in range(keys.shape[0]):
            keys[k] = -scores[k]
    if g.follower == codes.BEST_RESPONSE:
        forced = worst_pick(scores, payoffs, gold, g.M)
        if forced >= 0:
            for k in range(keys.shape[0]):
                keys[k] = scores[k]
    smallest(keys, gold, forced, g.M, shown)


def ball(theta, aim, L, z):
    """Best response on a ball: z = argmax <aim, z> over ||z|| <= L, <theta, z> <= 0; ``z`` (d,) in place.

    theta  (d,) the leader's estimate;  aim  (d,) what the follower wants to harvest (theta*)
    In closed form z is proportional to aim, less its part along theta where <theta, aim> > 0.  It is
    the zero vector where aim is a positive multiple of theta.
    """
    cross = learners.dot(theta, aim)
    share = cross / learners.dot(theta, theta) if cross > 0.0 else 0.0
    for i in range(z.shape[0]):
        z[i] = aim[i] - share * theta[i]
    if cross > 0.0:  # a second projection removes what cancellation left of the first
        rest = learners.dot(theta, z) / learners.dot(theta, theta)
        for i in range(z.shape[0]):
            z[i] -= rest * theta[i]
    norm = math.sqrt(learners.dot(z, z))
    length = math.sqrt(learners.dot(aim, aim))
    factor = L / norm if norm > 1e-9 * length else 0.0
    for i in range(z.shape[0]):
        z[i] *= factor


def tremble(theta_star, size, u, aim):
    """aim = theta* + size ||theta*|| u / sqrt(d), ``aim`` (d,) in place; u (d,) bell-shaped numbers."""
    scale = size * math.sqrt(learners.dot(theta_star, theta_star) / aim.shape[0])
    for i in range(aim.shape[0]):
        aim[i] = theta_star[i] + scale * u[i]


def stays_shut(g, p, x, alpha, width, gap, scale, decide=gates.decide):
    """Whether the gate would not buy if the vector were shrunk to ``scale`` times itself.

    g, p, x      the gate's constants, its purse and a signal that holds the round and the plan
    width, gap   of the vector at scale 1; alpha the confidence radius
    decide       the gate's rule
    """
    w = scale * width
    factor = 1.0 if g.leader == codes.GREEDY else 2.0
    latency = factor * alpha * w
    if g.latency == codes.REGRET:
        latency = max(alpha * w - scale * gap, 0.0)
    certified = 1 if alpha * w <= scale * gap else 0
    gain = math.log1p(w * w)
    seen = gates.Signal(x.t, latency, w, gain, scale * gap, certified, 1.0, x.scheduled, 0.0)
    return not decide(g, p, seen)[0]


def shut_scale(g, p, x, alpha, width, gap, decide=gates.decide):
    """Largest scale in [0, 1] at which the gate does not buy, by bisection to 2^-30.

    Arguments as ``stays_shut``.  Assumes that the gate buys from some scale on.
    """
    if stays_shut(g, p, x, alpha, width, gap, 1.0, decide):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        mid = 0.5 * (low + high)
        if stays_shut(g, p, x, alpha, width, gap, mid, decide):
            low = mid
        else:
            high = mid
    return low


def shrink_to(v, L):
    """Scale v (d,) back to norm L if it is longer, in place."""
    norm = math.sqrt(learners.dot(v, v))
    if norm > L:
        for i in range(v.shape[0]):
            v[i] *= L / norm


def evade(g, s, p, x, theta_star, alpha, z, candidate, out, decide=gates.decide):
    """Turn the ball response in ``z`` into one that the gate does not buy; False (z kept) if none pays.

    The candidates, in order: z itself, then z tilted towards -theta_hat by a sine of j/TILTS (which
    helps against gates that look at the gap).  Each is shrunk until the gate stays shut; the first
    that keeps a share of WORTH of the payoff is taken.

    s  the leader's regression;  theta_star  (d,);  other arguments as ``stays_shut``
    Modifies ``z`` and the buffers ``candidate`` and ``out`` (d,).
    """
    theta = s.theta[:, 0]
    norm = math.sqrt(learners.dot(theta, theta))
    target = WORTH * abs(learners.dot(theta_star, z))
    for j in range(TILTS):
        if j > 0 and norm == 0.0:
            return False
        sine = j / TILTS
        for i in range(z.shape[0]):
            candidate[i] = math.sqrt(1.0 - sine * sine) * z[i]
            if j > 0:
                candidate[i] -= sine * g.L * theta[i] / norm
        shrink_to(candidate, g.L)
        payoff = learners.dot(theta_star, candidate)
        if j == 0:
            payoff = abs(payoff)  # a tie goes against the leader on either side
        gap = max(-learners.dot(theta, candidate), 0.0)
        width = math.sqrt(learners.square_width(s.P, candidate, out))
        scale = shut_scale(g, p, x, alpha, width, gap, decide)
        if scale * payoff > target:
            for i in range(z.shape[0]):
                z[i] = scale * candidate[i]
            return True
    return False


def hard(t, L, z):
    """The hard instance of theorem 4: z = L e_{t mod d}, ``z`` (d,) in place.

    The signs of theta* decide which side is gold.
    """
    d = z.shape[0]
    for i in range(d):
        z[i] = 0.0
    z[t % d] = L
