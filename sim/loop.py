"""One run in readable Python: the reference that the compiled run is checked against.

``play_game`` plays the simulated games, ``play_recorded`` a recorded stream with any learner
that has ``predict(x) -> (scores (K,), ||psi||_P^2)`` and ``update(x, one_hot) -> None`` and
``psi``; a fine-tuned model is such a learner.  Both return one row of ``log.COLUMNS`` for each
recorded round.
"""

from typing import Any, Protocol

import numpy as np

from sim.rules import gates, leader, learners, log, rounds
from sim.setup import Setup


class Learner(Protocol):
    """What the loop asks of a learner of K classes."""

    def predict(self, x: Any) -> tuple[np.ndarray, float]: ...

    def update(self, x: Any, one_hot: np.ndarray) -> None: ...

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


def play_game(
    g: Setup, process, keys, theta_star, record, schedule, latencies, watch=None, parts=rounds.BUILT_IN
) -> np.ndarray:
    """Play one simulated run; returns rows (len(record), log.WIDTH).

    record (R,) ascending 1-based rounds; schedule (T,) or (0,) the offline reference's plan;
    latencies (T,) or (0,) receives the gate's latency of every round; ``watch(t, v, w, bought)``
    sees every decided round (its ``leader.View``, the buffers, the decision) before its label;
    ``parts`` (rounds.Parts) are the gate's and the follower's rules.
    """
    rows = np.zeros((len(record), log.WIDTH))
    s, p, w = learners.start(g.d, 1, g.lam), gates.open_purse(g), rounds.workspace(g)
    alpha = learners.radius(g, s.psi)
    tally = log.blank(learners.confidence_ratio(s, theta_star, alpha, w.z, w.out))
    r = 0
    for t in range(g.T):
        alpha = learners.radius(g, s.psi)
        scheduled = int(schedule[t]) if len(schedule) else 0
        gold = rounds.present(
            g, process, keys, t, s, p, alpha, theta_star, scheduled, w, parts.decide, parts.choose, parts.respond
        )
        pick = leader.pick_against(w.scores, w.payoffs, w.shown)
        v = leader.assess(g, s, w.Phi, w.means, w.shown, pick, alpha, w.z, w.out)
        luck, leak = rounds.gate_coin(g, keys, t), rounds.leak(g, keys, t, w)
        x = rounds.signal(g, v, t, v.width * v.width, luck, scheduled, leak)
        bought, reason, threshold = parts.decide(g, p, x)
        regret = w.payoffs[gold] - w.payoffs[pick]
        ratio = tally.conf_ratio
        if watch is not None:
            watch(t, v, w, bought)
        if bought:
            s = rounds.buy(g, s, v, keys, t, w)
            ratio = learners.confidence_ratio(s, theta_star, learners.radius(g, s.psi), w.z, w.out)
        p = parts.settle(g, p, x, reason, s.psi)
        tally = log.advance(tally, v, x, regret, bought, reason, threshold, alpha, ratio)
        if len(latencies):
            latencies[t] = x.latency
        if t + 1 == record[r]:
            log.write(rows[r], t, tally, s, alpha, np.nan)
            r += 1
    return rows


def play_recorded(
    g: Setup, learner: Learner, X, y, evaluate, keys, record, schedule, latencies, rule=gates.BUILT_IN
) -> np.ndarray:
    """Play a recorded stream of T prompts X with labels y (T,) coded 0..K-1.

    ``evaluate(state) -> float`` gives the held-out accuracy at a recorded round, ``rule`` is the gate.  A mistake
    costs regret 1; there is no theta*, so the confidence ratio is NaN.
    """
    rows = np.zeros((len(record), log.WIDTH))
    p = gates.open_purse(g)
    tally = log.blank(np.nan)
    r = 0
    for t in range(g.T):
        alpha = learners.radius(g, learner.state().psi)
        scheduled = int(schedule[t]) if len(schedule) else 0
        scores, w2 = learner.predict(X[t])
        v = leader.assess_classes(scores, w2, alpha)
        leak = rounds.leak_of_class(g, v.pick, y[t])
        luck = rounds.gate_coin(g, keys, t)
        x = rounds.signal(g, v, t, w2, luck, scheduled, leak)
        bought, reason, threshold = rule.decide(g, p, x)
        regret = 0.0 if v.pick == y[t] else 1.0
        if bought:
            one_hot = np.zeros(g.N)
            one_hot[y[t]] = 1.0
            learner.update(X[t], one_hot)
        p = rule.settle(g, p, x, reason, learner.state().psi)
        tally = log.advance(tally, v, x, regret, bought, reason, threshold, alpha, np.nan)
        if len(latencies):
            latencies[t] = x.latency
        if t + 1 == record[r]:
            log.write(rows[r], t, tally, learner.state(), alpha, evaluate(learner.state()))
            r += 1
    return rows
