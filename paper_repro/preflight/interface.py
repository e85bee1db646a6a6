"""Does the gate keep to its interface: a bool, no side effects, no exceptions on extreme but legal signals?"""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from paper_repro.preflight.bench import EVERY, Bench, arena
from paper_repro.preflight.outcome import Outcome, rule
from paper_repro.preflight.signals import answers, first_difference, latency_of, transcribe
from sim import engine, plugins
from sim.rules import gates
from sim.rules.gates import Purse, Signal
from sim.setup import Setup
from sim.sources import errors_of
from sim.spec import RunSpec

WIDTHS = (0.0, 1e-300, 1e-9, 0.5, 1.0, 30.0)
LATENCIES = (0.0, 1e-12, 1.0, 1e6, math.inf)
GAPS = (0.0, 1e-12, 1.0, 1e6)


def extremes(g: Setup) -> list[tuple[Purse, Signal]]:
    """Purses and signals that a run may bring, though rarely: no label left, the last round, zero and huge values."""
    fresh = gates.open_purse(g)
    last, empty = fresh._replace(left=1, psi=g.info), fresh._replace(left=0, psi=g.info)
    return [
        (p, Signal(t, latency, width, math.log1p(width * width), gap, int(latency <= 0.0), 1.0, 0, 0.0))
        for t, p in ((0, fresh), (g.T // 2, last), (g.T - 1, empty), (g.T - 1, fresh))
        for width in WIDTHS for latency in LATENCIES for gap in GAPS
    ]  # fmt: skip


def query_of(source: str, g: Setup) -> tuple[Callable[[Purse, Signal], Any], Any]:
    """(query(purse, signal), the gate's object or None)."""
    module = plugins.part(source, plugins.GATE)
    if hasattr(module, "Gate"):
        gate = module.Gate(g)
        return gate.query, gate
    return (lambda p, x: module.query(g, p, x)), None


def state_of(gate: Any, p: Purse) -> str:
    """What a query must leave alone, as text."""
    saved = json.dumps(gate.state(), sort_keys=True, default=repr) if hasattr(gate, "state") else ""
    return saved + p.memory.tobytes().hex()


def problem_of_query(source: str, g: Setup) -> str:
    """The first broken rule of query (and latency) on the extremes, '' if there is none."""
    query, gate = query_of(source, g)
    latency = latency_of(source)
    for p, x in extremes(g):
        p = p._replace(memory=p.memory.copy())
        before = state_of(gate, p)
        where = f"in round {x.t + 1} with width {x.width:g}, latency {x.latency:g}, gap {x.gap:g}, {p.left} labels left"
        with errors_of(source, where):
            answer = query(p, x)
        if not isinstance(answer, bool | np.bool_):
            return f"query returned {answer!r} {where}; the rule is a bool: return a comparison or bool(...)"
        if query(p, x) != answer:
            return (
                f"query changed its answer when asked twice {where}; the rule: a query has no effect; move it to update"
            )
        if state_of(gate, p) != before:
            return f"query changed the gate's memory {where}; the rule: only update may write; move it there"
        with errors_of(source, where):
            bound = latency(gate, g, p, x) if latency else 0.0
        if math.isnan(bound) or bound < 0.0:
            return f"latency returned {bound:g} {where}; the rule is a number of at least 0 (inf claims nothing)"
    return ""


def interface(b: Bench) -> Outcome:
    """query returns a bool, changes nothing, and nothing raises; update keeps its memory finite."""
    spec = RunSpec(T=60, B=20, **arena("evader", "free", 4), gate=b.gate, record=EVERY)
    g = engine.setup_of(spec)
    with errors_of(b.source):
        problem = problem_of_query(b.source, g)
    n = len(extremes(g))
    if problem:
        return rule(True, problem, n)
    rounds = transcribe(spec).rounds
    where = first_difference(answers(b.source, g, rounds), answers(b.source, g, rounds, twice=True))
    if where:
        text = f"the decision of round {where} changes when earlier questions are put twice; the rule: a query has no "
        return rule(True, text + "effect; count in update", n)
    module, memory = plugins.part(b.source, plugins.GATE), rounds[-1].purse.memory
    if not np.isfinite(memory).all():
        return rule(True, f"purse.memory holds {memory[~np.isfinite(memory)][0]:g}; the rule is finite numbers", n)
    has = hasattr(getattr(module, "Gate", module), "update")
    updates = "an update" if has else "no update (a gate without a memory)"
    text = f"query is pure and returned a bool on {n} extreme signals and in {spec.T} rounds; it has {updates}"
    return rule(False, text, n)
