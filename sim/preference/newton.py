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
    """The Newton step -H^+ g (n,), computed by least squares after scaling H's diagonal to 1.

    Where H is singular but for rounding, the step stays in its range.
    """
    diagonal = np.diagonal(hessian)
    scale = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    return -scale * np.linalg.lstsq(scale[:, None] * hessian * scale, scale * gradient, rcond=SINGULAR)[0]


def minimise(oracle: Oracle, x: np.ndarray, tol: float = 1e-22, steps: int = 200) -> tuple[np.ndarray, int]:
    """Newton's method with backtracking from a point x (n,) inside the domain: (minimiser, iterations).

    Stops when half the squared Newton decrement falls below ``tol``, when rounding hides any further
    descent, or after ``steps`` steps.  Nothing says that it converged: callers certify the end.
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
    """Minimise path(mu) for barrier weights mu falling tenfold from ``start`` to ``end``: (x, iterations).

    path  mu -> oracle;  x (n,) a point inside the domain
    """
    mu, total = start, 0
    while True:
        x, n = minimise(path(mu), x, tol=1e-3 * mu)
        total += n
        if mu <= end:
            return x, total
        mu = max(mu / 10.0, end)
