"""What a bought label teaches: cross-entropy and the Stackelberg term against the follower.

    loss = mean [ -log softmax(s)_{y*} + weight * -log sigma(s_{y*} - s_{y'}) ]
    y' = the wrong candidate with the highest score among those that the follower shows
The follower is the simulator's hard negative: beside the gold it shows the M candidates that the
leader's committed scores rank highest (``sim.rules.followers.smallest``); y' is the network's own worst
among them, a subset of the label set, so the term pulls on one pair where cross-entropy pulls on all.
"""

import numpy as np
import torch
from torch import nn

from sim.rules import followers


def alternatives(scores: np.ndarray, y: np.ndarray, M: int) -> np.ndarray:
    """The M wrong candidates shown beside the gold: (n, M) indices, ascending in each row.

    scores (n, K) the leader's committed scores, y (n,) the gold; M is cut to K - 1.
    """
    K = scores.shape[1]
    M = min(M, K - 1)
    out = np.zeros((len(y), M), dtype=np.int64)
    shown = np.zeros(M + 1, dtype=np.int64)
    for i, gold in enumerate(y):
        followers.smallest(-scores[i], int(gold), -1, M, shown)
        out[i] = shown[shown != gold]
    return out


def stackelberg(scores: torch.Tensor, y: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """Mean of -log sigma(s(x, y*) - s(x, y')); scores (n, K), y (n,), shown (n, M) without the gold."""
    worst = scores.gather(1, shown).max(dim=1).values
    return nn.functional.softplus(worst - scores.gather(1, y[:, None])[:, 0]).mean()


def loss(scores: torch.Tensor, y: torch.Tensor, shown: torch.Tensor, weight: float) -> torch.Tensor:
    """Cross-entropy + weight * Stackelberg term; weight 0 is plain cross-entropy."""
    entropy = nn.functional.cross_entropy(scores, y)
    return entropy if weight == 0.0 else entropy + weight * stackelberg(scores, y, shown)
