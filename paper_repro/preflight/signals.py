"""What a gate really saw: every purse and signal of a run in the plain loop, and the same decisions asked again apart.

A gate that decides from its purse and signal alone answers the recorded ones in the same way when there is
no game around it, no bait in the signal, and when every question is put twice.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from sim import engine, loop, plugins, recorded
from sim.live.gate import LiveError, LiveGate
from sim.rules import codes, draws, gates, rounds, streams
from sim.setup import Setup
from sim.sources import PluginError
from sim.spec import RunSpec


class Seen(NamedTuple):
    """A round: the purse before it, the signal, whether the label was bought, the information after it."""

    purse: gates.Purse
    signal: gates.Signal
    bought: bool
    psi: float


class Recorded(NamedTuple):
    """rows (R, log.WIDTH), the numbers of the run, its rounds."""

    rows: np.ndarray
    setup: Setup
    seen: list[Seen]


@contextmanager
def blaming(source: str, when: str = "") -> Iterator[None]:
    """Whatever the file raises becomes an OwnError that names it and says ``when``."""
    try:
        yield
    except (PluginError, LiveError):
        raise
    except Exception as error:
        raise PluginError(f"{source}: {type(error).__name__}: {error} {when}".rstrip()) from error


def watched(rule: gates.Rule, seen: list[Seen]) -> gates.Rule:
    """The rule, with every settled round noted."""

    def settle(g, p, x, reason, psi):
        bought = reason in (codes.OPENED, codes.FORCED)
        seen.append(Seen(p._replace(memory=p.memory.copy()), x, bought, psi))
        return rule.settle(g, p, x, reason, psi)

    return gates.Rule(rule.decide, settle)


def record(spec: RunSpec, replication: int = 0, relabelled: int = 0) -> Recorded:
    """Play a replication plainly and keep what the own gate saw.

    On a recorded stream ``relabelled`` > 0 shifts every label from that round on (1-based) to the next class.
    """
    g = engine.setup_of(spec)
    keys, rounds_kept = draws.stream_keys(spec.seed, replication), np.array(spec.record.rounds(spec.T), dtype=np.int64)
    plan, empty, seen = np.zeros(0, dtype=np.int64), np.zeros(0), list[Seen]()
    source = spec.gate.path
    with blaming(source):
        rule = watched(plugins.gate(source, g), seen)
        data = engine.data_of(spec)
        if data is not None:
            order = streams.permutation(keys[draws.PERMUTATION], len(data.y))
            X, y, _, _ = recorded.split(data, order, g.T, spec.stream.test_fraction, spec.stream.path)
            if relabelled:
                y = y.copy()
                y[relabelled - 1 :] = (y[relabelled - 1 :] + 1) % g.N
            learner = loop.OvaRidge(g.d, g.N, g.lam, g.refresh)
            rows = loop.play_recorded(
                g, learner, spec.learner.L * X, y, lambda s: np.nan, keys, rounds_kept, plan, empty, rule
            )
            return Recorded(rows, g, seen)
        hard = spec.hard_delta if spec.follower.kind == "hard_instance" else 0.0
        truth = streams.theta_star(keys[draws.THETA], g.d, spec.learner.S, hard)
        s = spec.stream
        process = streams.process(s.context, g.d, exponent=s.exponent, components=s.components, leak=s.leak)
        parts = rounds.BUILT_IN._replace(decide=rule.decide, settle=rule.settle)
        rows = loop.play_game(g, process, keys, truth, rounds_kept, plan, empty, None, parts)
    return Recorded(rows, g, seen)


def answers(source: str, g: Setup, seen: list[Seen], *, bait: bool = True, twice: bool = False) -> list[bool]:
    """The decisions of a fresh gate on recorded rounds, outside any game.

    ``bait`` = False zeroes signal.surprise; ``twice`` puts every question twice and asks about other vectors between.
    """
    found = []
    with blaming(source):
        rule, p = plugins.gate(source, g), gates.open_purse(g)
        for round_ in seen:
            x = round_.signal if bait else round_.signal._replace(surprise=0.0)
            if twice:
                rule.decide(g, p, x._replace(width=0.5 * x.width, latency=0.5 * x.latency, gap=0.5 * x.gap))
                rule.decide(g, p, x)
            opened, reason, _ = rule.decide(g, p, x)
            found.append(bool(opened))
            p = rule.settle(g, p, x, reason, round_.psi)
    return found


def live(spec: RunSpec, at: int) -> list[bool]:
    """Decisions on a recorded stream through ``live.gate.LiveGate``, saved as JSON and restored after round ``at``
    (1-based; 0: never).

    Raises live.gate.LiveError for a class without state() and restore().
    """
    g, data = engine.setup_of(spec), engine.data_of(spec)
    assert data is not None
    order = streams.permutation(draws.stream_keys(spec.seed, 0)[draws.PERMUTATION], len(data.y))
    X, y, _, _ = recorded.split(data, order, g.T, spec.stream.test_fraction, spec.stream.path)
    learner, found = loop.OvaRidge(g.d, g.N, g.lam, g.refresh), []
    with blaming(spec.gate.path):
        gate = LiveGate(spec.gate, spec.T, d=g.d, B=spec.budget, learner=spec.learner, seed=spec.seed)
        for t in range(g.T):
            if at and t == at:
                gate = LiveGate.restore(json.loads(json.dumps(gate.state())))
            x = spec.learner.L * X[t]
            decision = gate.ask(*learner.predict(x))
            if decision.open:
                learner.update(x, np.eye(g.N)[y[t]])
            gate.settle(decision.open, learner.state().psi)
            found.append(decision.open)
    return found


def first_difference(a: list[bool], b: list[bool]) -> int:
    """The first round (1-based) in which two lists of decisions differ, 0 if they are alike."""
    return next((i + 1 for i, (p, q) in enumerate(zip(a, b, strict=True)) if p != q), 0)


def claim_of(source: str) -> Callable[[Any, Setup, gates.Purse, gates.Signal], float] | None:
    """latency(gate object, game, purse, signal) of a file, None where it claims nothing."""
    module = plugins.part(source, plugins.GATE)
    if hasattr(module, "Gate"):
        if not callable(getattr(module.Gate, "latency", None)):
            return None
        return lambda gate, g, p, x: float(gate.latency(p, x))
    if not callable(getattr(module, "latency", None)):
        return None
    return lambda gate, g, p, x: float(module.latency(g, p, x))


def claims(source: str, found: Recorded) -> np.ndarray:
    """What latency() claims in every recorded round (T,), asked before the round is settled."""
    claim = claim_of(source)
    assert claim is not None
    module, g, out = plugins.part(source, plugins.GATE), found.setup, []
    with blaming(source):
        mine = module.Gate(g) if hasattr(module, "Gate") else None
        rule = plugins.rule_of_object(mine) if mine else plugins.gate(source, g)
        p = gates.open_purse(g)
        for s in found.seen:
            out.append(claim(mine, g, p, s.signal))
            p = rule.settle(g, p, s.signal, codes.OPENED if s.bought else codes.BELOW_THRESHOLD, s.psi)
    return np.array(out)
