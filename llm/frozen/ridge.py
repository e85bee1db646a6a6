"""The simulator's one-versus-all ridge in BLAS, for features as wide as a transformer's.

``learners`` spells every sum out so that it compiles and is the same to the last bit; at d = 384
and K = 150 that is hopeless in plain Python.  ``BlockRidge`` computes the same state with matrix
products (agreement 1e-8, tested), and answers the loop by row number: between two purchases P and
theta do not change, so scores and widths of the next rows come from one product, over a block that
doubles until the next purchase.
"""

import math
from time import perf_counter

import numpy as np
from scipy.linalg.blas import dger

from sim.rules import learners

FIRST, LAST = 2, 256  # rows of the first block after a purchase, and of the largest
TEMPERATURE = 0.1  # of the softmax that turns ridge scores (about 0..1) into a distribution


class BlockRidge:
    """A ``sim.loop.Learner`` over rows of X (T, d), asked for by their number.

    ``view`` is what stands in the place of ||psi||_P in the answer: the width itself, the entropy of
    the scores, or exp(-gap/width) (see ``shown``); psi and the update are always the ridge's own.
    seconds: "scoring" and "train" so far; bought: the row numbers of the labels, in order.
    """

    def __init__(self, X: np.ndarray, K: int, lam: float, refresh: int, view: str = "width") -> None:
        d = X.shape[1]
        self._X, self._lam, self._refresh, self._view = X, lam, refresh, view
        self._V, self._P = np.asfortranarray(lam * np.eye(d)), np.asfortranarray(np.eye(d) / lam)
        self._theta, self._moments = np.zeros((d, K)), np.zeros((d, K))
        self._psi = self._potential = 0.0
        self._wide = self._n = 0
        self._start = self._stop = 0
        self._length = FIRST
        self._scores, self._w2 = np.zeros((0, K)), np.zeros(0)
        self.seconds = {"scoring": 0.0, "train": 0.0}
        self.bought: list[int] = []

    def predict(self, x: int) -> tuple[np.ndarray, float]:
        """Scores (K,) and ||psi||_P^2, or what ``view`` shows in its place, of row number x."""
        if not self._start <= x < self._stop:
            self._score_block(int(x))
        i = x - self._start
        scores, w2 = self._scores[i], float(self._w2[i])
        return scores, w2 if self._view == "width" else shown(self._view, scores, w2)

    def update(self, x: int, one_hot: np.ndarray) -> None:
        """Learn the bought label one_hot (K,) of row number x (Sherman-Morrison)."""
        began = perf_counter()
        self.learn(self._X[x], one_hot)
        self.bought.append(int(x))
        self._stop, self._length = self._start, FIRST
        self.seconds["train"] += perf_counter() - began

    def learn(self, z: np.ndarray, y: np.ndarray) -> None:
        """The rank-one update for a design vector z (d,) with targets y (K,)."""
        Pz = self._P @ z
        w2 = max(float(z @ Pz), 0.0)
        shrink = 1.0 / (1.0 + w2)
        self._theta += np.outer(Pz, (y - z @ self._theta) * shrink)
        for k in np.flatnonzero(y):
            self._moments[:, k] += y[k] * z
        dger(1.0, z, z, a=self._V, overwrite_a=True)
        dger(-shrink, Pz, Pz, a=self._P, overwrite_a=True)
        self._psi += math.log1p(w2)
        self._potential += w2
        self._wide += 1 if w2 >= learners.WIDE else 0
        self._n += 1
        if self._n % self._refresh == 0:
            self._rebuild()

    def state(self) -> learners.Ridge:
        """The regression's state (its arrays are live, not copies)."""
        return learners.Ridge(
            self._V, self._P, self._theta, self._moments, self._psi, self._potential, self._wide, self._n
        )

    def _relearn(self, Z: np.ndarray, Y: np.ndarray) -> None:
        """V, P, theta and psi from all design vectors Z (n, d) and their targets Y (n, K) at once."""
        self._V[:] = Z.T @ Z + self._lam * np.eye(Z.shape[1])
        self._moments[:] = Z.T @ Y
        self._rebuild()
        self._psi = float(np.linalg.slogdet(self._V)[1]) - Z.shape[1] * math.log(self._lam)

    def _rebuild(self) -> None:
        P = np.linalg.inv(self._V)
        self._P[:] = 0.5 * (P + P.T)
        self._theta[:] = self._P @ self._moments

    def _score_block(self, start: int) -> None:
        began = perf_counter()
        self._start, self._stop = start, min(start + self._length, len(self._X))
        rows = self._X[self._start : self._stop]
        self._scores = rows @ self._theta
        self._w2 = np.maximum(np.einsum("ij,ij->i", rows @ self._P, rows), 0.0)
        self._length = min(2 * self._length, LAST)
        self.seconds["scoring"] += perf_counter() - began


def unit(X: np.ndarray) -> np.ndarray:
    """The rows of X (n, width) scaled to norm 1; rows of zeros stay."""
    norms = np.sqrt((X * X).sum(axis=1, keepdims=True))
    return X / np.where(norms > 0, norms, 1.0)


def shown(view: str, scores: np.ndarray, w2: float) -> float:
    """The square width that makes the loop's width latency (radius 1) a control's own statistic.

    The loop forms w = sqrt(2 w2).  ``entropy``: w = entropy of softmax(scores / TEMPERATURE) [nats].
    ``ratio``: w = exp(-gap / width), which orders prompts as width / gap does and stays in (0, 1].
    """
    if view == "entropy":
        w = entropy(scores / TEMPERATURE)
    else:
        second, first = np.partition(scores, len(scores) - 2)[-2:]
        width = math.sqrt(2.0 * w2)
        w = math.exp(-(first - second) / width) if width > 0.0 else 0.0
    return w * w / 2.0


def entropy(logits: np.ndarray) -> float:
    """Entropy of softmax(logits) (K,) [nats], not below 0."""
    e = np.exp(logits - logits.max())
    p = e / e.sum()
    return max(float(-(p * np.log(np.maximum(p, 1e-300))).sum()), 0.0)
