"""Followers that look beyond the round: a schedule fixed beforehand, and a planner.

``schedule`` replays the rows of a file whatever the leader has learned.  ``patient`` knows theta*
and the commitment like ``ball``, but weighs what a label would teach the leader: it plays

    z ~ argmax <aim, z>  over  z' C z <= 1, <theta_hat, z> <= 0,
    C = (1 - |c|) I + |c| d A / trace A,   A = P for a price c > 0, V for c < 0.

Price c = 0 is the ball response; c = 1 takes the most payoff for the least w^2 = z' P z, so it
turns to what the leader knows already; c < 0 prefers what is not known yet.  A leader that has
seen eight labels on axis 0:

>>> import numpy as np
>>> from types import SimpleNamespace as Constants
>>> from sim.rules import learners, planners
>>> state, z = learners.start(d=2, K=1, lam=1.0), np.empty(2)
>>> for _ in range(8):
...     state = learners.update(state, np.array([1.0, 0.0]), np.zeros(1), 4096, False, np.empty(2))
>>> for price in (0.0, 1.0, -1.0):
...     planners.priced(Constants(price=price), state, np.array([0.6, 0.6]), z)
...     print(price, z.round(2).tolist())
0.0 [0.71, 0.71]
1.0 [0.99, 0.11]
-1.0 [0.11, 0.99]

To that unit vector it adds a direction r that earns nothing now, the part of a rotating axis that
is orthogonal to theta_hat and to z itself:

    (1 - m_t) z + m_t r,   m_t = turn (1 - t/T)^haste,   axis number floor(t/period) mod d.

Such labels feed the leader noise in directions that are harvested later: on average a round adds
sigma^2 w^2 / (1 + w^2) to ||theta_hat - theta*||_V^2, and a regret rho takes rho^2 / (1 + w^2) from
it (``theory.studies.nonmyopic``).  For a given total of squares the regret is largest when it is the
same in every round, where a myopic follower takes too much early.  Every vector played has norm L
(or is 0).  Derived here.
"""

import math

import numpy as np

from sim.rules import cholesky, learners


def replay(t, script, z):
    """z = row t of the schedule (T', d), starting over after the last row; ``z`` (d,) in place."""
    row = t % script.shape[0]
    for i in range(z.shape[0]):
        z[i] = script[row, i]


def normalise(v, least):
    """Scale v (d,) to norm 1, or to 0 where its norm is at most ``least``; in place."""
    norm = math.sqrt(learners.dot(v, v))
    share = 1.0 / norm if norm > least else 0.0
    for i in range(v.shape[0]):
        v[i] *= share


def priced(g, s, aim, z):
    """Direction of the priced best response: a unit vector, or 0 where none pays; ``z`` (d,) in place.

    g.price  c in [-1, 1];  s  the leader's regression;  aim  (d,)
    """
    theta, d, price = s.theta[:, 0], z.shape[0], abs(g.price)
    A = s.P if g.price > 0.0 else s.V
    trace = 0.0
    for i in range(d):
        trace += A[i, i]
    C, y = np.zeros((d, d)), np.zeros(d)
    for i in range(d):
        for j in range(d):
            C[i, j] = price * d / trace * A[i, j]
        C[i, i] += 1.0 - price
    cholesky.factor(C)
    cholesky.solve(C, aim, z)
    size = math.sqrt(learners.dot(z, z))
    cross = learners.dot(theta, z)
    if cross > 0.0:
        cholesky.solve(C, theta, y)
        for _ in range(2):  # the second projection removes what cancellation left of the first
            rest = learners.dot(theta, z) / learners.dot(theta, y)
            for i in range(d):
                z[i] -= rest * y[i]
    normalise(z, 1e-9 * size)


def remove(v, along, square):
    """Subtract from v (d,), in place, its part along ``along``, whose squared norm is ``square``."""
    share = learners.dot(along, v) / square if square > 0.0 else 0.0
    for i in range(v.shape[0]):
        v[i] -= share * along[i]


def aside(theta, z, k, r):
    """Unit vector along the part of axis k orthogonal to theta and z, 0 if there is none; ``r`` (d,) in place.

    theta  (d,);  z  (d,) a unit vector or 0
    """
    for i in range(r.shape[0]):
        r[i] = 1.0 if i == k else 0.0
    for _ in range(3):  # theta last: what the leader sees must be a tie to the last digits
        remove(r, z, learners.dot(z, z))
        remove(r, theta, learners.dot(theta, theta))
    normalise(r, 1e-6)


def patient(g, s, t, aim, z):
    """The planner's vector of round t (0-based), of norm L, or 0 where nothing pays; ``z`` (d,) in place.

    g  constants of the run: price, turn, haste, period, T, L;  s  the leader's regression;  aim  (d,)
    """
    priced(g, s, aim, z)
    share = g.turn * (1.0 - t / g.T) ** g.haste
    if share > 0.0:
        r = np.zeros(z.shape[0])
        aside(s.theta[:, 0], z, (t // g.period) % z.shape[0], r)
        for i in range(z.shape[0]):
            z[i] = (1.0 - share) * z[i] + share * r[i]
        normalise(z, 1e-9)
    for i in range(z.shape[0]):
        z[i] *= g.L
