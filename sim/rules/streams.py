"""Context processes: where the pool of responses of a round comes from.

A process is a table ``scales`` (C, d) of C components, and a law that says which one is active
in a round.  Row c says how much energy component c has in each coordinate; the N response
vectors of the round are

    phi_k = rho * normalise(scales[c] * u_k),   u_k bell-shaped and independent,

with rho = L/2 under pair feedback (so that differences obey the bound L) and rho = L otherwise.

    isotropic   one component, all scales 1
    power_law   one component, scale i^{-exponent/2} at coordinate i = 1..d
    zipf        C components, one block of coordinates each, component c drawn with chance ~ 1/c
    shift       C components, one block each, visited one after another (disjoint subspaces)
    free        no pool: the follower chooses the vector itself
    recorded    features and labels from a file, replayed in a permuted order

>>> from sim.rules import streams
>>> p = streams.process("zipf", d=4, exponent=1.0, components=2, leak=0.1)
>>> p.scales.tolist()  # two domains; a tenth of the scale lies outside a domain's own block
[[1.0, 1.0, 0.1, 0.1], [0.1, 0.1, 1.0, 1.0]]
>>> p.cumulative.round(3).tolist()  # the first domain comes twice as often as the second
[0.667, 1.0]

With a misfit epsilon > 0 a linear model is wrong: a pool response is worth

    <theta*, phi> + epsilon cos <twist, phi>

to everybody, the gold response, the labels and the regret included, and the learner keeps fitting a linear
function.  ``twist`` is a direction drawn once a run, so long that the wave passes through its whole range a few times
between two responses: it is even in phi and the pools are symmetric, so no linear function explains any of it.

The true parameter theta* has norm S and the direction of a bell-shaped vector (nearly uniform);
on the hard instance each coordinate is +-Delta with fair signs (theorem 4).
"""

import math
from typing import NamedTuple

import numpy as np

from sim.rules import codes, draws, learners


class Process(NamedTuple):
    """A context process: ``scales`` (C, d) and the cumulative chances (C,) of its C components; the ``twist`` (d,)
    of its payoffs, 0 without a misfit."""

    scales: np.ndarray
    cumulative: np.ndarray
    twist: np.ndarray


def process(context: str, d: int, *, exponent: float, components: int, leak: float) -> Process:
    """The table of the context process named ``context`` in d dimensions.

    exponent    decay of the scales of power_law
    components  number of blocks of zipf and shift
    leak        scale of the coordinates outside a component's own block (zipf and shift)
    """
    if context in ("zipf", "shift"):
        scales = np.full((components, d), leak)
        for c in range(components):
            scales[c, c * d // components : (c + 1) * d // components] = 1.0
        weights = 1.0 / np.arange(1, components + 1)
    else:
        i = np.arange(1, d + 1)
        scales = (i ** (-exponent / 2.0) if context == "power_law" else np.ones(d))[None, :]
        weights = np.ones(1)
    return Process(scales, np.cumsum(weights) / weights.sum(), np.zeros(d))


def theta_star(key: np.ndarray, d: int, norm: float, hard_delta: float) -> np.ndarray:
    """The true parameter of one replication, (d,), drawn from the sequence ``key`` (2,).

    It has norm ``norm``, or coordinates +-``hard_delta`` where that is above 0 (theorem 4).
    """
    raw = draws.bits(key, 0, draws.index(d))
    if hard_delta > 0.0:
        return np.where(draws.uniform(raw) < 0.5, -hard_delta, hard_delta)
    u = draws.bell(raw)
    return norm * u / np.sqrt(np.sum(u * u))


def twist(key: np.ndarray, d: int, norm: float) -> np.ndarray:
    """The direction (d,) along which a misfit waves, from the sequence ``key`` (2,), for responses of norm ``norm``.

    Its products with responses are 2 pi times bell-shaped numbers of variance 1.
    """
    return 2.0 * np.pi / norm * draws.bell(draws.bits(key, 0, draws.index(d)))


def bend(misfit, twist, Phi, payoffs, waves):
    """Add misfit cos <twist, phi> [reward] to the payoffs (N,) of the rows of ``Phi`` (N, d), in place.

    waves  (N,) buffer
    """
    learners.dots(Phi, twist, waves)
    for k in range(payoffs.shape[0]):
        payoffs[k] += misfit * math.cos(waves[k])


def component(g, p, key, t):
    """Index in 0..C-1 of the component that is active in round t (0-based) of the process ``p``."""
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
    """Write the pool of round t into ``Phi`` (N, d), each row of norm ``g.feature_norm``.

    scale  (d,) row of the active component
    u      (N d,) buffer
    Modifies ``Phi`` and ``u``.
    """
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
    """The order (n,) in which the rows 0..n-1 of a recorded stream arrive; equal keys keep row order."""
    return np.argsort(draws.bits(key, 0, draws.index(n)), kind="stable")
