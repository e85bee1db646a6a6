"""The follower of the preference game in closed form: which pairs it moves, how far, at which price.

Margins xi (..., N) of N preference pairs lie inside a window that begins at ``lo``.  The follower moves
the empirical law within Wasserstein distance eps, inside the window, to make the loss worst:

    sup E l = (1/N) sum l(xi_i) + max{(1/N) sum f_i g_i : sum f_i c_i <= N eps, 0 <= f <= 1}
            = min_{lam >= 0} lam eps + (1/N) sum max(l(xi_i), l(lo) - lam c_i),
    g_i = l(lo) - l(xi_i),   c_i = xi_i - lo,

for every convex non-increasing l.  The smallest margins are moved to ``lo`` until the budget N eps is
spent; one pair may be moved in part.  Only the order of the margins decides which are moved, so a
surrogate of K tangents moves the same pairs for every K.  O(N log N), batched over leading axes,
on NumPy arrays and tensors (the reply carries no gradient).

Source: the convex program is (9) of Chu et al. (arXiv 2502.18099), a case of Mohajerin Esfahani and
Kuhn (2018), theorem 4.4; the closed form is derived here.  The upper end of their window never binds:
a pessimistic follower does not raise a margin.  Among equal margins the lowest index is moved first.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import array_api_compat

from sim.preference.losses import Array, floating, logistic, sigmoid


class WindowReply(NamedTuple):
    """The follower's reply to margins (..., N).

    moved  (..., N) share of the pair that is moved to ``lo``, in [0, 1]
    price  (...) lam*, the chord slope at the pair where the budget ends; 0 where all are moved
    value  (...) worst expected loss [nats]
    shift  (..., N) distance c_i >= 0 that a moved pair travels
    """

    moved: Array
    price: Array
    value: Array
    shift: Array


class Atoms(NamedTuple):
    """A discrete law: ``atoms`` (..., N + 1) and their ``masses`` (..., N + 1), which sum to 1."""

    atoms: Array
    masses: Array


def check_radius(eps: float) -> float:
    """eps as a float; ValueError unless it is finite and >= 0."""
    eps = float(eps)
    if not math.isfinite(eps) or eps < 0.0:
        raise ValueError(f"eps = {eps:g} is not a radius; give a finite eps >= 0 (0 switches the follower off)")
    return eps


def check_margins(xi: Array) -> Array:
    """Margins as floats, without gradient; ValueError on fewer than two on the last axis, NaN or infinity."""
    xi = floating(xi)
    xi = xi.detach() if hasattr(xi, "detach") else xi
    xp = array_api_compat.array_namespace(xi)
    if xi.ndim < 1 or xi.shape[-1] < 2:
        raise ValueError(f"margins of shape {tuple(xi.shape)}: the follower needs at least two pairs on the last axis")
    if not bool(xp.all(xp.isfinite(xi))):
        raise ValueError("margins hold NaN or inf; drop those pairs or look for a diverging policy")
    return xi


def _low(xp, xi: Array, lo: Array) -> Array:
    """lo as (..., 1), checked to lie below every margin."""
    if not array_api_compat.is_array_api_obj(lo):
        lo = xp.asarray(lo, dtype=xi.dtype, device=array_api_compat.device(xi))
    lo = lo.detach() if hasattr(lo, "detach") else lo
    lo = xp.astype(lo, xi.dtype)[..., None]
    least = xp.min(xi, axis=-1, keepdims=True)
    if not bool(xp.all(lo <= least)):  # also catches a NaN window
        raise ValueError(
            f"the window begins at lo = {float(xp.max(lo)):g}, above the least margin {float(xp.min(least)):g}; "
            "give lo <= min(xi), for example window_low(xi)"
        )
    if not bool(xp.all(xp.isfinite(lo))):
        raise ValueError("lo = -inf: without a window the worst case is not attained; give a finite lo")
    return lo


def window_low(xi: Array, tau: float = 0.05) -> Array:
    """Lower end of the window, (...): the least margin of the last axis minus tau.

    Raises ValueError on tau < 0 or infinite, and on bad margins.
    """
    if not math.isfinite(tau) or tau < 0.0:
        raise ValueError(f"tau = {tau:g} is not allowed; give a finite tau >= 0 (margin units)")
    xi = check_margins(xi)
    return array_api_compat.array_namespace(xi).min(xi, axis=-1) - tau


def follower_window(xi: Array, lo: Array, eps: float, loss: Callable[[Array], Array] = logistic) -> WindowReply:
    """The worst case of margins xi (..., N) in a ball of radius eps, inside a window from lo (...).

    loss  any convex non-increasing function of margins
    Pairs that sit on ``lo`` already count as moved when eps > 0: moving them costs and changes nothing.
    Raises ValueError on eps < 0, fewer than two pairs, NaN margins, or lo above a margin.
    """
    eps, xi = check_radius(eps), check_margins(xi)
    xp = array_api_compat.array_namespace(xi)
    lo = _low(xp, xi, lo)
    N = xi.shape[-1]
    shift, plain = xi - lo, loss(xi)
    gain = loss(lo) - plain
    if eps == 0.0:
        moved = xp.zeros_like(xi)
        return WindowReply(moved, _price(xp, moved, shift, gain), xp.mean(plain, axis=-1), shift)
    order = xp.argsort(xi, axis=-1, stable=True)
    cost = xp.take_along_axis(shift, order, axis=-1)
    left = N * eps - (xp.cumulative_sum(cost, axis=-1) - cost)
    free = cost == 0
    share = xp.where(free, xp.ones_like(cost), xp.clip(left / xp.where(free, xp.ones_like(cost), cost), 0.0, 1.0))
    moved = xp.take_along_axis(share, xp.argsort(order, axis=-1, stable=True), axis=-1)
    value = xp.mean(plain, axis=-1) + xp.mean(moved * gain, axis=-1)
    return WindowReply(moved, _price(xp, moved, shift, gain), value, shift)


def _price(xp, moved: Array, shift: Array, gain: Array) -> Array:
    """lam* = the steepest chord among pairs that are not wholly moved: (...)."""
    stays = (moved < 1) & (shift > 0)
    chord = xp.where(stays, gain, xp.zeros_like(gain)) / xp.where(stays, shift, xp.ones_like(shift))
    return xp.max(chord, axis=-1)


def dual_value(xi: Array, lo: float, eps: float, price: float, loss: Callable[[Array], Array] = logistic) -> Array:
    """lam eps + (1/N) sum max(l(xi_i), l(lo) - lam c_i) at lam = price: an upper bound on the worst expected
    loss for every price >= 0.  Arguments as ``follower_window``.
    """
    xi = check_margins(xi)
    xp = array_api_compat.array_namespace(xi)
    lo = _low(xp, xi, lo)
    return price * eps + xp.mean(xp.maximum(loss(xi), loss(lo) - price * (xi - lo)), axis=-1)


def worst_case(xi: Array, lo: Array, reply: WindowReply) -> Atoms:
    """The law after the follower's reply: mass (1 - f_i)/N stays at xi_i, the rest sits at lo (the last atom)."""
    xi = check_margins(xi)
    xp = array_api_compat.array_namespace(xi)
    lo = xp.broadcast_to(_low(xp, xi, lo), (*xi.shape[:-1], 1))
    N = xi.shape[-1]
    there = xp.sum(reply.moved, axis=-1, keepdims=True) / N
    return Atoms(xp.concat([xi, lo], axis=-1), xp.concat([(1 - reply.moved) / N, there], axis=-1))


def grouped(xi: Array, G: int) -> Array:
    """Margins (..., N) as consecutive groups (..., N/G, G), to each of which ``follower_window`` then replies.

    Raises ValueError unless G >= 2 divides N.
    """
    xi = check_margins(xi)
    N = xi.shape[-1]
    if G < 2 or N % G:
        raise ValueError(f"G = {G} with N = {N} pairs: give a group size G >= 2 that divides N (one group: G = N)")
    return array_api_compat.array_namespace(xi).reshape(xi, (*xi.shape[:-1], N // G, G))


def unit_tangents(K: int) -> Callable[[Array], Array]:
    """The maximum of the K tangents of -log u at k/K, as a function of u in [0, 1]: the surrogate loss of
    [C25], appendix G.1.  Raises ValueError unless K >= 1.
    """
    if K < 1:
        raise ValueError(f"K = {K} is not allowed; give K >= 1 tangents")

    def loss(u: Array) -> Array:
        lines = [-(K / k) * (u - k / K) - math.log(k / K) for k in range(1, K + 1)]
        top = lines[0]
        for line in lines[1:]:
            top = array_api_compat.array_namespace(u).maximum(top, line)
        return top

    return loss


def follower_unit(xi: Array, eps: float, K: int = 6, scale: float = 1.0) -> WindowReply:
    """The follower on u = sigma(scale xi) in [0, 1] instead of on margins: what leader "L2" expects.

    eps and ``shift`` are in units of u and not comparable with those of ``follower_window``.  The moved set
    does not depend on the number of tangents K; price and value do, and diverge as K grows.
    """
    return follower_window(sigmoid(scale * check_margins(xi)), 0.0, eps, unit_tangents(K))
