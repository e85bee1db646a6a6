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

A follower is one row of ``TRAITS`` and one branch of ``choose`` (on a pool) or of ``rounds.respond``
(free game).  The evader's replies are in ``evasion``, the labels that ``bait`` spreads in ``bait``.
"""

import math
from typing import NamedTuple

from sim.rules import codes, learners
from sim.rules.leader import TIE


class Traits(NamedTuple):
    """What the rest of the program may ask about a follower.

    game    "pool" (it chooses alternatives), "free" (it writes the vector itself) or "recorded"
    greedy  its best response is derived for the greedy leader, and it plays against no other
    swept   a free follower of every sweep of the free game; the others plan or follow a script
    """

    name: str
    game: str
    greedy: bool = False
    swept: bool = False


TRAITS = (
    Traits("iid", "pool"),
    Traits("hard_negative", "pool"),
    Traits("best_response", "pool"),
    Traits("ball", "free", greedy=True, swept=True),
    Traits("evader", "free", greedy=True, swept=True),
    Traits("hard_instance", "free", swept=True),
    Traits("all", "recorded"),
    Traits("patient", "free", greedy=True),
    Traits("bait", "free", greedy=True),
    Traits("schedule", "free"),
    Traits(codes.PLUGIN, ""),  # a user's: the last row; the context says which game it plays
)
KINDS = tuple(t.name for t in TRAITS)  # a follower's code is its place
FOLLOWERS = KINDS[:-1]  # those that are built in
TRAITS_OF = dict(zip(KINDS, TRAITS, strict=True))
IID, HARD_NEGATIVE, BEST_RESPONSE, BALL, EVADER, HARD_INSTANCE, ALL_SHOWN = range(7)
PATIENT, BAIT, SCHEDULE, PLUGIN = range(7, len(KINDS))
POOL = tuple(t.name for t in TRAITS if t.game == "pool")
FREE = tuple(t.name for t in TRAITS if t.game == "free")
SWEPT = tuple(t.name for t in TRAITS if t.swept)  # free followers that the sweeps play


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
    if g.follower != IID:
        for k in range(keys.shape[0]):
            keys[k] = -scores[k]
    if g.follower == BEST_RESPONSE:
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


def hard(t, L, z):
    """The hard instance of theorem 4: z = L e_{t mod d}, ``z`` (d,) in place.

    The signs of theta* decide which side is gold.
    """
    d = z.shape[0]
    for i in range(d):
        z[i] = 0.0
    z[t % d] = L
