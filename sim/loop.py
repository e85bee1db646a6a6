"""One run in readable Python: the reference that the compiled run is checked against.

``play_game`` plays the simulated games, ``play_pools`` recorded pools of candidate answers with a
``PoolLearner``, ``play_recorded`` a recorded stream of one label set with any learner that has
``predict(x) -> (scores (K,), ||x||_P^2)``, ``update(x, one_hot) -> None`` and ``state()``; a fine-tuned
model is such a learner.  All return one row of ``log.COLUMNS`` for each recorded round.
"""

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from sim import game
from sim.rules import codes, followers, gates, leader, learners, log, rounds
from sim.setup import Setup


class Learner(Protocol):
    """What the loop asks of a learner of K classes."""

    def predict(self, x: Any) -> tuple[np.ndarray, float]: ...

    def update(self, x: Any, one_hot: np.ndarray) -> None: ...

    def state(self) -> learners.Ridge: ...


class PoolLearner(Protocol):
    """What the loop asks of a learner of candidate answers, by the number t of a round."""

    def score(self, t: int) -> np.ndarray: ...

    def widths(self, t: int, pick: int, shown: np.ndarray) -> np.ndarray: ...

    def teach(self, t: int, view: leader.View, shown: np.ndarray, gold: int) -> None: ...

    def state(self) -> learners.Ridge: ...


class OvaRidge:
    """One-versus-all ridge on given features: the simulator's own learner."""

    def __init__(self, m: int, K: int, lam: float, refresh: int) -> None:
        self._s = learners.start(m, K, lam)
        self._refresh = refresh
        self._out = np.zeros(m)

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, float]:
        """Scores (K,) and ||x||_P^2 of a feature row x (m,)."""
        K = self._s.theta.shape[1]
        scores = np.array([learners.dot(x, self._s.theta[:, k]) for k in range(K)])
        return scores, learners.square_width(self._s.P, x, self._out)

    def update(self, x: np.ndarray, one_hot: np.ndarray) -> None:
        """Learn the bought label one_hot (K,) of row x (m,)."""
        self._s = learners.update(self._s, x, one_hot, self._refresh, False, self._out)

    def state(self) -> learners.Ridge:
        """The regression's state (its arrays are live, not copies)."""
        return self._s


def finite(g, s, tally) -> int:
    """How a plain run ends: NOT_FINITE where a regret or the information is no number (``codes``)."""
    return codes.OK if math.isfinite(tally.regret) and math.isfinite(s.psi) else codes.NOT_FINITE


def recorded_run(learner: Learner, evaluate: Callable[[Any], float], rule: gates.Rule = gates.BUILT_IN) -> Callable:
    """``game.recorded`` around a learner that is an object (then ``s`` is what it knows at the start)."""

    def learn(g, s, x, one_hot, out):
        learner.update(x, one_hot.copy())
        return learner.state()

    return game.recorded(
        rule,
        lambda s: learner.state(),
        lambda s, x, room, out: learner.predict(x),
        learn,
        lambda s, X, y: evaluate(s),
        finite,
    )


def play_game(
    g: Setup, process, keys, theta_star, record, schedule, latencies, watch=None, parts=rounds.BUILT_IN
) -> np.ndarray:
    """Play one simulated run; returns rows (len(record), log.WIDTH).  The arguments are ``game.game``'s."""
    rows = np.zeros((len(record), log.WIDTH))
    game.game(parts, finite, watch)(g, process, keys, theta_star, record, schedule, latencies, rows)
    return rows


def play_recorded(
    g: Setup, learner: Learner, X, y, evaluate, keys, record, schedule, latencies, rule=gates.BUILT_IN
) -> np.ndarray:
    """Play a recorded stream of T prompts X with labels y (T,) coded 0..K-1; returns rows (len(record), log.WIDTH).

    ``evaluate(state) -> float`` gives the held-out accuracy at a recorded round, ``rule`` is the gate.  The other
    arguments are ``game.recorded``'s.
    """
    rows, nothing = np.zeros((len(record), log.WIDTH)), np.zeros(0)
    run = recorded_run(learner, evaluate, rule)
    run(g, learner.state(), X, y, nothing, nothing, keys, record, schedule, latencies, nothing, rows)
    return rows


def play_pools(
    g: Setup, learner: PoolLearner, gold, evaluate: Callable[[Any], float], keys, record, schedule, rule=gates.BUILT_IN
) -> np.ndarray:
    """Play T recorded pools whose gold answers are gold (T,); returns rows (len(record), log.WIDTH).

    ``evaluate(state) -> float`` gives the held-out accuracy at a recorded round.  The follower is the setup's (iid,
    hard_negative or best_response).  The other arguments are ``game.pools``'s.
    """

    def learn(s, t, view, shown, answer):
        learner.teach(t, view, shown, answer)
        return learner.state()

    rows = np.zeros((len(record), log.WIDTH))
    run = game.pools(
        rule,
        followers.choose,
        lambda s: learner.state(),
        lambda s, t: learner.score(t),
        lambda s, t, pick, shown: learner.widths(t, pick, shown),
        learn,
        evaluate,
        finite,
    )
    run(g, learner.state(), gold, keys, record, schedule, rows)
    return rows
