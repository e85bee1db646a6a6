"""Ball arithmetic (Arb, through python-flint): a number is a midpoint and a radius that surely holds the true value.

No bound is written a second time.  NumPy hands ``sqrt``, ``log1p`` and ``expm1`` of an array of objects to the
objects' own methods, so the functions of ``theory.bounds`` run on balls as they stand, and ``radius`` is the
simulator's own ``theory_radius`` with NumPy's functions in the place of ``math``'s.

>>> low, high = ends(np.sqrt(exact([2.0]))[0])
>>> low == high == math.nextafter(math.sqrt(2.0), 0.0)  # the true root lies above this double and below the next
True
"""

import math
from types import FunctionType
from typing import Any

import numpy as np
from flint import arb, ctx

from sim.rules.learners import theory_radius

PRECISIONS = (64, 128, 256, 512)  # bits of the midpoint, tried in order

radius = FunctionType(theory_radius.__code__, {"math": np}, "radius")
precision = ctx.workprec


def exact(values: Any) -> np.ndarray:
    """Binary doubles or integers (n,) as balls of radius 0, an array of objects (n,)."""
    return np.array([arb(value) for value in np.asarray(values).tolist()], dtype=object)


def below(number: arb) -> float:
    """The largest double that is at most ``number``, a ball of radius 0."""
    near = float(number)
    while math.isfinite(near) and arb(near) > number:
        near = math.nextafter(near, -math.inf)
    while math.isfinite(near) and arb(math.nextafter(near, math.inf)) <= number:
        near = math.nextafter(near, math.inf)
    return near


def ends(ball: arb) -> tuple[float, float]:
    """The largest doubles at or below the lower and the upper end of a ball.

    For a double m, m <= lower end if and only if m <= the first, and m > upper end if and only if m > the
    second; (-inf, inf) for a ball that is not finite.
    """
    if not ball.is_finite():
        return -math.inf, math.inf
    return below(ball.lower()), below(ball.upper())


def around(ball: arb) -> tuple[float, float]:
    """The narrowest doubles (low, high) with low <= ball <= high."""
    low, high = below(ball.lower()), below(ball.upper())
    return low, high if arb(high) >= ball.upper() else math.nextafter(high, math.inf)


def digits(ball: arb) -> int:
    """Decimal digits that the ball fixes."""
    return max(0, int(ball.rel_accuracy_bits() * math.log10(2.0)))
