"""The follower ``bait``: it spreads the leader's labels before it evades the gate.

A gate that compares a round's information with a threshold stops once every axis has labels enough, and is shut
for ever after on whatever is shown.  So the follower first hands out labels that teach evenly, L e_i on the axis i
that is known least, as long as the gate would buy one; then it plays the evader's reply, against a leader that will
not learn any more (theorem 9, ``theory.expected``).  It asks the gate's own rule, and never sees a coin.  So:

    llf_fixed, llf_paced   labels on the axes in turn until the threshold is reached, then the ball response for ever
    prefix, periodic       the labels that are due on the axes in turn, the ball response in the other rounds
    random                 no label is foreseen: the ball response in every round
    always                 every round has a label, and there is nothing to harvest

>>> import numpy as np
>>> from sim.rules import bait, gates, learners
>>> from sim.setup import build
>>> from sim.spec import FollowerSpec, GateSpec, RunSpec, StreamSpec
>>> game = dict(stream=StreamSpec(context="free", d=2), follower=FollowerSpec(kind="bait"))
>>> g = build(RunSpec(T=100, B=5, gate=GateSpec(kind="llf_fixed"), **game))       # opens above D_5/5 = 0.5 nats
>>> state, z, buffer = learners.start(d=2, K=1, lam=1.0), np.zeros(2), np.zeros(2)
>>> asked = gates.Signal(0, 0.0, 0.0, 0.0, 0.0, 0, 1.0, 0, 0.0)
>>> while bait.spread(g, state, gates.open_purse(g), asked, 1.0, z, buffer):
...     print(z.tolist())
...     state = learners.update(state, z, np.zeros(1), 4096, False, buffer)
[1.0, 0.0]
[0.0, 1.0]

The labels are shown without a trembling hand, which would turn the design away from the axes and buy more than
theorem 9 counts.  The harvest trembles as ``ball`` does: while the gate is shut theta_hat stands still and the
tremble takes a share of its square (1e-6) off the payoff, but where labels are bought in spite of it, by lot, bait
is the ball response and needs the hand for the same reason.  Derived here.
"""

import math

from sim.rules import evasion, gates, learners


def least_known(P):
    """The axis i of the largest P_ii, the lowest on a tie; P (d, d) the inverse of the design matrix."""
    least = 0
    for i in range(P.shape[0]):
        if P[i, i] > P[least, least]:
            least = i
    return least


def spread(g, s, p, x, alpha, z, out, decide=gates.decide):
    """z = L e_i on the axis that is known least; whether the gate would buy that label.

    s  the leader's regression;  g, p, x, alpha, decide  as for ``evasion.stays_shut``
    Modifies ``z`` and the buffer ``out`` (d,).
    """
    axis = least_known(s.P)
    for i in range(z.shape[0]):
        z[i] = g.L if i == axis else 0.0
    width = math.sqrt(learners.square_width(s.P, z, out))
    gap = abs(learners.dot(s.theta[:, 0], z))
    return not evasion.stays_shut(g, p, x, alpha, width, gap, 1.0, decide)
