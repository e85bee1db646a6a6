"""What the leader minimises once the follower has replied: four readings of one sentence of [C25].

Losses of a pair, with the follower's moved shares f, price lam and shifts held fixed:

    L0  l(xi)                                        Algorithm 1 of Chu et al. read literally (weights 1)
    L1  (1 - f) l(xi) + f l(xi - shift)              their section 3.3: margins nudged by the shift
    L2  (1 - f) l(xi) - f log max(sigma(xi) - u, floor)   the shape of the released trainer; the reply
                                                     must come from ``window.follower_unit`` (u = its shift)
    L3  (1 - f) l(xi) - f lam xi                     derived here; the default

L3 is the exact gradient (Danskin) of the worst case V(theta) = sup E l over a fixed window.  Its level
has no meaning, only its slope; the value is ``follower_window(...).value``.
"""

import array_api_compat
import numpy as np

from sim.preference.losses import Array, floating, logistic, logistic_slope, sigmoid
from sim.preference.window import WindowReply

KINDS = ("L0", "L1", "L2", "L3")
FLOOR = 1e-6  # of the released trainer's clamp


def _check(kind: str, xi: Array, reply: WindowReply) -> Array:
    if kind not in KINDS:
        raise ValueError(f"unknown leader {kind!r}; valid: {', '.join(KINDS)}")
    xi = floating(xi)
    if tuple(xi.shape) != tuple(reply.moved.shape):
        raise ValueError(f"margins {tuple(xi.shape)} and a reply to {tuple(reply.moved.shape)} do not fit")
    if kind == "L2":
        xp = array_api_compat.array_namespace(reply.shift)
        if not bool(xp.all((reply.shift >= 0) & (reply.shift <= 1))):
            raise ValueError("leader 'L2' works on u = sigma(xi): take its reply from window.follower_unit")
    return xi


def leader_losses(kind: str, xi: Array, reply: WindowReply, floor: float = FLOOR) -> Array:
    """Loss of every pair (..., N) [nats] at margins xi (..., N).

    kind   "L0", "L1", "L2" or "L3";  reply  the follower's, made at the margins of the round's start
    floor  lower clamp of L2's logarithm
    On tensors gradients flow through xi only.  Raises ValueError on an unknown kind, or on a reply whose
    shape or unit does not fit.
    """
    xi = _check(kind, xi, reply)
    xp = array_api_compat.array_namespace(xi)
    f = reply.moved
    if kind == "L0":
        return logistic(xi)
    if kind == "L1":
        return (1 - f) * logistic(xi) + f * logistic(xi - reply.shift)
    if kind == "L2":
        return (1 - f) * logistic(xi) - f * xp.log(xp.clip(sigmoid(xi) - reply.shift, floor, None))
    return (1 - f) * logistic(xi) - f * reply.price[..., None] * xi


def leader_slopes(kind: str, xi: Array, reply: WindowReply, floor: float = FLOOR) -> Array:
    """Derivatives of ``leader_losses`` with respect to xi, (..., N), in closed form; arguments as there."""
    xi = _check(kind, xi, reply)
    xp = array_api_compat.array_namespace(xi)
    f = reply.moved
    if kind == "L0":
        return logistic_slope(xi)
    if kind == "L1":
        return (1 - f) * logistic_slope(xi) + f * logistic_slope(xi - reply.shift)
    if kind == "L2":
        rest = sigmoid(xi) - reply.shift
        live = rest > floor
        pull = xp.where(live, sigmoid(xi) * sigmoid(-xi) / xp.where(live, rest, xp.ones_like(rest)), 0.0 * rest)
        return (1 - f) * logistic_slope(xi) - f * pull
    return (1 - f) * logistic_slope(xi) - f * reply.price[..., None]


def worst_value_slopes(xi: np.ndarray, reply: WindowReply) -> np.ndarray:
    """Derivatives (..., N) of the worst-case value V, a mean over pairs: L3's slopes divided by N."""
    return leader_slopes("L3", xi, reply) / xi.shape[-1]
