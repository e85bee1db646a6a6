"""Followers of the preference game on the margin line, as linear programs with certificates.

    tangents           a surrogate max_k (a_k x + b_k) below the logistic loss
    follower_program   program (9) of arXiv 2502.18099, cited as [C25], for K pieces in a window
    window_dual        its one-dimensional dual for any loss, without pieces
    flip_program       labels may be flipped at a cost kappa, pairs moved at their distance

Margins xi (N,) are in nats (the argument of the logistic loss l(x) = log(1 + exp(-x))), radii eps
in the same unit, averaged over pairs.  The closed forms that these programs check are the
simulator's (``sim.preference.window`` and ``sim.preference.flip``) and share no code with them.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import cvxpy as cp
import numpy as np

from theory.oracles.certificate import TOLERANCE, Certificate, at_least, finite, solve


class Pieces(NamedTuple):
    """A convex non-increasing loss max_k (slopes_k x + offsets_k); both (K,), slopes <= 0."""

    slopes: np.ndarray
    offsets: np.ndarray

    def __call__(self, x: Any) -> np.ndarray:
        """The loss at x, any shape."""
        return np.max(np.multiply.outer(np.asarray(x, dtype=float), self.slopes) + self.offsets, axis=-1)


def tangents(points: Any) -> Pieces:
    """Tangents of the logistic loss at ``points`` (K,): a lower surrogate, the paper's choice.

    It understates the follower ([C25], proposition 3.2).  Raises ValueError for bad points.
    """
    points = finite("points", points, 1)
    slopes = -0.5 * (1.0 - np.tanh(0.5 * points))
    return Pieces(slopes, np.logaddexp(0.0, -points) - slopes * points)


def follower_program(
    xi: Any, lo: float, hi: float, eps: float, pieces: Pieces, tolerance: float = TOLERANCE
) -> Certificate:
    """Program (9) of [C25]: the worst mean loss over a W_1 ball of radius eps, support [lo, hi].

        max (1/N) sum_ik [s_ik (a_k xi_i + b_k) - a_k q_ik]
        s.t. sum_k s_ik = 1,  (1/N) sum_ik |q_ik| <= eps,  lo s_ik <= s_ik xi_i - q_ik <= hi s_ik,  s >= 0.

    Solution (2, N, K): s and q; the worst case puts mass s_ik/N at xi_i - q_ik/s_ik.
    Raises ValueError unless lo <= xi <= hi (else eps = 0 is infeasible), OracleError.
    """
    xi, eps = finite("xi", xi, 1), at_least("eps", eps, 0.0)
    lo, hi = at_least("lo", lo, -np.inf), at_least("hi", hi, -np.inf)
    if not (lo <= float(xi.min()) and float(xi.max()) <= hi):
        raise ValueError(f"margins reach from {xi.min()} to {xi.max()}: must lie in [{lo}, {hi}]; widen the window")
    a, b = finite("slopes", pieces.slopes, 1), finite("offsets", pieces.offsets, 1)
    N, K = xi.size, a.size
    s, q = cp.Variable((N, K), nonneg=True), cp.Variable((N, K))
    heights = xi[:, None] * a + b
    objective = (cp.sum(cp.multiply(heights, s)) - cp.sum(q @ a)) / N
    landed = cp.multiply(np.repeat(xi[:, None], K, axis=1), s) - q
    rules = [cp.sum(s, axis=1) == 1.0, cp.sum(cp.abs(q)) / N <= eps, landed >= lo * s, landed <= hi * s]
    instance = {"xi": xi, "slopes": a, "offsets": b, "lo": np.asarray(lo), "hi": np.asarray(hi), "eps": np.asarray(eps)}
    both = cp.vstack([cp.reshape(s, (1, N * K), order="C"), cp.reshape(q, (1, N * K), order="C")])
    found = solve("follower_program", cp.Problem(cp.Maximize(objective), rules), both, instance, tolerance)
    return replace(found, solution=found.solution.reshape(2, N, K))


def window_dual(losses: Any, top: float, reach: Any, eps: float, tolerance: float = TOLERANCE) -> Certificate:
    """min over lam >= 0 of lam eps + (1/N) sum_i max(L_i, top - lam c_i); solution (1,): the price lam.

    The dual of the follower in a window with lower end lo: losses L (N,) at the margins, top the
    loss at lo, reach c_i = xi_i - lo >= 0.  Derived here (strong duality of Mohajerin Esfahani and
    Kuhn 2018; the supremum over a landing place is attained at lo or where the pair stands).
    Raises ValueError, OracleError.
    """
    L, c = finite("losses", losses, 1), finite("reach", reach, 1)
    if c.shape != L.shape or np.any(c < 0.0):
        raise ValueError(f"reach has shape {c.shape} and least entry {c.min()}: need {L.shape}, all >= 0; lower lo")
    top, eps = at_least("top", top, -np.inf), at_least("eps", eps, 0.0)
    lam, u = cp.Variable(1, nonneg=True), cp.Variable(L.size)
    problem = cp.Problem(cp.Minimize(eps * cp.sum(lam) + cp.sum(u) / L.size), [u >= L, u >= top - c * cp.sum(lam)])
    return solve("window_dual", problem, lam, {"losses": L, "top": np.asarray(top), "reach": c}, tolerance)


def flip_program(m: Any, dual_norm: float, eps: float, kappa: float, tolerance: float = TOLERANCE) -> Certificate:
    """min over lam >= ||theta||_* of lam eps + (1/N) sum_i max(l(m_i), l(-m_i) - lam kappa); solution (1,).

    Worst mean logistic loss where moving a pair costs its distance and flipping its label kappa
    more (Shafieezadeh-Abadeh et al. 2015).  m (N,) margins, kappa > 0.  Raises ValueError, OracleError.
    """
    m, eps, kappa = finite("m", m, 1), at_least("eps", eps, 0.0), flip_cost(kappa)
    norm = at_least("dual_norm", dual_norm, 0.0)
    stay, flipped = np.logaddexp(0.0, -m), np.logaddexp(0.0, m)
    lam, s = cp.Variable(1), cp.Variable(m.size)
    rules = [lam >= norm, s >= stay, s >= flipped - kappa * lam]
    problem = cp.Problem(cp.Minimize(eps * cp.sum(lam) + cp.sum(s) / m.size), rules)
    instance = {"m": m, "dual_norm": np.asarray(norm), "eps": np.asarray(eps), "kappa": np.asarray(kappa)}
    return solve("flip_program", problem, lam, instance, tolerance)


def flip_cost(kappa: float) -> float:
    """kappa as a positive float; ValueError otherwise."""
    if kappa == 0.0:
        raise ValueError("kappa=0: flips must cost something, or every label is lost at no price; pass kappa > 0")
    return at_least("kappa", kappa, 0.0)
