"""Which rule a live gate plays: a built-in gate's, that of a user's file, or one that is given."""

from typing import Any

import numpy as np

from sim import plugins
from sim.rules import codes, gates
from sim.setup import GateSetup, Setup
from sim.spec import GateSpec


def finite(psi: float) -> float:
    """psi [nats] as a float. Raises ValueError where it is not finite."""
    if not np.isfinite(psi):
        raise ValueError(f"psi = {psi!r}: the information bought must be finite [nats]")
    return float(psi)


def of(gate: GateSpec, g: GateSetup | Setup, given: gates.Rule | None = None) -> tuple[Any, gates.Rule]:
    """(the object of a user's gate that is a class, None for any other gate; the gate's rule, or the ``given`` one).

    Raises ValueError for a given rule beside a coin, which it would have to toss itself.
    """
    if given is not None:
        if gate.coin_share:
            raise ValueError(
                f"coin_share = {gate.coin_share:g} with a rule that is given: nobody would toss the coin; give the "
                "gate as a kind or a plugin file, or coin_share = 0"
            )
        return None, given
    if gate.kind != codes.PLUGIN:
        return None, gates.BUILT_IN
    module = plugins.part(gate.path, plugins.GATE)
    if not hasattr(module, "Gate"):
        return None, plugins.gate(gate.path, g)
    gate_object = module.Gate(g)
    return gate_object, plugins.rule_of_object(gate_object)


def name(rule: gates.Rule | None) -> str:
    """Where a rule's functions are defined; a saved state names it, and is restored with the same rule only."""
    if rule is None:
        return ""
    return f"{rule.decide.__module__}.{rule.decide.__qualname__}, {rule.settle.__module__}.{rule.settle.__qualname__}"
