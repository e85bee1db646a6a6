"""Which streams, followers, learners and gates play together: the doors of a whole run.

Each check raises ValueError with the values, the rule and the way out; ``sim.spec.RunSpec`` calls ``check``.
"""

import math
from typing import TYPE_CHECKING

from sim import scripts
from sim.rules import codes, followers

if TYPE_CHECKING:
    from sim.spec import RunSpec


def check(spec: "RunSpec") -> None:
    """Raise ValueError where the parts of a run do not go together, and what ``scripts.load`` raises on a bad file."""
    _follower(spec)
    _arena(spec)
    _labels(spec)
    if spec.follower.kind == "hard_instance":
        _hard_instance(spec)


def _follower(spec: "RunSpec") -> None:
    follower, gate, learner = spec.follower, spec.gate, spec.learner
    if follower.exact and not gate.by_width:
        raise ValueError(
            f"exact = True with gate {gate.kind!r} and latency {gate.latency_used!r}: the exact evasion "
            "is solved for gates that open above a width; use exact = False or latency = 'width'"
        )
    if follower.kind == "schedule":
        scripts.load(follower.path, spec.stream.d, learner.L)
    if followers.TRAITS_OF[follower.kind].greedy and learner.leader != "greedy":
        raise ValueError(
            f"follower {follower.kind!r} with leader {learner.leader!r}: its best response is derived "
            "for the greedy leader; use leader 'greedy'"
        )


def _arena(spec: "RunSpec") -> None:
    context, follower, learner = spec.stream.context, spec.follower, spec.learner
    free = (followers.TRAITS_OF[follower.kind].game or context) == "free"
    recorded = context == "recorded"
    if free != (context == "free"):
        raise ValueError(
            f"follower {follower.kind!r} with context {context!r}: "
            f"{', '.join(followers.FREE)}, and no others, play in context 'free'"
        )
    if recorded != (learner.kind != "ridge") or recorded != (follower.kind == "all"):
        raise ValueError(
            f"context {context!r}, learner {learner.kind!r}, follower {follower.kind!r}: "
            "a recorded stream is played by learner 'ova' (or your plugin) with follower 'all', and by no others"
        )
    if free and (spec.N != 2 or follower.M != 1 or learner.feedback not in codes.COMPARED):
        raise ValueError(
            f"N = {spec.N}, M = {follower.M}, feedback = {learner.feedback!r} in the free game: it "
            "compares one pair a round; give N = 2, M = 1 (the defaults) and feedback 'pair' or 'choice'"
        )
    if not recorded and follower.M > spec.N - 1:
        raise ValueError(f"M = {follower.M} > N - 1 = {spec.N - 1}: the pool has too few alternatives")


def _labels(spec: "RunSpec") -> None:
    if spec.learner.feedback == "choice" and spec.stream.noise != "gaussian":
        raise ValueError(
            f"noise = {spec.stream.noise!r} with feedback 'choice': a choice has no noise but its draw; leave noise out"
        )


def _hard_instance(spec: "RunSpec") -> None:
    if spec.learner.sigma == 0.0:
        raise ValueError("sigma = 0 with follower 'hard_instance': its theta* scales with the noise; give sigma > 0")
    if spec.hard_delta * math.sqrt(spec.stream.d) > spec.learner.S:
        raise ValueError(
            f"B = {spec.budget} < sigma^2 d^2 / (4 S^2 L^2), or gap sqrt(d) > S: the hard instance would need "
            "||theta*|| > S; buy more labels, or take a smaller d or gap"
        )
