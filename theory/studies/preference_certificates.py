"""Closed forms of the preference game against certified programs and explicit adversaries (S1, S3, S8).

A check draws one instance and returns what the table says about it: the closed form, its reference,
the reference's certified gap, and an allowance.  The error is what |closed - reference| exceeds the
allowance by, relative to 1 + |reference|.  The allowance is 0 except for suprema that are approached
and not attained, where it is the proven distance of the explicit adversary from the supremum.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.preference import ball, flip, norms, reweight, surfaces, window
from sim.preference.losses import logistic, sigmoid
from theory.oracles import preference as line
from theory.oracles import preference_space as space


class Outcome(NamedTuple):
    """One comparison; see the module docstring."""

    closed: float
    reference: float
    gap: float = 0.0
    allowance: float = 0.0


Check = Callable[[np.random.Generator], Outcome]
PIECES = (3, 6, 12)
RADII = (0.0, 0.01, 0.05, 0.3, 2.0, 50.0)
NORMS = (1, 2, float("inf"))
FAR = 1e4  # how far the explicit adversary of the feature ball moves its sliver of mass


def margins(rng: np.random.Generator) -> tuple[np.ndarray, float, float, float]:
    """(xi (N,), lo, hi, eps): 2 to 24 margins, a third of the instances with ties."""
    xi = rng.normal(size=int(rng.integers(2, 25))) * rng.choice([0.3, 1.0, 3.0])
    if rng.random() < 1 / 3:
        xi = np.round(xi)
    return xi, float(xi.min() - rng.choice([0.0, 0.05, 1.0])), float(xi.max() + rng.random()), float(rng.choice(RADII))


def pairs(rng: np.random.Generator, separable: bool = True) -> np.ndarray:
    """Z (N, d), d from 1 to 4; with ``separable`` False every pair has a shorter twin that contradicts it."""
    N, d = int(rng.integers(3, 13)), int(rng.integers(1, 5))
    Z = rng.normal(size=(N, d)) + 0.3
    if rng.random() < 0.25:
        Z = Z[rng.integers(0, N, size=N)]
    return Z if separable else np.concatenate([Z, -rng.uniform(0.2, 0.9, size=(N, 1)) * Z])


def pieces_of(rng: np.random.Generator, lo: float, hi: float) -> line.Pieces:
    """3, 6 or 12 tangents of the logistic loss across the window."""
    return line.tangents(np.linspace(lo, hi, int(rng.choice(PIECES))))


def program(rng: np.random.Generator) -> Outcome:
    """S1a: the closed form on the K-piece loss against program (9)."""
    xi, lo, hi, eps = margins(rng)
    pieces = pieces_of(rng, lo, hi)
    found = line.follower_program(xi, lo, hi, eps, pieces)
    return Outcome(float(window.follower_window(xi, lo, eps, lambda x: pieces(x)).value), found.value, found.gap)


def moved(rng: np.random.Generator) -> Outcome:
    """S1b: the pairs moved under the logistic loss itself are optimal in program (9), whatever its K."""
    xi, lo, hi, eps = margins(rng)
    pieces = pieces_of(rng, lo, hi)
    share = window.follower_window(xi, lo, eps).moved
    found = line.follower_program(xi, lo, hi, eps, pieces)
    return Outcome(float(np.mean((1.0 - share) * pieces(xi) + share * pieces(lo))), found.value, found.gap)


def window_atoms(rng: np.random.Generator) -> Outcome:
    """S3a: the law that the closed form writes down, inside budget, against the dual program."""
    xi, lo, _, eps = margins(rng)
    reply = window.follower_window(xi, lo, eps)
    atoms, masses = window.worst_case(xi, lo, reply)
    spent = float(np.mean(reply.moved * (xi - lo)))
    found = line.window_dual(logistic(xi), float(logistic(lo)), xi - lo, eps)
    return Outcome(float(masses @ logistic(atoms)) + max(spent - eps, 0.0), found.value, found.gap)


def steepest(theta: np.ndarray, p: float) -> np.ndarray:
    """v with ||v||_p = 1 and theta'v = -||theta||_*."""
    if p == 2:
        return -theta / max(float(np.linalg.norm(theta)), 1e-300)
    if p == 1:
        return -np.sign(theta) * (np.arange(theta.size) == np.argmax(np.abs(theta)))
    return -np.where(theta >= 0.0, 1.0, -1.0)


def sliver(z: np.ndarray, theta: np.ndarray, eps: float, p: float) -> tuple[float, float]:
    """(gain, allowance) of moving mass eps/t of the pair z by t = FAR against theta: section 4.1 (a).

    The supremum's gain is eps ||theta||_*; the allowance (eps/t) l(-theta'z) is how far this stays below.
    """
    landed = z + FAR * steepest(theta, p)
    mass = eps / float(np.linalg.norm(landed - z, p))
    gain = mass * float(logistic(theta @ landed) - logistic(theta @ z))
    return gain, mass * float(logistic(-(theta @ z)))


def ball_attack(rng: np.random.Generator) -> Outcome:
    """S3a: E_N l + eps ||theta||_* against an explicit law in the ball, p = 1, 2, inf."""
    Z, p, eps = pairs(rng), NORMS[int(rng.integers(3))], float(rng.choice([0.0, 0.05, 0.5]))
    theta = rng.normal(size=Z.shape[1]) * rng.choice([0.0, 1.0, 4.0])
    gain, allowance = sliver(Z[0], theta, eps, p) if np.any(theta) else (0.0, 0.0)
    return Outcome(ball.ball_value(theta, Z, eps, p), float(logistic(Z @ theta).mean()) + gain, 0.0, allowance)


def flip_attack(rng: np.random.Generator) -> Outcome:
    """S3a: the dual of the ball with flips against the adversary's plan, valued from its atoms."""
    Z, p, eps = pairs(rng), NORMS[int(rng.integers(3))], float(rng.choice([0.0, 0.05, 0.5, 2.0]))
    kappa, theta = float(rng.choice([0.1, 1.0, 4.0])), rng.normal(size=Z.shape[1]) * rng.choice([0.0, 1.0, 4.0])
    m, size = Z @ theta, norms.dual(theta, p)
    plan = flip.flip_adversary(m, size, eps, kappa)
    attained = float(np.mean((1.0 - plan.flipped) * logistic(m) + plan.flipped * logistic(-m)))
    overspent = max(kappa * float(plan.flipped.mean()) + plan.moved - eps, 0.0)
    gain = allowance = 0.0
    if np.any(theta) and plan.moved:
        i = int(np.argmin(plan.flipped))
        gain, allowance = sliver(Z[i] if plan.flipped[i] <= 0.5 else -Z[i], theta, plan.moved, p)
    return Outcome(flip.flip_value(m, size, eps, kappa).value, attained + gain - overspent, 0.0, allowance)


def flip_dual(rng: np.random.Generator) -> Outcome:
    """S3a: the closed form of the flip price against its linear program."""
    m, size = margins(rng)[0], float(rng.choice([0.0, 0.5, 3.0]))
    eps, kappa = float(rng.choice([0.0, 0.05, 0.5, 2.0])), float(rng.choice([0.1, 1.0, 4.0]))
    found = line.flip_program(m, size, eps, kappa)
    return Outcome(flip.flip_value(m, size, eps, kappa).value, found.value, found.gap)


def mass_problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """(losses (N,), costs (N, N), eps) of a reweighting follower; copies of pairs give zero costs."""
    Z = pairs(rng)
    costs = np.linalg.norm(Z[:, None] - Z[None], axis=2)
    return logistic(Z @ (2.0 * rng.normal(size=Z.shape[1]))), costs, float(rng.choice(RADII))


def reweight_plan(rng: np.random.Generator) -> Outcome:
    """S3a: the plan's own value, less what it overspends, against the linear program over N^2 masses."""
    losses, costs, eps = mass_problem(rng)
    plan = reweight.reweight(losses, costs, eps)
    gamma = np.asarray(plan.gamma)
    outside = max(float((gamma * costs).sum()) - eps, 0.0) + float(np.abs(gamma.sum(axis=1) - 1.0 / len(losses)).sum())
    found = space.reweight_primal(losses, costs, eps)
    return Outcome(float(gamma.sum(axis=0) @ losses) + outside, found.value, found.gap)


def reweight_price(rng: np.random.Generator) -> Outcome:
    """S3a: the dual function at the plan's price against the dual program."""
    losses, costs, eps = mass_problem(rng)
    price = reweight.reweight(losses, costs, eps).price
    found = space.reweight_dual(losses, costs, eps)
    return Outcome(price * eps + float((losses - price * costs).max(axis=1).mean()), found.value, found.gap)


def ball_leader(rng: np.random.Generator) -> Outcome:
    """S3b: the fitted policy's worst value against the cone program, eps = 0 (DPO) included."""
    eps = float(rng.choice([0.0, 0.02, 0.2, 5.0]))
    Z, p = pairs(rng, separable=False), NORMS[int(rng.integers(3))]
    found = space.ball_leader(Z, eps, p)
    return Outcome(ball.ball_value(ball.sgpo_feature(Z, eps, p).theta, Z, eps, p), found.value, found.gap)


def flip_leader(rng: np.random.Generator) -> Outcome:
    """S3b: the same with label flips."""
    eps, kappa = float(rng.choice([0.02, 0.2, 5.0])), float(rng.choice([0.1, 1.0, 4.0]))
    Z, p = pairs(rng, separable=False), NORMS[int(rng.integers(3))]
    theta, found = flip.sgpo_flip(Z, eps, kappa, p).theta, space.flip_leader(Z, eps, kappa, p)
    return Outcome(flip.flip_value(Z @ theta, norms.dual(theta, p), eps, kappa).value, found.value, found.gap)


def reweight_leader(rng: np.random.Generator) -> Outcome:
    """S3b: the policy that is best against reweighting."""
    Z, eps = pairs(rng, separable=False), float(rng.choice([0.02, 0.2]))
    costs = np.linalg.norm(Z[:, None] - Z[None], axis=2)
    theta, found = surfaces.sgpo_reweight(Z, costs, eps).theta, space.reweight_leader(Z, costs, eps)
    return Outcome(float(reweight.reweight(logistic(Z @ theta), costs, eps).value), found.value, found.gap)


def weights(rng: np.random.Generator) -> Outcome:
    """S8: the largest distance from 1 of the weights sum_k s_ik that a solver of program (9) returns."""
    xi, lo, hi, eps = margins(rng)
    found = line.follower_program(xi, lo, hi, eps, pieces_of(rng, lo, hi))
    return Outcome(float(np.abs(found.solution[0].sum(axis=1) - 1.0).max()), 0.0, found.gap)


def literal(rng: np.random.Generator) -> Outcome:
    """S8: largest difference in a margin between Algorithm 1's policy with those weights and DPO's.

    Margins, since theta is not unique where the pairs do not span the space.
    """
    Z = pairs(rng, separable=False)
    dpo = ball.sgpo_feature(Z, 0.0).theta
    xi = Z @ dpo
    lo = float(xi.min()) - 0.05
    found = line.follower_program(xi, lo, float(xi.max()), 0.1, line.tangents(np.linspace(lo, xi.max(), 6)))
    theta = weighted_fit(Z, found.solution[0].sum(axis=1), dpo)
    return Outcome(float(np.abs(Z @ (theta - dpo)).max()), 0.0, found.gap)


def weighted_fit(Z: np.ndarray, w: np.ndarray, theta: np.ndarray, steps: int = 20) -> np.ndarray:
    """theta (d,) after Newton steps on (1/N) sum_i w_i l(theta'z_i) from a nearby start."""
    for _ in range(steps):
        a = sigmoid(-(Z @ theta))
        H = (Z.T * (w * a * (1.0 - a))) @ Z
        theta = theta + np.linalg.solve(H + 1e-14 * np.eye(len(H)), Z.T @ (w * a))
    return theta


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        program, moved, window_atoms, ball_attack, flip_attack, flip_dual, reweight_plan, reweight_price, ball_leader,
        flip_leader, reweight_leader, weights, literal,
    )
}  # fmt: skip


def certificates(seed: int, check: str, instances: int) -> pd.DataFrame:
    """One check on ``instances`` instances; the error is relative to 1 + |reference|."""
    rng = np.random.default_rng([seed, 1, list(CHECKS).index(check)])
    rows = []
    for instance in range(instances):
        found = CHECKS[check](rng)
        error = max(abs(found.closed - found.reference) - found.allowance, 0.0) / (1.0 + abs(found.reference))
        rows.append((seed, check, instance, found.closed, found.reference, error, found.gap, found.allowance))
    names = ["seed", "check", "instance", "closed", "certified", "error", "gap", "allowance"]
    return pd.DataFrame(rows, columns=names)
