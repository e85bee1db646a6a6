"""A learner that remembers its answers, so that a run can be taken up where it stopped.

``sim.loop`` keeps purse, tally and rows to itself, and it stays as it is: a resumed run plays the
loop again from round 0, with the journal in the learner's place until the checkpoint's round.  The
loop asks a learner for scores, a width and psi; given the same floats, the same code takes the same
decisions, so purse, tally, coins and recorded rows come out to the bit without having been saved.
No text is encoded and nothing is trained on the way.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from llm.errors import CacheError
from sim.rules import learners

EMPTY = np.zeros((0, 0))


class Resumable(Protocol):
    """What the journal asks of the learner inside."""

    def predict(self, x: Any) -> tuple[np.ndarray, float]: ...

    def update(self, x: Any, one_hot: np.ndarray) -> None: ...

    def state(self) -> learners.Ridge: ...


class Journal:
    """A ``sim.loop.Learner`` around another: answers from memory before round ``upto``, live from it on.

    ``before(t)`` is called before every live round: the place for a checkpoint.  told: what every
    evaluation so far measured.
    """

    def __init__(self, inner: Resumable, T: int, K: int, before: Callable[[int], None]) -> None:
        self._inner, self._before = inner, before
        self._scores, self._w2 = np.zeros((T, K)), np.zeros(T)
        self._bought: list[int] = []
        self._states = [_scalars(inner.state())]
        self._n = 0
        self.told: list[list[float]] = []
        self._asked = 0
        self._upto = 0

    def predict(self, x: int) -> tuple[np.ndarray, float]:
        """The learner's answer in round x, remembered or live."""
        if x >= self._upto:
            self._before(int(x))
            self._scores[x], self._w2[x] = self._inner.predict(x)
        return self._scores[x], float(self._w2[x])

    def update(self, x: int, one_hot: np.ndarray) -> None:
        """A bought label; raises CacheError if a replayed run buys what the first did not."""
        self._n += 1
        if x >= self._upto:
            self._inner.update(x, one_hot)
            self._bought.append(int(x))
            self._states.append(_scalars(self._inner.state()))
        elif self._n > len(self._bought) or self._bought[self._n - 1] != x:
            raise CacheError(f"the checkpoint's run did not buy round {x + 1}: it is of another program; delete it")

    def state(self) -> learners.Ridge:
        """psi, potential, wide and n after the labels so far; while remembering, without arrays."""
        if self._n == len(self._bought):
            return self._inner.state()
        psi, potential, wide = self._states[self._n]
        return learners.Ridge(EMPTY, EMPTY, EMPTY, EMPTY, psi, potential, int(wide), self._n)

    def tell(self, measure: Callable[[], list[float]]) -> list[float]:
        """The next evaluation's numbers, remembered or measured."""
        if self._asked == len(self.told):
            self.told.append(measure())
        self._asked += 1
        return self.told[self._asked - 1]

    @property
    def evaluations(self) -> int:
        """How many evaluations were made so far."""
        return self._asked

    def snapshot(self, t: int) -> dict:
        """What happened before round t."""
        return {
            "scores": self._scores[:t],
            "w2": self._w2[:t],
            "bought": list(self._bought),
            "states": [list(s) for s in self._states],
            "told": [list(v) for v in self.told],
        }

    def restore(self, t: int, saved: dict) -> None:
        """Answer the rounds before t from memory."""
        self._scores[:t], self._w2[:t] = saved["scores"], saved["w2"]
        self._bought = [int(b) for b in saved["bought"]]
        self._states = [(float(a), float(b), float(c)) for a, b, c in saved["states"]]
        self.told = [[float(v) for v in row] for row in saved["told"]]
        self._upto = t


def _scalars(s: learners.Ridge) -> tuple[float, float, float]:
    return float(s.psi), float(s.potential), float(s.wide)
