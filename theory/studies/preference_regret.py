"""Sup-regret of DPO and SGPO against the mismatch delta, adversaries found by search (S4, S5).

Pairs are Gaussian with logistic labels: z = y x, x ~ N(0, I), P(y = 1) = sigma(snr w'x), ||w|| = 1.
"""

import numpy as np
import pandas as pd

from sim.preference import ball
from sim.preference.losses import sigmoid
from theory.studies import sup_regret as search

REGIMES = {"regular": (200, 10, 1.5), "noisy": (200, 10, 0.5), "near_separable": (60, 5, 12.0)}
FIXED = 0.1
TRIES = 1000
FAR = 0.2  # from here on the ascents are slow and get twice the steps
LOG2 = search.LOG2


def draw(N: int, d: int, snr: float, rng: np.random.Generator) -> np.ndarray:
    """N pairs (N, d), winner minus loser, labels noisy at the given signal-to-noise ratio."""
    w = rng.normal(size=d)
    X = rng.normal(size=(N, d))
    right = rng.random(N) < sigmoid(snr * X @ (w / np.linalg.norm(w)))
    return X * np.where(right, 1.0, -1.0)[:, None]


def sample(regime: str, rng: np.random.Generator, separable: bool = False) -> np.ndarray:
    """A data set of a regime, drawn again until it is separable or not, as asked."""
    for _ in range(TRIES):
        Z = draw(*REGIMES[regime], rng)
        if ball.is_separable(Z) == separable:
            return Z
    raise ValueError(
        f"{TRIES} data sets of the regime {regime!r} are all {'in' * separable}separable; change its sizes"
    )


def regret(seed: int, regime: str, dataset: int, deltas: list[float]) -> pd.DataFrame:
    """Sup-regrets of one data set: one row for each mismatch and policy.

    policy is "dpo", "matched" (eps = delta), "fixed" (eps = 0.1) or, for the check of R1 at further
    radii eps > delta, "wider".  r1_*, r2_*: regret and bound at the adversary that is tightest for the
    theorem; comparator norms stand for ||theta*||, since both hold against every comparator.  r4_* is
    theorem R4 at its own tightest adversary, with R2's bound there: a theorem for "dpo" alone, whose
    gradient on the given pairs is 0; for the other policies it is what would follow if theirs were.
    """
    rng = np.random.default_rng([seed, 2, list(REGIMES).index(regime), dataset])
    Z = sample(regime, rng)
    radii = sorted({0.0, FIXED, *deltas})
    policy = {eps: ball.sgpo_feature(Z, eps).theta for eps in radii}
    rows, warm = [], None
    for delta in sorted(deltas):
        shown = {"dpo": 0.0, "matched": delta, "fixed": FIXED}
        aims = np.stack([policy[eps] for eps in shown.values()])
        steps = search.STEPS if delta < FAR else 2 * search.STEPS
        found = search.sup_regret(Z, aims, delta, rng, warm, steps)
        warm = found.U[search.regrets(Z, found, aims).argmax(axis=1)]
        wider = [("wider", eps) for eps in radii if eps > delta]
        rows += [row(Z, found, delta, name, eps, policy[eps]) for name, eps in [*shown.items(), *wider]]
    table = pd.DataFrame(rows)
    return table.assign(seed=seed, regime=regime, replication=dataset, N=len(Z), dpo_norm=np.linalg.norm(policy[0.0]))


def curvature(P: np.ndarray, theta: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A lower bound (A,) on the curvature of the risk of targets P (A, N, d) between theta (d,) and other (A, d).

    sigma' falls away from 0 on both sides, so on a segment it is least at one of the ends, for each pair alone.
    """
    a, b = search.doubt(P, theta), search.doubt(P, other)
    least = np.minimum(a * (1.0 - a), b * (1.0 - b))
    return np.linalg.eigvalsh(P.transpose(0, 2, 1) @ (P * least[:, :, None]) / P.shape[1])[:, 0]


def quadratic(Z: np.ndarray, found: search.Found, delta: float, theta: np.ndarray) -> np.ndarray:
    """Theorem R4's bound (A,): (1 + D ||theta||/4)^2 delta^2/(2 mu) for DPO's policy theta (d,).

    D is the longest pair of P_N and of the target, mu the curvature between theta and the comparator.
    """
    P = Z + found.U
    longest = np.maximum(np.linalg.norm(P, axis=2).max(axis=1), np.linalg.norm(Z, axis=1).max())
    mu = np.maximum(curvature(P, theta, found.best), 1e-300)
    return (1.0 + longest * np.linalg.norm(theta) / 4.0) ** 2 * delta**2 / (2.0 * mu)


def row(Z: np.ndarray, found: search.Found, delta: float, name: str, eps: float, theta: np.ndarray) -> dict:
    """One policy against all adversaries found at one mismatch."""
    regrets = search.regrets(Z, found, theta[None])[0]
    risks = regrets + found.least
    other, own = np.linalg.norm(found.best, axis=1), float(np.linalg.norm(theta))
    r1 = np.minimum(2.0 * eps * other, LOG2) if eps >= delta else np.full(len(other), np.nan)
    r2 = (delta + eps) * other + (delta - eps) * own
    r4 = quadratic(Z, found, delta, theta)
    top, a, b, c = int(regrets.argmax()), tightest(regrets, r1), tightest(regrets, r2), tightest(regrets, r4)
    return dict(
        policy=name, delta=delta, eps=eps, regret=regrets[top], risk=risks.max(), norm=own, adversaries=len(regrets),
        aimed=found.aimed[top], r1_measured=regrets[a], r1_bound=r1[a], r2_measured=regrets[b], r2_bound=r2[b],
        r4_measured=regrets[c], r4_bound=r4[c], r4_trivial=r2[c],
    )  # fmt: skip


def tightest(measured: np.ndarray, bound: np.ndarray) -> int:
    """The adversary with the largest regret over bound (the first where there is no bound)."""
    ratio = measured / np.maximum(bound, 1e-300)
    return int(np.argmax(np.where(np.isfinite(ratio), ratio, -1.0)))
