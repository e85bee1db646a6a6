"""The solution s_ik, q_ik of program (9) of Chu et al. (arXiv 2502.18099), written down without a solver.

With K tangents a_k xi + b_k of the logistic loss the program is

    max (1/N) sum_ik [s_ik (a_k xi_i + b_k) - a_k q_ik]
    s.t. sum_k s_ik = 1,  (1/N) sum_ik |q_ik| <= eps,  lo s_ik <= s_ik xi_i - q_ik <= hi s_ik,  s >= 0.

The closed form of ``window`` is an optimum of it: the moved share of pair i goes to the tangent that
is active at lo, the rest to the one active at xi_i.  The leader weights w_i = sum_k s_ik of their
Algorithm 1 are therefore 1 for every pair, as the first constraint says: read literally, the leader
fits the plain logistic loss.
"""

from typing import NamedTuple

import numpy as np

from sim.preference.losses import Array, logistic, logistic_slope
from sim.preference.window import follower_window


class Lines(NamedTuple):
    """K tangents: ``slopes`` (K,) and ``intercepts`` (K,); calling it evaluates their maximum."""

    slopes: np.ndarray
    intercepts: np.ndarray

    def __call__(self, xi: Array) -> np.ndarray:
        """max_k (a_k xi + b_k), elementwise; a convex, non-increasing lower bound on the loss."""
        return (np.asarray(xi)[..., None] * self.slopes + self.intercepts).max(axis=-1)


class Solution(NamedTuple):
    """An optimum of (9): s (N, K), q (N, K), its value [nats], the tangents and the moved shares (N,)."""

    s: np.ndarray
    q: np.ndarray
    value: float
    lines: Lines
    moved: np.ndarray


def tangents(lo: float, hi: float, K: int = 6) -> Lines:
    """Tangents of the logistic loss at K evenly spaced points of [lo, hi]; ValueError unless K >= 1, lo <= hi."""
    if K < 1 or not lo <= hi:
        raise ValueError(f"K = {K}, window [{lo:g}, {hi:g}]: give K >= 1 and lo <= hi")
    points = np.linspace(lo, hi, K)
    slopes = logistic_slope(points)
    return Lines(slopes, logistic(points) - slopes * points)


def tangent_weights(xi: np.ndarray, lo: float, eps: float, K: int = 6, hi: float | None = None) -> Solution:
    """An optimum of program (9) for margins xi (N,), a window [lo, hi], radius eps and K tangents.

    hi  by default the largest margin.  Raises ValueError if hi is below it, and as ``follower_window``.
    """
    xi = np.asarray(xi, dtype=float)
    top = float(np.max(xi)) if hi is None else float(hi)
    if top < np.max(xi):
        raise ValueError(f"the window ends at hi = {top:g}, below the largest margin {np.max(xi):g}; raise hi")
    lines = tangents(lo, top, K)
    reply = follower_window(xi, lo, eps, lines.__call__)
    s, q = np.zeros((len(xi), K)), np.zeros((len(xi), K))
    here = (xi[:, None] * lines.slopes + lines.intercepts).argmax(axis=1)
    there = int((lo * lines.slopes + lines.intercepts).argmax())
    s[np.arange(len(xi)), here] = 1.0 - reply.moved
    s[:, there] += reply.moved
    q[:, there] = reply.moved * reply.shift
    value = (s * (xi[:, None] * lines.slopes + lines.intercepts) - lines.slopes * q).sum() / len(xi)
    return Solution(s, q, float(value), lines, reply.moved)
