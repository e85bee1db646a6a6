"""Commitment in matrix games as linear programs with certificates.

    strong_stackelberg   the best mixed commitment against a follower who sees it
    zero_sum_commitment  the same where the follower's gain is the leader's loss
    mixed_gate           what a committed, randomised label gate is worth against the evader

The multiple-LP method (Conitzer and Sandholm 2006): for every follower action j the best mix x
that makes j a best reply; the best of these is the strong Stackelberg equilibrium (ties in the
leader's favour).  Its upper bound comes from another program, the joint LP over recommendations
(Conitzer and Korzhyk 2011), which is always feasible: max sum_j <p_j, A_j> over p >= 0, sum p = 1,
<p_j, F_j - F_k> >= 0.  Its optimum is the same number, so a commitment that an LP missed, say by
calling it infeasible, shows as a gap and is refused.
"""

import time
from dataclasses import replace
from typing import Any, NamedTuple

import cvxpy as cp
import numpy as np

from theory.oracles.certificate import TOLERANCE, Certificate, OracleError, at_least, certify, finite, solve


class Game(NamedTuple):
    """Payoffs of leader and follower and purchases, all (m, n), and the budget for the last."""

    name: str
    A: np.ndarray
    F: np.ndarray
    spent: np.ndarray
    beta: float

    def instance(self) -> dict[str, np.ndarray]:
        """The arrays that reproduce this game."""
        return {"A": self.A, "F": self.F, "spent": self.spent, "beta": np.asarray(self.beta)}


def strong_stackelberg(A: Any, F: Any, tolerance: float = TOLERANCE) -> Certificate:
    """Strong Stackelberg equilibrium; value = leader payoff, solution = commitment (m,).

    A, F (m, n): payoffs of leader (rows) and follower (columns).  Raises ValueError, OracleError.
    """
    A, F = same_shape(A, F)
    return commitment(Game("strong_stackelberg", A, F, np.zeros_like(A), 1.0), tolerance)


def zero_sum_commitment(loss: Any, tolerance: float = TOLERANCE) -> Certificate:
    """min over mixes x of max_j <x, loss_j>; solution x (m,), value the guaranteed loss.

    loss (m, n): regret of picking shown response k where the follower chose column j.  The
    follower's own program max over y of min_k <loss^k, y> is solved too; the two values agree
    (minimax theorem) and their difference enters the gap.  Raises ValueError, OracleError.
    """
    loss = finite("loss", loss, 2)
    begun, unit = time.perf_counter(), size_of(loss)
    game, instance = loss / unit, {"loss": loss}
    x, worst = cp.Variable(loss.shape[0]), cp.Variable()
    rules = [x >= 0.0, cp.sum(x) == 1.0, game.T @ x <= worst]
    ours = solve("zero_sum_commitment", cp.Problem(cp.Minimize(worst), rules), x, instance, tolerance)
    y, best = cp.Variable(loss.shape[1]), cp.Variable()
    rules = [y >= 0.0, cp.sum(y) == 1.0, game @ y >= best]
    theirs = solve("zero_sum_reply", cp.Problem(cp.Maximize(best), rules), y, instance, tolerance)
    found = merged([ours, theirs], ours.value, ours.solution, abs(ours.value - theirs.value), begun)
    certify("zero_sum_commitment", found, instance, tolerance)
    return replace(found, value=unit * found.value)


def gate_matrix(widths: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """W (m + 2, n): 1 where a pure gate buys; one row a threshold (width > tau), blind, never."""
    opened = (widths[None, :] > thresholds[:, None]).astype(float)
    return np.vstack([opened, np.ones(widths.size), np.zeros(widths.size)])


def mixed_gate(
    widths: Any, damage: Any, thresholds: Any, beta: float, worth: Any, cost: Any, tolerance: float = TOLERANCE
) -> Certificate:
    """The best committed mixture of gates against an evader who sees it; one round, derived here.

    Leader: a distribution p over pure gates: "buy iff width > tau_j" (thresholds (m,)), "buy
    blindly", "never buy"; solution p (m + 2,) in this order.  p[m] is the blind buying
    probability.  The draw is hidden from the follower, p is not.
    Follower: a width w_i from ``widths`` (n,); the label is then bought with probability
    b_i(p) = <p, W_i>, W = ``gate_matrix``.  damage (n,) >= 0 is the regret of width w_i
    (``oracles.evader_damage``); cost (n,) >= 0 is what a bought label costs the follower and
    worth (n,) >= 0 what it gives the leader (say, a price times log(1 + w^2)), in reward:
        follower  damage_i - b_i(p) cost_i        leader  -damage_i + b_i(p) worth_i = value.
    Budget: expected purchases b_i(p) <= beta at the width that is played; an opening that deters
    is a threat and costs nothing.  Multiple LP over i with this rule added to LP i (and to part i
    of the joint LP); "never buy" keeps it feasible.  The value is non-decreasing in beta, and no
    pure gate within the budget does better, since it is a point of some LP i.
    Raises ValueError on bad input, beta outside [0, 1] included; OracleError.
    """
    names = ("widths", "damage", "worth", "cost")
    arrays = [finite(name, value, 1) for name, value in zip(names, (widths, damage, worth, cost), strict=True)]
    for name, array in zip(names, arrays, strict=True):
        if array.shape != arrays[0].shape or np.any(array < 0.0):
            raise ValueError(f"{name}: need {arrays[0].size} entries >= 0, one a width; got shape {array.shape}")
    w, h, v, c = arrays
    W = gate_matrix(w, finite("thresholds", thresholds, 1))
    game = Game("mixed_gate", W * v - h, h - W * c, W, at_least("beta", beta, 0.0, 1.0))
    return commitment(game, tolerance)


def best_pure(A: Any, F: Any, spent: Any, beta: float) -> tuple[float, int]:
    """(value, row) of the best deterministic commitment within the budget, by enumeration.

    Ties of the follower go to the leader; (-inf, -1) if no row keeps within the budget.
    """
    best = (-np.inf, -1)
    for row in range(A.shape[0]):
        replies = (F[row] >= F[row].max() - 1e-12 * (1.0 + np.abs(F[row]).max())) & (spent[row] <= beta)
        if replies.any():
            best = max(best, (float(A[row][replies].max()), row))
    return best


def commitment(game: Game, tolerance: float) -> Certificate:
    """The multiple-LP method; within the budget, if the game has one (module docstring)."""
    begun, unit, name = time.perf_counter(), size_of(game.A), game.name
    scaled = game._replace(A=game.A / unit, F=game.F / size_of(game.F))
    parts = [lp for j in range(game.A.shape[1]) if (lp := induce(scaled, j, tolerance))]
    joint = recommend(scaled, tolerance)
    if not parts:
        raise OracleError(name, "no follower action can be induced", game.instance())
    best = max(parts, key=lambda lp: lp.value)
    mix = np.maximum(best.solution, 0.0)  # rounding below 0 would upset whoever draws from it
    found = merged([*parts, joint], best.value, mix / mix.sum(), abs(joint.value - best.value), begun)
    certify(name, found, game.instance(), tolerance)
    return replace(found, value=unit * found.value)


def induce(game: Game, j: int, tolerance: float) -> Certificate | None:
    """LP j: the best mix that makes j a best reply and keeps to the budget; None where no mix does."""
    x = cp.Variable(game.A.shape[0])
    rules = [x >= 0.0, cp.sum(x) == 1.0, (game.F[:, [j]] - game.F).T @ x >= 0.0]
    if np.any(game.spent):
        rules.append(game.spent[:, j] @ x <= game.beta)
    problem = cp.Problem(cp.Maximize(game.A[:, j] @ x), rules)
    try:
        return solve(f"{game.name}_{j}", problem, x, game.instance(), tolerance)
    except OracleError as error:
        if error.status != "infeasible":
            raise
        error.path.unlink(missing_ok=True)
        return None


def recommend(game: Game, tolerance: float) -> Certificate:
    """The joint LP over pairs (row, recommended reply): the upper bound of ``commitment``."""
    p = cp.Variable(game.A.shape)
    rules = [p >= 0.0, cp.sum(p) == 1.0]
    rules += [(game.F[:, [j]] - game.F).T @ p[:, j] >= 0.0 for j in range(game.A.shape[1])]
    if np.any(game.spent):
        rules.append(cp.sum(cp.multiply(game.spent - game.beta, p), axis=0) <= 0.0)
    problem = cp.Problem(cp.Maximize(cp.sum(cp.multiply(game.A, p))), rules)
    return solve(f"{game.name}_joint", problem, p, game.instance(), tolerance)


def merged(parts: list[Certificate], value: float, solution: np.ndarray, apart: float, begun: float) -> Certificate:
    """One certificate for several programs: the worst of each residual; ``apart`` joins the gap."""
    gap = max(*(c.gap for c in parts), apart / (1.0 + abs(value)))
    primal, dual = max(c.primal_residual for c in parts), max(c.dual_residual for c in parts)
    status = f"{len(parts)} programs, {parts[-1].status}"
    return Certificate(value, solution, status, primal, dual, gap, time.perf_counter() - begun)


def same_shape(A: Any, F: Any) -> tuple[np.ndarray, np.ndarray]:
    """A and F as float matrices of one shape; ValueError otherwise."""
    A, F = finite("A", A, 2), finite("F", F, 2)
    if A.shape != F.shape:
        raise ValueError(f"F has shape {F.shape}, A {A.shape}: need one entry a pair of actions; check the transposes")
    return A, F


def size_of(M: np.ndarray) -> float:
    """Largest absolute entry, or 1 for the zero matrix: the unit of payoff."""
    return float(np.max(np.abs(M))) or 1.0
