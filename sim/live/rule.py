"""Which rule a live gate plays: a built-in one, one from the user's file, or one that was given."""

from typing import Any

import numpy as np

from sim import plugins
from sim.rules import codes, gates
from sim.setup import GateSetup
from sim.spec import GateSpec


def finite(psi: float) -> float:
    """psi [nats] as a float. Raises ValueError where it is not finite."""
    if not np.isfinite(psi):
        raise ValueError(f"psi = {psi!r}: the information bought must be finite [nats]")
    return float(psi)


def of(gate: GateSpec, g: GateSetup) -> tuple[Any, gates.Rule]:
    """(the object of a gate that is a class, else None; the gate's rule)."""
    if gate.kind != codes.PLUGIN:
        return None, gates.BUILT_IN
    module = plugins.part(gate.path, plugins.GATE)
    if not hasattr(module, "Gate"):
        return None, plugins.gate(gate.path, g)
    gate_object = module.Gate(g)
    return gate_object, plugins.rule_of_object(gate_object)


def name(rule: gates.Rule | None) -> str:
    """Where a rule's functions are defined, so that a state is not restored under another one."""
    if rule is None:
        return ""
    return f"{rule.decide.__module__}.{rule.decide.__qualname__}, {rule.settle.__module__}.{rule.settle.__qualname__}"
