"""Sup-regret of a policy against the mismatch delta, found by search: a lower bound of the sup.

A policy theta (d,) has risk E l(theta'z), l(m) = log(1 + exp(-m)) in nats.  The target P* puts mass
1/N on each z_i + u_i with (1/N) sum_i ||u_i||_2 <= delta, so W_1(P*, P_N) <= delta, and
    Reg(theta) = E_P* l(theta) - min over theta' of E_P* l(theta').
P* is finite and the minimum a smooth convex one, so the regret of an adversary that was found is
exact up to Newton's last step.  A comparator short of the minimum only understates it.

``ascend`` is projected ascent on the displacements, from several starts and aimed at each policy;
``sup_regret`` adds random shifts and evaluates every policy on every adversary found.  The search
is local: nothing here bounds the sup from above.
Arrays are batched: Z (A, N, d) for A targets, theta (A, d).
"""

from typing import NamedTuple

import numpy as np

STEPS, NEWTON = 40, 40
LOG2 = float(np.log(2.0))
LARGEST = 1e4  # norm at which a comparator on separable targets stops growing


class Found(NamedTuple):
    """Adversaries U (A, N, d), comparators (A, d), their risks (A,), and what each is aimed at (A,)."""

    U: np.ndarray
    best: np.ndarray
    least: np.ndarray
    aimed: np.ndarray


def risk(Z: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Mean loss (A,) of theta (A, d) or (d,) on Z (A, N, d)."""
    return np.logaddexp(0.0, -margins(Z, theta)).mean(axis=1)


def margins(Z: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """theta'z (A, N)."""
    theta = np.broadcast_to(theta, (len(Z), Z.shape[2]))
    return (Z @ theta[:, :, None])[:, :, 0]


def doubt(Z: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """sigma(-theta'z) (A, N): minus the slope of the loss in the margin."""
    return 0.5 * (1.0 - np.tanh(0.5 * margins(Z, theta)))


def minimiser(Z: np.ndarray, start: np.ndarray, steps: int = NEWTON) -> tuple[np.ndarray, np.ndarray]:
    """(theta (A, d), risk (A,)) after at most ``steps`` damped Newton steps, each kept only where it helps.

    Where theta = 0 beats the start (a saturated loss has no Hessian to speak of), it starts there.
    """
    value = risk(Z, start)
    theta = np.where((value > LOG2)[:, None], 0.0, start)
    value = np.minimum(value, LOG2)
    ridge = 1e-14 * np.eye(Z.shape[2])
    for _ in range(steps):
        alpha = doubt(Z, theta)
        gradient = -(alpha[:, None, :] @ Z)[:, 0, :] / Z.shape[1]
        H = Z.transpose(0, 2, 1) @ (Z * (alpha * (1.0 - alpha))[:, :, None]) / Z.shape[1]
        step = np.linalg.solve(H + ridge, gradient[:, :, None])[:, :, 0]
        theta, value, moved = downhill(Z, theta, value, step)
        if not moved:
            break
    return theta, value


def downhill(
    Z: np.ndarray, theta: np.ndarray, value: np.ndarray, step: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:
    """The first of theta - step, theta - step/4, ... that lowers the risk, for each target alone."""
    theta, value, open_ = theta.copy(), value.copy(), np.ones(len(Z), dtype=bool)
    moved = False
    for share in (1.0, 0.25, 0.0625, 0.004):
        rows = np.flatnonzero(open_)
        if not rows.size:
            break
        trial = theta[rows] - share * step[rows]
        norm = np.linalg.norm(trial, axis=1, keepdims=True)
        trial *= np.minimum(1.0, LARGEST / np.maximum(norm, 1e-300))
        new = risk(Z[rows], trial)
        better = new < value[rows] - 1e-16
        theta[rows[better]], value[rows[better]] = trial[better], new[better]
        open_[rows[better]] = False
        moved = moved or bool(better.any())
    return theta, value, moved


def project(U: np.ndarray, radius: float) -> np.ndarray:
    """Nearest displacements (A, N, d) with sum_i ||u_i||_2 <= radius, for each target alone."""
    size = np.linalg.norm(U, axis=2)
    ranked = -np.sort(-size, axis=1)
    excess = (np.cumsum(ranked, axis=1) - radius) / np.arange(1, size.shape[1] + 1)
    kept = (ranked > excess).sum(axis=1)
    level = np.maximum(excess[np.arange(len(U)), kept - 1], 0.0)[:, None]
    return U * (np.maximum(size - level, 0.0) / np.maximum(size, 1e-300))[:, :, None]


def ascend(Z: np.ndarray, aim: np.ndarray, start: np.ndarray, delta: float, steps: int = STEPS) -> np.ndarray:
    """Displacements (A, N, d) after projected ascent of Reg(aim) (A, d) from ``start``; Z (N, d).

    A step is kept only where the regret rises; its length adapts for each adversary alone.
    """
    radius = delta * len(Z)
    U = project(start, radius)
    best, least = minimiser(Z + U, aim, NEWTON)
    regret, length = risk(Z + U, aim) - least, np.full(len(U), 0.5)
    for _ in range(steps):
        P = Z + U
        G = doubt(P, best)[:, :, None] * best[:, None, :] - doubt(P, aim)[:, :, None] * aim[:, None, :]
        G /= np.linalg.norm(G, axis=(1, 2), keepdims=True) + 1e-300
        trial = project(U + (length * radius)[:, None, None] * G, radius)
        other, low = minimiser(Z + trial, best, 3)
        new = risk(Z + trial, aim) - low
        up = new > regret
        U[up], best[up], regret[up] = trial[up], other[up], new[up]
        length = np.where(up, np.minimum(1.5 * length, 4.0), 0.4 * length)
    return U


def starts(Z: np.ndarray, aim: np.ndarray, delta: float, rng: np.random.Generator) -> np.ndarray:
    """First displacements (8, N, d) against one policy aim (d,), all with the whole budget.

    Every pair against the policy; the most and the least confident pair alone; the most and the least
    confident fifth towards their reversal; one random direction for all; a random one for each, twice.
    """
    N, d = Z.shape
    size = float(np.linalg.norm(aim))
    against = -aim / size if size > 0.0 else np.eye(d)[0]
    rank = np.argsort(np.argsort(Z @ aim, kind="stable"), kind="stable")[:, None]
    fifth = max(1, N // 5)
    moves = [
        np.tile(against, (N, 1)), (rank == N - 1) * against, (rank == 0) * against,
        (rank >= N - fifth) * -Z, (rank < fifth) * -Z, np.tile(rng.normal(size=d), (N, 1)),
    ]  # fmt: skip
    return scaled(np.concatenate([np.stack(moves), rng.normal(size=(2, N, d))]), delta)


def random_shifts(Z: np.ndarray, delta: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """n random displacements (n, N, d) of mean length delta: common shifts, noise, sparse noise."""
    N, d = Z.shape
    noise, common = rng.normal(size=(n, N, d)), rng.normal(size=(n, 1, d))
    sparse = noise * (rng.random((n, N, 1)) < 0.1) + 1e-9 * noise
    kinds = np.stack([noise, common + np.zeros_like(noise), sparse])
    return scaled(kinds[np.arange(n) % 3, np.arange(n)], delta)


def scaled(U: np.ndarray, delta: float) -> np.ndarray:
    """U (A, N, d) with mean length delta for each target; no displacement stays none."""
    return U * (delta / np.maximum(np.linalg.norm(U, axis=2).mean(axis=1), 1e-300))[:, None, None]


def sup_regret(
    Z: np.ndarray, aims: np.ndarray, delta: float, rng: np.random.Generator, warm: np.ndarray | None = None,
    steps: int = STEPS, shifts: int = 12,
) -> Found:  # fmt: skip
    """Adversaries at mismatch delta: ascents aimed at each policy of aims (P, d), and random shifts.

    warm (P, N, d): the best displacements at a smaller mismatch, stretched to this one as a
    further start for each policy.  ``aimed`` is the policy's number, -1 for a random shift.
    """
    first = [starts(Z, aim, delta, rng) for aim in aims]
    if warm is not None:
        first = [np.concatenate([own, scaled(w[None], delta)]) for own, w in zip(first, warm, strict=True)]
    each = len(first[0])
    aim = np.repeat(aims, each, axis=0)
    U = np.concatenate([ascend(Z, aim, np.concatenate(first), delta, steps), random_shifts(Z, delta, shifts, rng)])
    guess = np.concatenate([aim, np.broadcast_to(aims[0], (shifts, Z.shape[1]))])
    best, least = minimiser(Z + U, guess, 2 * NEWTON)
    aimed = np.concatenate([np.repeat(np.arange(len(aims)), each), np.full(shifts, -1)])
    return Found(U, best, least, aimed)


def regrets(Z: np.ndarray, found: Found, policies: np.ndarray) -> np.ndarray:
    """Regret (P, A) of each policy (P, d) on each adversary."""
    P = Z + found.U
    return np.stack([risk(P, theta) for theta in policies]) - found.least
