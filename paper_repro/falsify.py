"""Search for worst instances of the deterministic claims with the real engine."""

import math
import time
import warnings
from pathlib import Path

import pandas as pd

from sim import engine, table
from sim.spec import RunSpec
from theory.falsify import search, simplest
from theory.falsify.space import target_of

INSTANCES = Path(__file__).parent / "expected" / "instances"  # the tightest instance found for each bound
UNLIMITED = 10**9  # evaluations; the wall clock ends the search
SIMPLIFY = 300  # plays spent on a simpler instance of the same ratio


def play(spec: RunSpec) -> pd.DataFrame:
    """The results table of a spec; a gate that never opens is an instance like any other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", engine.IdleGate)
        return table.from_log("falsify/0", engine.play(spec))


def summary(spec: RunSpec) -> str:
    """The numbers of an instance on one line."""
    s, f, k = spec.stream, spec.follower, spec.learner
    text = f"{f.kind}/{s.context} d={s.d} T={spec.T} B={spec.budget} sigma={k.sigma:g} lam={k.lam:g} delta={k.delta:g}"
    return f"{text} seed={spec.seed}"


def run(claims: tuple[str, ...], minutes: float, out: Path, seed: int = 0) -> list[search.Found]:
    """Search every claim for an equal share of ``minutes``, simplify its worst instance where that costs
    no tightness (seconds more), and write out/falsify/<claim>.json.

    The share bounds the search by wall clock, so a faster machine may find a tighter instance; the
    file replays the same ratio anywhere.  Raises ValueError on an unknown claim id.
    """
    targets = [target_of(claim) for claim in claims]
    if not 0.0 < minutes < math.inf:
        raise ValueError(f"minutes = {minutes:g} is not allowed; give a positive number")
    worst = []
    for target in targets:
        start = time.monotonic()
        best = search.search(target, play, UNLIMITED, seed, 60.0 * minutes / len(targets))
        best = simplest.simplest(target, best.spec, play, keep=best.ratio, evaluations=SIMPLIFY)
        path = out / "falsify" / f"{target.claim}.json"
        search.save(best, path)
        broken = "  BROKEN" if best.ratio > 1.0 + 1e-9 else ""
        print(
            f"{best.claim:<10} measured/bound {best.ratio:.6f}{broken}  {summary(best.spec)}  "
            f"{path} ({time.monotonic() - start:.0f} s)"
        )
        worst.append(best)
    return worst
