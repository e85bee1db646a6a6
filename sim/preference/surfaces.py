"""The leader against the reweighting follower: cutting surfaces with a certified gap.

    min over theta of  max_{w in W} sum_j w_j l(theta; z_j),     W the laws within eps of uniform (``reweight``)

The follower's reply to theta is a weight vector, hence a convex surface below the objective.  The
master problem minimises the largest of the surfaces seen so far, by a log barrier; its multipliers
mu_k >= 0, sum 1, mix the weights into w = sum mu_k w_k, and

    optimum >= sum_j w_j H(alpha_j) - R ||sum_j w_j alpha_j z_j||_2

for every alpha in [0, 1]^N and every bound R on ||theta||.  Derived here.
"""

import math
import warnings
from typing import NamedTuple

import numpy as np

from sim.preference import newton
from sim.preference.ball import SEPARABLE_CAP, Fit, Separable, check_pairs, is_separable
from sim.preference.losses import binary_entropy, logistic
from sim.preference.reweight import _reweight, check_costs
from sim.preference.window import check_radius

GAP = 1e-9  # of each master problem [nats]
TOLERANCE = 1e-8  # at which the cuts stop
REFUSED = 1e-6  # a gap that is no answer
CUTS = 300


class _Master(NamedTuple):
    """Its minimiser theta (d,) and a certified lower bound on the leader's optimum."""

    theta: np.ndarray
    bound: float


def _oracle(x: np.ndarray, mu: float, Z: np.ndarray, W: np.ndarray, cap: float):
    """t - mu sum_k log(t - f_k(theta)) - mu log(cap^2 - ||theta||^2) at x = (theta, t)."""
    d = Z.shape[1]
    theta, t = x[:d], x[d]
    loss = logistic(Z @ theta)
    room = t - W @ loss
    ball = cap * cap - theta @ theta
    g, H = np.zeros(d + 1), np.zeros((d + 1, d + 1))
    if not (np.all(room > 0.0) and ball > 0.0):
        return np.inf, g, H
    s = np.exp(-loss)
    a = 1.0 - s
    share = mu / room
    rows = np.hstack([(W * a) @ Z, np.ones((len(W), 1))])  # gradients of the rooms
    g = -rows.T @ share
    g[d] += 1.0
    H = (rows.T * (share / room)) @ rows
    H[:d, :d] += (Z.T * ((share @ W) * a * s)) @ Z
    value = t - mu * np.log(room).sum()
    if cap < math.inf:
        value -= mu * math.log(ball)
        g[:d] += 2.0 * mu / ball * theta
        H[:d, :d] += 2.0 * mu / ball * np.eye(d) + 4.0 * mu / ball**2 * np.outer(theta, theta)
    return value, g, H


def _master(Z: np.ndarray, W: np.ndarray, theta: np.ndarray, cap: float) -> _Master:
    """Minimise the upper envelope of the surfaces W (K, N); dual variables as in ``interior.solve``."""
    d, end = Z.shape[1], GAP / (len(W) + 2.0)
    x = np.append(theta, (W @ logistic(Z @ theta)).max() + 1.0)
    x, _ = newton.follow(lambda mu: lambda x: _oracle(x, mu, Z, W, cap), x, end)
    _, g, H = _oracle(x, end, Z, W, cap)
    dx = newton.direction(g, H)
    loss = logistic(Z @ x[:d])
    s = np.exp(-loss)
    a = 1.0 - s
    room = x[d] - W @ loss
    share = end / room
    turn = ((W * a) @ Z) @ dx[:d] + dx[d]  # change of the rooms
    new = np.maximum(share * (1.0 - turn / room), 0.0)
    new /= new.sum()
    mixed, pull = new @ W, new @ (W * a) - (share @ W) * a * s * (Z @ dx[:d])
    alpha = np.clip(pull / np.where(mixed > 0.0, mixed, 1.0), 0.0, 1.0)
    R = cap if cap < math.inf else 2.0 * (1.0 + float(np.linalg.norm(x[:d])))
    bound = float(mixed @ binary_entropy(alpha)) - R * float(np.linalg.norm(Z.T @ (mixed * alpha)))
    return _Master(x[:d], bound)


def sgpo_reweight(Z: np.ndarray, C: np.ndarray, eps: float, cap: float | None = None) -> Fit:
    """The leader's solution for pairs Z (N, d), transport costs C (N, N), radius eps; ``iterations`` counts cuts.

    The gap is certified over ||theta||_2 <= cap or, without a cap, over ||theta'|| <= 2 (1 + ||theta||).
    On separable pairs without a cap every loss falls to 0 as the norm grows: warns Separable and takes
    the cap SEPARABLE_CAP / mean ||z||.
    Raises ValueError on eps < 0, bad pairs, costs or cap; RuntimeError where the gap stays above REFUSED.
    """
    Z, eps = check_pairs(Z), check_radius(eps)
    C = check_costs(C, len(Z))
    if cap is not None and not cap > 0.0:
        raise ValueError(f"cap = {cap:g} is not allowed; give cap > 0 or None (no bound on the norm)")
    limit = math.inf if cap is None else float(cap)
    if cap is None and is_separable(Z):
        limit = SEPARABLE_CAP / float(np.linalg.norm(Z, axis=1).mean())
        warnings.warn(
            f"the pairs are separable and no cap is given: the norm of theta would grow without bound; keeping "
            f"||theta||_2 <= {limit:g}. Give cap",
            Separable,
            stacklevel=2,
        )
    N, d = Z.shape
    W = np.full((1, N), 1.0 / N)
    best, value, bound, theta = np.zeros(d), math.inf, -math.inf, np.zeros(d)
    while len(W) <= CUTS:
        master = _master(Z, W, theta, limit)
        theta, bound = master.theta, max(bound, master.bound)
        plan = _reweight(logistic(Z @ theta), C, eps)
        if plan.value < value:
            best, value = theta, plan.value
        if value - bound <= TOLERANCE or np.any(np.all(plan.weights == W, axis=1)):
            break
        W = np.vstack([W, plan.weights])
    capped = float(np.linalg.norm(best)) >= limit * (1.0 - 1e-3)
    gap = abs(value - bound)  # a bound above the value means that rounding decided
    if not gap <= REFUSED:
        raise RuntimeError(f"certified gap {gap:.1e} > {REFUSED:g}: scale the pairs to norms near 1, or give a cap")
    return Fit(best, float(value), float(gap), len(W), capped)
