"""What labels teach a language model: answers, and preferences between two answers.

Answers, with l(y) = log p(y | x) / tokens(y), gold y* and the follower's hardest shown answer y':
    loss = mean [ -l(y*) + weight * -log sigma(l(y*) - l(y')) ]
Preferences, with r(y) = log p(y | x) - log p_ref(y | x) and h = r(y_w) - r(y_l):
    dpo    -log sigma(beta h)                                                  Rafailov et al. (2023)
    ipo    (h' - 1/(2 beta))^2, h' of log-probabilities per token              Azar et al. (2024)
    rdpo   [(1-q) -log sigma(beta h) - q -log sigma(-beta h)] / (1-2q)         Chowdhury et al. (2024)
    moved  (1-f) -log sigma(beta h) + f -log sigma(beta h - c): the follower of SGPO moved a share f of
           the pair down by c (``sim.preference.window``, Chu et al. 2025); f = 0 is dpo
"""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import logsigmoid, softplus

from sim.preference.window import follower_window, window_low


class PreferenceSettings(NamedTuple):
    """beta of the implicit reward, q the share of flipped labels that rdpo assumes."""

    beta: float = 0.1
    q: float = 0.1


def answers(sums: torch.Tensor, counts: torch.Tensor, weight: float) -> torch.Tensor:
    """The loss of rows (gold, rival): log-probabilities and tokens (2 n,), gold first."""
    both = (sums / counts).view(-1, 2)
    return (-both[:, 0] + weight * softplus(both[:, 1] - both[:, 0])).mean()


def preference(
    kind: str,
    sums: torch.Tensor,
    counts: torch.Tensor,
    ref: torch.Tensor,
    o: PreferenceSettings,
    moved: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:
    """The loss of rows (winner, loser): log-probabilities, tokens and reference log-probabilities (2 n,) each.

    ``moved``: (share f (n,), shift c (n,)) of kind "moved".
    """
    ratio = sums - ref
    if kind == "ipo":
        h = (ratio / counts).view(-1, 2)
        return ((h[:, 0] - h[:, 1] - 1.0 / (2.0 * o.beta)) ** 2).mean()
    h = o.beta * (ratio.view(-1, 2)[:, 0] - ratio.view(-1, 2)[:, 1])
    if kind == "rdpo":
        return ((-(1.0 - o.q) * logsigmoid(h) + o.q * logsigmoid(-h)) / (1.0 - 2.0 * o.q)).mean()
    if kind == "moved" and moved is not None:
        f, c = moved
        return (-(1.0 - f) * logsigmoid(h) - f * logsigmoid(h - c)).mean()
    return -logsigmoid(h).mean()


def follower(margins: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """(share moved (n,), shift (n,)) of margins (n,) of implicit reward: the closed-form reply within distance eps.

    The window begins .05 below the smallest margin (``sim.preference.window``); eps = 0 moves nothing.
    """
    if len(margins) < 2:
        return np.zeros(len(margins)), np.zeros(len(margins))
    told = follower_window(margins, window_low(margins), eps)
    return np.asarray(told.moved), np.asarray(told.shift)


def ranking_identity(loss: np.ndarray, chosen: np.ndarray, ref: np.ndarray, beta: float) -> int:
    """Pairs on which "the policy ranks rightly" and "its DPO loss is below -log sigma(beta c)" differ; should be 0.

    loss (n,) of the pairs as training computes it; chosen, ref (n, 2) log-probabilities of winner and loser under
    policy and reference as scoring does; c = log p_ref(y_l)/p_ref(y_w).  Pairs nearer to a tie than float32 resolves (a
    millionth of the log-probabilities) do not count.
    """
    bar = np.logaddexp(0.0, -beta * (ref[:, 1] - ref[:, 0]))
    ahead = chosen[:, 0] - chosen[:, 1]
    clear = np.abs(ahead) > 1e-6 * (np.abs(chosen).max(axis=1) + np.abs(ref).max(axis=1))
    return int(np.sum(clear & ((ahead > 0.0) != (loss < bar))))
