"""The logistic loss of margins, stable at both ends, on NumPy arrays and torch tensors alike.

    l(xi) = log(1 + e^-xi) = -log sigma(xi)      l'(xi) = -sigma(-xi)      l(-xi) = l(xi) + xi

All functions are elementwise, keep shape and dtype, also take lists, and turn whole numbers into
floats.  On tensors they are differentiable; the slope at xi = 0 is -1/2 as it should be.
"""

from typing import Any

import array_api_compat
import numpy as np

Array = Any  # a NumPy array or any array that array_api_compat knows


def floating(x: Array) -> Array:
    """x as a floating array of its own library, so that integers do not truncate; lists become float64 NumPy."""
    if not array_api_compat.is_array_api_obj(x):
        return np.asarray(x, dtype=float)
    xp = array_api_compat.array_namespace(x)
    return x if xp.isdtype(x.dtype, "real floating") else xp.astype(x, xp.float64)


def logistic(xi: Array) -> Array:
    """The logistic loss l(xi) = log(1 + e^-xi) [nats]; never overflows."""
    xi = floating(xi)
    xp = array_api_compat.array_namespace(xi)
    return xp.logaddexp(xp.zeros_like(xi), -xi)


def sigmoid(xi: Array) -> Array:
    """The logistic function sigma(xi) = 1 / (1 + e^-xi), accurate to relative rounding in both tails."""
    xi = floating(xi)
    return array_api_compat.array_namespace(xi).exp(-logistic(xi))


def logistic_slope(xi: Array) -> Array:
    """The derivative of the loss, l'(xi) = -sigma(-xi), in (-1, 0)."""
    return -sigmoid(-floating(xi))


def binary_entropy(a: Array) -> Array:
    """H(a) = -a log a - (1 - a) log(1 - a) [nats] for a in [0, 1], with H(0) = H(1) = 0.

    -H is the convex conjugate of l at -a, which the certificates of ``ball`` use.
    """
    a = floating(a)
    xp = array_api_compat.array_namespace(a)
    inside = (a > 0) & (a < 1)
    safe = xp.where(inside, a, xp.full_like(a, 0.5))
    h = -safe * xp.log(safe) - (1 - safe) * xp.log1p(-safe)
    return xp.where(inside, h, xp.zeros_like(a))
