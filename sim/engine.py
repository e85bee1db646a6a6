"""Specs -> run logs.  One call plays one configuration, all its replications, in order.

Nothing random happens here and no sum crosses replications, so results are the same bytes for
any number of threads or processes.
"""

import warnings
from collections.abc import Callable
from types import ModuleType

import numpy as np

from sim import game, loop, plugins, recorded
from sim.rules import codes, draws, gates, learners, log, rounds, streams
from sim.runlog import RunLog
from sim.setup import Setup, build, idle_text, is_idle
from sim.sources import Compiler, errors_of
from sim.spec import RunSpec

_ADVICE = {
    codes.NOT_FINITE: "a regret or information value is not finite; check sigma, S, L and lam for extreme values",
    codes.INVERSE_LOST: "the inverse design drifted beyond 1e-8; lower learner.refresh or raise lam",
}


_OPEN = ("threshold", "threshold_rise_max", "accuracy")  # no number where there is no threshold or no held-out row
_NO_TRUTH = ("conf_ratio", "conf_ratio_max")  # nor on recorded data, which has no theta*


class EngineError(RuntimeError):
    """A run ended with a status code; the message names the run and the way out."""


class IdleGate(UserWarning):
    """A gate whose budget is too small against the dimension for it ever to open."""


class NotCompiled(UserWarning):
    """A user's part that Numba cannot compile is played in the plain loop, slower."""


def play(spec: RunSpec, *, first: int = 0, compiled: bool = True, watch=None) -> RunLog:
    """Play replications first, first + 1, ... of a configuration.

    ``compiled`` = False plays the plain loop: the same decisions on the same draws, slower; it alone
    can be watched, and only in a game (``game.game``).  A user's part (``sim.plugins``) that is a class or
    that Numba cannot compile is played so too; the latter with a NotCompiled warning.
    Raises EngineError on a bad status or broken arithmetic, sources.PluginError where a user's part raises,
    ValueError for a run that cannot be watched, and what ``recorded.load`` raises on a bad file.
    """
    g, data = setup_of(spec), data_of(spec)
    if watch is not None and (compiled or data is not None):
        raise ValueError("watch: only the plain loop of a game can be watched; give compiled=False, no recorded file")
    if is_idle(g):
        warnings.warn(idle_text(g), IdleGate, stacklevel=2)
    rows, files = [], ", ".join(_sources(spec).values())
    for rep in range(first, first + spec.replications):
        with errors_of(files, f"(replication {rep} of seed {spec.seed})", EngineError):
            if data is None:
                rows.append(_play_game(spec, g, rep, compiled, watch))
            else:
                rows.append(_play_recorded(spec, g, data, rep, compiled))
    return RunLog(spec, g, rows)


def data_of(spec: RunSpec) -> recorded.Recorded | None:
    """The recorded data of a spec, if it replays any."""
    return recorded.load(spec.stream.path, spec.stream.center) if spec.stream.context == "recorded" else None


def setup_of(spec: RunSpec) -> Setup:
    """The numbers of a spec; a recorded stream brings its own d and class count."""
    data = data_of(spec)
    return build(spec) if data is None else build(spec, data.X.shape[1], data.K)


def recorded_rounds(spec: RunSpec) -> np.ndarray:
    """The rounds (R,) of which a row is kept, 1-based and ascending."""
    return np.array(spec.record.rounds(spec.T), dtype=np.int64)


def _hindsight(latencies: np.ndarray, B: int) -> np.ndarray:
    """Plan that buys the B largest latencies (ties to the earliest round), shape (T,)."""
    plan = np.zeros(len(latencies), dtype=np.int64)
    plan[np.argsort(-latencies, kind="stable")[:B]] = 1
    return plan


def _with_plan(g: Setup, run) -> np.ndarray:
    """Run once; the offline reference first collects latencies with every label bought."""
    nothing, empty = np.zeros(0, dtype=np.int64), np.zeros(0)
    if g.gate != gates.LLF_ORACLE:
        return run(g, nothing, empty)
    latencies = np.zeros(g.T)
    run(g._replace(gate=gates.ALWAYS, B=g.T, coins=0), nothing, latencies)
    return run(g, _hindsight(latencies, g.B), empty)


def _run(kernel: Callable, given: tuple, spec: RunSpec, rep: int) -> None:
    """Play one run; a bad status and arithmetic that breaks down become an EngineError that names the run.

    What a user's part raises goes through.
    """
    run = f"replication {rep} of {spec.key()} ({spec.gate.kind})"
    try:
        status = kernel(*given)
    except (ArithmeticError, ValueError) as error:  # a LinAlgError and a square root of less than 0 are ValueErrors
        if _sources(spec):
            raise
        k = spec.learner
        scales = f"lam = {k.lam:g}, sigma = {k.sigma:g}, S = {k.S:g}, L = {k.L:g}"
        raise EngineError(
            f"{run}: the arithmetic broke down ({error}); {scales}: give these, or the gate's and the follower's "
            "numbers, nearer to 1"
        ) from error
    if status != codes.OK:
        raise EngineError(f"{run}: {_ADVICE[status]}")
    open_ended = {*_OPEN, *(_NO_TRUTH if spec.stream.context == "recorded" else ())}
    for name, column in zip(log.COLUMNS, given[-1].T, strict=True):
        if name not in open_ended and not np.isfinite(column).all():
            raise EngineError(f"{run}: {name} is not finite; check sigma, S, L and lam for extreme values")


def _sources(spec: RunSpec) -> dict[str, str]:
    """kind -> source of the parts that are the user's."""
    gate, follower, learner = spec.gate, spec.follower, spec.learner
    parts = ((plugins.GATE, gate), (plugins.FOLLOWER, follower), (plugins.LEARNER, learner))
    return {kind: part.path for kind, part in parts if part.kind == codes.PLUGIN}


def parts_of(spec: RunSpec, g: Setup, compiler: Compiler | None = None) -> rounds.Parts:
    """The game's rules; a ``compiler`` compiles the user's functions."""
    paths = _sources(spec)
    rule = plugins.gate(paths[plugins.GATE], g, compiler) if plugins.GATE in paths else gates.BUILT_IN
    parts = rounds.BUILT_IN._replace(decide=rule.decide, settle=rule.settle)
    if plugins.FOLLOWER in paths:
        free = g.context == codes.FREE
        follower = plugins.follower(paths[plugins.FOLLOWER], free, compiler)
        parts = parts._replace(respond=follower) if free else parts._replace(choose=follower)
    return parts


def rule_of(spec: RunSpec, g: Setup, compiler: Compiler | None = None) -> gates.Rule:
    """The gate's rule alone."""
    parts = parts_of(spec, g, compiler)
    return gates.Rule(parts.decide, parts.settle)


def _kernel(spec: RunSpec, choose: Callable[[ModuleType], Callable], args: tuple) -> Callable | None:
    """The compiled run, from ``choose(kernels)``; None where a user's part must be played plainly."""
    from sim import kernels

    paths = _sources(spec)
    if not all(plugins.compilable(source, kind) for kind, source in paths.items()):
        return None
    kernel = choose(kernels)
    reason = kernels.refusal(kernel, args) if paths else ""
    if reason:
        files = ", ".join(paths.values())
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
    if g.misfit > 0.0:
        process = process._replace(twist=streams.twist(keys[draws.TWIST], g.d, g.feature_norm))
    return process, keys, streams.theta_star(keys[draws.THETA], g.d, k.S, hard)


def replay_of(spec: RunSpec, data: recorded.Recorded, rep: int) -> tuple[np.ndarray, ...]:
    """Keys of all draws, rows X (T, m) of norm at most L with labels y (T,), held-out rows with theirs: one
    replication's order of a recorded stream.  Raises ValueError where T rows are not left beside the held-out ones."""
    keys = draws.stream_keys(spec.seed, rep)
    order = streams.permutation(keys[draws.PERMUTATION], len(data.y))
    X, y, X_test, y_test = recorded.split(data, order, spec.T, spec.stream.test_fraction, spec.stream.path)
    return keys, spec.learner.L * X, y, spec.learner.L * X_test, y_test


def _play_game(spec: RunSpec, g: Setup, rep: int, compiled: bool, watch=None) -> np.ndarray:
    world, record = world_of(spec, g, rep), recorded_rounds(spec)

    def run(g: Setup, plan: np.ndarray, latencies: np.ndarray) -> np.ndarray:
        rows = np.zeros((len(record), log.WIDTH))
        given = (g, *world, record, plan, latencies, rows)
        kernel = _kernel(spec, lambda k: k.game_of(parts_of(spec, g, k.jit)), given) if compiled else None
        if kernel is None:
            kernel = game.game(parts_of(spec, g), loop.finite, watch)
        _run(kernel, given, spec, rep)
        return rows

    return _with_plan(g, run)


def _play_recorded(spec: RunSpec, g: Setup, data: recorded.Recorded, rep: int, compiled: bool) -> np.ndarray:
    keys, X, y, X_test, y_test = replay_of(spec, data, rep)
    record = recorded_rounds(spec)

    def run(g: Setup, plan: np.ndarray, latencies: np.ndarray) -> np.ndarray:
        rows = np.zeros((len(record), log.WIDTH))
        s = learners.start(g.d, g.N, g.lam)
        given = (g, s, X, y, X_test, y_test, keys, record, plan, latencies, np.zeros(g.d), rows)
        kernel = _kernel(spec, lambda k: k.recorded_of(rule_of(spec, g, k.jit)), given) if compiled else None
        if kernel is None:
            kernel = loop.recorded_run(*learner_of(spec, g, X_test, y_test), rule_of(spec, g))
        _run(kernel, given, spec, rep)
        return rows

    return _with_plan(g, run)


def learner_of(spec: RunSpec, g: Setup, X_test: np.ndarray, y_test: np.ndarray) -> tuple[loop.Learner, Callable]:
    """The plain loop's learner and how it is evaluated."""
    if spec.learner.kind == codes.PLUGIN:
        plugin = plugins.PluginLearner(spec.learner.path, g.d, g.N, g.lam)
        return plugin, lambda s: plugin.accuracy(X_test, y_test)
    return loop.OvaRidge(g.d, g.N, g.lam, g.refresh), lambda s: rounds.accuracy(s, X_test, y_test)
