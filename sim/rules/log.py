"""What a run remembers: running sums, path-wise maxima, and rows at the recorded rounds.

Every inequality of the ledger that must hold in each round is kept as a path-wise maximum, so
recording at log-spaced rounds loses no violation.

>>> tally = blank(conf_ratio=0.4)                 # before the first round ||theta_hat - theta*||_V / alpha = 0.4
>>> tally.regret, tally.labels, tally.conf_ratio_max
(0.0, 0, 0.4)
>>> COLUMNS[:6]                                   # the row of a recorded round begins like this
('t', 'regret', 'regret_queried', 'mistakes', 'mistakes_queried', 'labels')
"""

import math
from typing import NamedTuple

from sim.rules import codes

COLUMNS = (
    "t",
    "regret",
    "regret_queried",
    "mistakes",
    "mistakes_queried",
    "labels",
    "psi",
    "potential",
    "wide",
    "radius",
    "conf_ratio",
    "conf_ratio_max",
    "slack_width_max",
    "slack_regret_max",
    "latency_sum",
    "width_sum_bought",
    "gain_unbought_max",
    "latency",
    "gain",
    "threshold",
    "threshold_rise_max",
    "below_threshold",
    "opened",
    "certified",
    "out_of_budget",
    "forced",
    "decision_hash",
    "accuracy",
)
WIDTH = len(COLUMNS)
ROUNDING = 1e-12  # a regret below it is rounding, not a mistake
_PRIME, _BASE = 2147483647, 1103515245


class Tally(NamedTuple):
    """Running sums over rounds (regret on both clocks), path-wise maxima, reason counts."""

    regret: float
    regret_queried: float
    mistakes: int
    mistakes_queried: int
    labels: int
    conf_ratio: float
    conf_ratio_max: float
    slack_width_max: float
    slack_regret_max: float
    latency_sum: float
    width_sum_bought: float
    gain_unbought_max: float
    latency: float
    gain: float
    threshold: float
    threshold_rise_max: float
    below_threshold: int
    opened: int
    certified: int
    out_of_budget: int
    forced: int
    decision_hash: int


def blank(conf_ratio):
    """The tally before the first round; the confidence event is checked at t = 0 too."""
    return Tally(
        0.0, 0.0, 0, 0, 0, conf_ratio, conf_ratio, -math.inf, -math.inf, 0.0, 0.0, 0.0,
        0.0, 0.0, math.inf, -math.inf, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip


def advance(a, view, x, regret, bought, reason, threshold, alpha, conf_ratio):
    """The tally after one round."""
    q = 1 if bought else 0
    wrong = 1 if regret > ROUNDING else 0
    rise = a.threshold_rise_max
    if threshold < math.inf and a.threshold < math.inf:
        rise = max(rise, threshold - a.threshold)
    return Tally(
        a.regret + regret,
        a.regret_queried + q * regret,
        a.mistakes + wrong,
        a.mistakes_queried + q * wrong,
        a.labels + q,
        conf_ratio,
        max(a.conf_ratio_max, conf_ratio),
        max(a.slack_width_max, regret - view.width_latency),
        max(a.slack_regret_max, regret - view.regret_latency),
        a.latency_sum + view.width_latency,
        a.width_sum_bought + q * alpha * view.width,
        a.gain_unbought_max if bought else max(a.gain_unbought_max, x.gain),
        x.latency,
        x.gain,
        threshold,
        rise,
        a.below_threshold + (1 if reason == codes.BELOW_THRESHOLD else 0),
        a.opened + (1 if reason == codes.OPENED else 0),
        a.certified + (1 if reason == codes.CERTIFIED else 0),
        a.out_of_budget + (1 if reason == codes.OUT_OF_BUDGET else 0),
        a.forced + (1 if reason == codes.FORCED else 0),
        (a.decision_hash * _BASE + q + 1) % _PRIME,
    )


def write(row, t, a, s, alpha, accuracy):
    """Write the state after round t (0-based) into ``row`` (WIDTH,), in the order of COLUMNS."""
    row[0] = t + 1
    row[1] = a.regret
    row[2] = a.regret_queried
    row[3] = a.mistakes
    row[4] = a.mistakes_queried
    row[5] = a.labels
    row[6] = s.psi
    row[7] = s.potential
    row[8] = s.wide
    row[9] = alpha
    row[10] = a.conf_ratio
    row[11] = a.conf_ratio_max
    row[12] = a.slack_width_max
    row[13] = a.slack_regret_max
    row[14] = a.latency_sum
    row[15] = a.width_sum_bought
    row[16] = a.gain_unbought_max
    row[17] = a.latency
    row[18] = a.gain
    row[19] = a.threshold
    row[20] = a.threshold_rise_max
    row[21] = a.below_threshold
    row[22] = a.opened
    row[23] = a.certified
    row[24] = a.out_of_budget
    row[25] = a.forced
    row[26] = a.decision_hash
    row[27] = accuracy
