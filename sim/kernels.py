"""The compiled run: the only file that imports numba.

``register_jitable`` lets the compiler see the plain rules, so that there is one text of each
rule.  The compile cache is named by a hash of sim's sources, because Numba's own cache misses
edits in other files.  Kernels neither check nor raise: they return a status code (``codes``).
"""

import math
import os
from pathlib import Path

import numba
import numba.core.config
import numpy as np
from numba.extending import register_jitable

from sim import (
    codes,
    draws,
    engine_version,
    evasion,
    followers,
    gates,
    leader,
    learners,
    log,
    planners,
    rounds,
    streams,
)

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "budgeted-stackelberg"
if "NUMBA_CACHE_DIR" not in os.environ:
    numba.core.config.CACHE_DIR = str(CACHE / f"numba-{engine_version.CODE}")  # type: ignore[attr-defined]

_RULES = (
    (draws, ("mix", "bits", "uniform", "bell", "gaussian")),
    (learners, ("start", "dot", "matvec", "square_width", "rebuild", "update", "theory_radius", "radius")),
    (learners, ("confidence_ratio", "inverse_error")),
    (leader, ("score", "pick_against", "assess", "assess_classes")),
    (gates, ("open_purse", "share_below", "paced_threshold", "confidence_rule", "schedule_rule")),
    (gates, ("is_scheduled", "decide", "settle")),
    (followers, ("smallest", "worst_pick", "choose", "ball", "tremble")),
    (followers, ("stays_shut", "shut_scale", "shrink_to", "evade", "hard")),
    (evasion, ("rotate", "spectrum", "weighed", "balance", "narrow", "evade")),
    (planners, ("replay", "factor", "solve", "normalise", "priced", "remove", "aside", "patient")),
    (streams, ("component", "fill_pool")),
    (log, ("blank", "advance", "write")),
    (
        rounds,
        (
            "workspace",
            "coin",
            "gate_coin",
            "leak",
            "payoffs_of",
            "present",
            "present_free",
            "signal",
            "noise",
            "compare",
        ),
    ),
    (rounds, ("buy", "accuracy")),
)
for _module, _names in _RULES:
    for _name in _names:
        register_jitable(getattr(_module, _name))

INVERSE_TOLERANCE = 1e-8


def _status(s, tally):
    if not (math.isfinite(tally.regret) and math.isfinite(s.psi)):
        return codes.NOT_FINITE
    if learners.inverse_error(s) > INVERSE_TOLERANCE:
        return codes.INVERSE_LOST
    return codes.OK


def _play_game(g, process, keys, theta_star, record, schedule, latencies, rows):
    s, p, w = learners.start(g.d, 1, g.lam), gates.open_purse(g), rounds.workspace(g)
    tally = log.blank(learners.confidence_ratio(s, theta_star, learners.radius(g, s.psi), w.z, w.out))
    r = 0
    for t in range(g.T):
        alpha = learners.radius(g, s.psi)
        scheduled = schedule[t] if schedule.shape[0] > 0 else 0
        gold = rounds.present(g, process, keys, t, s, p, alpha, theta_star, scheduled, w)
        pick = leader.pick_against(w.scores, w.payoffs, w.shown)
        v = leader.assess(g, s, w.Phi, w.means, w.shown, pick, alpha, w.z, w.out)
        luck, leak = rounds.gate_coin(g, keys, t, w.one), rounds.leak(g, keys, t, w)
        x = rounds.signal(g, v, t, v.width * v.width, luck, scheduled, leak)
        bought, reason, threshold = gates.decide(g, p, x)
        regret = w.payoffs[gold] - w.payoffs[pick]
        ratio = tally.conf_ratio
        if bought:
            s = rounds.buy(g, s, v, keys, t, w)
            ratio = learners.confidence_ratio(s, theta_star, learners.radius(g, s.psi), w.z, w.out)
        p = gates.settle(g, p, x, reason, s.psi)
        tally = log.advance(tally, v, x, regret, bought, reason, threshold, alpha, ratio)
        if latencies.shape[0] > 0:
            latencies[t] = x.latency
        if t + 1 == record[r]:
            log.write(rows[r], t, tally, s, alpha, np.nan)
            r += 1
    return codes.OK if g.wrong else _status(s, tally)


def _play_recorded(g, X, y, X_test, y_test, keys, record, schedule, latencies, rows):
    s, p = learners.start(g.d, g.N, g.lam), gates.open_purse(g)
    out, one, scores, one_hot = np.zeros(g.d), np.arange(1).astype(np.uint64), np.zeros(g.N), np.zeros(g.N)
    tally = log.blank(np.nan)
    r = 0
    for t in range(g.T):
        alpha = learners.radius(g, s.psi)
        scheduled = schedule[t] if schedule.shape[0] > 0 else 0
        for k in range(g.N):
            scores[k] = learners.dot(X[t], s.theta[:, k])
        w2 = learners.square_width(s.P, X[t], out)
        v = leader.assess_classes(scores, w2, alpha)
        leak = 2.0 * g.sigma if g.gate == codes.CONTROL_PEEK and v.pick != y[t] else 0.0
        luck = rounds.gate_coin(g, keys, t, one)
        x = rounds.signal(g, v, t, w2, luck, scheduled, leak)
        bought, reason, threshold = gates.decide(g, p, x)
        regret = 0.0 if v.pick == y[t] else 1.0
        if bought:
            one_hot[:] = 0.0
            one_hot[y[t]] = 1.0
            s = learners.update(s, X[t], one_hot, g.refresh, False, out)
        p = gates.settle(g, p, x, reason, s.psi)
        tally = log.advance(tally, v, x, regret, bought, reason, threshold, alpha, np.nan)
        if latencies.shape[0] > 0:
            latencies[t] = x.latency
        if t + 1 == record[r]:
            log.write(rows[r], t, tally, s, alpha, rounds.accuracy(s, X_test, y_test))
            r += 1
    return _status(s, tally)


register_jitable(_status)
play_game = numba.njit(cache=True, nogil=True)(_play_game)
play_recorded = numba.njit(cache=True, nogil=True)(_play_recorded)
