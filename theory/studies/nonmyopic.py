"""Can a follower that plans make the regret grow faster in d than d^(1/2), every label bought?

No, up to a logarithm.  One alternative (or the free game), greedy leader, ridge on pairs; write
r = <theta_hat - theta*, z>, w = ||z||_P of the compared pair, eta the label's noise, and
Phi = ||theta_hat - theta*||_V^2.  A bought label moves it by (Sherman and Morrison's formula)

    Phi' - Phi = (-r^2 + 2 eta r + eta^2 w^2) / (1 + w^2)                         [``energy_step``]

so for every follower that chooses z before eta is drawn, planned or not,

    E sum r^2 / (1 + w^2)  <=  lam S^2 + sigma^2 E sum w^2 / (1 + w^2)  <=  lam S^2 + sigma^2 D_T.

A wrong pick costs at most |r|, and with lam >= L^2 sum (1 + w^2) <= T + 2 D_T (lemma 0), so by
Cauchy and Schwarz

    E R_T <= sqrt((T + 2 D_T) (lam S^2 + sigma^2 D_T)) = O~(sqrt(d T))            [``ceiling``]

where theorem 1 has O~(d sqrt T): its radius pays for d directions in every round, the identity
pays for them once.  The square-loss form of the argument is classical (Vovk 2001; Azoury and
Warmuth 2001); the regret bound is derived here.  Equality asks for the same regret in every round,
which a myopic follower misses (it takes about sqrt(d/t)); what planning can win is a constant.

``search`` looks for the ``patient`` follower that wins most, ``sim.sweeps.PLANNERS`` is what it found on seed
SEARCH_SEED, ``play`` measures it on other seeds beside ``ball``.  Nothing is simulated here.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, differential_evolution

from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from sim.sweeps import PLANNERS, planner
from sim.table import final
from sim.tiers import Tier
from theory import bounds, stats
from theory.studies.study import Study

Play = Callable[[RunSpec], pd.DataFrame]

SEARCH_SEED, SEARCH_T, SEARCH_REPLICATIONS = 1000, 2048, 6  # no study has so many seed sets
BOX = ((-1.0, 1.0), (0.0, 1.0), (0.0, 4.0), (0.0, 8.0))  # price, turn, haste, log2 period
POPULATION = 6  # per parameter
DIMS = {"smoke": (4, 8, 16), "standard": (2, 4, 8, 16, 32), "paper": (2, 4, 8, 16, 32)}
SIZES = {"smoke": (2048, 16), "standard": (8192, 24), "paper": (32768, 32)}  # T, replications in a seed set
RANGES = (2, 4)  # the fits start at these d: in the plane no direction is left to prepare a harvest
LEVEL = 0.01
COLUMNS = ("follower", "d", "T", "seed", "replication", "t", "regret", "ceiling", "trivial")


def energy_step(r: float, w2: float, eta: float) -> float:
    """What one bought label adds to ||theta_hat - theta*||_V^2: r the leader's error on z, w2 = ||z||_P^2."""
    return (-r * r + 2.0 * eta * r + eta * eta * w2) / (1.0 + w2)


def ceiling(T: Any, d: Any, lam: float = 1.0, sigma: float = 1.0, S: float = 1.0, L: float = 1.0) -> Any:
    """E R_T <= sqrt((T + 2 D_T)(lam S^2 + sigma^2 D_T)) for every follower: see the module. Derived here.

    Raises ValueError where lam < L^2.
    """
    if lam < L * L:
        raise ValueError(f"lam = {lam:g} < L^2 = {L * L:g}: lemma 0's sum of squares needs lam >= L^2; raise lam")
    info = bounds.information_cap(T, d, lam, L)
    return np.sqrt((np.asarray(T) + 2.0 * info) * (lam * S * S + sigma * sigma * info))


def shaped(u: np.ndarray) -> FollowerSpec:
    """The patient follower at (price, turn, haste, log2 period), two digits each."""
    price, turn, haste, octaves = (float(x) for x in np.clip(u, *np.transpose(BOX)))
    shape = dict(price=round(price, 2), turn=round(turn, 2), haste=round(haste, 2), period=round(2.0**octaves))
    return FollowerSpec(kind="patient", **shape)


def run(follower: FollowerSpec, d: int, T: int, seed: int, replications: int, beta: float = 1.0) -> RunSpec:
    """The free game, sigma = lam = S = L = 1: every label bought, or a share ``beta`` of them by ``random``."""
    return RunSpec(
        T=T, stream=StreamSpec(context="free", d=d), follower=follower, learner=LearnerSpec(), beta=beta,
        gate=GateSpec(kind="always" if beta == 1.0 else "random"), record=RecordSpec(mode="final"), seed=seed,
        replications=replications,
    )  # fmt: skip


def search(
    play: Play, d: int, generations: int = 12, T: int = SEARCH_T, seed: int = 0, beta: float = 1.0
) -> tuple[FollowerSpec, float]:
    """(patient follower of the largest mean R_T, that mean) by differential evolution.

    Deterministic; ``play`` turns a spec into its table.  The mean is over SEARCH_SEED's
    replications, on which the parameters were chosen: measure on other seeds.  With ``beta`` < 1 the leader is
    ``random``, so the search tries to break theorem 8 (``theory.expected``).
    """

    def loss(u: np.ndarray) -> float:
        spec = run(shaped(u), d, T, SEARCH_SEED, SEARCH_REPLICATIONS, beta)
        return -float(final(play(spec))["regret"].mean())

    rng = np.random.default_rng(seed)
    box = Bounds(*np.transpose(BOX))
    best = differential_evolution(loss, box, popsize=POPULATION, maxiter=generations, polish=False, tol=0.0, rng=rng)
    return shaped(best.x), -float(best.fun)


def committed(play: Play, d: int, length: int, folder: Path, generations: int = 12, T: int = 512) -> tuple[Path, float]:
    """(file of the schedule of ``length`` vectors of largest mean R_T, that mean), searched like ``search``.

    The schedule does not see the leader, so it stands for plans made before the first round; its
    vectors lie in the unit ball.  Writes into ``folder``.
    """

    def written(u: np.ndarray, name: str) -> Path:
        z = u.reshape(length, d)
        np.save(folder / name, z / np.maximum(1.0, np.linalg.norm(z, axis=1, keepdims=True)))
        return folder / name

    def loss(u: np.ndarray) -> float:
        follower = FollowerSpec(kind="schedule", path=str(written(u, "candidate.npy")))
        return -float(final(play(run(follower, d, T, SEARCH_SEED, SEARCH_REPLICATIONS)))["regret"].mean())

    box, rng = Bounds(-np.ones(length * d), np.ones(length * d)), np.random.default_rng(0)
    best = differential_evolution(loss, box, popsize=POPULATION, maxiter=generations, polish=False, tol=0.0, rng=rng)
    return written(best.x, f"schedule-{d}-{length}.npy"), -float(best.fun)


def follower_of(name: str, d: int) -> FollowerSpec:
    """``ball``, or ``patient`` with the parameters found at d; ValueError for others."""
    if name == "ball":
        return FollowerSpec(kind="ball")
    if name != "patient" or d not in PLANNERS:
        raise ValueError(f"follower {name!r} at d = {d}: give 'ball', or 'patient' at d in {sorted(PLANNERS)}")
    return planner(d)


def cells(tier: Tier) -> tuple[dict[str, Any], ...]:
    """One cell a seed set, follower and dimension."""
    T, replications = SIZES[tier.name]
    return tuple(
        dict(seed=seed, follower=follower, d=d, T=T, replications=replications)
        for seed in range(tier.sets)
        for follower in ("ball", "patient")
        for d in DIMS[tier.name]
    )


def play(player: Play, seed: int, follower: str, d: int, T: int, replications: int) -> pd.DataFrame:
    """COLUMNS of one cell: final regret of every replication, and the ceiling of its mean."""
    spec = run(follower_of(follower, d), d, T, seed, replications)
    k = spec.learner
    rows = final(player(spec))[["follower", "d", "T", "seed", "replication", "t", "regret"]].reset_index(drop=True)
    top = float(ceiling(T, d, k.lam, k.sigma, k.S, k.L))
    return rows.assign(ceiling=top, trivial=bounds.trivial(k.S, k.L, T))[list(COLUMNS)]


def study(player: Play) -> Study:
    """The study with its simulator bound."""
    return Study("nonmyopic", cells, functools.partial(play, player), 1.0)


def slopes(table: pd.DataFrame, follower: str) -> list[tuple[str, stats.Estimate]]:
    """Exponents in d of one follower's regret, (label, estimate) for each end that the fits may start from."""
    found = []
    for least in (d for d in RANGES if (table["d"] == d).any()):
        x, y = stats.curves(table[(table["d"] >= least) & (table["follower"] == follower)], "d")
        found.append((f"{follower}, d = {least}..{x.max():.0f}", stats.slope(x, y)))
    return found


def fits(table: pd.DataFrame, level: float = LEVEL) -> pd.DataFrame:
    """Exponents in d with intervals: series (ball, patient, their paired difference, ceiling), from (least d)."""
    rows = []
    for least in (d for d in RANGES if (table["d"] == d).any()):
        kept = table[table["d"] >= least]
        x, ball = stats.curves(kept[kept["follower"] == "ball"], "d")
        planned = stats.curves(kept[kept["follower"] == "patient"], "d")[1]
        top = kept.groupby("d")["ceiling"].first().to_numpy()
        weights = stats.slope_weights(x)
        gain = stats.log_combination(np.concatenate([weights, -weights]), np.concatenate([planned, ball], axis=1))
        exact = float(weights @ np.log(top))
        found = {
            "ball": stats.slope(x, ball), "patient": stats.slope(x, planned), "patient - ball": gain,
            "ceiling": stats.fixed(exact, exact, exact),
        }  # fmt: skip
        rows += [(name, least, int(x.max()), e.value, *e.at(level)) for name, e in found.items()]
    return pd.DataFrame(rows, columns=["series", "from", "to", "estimate", "low", "high"])
