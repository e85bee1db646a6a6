"""Optimal fits that results are compared with: link flows, the best fixed scorer, the constants.

(a) ``beckmann`` and ``optimal_flow``: theory.routing's two flows as convex programs, by a route
    that shares nothing with its bisection but the formula of the latencies.
(b) ``best_fixed_scorer``: the linear scorer that is best in hindsight on recorded data, where no
    theta* exists, under the multinomial logistic loss in a Frobenius ball.  It is a surrogate: the
    fewest mistakes are NP-hard to find.  Its loss caps its mistakes: share of them <= value/log 2.
(c) ``smallest_constants``: the smallest C and c with which the form sqrt(dB) + c sqrt(B) of [W26]
    (arXiv 2602.00952) covers measured regrets.  The form is stated there; the factor
    sqrt(log(1 + B/d)) that fixes its hidden logarithm, the fit and c_beta are derived here.
"""

import time
from typing import Any, NamedTuple

import cvxpy as cp
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize
from scipy.special import logsumexp

from theory import bounds
from theory.oracles.certificate import TOLERANCE, Certificate, certify, solve
from theory.routing import Links, require_flow, require_shift

SETTING = dict(sigma=1.0, S=1.0, lam=1.0, L=1.0, delta=0.05)
DESCENT = 10.0  # factor between the penalties tried while looking for a bracket
SHARE = 0.05  # part of the tolerance left to each source of error in the penalty search


def flow_program(links: Links, demand: float, shift: np.ndarray, share: np.ndarray) -> tuple[cp.Problem, cp.Variable]:
    """min sum_ik share_k a_ik X_i (X_i/s_i)^{p_k} at X = x + shift, s.t. x >= 0, sum x = demand."""
    x = cp.Variable(len(links.scale))
    total: Any = 0.0
    for k, power in enumerate(links.powers):
        weight = share[k] * links.coefficients[:, k] * links.scale
        used = np.flatnonzero(weight)
        if used.size:
            full = (x[used] + shift[used]) / links.scale[used]
            total = total + weight[used] @ (full if power == 0.0 else cp.power(full, 1.0 + power))
    return cp.Problem(cp.Minimize(total + 0.0 * cp.sum(x)), [x >= 0, cp.sum(x) == demand]), x


def beckmann(links: Links, demand: float = 1.0, shift: ArrayLike | None = None) -> Certificate:
    """Certified selfish flow: minimises sum_i int_0^{shift_i + x_i} l_i, demand beside ``shift`` (m,).

    Moderate powers only (cone programs): up to about 10.  Raises ValueError for a negative or
    non-finite flow, OracleError if no solver reaches the tolerance.
    """
    return _flow("beckmann", links, demand, shift, 1.0 / (1.0 + links.powers))


def optimal_flow(links: Links, demand: float = 1.0) -> Certificate:
    """Certified flow of least total latency; errors as ``beckmann``."""
    return _flow("optimal_flow", links, demand, None, np.ones_like(links.powers))


def _flow(name: str, links: Links, demand: float, shift: ArrayLike | None, share: np.ndarray) -> Certificate:
    fixed = require_shift(links, shift)
    problem, x = flow_program(links, float(require_flow("demand", demand)), fixed, share)
    instance = dict(
        coefficients=links.coefficients, powers=links.powers, scale=links.scale,
        demand=np.asarray(demand, dtype=float), shift=fixed,
    )  # fmt: skip
    return solve(name, problem, x, instance)


class Examples(NamedTuple):
    """X (n, m) float64, onehot (n, K)."""

    X: np.ndarray
    onehot: np.ndarray


def examples(X: ArrayLike, y: ArrayLike, K: int, norm_bound: float) -> Examples:
    """Checked data.  Raises ValueError for wrong shapes, NaN, codes outside 0..K-1, a bad bound."""
    rows, codes = np.asarray(X, dtype=float), np.asarray(y)
    if rows.ndim != 2 or codes.shape != (len(rows),) or 0 in rows.shape:
        raise ValueError(f"X has shape {rows.shape} and y {codes.shape}: must be (n, m) and (n,) with n, m >= 1")
    if not np.isfinite(rows).all():
        where = np.argwhere(~np.isfinite(rows))[0].tolist()
        raise ValueError(f"X{where} = {rows[tuple(where)]}: must be finite; drop or fill such rows")
    if K < 2 or not np.isin(codes, np.arange(K)).all():
        raise ValueError(f"labels {np.unique(codes)[:6]} with K = {K}: must be codes 0..K-1, K >= 2; see sim.recorded")
    if not (np.isfinite(norm_bound) and norm_bound > 0.0):
        raise ValueError(f"norm_bound = {norm_bound}: must be finite and > 0; 10 suits rows of norm 1")
    return Examples(rows, np.eye(K)[codes.astype(int)])


def log_loss(data: Examples, W: np.ndarray) -> tuple[float, np.ndarray]:
    """(f, gradient (m, K)) of f(W) = mean_i [log sum_k exp<x_i, w_k> - <x_i, w_{y_i}>] at W (m, K)."""
    scores = data.X @ W
    height = logsumexp(scores, axis=1)
    value = float(np.mean(height - (scores * data.onehot).sum(axis=1)))
    return value, data.X.T @ (np.exp(scores - height[:, None]) - data.onehot) / len(data.X)


def ball_gap(W: np.ndarray, gradient: np.ndarray, norm_bound: float) -> float:
    """max over ||W'||_F <= R of <gradient, W - W'> = <gradient, W> + R ||gradient||_F (Frank-Wolfe).

    By convexity it is at least f(W) - min f over the ball.
    """
    return float((gradient * W).sum() + norm_bound * np.linalg.norm(gradient))


def penalised(data: Examples, penalty: float, start: np.ndarray, gtol: float) -> np.ndarray:
    """Minimiser (m, K) of f(W) + penalty/2 ||W||^2 by L-BFGS from ``start``, gradient entries <= gtol."""
    options: Any = dict(maxiter=5000, maxfun=10_000, maxcor=20, ftol=0.0, gtol=gtol)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = log_loss(data, flat.reshape(start.shape))
        return value + 0.5 * penalty * float(flat @ flat), gradient.ravel() + penalty * flat

    found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(start.shape)


def ball_minimiser(data: Examples, norm_bound: float, tolerance: float) -> tuple[np.ndarray, float]:
    """(W, penalty): minimiser of f in the ball, by the penalty whose minimiser has norm R.

    ||W(penalty)|| falls in the penalty, slower than 1/penalty, and is at most ||f'(0)||/penalty, so
    the search starts at 2 ||f'(0)||/R.  A W inside the ball has gap penalty ||W|| (R - ||W||): at
    penalty tolerance/R^2 it is small enough whatever ||W||, and there the search ends.
    """
    W = before = np.zeros((data.X.shape[1], data.onehot.shape[1]))
    gtol, least = SHARE * tolerance / norm_bound, tolerance / norm_bound**2
    low = high = 2.0 * float(np.linalg.norm(log_loss(data, W)[1])) / norm_bound
    while low > least and np.linalg.norm(W) < norm_bound:
        before, high, low = W, low, max(low / DESCENT, least)
        W = penalised(data, low, W, gtol)
    if np.linalg.norm(W) <= norm_bound:
        return W, low
    path = {float(np.log(low)): W, float(np.log(high)): before}

    def excess(log_penalty: float) -> float:
        if log_penalty not in path:
            near = path[min(path, key=lambda p: abs(p - log_penalty))]
            path[log_penalty] = penalised(data, float(np.exp(log_penalty)), near, gtol)
        return 1.0 / max(float(np.linalg.norm(path[log_penalty])), 0.5 * norm_bound) - 1.0 / norm_bound

    root = float(brentq(excess, np.log(low), np.log(high), xtol=SHARE * min(1.0, tolerance / (high * norm_bound**2))))
    W = path[min(path, key=lambda p: abs(p - root))]
    return W * min(1.0, norm_bound / float(np.linalg.norm(W))), float(np.exp(root))


def best_fixed_scorer(
    X: ArrayLike, y: ArrayLike, K: int, norm_bound: float, tolerance: float = TOLERANCE
) -> Certificate:
    """Best W (m, K), ||W||_F <= norm_bound, for the mean logistic loss on X (n, m), y (n,) in 0..K-1.

    The certificate's gap is ``ball_gap`` relative to 1 + value: the true minimum lies in
    [value - gap (1 + value), value].  Raises ValueError for bad data, OracleError if the gap
    exceeds ``tolerance``.
    """
    data = examples(X, y, K, norm_bound)
    begun = time.perf_counter()
    W, penalty = ball_minimiser(data, norm_bound, tolerance)
    value, gradient = log_loss(data, W)
    gap = max(ball_gap(W, gradient, norm_bound), 0.0) / (1.0 + value)
    outside = max(float(np.linalg.norm(W)) - norm_bound, 0.0) / (1.0 + norm_bound)
    found = Certificate(
        value, W, f"L-BFGS, ball by penalty {penalty:.3g}", outside, 0.0, gap, time.perf_counter() - begun
    )
    return certify("best_fixed_scorer", found, dict(X=X, y=y, K=K, norm_bound=norm_bound), tolerance)


def scorer_program(X: ArrayLike, y: ArrayLike, K: int, norm_bound: float) -> Certificate:
    """``best_fixed_scorer`` as a cone program; for small data, to check it.  Same errors."""
    data = examples(X, y, K, norm_bound)
    W = cp.Variable((data.X.shape[1], K))
    scores = data.X @ W
    loss = (cp.sum(cp.log_sum_exp(scores, axis=1)) - cp.sum(cp.multiply(data.onehot, scores))) / len(data.X)
    problem = cp.Problem(cp.Minimize(loss), [cp.norm(W, "fro") <= norm_bound])
    return solve("scorer_program", problem, W, dict(X=data.X, y=np.asarray(y), norm_bound=np.asarray(norm_bound)))


def mistakes(W: np.ndarray, X: ArrayLike, y: ArrayLike) -> int:
    """Rows of X (n, m) whose largest score under W (m, K) is not y's; ties to the lowest index."""
    return int((np.argmax(np.asarray(X) @ W, axis=1) != np.asarray(y)).sum())


def runs_of(table: pd.DataFrame) -> pd.DataFrame:
    """d, B, T, regret and the setting of every run, with beta = B/T (4 digits), slope, need.

    A run is covered by (C, c) if C slope + c >= need, slope = sqrt(d log(1 + B/d)),
    need = regret/sqrt(B).  Columns of SETTING that the table lacks get SETTING's values.
    Raises ValueError for no run, a missing column, a non-finite value, or one out of range.
    """
    missing = {"d", "B", "T", "regret"} - set(table)
    if missing or table.empty:
        raise ValueError(f"{len(table)} runs, missing columns {sorted(missing)}: give runs with d, B, T and regret")
    setting = {k: v for k, v in SETTING.items() if k not in table}
    rows = table.assign(**setting)[["d", "B", "T", "regret", *SETTING]].astype(float).reset_index(drop=True)
    good = np.isfinite(rows.to_numpy()).all(axis=1) & (rows["d"] >= 1) & (rows["B"] >= 1) & (rows["B"] <= rows["T"])
    if not good.all():
        bad = rows[~good].iloc[0]
        said = ", ".join(f"{k} = {bad[k]:g}" for k in ("d", "B", "T", "regret"))
        raise ValueError(f"run with {said}: all must be finite, d >= 1 and 1 <= B <= T; drop runs without a label")
    root = np.sqrt(rows["B"])
    slope = np.sqrt(rows["d"] * np.log1p(rows["B"] / rows["d"]))
    return rows.assign(beta=(rows["B"] / rows["T"]).round(4), slope=slope, need=rows["regret"] / root)


def constants_program(table: pd.DataFrame, weight: float = 1.0, C: float | None = None) -> Certificate:
    """Linear program min C + weight c, C, c >= 0, covering every run; solution (C, c).

    The covering constraint is C sqrt(d B log(1 + B/d)) + c sqrt(B) >= regret; a given C is held
    fixed.  ``weight`` > 0 prices c against C: there is no smallest pair without a price.
    Raises ValueError for a bad table, weight or C, OracleError without a certified optimum.
    """
    rows = runs_of(table)
    if not (np.isfinite(weight) and weight > 0.0) or not (C is None or (np.isfinite(C) and C >= 0.0)):
        raise ValueError(f"weight = {weight}, C = {C}: weight must be finite and > 0, C >= 0 or left out")
    pair = cp.Variable(2, nonneg=True)
    slope, need = rows["slope"].to_numpy(), rows["need"].to_numpy()
    constraints = [slope * pair[0] + pair[1] >= need]
    if C is not None:
        constraints.append(pair[0] == C)
    problem = cp.Problem(cp.Minimize(pair[0] + weight * pair[1]), constraints)
    return solve("constants_program", problem, pair, dict(slope=slope, need=need, weight=np.asarray(weight)))


def smallest_constants(table: pd.DataFrame) -> pd.DataFrame:
    """The stated form fitted to runs with columns d, B, T, regret (and SETTING's, where they differ).

    Lexicographic: C is the smallest with C sqrt(d B log(1 + B/d)) >= regret in every run at
    beta = 1, where c must be 0; then, for each beta = B/T alone, the smallest c >= 0 with
    C sqrt(d B log(1 + B/d)) + c sqrt(B) >= regret in every run.  Both are maxima of ratios (the
    linear programs of ``constants_program`` in closed form).  Columns, one row a beta, rising:
    beta, C; c_measured (that c);
    c_beta (bounds.c_beta: theorem 3's constant, the largest over the runs; its partner is
    theorem 3's C, not the measured one);
    c_floor: least c beside the same C with which the form lies above bounds.floor, the largest
    over the runs in theorem 4's domain B >= (sigma d/(2 S L))^2, NaN if there are none.  No
    algorithm has a smaller one on the hard instance, in expectation; runs on kinder instances,
    and lucky ones, may have c_measured < c_floor.

    Raises ValueError for a bad table or one without a run at beta = 1.
    """
    rows = runs_of(table)
    full = rows[rows["B"] == rows["T"]]
    if full.empty:
        raise ValueError(f"betas {sorted(set(rows['beta']))}: C is fitted at B = T; add a run with every label bought")
    C = max(0.0, float((full["need"] / full["slope"]).max()))
    info = bounds.information_cap(rows["B"], rows["d"], rows["lam"], rows["L"])
    alpha = bounds.radius_cap(info, rows["sigma"], rows["lam"], rows["S"], rows["delta"])
    least = bounds.floor(rows["sigma"], rows["T"], rows["d"], rows["B"]) / np.sqrt(rows["B"])
    domain = rows["B"] >= (rows["sigma"] * rows["d"] / (2.0 * rows["S"] * rows["L"])) ** 2
    each = rows.assign(
        c_measured=(rows["need"] - C * rows["slope"]).clip(lower=0.0),
        c_beta=bounds.c_beta(alpha, rows["T"], rows["B"], info),
        c_floor=(least - C * rows["slope"]).clip(lower=0.0).where(domain),
    )
    return (
        each.groupby("beta")[["c_measured", "c_beta", "c_floor"]]
        .max()
        .reset_index()
        .assign(C=C)[["beta", "C", "c_measured", "c_beta", "c_floor"]]
    )
