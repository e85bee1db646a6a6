"""A search for instances that break a deterministic claim, or come closest to it.

    search   random restarts, differential evolution, Nelder-Mead: maximises measured/bound
    shrink   makes a found instance smaller and rounder while its ratio stays
    save, load, replay   an instance as a small JSON file

Nothing is played here: ``play`` turns a spec into its results table.  A ratio that stays below 1
proves nothing; a ratio above 1 is a counterexample, and the file replays it.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError
from scipy.optimize import Bounds, differential_evolution, minimize

from sim.files import write_atomic
from sim.spec import RunSpec
from theory.falsify.space import CONTEXTS, FOLLOWERS, FREE, NAMES, Target, target_of

Play = Callable[[RunSpec], pd.DataFrame]
PENALTY = 1.0  # what the minimisers see instead of -ratio = +inf; every true value is <= 0
POPULATION = 24
RESTARTS, LONGEST = 3, 1500  # restarts in a short search; evaluations of a restart in a long one


@dataclass(frozen=True)
class Found:
    """The tightest instance: measured/bound, its spec and the row (t, measured, bound, trivial, ratio)."""

    claim: str
    ratio: float
    spec: RunSpec
    record: dict[str, float]


class _SpentError(Exception):
    """The evaluations or the seconds are used up."""


@dataclass
class _Tally:
    """Plays points of [0, 1]^k, counts them, remembers the best."""

    target: Target
    play: Play
    evaluations: int
    stop: float
    used: int = 0
    best: Found | None = None
    seen: dict[str, float] = field(default_factory=dict)

    def __call__(self, u: np.ndarray) -> float:
        """-ratio of the instance at u, PENALTY where there is none. Raises _SpentError at a limit."""
        if self.used >= self.evaluations or time.monotonic() > self.stop:
            raise _SpentError
        self.used += 1
        try:
            spec = self.target.factory(u)
        except ValidationError:
            return PENALTY
        key = spec.key()
        if key not in self.seen:
            self.seen[key] = self._ratio(spec)
        return -self.seen[key] if self.seen[key] > -math.inf else PENALTY

    def _ratio(self, spec: RunSpec) -> float:
        row = self.target.worst(self.play(spec))
        if row and (self.best is None or row["ratio"] > self.best.ratio):
            self.best = Found(self.target.claim, row["ratio"], spec, row)
        return row.get("ratio", -math.inf)


def _restart(tally: _Tally, rng: np.random.Generator, share: int) -> None:
    """One start: a third of ``share`` at random, then evolution from the best, then Nelder-Mead."""
    k = len(NAMES)
    points = rng.random((max(share // 3, POPULATION), k))
    values = np.array([tally(u) for u in points])
    first = points[np.argsort(values, kind="stable")[:POPULATION]]
    box = Bounds(np.zeros(k), np.ones(k))
    generations = max(share // 2 // POPULATION, 1)
    evolved = differential_evolution(tally, box, init=first, maxiter=generations, tol=0.0, polish=False, rng=rng)
    options: Any = dict(maxfev=max(share // 6, k + 1), adaptive=True)
    minimize(tally, evolved.x, method="Nelder-Mead", bounds=box, options=options)


def search(target: Target, play: Play, evaluations: int, seed: int, seconds: float = math.inf) -> Found:
    """The instance of largest measured/bound among ``evaluations`` points.

    Points off the game (ValidationError) cost an evaluation and count as -inf.  The same seed and
    evaluations give the same answer, unless ``seconds`` of wall clock end the search earlier.
    Raises ValueError where no point gave a ratio, and what ``play`` raises.
    """
    tally = _Tally(target, play, evaluations, time.monotonic() + seconds)
    rng = np.random.default_rng(seed)
    share = min(max(evaluations // RESTARTS, 3 * POPULATION), LONGEST)
    try:
        while True:
            _restart(tally, rng, share)
    except _SpentError:
        pass
    if tally.best is None:
        raise ValueError(f"no instance of {target.claim} among {tally.used} points; give more evaluations or seconds")
    return tally.best


def save(found: Found, path: Path) -> None:
    """Write an instance as JSON: claim, ratio, record and the whole spec, defaults included."""
    data = dict(asdict(found), spec=found.spec.model_dump(mode="json"))
    write_atomic(path, (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())


def load(path: Path) -> Found:
    """Read a saved instance; raises ValueError where the file is none."""
    try:
        data = json.loads(path.read_text())
        return Found(data["claim"], data["ratio"], RunSpec.model_validate(data["spec"]), data["record"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a saved instance ({error}); write it with falsify.search.save") from error


def replay(path: Path, play: Play) -> float:
    """The ratio of a saved instance, played and judged again."""
    found = load(path)
    return target_of(found.claim).ratio(play(found.spec))


def _simpler(value: Any, preferred: tuple[Any, ...]) -> list[Any]:
    """Simpler values, simplest first: the preferred ones, then ``value`` at one and two digits."""
    options = [*preferred, *([float(f"{value:.{n}g}") for n in (1, 2)] if isinstance(value, float) else [])]
    return options[: options.index(value)] if value in options else options


def _smaller(n: int, least: int = 1) -> list[int]:
    return sorted({m for m in (least, n // 4, n // 2, n - n // 4, n - 1) if least <= m < n})


# What a follower has that neither plans nor evades exactly.
PLAIN: dict[str, Any] = dict(M=1, price=0.0, turn=0.0, haste=1.0, period=1, exact=False)


def _moves(spec: RunSpec) -> Iterator[dict[str, dict[str, Any]]]:
    """Simplifications of a spec, boldest first; "" holds the fields of the spec itself."""
    s, f, k, B = spec.stream, spec.follower, spec.learner, spec.budget
    yield from ({"": dict(T=T, B=max(1, B * T // spec.T))} for T in _smaller(spec.T))
    yield from ({"": dict(T=T, B=min(B, T))} for T in _smaller(spec.T))
    yield from ({"": dict(B=b)} for b in _smaller(B))
    yield from ({"stream": dict(d=d, components=min(s.components, d))} for d in _smaller(s.d))
    for kind in FOLLOWERS[: FOLLOWERS.index(f.kind)]:
        free = kind in FREE
        context = "free" if free else (s.context if s.context in CONTEXTS else "isotropic")
        yield {"follower": dict(PLAIN, kind=kind), "stream": dict(context=context, N=2 if free else 8)}
    if s.context in CONTEXTS:
        yield from ({"stream": dict(context=c)} for c in CONTEXTS[: CONTEXTS.index(s.context)])
    yield from ({"follower": dict(M=m)} for m in _smaller(f.M))
    yield from ({"follower": dict(exact=False)} for _ in range(f.exact))
    yield from ({"follower": dict(price=v)} for v in _simpler(f.price, (0.0, 1.0, -1.0)))
    yield from ({"follower": dict(turn=v)} for v in _simpler(f.turn, (0.0, 1.0)))
    yield from ({"follower": dict(haste=v)} for v in _simpler(f.haste, (1.0, 0.0)))
    yield from ({"follower": dict(period=n)} for n in _smaller(f.period))
    yield from ({"learner": dict(sigma=v)} for v in _simpler(k.sigma, (0.0, 1.0)))
    yield from ({"learner": dict(lam=v)} for v in _simpler(k.lam, (1.0,)))
    yield from ({"learner": dict(delta=v)} for v in _simpler(k.delta, (0.05,)))
    yield from ({"follower": dict(tremble=v)} for v in _simpler(f.tremble, (0.001,)))
    yield from ({"stream": dict(exponent=v)} for v in _simpler(s.exponent, (1.0, 0.0)))
    yield from ({"stream": dict(leak=v)} for v in _simpler(s.leak, (0.0,)))
    yield from ({"stream": dict(components=c)} for c in _smaller(s.components))
    yield from ({"": dict(seed=n)} for n in _smaller(spec.seed, 0))


def _changed(spec: RunSpec, move: dict[str, dict[str, Any]]) -> RunSpec | None:
    """The spec after a move, checked again; None where the rules forbid it."""
    data = spec.model_dump(mode="json")
    for part, fields in move.items():
        (data[part] if part else data).update(fields)
    try:
        return RunSpec.model_validate(data)
    except ValidationError:
        return None


def shrink(target: Target, spec: RunSpec, play: Play, keep: float | None = None, evaluations: int = 2000) -> Found:
    """A simpler spec whose ratio is still >= keep (default 0.95 of the spec's own).

    A plain greedy loop (``theory.falsify.simplest`` puts hypothesis before it): take the first
    simplification that keeps the ratio, start again, stop where none does or after ``evaluations``
    plays.  Every move goes down in a well-founded order, so it ends, and its result depends on
    nothing random.
    Raises ValueError where the claim says nothing about ``spec``.
    """
    row = target.worst(play(spec))
    if not row:
        raise ValueError(f"{target.claim} says nothing about this spec; shrink what search found")
    found = Found(target.claim, row["ratio"], spec, row)
    floor = 0.95 * found.ratio if keep is None else keep
    moved = True
    while moved:
        moved = False
        for move in _moves(found.spec):
            candidate = _changed(found.spec, move)
            if candidate is None or evaluations <= 0:
                continue
            evaluations -= 1
            row = target.worst(play(candidate))
            if row and row["ratio"] >= floor:
                found, moved = Found(target.claim, row["ratio"], candidate, row), True
                break
    return found
