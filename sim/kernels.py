"""The compiled run: the only file that imports numba.

``register_jitable`` lets the compiler see the plain rules, so that there is one text of each
rule.  The compile cache is named by a hash of sim's sources, because Numba's own cache misses
edits in other files.  Kernels neither check nor raise: they return a status code (``codes``).
"""

import functools
import math
import os
import types
from pathlib import Path

import numba
import numba.core.config
import numba.core.cpu
import numba.core.errors
import numpy as np
from numba.extending import overload, register_jitable

from sim import game, version
from sim.rules import (
    bait,
    choice,
    cholesky,
    codes,
    draws,
    evasion,
    followers,
    gates,
    insurance,
    leader,
    learners,
    log,
    planners,
    rounds,
    streams,
)

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "budgeted-stackelberg"
if "NUMBA_CACHE_DIR" not in os.environ:
    numba.core.config.CACHE_DIR = str(CACHE / f"numba-{version.CODE}")  # type: ignore[attr-defined]

# Rules of every round, copied into the run: their arguments are tuples of arrays, and handing those over
# costs more than the arithmetic.  Those that return numbers only do not count references either.
_NUMBERS = {
    choice: "chance curvature radius working surprise",
    learners: "dot dots row_dots matvec weigh square_width theory_radius radius confidence_ratio",
    leader: "score pick_against assess assess_classes",
    insurance: "chance fresh pays",
    gates: "signal coin share_below paced_threshold confidence_rule schedule_rule decide decide_alone",
    followers: "ascend smallest worst_pick choose tremble hard",
    streams: "component fill_pool bend",
    log: "blank advance write",
    rounds: "surprise surprise_of_class best payoffs_of lay_out noise winner compare meet meet_class",
}
_MODULES = (
    codes, draws, streams, cholesky, choice, learners, leader, insurance, gates, followers, evasion, bait, planners,
    rounds, log,
)  # fmt: skip
_ARRAYS = {
    draws: "mix bits uniform bell gaussian standard",
    learners: "update absorb",
    gates: "settle",
    rounds: "present buy predict_class learn_class",
}
_OVERLOADED = {draws.fill_bell, draws.fill_uniform, draws.uniform_at}  # compiled from another text, below
_BORROW = dict(_nrt=False) if hasattr(numba.core.cpu.CPUTargetOptions, "_nrt") else {}


def _rules() -> dict[types.FunctionType, str]:
    """Every plain function of ``sim.rules``, and how it enters a run: "numbers", "arrays", or "called" (copies
    of these would only cost compile time)."""
    found = dict[types.FunctionType, str]()
    for module in _MODULES:
        for name, rule in vars(module).items():
            if isinstance(rule, types.FunctionType) and rule.__module__ == module.__name__ and rule not in _OVERLOADED:
                copied = {how: name in table.get(module, "").split() for how, table in _COPIED.items()}
                found[rule] = next((how for how, yes in copied.items() if yes), "called")
    return found


_COPIED = {"numbers": _NUMBERS, "arrays": _ARRAYS}
_OPTIONS = {
    "numbers": dict(forceinline=True, **_BORROW),
    "arrays": dict(forceinline=True),
    "called": dict(forceinline=False),
}
KNOWN = _rules()
for _rule, _how in KNOWN.items():
    register_jitable(**_OPTIONS[_how])(_rule)


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


def _status(g, s, tally):
    if not (math.isfinite(tally.regret) and math.isfinite(s.psi)):
        return codes.NOT_FINITE
    if not g.wrong and learners.inverse_error(s) > INVERSE_TOLERANCE:
        return codes.INVERSE_LOST
    return codes.OK


def _itself(s):
    return s


def _recorded(rule):
    """The run of a recorded stream by the simulator's own learner."""
    return game.recorded(rule, _itself, rounds.predict_class, rounds.learn_class, rounds.accuracy, _status)


register_jitable(_status)
register_jitable(_itself)
play_game = numba.njit(cache=True, nogil=True)(game.game(rounds.BUILT_IN, _status))
play_recorded = numba.njit(cache=True, nogil=True)(_recorded(gates.BUILT_IN))


jit = numba.njit(nogil=True)


def _compilable(part):
    """A part for a run: the project's own are known to the compiler, a user's becomes a compiled function."""
    return part if part in KNOWN else jit(part)


@functools.lru_cache(maxsize=32)
def game_of(parts):
    """The compiled run of a game with ``parts`` (rounds.Parts); a user's are compiled at the first call."""
    return play_game if parts == rounds.BUILT_IN else jit(game.game(tuple(map(_compilable, parts)), _status))


@functools.lru_cache(maxsize=32)
def recorded_of(rule):
    """The compiled run of a recorded stream with a gate ``rule`` (gates.Rule)."""
    return play_recorded if rule == gates.BUILT_IN else jit(_recorded(tuple(map(_compilable, rule))))


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
