"""The compiled run: the only file that imports numba.

``register_jitable`` lets the compiler see the plain rules, so that there is one text of each
rule.  The compile cache is named by a hash of sim's sources, because Numba's own cache misses
edits in other files.  Kernels neither check nor raise: they return a status code (``codes``).
"""

import functools
import math
import os
from pathlib import Path

import numba
import numba.core.config
import numba.core.cpu
import numba.core.errors
import numpy as np
from numba.extending import overload, register_jitable

from sim import version
from sim.rules import codes, draws, evasion, followers, gates, leader, learners, log, planners, rounds, streams

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "budgeted-stackelberg"
if "NUMBA_CACHE_DIR" not in os.environ:
    numba.core.config.CACHE_DIR = str(CACHE / f"numba-{version.CODE}")  # type: ignore[attr-defined]

# Rules of every round, copied into the run: their arguments are tuples of arrays, and handing those over
# costs more than the arithmetic.  Those that return numbers only do not count references either.
_NUMBERS = (
    (
        learners,
        ("dot", "dots", "row_dots", "matvec", "weigh", "square_width", "theory_radius", "radius", "confidence_ratio"),
    ),
    (leader, ("score", "pick_against", "assess", "assess_classes")),
    (gates, ("share_below", "paced_threshold", "confidence_rule", "schedule_rule", "is_scheduled", "decide")),
    (followers, ("ascend", "smallest", "worst_pick", "choose", "tremble", "hard")),
    (streams, ("component", "fill_pool")),
    (log, ("blank", "advance", "write")),
    (rounds, ("gate_coin", "leak", "leak_of_class", "payoffs_of", "lay_out", "signal", "noise", "compare")),
)
_ARRAYS = (
    (draws, ("mix", "bits", "uniform", "bell", "gaussian")),
    (learners, ("update", "absorb")),
    (gates, ("settle",)),
    (rounds, ("present", "buy")),
)
# Called: copies of these would only cost compile time.
_CALLED = (
    (learners, ("zeros", "start", "rebuild", "inverse_error")),
    (gates, ("open_purse",)),
    (followers, ("ball", "stays_shut", "shut_scale", "shrink_to", "evade")),
    (evasion, ("rotate", "spectrum", "weighed", "balance", "narrow", "evade")),
    (planners, ("replay", "factor", "solve", "normalise", "priced", "remove", "aside", "patient")),
    (rounds, ("workspace", "respond", "accuracy")),
)
KNOWN = frozenset(getattr(m, name) for table in (_NUMBERS, _ARRAYS, _CALLED) for m, names in table for name in names)
_BORROW = dict(_nrt=False) if hasattr(numba.core.cpu.CPUTargetOptions, "_nrt") else {}


def _register(table, **options):
    for module, names in table:
        for name in names:
            register_jitable(**options)(getattr(module, name))


_register(_NUMBERS, forceinline=True, **_BORROW)
_register(_ARRAYS, forceinline=True)
_register(_CALLED, forceinline=False)


@overload(draws.fill_bell)
def _fill_bell(key, start, out):
    def fill(key, start, out):
        for i in range(out.shape[0]):
            out[i] = draws.bell(draws.mix(key[0] + np.uint64(start + i) * key[1]))

    return fill


@overload(draws.fill_uniform)
def _fill_uniform(key, start, out):
    def fill(key, start, out):
        for i in range(out.shape[0]):
            out[i] = draws.uniform(draws.mix(key[0] + np.uint64(start + i) * key[1]))

    return fill


@overload(draws.uniform_at)
def _uniform_at(key, n):
    return lambda key, n: draws.uniform(draws.mix(key[0] + np.uint64(n) * key[1]))


INVERSE_TOLERANCE = 1e-8


def _status(s, tally):
    if not (math.isfinite(tally.regret) and math.isfinite(s.psi)):
        return codes.NOT_FINITE
    if learners.inverse_error(s) > INVERSE_TOLERANCE:
        return codes.INVERSE_LOST
    return codes.OK


def _game(decide, settle, choose, respond):
    """The run of a game with these parts.  A closure, because Numba compiles functions that it finds in a
    closure into the run, and can keep the result on disk."""

    def play_game(g, process, keys, theta_star, record, schedule, latencies, rows):
        s, p, w = learners.start(g.d, 1, g.lam), gates.open_purse(g), rounds.workspace(g)
        tally = log.blank(learners.confidence_ratio(s, theta_star, learners.radius(g, s.psi), w.z, w.out))
        r = 0
        for t in range(g.T):
            alpha = learners.radius(g, s.psi)
            scheduled = schedule[t] if schedule.shape[0] > 0 else 0
            gold = rounds.present(g, process, keys, t, s, p, alpha, theta_star, scheduled, w, decide, choose, respond)
            pick = leader.pick_against(w.scores, w.payoffs, w.shown)
            v = leader.assess(g, s, w.Phi, w.means, w.shown, pick, alpha, w.z, w.out)
            luck, leak = rounds.gate_coin(g, keys, t), rounds.leak(g, keys, t, w)
            x = rounds.signal(g, v, t, v.width * v.width, luck, scheduled, leak)
            bought, reason, threshold = decide(g, p, x)
            regret = w.payoffs[gold] - w.payoffs[pick]
            ratio = tally.conf_ratio
            if bought:
                s = rounds.buy(g, s, v, keys, t, w)
                ratio = learners.confidence_ratio(s, theta_star, learners.radius(g, s.psi), w.z, w.out)
            p = settle(g, p, x, reason, s.psi)
            tally = log.advance(tally, v, x, regret, bought, reason, threshold, alpha, ratio)
            if latencies.shape[0] > 0:
                latencies[t] = x.latency
            if t + 1 == record[r]:
                log.write(rows[r], t, tally, s, alpha, np.nan)
                r += 1
        return codes.OK if g.wrong else _status(s, tally)

    return play_game


def _recorded(decide, settle):
    """The run of a recorded stream with this gate."""

    def play_recorded(g, X, y, X_test, y_test, keys, record, schedule, latencies, rows):
        s, p = learners.start(g.d, g.N, g.lam), gates.open_purse(g)
        out, scores, one_hot = np.zeros(g.d), np.zeros(g.N), np.zeros(g.N)
        tally = log.blank(np.nan)
        r = 0
        for t in range(g.T):
            alpha = learners.radius(g, s.psi)
            scheduled = schedule[t] if schedule.shape[0] > 0 else 0
            for k in range(g.N):
                scores[k] = learners.dot(X[t], s.theta[:, k])
            w2 = learners.square_width(s.P, X[t], out)
            v = leader.assess_classes(scores, w2, alpha)
            leak = rounds.leak_of_class(g, v.pick, y[t])
            luck = rounds.gate_coin(g, keys, t)
            x = rounds.signal(g, v, t, w2, luck, scheduled, leak)
            bought, reason, threshold = decide(g, p, x)
            regret = 0.0 if v.pick == y[t] else 1.0
            if bought:
                one_hot[:] = 0.0
                one_hot[y[t]] = 1.0
                s = learners.update(s, X[t], one_hot, g.refresh, False, out)
            p = settle(g, p, x, reason, s.psi)
            tally = log.advance(tally, v, x, regret, bought, reason, threshold, alpha, np.nan)
            if latencies.shape[0] > 0:
                latencies[t] = x.latency
            if t + 1 == record[r]:
                log.write(rows[r], t, tally, s, alpha, rounds.accuracy(s, X_test, y_test))
                r += 1
        return _status(s, tally)

    return play_recorded


register_jitable(_status)
play_game = numba.njit(cache=True, nogil=True)(_game(*rounds.BUILT_IN))
play_recorded = numba.njit(cache=True, nogil=True)(_recorded(*gates.BUILT_IN))


jit = numba.njit(nogil=True)


def _compilable(part):
    """A part for a run: the project's own are known to the compiler, a user's becomes a compiled function."""
    return part if part in KNOWN else jit(part)


@functools.lru_cache(maxsize=32)
def game_of(parts):
    """The compiled run of a game with ``parts`` (rounds.Parts); a user's are compiled at the first call."""
    return play_game if parts == rounds.BUILT_IN else jit(_game(*map(_compilable, parts)))


@functools.lru_cache(maxsize=32)
def recorded_of(rule):
    """The compiled run of a recorded stream with a gate ``rule`` (gates.Rule)."""
    return play_recorded if rule == gates.BUILT_IN else jit(_recorded(*map(_compilable, rule)))


def refusal(run, args):
    """Why Numba cannot compile a run for arguments like these: '' if it can (and then it has)."""
    return _refusal(run, tuple(numba.typeof(a) for a in args))


_TELLING = ("Unknown", "Untyped", "Use of", "Cannot", "cannot", "Invalid use", "No implementation", "The use of")


@functools.lru_cache(maxsize=64)
def _refusal(run, types):
    try:
        run.compile(types)
    except (numba.core.errors.NumbaError, NotImplementedError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(_TELLING)]
        return (told or lines or [type(error).__name__])[-1]
    return ""
