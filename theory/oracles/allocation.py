"""Where the labels should have gone: allocation in hindsight, with certificates.

    hindsight_labels   the B largest latencies, and the threshold as a dual price
    d_optimal          the most information that B labels can carry (relaxed D-optimal design)
    information_share  the information a gate bought over that optimum

``d_optimal`` is concave maximisation over Q = {0 <= q <= 1, sum q <= B}.  For q in Q, with
g_t = ||z_t||_P^2 the gradient (P = V(q)^-1), concavity gives
    logdet V(q) <= optimum <= logdet V(q) + max_{s in Q} <g, s - q>,
and the maximum is the sum of the B largest g_t minus <g, q>: the Frank-Wolfe gap (Jaggi 2013), an
upper bound whatever produced q.  q comes from a primal-dual interior-point method, which needs
tens of steps where Frank-Wolfe needs thousands; a step is O(T^3), meant for T up to about 2000.
"""

import time
from dataclasses import replace
from typing import Any, NamedTuple

import cvxpy as cp
import numpy as np
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from theory.oracles.certificate import TOLERANCE, Certificate, at_least, certify, finite, solve

STEPS = 100
ACCURACY = 1e-10  # relative Frank-Wolfe gap at which the method stops
CENTRING = 0.1
STAY_INSIDE = 0.995


def hindsight_labels(latencies: Any, B: int, tolerance: float = TOLERANCE) -> tuple[Certificate, float]:
    """max <q, l> over 0 <= q <= 1, sum q <= B; returns (certificate, price), solution q (T,).

    The optimum is the sum of the B largest latencies (gate ``llf_oracle``) and the price of the
    budget, its dual, a threshold between the latencies number B + 1 and B.  Besides the conic
    check the gap covers the dual function price B + sum_t max(l_t - price, 0) in closed form.
    latencies (T,) >= 0 in reward, B an integer in [0, T].  Raises ValueError, OracleError.
    """
    latency = finite("latencies", latencies, 1)
    if np.any(latency < 0.0):
        raise ValueError(f"latencies: least entry {latency.min()}, need all >= 0; they are upper bounds on a regret")
    B, begun, instance = budget(B, latency.size), time.perf_counter(), {"latencies": latency, "B": np.asarray(B)}
    unit = float(latency.max()) or 1.0
    if B == 0:
        nothing = "closed form: no label"
        return Certificate(0.0, np.zeros(latency.size), nothing, 0.0, 0.0, 0.0, 0.0), float(latency.max())
    q = cp.Variable(latency.size)
    cap = cp.sum(q) <= B
    problem = cp.Problem(cp.Maximize((latency / unit) @ q), [q >= 0.0, q <= 1.0, cap])
    found = solve("hindsight_labels", problem, q, instance, tolerance)
    price = unit * max(float(np.asarray(cap.dual_value).item()), 0.0)
    value = unit * found.value
    bound = price * B + float(np.maximum(latency - price, 0.0).sum())
    gap = max(found.gap, abs(bound - value) / (unit + value))
    found = replace(found, value=value, gap=gap, seconds=time.perf_counter() - begun)
    return certify("hindsight_labels", found, instance, tolerance), price


def d_optimal(Z: Any, lam: float, B: int, tolerance: float = TOLERANCE) -> Certificate:
    """max logdet(lam I + sum_t q_t z_t z_t') over 0 <= q <= 1, sum q <= B; solution q (T,).

    Z (T, d), row t the design vector of round t; lam > 0; B an integer in [0, T].  The value is in
    nats and is an upper bound on what any B rounds carry, since whole labels are a special case.
    gap: Frank-Wolfe gap over 1 + |gain|, gain = value - d log lam (module docstring).
    Raises ValueError on bad input, OracleError without a certificate.
    """
    Z, lam, B = checked_design(Z, lam, B)
    begun = time.perf_counter()
    unit = Z / np.sqrt(lam)
    with threadpool_limits(1):  # on a busy machine the threads of small factorisations cost 30 times their work
        q, steps = interior_point(unit, B)
    V_gain, g = gain(unit, q), gradient(unit, q)
    gap = frank_wolfe_gap(g, q, B) / (1.0 + abs(V_gain))
    outside = max(float(np.max(q)) - 1.0, -float(np.min(q)), (float(q.sum()) - B) / (1.0 + B), 0.0)
    value = V_gain + Z.shape[1] * float(np.log(lam))
    status = f"interior point, {steps} steps"
    found = Certificate(value, q, status, outside, 0.0, gap, time.perf_counter() - begun)
    return certify("d_optimal", found, {"Z": Z, "lam": np.asarray(lam), "B": np.asarray(B)}, tolerance)


def d_optimal_conic(Z: Any, lam: float, B: int, tolerance: float = TOLERANCE) -> Certificate:
    """The same program through cvxpy's log_det: the independent check, for T up to about 100.

    Solved in coordinates in which the uniform design q = B/T is the identity.
    """
    Z, lam, B = checked_design(Z, lam, B)
    uniform = lam * np.eye(Z.shape[1]) + (B / Z.shape[0]) * Z.T @ Z
    lower = np.linalg.cholesky(uniform)
    unit, prior = np.linalg.solve(lower, Z.T), np.linalg.inv(lower)
    q = cp.Variable(Z.shape[0])
    V = lam * prior @ prior.T + unit @ cp.diag(q) @ unit.T
    problem = cp.Problem(cp.Maximize(cp.log_det(V)), [q >= 0.0, q <= 1.0, cp.sum(q) <= B])
    instance = {"Z": Z, "lam": np.asarray(lam), "B": np.asarray(B)}
    found = solve("d_optimal_conic", problem, q, instance, tolerance)
    return replace(found, value=found.value + float(np.linalg.slogdet(uniform)[1]))


def information_share(Z: Any, lam: float, bought: Any, tolerance: float = TOLERANCE) -> float:
    """Information of the bought rounds over the certified optimum with as many labels, in [0, 1].

    bought: True where the label was bought, (T,) booleans.  Both sides are log det gained over
    lam I [nats].  1 where there was nothing to gain (no label, or only zero vectors on offer).
    Raises ValueError, OracleError.
    """
    Z = finite("Z", Z, 2)
    mask = np.asarray(bought)
    if mask.dtype != bool or mask.shape != Z.shape[:1]:
        raise ValueError(
            f"bought is {mask.dtype} {mask.shape}: need booleans ({Z.shape[0]},), one a round; pass a mask"
        )
    best = d_optimal(Z, lam, int(mask.sum()), tolerance).value - Z.shape[1] * float(np.log(lam))
    own = gain(Z / np.sqrt(lam), mask.astype(float))
    return min(own / best, 1.0) if best > 0.0 else 1.0


class Iterate(NamedTuple):
    """q strictly inside its bounds, with the multipliers of q >= 0, q <= 1 and sum q = B."""

    q: np.ndarray
    low: np.ndarray
    high: np.ndarray
    price: float


def interior_point(Z: np.ndarray, B: int) -> tuple[np.ndarray, int]:
    """(q, steps) for lam = 1; stops at a relative gap of ACCURACY, at STEPS, or when it stalls.

    Central path of: gradient + low - high - price = 0, q low = (1 - q) high = mu, sum q = B (all
    labels may be used, since no label harms).  Returns the iterate with the least gap.
    """
    T = Z.shape[0]
    if B in (0, T):
        return np.full(T, B / T), 0
    q = np.full(T, B / T)
    g = gradient(Z, q)
    size = float(g.max()) or 1.0
    it = Iterate(q, np.full(T, size) / q / T, np.full(T, size) / (1.0 - q) / T, float(np.median(g)))
    best, least, step = q, np.inf, 0
    while step < STEPS:
        gap = frank_wolfe_gap(gradient(Z, it.q), it.q, B) / (1.0 + gain(Z, it.q))
        if gap < least:
            best, least = it.q, gap
        if least <= ACCURACY:
            break
        try:
            it, step = newton(Z, it, B), step + 1
        except np.linalg.LinAlgError:  # rounding at the end of the path; the gap decides
            break
    return best, step


def newton(Z: np.ndarray, it: Iterate, B: int) -> Iterate:
    """One primal-dual step towards the central path with mu cut to CENTRING of its value."""
    q, low, high, price = it
    mu = CENTRING * float(q @ low + (1.0 - q) @ high) / (2 * q.size)
    g, H = gradient(Z, q), hessian(Z, q)
    H[np.diag_indices_from(H)] += low / q + high / (1.0 - q)
    factor = cho_factor(H, check_finite=False)
    right = g - price + mu / q - mu / (1.0 - q)
    toward, ones = cho_solve(factor, right), cho_solve(factor, np.ones(q.size))
    move = (toward.sum() + q.sum() - B) / ones.sum()
    dq = toward - move * ones
    dlow = (mu - low * dq) / q - low
    dhigh = (mu + high * dq) / (1.0 - q) - high
    along = min(longest(q, dq), longest(1.0 - q, -dq))
    across = min(longest(low, dlow), longest(high, dhigh))
    return Iterate(q + along * dq, low + across * dlow, high + across * dhigh, price + across * move)


def longest(x: np.ndarray, dx: np.ndarray) -> float:
    """Largest step in (0, 1] that keeps x + step dx well above 0."""
    shrinking = dx < 0.0
    return min(1.0, STAY_INSIDE * float(np.min(-x[shrinking] / dx[shrinking], initial=np.inf)))


def gain(Z: np.ndarray, q: np.ndarray) -> float:
    """logdet(I + sum q_t z_t z_t') [nats]."""
    return float(np.linalg.slogdet(np.eye(Z.shape[1]) + (Z.T * q) @ Z)[1])


def whitened(Z: np.ndarray, q: np.ndarray) -> np.ndarray:
    """C^-T z_t as columns (d, T), with C'C = I + sum q_t z_t z_t'."""
    lower = np.linalg.cholesky(np.eye(Z.shape[1]) + (Z.T * q) @ Z)
    return np.linalg.solve(lower, Z.T)


def gradient(Z: np.ndarray, q: np.ndarray) -> np.ndarray:
    """g_t = ||z_t||_P^2, the derivative of ``gain`` (T,)."""
    return np.square(whitened(Z, q)).sum(axis=0)


def hessian(Z: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Minus the second derivative of ``gain``: (z_s' P z_t)^2, positive semidefinite (T, T)."""
    columns = whitened(Z, q)
    return np.square(columns.T @ columns)


def frank_wolfe_gap(g: np.ndarray, q: np.ndarray, B: int) -> float:
    """max <g, s - q> over 0 <= s <= 1, sum s <= B: the B largest entries of g >= 0 minus <g, q>."""
    top = float(np.sort(g)[g.size - B :].sum())
    return max(top - float(g @ q), 0.0)


def budget(B: int, T: int) -> int:
    """B as an integer in [0, T]; ValueError otherwise."""
    if not (np.isfinite(B) and int(B) == B and 0 <= B <= T):
        raise ValueError(f"B={B}: must be an integer in [0, {T}], one label a round at most; correct it")
    return int(B)


def checked_design(Z: Any, lam: float, B: int) -> tuple[np.ndarray, float, int]:
    """(Z, lam, B) checked; ValueError otherwise."""
    Z = finite("Z", Z, 2)
    if lam == 0.0:
        raise ValueError("lam=0: the ridge must be > 0, or an undersampled design has no log det; pass lam > 0")
    return Z, at_least("lam", lam, 0.0), budget(B, Z.shape[0])
