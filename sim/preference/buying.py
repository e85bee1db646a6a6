"""Buying true labels in the preference game: the gates of the first game on its pairs.

A pair x of a self-annotation round shows the gate its gap |theta^T x| and its width ||x||_P, where P
is the inverse of I + sum x x^T over the pairs whose true label is known; everything else of the
gates is unchanged.  The confidence radius is 1: width latency ||x||_P, regret latency
(||x||_P - gap)_+.  Pairs arrive one by one and the width falls with every purchase, but theta is
fitted again only at the end of the round.

The norm of x is not bounded here; information is counted with L^2 = d, its mean square.  The budget
is hard, but theorem 3's promise that a paced gate keeps a label back is not made.  Derived here.
"""

import math
from typing import NamedTuple

import numpy as np

from sim.preference.data import Pairs, PreferenceSpec
from sim.rules import gates, leader, learners
from sim.setup import GateSetup, gate_setup
from sim.spec import GateSpec, LearnerSpec

LAM = 1.0
REFRESH = 512


class Shop(NamedTuple):
    """The state of a gate between two pairs: its constants ``g``, its purse, the regression on the true
    labels (its design gives the widths), and ``t``, the number of pairs seen.
    """

    g: GateSetup
    purse: gates.Purse
    design: learners.Ridge
    t: int


def open_shop(spec: PreferenceSpec, gate: str, Z: np.ndarray) -> Shop:
    """The state before the first round.

    gate  name of the gate, with a budget of spec.B labels over the pairs of all rounds
    Z     (N, d) seed pairs, whose true labels are known
    """
    learner = LearnerSpec(lam=LAM, L=math.sqrt(spec.d), radius_mode="fixed")  # radius 1
    g = gate_setup(GateSpec(kind=gate), sum(spec.rounds), spec.B, spec.d, learner)
    design, out, nothing = learners.start(spec.d, 1, LAM), np.zeros(spec.d), np.zeros(1)
    for z in Z:
        design = learners.update(design, z, nothing, REFRESH, False, out)
    design = design._replace(psi=0.0)  # information of the purchases alone
    return Shop(g, gates.open_purse(g), design, 0)


def visit(shop: Shop, theta: np.ndarray, pairs: Pairs) -> tuple[Shop, np.ndarray]:
    """Show the pairs of a round to the gate: (new state, bought (n,) bool).

    theta  (d,) the current policy;  pairs  n new pairs, of which the labels are not looked at
    """
    g, purse, design, t = shop
    out, nothing = np.zeros(len(theta)), np.zeros(1)
    bought = np.zeros(len(pairs.x), dtype=bool)
    gaps = np.abs(pairs.x @ theta)
    for i, x in enumerate(pairs.x):
        w2 = max(float(x @ design.P @ x), 0.0)
        width, gap = math.sqrt(w2), float(gaps[i])
        view = leader.View(0, 1, width, gap, width, max(width - gap, 0.0))
        signal = gates.signal(g, view, t, w2, float(pairs.coin[i]), 0, 0.0)
        bought[i], reason, _ = gates.decide(g, purse, signal)
        if bought[i]:
            design = learners.update(design, x, nothing, REFRESH, False, out)
        purse = gates.settle(g, purse, signal, reason, design.psi)
        t += 1
    return Shop(g, purse, design, t), bought
