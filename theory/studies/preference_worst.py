"""Which pairs the followers of the preference game move, and where to: a table for a figure."""

import numpy as np
import pandas as pd

from sim.preference import flip, reweight, window
from sim.preference.losses import logistic
from theory.studies.preference_regret import draw

PAIRS, DIMENSION, SIGNAL = 200, 5, 3.0
RADII = {"window": (0.02, 0.1, 0.4), "flip": (0.02, 0.1), "reweight": (0.05, 0.2, 0.8)}
KAPPA = 1.0
COLUMNS = ["ball", "eps", "pair", "margin", "moved", "landed", "weight"]


def worst(seed: int) -> pd.DataFrame:
    """The worst case of each follower against one policy, pair by pair; seeds are other data.

    window: self-annotated margins |theta'z|, share moved to the window's end, mean landing place.
    flip: margins theta'z of labelled pairs, share whose label is turned at cost 1 nat.
    reweight: weight of each labelled pair times N.
    """
    rng = np.random.default_rng([seed, 6])
    Z = draw(PAIRS, DIMENSION, SIGNAL, rng)
    theta = rng.normal(size=DIMENSION)
    theta *= 1.0 / np.linalg.norm(theta)
    parts = []
    for eps in RADII["window"]:
        xi = np.abs(Z @ theta)
        lo = float(window.window_low(xi))
        reply = window.follower_window(xi, lo, eps)
        landed = xi - reply.moved * reply.shift
        parts.append(part("window", eps, xi, np.asarray(reply.moved), landed, np.ones(PAIRS)))
    labelled = Z * np.sign(rng.uniform(-0.2, 1.0, size=(PAIRS, 1)) * (Z @ theta)[:, None])
    m = labelled @ theta
    for eps in RADII["flip"]:
        plan = flip.flip_adversary(m, float(np.linalg.norm(theta)), eps, KAPPA)
        parts.append(part("flip", eps, m, plan.flipped, (1.0 - 2.0 * plan.flipped) * m, np.ones(PAIRS)))
    costs = np.linalg.norm(labelled[:, None] - labelled[None], axis=2)
    for eps in RADII["reweight"]:
        weights = reweight.reweight(logistic(m), costs, eps).weights * PAIRS
        parts.append(part("reweight", eps, m, np.maximum(1.0 - weights, 0.0), m, weights))
    return pd.concat(parts, ignore_index=True).assign(seed=seed, replication=0)


def part(
    ball: str, eps: float, margin: np.ndarray, moved: np.ndarray, landed: np.ndarray, weight: np.ndarray
) -> pd.DataFrame:
    """Rows of one follower at one radius, a row a pair."""
    columns = [ball, eps, np.arange(len(margin)), margin, moved, landed, weight]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
