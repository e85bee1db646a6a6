"""What a gate really saw: the purse and the signal of every round of a run, and the same questions asked again
outside it.

A gate that decides from its purse and signal alone gives the same answers where there is no game around it,
where ``signal.surprise`` (which knows the label) is hidden, and where every question is put twice.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sim import engine, loop, plugins
from sim.live import rule as live_rule
from sim.live.gate import LiveError, LiveGate
from sim.rules import codes, gates
from sim.setup import Setup
from sim.sources import errors_of
from sim.spec import GateSpec, RunSpec

Latency = Callable[[Any, Setup, gates.Purse, gates.Signal], float]


class Round(NamedTuple):
    """A round: the purse before it, the signal, whether the label was bought, the information after it [nats]."""

    purse: gates.Purse
    signal: gates.Signal
    bought: bool
    psi: float


class Transcript(NamedTuple):
    """One run: rows (R, log.WIDTH), its numbers, and what its gate saw in each round."""

    rows: np.ndarray
    setup: Setup
    rounds: list[Round]

    @property
    def decisions(self) -> list[bool]:
        """Whether the label was bought, round by round."""
        return [r.bought for r in self.rounds]


def listened(rule: gates.Rule, rounds: list[Round]) -> gates.Rule:
    """The rule; every round that it settles is added to ``rounds``."""

    def settle(g, p, x, reason, psi):
        bought = reason in (codes.OPENED, codes.FORCED)
        rounds.append(Round(p._replace(memory=p.memory.copy()), x, bought, psi))
        return rule.settle(g, p, x, reason, psi)

    return gates.Rule(rule.decide, settle)


def transcribe(spec: RunSpec, replication: int = 0, relabel_from: int = 0) -> Transcript:
    """Play one replication of a run of the user's gate in the plain loop, and note what the gate saw.

    On a recorded stream ``relabel_from`` > 0 shifts every label from that round on (1-based) to the next class.
    Raises PluginError where the gate's file raises.
    """
    g, data = engine.setup_of(spec), engine.data_of(spec)
    record, nothing, rounds = engine.recorded_rounds(spec), np.zeros(0), list[Round]()
    with errors_of(spec.gate.path):
        parts = engine.parts_of(spec, g)
        rule = listened(gates.Rule(parts.decide, parts.settle), rounds)
        if data is None:
            world = engine.world_of(spec, g, replication)
            parts = parts._replace(**rule._asdict())
            rows = loop.play_game(g, *world, record, nothing, nothing, None, parts)
        else:
            keys, X, y, X_test, y_test = engine.replay_of(spec, data, replication)
            if relabel_from:
                y[relabel_from - 1 :] = (y[relabel_from - 1 :] + 1) % g.N
            learner, _ = engine.learner_of(spec, g, X_test, y_test)
            rows = loop.play_recorded(g, learner, X, y, lambda s: np.nan, keys, record, nothing, nothing, rule)
    return Transcript(rows, g, rounds)


def answers(source: str, g: Setup, rounds: list[Round], *, surprise: bool = True, twice: bool = False) -> list[bool]:
    """The decisions of a fresh gate on noted rounds, outside any game.

    ``surprise`` = False hides signal.surprise (as 0); ``twice`` puts every question twice and asks about another
    signal before.
    """
    decisions = []
    with errors_of(source):
        rule, p = plugins.gate(source, g), gates.open_purse(g)
        for r in rounds:
            x = r.signal if surprise else r.signal._replace(surprise=0.0)
            if twice:
                rule.decide(g, p, x._replace(width=0.5 * x.width, latency=0.5 * x.latency, gap=0.5 * x.gap))
                rule.decide(g, p, x)
            opened, reason, _ = rule.decide(g, p, x)
            decisions.append(bool(opened))
            p = rule.settle(g, p, x, reason, r.psi)
    return decisions


def live_decisions(spec: RunSpec, saved_after: int) -> list[bool]:
    """Decisions on a recorded stream through ``live.gate.LiveGate``, saved as JSON and restored after round
    ``saved_after`` (1-based; 0: never).

    Raises live.gate.LiveError for a class without state() and restore().
    """
    g, data = engine.setup_of(spec), engine.data_of(spec)
    assert data is not None
    _, X, y, X_test, y_test = engine.replay_of(spec, data, 0)
    learner, decisions = engine.learner_of(spec, g, X_test, y_test)[0], []
    with errors_of(spec.gate.path, "", LiveError):
        gate = LiveGate(spec.gate, spec.T, d=g.d, B=spec.budget, learner=spec.learner, seed=spec.seed)
        for t, x in enumerate(X):
            if saved_after and t == saved_after:
                gate = LiveGate.restore(json.loads(json.dumps(gate.state())))
            decision = gate.ask(*learner.predict(x))
            if decision.open:
                learner.update(x, np.eye(g.N)[y[t]])
            gate.settle(decision.open, learner.state().psi)
            decisions.append(decision.open)
    return decisions


def first_difference(a: list[bool], b: list[bool]) -> int:
    """The first round (1-based) in which two lists of decisions differ, 0 if they are alike."""
    return next((i + 1 for i, (p, q) in enumerate(zip(a, b, strict=True)) if p != q), 0)


def latency_of(source: str) -> Latency | None:
    """latency(gate object, game, purse, signal) of a file; None where it claims no bound."""
    module = plugins.part(source, plugins.GATE)
    is_class = hasattr(module, "Gate")
    if not callable(getattr(module.Gate if is_class else module, "latency", None)):
        return None
    if is_class:
        return lambda gate, g, p, x: float(gate.latency(p, x))
    return lambda gate, g, p, x: float(module.latency(g, p, x))


def claims(source: str, transcript: Transcript) -> np.ndarray:
    """What latency() claims in every noted round (T,), asked before the round is settled."""
    latency, g, values = latency_of(source), transcript.setup, []
    assert latency is not None
    with errors_of(source):
        gate, rule = live_rule.of(GateSpec(kind=codes.PLUGIN, path=source), g)
        p = gates.open_purse(g)
        for r in transcript.rounds:
            values.append(latency(gate, g, p, r.signal))
            p = rule.settle(g, p, r.signal, codes.OPENED if r.bought else codes.BELOW_THRESHOLD, r.psi)
    return np.array(values)
