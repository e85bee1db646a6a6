"""Log-barrier path for the leader's problems that Newton cannot take in one go.

    min over theta, lam >= ||theta||_*, lam <= cap:
        (1/N) sum l(m_i) + lam eps + (1/N) sum (m_i - lam kappa)_+ ,     m = Z theta;

kappa = inf drops the last sum (``ball``), kappa finite is the ball with label flips (``flip``).
(x)_+ = min{s : s >= 0, s >= x} has the barrier's closed form in s, whose slope beta_i in (0, 1) is the
share of pair i that the adversary flips; so beta is feasible at every point of the path.
Derived here; barrier of the second-order cone: Nesterov and Nemirovskii.
"""

import math
from typing import NamedTuple

import numpy as np

from sim.preference import newton, norms
from sim.preference.losses import logistic

GAP = 1e-9  # aimed at [nats]


def smooth_plus(x: np.ndarray, mu: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x)_+ smoothed by barriers, min over s of s - mu log s - mu log(s - x), elementwise.

    Returns its value, its slope beta in (0, 1) and its curvature; tends to (x)_+ as mu -> 0.
    """
    root = np.sqrt(x * x + 4.0 * mu * mu)
    tail = 2.0 * mu * mu / (root + np.abs(x))  # (root - |x|) / 2 without cancellation
    s = mu + np.where(x > 0, tail + x, tail)
    rest = mu + np.where(x > 0, tail, tail - x)  # s - x
    beta = mu / rest
    return s - mu * np.log(s) - mu * np.log(rest), beta, mu / (root * (root + 2.0 * mu))


class Point(NamedTuple):
    """The end of a barrier path: theta (d,), Newton iterations, the dual variables ``alpha`` (N,) and the
    flipped shares ``beta`` (N,), both in [0, 1].
    """

    theta: np.ndarray
    iterations: int
    alpha: np.ndarray
    beta: np.ndarray


def solve(Z: np.ndarray, eps: float, p: float, cap: float = math.inf, kappa: float = math.inf) -> Point:
    """Follow the barrier path until the gap is near GAP.

    Z (N, d) pairs, eps radius, p norm on pairs; cap bounds ||theta||_*, kappa is the cost of a flip.
    The dual variables are taken after one more, linearised, Newton step: they satisfy the optimality
    equations to rounding, where alpha(theta) and beta(theta) would lose ten digits at a kink.
    """
    N, d = Z.shape
    end = GAP / (norms.degree(d, p) + (1.0 if cap < math.inf else 0.0) + (2.0 * N if kappa < math.inf else 0.0))

    def path(mu: float) -> newton.Oracle:
        return lambda x: _oracle(x, mu, Z, eps, p, cap, kappa)

    x, n = newton.follow(path, norms.inside(d, p, min(1.0, cap / 2.0)), end)
    _, g, H = path(end)(x)
    dx = newton.direction(g, H)
    s = np.exp(-logistic(Z @ x[:d]))
    alpha = (1.0 - s) * (1.0 - s * (Z @ dx[:d]))
    beta = np.zeros(N)
    if kappa < math.inf:
        _, beta, bend = smooth_plus(Z @ x[:d] - x[d] * kappa, N * end)
        beta = beta + bend * (Z @ dx[:d] - dx[d] * kappa)
    return Point(x[:d], n, np.clip(alpha, 0.0, 1.0), np.clip(beta, 0.0, 1.0))


def _oracle(x, mu, Z, eps, p, cap, kappa):
    """Value, gradient, Hessian of objective + mu * barriers."""
    N, d = Z.shape
    value, g, H = norms.barrier(x, d, p)
    lam = x[d]
    if value == np.inf or lam >= cap:
        return np.inf, g, H
    g *= mu
    H *= mu
    m = Z @ x[:d]
    loss = logistic(m)
    s = np.exp(-loss)
    a = 1.0 - s
    g[:d] -= Z.T @ a / N
    H[:d, :d] += (Z.T * (a * s / N)) @ Z
    g[d] += eps
    value = mu * value + loss.mean() + eps * lam
    if cap < math.inf:
        value -= mu * math.log(cap - lam)
        g[d] += mu / (cap - lam)
        H[d, d] += mu / (cap - lam) ** 2
    if kappa < math.inf:
        h, beta, bend = smooth_plus(m - lam * kappa, N * mu)  # the mean of N terms: N mu keeps mu * barrier
        W = np.hstack([Z, np.full((N, 1), -kappa)])
        value += h.mean()
        g[: d + 1] += W.T @ beta / N
        H[: d + 1, : d + 1] += (W.T * (bend / N)) @ W
    return value, g, H
