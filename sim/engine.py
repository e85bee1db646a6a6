"""Specs -> run logs.  One call plays one configuration, all its replications, in order.

Nothing random happens here and no sum crosses replications, so results are the same bytes for
any number of threads or processes.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from sim import loop, own, recorded
from sim.rules import codes, draws, gates, log, rounds, streams
from sim.runlog import RunLog
from sim.setup import Setup, build, never_opens
from sim.spec import RunSpec

_ADVICE = {
    codes.NOT_FINITE: "a regret or information value is not finite; check sigma, S, L and lam for extreme values",
    codes.INVERSE_LOST: "the inverse design drifted beyond 1e-8; lower learner.refresh or raise lam",
}


class EngineError(RuntimeError):
    """A run ended with a status code; the message names the run and the way out."""


class IdleGate(UserWarning):
    """A gate whose budget is too small against the dimension for it ever to open."""


class NotCompiled(UserWarning):
    """A part of the user's own that Numba cannot compile is played in the plain loop, slower."""


def play(spec: RunSpec, *, first: int = 0, compiled: bool = True, watch=None) -> RunLog:
    """Play replications first, first + 1, ... of a configuration.

    ``compiled`` = False plays the plain loop: the same decisions on the same draws, slower; it alone
    can be watched, and only in a game (``loop.play_game``).  A part of the user's own (``sim.own``) that is
    a class or that Numba cannot compile is played so too; the latter with a NotCompiled warning.
    Raises EngineError on a bad status, own.OwnError where a user's part raises, ValueError for a run that
    cannot be watched, and what ``recorded.load`` raises on a bad file.
    """
    g, data = setup_of(spec), data_of(spec)
    if watch is not None and (compiled or data is not None):
        raise ValueError("watch: only the plain loop of a game can be watched; give compiled=False, no recorded file")
    if is_idle(spec, g):
        warnings.warn(
            f"{spec.gate.kind} never opens with B = {g.B} in d = {g.d} dimensions (D_B/B >= log(1 + L^2/lam)); "
            "use more labels, fewer dimensions, or llf_self_paced",
            IdleGate,
            stacklevel=2,
        )
    reps = range(first, first + spec.replications)
    if data is None:
        return RunLog(spec, g, [_play_game(spec, g, rep, compiled, watch) for rep in reps])
    return RunLog(spec, g, [_play_recorded(spec, g, data, rep, compiled) for rep in reps])


def is_idle(spec: RunSpec, g: Setup) -> bool:
    """Whether the run's gate is a potential gate that can never open."""
    return spec.gate.kind in ("llf_fixed", "llf_paced") and never_opens(g.B, g.d, g.lam, g.L)


def data_of(spec: RunSpec) -> recorded.Recorded | None:
    """The recorded data of a spec, if it replays any."""
    return recorded.load(spec.stream.path, spec.stream.center) if spec.stream.context == "recorded" else None


def setup_of(spec: RunSpec) -> Setup:
    """The numbers of a spec; a recorded stream brings its own d and class count."""
    data = data_of(spec)
    return build(spec) if data is None else build(spec, data.X.shape[1], data.K)


def _record(spec: RunSpec) -> np.ndarray:
    return np.array(spec.record.rounds(spec.T), dtype=np.int64)


def _hindsight(latencies: np.ndarray, B: int) -> np.ndarray:
    """Plan that buys the B largest latencies (ties to the earliest round), shape (T,)."""
    plan = np.zeros(len(latencies), dtype=np.int64)
    plan[np.argsort(-latencies, kind="stable")[:B]] = 1
    return plan


def _with_plan(g: Setup, run) -> np.ndarray:
    """Run once; the offline reference first collects latencies with every label bought."""
    nothing, empty = np.zeros(0, dtype=np.int64), np.zeros(0)
    if g.gate != codes.LLF_ORACLE:
        return run(g, nothing, empty)
    latencies = np.zeros(g.T)
    run(g._replace(gate=codes.ALWAYS, B=g.T), nothing, latencies)
    return run(g, _hindsight(latencies, g.B), empty)


def _checked(status: int, spec: RunSpec, rep: int) -> None:
    if status != codes.OK:
        raise EngineError(f"replication {rep} of {spec.key()} ({spec.gate.kind}): {_ADVICE[status]}")


def _sources(spec: RunSpec) -> dict[str, str]:
    """kind -> source of the parts that are the user's own."""
    kinds = {own.GATE: spec.gate.kind, own.FOLLOWER: spec.follower.kind, own.LEARNER: spec.learner.kind}
    paths = {own.GATE: spec.gate.path, own.FOLLOWER: spec.follower.path, own.LEARNER: spec.learner.path}
    return {kind: paths[kind] for kind, name in kinds.items() if name == codes.OWN}


@contextmanager
def _blaming(spec: RunSpec, rep: int) -> Iterator[None]:
    """Whatever a user's part raises becomes one OwnError that names it."""
    try:
        yield
    except (own.OwnError, EngineError):
        raise
    except Exception as error:
        mine = ", ".join(_sources(spec).values())
        if not mine:
            raise
        raise own.OwnError(
            f"{mine}: {type(error).__name__}: {error} (replication {rep} of seed {spec.seed})"
        ) from error


def parts_of(spec: RunSpec, g: Setup, jit: Callable | None = None) -> rounds.Parts:
    """The game's rules; ``jit`` compiles the user's own functions."""
    mine = _sources(spec)
    rule = own.gate(mine[own.GATE], g, jit) if own.GATE in mine else gates.BUILT_IN
    parts = rounds.BUILT_IN._replace(decide=rule.decide, settle=rule.settle)
    if own.FOLLOWER in mine:
        free = g.context == codes.FREE
        follower = own.follower(mine[own.FOLLOWER], free, jit)
        parts = parts._replace(respond=follower) if free else parts._replace(choose=follower)
    return parts


def _kernel(spec: RunSpec, choose: Callable, args: tuple) -> Callable | None:
    """The compiled run, from ``choose(jit)``; None where a part of the user's own must be played plainly."""
    from sim import kernels

    mine = _sources(spec)
    if not all(own.compilable(source, kind) for kind, source in mine.items()):
        return None
    kernel = choose(kernels.jit)
    reason = kernels.refusal(kernel, args) if mine else ""
    if reason:
        files = ", ".join(mine.values())
        warnings.warn(f"{files} is played in the plain loop: {reason}", NotCompiled, stacklevel=2)
        return None
    return kernel


def world_of(spec: RunSpec, g: Setup, rep: int) -> tuple[streams.Process, np.ndarray, np.ndarray]:
    """Context process, keys of all draws and theta* (d,) of one replication of a game."""
    k, stream = spec.learner, spec.stream
    keys = draws.stream_keys(spec.seed, rep)
    hard = spec.hard_delta if spec.follower.kind == "hard_instance" else 0.0
    process = streams.process(
        stream.context, g.d, exponent=stream.exponent, components=stream.components, leak=stream.leak
    )
    return process, keys, streams.theta_star(keys[draws.THETA], g.d, k.S, hard)


def _play_game(spec: RunSpec, g: Setup, rep: int, compiled: bool, watch=None) -> np.ndarray:
    process, keys, truth = world_of(spec, g, rep)
    record = _record(spec)

    def run(g: Setup, plan: np.ndarray, latencies: np.ndarray) -> np.ndarray:
        rows = np.zeros((len(record), log.WIDTH))
        given = (g, process, keys, truth, record, plan, latencies)
        if compiled:
            from sim import kernels

            kernel = _kernel(spec, lambda jit: kernels.game_of(parts_of(spec, g, jit)), (*given, rows))
            if kernel is not None:
                _checked(kernel(*given, rows), spec, rep)
                return rows
        return loop.play_game(*given, watch, parts_of(spec, g))

    with _blaming(spec, rep):
        return _with_plan(g, run)


def _play_recorded(spec: RunSpec, g: Setup, data: recorded.Recorded, rep: int, compiled: bool) -> np.ndarray:
    keys = draws.stream_keys(spec.seed, rep)
    order = streams.permutation(keys[draws.PERMUTATION], len(data.y))
    X, y, X_test, y_test = recorded.split(data, order, g.T, spec.stream.test_fraction, spec.stream.path)
    X, X_test = spec.learner.L * X, spec.learner.L * X_test
    record = _record(spec)

    def run(g: Setup, plan: np.ndarray, latencies: np.ndarray) -> np.ndarray:
        rows = np.zeros((len(record), log.WIDTH))
        rest = (keys, record, plan, latencies)
        if compiled:
            from sim import kernels

            kernel = _kernel(
                spec, lambda jit: kernels.recorded_of(rule_of(spec, g, jit)), (g, X, y, X_test, y_test, *rest, rows)
            )
            if kernel is not None:
                _checked(kernel(g, X, y, X_test, y_test, *rest, rows), spec, rep)
                return rows
        learner, accuracy = learner_of(spec, g, X_test, y_test)
        return loop.play_recorded(g, learner, X, y, accuracy, *rest, rule_of(spec, g))

    with _blaming(spec, rep):
        return _with_plan(g, run)


def rule_of(spec: RunSpec, g: Setup, jit: Callable | None = None) -> gates.Rule:
    """The gate's rule alone."""
    parts = parts_of(spec, g, jit)
    return gates.Rule(parts.decide, parts.settle)


def learner_of(spec: RunSpec, g: Setup, X_test: np.ndarray, y_test: np.ndarray) -> tuple[loop.Learner, Callable]:
    """The plain loop's learner and how it is evaluated."""
    if spec.learner.kind == codes.OWN:
        mine = own.OwnLearner(spec.learner.path, g.d, g.N, g.lam)
        return mine, lambda s: mine.accuracy(X_test, y_test)
    return loop.OvaRidge(g.d, g.N, g.lam, g.refresh), lambda s: rounds.accuracy(s, X_test, y_test)
