"""Choices: a label that says which of two responses won, and online Newton steps that learn from it.

The label of a pair z = phi_first - phi_second is a draw, not a number with noise:

    P(the first wins) = mu(<theta*, z>),    mu(x) = 1/(1 + e^-x),

so rewards are log odds.  Regret stays <theta*, .>, in those units.  Let a = S L, the most that <theta, z> can be
for ||theta|| <= S and ||z|| <= L, m = mu(a) the clearest choice there can be, kappa = mu'(a) = m (1 - m) the least
information of a choice.  The learner keeps ridge's V, P and psi, and moves theta by a Newton step on the log loss
of each choice ``won`` in {0, 1}, then back into the ball in the norm of V (``confine``):

    V += z z^T,   theta <- argmin_{||v|| <= S} ||v - u||_V,   u = theta + (h/kappa) V^{-1} z (won - mu(<theta, z>)).

That step is ridge's own on the ``working`` label <theta, z> + (h/kappa) (won - mu(<theta, z>)).  h = 1 is the online
Newton step of Jun, Bhargava, Nowak, Willett (NeurIPS 2017, theorem 3), after Zhang, Yang, Jin, Xiao, Zhou (ICML
2016, algorithm 1); h = ``STEP`` = 2/3 makes the ellipsoid smaller.  Radius, derived here:

    alpha^2 = lam S^2 + (h^2 m^2 psi + h^2/(2 (2h - 1)) log(1/delta)) / kappa^2
            = lam S^2 + (4/9 m^2 psi + 2/3 log(1/delta)) / kappa^2.

With probability 1 - delta, ||theta - theta*||_V <= alpha after every label at once, for any follower and gate and any
||theta*|| <= S.  Proof: let r = <theta - theta*, z>, eta = won - mu(<theta*, z>), w = ||z||_P before the label.  Since
mu' >= kappa on [-a, a], and the projection moves nearer to theta* in the norm of V, one label moves
||theta - theta*||_V^2 by at most (1 - 2h) r^2 + (2h/kappa) eta r + (h m/kappa)^2 w^2/(1 + w^2).  The last terms sum to
(h m/kappa)^2 psi at most.  eta has mean 0 and range 1, so exp(sum s eta r - s^2 r^2/8) is a supermartingale
(Hoeffding) and stays below 1/delta for ever with probability 1 - delta (Ville); s = 4 kappa (2h - 1)/h cancels
the sum of r^2.  The published radii of the same steps (Zhang et al., theorem 1; Jun et al., theorems 1 and 3) are
several times as large.

psi counts what linear labels with sigma = 1 would teach of the same vectors; a choice teaches between
kappa and 1/4 of it (its Fisher information is mu' z z^T).  Lemma 0 is about vectors and holds for psi unchanged.
1/4 is the information of a Gaussian label with sigma = 2 (``SIGMA``), and the Kullback-Leibler divergence between
the choices of two opposite rewards is at most that label's: theorem 4 holds for choices with sigma = 2.

>>> from sim.rules import choice
>>> round(choice.chance(1.0), 3), round(choice.radius(0.0, S=1.0, L=1.0, lam=1.0, delta=0.05), 3)
(0.731, 7.257)
>>> choice.working(0.0, won=1, S=1.0, L=1.0) == -choice.working(0.0, won=0, S=1.0, L=1.0)
True
"""

import math

import numpy as np

from sim.rules import cholesky

STEP = 2.0 / 3.0  # h: any number above 1/2 is valid, a larger one pays in psi and a smaller one in log(1/delta)
SIGMA = 2.0  # a choice tells no more about a reward than a Gaussian label of this scale
MOST = 10.0  # the largest S L: there one choice in 20,000 goes against the better response
SHARP = 1e-14  # relative error of the projected norm


def chance(x):
    """mu(x) = 1/(1 + e^-x): the chance that a response wins which is ahead by ``x`` [reward]."""
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def curvature(S, L):
    """kappa = mu'(S L): the least information of a choice between responses as far apart as S and L allow."""
    return chance(S * L) * chance(-S * L)


def radius(psi, S, L, lam, delta):
    """alpha at information ``psi`` [nats]: the formula above."""
    spread = STEP * STEP * (chance(S * L) ** 2 * psi + math.log(1.0 / delta) / (2.0 * (2.0 * STEP - 1.0)))
    return math.sqrt(lam * S * S + spread / curvature(S, L) ** 2)


def working(mean, won, S, L):
    """The label on which ridge's update is the Newton step: ``mean`` = <theta, z>, ``won`` 1 or 0."""
    return mean + STEP / curvature(S, L) * (won - chance(mean))


def surprise(mean, won):
    """|won - mu(mean)| in rewards [reward]: above SIGMA where the less likely response won; ``mean`` = <theta*, z>."""
    return SIGMA * SIGMA * abs(won - chance(mean))


def confine(V, b, theta, S):
    """Project u = V^{-1} b onto the ball ||theta|| <= S in the norm of V; b (d, 1) and theta (d, 1) in place.

    V  (d, d) positive definite;  theta  u at the call, the projection after it;  b  V times the same
    The projection is v(nu) = (V + nu I)^{-1} b with ||v(nu)|| = S.  1/||v|| is concave and increasing in nu, so
    Newton's method on it, from nu = 0, climbs to the root and never passes it.  O(d^3), where u is outside.
    """
    d = V.shape[0]
    square = 0.0
    for i in range(d):
        square += theta[i, 0] * theta[i, 0]
    if square <= S * S:
        return
    C, v, q, nu = np.zeros((d, d)), np.zeros(d), np.zeros(d), 0.0
    for _ in range(100):  # about five are needed
        for i in range(d):
            for j in range(i):
                C[i, j] = V[i, j]
            C[i, i] = V[i, i] + nu
        cholesky.factor(C)
        cholesky.solve(C, b[:, 0], v)
        norm = length(v)
        if norm <= S * (1.0 + SHARP):
            break
        cholesky.solve_lower(C, v, q)
        nu += (norm - S) / S * (norm / length(q)) ** 2
    for i in range(d):
        theta[i, 0] = v[i]
    for i in range(d):
        b[i, 0] = 0.0
        for j in range(d):
            b[i, 0] += V[i, j] * v[j]


def length(v):
    """||v|| of v (d,), summed in index order."""
    total = 0.0
    for i in range(v.shape[0]):
        total += v[i] * v[i]
    return math.sqrt(total)
