"""One replication of a data set under one model: its prompts in order of arrival, and what the untuned model says.

Everything here is computed once and shared by all gates: the trunk's states of every text, the features of the
untuned model, the reference log-probabilities.  Nothing depends on which gate asks first.
"""

from collections.abc import Sequence
from time import perf_counter

import numpy as np
import torch

from llm.errors import DataError
from llm.generative import features
from llm.generative.language import Language
from llm.generative.packed import Packed
from llm.generative.pools import Pools
from llm.generative.spec import LmSpec
from sim.rules import draws
from sim.rules.streams import permutation

CENTRE = 32  # prompts whose features are the centre; where too few are left over, the first that are played


class Texts:
    """Distinct texts as rows, with the trunk's states, and their pooled features under the present top."""

    def __init__(self, lm: Language, texts: Sequence[str], cut: int) -> None:
        self._lm = lm
        names = list(dict.fromkeys(texts))
        number = {name: i for i, name in enumerate(names)}
        self.at = np.array([number[t] for t in texts], dtype=np.int64)
        self._rows = [lm.text(name, cut) for name in names]
        self._states = lm.states(self._rows)
        self.forget()

    def forget(self) -> None:
        """The top has changed: nothing is known any more."""
        self._known = np.zeros(len(self._rows), dtype=bool)
        self._pooled = np.zeros((len(self._rows), self._lm.width))

    def pooled(self, places: np.ndarray) -> np.ndarray:
        """Features (n, width) of some of the given texts, by their places."""
        wanted = np.unique(self.at[places])
        new = wanted[~self._known[wanted]]
        if len(new):
            self._pooled[new] = self._lm.pooled([self._rows[i] for i in new], [self._states[i] for i in new])
            self._known[new] = True
        return self._pooled[self.at[places]]


class Stream:
    """T rounds, n' held-out prompts and CENTRE others, in this order, with N answers each.

    gold (T,), held_gold (n',);  base, held_base  phi of the untuned model (T, N, d) and (n', N, d)
    reference  (log-probabilities, tokens) of the untuned model by place: of the held-out prompts, of pairs for all
    """

    def __init__(self, spec: LmSpec, pools: Pools, lm: Language, replication: int) -> None:
        began = perf_counter()
        keys = draws.stream_keys(spec.seed, replication)
        rows = permutation(keys[draws.PERMUTATION], len(pools.prompts))
        if len(rows) < spec.rounds:
            raise DataError(f"T = {spec.rounds} rounds with {len(rows)} training prompts; give --rounds {len(rows)}")
        held = np.sort(permutation(draws.stream_keys(0, 0)[draws.PERMUTATION], len(pools.held_prompts))[: spec.held])
        centre = rows[spec.rounds :][-CENTRE:] if len(rows) >= spec.rounds + CENTRE else rows[:CENTRE]
        self.spec, self.lm, self.keys, self.T = spec, lm, keys, spec.rounds
        played = rows[: spec.rounds]
        self.gold, self.held_gold = pools.gold[played], pools.held_gold[held]
        self.prompts = [pools.prompts[i] for i in played] + [pools.held_prompts[i] for i in held]
        self.answers = [pools.answers[i] for i in played] + [pools.held_answers[i] for i in held]
        self.N = pools.N
        self.lengths = np.array([[len(a) for a in own] for own in self.answers], dtype=float)
        prompts = self.prompts + [pools.prompts[i] for i in centre]
        answers = self.answers + [pools.answers[i] for i in centre]
        self._n = len(prompts)
        self._u = Texts(lm, prompts, spec.prompt_tokens)
        self._v = Texts(lm, [a for own in answers for a in own], spec.answer_tokens)
        self._packed: dict[int, tuple[Packed, torch.Tensor]] = {}
        self.new_weights()
        self.base, self.held_base = self.phi(range(self.T)), self.phi(range(self.T, len(self.prompts)))
        first = 0 if spec.mode == "preferences" else self.T
        told = self.scores(range(first, len(self.prompts)))
        self.reference = dict(zip(range(first, len(self.prompts)), told, strict=True))
        self.seconds = perf_counter() - began

    @property
    def held(self) -> range:
        """Places of the held-out prompts."""
        return range(self.T, len(self.prompts))

    def pack(self, places: Sequence[int]) -> tuple[list[Packed], list[torch.Tensor]]:
        """Prompts with all their answers in one row, and the trunk's states.

        A row that is new is computed alone, so that its bits do not depend on who asked for what before.
        """
        for i in places:
            if i not in self._packed:
                s = self.spec
                row = self.lm.row(self.prompts[i], self.answers[i], s.prompt_tokens, s.answer_tokens)
                self._packed[i] = (row, self.lm.states([row])[0])
        return [self._packed[i][0] for i in places], [self._packed[i][1] for i in places]

    def scores(self, places: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        """(log-probabilities, tokens), (N,) each, of the answers under the present weights."""
        return self.lm.scores(*self.pack(places))

    def new_weights(self) -> None:
        """The top has changed: features are computed anew when they are asked for."""
        self._u.forget()
        self._v.forget()
        self._means: tuple[np.ndarray, np.ndarray] | None = None

    def phi(self, places: Sequence[int]) -> np.ndarray:
        """Features (n, N, d) of some prompts' answers under the present weights."""
        at = np.asarray(list(places), dtype=np.int64)
        if self.spec.features == "joint":
            states = np.array(self.lm.endings(*self.pack([int(i) for i in at])))
            return features.unit(states - states.mean(axis=1, keepdims=True))
        if self._means is None:
            last = np.arange(len(self.prompts), self._n)
            self._means = self._prompts(last).mean(0), self._answers(last).mean((0, 1))
        v = self._answers(at) - self._means[1]
        if self.spec.features == "answer":
            return features.unit(v)
        return features.product(self._prompts(at) - self._means[0], v)

    def _prompts(self, at: np.ndarray) -> np.ndarray:
        return self._u.pooled(at)

    def _answers(self, at: np.ndarray) -> np.ndarray:
        places = (at[:, None] * self.N + np.arange(self.N)).ravel()
        return self._v.pooled(places).reshape(len(at), self.N, -1)
