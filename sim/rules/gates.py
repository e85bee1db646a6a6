"""Label-query gates: who buys which label, as pure rules on scalars.

A gate sees a ``Signal`` (what is known before the label) and its ``Purse`` (what it has left),
and every gate has one form: it opens iff statistic > threshold.  ``decide`` never changes
anything; ``settle`` returns the purse after the decision.  Nothing here knows features, models
or labels, so the same functions gate the simulator and a fine-tuned transformer.

A gate is one row of ``TRAITS`` (what everything else may ask about it) and one branch of
``confidence_rule`` or ``schedule_rule``.  llf_paced, say, opens while a label teaches more than what
is left to be learned, shared out among the labels that are left:

>>> round(paced_threshold(info=12.0, psi=4.0, left=10), 6)   # (D_B - Psi_t) / b_t  [nats]
0.8
>>> [t.name for t in TRAITS if "gap" in t.reads][:2]         # who compares the gap with something
['llf_self_paced', 'margin']

Sources: llf_fixed, llf_paced, llf_split derived here (theorems 2, 3, part 4 of the game);
llf_regret after Dekel, Gentile, Sridharan (2012); bbq Cesa-Bianchi, Gentile, Orabona (2009);
dual after Balseiro, Lu, Mirrokni (dual mirror descent); llf_self_paced derived here.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sim.rules import codes, draws, insurance

INFO_TIE = 1e-9  # nats; on the hard instance the last gain equals the threshold but for rounding


class Traits(NamedTuple):
    """What the rest of the program may ask about a gate.

    reads      what it looks at beside its purse: "gain", "width", "latency", "gap" (its confidence),
               "coin" (a lottery), "plan" (hindsight), "surprise" (the label, which only a control may)
    regret     compares the regret latency unless told otherwise (else the width latency)
    potential  its threshold is a share of D_B, so that it may be too poor in labels ever to open
    uncapped   may be played without the hard cap (by its own theorem, or at the user's own risk)
    counts     counts labels by itself (a schedule, a second purse, a price): no budget in money
    reference  buys every label or none, whatever the budget
    """

    name: str
    reads: frozenset[str] = frozenset()
    regret: bool = False
    potential: bool = False
    uncapped: bool = False
    counts: bool = False
    reference: bool = False

    @property
    def confidence(self) -> bool:
        """Whether the gate looks at confidence at all."""
        return bool(self.reads & {"gain", "width", "latency", "gap", "surprise"})

    @property
    def foresees(self) -> bool:
        """Whether the gate needs what nobody has before the label."""
        return bool(self.reads & {"plan", "surprise"})


def _reads(*what: str) -> frozenset[str]:
    return frozenset(what)


TRAITS = (
    Traits("always", reference=True),
    Traits("never", reference=True),
    Traits("random", _reads("coin")),
    Traits("periodic", counts=True),
    Traits("prefix"),
    Traits("llf_fixed", _reads("gain"), potential=True, uncapped=True),
    Traits("llf_paced", _reads("gain"), potential=True, uncapped=True),
    Traits("llf_regret", _reads("latency"), regret=True),
    Traits("llf_self_paced", _reads("width", "gap"), regret=True),
    Traits("llf_quantile", _reads("latency")),
    Traits("llf_split", _reads("gain", "coin"), potential=True, counts=True),
    Traits("dual", _reads("latency"), counts=True),
    Traits("margin", _reads("gap")),
    Traits("bbq", _reads("gain")),
    Traits("llf_oracle", _reads("plan")),
    Traits("control_peek", _reads("surprise")),
    Traits(codes.PLUGIN, _reads("latency", "gap", "coin"), uncapped=True),  # a user's, the last row: what it may read
)
KINDS = tuple(t.name for t in TRAITS)  # a gate's code is its place
GATES = KINDS[:-1]  # those that are built in
TRAITS_OF = dict(zip(KINDS, TRAITS, strict=True))
(
    ALWAYS, NEVER, RANDOM, PERIODIC, PREFIX, LLF_FIXED, LLF_PACED, LLF_REGRET, LLF_SELF_PACED, LLF_QUANTILE,
    LLF_SPLIT, DUAL, MARGIN, BBQ, LLF_ORACLE, CONTROL_PEEK,
    PLUGIN,
) = range(len(KINDS))  # fmt: skip
CONFIDENT = np.array([t.confidence for t in TRAITS])  # by code, for the compiled rules
TOSSES = np.array(["coin" in t.reads for t in TRAITS])
BAITED = np.array([i in (CONTROL_PEEK, PLUGIN) for i in range(len(KINDS))])


class Signal(NamedTuple):
    """What a gate may know in round t.

    latency  upper confidence bound on this round's regret (reward units; the gate's choice of
             width or regret latency); ``certified`` is 1 when the regret latency is 0
    width    ||z||_P of the compared pair;  gain = log(1 + w^2) of the design vector [nats]
    gap      score of the pick minus the runner-up;  coin  a uniform for randomised gates
    scheduled  the offline reference's purchase plan for this round (0 or 1)
    surprise  how far the label will be from its mean, which no gate may read: 0 but for the control that
             peeks and, as a bait that ``paper_repro preflight`` checks, for a user's gate in the simulator
    """

    t: int
    latency: float
    width: float
    gain: float
    gap: float
    certified: int
    coin: float
    scheduled: int
    surprise: float


class Purse(NamedTuple):
    """What a gate remembers between rounds.

    ``left`` labels, ``psi`` information bought [nats]; ``first_left`` and ``first_psi`` the first purse of
    llf_split; ``mu`` the dual price (not above 0: not yet set); ``memory`` (window,) the last latencies or
    gaps (a user's gate: its own floats), ``written`` how many there were; ``coin_left`` labels of a coin beside
    the gate, ``coin_psi`` the part of psi that its labels taught (``insurance``).
    """

    left: int
    psi: float
    first_left: int
    first_psi: float
    mu: float
    memory: np.ndarray
    written: int
    coin_left: int
    coin_psi: float


def signal(g, view, t, w2, coin, scheduled, surprise):
    """What the gate may know of round t, from the leader's comparison ``view`` (leader.View) and the square
    width ``w2`` of the vector that the label would put into the design."""
    latency = view.regret_latency if g.latency == codes.REGRET else view.width_latency
    certified = 1 if view.regret_latency <= 0.0 else 0
    return Signal(t, latency, view.width, math.log1p(w2), view.gap, certified, coin, scheduled, surprise)


def coin(g, keys, t):
    """The gate's coin of round t, uniform on (0, 1), drawn only for gates that may toss one (else 1)."""
    if TOSSES[g.gate] or g.coins > 0:
        return draws.uniform_at(keys[draws.COIN], t)
    return 1.0


def open_purse(g):
    """The purse before the first round."""
    return Purse(g.B, 0.0, g.B // 2, 0.0, -1.0, np.zeros(g.window), 0, g.coins, 0.0)


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
    if kind == LLF_FIXED:
        return x.gain, g.info / g.B + INFO_TIE
    if kind == LLF_PACED:
        return x.gain, paced_threshold(g.info, p.psi - p.coin_psi, p.left)
    if kind == LLF_SPLIT:
        return x.gain, paced_threshold(g.info_half, p.first_psi, p.first_left)
    if kind == LLF_REGRET:
        return x.latency, g.gate_threshold
    if kind == LLF_SELF_PACED:
        pace = min(1.0, (p.left / g.B) / (rounds_left / g.T))
        return g.gate_c * x.width * pace**g.gate_p, x.gap
    if kind == LLF_QUANTILE:
        return p.left / rounds_left, share_below(p.memory, p.written, -x.latency)
    if kind == MARGIN:
        return p.left / rounds_left, share_below(p.memory, p.written, x.gap)
    if kind == DUAL:
        return x.latency, max(p.mu, 0.0)
    if kind == BBQ:
        return math.expm1(x.gain), (x.t + 1.0) ** -g.gate_kappa
    return x.surprise, g.sigma  # CONTROL_PEEK: breaks the rule on purpose


def schedule_rule(g, p, x):
    """True where a purchase is due by schedule or by lot, whatever the confidence."""
    kind = g.gate
    rounds_left = g.T - x.t
    if kind in (ALWAYS, PREFIX):
        return True
    if kind == RANDOM:
        return x.coin < p.left / rounds_left
    if kind == PERIODIC:
        return (x.t + 1) * g.B // g.T > x.t * g.B // g.T
    if kind == LLF_ORACLE:
        return x.scheduled == 1
    if kind == LLF_SPLIT:
        spare = p.left - p.first_left
        if g.purse == RANDOM:
            return x.coin < spare / rounds_left
        return spare > 0
    if kind in (LLF_QUANTILE, MARGIN):
        return p.left >= rounds_left
    return False


def toss(g, p, x):
    """(whether the coin beside the gate buys in this round, the signal with a coin for the gate's own use)."""
    chance = insurance.chance(g, p, x.t)
    coin = insurance.fresh(x.coin, chance)
    own = Signal(x.t, x.latency, x.width, x.gain, x.gap, x.certified, coin, x.scheduled, x.surprise)
    return x.coin < chance, own


def decide(g, p, x):
    """(open, reason, threshold) for one round; pure.  A coin beside the gate is tossed before anything else."""
    return decide_insured(g, p, x) if p.coin_left > 0 else decide_alone(g, p, x)


def decide_insured(g, p, x):
    """The answer with a coin beside the gate, apart because a round without one should not pay for it."""
    by_coin, own = toss(g, p, x)
    opened, reason, threshold = decide_alone(g, p, own)
    return (True, codes.FORCED, threshold) if by_coin else (opened, reason, threshold)


def decide_alone(g, p, x):
    """The gate's own answer, of which ``decide`` is the whole.  The cap is checked before anything else."""
    statistic, threshold = 0.0, 0.0
    if CONFIDENT[g.gate]:
        statistic, threshold = confidence_rule(g, p, x)
    if g.cap and p.left <= 0:
        return False, codes.OUT_OF_BUDGET, threshold
    if statistic > threshold:
        return True, codes.OPENED, threshold
    if schedule_rule(g, p, x):
        return True, codes.FORCED, threshold
    if x.certified == 1 and CONFIDENT[g.gate]:
        return False, codes.CERTIFIED, threshold
    return False, codes.BELOW_THRESHOLD, threshold


def settle(g, p, x, reason, psi):
    """The purse after a decision, ``psi`` [nats] the learner's information after it.  Changes ``memory`` in place."""
    by_coin = insurance.pays(g, p, x, reason)
    bought = not by_coin and (reason == codes.OPENED or reason == codes.FORCED)
    first, mu, written = bought and reason == codes.OPENED, p.mu, p.written
    if g.gate == DUAL:
        mu = x.latency if mu <= 0.0 else mu * math.exp(g.gate_eta * ((1.0 if bought else 0.0) - g.B / g.T))
    elif g.gate in (LLF_QUANTILE, MARGIN):
        p.memory[written % p.memory.shape[0]] = -x.latency if g.gate == LLF_QUANTILE else x.gap
        written += 1
    return Purse(
        p.left - 1 if bought else p.left,
        psi,
        p.first_left - 1 if first else p.first_left,
        p.first_psi + x.gain if first else p.first_psi,
        mu,
        p.memory,
        written,
        p.coin_left - 1 if by_coin else p.coin_left,
        p.coin_psi + (psi - p.psi) if by_coin else p.coin_psi,
    )


class Rule(NamedTuple):
    """A gate as two functions: decide(g, p, x) -> (open, reason, threshold), pure, and
    settle(g, p, x, reason, psi) -> Purse.  What plays a gate takes a rule, so that anyone's fits."""

    decide: Callable
    settle: Callable


BUILT_IN = Rule(decide, settle)
