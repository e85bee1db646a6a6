"""Losses of other methods on margins, to be compared with the leader of this game.

All take margins xi (..., N) of annotated pairs, arrays or tensors.  In the linear model the gradient of
a pair's loss in its features has norm sigma(-xi) ||theta||, which is what WDPO penalises.

    rDPO     Chowdhury, Kini, Natarajan (arXiv 2403.00409): unbiased under a known flip rate q < 1/2
    Dr. DPO  Wu et al. (arXiv 2407.07880): optimistic soft minimum over pairs, down-weights large losses
    KLDPO, WDPO   Xu et al. (arXiv 2502.01930): pessimistic weights; gradient penalty
    SPA      Kim et al. (arXiv 2406.04412): here its label smoothing by confidence only, without the
             extrapolated logits, and decided once a round; "SPA-style" for that reason

Parameters out of range raise ValueError.
"""

import math

import array_api_compat

from sim.preference.losses import Array, floating, logistic


def _positive(name: str, x: float) -> float:
    if not (math.isfinite(x) and x > 0.0):
        raise ValueError(f"{name} = {x:g} is not allowed; give a finite {name} > 0")
    return float(x)


def rdpo_losses(xi: Array, q: float) -> Array:
    """rDPO's loss of each pair, [(1 - q) l(xi) - q l(-xi)] / (1 - 2q), q in [0, 1/2) the share of flipped labels."""
    if not 0.0 <= q < 0.5:
        raise ValueError(f"q = {q:g} is not allowed; give the share of flipped labels, 0 <= q < 1/2")
    xi = floating(xi)
    return ((1 - q) * logistic(xi) - q * logistic(-xi)) / (1 - 2 * q)


def dr_dpo_loss(xi: Array, beta: float = 1.0) -> Array:
    """Dr. DPO's loss -beta log mean exp(-l(xi)/beta) over the last axis: (...); beta -> inf is the plain mean."""
    low = -logistic(xi) / _positive("beta", beta)
    xp = array_api_compat.array_namespace(low)
    top = xp.max(low, axis=-1, keepdims=True)
    return -beta * (top[..., 0] + xp.log(xp.mean(xp.exp(low - top), axis=-1)))


def dr_dpo_weights(xi: Array, beta: float = 1.0) -> Array:
    """Weights (..., N), sum 1, of the pairs in Dr. DPO's gradient, proportional to sigma(xi)^(1/beta)."""
    return _softmax(-logistic(xi) / _positive("beta", beta))


def kldpo_weights(xi: Array, tau: float = 1.0, clamp: float = 10.0) -> Array:
    """KLDPO's weights min(exp((l - mean l)/tau), clamp) (..., N), held fixed while the weighted loss is minimised."""
    loss = logistic(xi) / _positive("tau", tau)
    xp = array_api_compat.array_namespace(loss)
    excess = loss - xp.mean(loss, axis=-1, keepdims=True)
    return xp.exp(xp.clip(excess, None, math.log(_positive("clamp", clamp))))


def wdpo_losses(xi: Array, norm: float, rho: float) -> Array:
    """WDPO's loss of each pair, l(xi) + rho sigma(-xi)^2 norm^2, norm = ||theta||: the squared gradient as penalty."""
    if not (math.isfinite(rho) and rho >= 0.0):
        raise ValueError(f"rho = {rho:g} is not allowed; give a finite rho >= 0")
    xi = floating(xi)
    xp = array_api_compat.array_namespace(xi)
    return logistic(xi) + rho * norm**2 * xp.exp(-2 * logistic(-xi))


def smoothing(xi: Array, share: float = 0.2, amount: float = 0.1) -> Array:
    """Label smoothing (..., N): ``amount`` for the ``share`` of pairs with the smallest margins, 0 for the others.

    Among equal margins the lowest index comes first.
    """
    if not 0.0 <= share <= 1.0 or not 0.0 <= amount <= 0.5:
        raise ValueError(f"share = {share:g}, amount = {amount:g}: give a share in [0, 1] and an amount in [0, 1/2]")
    xi = floating(xi)
    xp = array_api_compat.array_namespace(xi)
    order = xp.argsort(xp.argsort(xi, axis=-1, stable=True), axis=-1, stable=True)
    return amount * xp.astype(order < round(share * xi.shape[-1]), xi.dtype)


def smoothed_losses(xi: Array, smooth: Array) -> Array:
    """Loss of each pair under label smoothing s (..., N) held fixed: (1 - s) l(xi) + s l(-xi)."""
    xi = floating(xi)
    return (1 - smooth) * logistic(xi) + smooth * logistic(-xi)


def _softmax(x: Array) -> Array:
    xp = array_api_compat.array_namespace(x)
    e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)
