"""One run with the design vector and the decision of every round, for what needs them in hindsight."""

from typing import NamedTuple

import numpy as np

from sim import engine
from sim.rules import codes, leader, rounds
from sim.spec import RunSpec


class Trace(NamedTuple):
    """Z (T, d): row t is what the label of round t would have put into the design; bought (T,) bool.

    Z depends on the gate: the pick of a round, hence the compared pair, follows from the labels
    bought before it.
    """

    Z: np.ndarray
    bought: np.ndarray


def trace(spec: RunSpec, replication: int) -> Trace:
    """Play one replication in the plain loop and keep z_t and q_t of every round.

    z_t is the compared pair (feedback ``pair`` and ``choice``) or the pick (``bandit``).  Of the offline reference's
    two passes the second, which obeys its plan, remains.  Raises ValueError for a recorded stream and
    for feedback ``full``, and what ``engine.play`` raises.
    """
    feedback, context = spec.learner.feedback, spec.stream.context
    if feedback not in (*codes.COMPARED, "bandit"):
        raise ValueError(
            f"feedback = {feedback!r} in context {context!r}: a trace holds one design vector a round of a game; "
            "use feedback 'pair', 'choice' or 'bandit' on a simulated context"
        )
    found = Trace(np.zeros((spec.T, spec.stream.d)), np.zeros(spec.T, dtype=bool))

    def watch(t: int, v: leader.View, w: rounds.Work, bought: bool) -> None:
        if feedback in codes.COMPARED:
            rounds.compare(w, v)
        found.Z[t] = w.z if feedback in codes.COMPARED else w.Phi[v.pick]
        found.bought[t] = bought

    engine.play(spec.model_copy(update=dict(replications=1)), first=replication, compiled=False, watch=watch)
    return found
