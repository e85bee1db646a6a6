"""Which streams, followers, learners and gates play together: the doors of a whole run.

Each check raises ValueError with the values, the rule and the way out; ``sim.spec.RunSpec`` calls ``check``.
"""

import math
import sys
from typing import TYPE_CHECKING

from sim import scripts
from sim.rules import choice, codes, followers, learners, log

if TYPE_CHECKING:
    from sim.spec import RunSpec


MEMORY = 2**36  # bytes; a run that needs more of them would not end in a lifetime either


def check(spec: "RunSpec") -> None:
    """Raise ValueError where the parts of a run do not go together, where its arrays would need more than ``MEMORY``
    or its radius is no number, and what ``scripts.load`` raises on a bad file."""
    _memory(spec)
    _scales(spec)
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


def _memory(spec: "RunSpec") -> None:
    """The largest arrays of a run, before anything tries to make them."""
    d, rows = spec.stream.d, spec.record.most(spec.T)
    arrays = {
        f"d = {d}": (4 * d * d, "a smaller d"),
        f"N = {spec.N}, d = {d}": (3 * spec.N * (d + 3), "a smaller N or d"),
        f"components = {spec.stream.components}, d = {d}": (spec.stream.components * d, "fewer components"),
        f"window = {spec.gate.window}": (spec.gate.window, "a smaller window"),
        f"T = {spec.T} with gate {spec.gate.kind!r}": (4 * spec.T * (spec.gate.kind == "llf_oracle"), "a smaller T"),
        f"T = {spec.T}, record {spec.record.mode!r}, replications = {spec.replications}": (
            rows * spec.replications * log.WIDTH,
            "record mode 'final', a smaller per_octave, or fewer rounds or replications",
        ),
    }
    for text, (numbers, way_out) in arrays.items():
        size = 8 * numbers
        if size > MEMORY:
            rule = f"the rule is at most {MEMORY // 2**30}"
            raise ValueError(f"{text}: arrays of {size / 2**30:.3g} GiB; {rule}; give {way_out}")


def _scales(spec: "RunSpec") -> None:
    """Numbers so large or small that the information, the radius or a sum of squares would be none."""
    k, T, d = spec.learner, spec.T, spec.stream.d
    given = f"lam = {k.lam:g}, L = {k.L:g}, S = {k.S:g}, sigma = {k.sigma:g}, delta = {k.delta:g}"
    reward = k.S * k.L + 40.0 * k.sigma + spec.stream.misfit  # no label is larger: no normal draw reaches 40
    squares = T * reward * reward + k.lam * k.S * k.S  # bounds ||theta_hat - theta*||_V^2
    taught = k.L * k.L / k.lam * T * (spec.follower.M + 1)
    first = _radius(spec, 0.0)
    last = _radius(spec, d * math.log(sys.float_info.max))  # psi is below it where ``taught`` is finite
    sizes = {
        "T L^2/lam": taught,
        "1/lam": 1.0 / k.lam,
        f"with radius_c = {k.radius_c:g} the radius": first if first == 0.0 else last,
        "the sum of the widths": last * T * k.L / math.sqrt(k.lam),
        f"with misfit = {spec.stream.misfit:g} the sum of the squared labels": squares,
        "the error in units of the radius": math.sqrt(squares) / (first or 1.0),
    }
    for what, size in sizes.items():
        if not 0.0 < size < math.inf:
            raise ValueError(f"{given}: {what} is {size:g}, no positive finite number; give values nearer to 1")


def _radius(spec: "RunSpec", psi: float) -> float:
    k = spec.learner
    if k.radius_mode == "fixed":
        return k.radius_c
    if 1.0 / k.delta == math.inf:
        return math.inf
    if k.feedback == "choice":
        return k.radius_c * choice.radius(psi, k.S, k.L, k.lam, k.delta)
    return k.radius_c * learners.theory_radius(psi, k.sigma, k.lam, k.S, k.delta)
