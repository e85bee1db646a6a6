"""Preference methods after the stream: from the same bought labels, each from the untuned weights.

dpo, ipo, rdpo  one fit on the bought labels
spa, ssapo_0, ssapo  the dpo fit, then rounds in which the model labels pairs that were not bought by the sign of its
    own implicit reward and is trained on; spa on labels smoothed by rdpo's share, ssapo against the follower that
    moves the margins within distance eps (closed form), ssapo_0 the same with eps = 0, its control.
The reference stays the untuned model.  Bought labels are replayed in every round.
"""

import numpy as np
import torch

from llm.generative import objective
from llm.generative.learner import Item, TunedPools
from llm.generative.spec import SELF


def train(learner: TunedPools, method: str, items: list[Item], spare: list[int], key: tuple[int, int]) -> None:
    """Leave the policy trained by ``method`` on the items (labels) and, if it annotates, on the rounds ``spare``."""
    learner.fit(items, "dpo" if method in SELF else method)
    if method not in SELF or not spare:
        return
    rounds = learner.spec.tune.rounds
    for r, part in enumerate(np.array_split(np.array(spare), rounds)):
        own, margins = annotated(learner, [int(t) for t in part])
        if own:
            _round(learner, method, items, own, margins, (*key, 1000 + r))


def annotated(learner: TunedPools, places: list[int]) -> tuple[list[Item], np.ndarray]:
    """The model's own labels of some pairs, and their margins beta (r_w - r_l) >= 0."""
    own = learner.rewards(places)
    order = np.argsort(own, axis=1, kind="stable")
    items = [(t, int(best), int(worst)) for t, worst, best in zip(places, order[:, 0], order[:, -1], strict=True)]
    return items, own.max(axis=1) - own.min(axis=1)


def _round(
    learner: TunedPools, method: str, bought: list[Item], own: list[Item], margins: np.ndarray, key: tuple[int, ...]
) -> None:
    """One round of training on the model's own labels and the bought ones, from the present weights."""
    tune, items = learner.spec.tune, bought + own
    share, shift = objective.follower(margins, tune.eps if method == "ssapo" else 0.0)
    pad = np.zeros(len(bought))
    moved = [torch.tensor(np.concatenate([pad, a]), dtype=torch.float32) for a in (share, shift)]
    moved = [a.to(learner.stream.lm.device) for a in moved]
    o = objective.PreferenceSettings(tune.beta, tune.flip)
    ref = learner.reference(items)
    kind = "rdpo" if method == "spa" else "moved"

    def loss(sums, counts, at):
        return objective.preference(kind, sums, counts, ref[at].reshape(-1), o, (moved[0][at], moved[1][at]))

    rows, states = learner.rows(items)
    learner.policy.fit(rows, states, loss, 1.0, key)
