"""Followers: what is shown beside the gold response.

On a pool a follower ranks the alternatives; in the free game it draws a vector z, shown against
the zero vector in an order that does not depend on which is gold.  Best responses are myopic
(one round).  The ball response is exact up to a trembling hand (Selten 1975): exact play stays
in the plane of theta_hat and theta*, which is an unstable manifold, so that rounding errors would
decide how many dimensions are explored; a tremble of 1e-3 decides it on every machine alike.
It also settles the case theta* parallel to theta_hat, where every response is worth 0.  ``ball``
and ``evader`` know theta* and the commitment, never a gate's coin; the evader turns the ball response
into a vector that the gate leaves shut (``evasion``).

A follower is one row of ``TRAITS`` and one branch of ``choose`` (on a pool) or ``rounds.respond`` (free).
"""

import math
from typing import NamedTuple

from sim.rules import codes, learners
from sim.rules.leader import TIE


class Traits(NamedTuple):
    """What the rest of the program may ask about a follower.

    game    "pool" (it chooses alternatives), "free" (it draws the vector itself) or "recorded"
    greedy  its best response is derived for the greedy leader
    swept   a free follower of the standard sweeps; the others plan or follow a script
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
    Traits("schedule", "free"),
    Traits(codes.PLUGIN, ""),  # a user's: the last row; the context says which game it plays
)
KINDS = tuple(t.name for t in TRAITS)  # a follower's code is its place
FOLLOWERS = KINDS[:-1]  # those that are built in
TRAITS_OF = dict(zip(KINDS, TRAITS, strict=True))
IID, HARD_NEGATIVE, BEST_RESPONSE, BALL, EVADER, HARD_INSTANCE, ALL_SHOWN, PATIENT, SCHEDULE, PLUGIN = range(len(KINDS))
POOL = tuple(t.name for t in TRAITS if t.game == "pool")
FREE = tuple(t.name for t in TRAITS if t.game == "free")
SWEPT = tuple(t.name for t in TRAITS if t.swept)  # free followers that the sweeps play


def ascend(shown):
    """Sort a few indices in place (by insertion: a library sort costs more than the rest of the round)."""
    for i in range(1, shown.shape[0]):
        k, j = shown[i], i
        while j > 0 and shown[j - 1] > k:
            shown[j] = shown[j - 1]
            j -= 1
        shown[j] = k


def smallest(keys, gold, forced, M, shown):
    """Write gold, ``forced`` (or -1) and the smallest ``keys`` into ``shown`` (M + 1,), ascending.

    Ties of the keys go to the lowest index. Modifies ``keys`` and ``shown``.
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
    """The alternative that costs the leader most and can be made its pick, or -1 if none can.

    k can be made the pick iff it beats or ties the gold and M - 1 others do not beat it.
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
    """Fill ``shown`` (M + 1,) for a pool follower; ``keys`` (N,) holds uniforms for ``iid``.

    Modifies ``keys`` and ``shown``.
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
    """argmax <aim, z> over ||z|| <= L, <theta, z> <= 0, in closed form. Modifies ``z`` (d,).

    z is proportional to aim minus its part along theta where <theta, aim> > 0, to aim otherwise;
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
    """aim = theta* + size ||theta*|| u / sqrt(d), u (d,) bell-shaped. Modifies ``aim`` (d,)."""
    scale = size * math.sqrt(learners.dot(theta_star, theta_star) / aim.shape[0])
    for i in range(aim.shape[0]):
        aim[i] = theta_star[i] + scale * u[i]


def hard(t, L, z):
    """z = L e_{t mod d} (theorem 4); which side is gold is up to theta*. Modifies ``z``."""
    d = z.shape[0]
    for i in range(d):
        z[i] = 0.0
    z[t % d] = L
