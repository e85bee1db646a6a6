"""Label-query gates: pure rules on scalars.

A gate sees a ``Signal`` (what is known before the label) and its ``Purse`` (what it has left),
and every gate has one form: it opens iff statistic > threshold.  ``decide`` never changes
anything; ``settle`` returns the purse after the decision.  Nothing here knows features, models
or labels, so the same functions gate the simulator and a fine-tuned transformer.

Sources: llf_fixed, llf_paced, llf_split derived here (theorems 2, 3, part 4 of the game);
llf_regret after Dekel, Gentile, Sridharan (2012); bbq Cesa-Bianchi, Gentile, Orabona (2009);
dual after Balseiro, Lu, Mirrokni (dual mirror descent); llf_self_paced derived here.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sim.rules import codes

INFO_TIE = 1e-9  # nats; on the hard instance the last gain equals the threshold but for rounding


class Signal(NamedTuple):
    """What a gate may know in round t.

    latency  upper confidence bound on this round's regret (reward units; the gate's choice of
             width or regret latency); ``certified`` is 1 when the regret latency is 0
    width    ||z||_P of the compared pair;  gain = log(1 + w^2) of the design vector [nats]
    gap      score of the pick minus the runner-up;  coin  a uniform for randomised gates
    scheduled  the offline reference's purchase plan for this round (0 or 1)
    leak     the label's surprise, which no gate may read: 0 but for the control that peeks and, as a bait
             that ``paper_repro preflight`` checks, for a user's own gate in the simulator
    """

    t: int
    latency: float
    width: float
    gain: float
    gap: float
    certified: int
    coin: float
    scheduled: int
    leak: float


class Purse(NamedTuple):
    """What a gate remembers: ``left`` labels, ``psi`` information bought [nats]; ``own_left``
    and ``own_psi`` the first purse of llf_split; ``mu`` the dual price (not above 0: not yet set);
    ``memory`` (window,) the last latencies or gaps (a user's gate: its own
    floats), ``written`` how many there were."""

    left: int
    psi: float
    own_left: int
    own_psi: float
    mu: float
    memory: np.ndarray
    written: int


def open_purse(g):
    """The purse before the first round."""
    return Purse(g.B, 0.0, g.B // 2, 0.0, -1.0, np.zeros(g.window), 0)


def share_below(seen, count, value):
    """Share of remembered values strictly below ``value`` (0 while nothing is remembered)."""
    n = min(count, seen.shape[0])
    if n == 0:
        return 0.0
    below = 0
    for i in range(n):
        if seen[i] < value:
            below += 1
    return below / n


def paced_threshold(info, psi, left):
    """s_t = (D_B - Psi_t) / b_t: remaining information over remaining labels (theorem 3).

    Lemma 0 keeps D_B - Psi_t above 0 but for rounding; a tie goes to shut (INFO_TIE).
    """
    if left <= 0:
        return np.inf
    return max(info - psi, 0.0) / left + INFO_TIE


def confidence_rule(g, p, x):
    """(statistic, threshold) of the gates that look at confidence; opens iff stat > threshold."""
    kind = g.gate
    rounds_left = g.T - x.t
    if kind == codes.LLF_FIXED:
        return x.gain, g.info / g.B + INFO_TIE
    if kind == codes.LLF_PACED:
        return x.gain, paced_threshold(g.info, p.psi, p.left)
    if kind == codes.LLF_SPLIT:
        return x.gain, paced_threshold(g.info_half, p.own_psi, p.own_left)
    if kind == codes.LLF_REGRET:
        return x.latency, g.gate_threshold
    if kind == codes.LLF_SELF_PACED:
        pace = min(1.0, (p.left / g.B) / (rounds_left / g.T))
        return g.gate_c * x.width * pace**g.gate_p, x.gap
    if kind == codes.LLF_QUANTILE:
        return p.left / rounds_left, share_below(p.memory, p.written, -x.latency)
    if kind == codes.MARGIN:
        return p.left / rounds_left, share_below(p.memory, p.written, x.gap)
    if kind == codes.DUAL:
        return x.latency, max(p.mu, 0.0)
    if kind == codes.BBQ:
        return math.expm1(x.gain), (x.t + 1.0) ** -g.gate_kappa
    return x.leak, g.sigma  # CONTROL_PEEK: breaks the rule on purpose


def schedule_rule(g, p, x):
    """True where a purchase is due by schedule or by lot, whatever the confidence."""
    kind = g.gate
    rounds_left = g.T - x.t
    if kind == codes.ALWAYS or kind == codes.PREFIX:
        return True
    if kind == codes.RANDOM:
        return x.coin < p.left / rounds_left
    if kind == codes.PERIODIC:
        return (x.t + 1) * g.B // g.T > x.t * g.B // g.T
    if kind == codes.LLF_ORACLE:
        return x.scheduled == 1
    if kind == codes.LLF_SPLIT:
        spare = p.left - p.own_left
        if g.purse == codes.RANDOM:
            return x.coin < spare / rounds_left
        return spare > 0
    if kind == codes.LLF_QUANTILE or kind == codes.MARGIN:
        return p.left >= rounds_left
    return False


def is_scheduled(kind):
    """Gates that never look at confidence."""
    return kind <= codes.PREFIX or kind == codes.LLF_ORACLE


def decide(g, p, x):
    """(open, reason, threshold) for one round; pure.  The cap is checked before anything else."""
    if is_scheduled(g.gate):
        statistic, threshold = 0.0, 0.0
    else:
        statistic, threshold = confidence_rule(g, p, x)
    if g.cap and p.left <= 0:
        return False, codes.OUT_OF_BUDGET, threshold
    if statistic > threshold:
        return True, codes.OPENED, threshold
    if schedule_rule(g, p, x):
        return True, codes.FORCED, threshold
    if x.certified == 1 and not is_scheduled(g.gate):
        return False, codes.CERTIFIED, threshold
    return False, codes.BELOW_THRESHOLD, threshold


def settle(g, p, x, reason, psi):
    """The purse after a decision; ``psi`` is the learner's information after it [nats].

    Modifies ``memory`` in place.
    """
    bought = reason == codes.OPENED or reason == codes.FORCED
    own = bought and reason == codes.OPENED
    mu, written = p.mu, p.written
    if g.gate == codes.DUAL:
        mu = x.latency if mu <= 0.0 else mu * math.exp(g.gate_eta * ((1.0 if bought else 0.0) - g.B / g.T))
    elif g.gate == codes.LLF_QUANTILE or g.gate == codes.MARGIN:
        p.memory[written % p.memory.shape[0]] = -x.latency if g.gate == codes.LLF_QUANTILE else x.gap
        written += 1
    return Purse(
        p.left - 1 if bought else p.left,
        psi,
        p.own_left - 1 if own else p.own_left,
        p.own_psi + x.gain if own else p.own_psi,
        mu,
        p.memory,
        written,
    )


class Rule(NamedTuple):
    """A gate as two functions: decide(g, p, x) -> (open, reason, threshold), pure, and
    settle(g, p, x, reason, psi) -> Purse.  What plays a gate takes a rule, so that anyone's fits."""

    decide: Callable
    settle: Callable


BUILT_IN = Rule(decide, settle)
