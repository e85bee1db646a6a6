"""Best replies of one round as second-order cone programs with certificates.

    optimism          the most a response can be worth inside the confidence ellipsoid
    ball_response     the follower's best vector in the ball game
    evader_response   the same, kept narrow enough for the gate to stay shut (exact)
    evader_damage     the follower's best payoff as a function of that width
    evasion_loss      what the simulator's cheap evader gets, as a share of the exact one

Each program is solved in units in which it has size 1, so that residuals and gap are relative to
the largest payoff that the ball allows.  The closed forms are the simulator's
(``sim.rules.followers.ball``) and Abbasi-Yadkori et al. (2011).
"""

from dataclasses import replace
from typing import Any

import cvxpy as cp
import numpy as np

from sim.rules import followers
from theory.oracles.certificate import TOLERANCE, Certificate, at_least, finite, root, solve

NOTHING = 1e-9  # a payoff below this share of L ||theta*|| is taken for 0 in a ratio


def optimism(theta: Any, V: Any, alpha: float, phi: Any, tolerance: float = TOLERANCE) -> Certificate:
    """max <u, phi> over ||u - theta||_V <= alpha; solution u (d,), value in reward.

    Closed form <theta, phi> + alpha ||phi||_{V^-1}: the optimistic score (AYPS 2011).
    theta, phi (d,), V (d, d) positive definite, alpha >= 0.  Solved as u = theta + alpha C^-1 x,
    ||x|| <= 1, V = C'C, in units of alpha ||C^-T phi||_1.
    Raises ValueError on bad input, OracleError without a certificate.
    """
    theta = finite("theta", theta, 1)
    phi = same_length("phi", phi, theta)
    C, alpha = root("V", V, theta.size), at_least("alpha", alpha, 0.0)
    direction = np.linalg.solve(C.T, phi)
    unit = alpha * float(np.abs(direction).sum())
    x = cp.Variable(theta.size)
    problem = cp.Problem(cp.Maximize(normalised(direction) @ x), [cp.norm(x) <= 1.0])
    instance = {"theta": theta, "V": np.asarray(V), "alpha": np.asarray(alpha), "phi": phi}
    found = solve("optimism", problem, x, instance, tolerance)
    u = theta + alpha * np.linalg.solve(C, found.solution)
    return replace(found, value=float(theta @ phi) + unit * found.value, solution=u)


def ball_response(theta: Any, theta_star: Any, L: float, tolerance: float = TOLERANCE) -> Certificate:
    """max <theta*, z> over ||z|| <= L, <theta, z> <= 0; solution z (d,), value in reward.

    The follower's best reply in the ball game: the worst vector that the leader, which believes
    theta, gets wrong.  Closed form: ``sim.rules.followers.ball``.
    theta, theta_star (d,), L > 0.  Raises ValueError, OracleError.
    """
    theta, theta_star, L = checked_pair(theta, theta_star, L)
    x = cp.Variable(theta.size)
    rules = [cp.norm(x) <= 1.0, *wrong_side(theta, x)]
    problem = cp.Problem(cp.Maximize(normalised(theta_star) @ x), rules)
    instance = {"theta": theta, "theta_star": theta_star, "L": np.asarray(L)}
    found = solve("ball_response", problem, x, instance, tolerance)
    return in_units(found, theta_star, L)


def evader_response(
    theta: Any, theta_star: Any, P: Any, tau: float, L: float, tolerance: float = TOLERANCE
) -> Certificate:
    """max <theta*, z> over ||z|| <= L, <theta, z> <= 0, ||z||_P <= tau; solution z (d,).

    The exact best reply to a gate that opens above width tau (the closure of "just under").
    theta, theta_star (d,), P (d, d) positive definite, tau >= 0, L > 0.  With r = tau over the
    square root of P's least eigenvalue, ||z|| <= r follows from the width rule, so the program is
    written in units of min(L, r) and the ball is left out where r <= L.
    Raises ValueError on bad input, OracleError without a certificate.
    """
    theta, theta_star, L = checked_pair(theta, theta_star, L)
    C, tau = root("P", P, theta.size), at_least("tau", tau, 0.0)
    if tau == 0.0:
        return Certificate(0.0, np.zeros(theta.size), "closed form: only z = 0 has width 0", 0.0, 0.0, 0.0, 0.0)
    reach = tau / float(np.linalg.svd(C, compute_uv=False)[-1])
    unit = min(L, reach)
    x = cp.Variable(theta.size)
    rules = [cp.norm((unit / tau) * C @ x) <= 1.0, *wrong_side(theta, x)]
    if reach > L:
        rules.append(cp.norm(x) <= 1.0)
    problem = cp.Problem(cp.Maximize(normalised(theta_star) @ x), rules)
    scalars = {"tau": np.asarray(tau), "L": np.asarray(L)}
    instance = {"theta": theta, "theta_star": theta_star, "P": np.asarray(P), **scalars}
    return in_units(solve("evader_response", problem, x, instance, tolerance), theta_star, unit)


def evader_damage(theta: Any, theta_star: Any, P: Any, widths: Any, L: float) -> np.ndarray:
    """The exact evader's payoff at each width (n,): concave and non-decreasing in the width."""
    grid = finite("widths", widths, 1)
    return np.array([max(evader_response(theta, theta_star, P, w, L).value, 0.0) for w in grid])


def scaled_ray(theta: Any, theta_star: Any, P: Any, tau: float, L: float) -> np.ndarray:
    """The cheap evader: the closed-form ball response, shrunk along its ray to ||z||_P <= tau (d,)."""
    theta, theta_star, L = checked_pair(theta, theta_star, L)
    C, tau = root("P", P, theta.size), at_least("tau", tau, 0.0)
    z = np.zeros(theta.size)
    followers.ball(theta, theta_star, L, z)
    width = float(np.linalg.norm(C @ z))
    return z if width <= tau else z * (tau / width)


def evasion_loss(theta: Any, theta_star: Any, P: Any, tau: float, L: float) -> float:
    """Payoff of the scaled ray over the payoff of the exact evader, in [0, 1] up to the tolerance.

    1 where the exact payoff is nothing (tau = 0, or theta* a positive multiple of theta).
    """
    exact = evader_response(theta, theta_star, P, tau, L).value
    cheap = float(np.dot(np.asarray(theta_star, dtype=float), scaled_ray(theta, theta_star, P, tau, L)))
    nothing = NOTHING * float(np.linalg.norm(theta_star)) * L
    return 1.0 if exact <= nothing else cheap / exact


def same_length(name: str, value: Any, like: np.ndarray) -> np.ndarray:
    """``value`` as a vector as long as ``like``; ValueError otherwise."""
    vector = finite(name, value, 1)
    if vector.shape != like.shape:
        raise ValueError(f"{name} has shape {vector.shape}: need {like.shape}, one entry a dimension; check d")
    return vector


def checked_pair(theta: Any, theta_star: Any, L: float) -> tuple[np.ndarray, np.ndarray, float]:
    """(theta, theta*, L) as floats of one shape; ValueError unless 0 < L."""
    theta = finite("theta", theta, 1)
    theta_star = same_length("theta_star", theta_star, theta)
    if L == 0.0:
        raise ValueError("L=0: the ball needs a radius > 0; pass the bound on the design vectors")
    return theta, theta_star, at_least("L", L, 0.0)


def normalised(v: np.ndarray) -> np.ndarray:
    """v / ||v||_1, or v where that is 0."""
    size = float(np.abs(v).sum())
    return v / size if size > 0.0 else v


def wrong_side(theta: np.ndarray, x: cp.Variable) -> list[cp.Constraint]:
    """<theta, x> <= 0 for theta scaled to size 1; no constraint where theta = 0."""
    return [normalised(theta) @ x <= 0.0] if np.any(theta) else []


def in_units(found: Certificate, theta_star: np.ndarray, unit: float) -> Certificate:
    """The certificate of a program in units of (unit, ||theta*||_1), back in reward."""
    return replace(found, value=found.value * unit * float(np.abs(theta_star).sum()), solution=found.solution * unit)
