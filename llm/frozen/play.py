"""Frozen mode: features once, the simulator's plain loop with ridge on them, a logistic head at the end."""

import resource
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, cast

import numpy as np

from llm import streams
from llm.errors import DataError
from llm.frozen import candidates, features, ridge
from llm.frozen.candidates import Pairs
from llm.spec import Cell, StudySpec, choice
from llm.tables import Played
from llm.text import Data
from sim import loop
from sim.rules import draws
from sim.rules.learners import Ridge
from sim.setup import build


class Features(NamedTuple):
    """Rows of norm at most 1 for the training (n, d) and test (n', d) texts, or under multiple
    choice their ``Pairs``, and the seconds they took."""

    X: np.ndarray | Pairs
    test: np.ndarray | Pairs
    seconds: float = 0.0

    @property
    def width(self) -> int:
        return (self.X.X if isinstance(self.X, Pairs) else self.X).shape[1]

    def of(self, rows: np.ndarray) -> np.ndarray | Pairs:
        """Some training rows, in their order."""
        return self.X.of(rows) if isinstance(self.X, Pairs) else self.X[rows]


def scaled(X: np.ndarray, test: np.ndarray, center: bool, seconds: float = 0.0) -> Features:
    """Center both on the training rows' mean if asked to (no labels used), then rows to norm 1."""
    if center:
        mean = X.mean(axis=0)
        X, test = X - mean, test - mean
    return Features(ridge.unit(X), ridge.unit(test), seconds)


def encode(spec: StudySpec, data: Data, model: Any, cache: Path, note: Callable[[int], None] | None) -> Features:
    """Features of a data set under a model, from the cache folder or computed and put there."""
    began, size = perf_counter(), spec.model.batch_size
    if data.candidates is not None and data.test_candidates is not None:
        X, test = (
            candidates.encode(model, texts, sets, data.K, cache, size, note)
            for texts, sets in ((data.texts, data.candidates), (data.test_texts, data.test_candidates))
        )
        return Features(X, test, perf_counter() - began)
    rows, held = (features.cached(model, texts, cache, size, note) for texts in (data.texts, data.test_texts))
    return scaled(rows, held, spec.center, perf_counter() - began)


def play_cell(spec: StudySpec, cell: Cell, data: Data, ready: Features) -> Played:
    """Play one cell on the features and fit the logistic head on the labels it bought.

    BLAS runs on one thread, so that the bytes do not depend on how many there are.
    """
    from threadpoolctl import threadpool_limits

    check(spec, data)
    began = perf_counter()
    with threadpool_limits(1):
        return _play(spec, cell, data, ready, began)


def check(spec: StudySpec, data: Data) -> None:
    """Raise DataError for what frozen mode does not play on multiple choice."""
    if data.candidates is None:
        return
    candidates.refuse_potential_gates(spec.gates)
    if "zipf" in spec.streams or ("drift" in spec.streams and data.groups is None):
        raise DataError(
            f"{data.name} is multiple choice, its labels are no classes that streams {list(spec.streams)} could be "
            "made of; use --stream iid, or drift with --group-column"
        )


def _play(spec: StudySpec, cell: Cell, data: Data, ready: Features, began: float) -> Played:
    run = spec.run_of(cell)
    g = build(run, ready.width, data.K)
    rows = streams.order(cell.stream, data.y, cell.T, cell.seed, cell.replication, data.groups)
    X, y = ready.of(rows), data.y[rows]
    learner = _learner(X, data.K, spec, cell)
    held_out = HeldOut(ready.test, data.test_y, cell.stream)
    keys = draws.stream_keys(cell.seed, cell.replication)
    record = np.array(run.record.rounds(run.T), dtype=np.int64)
    empty, plan = np.zeros(0), np.zeros(0, dtype=np.int64)
    started = perf_counter()
    table = loop.play_recorded(g, learner, np.arange(g.T), y, held_out, keys, record, plan, empty)
    looped = perf_counter() - started
    fitted = perf_counter()
    head = held_out.share(logistic(X, learner.bought, y, ready.test, spec.logistic_c))
    now = perf_counter()
    seconds = dict(learner.seconds, evaluate=held_out.seconds, features=ready.seconds, head=now - fitted)
    seconds["gate"] = looped - held_out.seconds - sum(learner.seconds.values())
    seconds["total"] = now - began
    return Played(table, g.d, head, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)


def _learner(X: np.ndarray | Pairs, K: int, spec: StudySpec, cell: Cell) -> ridge.BlockRidge:
    view = choice(cell.gate).view
    if isinstance(X, Pairs):
        return candidates.CandidateRidge(X, spec.lam, spec.refresh, view)
    return ridge.BlockRidge(X, K, spec.lam, spec.refresh, view)


class HeldOut:
    """Held-out accuracy of a regression's state, computed anew only when a label was bought since."""

    def __init__(self, X: np.ndarray | Pairs, y: np.ndarray, stream: str) -> None:
        self._X, self._y, self._stream = X, y, stream
        self._weights = streams.weights(stream, y)
        self._n, self._last = -1, float("nan")
        self.seconds = 0.0

    def __call__(self, s: Ridge) -> float:
        began = perf_counter()
        if s.n != self._n:
            self._n, self._last = s.n, self.share(self._picks(s))
        self.seconds += perf_counter() - began
        return self._last

    def _picks(self, s: Ridge) -> np.ndarray:
        if isinstance(self._X, Pairs):
            return candidates.picks(self._X, s.theta[:, 0])
        return np.argmax(self._X @ s.theta, axis=1)

    def share(self, picks: np.ndarray) -> float:
        """Accuracy of picks (n',), class-balanced under zipf."""
        right = picks == self._y
        return float(right.mean() if self._stream != "zipf" else self._weights[right].sum())


def logistic(X: np.ndarray | Pairs, bought: list[int], y: np.ndarray, test: np.ndarray | Pairs, c: float) -> np.ndarray:
    """Picks (n',) for the test rows by logistic regression with inverse penalty c on the bought rows.

    One class bought: that class for every row.  None bought: class 0, the tie rule's.
    """
    from sklearn.linear_model import LogisticRegression

    if isinstance(X, Pairs) or isinstance(test, Pairs):
        return candidates.logistic(cast(Pairs, X), bought, y, cast(Pairs, test), c)
    if len(set(y[bought].tolist())) < 2:
        return np.full(len(test), y[bought[0]] if bought else 0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        return LogisticRegression(C=c, max_iter=2000).fit(X[bought], y[bought]).predict(test)
