"""The price of determinism: what a committed, randomised gate is worth over a deterministic one.

One round against the exact evader, who sees the commitment but not the draw (``oracles.games.
mixed_gate``).  The design is that of a leader who bought ``labels`` labels of isotropic or of
power-law vectors.  Damage of width w: ``replies.evader_damage``; h is that of the ball response, the
largest, and w_max its width.  What a bought label is worth is a choice made here:
    worth(w) = WORTH h log(1 + w^2)/log(1 + w_max^2)  to the leader: its information, priced so that
               the widest label saves WORTH rounds of the largest damage;
    cost(w)  = patience worth(w)  to the follower, who loses later what the leader then gains.
Four commitments, with expected purchases <= beta at the width that is played:
    pure    the best threshold, or always, or never;
    random  one buying probability whatever the width (gate ``random``);
    split   a threshold, and one buying probability below it (gate ``llf_split`` with a random purse);
    mixed   any distribution over thresholds, always and never: any probability b(w) that rises with w.

Two facts, derived here; the table checks both against the certified linear programs.
(1) split = mixed.  Let b be any rising buying probability and v the width that is played against it.
Buy with probability b(v) up to v and surely above: no width gains, for b(w) <= b(v) below v, and v
pays both sides what it did.  So the optimal mixture is always of the form of ``llf_split``.
(2) pure = mixed at patience 1 (up to the grid: the deterrent width below is put on it).  The game then
has zero sum, and against any b the follower gets at least u = max_w (damage - cost), for no gate
buys more than always; the threshold at the width of damage u deters every wider vector and gives it
just u, without a label.  A price needs a follower that minds a label less than the leader likes it.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sim.rules import followers
from sim.tiers import Tier
from theory.oracles import replies
from theory.oracles.games import best_pure, gate_matrix, mixed_gate
from theory.studies.study import Study

BETAS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0)
DESIGNS = ("isotropic", "power_law")
LABELS = {"smoke": (32,), "standard": (64,), "paper": (16, 64, 256)}
PATIENCES = (1.0, 0.5, 0.1)
GRID, DIMENSION, NOISE, WORTH = 15, 8, 0.25, 4.0
HALVINGS = 25  # of the deterrent width: 3e-8 w_max
TIE = 1e-9  # relative; replies this close are one to a follower that breaks ties for the leader


class Arena(NamedTuple):
    """widths, damage, worth, cost (n,), thresholds (n - 2,): one game of gate against evader."""

    widths: np.ndarray
    damage: np.ndarray
    worth: np.ndarray
    cost: np.ndarray
    thresholds: np.ndarray

    def payoffs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(leader, follower, purchases), a row a pure gate (``gate_matrix``), a column a width."""
        W = gate_matrix(self.widths, self.thresholds)
        return W * self.worth - self.damage, self.damage - W * self.cost, W


def learned(seed: int, design: str, labels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(theta, theta*, P) of a ridge leader (lam = 1) after ``labels`` unit vectors with noise NOISE."""
    rng = np.random.default_rng([seed, DESIGNS.index(design), labels])
    scale = np.arange(1, DIMENSION + 1) ** (-0.5 if design == "power_law" else 0.0)
    Z = rng.normal(size=(labels, DIMENSION)) * scale
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    star = rng.normal(size=DIMENSION)
    star /= np.linalg.norm(star)
    P = np.linalg.inv(np.eye(DIMENSION) + Z.T @ Z)
    P = 0.5 * (P + P.T)
    return P @ Z.T @ (Z @ star + NOISE * rng.normal(size=labels)), star, P


def arena(theta: np.ndarray, star: np.ndarray, P: np.ndarray, patience: float) -> Arena:
    """The game on GRID widths up to the ball response's, and the deterrent width (module docstring)."""
    z = np.zeros(star.size)
    followers.ball(theta, star, 1.0, z)
    w_max, unit = float(np.sqrt(z @ P @ z)), float(star @ z)
    widths = np.linspace(0.0, w_max, GRID)
    damage = replies.evader_damage(theta, star, P, widths, 1.0)
    worth = WORTH * unit * np.log1p(widths**2) / np.log1p(w_max**2)
    level = float(np.max(damage - patience * worth))
    low, high = 0.0, w_max
    for _ in range(HALVINGS):
        mid = 0.5 * (low + high)
        deters = replies.evader_damage(theta, star, P, [mid], 1.0)[0] >= level
        low, high = (low, mid) if deters else (mid, high)
    widths = np.unique(np.append(widths, high))
    damage = replies.evader_damage(theta, star, P, widths, 1.0)
    worth = WORTH * unit * np.log1p(widths**2) / np.log1p(w_max**2)
    return Arena(widths, damage, worth, patience * worth, widths[1:-1])


def best_split(game: Arena, beta: float, row: int) -> tuple[float, float]:
    """(value, q) of the best mix of pure gate ``row`` and blind buying with probability q <= beta.

    The value is -inf where no q keeps within the budget (a threshold that does not deter).
    Exact: the value is piecewise linear in q and, with ties in the leader's favour, largest at the
    budget, at 0 or where the follower is indifferent between two widths.
    """
    A, F, W = game.payoffs()
    blind = game.thresholds.size
    slope = F[blind] - F[row]
    with np.errstate(divide="ignore", invalid="ignore"):
        cross = (F[row][None, :] - F[row][:, None]) / (slope[:, None] - slope[None, :])
    q = np.unique(np.append(cross[(cross > 0.0) & (cross < beta)], (0.0, beta)))[:, None]
    mixed_A, mixed_F, bought = (q * M[blind] + (1.0 - q) * M[row] for M in (A, F, W))
    best = mixed_F.max(axis=1, keepdims=True)
    allowed = (mixed_F >= best - TIE * game.damage.max()) & (bought <= beta + TIE)
    value = np.where(allowed, mixed_A, -np.inf).max(axis=1)
    i = int(np.argmax(value >= value.max() - TIE * game.damage.max()))
    return float(value[i]), float(q[i, 0])


def splits(game: Arena, beta: float) -> tuple[float, float, float]:
    """(value, q, threshold) of the best split; of those within TIE the least blind, then the widest threshold.

    The threshold w_max stands for never, as no width exceeds it.
    """
    rows = [*range(game.thresholds.size), game.thresholds.size + 1]
    found = [best_split(game, beta, row) for row in rows]
    top = max(value for value, _ in found)
    ties = [i for i, (value, _) in enumerate(found) if value >= top - TIE * game.damage.max()]
    i = min(ties, key=lambda i: (round(found[i][1], 9), -i))
    return found[i][0], found[i][1], float(np.append(game.thresholds, game.widths[-1])[i])


def values(game: Arena, beta: float) -> dict[str, Any]:
    """The row of one game and budget, in the units of ``prices``."""
    A, F, W = game.payoffs()
    unit, never = float(game.damage.max()), game.thresholds.size + 1
    found = mixed_gate(game.widths, game.damage, game.thresholds, beta, game.worth, game.cost)
    pure, (split, q, threshold) = best_pure(A, F, W, beta)[0], splits(game, beta)
    money = dict(pure=pure, random=best_split(game, beta, never)[0], split=split, mixed=found.value)
    money |= dict(price=found.value - pure, form_gap=found.value - split)
    gate = dict(blind=q, threshold=threshold / float(game.widths[-1]), gap=found.gap, status=found.status)
    return {name: value / unit for name, value in money.items()} | gate


def prices(seed: int, design: str, labels: int) -> pd.DataFrame:
    """A row for each patience and beta.  Values in units of the largest damage (``unit``, in reward):
    pure, random, split, mixed; price = mixed - pure; form_gap = mixed - split, 0 by fact (1).

    The best split: ``blind``, its buying probability below the threshold, and ``threshold`` over w_max (1:
    never on confidence).  gap, status: the certificate of ``mixed``.
    """
    rows = []
    for patience in PATIENCES:
        game = arena(*learned(seed, design, labels), patience)
        head = dict(seed=seed, design=design, labels=labels, patience=patience, unit=float(game.damage.max()))
        rows += [head | dict(beta=beta) | values(game, beta) for beta in BETAS]
    return pd.DataFrame(rows)


def cells(tier: Tier) -> tuple[dict[str, Any], ...]:
    """One cell a design of every seed set."""
    return tuple(
        dict(seed=seed, design=design, labels=labels)
        for seed in range(tier.sets)
        for design in DESIGNS
        for labels in LABELS[tier.name]
    )


STUDY = Study("determinism", cells, prices, 3.0)
