"""Damped Newton's method for smooth convex functions of a few variables, and a path of them.

An oracle is a function x (n,) -> (value, gradient (n,), Hessian (n, n)); a value of inf says that x
lies outside the domain, and then the other two are not looked at.
"""

from collections.abc import Callable

import numpy as np

Oracle = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]

ARMIJO = 1e-4
SHRINK = 0.5
SINGULAR = 1e-13  # of the largest singular value
ROUNDING = 4 * np.finfo(float).eps  # relative; values closer than this cannot be told apart


def direction(gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """-H^+ g after scaling H's diagonal to 1: least squares, so that the step stays in H's range
    where H is singular but for rounding."""
    diagonal = np.diagonal(hessian)
    scale = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    return -scale * np.linalg.lstsq(scale[:, None] * hessian * scale, scale * gradient, rcond=SINGULAR)[0]


def minimise(oracle: Oracle, x: np.ndarray, tol: float = 1e-22, steps: int = 200) -> tuple[np.ndarray, int]:
    """(x, iterations): Newton with backtracking from x inside the domain.

    Stops when half the squared Newton decrement falls below ``tol``, when rounding hides any
    further descent, or after ``steps`` steps; callers judge the end by a certificate.
    """
    value, gradient, hessian = oracle(x)
    for iteration in range(1, steps + 1):
        step = direction(gradient, hessian)
        slope = float(gradient @ step)
        if not slope < 0.0 or -slope / 2.0 <= tol:
            return x, iteration
        t = 1.0
        slack = ROUNDING * abs(value) if -slope < 1e-8 * (1.0 + abs(value)) else 0.0
        while True:
            trial = x + t * step
            new = oracle(trial)
            if new[0] <= value + ARMIJO * t * slope + slack:
                break
            t *= SHRINK
            if t < 1e-12:
                return x, iteration
        x, (value, gradient, hessian) = trial, new
    return x, steps


def follow(path: Callable[[float], Oracle], x: np.ndarray, end: float, start: float = 0.1) -> tuple[np.ndarray, int]:
    """(x, iterations) at the barrier weight ``end``: minimises path(mu) for mu falling from ``start``."""
    mu, total = start, 0
    while True:
        x, n = minimise(path(mu), x, tol=1e-3 * mu)
        total += n
        if mu <= end:
            return x, total
        mu = max(mu / 10.0, end)
