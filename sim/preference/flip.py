"""An adversary that may move pairs and also flip preference labels, at cost kappa each.

Transport cost ||z - z'||_p + kappa 1[label flipped]; a flip turns the pair z into -z.  With margins
m_i = theta^T z_i and l(-m) = l(m) + m,

    sup E_Q l = (1/N) sum l(m_i) + min_{lam >= ||theta||_*} lam eps + (1/N) sum (m_i - lam kappa)_+ ,
    lam* = max(||theta||_*, Q / kappa),   Q the (floor(N eps / kappa) + 1)-th largest margin,

and lam* = ||theta||_* where eps >= kappa.  The adversary flips the most confident pairs first, and
spends on transport what flips cannot use.

Sources: Shafieezadeh-Abadeh et al. (arXiv 1509.09259) for the dual; the closed form of lam*, the
explicit adversary and the certificate of the leader are derived here.
"""

import math
from typing import NamedTuple

import numpy as np

from sim.preference import ball, interior, norms
from sim.preference.losses import binary_entropy, logistic
from sim.preference.window import check_margins, check_radius


class FlipValue(NamedTuple):
    """The worst expected loss, ``value`` [nats], and its ``price`` lam* [nats per unit of transport]."""

    value: float
    price: float


class FlipPlan(NamedTuple):
    """What the adversary does.

    flipped  (N,) share of each pair's mass whose label is turned, in [0, 1]
    moved    budget left for transport along the dual direction (a limit: ever smaller masses move ever further)
    value    worst expected loss [nats] that the plan attains in that limit
    """

    flipped: np.ndarray
    moved: float
    value: float


def check_cost(kappa: float) -> float:
    """kappa as a float; ValueError unless kappa > 0 (infinity forbids flips)."""
    kappa = float(kappa)
    if not kappa > 0.0:
        raise ValueError(f"kappa = {kappa:g} is not a cost of a flip; give kappa > 0 (inf forbids flips)")
    return kappa


def _checked(m, dual_norm, eps, kappa):
    m = check_margins(np.asarray(m, dtype=float))
    if m.ndim != 1:
        raise ValueError(f"margins of shape {m.shape}; give one row (N,)")
    if not (math.isfinite(dual_norm) and dual_norm >= 0.0):
        raise ValueError(f"dual_norm = {dual_norm:g} is not a norm; give ||theta||_* >= 0")
    return m, float(dual_norm), check_radius(eps), check_cost(kappa)


def flip_value(m: np.ndarray, dual_norm: float, eps: float, kappa: float) -> FlipValue:
    """Worst expected loss and price at margins m (N,) of a theta with ||theta||_* = dual_norm, in closed form.

    eps radius, kappa cost of a flip.  Raises ValueError on eps < 0, kappa <= 0, dual_norm < 0, fewer
    than two margins, NaN or infinity.
    """
    m, dual_norm, eps, kappa = _checked(m, dual_norm, eps, kappa)
    price = dual_norm
    if eps < kappa < math.inf:
        k = min(math.floor(len(m) * eps / kappa), len(m) - 1)
        price = max(dual_norm, float(np.partition(m, len(m) - 1 - k)[len(m) - 1 - k]) / kappa)
    flips = np.maximum(m - price * kappa, 0.0).mean() if kappa < math.inf else 0.0
    return FlipValue(float(logistic(m).mean() + price * eps + flips), price)


def flip_adversary(m: np.ndarray, dual_norm: float, eps: float, kappa: float) -> FlipPlan:
    """An optimal plan, written down: flip the most confident pairs that are worth it, transport with the rest.

    A flip of pair i earns m_i for kappa, transport earns ||theta||_* per unit.  Among equal margins the
    lowest index is flipped first.  Arguments and errors as ``flip_value``.
    """
    m, dual_norm, eps, kappa = _checked(m, dual_norm, eps, kappa)
    N = len(m)
    flipped = np.zeros(N)
    budget = N * eps / kappa  # in flips
    for i in np.argsort(-m, kind="stable"):
        if budget <= 0.0 or m[i] <= dual_norm * kappa:
            break
        flipped[i] = min(1.0, budget)
        budget -= flipped[i]
    moved = max(eps - (kappa * flipped.sum() / N if kappa < math.inf else 0.0), 0.0)
    value = logistic(m).mean() + (flipped * m).sum() / N + moved * dual_norm
    return FlipPlan(flipped, float(moved), float(value))


def certified_gap(end: interior.Point, Z: np.ndarray, eps: float, kappa: float, p: float) -> float:
    """value - (lower bound on the optimum) [nats] at the end of a barrier path, for eps > 0.

    For all alpha, beta in [0, 1]^N and R = value / eps >= lam*,

        optimum >= mean H(alpha) - R (||Z^T (alpha - beta) / N||_p + kappa mean beta - eps)_+ .
    """
    value = flip_value(Z @ end.theta, norms.dual(end.theta, p), eps, kappa).value
    alpha, beta = end.alpha, end.beta
    excess = np.linalg.norm(Z.T @ (alpha - beta) / len(Z), p) + kappa * beta.mean() - eps
    return max(value - float(binary_entropy(alpha).mean()) + value / eps * max(float(excess), 0.0), 0.0)


def sgpo_flip(Z: np.ndarray, eps: float, kappa: float, p: float = 2) -> ball.Fit:
    """The leader against transport and flips: min over theta of ``flip_value``, certified to 1e-8 nats.

    Z (N, d) pairs, eps radius, kappa cost of a flip, p norm on pairs.  kappa = inf is
    ``ball.sgpo_feature``, eps = 0 is DPO; else a log-barrier path (``interior``).
    Raises ValueError as ``flip_value`` and ``sgpo_feature``; RuntimeError if the gap is missed.
    """
    Z, eps, kappa, p = ball.check_pairs(Z), check_radius(eps), check_cost(kappa), norms.check_norm(p)
    if eps == 0.0 or kappa == math.inf:
        return ball.sgpo_feature(Z, eps, p)
    end = interior.solve(Z, eps, p, kappa=kappa)
    value = flip_value(Z @ end.theta, norms.dual(end.theta, p), eps, kappa).value
    return ball.judged(ball.Fit(end.theta, value, certified_gap(end, Z, eps, kappa, p), end.iterations, False))
