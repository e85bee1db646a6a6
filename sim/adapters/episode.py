"""One run as a sequence of questions: each round is shown, the answer is whether its label is bought.

The rounds are those of ``sim.loop`` (same rules, same order, same draws), turned inside out.  The gate
of the spec stays what the follower was told: it keeps the books that the evader reads, and an answer
that differs from its decision is booked as opened or as below its threshold.
"""

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from sim import engine, loop, recorded
from sim.rules import codes, draws, gates, learners, rounds, streams
from sim.rules.gates import Signal
from sim.setup import Setup
from sim.spec import RunSpec


class Question(NamedTuple):
    """What is known before a label: the signal, information bought [nats], labels left; ``opens`` is what the
    spec's own gate would do; ``regret`` of the round is settled whatever the answer."""

    signal: Signal
    psi: float
    left: int
    opens: bool
    regret: float


Episode = Generator[Question, bool, None]


def check(spec: RunSpec) -> None:
    """Raise ValueError for a run whose purchases are not the gate's to decide round by round."""
    if spec.gate.traits.foresees:
        raise ValueError(f"gate {spec.gate.kind!r} looks ahead; the spec of an environment needs another (or 'never')")


def open_episode(spec: RunSpec, replication: int) -> Episode:
    """Play replication ``replication`` of a spec, question by question.

    Raises what ``engine.setup_of`` and ``recorded.load`` raise on a bad file.
    """
    check(spec)
    g, data = engine.setup_of(spec), engine.data_of(spec)
    return _recorded(spec, g, data, replication) if data is not None else _game(spec, g, replication)


def _settled(g: Setup, rule: gates.Rule, p: gates.Purse, x: Signal, reason: int, opens: bool, bought: bool, psi: float):
    """The books after an answer: the gate's own reason where it agrees."""
    if bought != opens:
        reason = codes.OPENED if bought else codes.BELOW_THRESHOLD
    return rule.settle(g, p, x, reason, psi)


def _game(spec: RunSpec, g: Setup, replication: int) -> Episode:
    """``game.game`` with the answers in the place of the gate."""
    parts = engine.parts_of(spec, g)
    process, keys, truth = engine.world_of(spec, g, replication)
    rule = gates.Rule(parts.decide, parts.settle)
    s, p, w = learners.start(g.d, 1, g.lam), gates.open_purse(g), rounds.workspace(g)
    for t in range(g.T):
        alpha = learners.radius(g, s.psi)
        gold = rounds.present(g, process, keys, t, s, p, alpha, truth, 0, w, parts.decide, parts.choose, parts.respond)
        v, x = rounds.meet(g, keys, t, s, alpha, 0, w)
        opens, reason, _ = rule.decide(g, p, x)
        bought = yield Question(x, s.psi, p.left, bool(opens), float(w.payoffs[gold] - w.payoffs[v.pick]))
        if bought:
            s = rounds.buy(g, s, v, keys, t, w)
        p = _settled(g, rule, p, x, reason, opens, bought, s.psi)


def _recorded(spec: RunSpec, g: Setup, data: recorded.Recorded, replication: int) -> Episode:
    """``game.recorded`` with the answers in the place of the gate."""
    keys = draws.stream_keys(spec.seed, replication)
    order = streams.permutation(keys[draws.PERMUTATION], len(data.y))
    X, y, _, _ = recorded.split(data, order, g.T, spec.stream.test_fraction, spec.stream.path)
    X, rule, p = spec.learner.L * X, engine.rule_of(spec, g), gates.open_purse(g)
    learner: loop.Learner = engine.learner_of(spec, g, X[:0], y[:0])[0]
    for t in range(g.T):
        alpha = learners.radius(g, learner.state().psi)
        scores, w2 = learner.predict(X[t])
        _, x, regret = rounds.meet_class(g, keys, t, alpha, scores, w2, y[t], 0)
        opens, reason, _ = rule.decide(g, p, x)
        bought = yield Question(x, learner.state().psi, p.left, bool(opens), regret)
        if bought:
            learner.update(X[t], np.eye(g.N)[y[t]])
        p = _settled(g, rule, p, x, reason, opens, bought, learner.state().psi)
