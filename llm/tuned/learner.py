"""The fine-tuned model as one more learner of ``sim.loop``: the torch <-> NumPy border.

The leader's scores are the ridge's on the network's present features, not the trained head's: the
gate compares the gap with the width, alpha ||psi||_P bounds the error of that regression and of no
other predictor, and both are in reward units.  The head is trained beside it and reported beside it.

A label teaches the ridge at once (Sherman-Morrison).  Every ``update_every`` labels the network is
updated, and refitted from its first weights when the budget is spent or psi has grown enough;
features of the bought labels are then computed again and V, P, theta rebuilt from them, because a
design of old features would be a confidence about a regression that is no longer played.  Upcoming
prompts are encoded ``stream_batch`` at a time and forgotten at the next update.  psi is that of the
rebuilt V and may fall; ``potential`` and ``wide`` stay what they were when the labels were bought.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np

from llm.clock import counted
from llm.frozen import ridge
from llm.spec import FinetuneSpec
from llm.tuned import objective, schedule
from llm.tuned.tuner import Tuner, number_of
from sim.rules.learners import Ridge

COUNTS = ("trained", "version", "encoded", "refits", "refit_psi", "fresh")
ORDER = 1  # role of the minibatches' order among a run's random numbers (0: weights and dropout)


class Design(ridge.BlockRidge):
    """Ridge over rows (T, d) that arrive a block at a time and are replaced when the model changes."""

    def __init__(self, T: int, d: int, K: int, lam: float, refresh: int, view: str = "width") -> None:
        super().__init__(np.zeros((T, d)), K, lam, refresh, view)

    def predict(self, x: int) -> tuple[np.ndarray, float]:
        """Scores (K,) and ||psi||_P^2 (or the view) of one row: no block, so that a resumed run adds up alike."""
        z = self._X[x]
        scores, w2 = z @ self._theta, max(float(z @ (self._P @ z)), 0.0)
        return scores, w2 if self._view == "width" else ridge.shown(self._view, scores, w2)

    def put(self, rows: Sequence[int] | slice, X: np.ndarray) -> None:
        """Set features X (n, d) of the given rows."""
        self._X[rows] = X

    def scores(self, rows: Sequence[int]) -> np.ndarray:
        """Scores (n, K) of the given rows."""
        return self._X[rows] @ self._theta

    def rebuild(self, labels: np.ndarray) -> None:
        """V, P, theta, psi from the present features of the bought rows and their labels (n,)."""
        self._relearn(self._X[self.bought], np.eye(self._theta.shape[1])[labels])

    def snapshot(self) -> dict:
        """Everything but features that will be encoded again."""
        arrays = {"V": self._V, "P": self._P, "theta": self._theta, "moments": self._moments}
        counts = {"psi": self._psi, "potential": self._potential, "wide": self._wide, "n": self._n}
        return {"arrays": arrays, "counts": counts, "bought": list(self.bought), "rows": self._X[self.bought]}

    def restore(self, saved: dict) -> None:
        """Continue from ``snapshot``; arrays keep their layout, so sums keep their order."""
        for name, array in saved["arrays"].items():
            getattr(self, f"_{name}")[:] = array
        for name, value in saved["counts"].items():
            setattr(self, f"_{name}", value)
        self.bought = [int(t) for t in saved["bought"]]
        self._X[self.bought] = saved["rows"]


class FineTuned:
    """A ``sim.loop.Learner`` of K classes over T texts in order of arrival, asked for by number.

    budget B clocks the learning rate; ``key`` is (seed, replication).  seconds: "scoring" (prompts
    encoded), "train" (network updates and ridge) and "refresh" (bought labels encoded again, V rebuilt) [s].
    """

    def __init__(
        self, tuner: Tuner, texts: Sequence[str], design: Design, o: FinetuneSpec, budget: int, key: tuple[int, int]
    ) -> None:
        self.tuner, self.design = tuner, design
        self._texts, self._o, self._budget, self._key = texts, o, budget, key
        self.labels: list[int] = []
        self.trained = 0
        self.version = 0
        self.refits, self.refit_psi, self.fresh = 0, 0.0, False
        self.encoded = 0
        self.losses: list[float] = []
        self._block = (0, 0)
        self.seconds = {"scoring": 0.0, "train": 0.0, "refresh": 0.0}

    def predict(self, x: int) -> tuple[np.ndarray, float]:
        """Scores (K,) and ||psi||_P^2 of prompt x under the present weights."""
        start, stop = self._block
        if not start <= x < stop:
            self._block = (int(x), min(int(x) + self._o.stream_batch, len(self._texts)))
            self.encoded += self._block[1] - self._block[0]
            with self._clock("scoring"):
                self.design.put(slice(*self._block), self.tuner.features(self._texts[slice(*self._block)]))
        return self.design.predict(x)

    def update(self, x: int, one_hot: np.ndarray) -> None:
        """Learn the bought label one_hot (K,) of prompt x, and tune or refit the network where that is due."""
        with self._clock("train"):
            self.design.update(x, one_hot)
            self.labels.append(int(np.argmax(one_hot)))
        if len(self.labels) == self._budget or self._grown():
            self.finish()
        elif len(self.labels) - self.trained >= self._o.update_every:
            self.tune()

    def state(self) -> Ridge:
        """The regression's state (its arrays are live, not copies)."""
        return self.design.state()

    def tune(self) -> None:
        """Update the network on all bought labels, then features, V, P and theta; nothing if none is new."""
        new = len(self.labels) - self.trained
        if new == 0 or self._o.steps == 0:
            return
        steps = math.ceil(self._o.steps * new / self._o.update_every)
        self._learn((self.trained + new * np.arange(steps) / steps) / self._budget, self._o.schedule)

    def finish(self) -> None:
        """Refit from the first weights on all bought labels, then as ``tune``; where refits are off, ``tune``."""
        if len(self.labels) == self.trained and self.fresh:
            return
        steps = self._passes(self._o.refit_epochs)
        if not steps:
            self.tune()
            return
        psi = self.state().psi
        self.tuner.begin_again()
        self._learn(np.arange(steps) / steps, self._o.refit_schedule)
        self.refits, self.fresh = self.refits + 1, True
        self.refit_psi = max(psi, self.state().psi)  # never falls, so that D_B bounds the number of refits

    def refit(self) -> None:
        """Train pretrained weights afresh on all bought labels for ``final_epochs``; the ridge stays as it is."""
        steps = self._passes(self._o.final_epochs)
        if steps:
            self.tuner.begin_again()
            self.version += 1
            with self._clock("train"):
                self._fit(np.arange(steps) / steps, self._o.refit_schedule)

    def snapshot(self) -> dict:
        """All that the rest of the run depends on, live."""
        start, stop = self._block
        return {
            "tuner": self.tuner.snapshot(),
            "design": self.design.snapshot(),
            "labels": list(self.labels),
            "losses": list(self.losses),
            "counts": {name: getattr(self, name) for name in COUNTS},
            "block": [start, stop],
            "block_rows": self.design._X[start:stop],
            "seconds": dict(self.seconds),
        }

    def restore(self, saved: dict) -> None:
        """Continue from ``snapshot``."""
        self.tuner.restore(saved["tuner"])
        self.design.restore(saved["design"])
        self.labels, self.losses = list(saved["labels"]), list(saved["losses"])
        for name, value in saved["counts"].items():
            setattr(self, name, value)
        self._block = (saved["block"][0], saved["block"][1])
        self.design.put(slice(*self._block), saved["block_rows"])
        self.seconds = dict(saved["seconds"])

    def _grown(self) -> bool:
        """Whether psi has grown by more than log(1 + C) since the last refit."""
        C = self._o.refit_growth
        return C > 0 and self.state().psi - self.refit_psi > math.log1p(C)

    def _passes(self, epochs: int) -> int:
        return math.ceil(epochs * len(self.labels) / self._o.batch_size)

    def _learn(self, z: np.ndarray, name: str) -> None:
        self.version += 1
        self.fresh = False
        with self._clock("train"):
            self._fit(z, name)
        with self._clock("refresh"):
            self.design.put(self.design.bought, self.tuner.features([self._texts[t] for t in self.design.bought]))
            self.design.rebuild(np.array(self.labels))
        self.trained = len(self.labels)
        self._block = (0, 0)

    def _fit(self, z: np.ndarray, name: str) -> None:
        rows = minibatches(len(self.labels), len(z), self._o.batch_size, number_of(*self._key, self.version, ORDER))
        y = np.array(self.labels)[rows]
        times = [self.design.bought[i] for i in rows]
        shown = objective.alternatives(self.design.scores(times), y, self._o.negatives)
        rates = np.array([schedule.factor(name, float(share)) for share in z])
        self.losses.append(self.tuner.update([self._texts[t] for t in times], y, shown, rates, self.version))

    def _clock(self, name: str) -> AbstractContextManager[None]:
        return counted(self.seconds, name)


def minibatches(n: int, steps: int, size: int, seed: int) -> np.ndarray:
    """Rows (steps * size,) of minibatches one after another: every one of n rows once before any twice."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(n) for _ in range(math.ceil(steps * size / n))])[: steps * size]
