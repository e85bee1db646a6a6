"""Norms on pairs (p), their duals on parameters (||theta||_*), and log barriers of ||theta||_* <= lam.

    p = 1:  ||theta||_inf      p = 2:  ||theta||_2      p = inf:  ||theta||_1

A barrier works on x = (theta (d), lam[, u (d)]); the extra u_j >= |theta_j| are there for p = inf only.
"""

import math

import numpy as np

NORMS = (1, 2, math.inf)


def check_norm(p: float) -> float:
    """p itself; ValueError unless it is 1, 2 or inf."""
    if p not in NORMS:
        raise ValueError(f"p = {p} is not a norm of the ball; give 1, 2 or inf (norm on pairs, its dual on theta)")
    return p


def dual(theta: np.ndarray, p: float) -> float:
    """The norm ||theta||_* of theta (d,) that is dual to the p-norm on pairs."""
    return float(np.linalg.norm(theta, {1: np.inf, 2: 2, math.inf: 1}[p]))


def size(d: int, p: float) -> int:
    """Number of variables of x = (theta, lam[, u]) for d features."""
    return 2 * d + 1 if p == math.inf else d + 1


def degree(d: int, p: float) -> int:
    """The barrier parameter nu: at barrier weight mu the duality gap is at most nu mu."""
    return {1: 2 * d, 2: 2, math.inf: 2 * d + 1}[p]


def inside(d: int, p: float, lam: float) -> np.ndarray:
    """A point x well inside ||theta||_* <= lam, with theta = 0."""
    x = np.zeros(size(d, p))
    x[d] = lam
    x[d + 1 :] = lam / (2.0 * d)
    return x


def _squares(a: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """-sum log(b^2 - a^2): value, gradients in a and b, second derivatives aa, ab, bb (elementwise)."""
    q = (b - a) * (b + a)
    aa, bb = 2.0 / q + 4.0 * a * a / q**2, 4.0 * b * b / q**2 - 2.0 / q
    return float(-np.log(q).sum()), 2.0 * a / q, -2.0 * b / q, aa, -4.0 * a * b / q**2, bb


def barrier(x: np.ndarray, d: int, p: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Value, gradient and Hessian of the barrier at x; the value is inf outside ||theta||_* < lam."""
    theta, lam, u = x[:d], x[d], x[d + 1 :]
    g, H = np.zeros(len(x)), np.zeros((len(x), len(x)))
    i = np.arange(d)
    if p == 2:
        norm = float(np.linalg.norm(theta))
        if not lam > norm:
            return np.inf, g, H
        q, y = (lam - norm) * (lam + norm), x.copy()
        y[d] = -lam
        H = 4.0 * np.outer(y, y) / q**2
        H[i, i] += 2.0 / q
        H[d, d] -= 2.0 / q
        return -math.log(q), 2.0 * y / q, H
    wide = np.full(d, lam) if p == 1 else u
    room = lam - u.sum() if p == math.inf else 1.0
    if not (np.all(wide > np.abs(theta)) and room > 0.0):
        return np.inf, g, H
    value, ga, gb, aa, ab, bb = _squares(theta, wide)
    g[:d], H[i, i] = ga, aa
    if p == 1:
        g[d], H[d, d] = gb.sum(), bb.sum()
        H[:d, d] = H[d, :d] = ab
        return value, g, H
    j = d + 1 + i
    g[j], H[j, j], H[i, j], H[j, i] = gb, bb, ab, ab
    push = np.concatenate([[-1.0], np.ones(d)]) / room
    g[d:] += push
    H[d:, d:] += np.outer(push, push)
    return value - math.log(room), g, H
