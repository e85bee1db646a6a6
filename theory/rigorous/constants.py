"""Constants of the theorems, enclosed by subdivision in ball arithmetic.

``middle`` is the inequality in the middle of theorems 2 and 3 (``bounds.theorem23``): for 0 < x <= y <= log 2 and
h(g) = sqrt(e^g - 1),

    x h(y)/y + h(x) (1 - x/y)  <=  0.993 sqrt(2 x).

Both sides vanish at the corner x = y = 0, where no subdivision would end.  Write h(g) = sqrt(g) k(g); k(g) =
sqrt((e^g - 1)/g) has k(0) = 1 and rises, since (e^g - 1)/g = sum g^n/(n + 1)! does.  With q = sqrt(x/y) in (0, 1] the
ratio of the two sides, without the 0.993, is

    G(q, y) = (q k(y) + (1 - q^2) k(q^2 y)) / sqrt 2,

which has no corner any more and rises in y.  So only y = log 2 is left, where k = 1/sqrt(log 2), and one interval:
on a piece [a, b] of [0, 1], G <= (b k(log 2) + (1 - a^2) k(b^2 log 2)) / sqrt 2.

``sharp_floor`` is theorem 4's sharper constant, max_u u p(u) with p(u) the root of (1 - 2p) log((1 - p)/p) = 2 u^2
(``expected.floor_sharp``).  Every p in (0, 1/2) is the root of one u, so it is the maximum of p u(p) over p, with
p^2 u(p)^2 = p^2 (1 - 2p) log((1 - p)/p)/2; the last two factors fall in p, so a piece [a, b] has at most b^2 times
them at a, and [0, b] at most b^2 log(1/b)/2 for b <= e^(-1/2).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from flint import arb

from theory import bounds, expected
from theory.rigorous import balls

BITS = 128
MIDDLE = "0.993"
SHARP = "0.13143"  # the maximum is 0.1314275...
ROOM = 16.0  # units in the last place: the root finder of ``expected`` stops within 1e-15
DEPTH = 40  # halvings of a piece; far more than a true inequality with room needs


class Supremum(NamedTuple):
    """A function on [0, b] against a claimed upper bound.

    holds: proved on every one of ``pieces`` pieces, or refuted at the point ``at``; value: (low, high) doubles around
    the function at ``at``, the best point met.  Neither proved nor refuted does not occur: ``below`` raises.
    """

    holds: bool
    pieces: int
    at: float
    value: tuple[float, float]


class Constant(NamedTuple):
    """A constant of a floor: (low, high) doubles around its true value, and the double that the program uses."""

    name: str
    value: tuple[float, float]
    used: float

    @property
    def ulps(self) -> float:
        """How far the double in use lies from the true value, in units of its last place; above it if positive."""
        nearest = min(self.value, key=lambda end: abs(self.used - end))
        return (self.used - nearest) / math.ulp(self.used)

    @property
    def holds(self) -> bool:
        """Whether the double in use is the constant, but for ROOM units in the last place."""
        return abs(self.ulps) <= ROOM


def below(upper: Callable[[arb, arb], arb], value: Callable[[arb], arb], end: arb, claimed: arb) -> Supremum:
    """Whether a function on [0, end] is at most ``claimed``; ``upper`` (a, b) bounds it on a piece, ``value`` at a
    point.  Raises RuntimeError where DEPTH halvings of a piece decide nothing."""
    todo, pieces, best, at = [(arb(0), end, 0)], 0, value(end), end
    while todo:
        a, b, depth = todo.pop()
        if upper(a, b) <= claimed:
            pieces += 1
            continue
        mid = ((a + b) / 2).mid()
        here = value(mid)
        if here > best:
            best, at = here, mid
        if here > claimed:
            return Supremum(False, pieces, float(at), balls.around(best))
        if depth == DEPTH:
            raise RuntimeError(f"undecided on [{float(a)!r}, {float(b)!r}] after {DEPTH} halvings; raise BITS or DEPTH")
        todo += [(a, mid, depth + 1), (mid, b, depth + 1)]
    return Supremum(True, pieces, float(at), balls.around(best))


def middle(factor: str = MIDDLE) -> Supremum:
    """The inequality in the middle of theorems 2 and 3 with ``factor``, a decimal number (module docstring)."""
    with balls.precision(BITS):
        log2, root2 = arb(2).log(), arb(2).sqrt()

        def k(g: arb) -> arb:
            return (g.expm1() / g).sqrt()

        def upper(a: arb, b: arb) -> arb:
            return (b * k(log2) + (1 - a * a) * k(b * b * log2)) / root2

        return below(upper, lambda q: upper(q, q), arb(1), arb(factor))


def sharp_floor(claimed: str = SHARP) -> Supremum:
    """Whether max_u u p(u) is at most ``claimed``, a decimal number; ``at`` is the p of the best point."""
    with balls.precision(BITS):

        def square(p: arb, q: arb) -> arb:
            """p^2 (1 - 2q) log((1 - q)/q)/2; at q = 0 the bound of the module docstring in its place."""
            if q == 0:
                return p * p * (1 / p).log() / 2
            return p * p * (1 - 2 * q) * ((1 - q) / q).log() / 2

        def upper(a: arb, b: arb) -> arb:
            if a == 0 and b > (-arb(1) / 2).exp():
                return arb(1)
            return square(b, a).sqrt()

        return below(upper, lambda p: square(p, p).sqrt(), arb(1) / 2, arb(claimed))


def wrong_sign(u: float) -> arb:
    """A ball around p(u): two points about the root in doubles enclose it, and are drawn together by halving.

    Raises RuntimeError where they do not enclose it: ``expected.wrong_sign_probability`` is wrong then.
    """

    def excess(p: arb) -> arb:
        return (1 - 2 * p) * ((1 - p) / p).log() - 2 * arb(u) ** 2  # falls in p

    with balls.precision(BITS):
        near, room = arb(expected.wrong_sign_probability(u)), arb(2) ** -40
        low, high = near * (1 - room), near * (1 + room)
        if not (excess(low) > 0 and excess(high) < 0):
            raise RuntimeError(f"p({u!r}) is not within a factor 1 + 2^-40 of {float(near)!r}")
        for _ in range(BITS // 4):
            mid = ((low + high) / 2).mid()
            low, high = (mid, high) if excess(mid) > 0 else (low, mid)
        if not (excess(low) > 0 and excess(high) < 0):
            raise RuntimeError(f"p({u!r}): {BITS} bits do not tell the sign of the function near its root; raise BITS")
        return low.union(high)


def floors() -> list[Constant]:
    """Theorem 4's constant exp(-1/2)/8, and theorem 4''s u p(u) at the u in use."""
    with balls.precision(BITS):
        u = expected.best_separation()
        used = u * expected.wrong_sign_probability(u)
        return [
            Constant("theorem 4: exp(-1/2)/8", balls.around((-arb(1) / 2).exp() / 8), bounds.FLOOR_CONSTANT),
            Constant(f"theorem 4': u p(u) at u = {u:.6g}", balls.around(arb(u) * wrong_sign(u)), used),
        ]
