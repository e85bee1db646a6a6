"""Context processes: where the pool of a round comes from.

A process is a table of coordinate scales and a law of its row.  Row c of ``scales`` (C, d) says
how much energy component c has in each coordinate; the response vectors of a round are
    phi_k = rho * normalise(scales[c] * u_k),   u_k bell-shaped and independent,
with rho = L/2 under pair feedback (so that differences obey the bound L) and rho = L otherwise.
    isotropic   one component, all scales 1
    power_law   one component, scale i^{-exponent/2} at coordinate i = 1..d
    zipf        C components, one block of coordinates each, drawn with probability ~ 1/rank
    shift       C components, one block each, visited one after another (disjoint subspaces)
    free        no pool: the follower draws the vector itself
    recorded    features and labels from a file, replayed in a permuted order
theta* is uniform in direction up to the shape of the bell, with norm S; for the hard instance
each coordinate is +-Delta with fair signs (theorem 4).
"""

from typing import NamedTuple

import numpy as np

from sim.rules import codes, draws, learners


class Process(NamedTuple):
    """scales (C, d), cumulative (C,) probabilities of the components."""

    scales: np.ndarray
    cumulative: np.ndarray


def process(context: str, d: int, *, exponent: float, components: int, leak: float) -> Process:
    """Build the table of a context process; ``leak`` is the scale outside a component's block."""
    if context in ("zipf", "shift"):
        scales = np.full((components, d), leak)
        for c in range(components):
            scales[c, c * d // components : (c + 1) * d // components] = 1.0
        weights = 1.0 / np.arange(1, components + 1)
    else:
        i = np.arange(1, d + 1)
        scales = (i ** (-exponent / 2.0) if context == "power_law" else np.ones(d))[None, :]
        weights = np.ones(1)
    return Process(scales, np.cumsum(weights) / weights.sum())


def theta_star(key: np.ndarray, d: int, norm: float, hard_delta: float) -> np.ndarray:
    """The truth of one replication, shape (d,): norm ``norm``, or signs times ``hard_delta``."""
    raw = draws.bits(key, 0, draws.index(d))
    if hard_delta > 0.0:
        return np.where(draws.uniform(raw) < 0.5, -hard_delta, hard_delta)
    u = draws.bell(raw)
    return norm * u / np.sqrt(np.sum(u * u))


def component(g, p, key, t):
    """Index of the component that is active in round t."""
    C = p.cumulative.shape[0]
    if g.context == codes.SHIFT:
        return min(t * C // g.T, C - 1)
    if C == 1:
        return 0
    u = draws.uniform_at(key, t)
    c = 0
    while c < C - 1 and u >= p.cumulative[c]:
        c += 1
    return c


def fill_pool(g, scale, key, t, u, Phi):
    """Write the pool of round t into Phi (N, d): every row has norm ``g.feature_norm``; u (N d,) is a buffer."""
    N, d = Phi.shape
    draws.fill_bell(key, t * N * d, u)
    for k in range(N):
        for i in range(d):
            Phi[k, i] = u[k * d + i] * scale[i]
    learners.row_dots(Phi, Phi, u)  # the draws are used up: their buffer takes the squared norms
    for k in range(N):
        norm = np.sqrt(u[k])
        factor = g.feature_norm / norm if norm > 0.0 else 0.0
        for i in range(d):
            Phi[k, i] *= factor


def permutation(key: np.ndarray, n: int) -> np.ndarray:
    """Order in which recorded row numbers 0..n-1 arrive; ties of the keys break by row."""
    return np.argsort(draws.bits(key, 0, draws.index(n)), kind="stable")
