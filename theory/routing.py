"""Largest latency first on parallel links: where the gate's name and its 1/beta come from.

m links join one source to one sink; flow x_i on link i meets the latency
    l_i(x) = sum_k a_ik (x/s_i)^{p_k},  a >= 0, p >= 0, s > 0,
and C(x) = sum_i x_i l_i(x_i) is the total latency of a demand r = sum_i x_i.  Selfish flow settles
where all used links have one common latency and no link has less (Wardrop 1952), which minimises
Beckmann's potential sum_i int_0^{x_i} l_i (Beckmann, McGuire, Winsten 1956).  The optimum is the
selfish flow of the marginal costs (x l(x))' = sum_k (1 + p_k) a_k (x/s)^{p_k}.  A leader who owns a
fraction beta of the flow and fills the links of largest latency in the optimum, up to their optimal
flow, forces (T. Roughgarden, Stackelberg scheduling strategies, STOC 2001; SIAM J. Comput. 33, 2004)
    L1  total <= OPT / beta            for any latencies,
    L2  total <= 4/(3 + beta) OPT      for linear ones (p in {0, 1});
both are classical and tight.  Shapes: flows (m,), or (n, m) for n demands at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

HALVINGS, NEWTON_STEPS = 120, 60  # caps; both loops end at rounding level
STEEP = 1e7  # power of the steep family: its ratio is within 2e-6 (1 - beta)/beta of 1/beta, relatively
LARGEST_DEGREE, MOST_LINKS = 4, 8  # of random instances
COLUMNS = ("seed", "instance", "kind", "links", "beta", "ratio", "bound")


@dataclass(frozen=True)
class Links:
    """coefficients a (m, k), powers p (k,), scale s (m,); build it with ``parallel``."""

    coefficients: np.ndarray
    powers: np.ndarray
    scale: np.ndarray

    @property
    def linear(self) -> bool:
        """Whether every latency is a constant plus a multiple of x."""
        return not np.any(self.coefficients[:, (self.powers != 0.0) & (self.powers != 1.0)])


def parallel(coefficients: ArrayLike, powers: ArrayLike | None = None, scale: ArrayLike | None = None) -> Links:
    """Checked links.  Powers default to 0, 1, ..., k-1 (a polynomial), scales to 1.

    Raises ValueError for a wrong shape, a negative or non-finite coefficient or power, a scale
    that is not positive.
    """
    a = np.array(coefficients, dtype=float)
    if a.ndim != 2 or 0 in a.shape:
        raise ValueError(f"coefficients have shape {a.shape}: must be (links, terms), neither 0; a row for each link")
    p = np.arange(a.shape[1], dtype=float) if powers is None else np.array(powers, dtype=float)
    s = np.ones(len(a)) if scale is None else np.array(scale, dtype=float)
    if p.shape != (a.shape[1],) or s.shape != (len(a),):
        raise ValueError(f"powers {p.shape} and scale {s.shape} must be ({a.shape[1]},) and ({len(a)},)")
    for name, values in (("coefficients", a), ("powers", p), ("scale", s)):
        bad = ~(np.isfinite(values) & ((values > 0.0) if name == "scale" else (values >= 0.0)))
        if bad.any():
            where = tuple(int(i) for i in np.argwhere(bad)[0])
            rule = "finite and > 0" if name == "scale" else "finite and >= 0, so that latencies never fall"
            raise ValueError(f"{name}{list(where)} = {values[where]}: must be {rule}; drop or correct that link")
    return Links(a, p, s)


def require(name: str, given: ArrayLike, good: Callable[[np.ndarray], np.ndarray], rule: str) -> np.ndarray:
    """``given`` as floats; ValueError naming the first value that is not good (NaN never is)."""
    values = np.asarray(given, dtype=float)
    flat = values.ravel()
    bad = flat[~(good(flat) & np.isfinite(flat))]
    if bad.size:
        raise ValueError(f"{name} = {bad[0]}: must {rule}")
    return values


def require_beta(beta: ArrayLike) -> np.ndarray:
    """beta as floats; ValueError unless every one lies in (0, 1]."""
    return require("beta", beta, lambda v: (v > 0.0) & (v <= 1.0), "lie in (0, 1]; without a leader call equilibrium")


def require_flow(name: str, flow: ArrayLike) -> np.ndarray:
    """Flows or demands as floats; ValueError unless finite and >= 0."""
    return require(name, flow, lambda v: v >= 0.0, "be finite and >= 0; give the flow to route, usually 1 in all")


def require_shift(links: Links, shift: ArrayLike | None) -> np.ndarray:
    """Flow (m,) already on the links, zeros for None; ValueError for another shape or a bad flow."""
    m = len(links.scale)
    fixed = require_flow("shift", np.zeros(m) if shift is None else shift)
    if fixed.shape != (m,):
        raise ValueError(f"shift has shape {fixed.shape}: must be ({m},); give the leader's flow on every link")
    return fixed


def latency(links: Links, x: ArrayLike) -> np.ndarray:
    """l_i(x_i), the shape of x (..., m); inf where a power overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        terms = links.coefficients * (np.asarray(x, dtype=float) / links.scale)[..., None] ** links.powers
    return np.where(links.coefficients > 0.0, terms, 0.0).sum(axis=-1)


def cost(links: Links, x: ArrayLike) -> np.ndarray:
    """C(x) = sum_i x_i l_i(x_i) over the last axis."""
    return (np.asarray(x, dtype=float) * latency(links, x)).sum(axis=-1)


def potential(links: Links, x: ArrayLike, shift: ArrayLike = 0.0) -> np.ndarray:
    """Beckmann's sum_i int_0^{x_i} l_i(shift_i + u) du over the last axis."""
    average = Links(links.coefficients / (1.0 + links.powers), links.powers, links.scale)
    full = np.asarray(x, dtype=float) + shift
    return cost(average, full) - cost(average, np.broadcast_to(shift, full.shape))


def marginal(links: Links) -> Links:
    """Links whose latencies are the marginal costs (x l(x))' = sum (1 + p) a (x/s)^p."""
    return Links(links.coefficients * (1.0 + links.powers), links.powers, links.scale)


def largest_flow(links: Links, level: np.ndarray) -> np.ndarray:
    """Largest x with l_i(x) <= level (n, 1): (n, m), 0 where none, inf on a flat link below it.

    Newton on log(l - l(0)) as a function of log x, convex and increasing for sums of powers: it
    falls monotonically from the first guess (the least root of a single term), exact for one term.
    """
    rising = links.powers > 0.0
    a, p = links.coefficients[:, rising], links.powers[rising]
    room = level - links.coefficients[:, ~rising].sum(axis=-1)
    flat = a.max(axis=-1, initial=0.0) == 0.0
    active = (room > 0.0) & ~flat
    out = np.where(flat & (room >= 0.0), np.inf, 0.0)
    if not active.any():
        return out
    with np.errstate(divide="ignore"):
        logs = np.where(flat[:, None], 0.0, np.log(a))
    target = np.log(np.where(active, room, 1.0))
    u = ((target[..., None] - logs) / p).min(axis=-1)
    for _ in range(NEWTON_STEPS):
        z = logs + p * u[..., None]
        top = z.max(axis=-1)
        share = np.exp(z - top[..., None])
        whole = share.sum(axis=-1)
        step = (top + np.log(whole) - target) * whole / (share @ p)
        u = u - step
        if (step <= 1e-15 * (1.0 + np.abs(u))).all():
            break
    with np.errstate(over="ignore"):
        return np.where(active, links.scale * np.exp(u), out)


def selfish(links: Links, demand: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Selfish flows (n, m) of demands (n,) beside fixed flows shift (n, m), checked inputs.

    Bisection on the common latency down to neighbouring floats; flat links, whose flow jumps
    there, share the rest by interpolation between the two sides.
    """
    total = demand[:, None]

    def at(level: np.ndarray) -> np.ndarray:
        return np.clip(largest_flow(links, level) - shift, 0.0, total)

    empty = latency(links, shift).min(axis=-1, keepdims=True)
    low = np.nextafter(empty, -np.inf)
    alone = latency(links, shift + total).min(axis=-1, keepdims=True)
    shared = latency(links, shift + total / len(links.scale)).max(axis=-1, keepdims=True)
    high = np.nextafter(np.minimum(alone, shared), np.inf)
    if not np.isfinite(high).all():
        raise ValueError("every link's latency overflows at this demand; lower the demand or raise the scales")
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if ((middle <= low) | (middle >= high)).all():
            break
        enough = at(middle).sum(axis=-1, keepdims=True) >= total
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    below, above = at(low), at(high)
    missing, jump = total - below.sum(-1, keepdims=True), (above - below).sum(-1, keepdims=True)
    x = below + (above - below) * np.clip(missing / np.where(jump > 0.0, jump, 1.0), 0.0, 1.0)
    routed = x.sum(axis=-1, keepdims=True)
    return x * np.where(routed > 0.0, total / np.where(routed > 0.0, routed, 1.0), 0.0)


def equilibrium(links: Links, demand: float = 1.0, shift: ArrayLike | None = None) -> np.ndarray:
    """Wardrop flow (m,) of ``demand`` beside the fixed flow ``shift`` (m,).

    Every used link has the least latency l_i(shift_i + x_i).  Raises ValueError for bad input.
    """
    return selfish(links, np.atleast_1d(require_flow("demand", demand)), require_shift(links, shift)[None, :])[0]


def optimum(links: Links, demand: float = 1.0) -> np.ndarray:
    """Flow (m,) of least total latency: the equilibrium of the marginal costs."""
    return equilibrium(marginal(links), demand)


def leader_flow(links: Links, best: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Largest latency first: (n, m) flows of the leader for fractions beta (n,).

    Links by falling l_i(best_i); each gets its optimal flow until beta of the demand is used up.
    """
    order = np.argsort(-latency(links, best), kind="stable")
    filled = best[order]
    before = np.concatenate([[0.0], np.cumsum(filled)[:-1]])
    out = np.zeros((len(beta), len(best)))
    out[:, order] = np.clip(beta[:, None] * best.sum() - before, 0.0, filled)
    return out


def llf(links: Links, beta: ArrayLike, demand: float = 1.0) -> np.ndarray:
    """Total latency after the leader has filled its links and the others have settled.

    The shape of beta, each in (0, 1].  Raises ValueError for bad input.
    """
    fractions = np.atleast_1d(require_beta(beta))
    leader = leader_flow(links, optimum(links, demand), fractions)
    followers = selfish(links, (1.0 - fractions) * demand, leader)
    return cost(links, leader + followers).reshape(np.shape(beta))


def ratio(links: Links, beta: ArrayLike, demand: float = 1.0) -> np.ndarray:
    """llf / OPT; 1 where both are 0."""
    total, least = llf(links, beta, demand), cost(links, optimum(links, demand))
    return total / least if least > 0.0 else np.where(total > 0.0, np.inf, 1.0)


def general_bound(beta: ArrayLike) -> np.ndarray:
    """L1: 1/beta."""
    return 1.0 / np.asarray(beta, dtype=float)


def linear_bound(beta: ArrayLike) -> np.ndarray:
    """L2: 4/(3 + beta)."""
    return 4.0 / (3.0 + np.asarray(beta, dtype=float))


def tight(beta: float, power: float = 1.0) -> Links:
    """Pigou's two links, l_1 = (x/(1 - beta))^power and l_2 = 1, on which LLF does nothing.

    The leader's beta fit on the constant link, where they would have gone anyway; the others
    crowd link 1 up to latency 1, so total = 1, while
    OPT = 1 - (1 - beta) power (1 + power)^{-1-1/power}: (3 + beta)/4 at power 1 (L2 is met
    exactly), and -> beta as power -> inf (L1 in the limit).

    Raises ValueError for beta outside (0, 1) or a power that is not positive.
    """
    if not 0.0 < beta < 1.0:
        raise ValueError(f"beta = {beta}: must lie in (0, 1); at beta = 1 every instance has ratio 1")
    if not 0.0 < power < np.inf:
        raise ValueError(f"power = {power}: must be finite and > 0; 1 for the linear example, {STEEP:.0e} for steep")
    return parallel([[0.0, 1.0], [1.0, 0.0]], powers=[0.0, power], scale=[1.0 - beta, 1.0])


def random_links(rng: np.random.Generator, m: int, degree: int) -> Links:
    """m polynomials of degree at most ``degree``: coefficients log-uniform in [0.01, 100], each
    term missing with probability 0.4 (so flat, free and steep links occur)."""
    size = (m, degree + 1)
    return parallel(10.0 ** rng.uniform(-2.0, 2.0, size) * (rng.random(size) < 0.6))


def instances(n: int, seed: int, betas: Sequence[float]) -> list[Links]:
    """n random instances, linear and polynomial by turns, then both tight ones of every beta < 1."""
    rng = np.random.default_rng(seed)
    degrees = [1 if i % 2 == 0 else int(rng.integers(2, LARGEST_DEGREE + 1)) for i in range(n)]
    found = [random_links(rng, int(rng.integers(1, MOST_LINKS + 1)), degree) for degree in degrees]
    return found + [tight(beta, power) for beta in betas if beta < 1.0 for power in (1.0, STEEP)]


def ratios(n: int, seed: int, betas: Sequence[float]) -> pd.DataFrame:
    """llf/OPT of n random and all tight instances at every beta, demand 1.

    Columns seed, instance, kind (linear or polynomial), links, beta, ratio, bound (of the kind).
    Raises ValueError for n < 0, no beta, or a beta outside (0, 1].
    """
    values = np.atleast_1d(require_beta(betas))
    if n < 0 or values.size == 0:
        raise ValueError(f"n = {n} with {values.size} betas: n must be >= 0, and at least one beta is needed")
    frames = []
    for i, links in enumerate(instances(n, seed, values.tolist())):
        kind, bound = ("linear", linear_bound) if links.linear else ("polynomial", general_bound)
        row = dict(seed=seed, instance=i, kind=kind, links=len(links.scale))
        frames.append(pd.DataFrame(row | dict(beta=values, ratio=ratio(links, values), bound=bound(values))))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))
