"""A tuned language model as a learner of ``sim.loop.play_pools``.

Scores and widths are the ridge's on the features of the present weights.  A label teaches the ridge at once; when
the information bought since the last fit exceeds ``refit_growth`` the model is fitted anew to all labels, features
are computed again and V is rebuilt.  The rebuilt V may hold less information, so a fit counts from the larger of psi
before and after it: what it counts from never falls, and lemma 0 bounds the fits by 1 + D_B / refit_growth though
features change.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch

from llm.clock import counted
from llm.generative import objective, packed
from llm.generative.features import PoolRidge
from llm.generative.policy import Loss, Policy
from llm.generative.spec import ADPO_MARGIN, Cell, LmSpec
from llm.generative.stream import Stream
from sim.rules.leader import View
from sim.rules.learners import Ridge

PARTS = ("features", "scoring", "train", "evaluate")
ONLINE = {"answers": "sft", "preferences": "dpo"}  # the method of the fits in the course of a stream
Item = tuple[int, int, int]  # a label: round, better answer, worse answer


class TunedPools:
    """A ``sim.loop.PoolLearner``; ``items`` are the labels so far."""

    def __init__(self, spec: LmSpec, cell: Cell, stream: Stream, policy: Policy) -> None:
        self.spec, self.stream, self.policy = spec, stream, policy
        self.ridge = PoolRidge(stream.base.copy(), spec.lam, 4096, spec.teaches)
        self.items: list[Item] = []
        self.refits = self.version = 0
        self._fits: dict[str, tuple[list[Item], dict[str, torch.Tensor]]] = {}
        self._key, self._mark, self._block = (cell.seed, cell.replication), 0.0, (0, stream.T)
        self._held, self._held_version = stream.held_base, 0
        self.seconds = dict.fromkeys(PARTS, 0.0)

    def score(self, t: int) -> np.ndarray:
        """Estimated payoffs (N,) of round t under the present weights."""
        self._encode(t)
        return self.ridge.score(t)

    def widths(self, t: int, pick: int, shown: np.ndarray) -> np.ndarray:
        """Square widths (M + 1,) of the shown answers against the pick."""
        return self.ridge.widths(t, pick, shown)

    def teach(self, t: int, view: View, shown: np.ndarray, gold: int) -> None:
        """Learn a label; the rival is the shown answer that the leader scores highest beside the gold."""
        scores = self.ridge.score(t)
        rival = max((int(k) for k in shown if k != gold), key=lambda k: scores[k])
        self.ridge.teach(t, view, shown, gold)
        self.items.append((t, int(gold), rival))
        if 0.0 < self.spec.tune.refit_growth < self.ridge.state().psi - self._mark:
            self.refits += 1
            self.refit(t)

    def state(self) -> Ridge:
        """The ridge's state (its arrays are live, not copies)."""
        return self.ridge.state()

    def accuracy(self) -> float:
        """Held-out accuracy of the leader's scores on the features of the present weights."""
        with self.clock("evaluate"):
            if self._held_version != self.version:
                self._held, self._held_version = self.stream.phi(self.stream.held), self.version
            return float(np.mean(self.ridge.picks(self._held) == self.stream.held_gold))

    def lessons(self, t: int) -> list[Item]:
        """What the model is fitted to before round t + 1: the bought labels."""
        return self.items

    def refit(self, t: int) -> None:
        """Fit the untuned model to all labels so far, then features, V, P and theta anew."""
        before = self.ridge.state().psi
        with self.clock("train"):
            self.fit(self.lessons(t), ONLINE[self.spec.mode])
        self.version += 1
        with self.clock("features"):
            self.stream.new_weights()
            for start, Phi in zip(self.ridge.rounds, self.stream.phi(self.ridge.rounds), strict=True):
                self.ridge.put(start, Phi[None])
            self.ridge.rebuild()
        self._mark, self._block = max(before, self.ridge.state().psi), (0, 0)

    def fit(self, items: list[Item], method: str) -> None:
        """Train the untuned weights on the items by a method; what it was last fitted to is not fitted again."""
        known, weights = self._fits.get(method, ([], {}))
        if weights and known == items:
            self.policy.restore(weights)
            return
        self.policy.begin_again()
        rows, states = self.rows(items)
        self.policy.fit(rows, states, self.loss(items, method), self.spec.tune.epochs, (*self._key, len(items)))
        self._fits[method] = (list(items), self.policy.snapshot())

    def rows(self, items: list[Item]) -> tuple[list[packed.Packed], list[torch.Tensor]]:
        """Rows of two answers, the better one first, and their states."""
        whole, states = self.stream.pack([t for t, _, _ in items])
        kept = [packed.keep(row, both) for row, (_, *both) in zip(whole, items, strict=True)]
        return [row for row, _ in kept], [s[torch.from_numpy(at)] for s, (_, at) in zip(states, kept, strict=True)]

    def loss(self, items: list[Item], method: str) -> Loss:
        """The loss of rows of the items."""
        if self.spec.mode == "answers":
            weight = self.spec.tune.stackelberg
            return lambda sums, counts, at: objective.answers(sums, counts, weight)
        o = objective.PreferenceSettings(self.spec.tune.beta, self.spec.tune.flip)
        ref = self.reference(items)
        return lambda sums, counts, at: objective.preference(method, sums, counts, ref[at].reshape(-1), o)

    def reference(self, items: list[Item]) -> torch.Tensor:
        """Log-probabilities (n, 2) of better and worse under the untuned weights."""
        told = [self.stream.reference[t][0][[a, b]] for t, a, b in items]
        return torch.tensor(np.array(told).reshape(-1, 2), dtype=torch.float32, device=self.stream.lm.device)

    def rewards(self, places: Sequence[int]) -> np.ndarray:
        """Implicit rewards beta log(p / p_ref) (n, N) of some rounds' answers."""
        told = zip(places, self.stream.scores(places), strict=True)
        return self.spec.tune.beta * np.array([logs - self.stream.reference[t][0] for t, (logs, _) in told])

    def clock(self, part: str) -> AbstractContextManager[None]:
        """Count the seconds inside as those of a part."""
        return counted(self.seconds, part)

    def _encode(self, t: int) -> None:
        start, stop = self._block
        if not start <= t < stop:
            self._block = (t, min(t + self.spec.block, self.stream.T))
            with self.clock("scoring"):
                self.ridge.put(t, self.stream.phi(range(*self._block)))


class OwnMargin(TunedPools):
    """The gate ``adpo``: the model's own margin m = beta (r(y1) - r(y2)) decides.

    |m| <= ADPO_MARGIN: buy; else the sign of m is a label that costs nothing.  The released rule, its constant
    included; the regret latency alpha w - |m| of the loop is it where w = ADPO_MARGIN for every pair.
    """

    def __init__(self, spec: LmSpec, cell: Cell, stream: Stream, policy: Policy) -> None:
        super().__init__(spec, cell, stream, policy)
        self._own = np.zeros((stream.T, stream.N))
        self._own_block = (0, stream.T)

    def score(self, t: int) -> np.ndarray:
        """Implicit rewards (2,) of round t's answers."""
        start, stop = self._own_block
        if not start <= t < stop:
            self._own_block = (t, min(t + self.spec.block, self.stream.T))
            with self.clock("scoring"):
                self._own[slice(*self._own_block)] = self.rewards(range(*self._own_block))
        return self._own[t]

    def widths(self, t: int, pick: int, shown: np.ndarray) -> np.ndarray:
        """The square of the margin that is sure enough, for every answer but the pick."""
        return np.where(shown == pick, 0.0, ADPO_MARGIN**2)

    def teach(self, t: int, view: View, shown: np.ndarray, gold: int) -> None:
        self._encode(t)
        super().teach(t, view, shown, gold)

    def refit(self, t: int) -> None:
        super().refit(t)
        self._own_block = (0, 0)

    def free(self, t: int) -> list[Item]:
        """Labels by the sign of the margin, of the rounds up to t that were sure enough."""
        bought = set(self.ridge.rounds)
        sure = [i for i in range(t + 1) if i not in bought and abs(self._own[i, 0] - self._own[i, 1]) > ADPO_MARGIN]
        return [(i, int(self._own[i].argmax()), int(self._own[i].argmin())) for i in sure]

    def lessons(self, t: int) -> list[Item]:
        return self.items + self.free(t)
