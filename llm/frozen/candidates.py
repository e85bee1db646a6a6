"""Multiple choice in frozen mode: one ridge over the features of (prompt, candidate) pairs.

phi(x, c) = features of the text "x c"; with a causal model beside it the probability that the model
itself gives the candidate among its rivals (softmax of the log-likelihoods), both halves scaled so
that ||phi|| <= 1.  The leader picks argmax_c <theta, phi(x, c)>; a bought label teaches every
candidate of the prompt (1 for the gold, 0 for the others).  The width of a prompt is that of its
least certain comparison, max_c ||phi(x, c) - phi(x, pick)||_P.
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from llm.errors import DataError
from llm.frozen import features, ridge


class Pairs(NamedTuple):
    """Rows X (pairs, d) and, for each of n prompts, the numbers of its rows: at (n, K), -1 where it
    has fewer than K candidates."""

    X: np.ndarray
    at: np.ndarray

    def of(self, prompts: np.ndarray) -> "Pairs":
        """The same rows for some of the prompts, in their order."""
        return Pairs(self.X, self.at[prompts])


class Prior:
    """An ``Encoder`` of prompts with candidates, each a JSON text: probabilities (n, K), 0 for none."""

    def __init__(self, model: Any, K: int) -> None:
        self._model, self._K = model, K

    def encode(
        self, texts: Sequence[str], batch_size: int = 32, note: Callable[[int], None] | None = None
    ) -> np.ndarray:
        out = np.zeros((len(texts), self._K))
        for i, text in enumerate(texts):
            prompt, candidates = json.loads(text)
            logs = self._model.loglik(prompt, candidates)
            e = np.exp(logs - logs.max())
            out[i, : len(e)] = e / e.sum()
        return out

    def digest(self) -> str:
        return f"{self._model.digest()} prior {self._K}"


def encode(
    model: Any,
    prompts: Sequence[str],
    sets: Sequence[Sequence[str]],
    K: int,
    folder: Path,
    batch_size: int = 32,
    note: Callable[[int], None] | None = None,
) -> Pairs:
    """Pairs of prompts and their candidates, from the feature cache or computed and put there."""
    sizes = np.array([len(s) for s in sets])
    starts = np.cumsum(sizes) - sizes
    at = np.where(np.arange(K) < sizes[:, None], starts[:, None] + np.arange(K), -1)
    X = features.cached(model, [f"{p} {c}" for p, s in zip(prompts, sets, strict=True) for c in s], folder, batch_size)
    X = ridge.unit(X)
    if model.kind == "causal":
        texts = [json.dumps([p, list(s)]) for p, s in zip(prompts, sets, strict=True)]
        prior = features.cached(Prior(model, K), texts, folder, batch_size)
        X = np.hstack([X, prior[at >= 0][:, None]]) / math.sqrt(2.0)
    if note:
        note(len(prompts))
    return Pairs(X, at)


class CandidateRidge(ridge.BlockRidge):
    """A ``sim.loop.Learner`` over prompts with candidates of their own, asked for by number."""

    def __init__(self, pairs: Pairs, lam: float, refresh: int, view: str = "width") -> None:
        super().__init__(pairs.X, 1, lam, refresh, view)
        self._at = pairs.at

    def predict(self, x: int) -> tuple[np.ndarray, float]:
        """Scores (K,), -inf where there is no candidate, and half the square width (see ``leader``)."""
        began = perf_counter()
        rows = self._X[self._at[x][self._at[x] >= 0]]
        scores = np.full(self._at.shape[1], -np.inf)
        scores[: len(rows)] = rows @ self._theta[:, 0]
        Z = rows - rows[int(np.argmax(scores))]
        w2 = 0.5 * max(float(np.einsum("ij,ij->i", Z @ self._P, Z).max()), 0.0)
        self.seconds["scoring"] += perf_counter() - began
        return scores, w2 if self._view == "width" else ridge.shown(self._view, scores[: len(rows)], w2)

    def update(self, x: int, one_hot: np.ndarray) -> None:
        """Learn every candidate of prompt x; one_hot (K,) tells the gold."""
        began = perf_counter()
        for k, row in enumerate(self._at[x]):
            if row >= 0:
                self.learn(self._X[row], one_hot[k : k + 1])
        self.bought.append(int(x))
        self.seconds["train"] += perf_counter() - began


def picks(pairs: Pairs, theta: np.ndarray) -> np.ndarray:
    """Place of every prompt's best candidate (n,), ties to the lowest."""
    scores = np.append(pairs.X @ theta, -np.inf)
    return np.argmax(scores[pairs.at], axis=1)


def logistic(pairs: Pairs, bought: Sequence[int], y: np.ndarray, test: Pairs, c: float) -> np.ndarray:
    """Picks for the test prompts by logistic regression of "is the gold" on the bought prompts' pairs."""
    from sklearn.linear_model import LogisticRegression

    if not len(bought):
        return np.zeros(len(test.at), dtype=np.int64)
    at = pairs.at[list(bought)]
    gold = (np.arange(at.shape[1]) == y[list(bought), None])[at >= 0]
    fitted = LogisticRegression(C=c, max_iter=2000).fit(pairs.X[at[at >= 0]], gold)
    return picks(test, fitted.coef_[0])


def refuse_potential_gates(gates: Sequence[str]) -> None:
    """Raise DataError for gates whose threshold counts one design vector a label."""
    bad = [g for g in gates if g.startswith(("llf_fixed", "llf_paced", "llf_split"))]
    if bad:
        raise DataError(
            f"gates {bad} spread an information budget of one vector a label, and a multiple-choice label "
            "teaches one a candidate; leave them out"
        )
