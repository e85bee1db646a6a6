"""The follower that may only reweight the N given pairs: a transport problem solved as a line search.

Losses L_j >= 0, costs C_ij >= 0 with C_ii = 0 (for instance ||z_i - z_j||).  Mass 1/N of pair i may go to j:

    primal   max sum gamma_ij L_j,  sum_j gamma_ij = 1/N,  sum C_ij gamma_ij <= eps,  gamma >= 0
    dual     min_{lam >= 0} lam eps + (1/N) sum_i max_j (L_j - lam C_ij)

The dual is convex and piecewise linear in the price lam.  Algorithm F keeps two assignments i -> j
whose lines bracket the minimum, evaluates the dual where they cross, and stops when its value lies
on the lines; mixing the two assignments so that the cost is eps gives a plan of the same value.
Each evaluation is O(N^2).  Both assignments maximise the Lagrangian at lam*, and the mix spends the
budget exactly, so the plan is optimal by complementary slackness.

Derived here; the dual is Mohajerin Esfahani and Kuhn (2018).  The leader against this follower is
in ``surfaces``.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from sim.preference.norms import check_norm
from sim.preference.window import check_radius

ON_THE_LINE = 1e-14  # relative; the dual value and the line at its kink agree but for rounding


class Plan(NamedTuple):
    """An optimal plan.

    value, price    worst expected loss and lam* (0: the budget is not spent)
    weights (N,)    the reweighted law, w_j = sum_i gamma_ij
    near, far (N,)  the two targets of each pair;  mix  in [0, 1], the share that goes far
    evaluations     of the dual, each O(N^2)
    """

    value: float
    price: float
    weights: np.ndarray
    near: np.ndarray
    far: np.ndarray
    mix: float
    evaluations: int

    @property
    def gamma(self) -> np.ndarray:
        """The transport plan (N, N), whose rows sum to 1/N."""
        N = len(self.weights)
        plan, i = np.zeros((N, N)), np.arange(N)
        plan[i, self.near] += (1.0 - self.mix) / N
        plan[i, self.far] += self.mix / N
        return plan


class Grouped(NamedTuple):
    """Plans of separate groups: value (mean over pairs), weights (N,), and a Plan for each group."""

    value: float
    weights: np.ndarray
    plans: tuple[Plan, ...]


class _Assignment(NamedTuple):
    """Targets (N,), their mean loss and mean cost: the line mean + lam (eps - cost)."""

    target: np.ndarray
    mean: float
    cost: float


def check_costs(C: np.ndarray, N: int) -> np.ndarray:
    """C as floats (N, N); ValueError on another shape, negative or non-finite costs, or C_ii != 0."""
    C = np.asarray(C, dtype=float)
    if C.shape != (N, N):
        raise ValueError(f"C has shape {C.shape}; give costs between all pairs of the {N} pairs, ({N}, {N})")
    if not (np.isfinite(C).all() and (C >= 0.0).all()) or np.any(np.diag(C) != 0.0):
        raise ValueError("C must be finite and >= 0 with zeros on its diagonal (staying is free)")
    return C


def check_losses(losses: np.ndarray) -> np.ndarray:
    """Losses as floats (N,); ValueError on fewer than two, NaN or infinity."""
    losses = np.asarray(losses, dtype=float)
    if losses.ndim != 1 or len(losses) < 2:
        raise ValueError(f"losses of shape {losses.shape}: the follower needs at least two pairs, (N,)")
    if not np.isfinite(losses).all():
        raise ValueError("losses hold NaN or inf; drop those pairs or look for a diverging policy")
    return losses


def reweight(losses: np.ndarray, C: np.ndarray, eps: float) -> Plan:
    """Algorithm F: the worst weights for losses (N,), transport costs C (N, N) and radius eps.

    Among equal targets the lowest index wins.  Raises ValueError on eps < 0, bad costs, losses that are
    NaN or infinite, or fewer than two pairs.
    """
    losses, eps = check_losses(losses), check_radius(eps)
    return _reweight(losses, check_costs(C, len(losses)), eps)


def _reweight(losses: np.ndarray, C: np.ndarray, eps: float) -> Plan:
    rows, buffer = np.arange(len(losses)), np.empty_like(C)

    def assign(score: np.ndarray) -> _Assignment:
        target = score.argmax(axis=1)
        return _Assignment(target, float(losses[target].mean()), float(C[rows, target].mean()))

    best = losses.max()
    far = assign(np.negative(np.where(losses == best, C, np.inf), out=buffer))  # lam = 0: best loss, least cost
    if far.cost <= eps:
        return _plan(far, far, eps, 0.0, 1)
    near = assign(np.where(C == 0.0, losses, -np.inf))  # lam = inf
    evaluations = 2
    while True:
        price = (far.mean - near.mean) / (far.cost - near.cost)
        line = near.mean + price * (eps - near.cost)
        np.multiply(C, -price, out=buffer)
        np.add(buffer, losses, out=buffer)
        new = assign(buffer)
        evaluations += 1
        value = new.mean + price * (eps - new.cost)
        if value <= line + ON_THE_LINE * max(1.0, abs(line)) or new.cost in (near.cost, far.cost):
            return _plan(near, far, eps, price, evaluations)
        near, far = (new, far) if new.cost <= eps else (near, new)


def _plan(near: _Assignment, far: _Assignment, eps: float, price: float, evaluations: int) -> Plan:
    mix = 0.0 if near is far else min(max((eps - near.cost) / (far.cost - near.cost), 0.0), 1.0)
    N = len(near.target)
    counts = (1.0 - mix) * np.bincount(near.target, minlength=N) + mix * np.bincount(far.target, minlength=N)
    value = (1.0 - mix) * near.mean + mix * far.mean
    return Plan(value, price, counts / N, near.target, far.target, mix, evaluations)


def reweight_groups(losses: np.ndarray, C: np.ndarray, eps: float, groups: np.ndarray) -> Grouped:
    """``reweight`` with mass confined to groups, each with radius eps of its own.

    groups  (N,) a label for each pair
    Every grouped plan is a plan, so the value is at most that of ``reweight``.  Raises ValueError as there.
    """
    losses, eps = check_losses(losses), check_radius(eps)
    C, groups = check_costs(C, len(losses)), np.asarray(groups)
    if groups.shape != losses.shape:
        raise ValueError(f"groups of shape {groups.shape} for losses of shape {losses.shape}: give a label a pair")
    weights, plans, value = np.zeros(len(losses)), [], 0.0
    for label in np.unique(groups):
        members = np.flatnonzero(groups == label)
        plan = _reweight(losses[members], C[np.ix_(members, members)], eps)
        share = len(members) / len(losses)
        weights[members] = plan.weights * share
        value += plan.value * share
        plans.append(plan)
    return Grouped(value, weights, tuple(plans))


def distances(Z: np.ndarray, p: float = 2) -> np.ndarray:
    """Transport costs C_ij = ||z_i - z_j||_p (N, N) between pairs Z (N, d), p in {1, 2, inf}."""
    C = cdist(Z, Z, "chebyshev") if check_norm(p) == np.inf else cdist(Z, Z, "minkowski", p=p)
    C = cdist(Z, Z, "euclidean") if p == 2 else C
    np.fill_diagonal(C, 0.0)
    return C
