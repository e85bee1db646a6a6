"""phi(x, y) from pooled states of a language model, and the simulator's ridge on the differences of candidates.

    product  (u(x) - u0) * (v(y) - v0), prompt and answer read alone, each centred and scaled to norm 1
    answer   v(y) - v0, the answer alone;      joint  the answer's state given the prompt, centred within the prompt
every phi scaled to norm 1, so that differences have norm at most L = 2.  The centres u0, v0 are means over
prompts and answers that are not played, where there are enough (no labels).
"""

from collections.abc import Sequence

import numpy as np

from llm.frozen import ridge
from sim.rules.leader import View

KINDS = ("product", "answer", "joint")
L = 2.0  # largest norm of a difference of two phi


def product(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """phi (n, N, d) of centred prompts u (n, d) and answers v (n, N, d)."""
    return unit(unit(u)[:, None, :] * unit(v))


def unit(X: np.ndarray) -> np.ndarray:
    """X (..., d) scaled to norm 1 along the last axis; zeros stay."""
    return ridge.unit(X.reshape(-1, X.shape[-1])).reshape(X.shape)


class PoolRidge(ridge.BlockRidge):
    """A ``sim.loop.PoolLearner``: one theta for all answers, learned from differences of the shown ones.

    Phi (T, N, d) may be replaced a block at a time (``put``) when the model changes; ``rebuild`` then makes
    V, P and theta anew from the bought rounds.  ``teaches``: pair, one vector a label, the compared pair as in the
    simulator's pair feedback; or shown, the gold answer against each shown one, M vectors a label.
    """

    def __init__(self, Phi: np.ndarray, lam: float, refresh: int, teaches: str = "shown") -> None:
        T, self._N, d = Phi.shape
        super().__init__(Phi.reshape(T * self._N, d), 1, lam, refresh)
        self._teaches = teaches
        self.taught: list[tuple[int, int, int, float]] = []  # round, first and second answer, target
        self.rounds: list[int] = []

    def score(self, t: int) -> np.ndarray:
        """Estimated payoffs (N,) of round t."""
        return self._X[t * self._N : (t + 1) * self._N] @ self._theta[:, 0]

    def widths(self, t: int, pick: int, shown: np.ndarray) -> np.ndarray:
        """Square widths (M + 1,) of the shown answers against the pick."""
        rows = self._X[t * self._N + shown] - self._X[t * self._N + pick]
        return np.maximum(np.einsum("ij,ij->i", rows @ self._P, rows), 0.0)

    def teach(self, t: int, view: View, shown: np.ndarray, gold: int) -> None:
        """Learn that ``gold`` is the best of round t's shown answers."""
        for first, second, y in lessons(self._teaches, view, shown, gold):
            self.taught.append((t, first, second, y))
            self.learn(self._difference(t, first, second), np.array([y]))
        self.rounds.append(t)

    def put(self, start: int, Phi: np.ndarray) -> None:
        """Replace the features of rounds ``start``... by Phi (n, N, d)."""
        self._X[start * self._N : (start + len(Phi)) * self._N] = Phi.reshape(-1, Phi.shape[-1])

    def rebuild(self) -> None:
        """V, P, theta and psi from the present features of everything taught."""
        d = self._X.shape[1]
        Z = np.array([self._difference(t, a, b) for t, a, b, _ in self.taught]).reshape(-1, d)
        self._relearn(Z, np.array([lesson[3] for lesson in self.taught]).reshape(-1, 1))

    def picks(self, Phi: np.ndarray) -> np.ndarray:
        """Places (n,) of the best of all candidates Phi (n, N, d), ties to the lowest."""
        return np.argmax(Phi @ self._theta[:, 0], axis=1)

    def _difference(self, t: int, first: int, second: int) -> np.ndarray:
        return self._X[t * self._N + first] - self._X[t * self._N + second]


def lessons(teaches: str, view: View, shown: Sequence[int] | np.ndarray, gold: int) -> list[tuple[int, int, float]]:
    """What a label teaches: (first, second, target) with z = phi_first - phi_second."""
    if teaches == "shown":
        return [(gold, int(k), 1.0) for k in shown if k != gold]
    low, high = min(view.pick, view.rival), max(view.pick, view.rival)
    return [(int(low), int(high), float(low == gold) - float(high == gold))]
