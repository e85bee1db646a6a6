"""A learner that answers from memory, so that a run can be taken up where it stopped.

``sim.loop`` keeps what was spent, counted and recorded to itself.  A resumed run therefore plays the
loop again from round 0, and until the checkpoint's round a ``Replay`` stands in for the learner: it
gives the remembered scores, widths and psi.  The same floats lead the same code to the same
decisions, so everything in the loop comes out to the bit without having been saved; no text is
encoded and nothing is trained on the way.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from llm.errors import CacheError
from sim.rules import learners

EMPTY = np.zeros((0, 0))


class Resumable(Protocol):
    """What a replay asks of the learner that it stands in for."""

    def predict(self, x: Any) -> tuple[np.ndarray, float]: ...

    def update(self, x: Any, one_hot: np.ndarray) -> None: ...

    def state(self) -> learners.Ridge: ...


class Replay:
    """A ``sim.loop.Learner`` around another: remembered answers before the restored round, live ones from it on.

    T rounds, K classes.  ``before(t)`` is called before every live round t (0-based) and may write a
    checkpoint.  told: the numbers that every evaluation so far gave.
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
