"""Ridge regression with a shared design matrix, and the radius of its confidence ellipsoid.

State after n labels (z_i, y_i), z_i in R^d and y_i in R^K (K = 1 for one reward, K classes for
the one-versus-all learner ``ova``):

    V = lam I + sum z_i z_i^T (d, d)      P = V^{-1} (d, d)
    Theta = P sum z_i y_i^T (d, K)        psi = log det V - log det(lam I)  [nats]
    potential = sum w_i^2, wide = #{w_i^2 >= WIDE} with w_i = ||z_i||_P just before label i

Two labels on two axes halve the uncertainty of each and carry log 2 nats each:

>>> import numpy as np
>>> from sim.rules import learners
>>> state, buffer = learners.start(d=2, K=1, lam=1.0), np.empty(2)
>>> for z, y in (([1.0, 0.0], 2.0), ([0.0, 1.0], -1.0)):
...     state = learners.update(state, np.array(z), np.array([y]), 4096, False, buffer)
>>> state.P.tolist(), state.theta.ravel().tolist(), round(state.psi, 4)
([[0.5, 0.0], [0.0, 0.5]], [1.0, -0.5], 1.3863)

P and Theta are updated by the Sherman-Morrison formula and recomputed from V every ``refresh``
labels, which keeps the error of P below 1e-8.  All sums run in index order: a compiler that
re-associates them would make the compiled run differ from the plain one in the last bits.

Radius: Abbasi-Yadkori, Pal, Szepesvari (NeurIPS 2011), theorem 2; of choices ``choice``.
"""

import math
from typing import NamedTuple

import numpy as np

from sim.rules import choice, codes


class Ridge(NamedTuple):
    """The learner's state; symbols as above, ``moments`` = sum z_i y_i^T (d, K), ``n`` labels.

    The arrays are modified in place by an update, the scalars by making a new tuple.
    """

    V: np.ndarray
    P: np.ndarray
    theta: np.ndarray
    moments: np.ndarray
    psi: float
    potential: float
    wide: int
    n: int


WIDE = 0.25  # tau^2 of the counting form of lemma 0


def zeros(n, m):
    """Zeros (n, m) whose memory begins at a cache line: rows that straddle two lines load slower."""
    room = np.zeros(n * m + 8)
    skip = (-(room.ctypes.data // 8)) % 8
    return room[skip : skip + n * m].reshape((n, m))


def start(d, K, lam):
    """The state before any label, for d features and K targets: V = lam I, Theta = 0."""
    V, P = zeros(d, d), zeros(d, d)
    for i in range(d):
        V[i, i] = lam
        P[i, i] = 1.0 / lam
    return Ridge(V, P, np.zeros((d, K)), np.zeros((d, K)), 0.0, 0.0, 0, 0)


def dot(a, b):
    """The inner product of a and b (n,), summed in index order."""
    total = 0.0
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


def row_dots(A, B, out):
    """Inner products of rows: out[k] = <A[k], B[k]> in index order, A and B (N, d), ``out`` (N,) in place.

    Four rows at once, because a sum in index order is a chain of additions and four chains overlap.
    """
    N, d = A.shape
    whole = N - N % 4
    for k in range(0, whole, 4):
        a, b, c, e = 0.0, 0.0, 0.0, 0.0
        for i in range(d):
            a += A[k, i] * B[k, i]
            b += A[k + 1, i] * B[k + 1, i]
            c += A[k + 2, i] * B[k + 2, i]
            e += A[k + 3, i] * B[k + 3, i]
        out[k], out[k + 1], out[k + 2], out[k + 3] = a, b, c, e
    for k in range(whole, N):
        a = 0.0
        for i in range(d):
            a += A[k, i] * B[k, i]
        out[k] = a


def dots(A, z, out):
    """Products with one vector: out[k] = <A[k], z> in index order, A (N, d), z (d,), ``out`` (N,) in place."""
    N, d = A.shape
    whole = N - N % 4
    for k in range(0, whole, 4):
        a, b, c, e = 0.0, 0.0, 0.0, 0.0
        for i in range(d):
            x = z[i]
            a += A[k, i] * x
            b += A[k + 1, i] * x
            c += A[k + 2, i] * x
            e += A[k + 3, i] * x
        out[k], out[k + 1], out[k + 2], out[k + 3] = a, b, c, e
    for k in range(whole, N):
        a = 0.0
        for i in range(d):
            a += A[k, i] * z[i]
        out[k] = a


def matvec(A, z, out):
    """out = A z for a symmetric A (d, d), as a sum of rows in index order; ``out`` (d,) in place.

    A sum of rows vectorises; four rows a pass, because one a pass is bound by loads and stores.
    """
    d = z.shape[0]
    whole = d - d % 4
    for i in range(d):
        out[i] = 0.0
    for j in range(0, whole, 4):
        a, b, c, e = z[j], z[j + 1], z[j + 2], z[j + 3]
        for i in range(d):
            out[i] = (((out[i] + A[j, i] * a) + A[j + 1, i] * b) + A[j + 2, i] * c) + A[j + 3, i] * e
    for j in range(whole, d):
        a = z[j]
        for i in range(d):
            out[i] += A[j, i] * a


def weigh(P, Phi, W):
    """W = Phi P for a symmetric P (d, d), Phi and W (N, d); ``W`` in place.

    The same bits as ``matvec`` on every row, but P is read once for all rows.
    """
    N, d = Phi.shape
    whole = d - d % 4
    for k in range(N):
        for i in range(d):
            W[k, i] = 0.0
    for j in range(0, whole, 4):
        for k in range(N):
            a, b, c, e = Phi[k, j], Phi[k, j + 1], Phi[k, j + 2], Phi[k, j + 3]
            for i in range(d):
                W[k, i] = (((W[k, i] + P[j, i] * a) + P[j + 1, i] * b) + P[j + 2, i] * c) + P[j + 3, i] * e
    for j in range(whole, d):
        for k in range(N):
            a = Phi[k, j]
            for i in range(d):
                W[k, i] += P[j, i] * a


def square_width(P, z, out):
    """The squared width ||z||_P^2 = z^T P z of z (d,), never below 0; leaves P z in ``out`` (d,)."""
    matvec(P, z, out)
    return max(dot(z, out), 0.0)


def update(s, z, y, refresh, wrong, Pz):
    """Learn one label: features z (d,), targets y (K,).  Returns the new state.

    refresh  after every so many labels P and Theta are recomputed from V
    wrong    True shrinks P by half of what it should: the planted fault of the ledger's claim B2
    Modifies the arrays of ``s`` and the buffer ``Pz`` (d,).
    """
    return absorb(s, z, y, refresh, wrong, Pz, square_width(s.P, z, Pz))


def absorb(s, z, y, refresh, wrong, Pz, w2):
    """``update`` for a caller that already has ``Pz`` = P z (d,) and ``w2`` = ||z||_P^2."""
    d, K = s.theta.shape
    shrink = 1.0 / (1.0 + w2)
    for k in range(K):
        residual = y[k]
        for i in range(d):
            residual -= s.theta[i, k] * z[i]
        residual *= shrink
        for i in range(d):
            s.theta[i, k] += Pz[i] * residual
            s.moments[i, k] += z[i] * y[k]
    if wrong:
        shrink *= 0.5
    for j in range(d):  # one matrix at a time: both at once do not fit the first-level cache
        zj = z[j]
        for i in range(d):
            s.V[j, i] += zj * z[i]
    for j in range(d):
        pj = Pz[j] * shrink
        for i in range(d):
            s.P[j, i] -= pj * Pz[i]
    n = s.n + 1
    if n % refresh == 0 and not wrong:
        rebuild(s)
    psi, wide = s.psi + math.log1p(w2), s.wide + (1 if w2 >= WIDE else 0)
    return Ridge(s.V, s.P, s.theta, s.moments, psi, s.potential + w2, wide, n)


def learn_choice(s, z, won, S, L, refresh, wrong, y, Pz):
    """Learn one choice (``choice``): ``won`` is 1 where the first of the pair z (d,) wins, else 0.

    S, L  bounds on ||theta*|| and ||z||;  refresh, wrong  as in ``update``
    Returns the new state.  Modifies the arrays of ``s`` and the buffers ``y`` (1,) and ``Pz`` (d,).
    """
    y[0] = choice.working(dot(s.theta[:, 0], z), won, S, L)
    s = update(s, z, y, refresh, wrong, Pz)
    choice.confine(s.V, s.moments, s.theta, S)
    return s


def rebuild(s):
    """Recompute P and Theta from V and the moments, in place, to remove accumulated rounding."""
    P = np.linalg.inv(s.V)
    d, K = s.theta.shape
    for i in range(d):
        for j in range(d):
            s.P[i, j] = 0.5 * (P[i, j] + P[j, i])
    for k in range(K):
        for i in range(d):
            s.theta[i, k] = dot(s.P[i], s.moments[:, k])


def theory_radius(psi, sigma, lam, S, delta):
    """Radius alpha = sigma sqrt(psi + 2 log(1/delta)) + sqrt(lam) S of the confidence ellipsoid.

    With probability 1 - delta the truth lies within it in all rounds at once (Abbasi-Yadkori, Pal,
    Szepesvari 2011, theorem 2).
    """
    return sigma * math.sqrt(psi + 2.0 * math.log(1.0 / delta)) + math.sqrt(lam) * S


def radius(g, psi):
    """The radius that a run uses at information ``psi`` [nats]: by mode the theory's, c times that, or c."""
    if g.radius_mode == codes.FIXED:
        return g.radius_c
    if g.feedback == codes.CHOICE:
        theory = choice.radius(psi, g.S, g.L, g.lam, g.delta)
    else:
        theory = theory_radius(psi, g.sigma, g.lam, g.S, g.delta)
    if g.radius_mode == codes.SCALED:
        return g.radius_c * theory
    return theory


def confidence_ratio(s, theta_star, alpha, diff, out):
    """||theta_hat - theta*||_V / alpha: at most 1 in every round on the event E (K = 1).

    theta_star  (d,) the true parameter
    Modifies the buffers ``diff`` and ``out`` (d,).
    """
    for i in range(diff.shape[0]):
        diff[i] = s.theta[i, 0] - theta_star[i]
    return math.sqrt(square_width(s.V, diff, out)) / alpha


def inverse_error(s):
    """Largest entry of |P V - I|: how far P has drifted from the inverse of V (dimensionless)."""
    d = s.V.shape[0]
    worst = 0.0
    for i in range(d):
        for j in range(d):
            e = dot(s.P[i], s.V[j])
            if i == j:
                e -= 1.0
            worst = max(worst, abs(e))
    return worst
