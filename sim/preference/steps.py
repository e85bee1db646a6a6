"""What each method of the self-annotation loop minimises, on true labels and on its own.

    method    on true labels                 on self-annotated pairs of a round
    dpo       logistic                       nothing (seed labels only)
    ridge     logistic + lam ||theta||^2 / 2 nothing; lam = ``matched_ridge`` of the ball's eps
    self_L0   logistic                       logistic: self-annotation without a follower (eps = 0)
    L1 L2 L3  logistic                       the leader's loss after the follower's reply
    feature   logistic + eps ||theta||       the same, on the round's pairs
    spa       logistic                       logistic with the least confident labels smoothed
    rdpo      unbiased under the flip rate   logistic: the flip rate of self-given labels is not known
    dr_dpo    Dr. DPO                        Dr. DPO
    kldpo     KLDPO's weights                KLDPO's weights

The follower replies once, to the margins of the round's start; SPA's smoothing is decided then too.
KLDPO's weights alternate with the fit.  All fits add prox ||theta - centre||^2 / 2.

A loss is a function of margins (n,) that returns its mean value [nats] and the slopes (n,) of that mean.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

from sim.preference import leaders, rivals
from sim.preference.data import PreferenceSpec
from sim.preference.losses import logistic, logistic_slope, sigmoid
from sim.preference.window import follower_unit, follower_window, window_low

Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]  # margins (n,) -> (mean loss, its slopes (n,))

UNANNOTATED = ("dpo", "ridge")  # the methods that never learn from labels of their own
ALTERNATIONS, SETTLED = 100, 1e-6  # of KLDPO's weights and fit, at most; until theta moves less
OPTIONS: Any = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8}


class Step(NamedTuple):
    """The result of a round: the new theta (d,) and the mean share of pairs that the follower moved."""

    theta: np.ndarray
    moved: float


def fit(Z: np.ndarray, loss: Loss, centre: np.ndarray, prox: float, ball: float = 0.0) -> np.ndarray:
    """The minimiser (d,) of loss(Z theta) + ball ||theta||_2 + prox ||theta - centre||^2 / 2, by L-BFGS.

    Z (n, d) oriented pairs;  centre (d,) is also the starting point
    """

    def objective(theta):
        value, slopes = loss(Z @ theta)
        norm = np.sqrt(theta @ theta + 1e-16)  # smooth at 0
        away = theta - centre
        gradient = Z.T @ slopes + prox * away + (ball / norm) * theta
        return value + prox / 2.0 * (away @ away) + ball * norm, gradient

    return minimize(objective, centre, jac=True, method="L-BFGS-B", options=OPTIONS).x


def plain(xi: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean logistic loss of margins xi (n,), and its slopes."""
    return float(logistic(xi).mean()), logistic_slope(xi) / len(xi)


def unbiased(q: float) -> Loss:
    """rDPO's mean loss (1 - 2q)^-1 [(1 - q) l(xi) - q l(-xi)] for the flip rate q."""

    def loss(xi):
        slopes = ((1 - q) * logistic_slope(xi) + q * logistic_slope(-xi)) / (1 - 2 * q)
        return float(rivals.rdpo_losses(xi, q).mean()), slopes / len(xi)

    return loss


def optimistic(xi: np.ndarray) -> tuple[float, np.ndarray]:
    """Dr. DPO's loss of margins xi (n,) with beta = 1, and its slopes."""
    return float(rivals.dr_dpo_loss(xi)), rivals.dr_dpo_weights(xi) * logistic_slope(xi)


def weighted(weights: np.ndarray) -> Loss:
    """The logistic loss under fixed weights (n,), divided by n."""
    return lambda xi: (float((weights * logistic(xi)).mean()), weights * logistic_slope(xi) / len(xi))


def smoothed(smooth: np.ndarray) -> Loss:
    """The logistic loss with fixed label smoothing (n,)."""

    def loss(xi):
        return float(rivals.smoothed_losses(xi, smooth).mean()), (smooth - sigmoid(-xi)) / len(xi)

    return loss


def led(kind: str, reply) -> Loss:
    """The mean loss of the leader ``kind`` ("L1", "L2", "L3") after the follower's reply."""

    def loss(xi):
        return (
            float(leaders.leader_losses(kind, xi, reply).mean()),
            leaders.leader_slopes(kind, xi, reply) / len(xi),
        )

    return loss


def _alternate(Z: np.ndarray, centre: np.ndarray, prox: float) -> np.ndarray:
    """KLDPO: fit and weights in turn, each time halfway to the new weights, which keeps them from cycling."""
    theta, weights = centre, np.ones(len(Z))
    for _ in range(ALTERNATIONS):
        weights = (weights + rivals.kldpo_weights(Z @ theta)) / 2.0
        before, theta = theta, fit(Z, weighted(weights), centre, prox)
        if np.abs(theta - before).max() < SETTLED:
            break
    return theta


def _minimise(method: str, spec: PreferenceSpec, Z, centre, prox, first: Loss) -> np.ndarray:
    """Fit of the methods whose loss is the same on true and on own labels; ``first`` is the others' loss."""
    if method == "kldpo":
        return _alternate(Z, centre, prox)
    if method == "dr_dpo":
        return fit(Z, optimistic, centre, prox)
    return fit(Z, first, centre, prox, spec.eps if method == "feature" else 0.0)


def matched_ridge(eps: float, theta: np.ndarray) -> float:
    """The weight lam of lam ||theta||^2 / 2 that pulls as the ball of radius eps does at its own solution theta (d,).

    Where eps theta/||theta|| balances the gradient of a convex loss, lam theta with lam = eps/||theta|| does too, so
    the ball's solution is this ridge's: on one set of labels the ball is a ridge whose weight depends on the data.
    """
    return eps / max(float(np.linalg.norm(theta)), 1e-8)


def learn(method: str, spec: PreferenceSpec, Z: np.ndarray) -> np.ndarray:
    """Fit a method to truly labelled pairs Z (n, d), of which a share spec.flip may be wrong: theta (d,)."""
    if method == "ridge":
        lam = matched_ridge(spec.eps, learn("feature", spec, Z)) if spec.eps else 0.0
        return fit(Z, plain, np.zeros(spec.d), spec.ridge + lam)
    first: Loss = unbiased(spec.flip) if method == "rdpo" else plain
    return _minimise(method, spec, Z, np.zeros(spec.d), spec.ridge, first)


def annotate(method: str, spec: PreferenceSpec, x: np.ndarray, theta: np.ndarray) -> Step:
    """One self-annotation round: label the pairs by the policy's own margins, let the follower reply, fit.

    x (n, d) new pairs, n >= 2;  theta (d,) the policy.  A zero margin counts for the first response.
    """
    Z = np.where(x @ theta >= 0.0, 1.0, -1.0)[:, None] * x
    xi, moved = Z @ theta, 0.0
    loss: Loss = plain
    if method in ("L1", "L3", "L2"):
        unit = method == "L2"
        reply = follower_unit(xi, spec.eps) if unit else follower_window(xi, window_low(xi, spec.tau), spec.eps)
        moved, loss = float(reply.moved.mean()), led(method, reply)
    elif method == "spa":
        loss = smoothed(rivals.smoothing(xi))
    return Step(_minimise(method, spec, Z, theta, spec.prox, loss), moved)
