"""The leader against a Wasserstein ball on pairs: logistic regression with a norm penalty.

Pairs z_i (N, d) oriented winner minus loser, l(theta; z) = log(1 + e^{-theta^T z}), ball of radius eps
in W_1 with the p-norm on z.  Over all of R^d

    sup_{W_1(Q, P_N) <= eps} E_Q l = (1/N) sum l(theta; z_i) + eps ||theta||_*      (not attained),

so the leader's problem is norm-regularised DPO, and DPO itself is eps = 0.  theta = 0 is optimal iff
||mean z / 2||_p <= eps.  Every answer carries a Fenchel certificate: with alpha_i = sigma(-m_i),
v = Z^T alpha / N, and any bound ||theta||_* <= R on the solution,

    optimum >= (1/N) sum H(alpha_i) - R (||v||_p - eps)_+,

or the same with alpha shrunk until ||v||_p <= eps.

Sources: the dual is Shafieezadeh-Abadeh et al. (arXiv 1509.09259) and Mohajerin Esfahani and Kuhn
(2018); the certificate and the solver are derived here.
"""

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linprog

from sim.preference import interior, newton, norms
from sim.preference.losses import binary_entropy, logistic, sigmoid
from sim.preference.window import check_radius

TOLERANCE = 1e-8  # certified gap [nats]
SEPARABLE_CAP = 1e3  # norm cap on separable data, in units of 1 / mean ||z||_p


class Separable(UserWarning):
    """Warning: the pairs are separable and nothing bounds theta, so the loss falls for ever as the norm grows."""


class Fit(NamedTuple):
    """A leader's solution.

    theta       (d,);  value  [nats]
    gap         certified: value - optimum is at most this [nats]
    iterations  Newton steps (cuts, in ``surfaces``);  capped  whether a bound on the norm was active
    """

    theta: np.ndarray
    value: float
    gap: float
    iterations: int
    capped: bool


def check_pairs(Z: np.ndarray) -> np.ndarray:
    """The pairs as floats (N, d); ValueError on another shape, fewer than two pairs, NaN or infinity."""
    Z = np.asarray(Z, dtype=float)
    if Z.ndim != 2 or Z.shape[0] < 2 or Z.shape[1] < 1:
        raise ValueError(f"Z has shape {Z.shape}; give at least two pairs as rows, (N, d)")
    if not np.isfinite(Z).all():
        raise ValueError("Z holds NaN or inf; drop those pairs")
    return Z


def ball_value(theta: np.ndarray, Z: np.ndarray, eps: float, p: float = 2) -> float:
    """Worst expected loss [nats] of theta (d,) over the ball: mean l(theta; z_i) + eps ||theta||_*.

    Z (N, d) pairs; eps radius; p the norm on pairs.  Raises ValueError on bad pairs, eps or p.
    """
    Z, eps, p = check_pairs(Z), check_radius(eps), norms.check_norm(p)
    return float(logistic(Z @ theta).mean()) + eps * norms.dual(theta, p)


def certified_gap(
    theta: np.ndarray, Z: np.ndarray, eps: float, p: float, cap: float = math.inf, alpha: Any = None
) -> float:
    """value - (lower bound on the optimum) at theta [nats], by the module's certificate; never negative.

    alpha  (N,) dual variables in [0, 1], by default sigma(-m)
    cap    a bound on ||theta||_*, which then serves as R; without it R = value / eps, which bounds the
           solution because its loss is not negative.  With neither cap nor eps the bound speaks of
           theta' with ||theta'|| <= 2 (1 + ||theta||), and ||v||_p is rounding.
    """
    alpha = sigmoid(-(Z @ theta)) if alpha is None else alpha
    value = ball_value(theta, Z, eps, p)
    norm = float(np.linalg.norm(Z.T @ alpha / len(Z), p))
    R = min(cap, value / eps if eps > 0.0 else (cap if cap < math.inf else 2.0 * (1.0 + norms.dual(theta, p))))
    bound = float(binary_entropy(alpha).mean()) - R * max(norm - eps, 0.0)
    if eps > 0.0:
        shrunk = alpha * min(1.0, eps / norm) if norm > 0.0 else alpha
        bound = max(bound, float(binary_entropy(shrunk).mean()))
    return max(value - bound, 0.0)


def is_separable(Z: np.ndarray) -> bool:
    """Whether some theta has theta^T z_i >= 0 for all pairs and > 0 for one: then DPO has no solution.

    Linear program: max sum t, t <= Z theta, 0 <= t <= 1, whose value is 0 or at least 1.
    """
    N, d = Z.shape
    A = np.hstack([-Z, np.eye(N)])
    c = np.concatenate([np.zeros(d), -np.ones(N)])
    answer = linprog(c, A_ub=A, b_ub=np.zeros(N), bounds=[(None, None)] * d + [(0.0, 1.0)] * N, method="highs")
    return bool(answer.fun is not None and answer.fun < -0.5)


def _round_ball(Z: np.ndarray, eps: float) -> newton.Oracle:
    """Oracle of mean l + eps ||theta||_2, for theta != 0 where eps > 0."""
    N, d = Z.shape

    def oracle(theta):
        m = Z @ theta
        loss = logistic(m)
        s = np.exp(-loss)  # sigma(m)
        a = 1.0 - s
        gradient, H = -(Z.T @ a) / N, (Z.T * (a * s / N)) @ Z
        if eps == 0.0:
            return loss.mean(), gradient, H
        norm = math.sqrt(theta @ theta)
        unit = theta / norm
        H -= np.outer(unit, unit) * (eps / norm)
        H.flat[:: d + 1] += eps / norm
        return loss.mean() + eps * norm, gradient + eps * unit, H

    return oracle


def _first_step(Z: np.ndarray, eps: float) -> np.ndarray:
    """A point below the value at 0: along mean z, as far as the curvature bound allows."""
    v = Z.mean(axis=0) / 2.0
    norm = float(np.linalg.norm(v))
    curvature = float((Z * Z).sum()) / (4.0 * len(Z))
    return v * ((norm - eps) / (norm * curvature)) if norm > 0.0 else v


def sgpo_feature(Z: np.ndarray, eps: float, p: float = 2, cap: float | None = None) -> Fit:
    """The leader's solution: min of mean l + eps ||theta||_* over theta, with ||theta||_* <= cap if given.

    Z    (N, d) pairs, N >= 2;  eps  radius >= 0, 0 is DPO
    p    norm on pairs: 1, 2 or inf
    The certified gap is at most TOLERANCE.  Damped Newton for p = 2 and for eps = 0; a log-barrier path
    (``interior``) for p = 1 and inf and where the cap binds.

    Separable pairs with eps = 0 and no cap: warns Separable and returns the solution at the norm
    SEPARABLE_CAP / mean ||z||_p.  There the loss is certified, but many directions share it to 1e-8.
    Raises ValueError on eps < 0, another p, bad pairs or cap <= 0; RuntimeError if the gap is missed.
    """
    Z, eps, p = check_pairs(Z), check_radius(eps), norms.check_norm(p)
    if cap is not None and not cap > 0.0:
        raise ValueError(f"cap = {cap:g} is not allowed; give cap > 0 or None (no bound on the norm)")
    limit = math.inf if cap is None else float(cap)
    if np.linalg.norm(Z.mean(axis=0) / 2.0, p) <= eps:
        return Fit(np.zeros(Z.shape[1]), math.log(2.0), 0.0, 0, False)
    if eps == 0.0 and not np.any(Z):
        return Fit(np.zeros(Z.shape[1]), math.log(2.0), 0.0, 0, False)
    iterations = 0
    if p == 2 or eps == 0.0:
        theta, iterations = newton.minimise(_round_ball(Z, eps), _first_step(Z, eps), steps=60)
        runaway = eps == 0.0 and np.abs(Z @ theta).max() > 15.0 and is_separable(Z)
        if runaway and limit == math.inf:
            limit = SEPARABLE_CAP / float(np.linalg.norm(Z, p, axis=1).mean())
            warnings.warn(
                "the pairs are separable and eps = 0 without a cap: the norm of theta grows without bound as the loss "
                f"falls to 0; returning the solution with ||theta||_* <= {limit:g}. Give cap, or eps > 0",
                Separable,
                stacklevel=2,
            )
        if not runaway and norms.dual(theta, p) <= limit:
            return judged(Fit(theta, ball_value(theta, Z, eps, p), certified_gap(theta, Z, eps, p), iterations, False))
    end = interior.solve(Z, eps, p, limit)
    theta = _out_to(end.theta, limit, Z, p) if eps == 0.0 else end.theta
    gap = certified_gap(theta, Z, eps, p, limit, end.alpha)
    capped = norms.dual(theta, p) >= limit * (1.0 - 1e-3)
    return judged(Fit(theta, ball_value(theta, Z, eps, p), gap, iterations + end.iterations, capped))


def _out_to(theta: np.ndarray, limit: float, Z: np.ndarray, p: float) -> np.ndarray:
    """theta stretched to the norm limit where that does not raise the loss: on separable pairs it never does."""
    far = theta * (limit / norms.dual(theta, p))
    return far if logistic(Z @ far).mean() <= logistic(Z @ theta).mean() else theta


def judged(fit: Fit) -> Fit:
    """The fit itself; RuntimeError where its certified gap exceeds TOLERANCE."""
    if not fit.gap <= TOLERANCE:
        raise RuntimeError(f"certified gap {fit.gap:.1e} > {TOLERANCE:g}: scale the pairs to norms near 1")
    return fit
