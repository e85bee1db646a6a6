"""Leaders and followers of the preference game in feature space, as cone programs with certificates.

    ball_leader        E_N l + eps ||theta||_*: the ball of radius eps around the pairs
    flip_leader        the same where labels may be flipped at a cost kappa
    reweight_primal    moving mass among the N pairs only, N^2 variables
    reweight_dual      its one-dimensional dual
    reweight_leader    the policy that is best against it

A pair is z = phi(x, y_w) - phi(x, y_l), Z (N, d); the policy theta (d,) has margins Z theta and
loss l(m) = log(1 + exp(-m)).  Distances between pairs are in the p-norm, p in {1, 2, inf}, and
||.||_* is its dual.  The statements are in docs of ``sim.preference``; proofs follow
Shafieezadeh-Abadeh et al. (2015) and Mohajerin Esfahani and Kuhn (2018).
"""

from typing import Any

import cvxpy as cp
import numpy as np

from theory.oracles.certificate import TOLERANCE, Certificate, at_least, finite, solve
from theory.oracles.preference import flip_cost

DUAL: dict[float, Any] = {1: "inf", 2: 2, np.inf: 1}


def dual_norm(theta: Any, p: float) -> cp.Expression:
    """||theta||_* as an expression; ValueError unless p is 1, 2 or inf."""
    if p not in DUAL:
        raise ValueError(f"p={p}: the norm on pairs must be 1, 2 or inf; pass one of these")
    return cp.norm(theta, DUAL[p])


def ball_leader(
    Z: Any, eps: float, p: float = 2, cap: float | None = None, tolerance: float = TOLERANCE
) -> Certificate:
    """min over theta of (1/N) sum_i l(theta'z_i) + eps ||theta||_*, and ||theta||_* <= cap; solution (d,).

    eps = 0 is DPO.  On separable pairs without a cap it has no minimiser: the answer is then an OracleError or
    a policy whose loss is within the tolerance of the infimum.  Raises ValueError on bad input.
    """
    Z, eps = finite("Z", Z, 2), at_least("eps", eps, 0.0)
    theta = cp.Variable(Z.shape[1])
    size = dual_norm(theta, p)
    rules = [] if cap is None else [size <= at_least("cap", cap, 0.0)]
    problem = cp.Problem(cp.Minimize(cp.sum(cp.logistic(-Z @ theta)) / len(Z) + eps * size), rules)
    instance = {"Z": Z, "eps": np.asarray(eps), "p": np.asarray(p)}
    return solve("ball_leader", problem, theta, instance, tolerance)


def flip_leader(Z: Any, eps: float, kappa: float, p: float = 2, tolerance: float = TOLERANCE) -> Certificate:
    """min over theta, lam of lam eps + (1/N) sum_i s_i, s_i >= l(m_i), s_i >= l(-m_i) - lam kappa,
    lam >= ||theta||_*; solution (d + 1,): theta, then lam.  Raises ValueError, OracleError.
    """
    Z, eps, kappa = finite("Z", Z, 2), at_least("eps", eps, 0.0), flip_cost(kappa)
    theta, lam, s = cp.Variable(Z.shape[1]), cp.Variable(), cp.Variable(len(Z))
    m = Z @ theta
    rules = [s >= cp.logistic(-m), s >= cp.logistic(m) - kappa * lam, lam >= dual_norm(theta, p)]
    problem = cp.Problem(cp.Minimize(eps * lam + cp.sum(s) / len(Z)), rules)
    instance = {"Z": Z, "eps": np.asarray(eps), "kappa": np.asarray(kappa), "p": np.asarray(p)}
    return solve("flip_leader", problem, cp.hstack([theta, lam]), instance, tolerance)


def reweight_primal(losses: Any, C: Any, eps: float, tolerance: float = TOLERANCE) -> Certificate:
    """max (1/N) sum_ij G_ij L_j over G >= 0, rows summing to 1, (1/N) sum_ij C_ij G_ij <= eps.

    Solution G (N, N): the share of pair i's mass that goes to pair j; the new weight of pair j is
    its column's mean.  losses (N,), C (N, N) >= 0 with a zero diagonal.  Raises ValueError, OracleError.
    """
    L, C, eps = checked_costs(losses, C, eps)
    G = cp.Variable(C.shape, nonneg=True)
    rules = [cp.sum(G, axis=1) == 1.0, cp.sum(cp.multiply(C, G)) / L.size <= eps]
    problem = cp.Problem(cp.Maximize(cp.sum(G @ L) / L.size), rules)
    return solve("reweight_primal", problem, G, {"losses": L, "C": C, "eps": np.asarray(eps)}, tolerance)


def reweight_dual(losses: Any, C: Any, eps: float, tolerance: float = TOLERANCE) -> Certificate:
    """min over lam >= 0 of lam eps + (1/N) sum_i max_j (L_j - lam C_ij); solution (1,).

    Same arguments and errors as ``reweight_primal``.
    """
    L, C, eps = checked_costs(losses, C, eps)
    lam, u = cp.Variable(1, nonneg=True), cp.Variable(L.size)
    N = L.size
    lifted = cp.reshape(u, (N, 1), order="C") @ np.ones((1, N))
    rules = [lifted >= np.repeat(L[None, :], N, axis=0) - C * cp.sum(lam)]
    problem = cp.Problem(cp.Minimize(eps * cp.sum(lam) + cp.sum(u) / N), rules)
    return solve("reweight_dual", problem, lam, {"losses": L, "C": C, "eps": np.asarray(eps)}, tolerance)


def reweight_leader(Z: Any, C: Any, eps: float, tolerance: float = TOLERANCE) -> Certificate:
    """min over theta of the follower's value ``reweight_dual`` at the losses of theta; solution (d,).

    One convex program through the dual, N^2 linear and N exponential constraints.
    Raises ValueError, OracleError (also where no minimiser exists).
    """
    Z = finite("Z", Z, 2)
    _, C, eps = checked_costs(np.zeros(len(Z)), C, eps)
    N, d = Z.shape
    theta, lam, u, t = cp.Variable(d), cp.Variable(nonneg=True), cp.Variable((N, 1)), cp.Variable((1, N))
    lifted, spread = u @ np.ones((1, N)), np.ones((N, 1)) @ t
    rules = [lifted >= spread - C * lam, t >= cp.reshape(cp.logistic(-Z @ theta), (1, N), order="C")]
    problem = cp.Problem(cp.Minimize(eps * lam + cp.sum(u) / N), rules)
    return solve("reweight_leader", problem, theta, {"Z": Z, "C": C, "eps": np.asarray(eps)}, tolerance)


def checked_costs(losses: Any, C: Any, eps: float) -> tuple[np.ndarray, np.ndarray, float]:
    """(losses, C, eps) checked: C square, >= 0, zero on the diagonal; ValueError otherwise."""
    L, C = finite("losses", losses, 1), finite("C", C, 2)
    if C.shape != (L.size, L.size):
        raise ValueError(f"C has shape {C.shape}: need ({L.size}, {L.size}), a cost for each two pairs; check N")
    if np.any(C < 0.0) or np.any(np.diag(C) != 0.0):
        raise ValueError(f"C has least entry {C.min()}: need costs >= 0 and 0 on the diagonal; staying is free")
    return L, C, at_least("eps", eps, 0.0)
