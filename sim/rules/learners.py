"""Ridge regression with a shared design; ``ridge`` is ``ova`` with one column.

State after n updates with (z_i, y_i), z_i in R^d and y_i in R^K:
    V = lam I + sum z_i z_i^T (d, d)      P = V^{-1} (d, d)
    Theta = P sum z_i y_i^T (d, K)        psi = log det V - log det(lam I)  [nats]
    potential = sum w_i^2, wide = #{w_i^2 >= WIDE} with w_i = ||z_i||_P just before update i

P and Theta are updated by the Sherman-Morrison formula and rebuilt from V every ``refresh``
updates, which keeps the error of P below 1e-8.  Sums run in a fixed order without
re-association, so the compiled and the plain run agree to the last bit.

Radius: Abbasi-Yadkori, Pal, Szepesvari (NeurIPS 2011), theorem 2.
"""

import math
from typing import NamedTuple

import numpy as np

from sim.rules import codes


class Ridge(NamedTuple):
    """Learner state; arrays are modified in place, ``psi`` and the counts by replacement."""

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
    """Zeros (n, m) that begin on a cache line: rows that straddle two lines cost a wide load twice."""
    room = np.zeros(n * m + 8)
    skip = (-(room.ctypes.data // 8)) % 8
    return room[skip : skip + n * m].reshape((n, m))


def start(d, K, lam):
    """Return the state before any label: V = lam I, theta = 0 (d, K)."""
    V, P = zeros(d, d), zeros(d, d)
    for i in range(d):
        V[i, i] = lam
        P[i, i] = 1.0 / lam
    return Ridge(V, P, np.zeros((d, K)), np.zeros((d, K)), 0.0, 0.0, 0, 0)


def dot(a, b):
    """<a, b> in index order."""
    total = 0.0
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


def row_dots(A, B, out):
    """out[k] = <A[k], B[k]> in index order, A and B (N, d). Modifies ``out`` (N,).

    Four rows at once: a sum in index order is a chain of additions, and four chains overlap.
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
    """out[k] = <A[k], z> in index order, A (N, d), z (d,), four rows at once. Modifies ``out`` (N,)."""
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
    """out = A z for symmetric A (d, d), as a sum of rows in index order. Modifies ``out``.

    Rows, so that it vectorises; four a pass, because one a pass is bound by loads and stores.
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
    """W = Phi P for symmetric P (d, d), Phi and W (N, d): ``matvec`` of every row, to the same bits.

    All rows together, so that P is read once.  Modifies ``W``.
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
    """||z||_P^2 (never below 0); leaves P z in ``out``."""
    matvec(P, z, out)
    return max(dot(z, out), 0.0)


def update(s, z, y, refresh, wrong, Pz):
    """One label: z (d,), y (K,). Returns the new state; modifies its arrays and ``Pz``.

    ``wrong`` is the ledger's negative control: it shrinks P by half of what it should.
    """
    return absorb(s, z, y, refresh, wrong, Pz, square_width(s.P, z, Pz))


def absorb(s, z, y, refresh, wrong, Pz, w2):
    """``update`` for a caller that has P z (d,) and w2 = ||z||_P^2 already."""
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


def rebuild(s):
    """Recompute P and theta from V and the moments. Modifies both in place."""
    P = np.linalg.inv(s.V)
    d, K = s.theta.shape
    for i in range(d):
        for j in range(d):
            s.P[i, j] = 0.5 * (P[i, j] + P[j, i])
    for k in range(K):
        for i in range(d):
            s.theta[i, k] = dot(s.P[i], s.moments[:, k])


def theory_radius(psi, sigma, lam, S, delta):
    """alpha_t = sigma sqrt(psi + 2 log(1/delta)) + sqrt(lam) S (AYPS 2011, thm 2)."""
    return sigma * math.sqrt(psi + 2.0 * math.log(1.0 / delta)) + math.sqrt(lam) * S


def radius(g, psi):
    """The radius that the run uses: theory, c times theory, or the constant c."""
    if g.radius_mode == codes.FIXED:
        return g.radius_c
    theory = theory_radius(psi, g.sigma, g.lam, g.S, g.delta)
    if g.radius_mode == codes.SCALED:
        return g.radius_c * theory
    return theory


def confidence_ratio(s, theta_star, alpha, diff, out):
    """||theta_hat - theta*||_V / alpha; the event E says that it never exceeds 1.

    Modifies ``diff`` and ``out`` (d,).
    """
    for i in range(diff.shape[0]):
        diff[i] = s.theta[i, 0] - theta_star[i]
    return math.sqrt(square_width(s.V, diff, out)) / alpha


def inverse_error(s):
    """max |P V - I|, the drift of the inverse (dimensionless)."""
    d = s.V.shape[0]
    worst = 0.0
    for i in range(d):
        for j in range(d):
            e = dot(s.P[i], s.V[j])
            if i == j:
                e -= 1.0
            worst = max(worst, abs(e))
    return worst
