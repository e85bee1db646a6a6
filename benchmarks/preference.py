"""Times of the preference game's closed forms and solvers beside general ones.

    python benchmarks/preference.py [--quick] [--out FILE.csv]

Three problems, the same instance for every solver of a row, median of repeated CPU times (process time)
in one run:
    window    follower of program (9), K = 6, eps = .05: closed form, cvxpy + Clarabel, HiGHS
    reweight  follower on weights, eps = .3: Algorithm F, cvxpy + Clarabel
    feature   leader on pairs, p = 2, eps = .05, d = 10: damped Newton, cvxpy + Clarabel
``ratio`` is the solver's time over the own method's on the same instance; cvxpy's time is the whole
call, its translation included.  ``off`` is the solver's value minus the own one (cvxpy's default
accuracy is 1e-8).  A general solver is no longer tried at larger N once a solve takes more than CAP
seconds.
"""

import argparse
import csv
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cvxpy as cp
import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from sim.preference import ball, reweight, tangents, window
from sim.preference.data import PreferenceSpec, seed_pairs
from sim.preference.losses import logistic

K, WINDOW_EPS, REWEIGHT_EPS, FEATURE_EPS = 6, 0.05, 0.3, 0.05
SIZES: dict[str, tuple[int, ...]] = {
    "window": (50, 100, 200, 500, 1000, 2000),
    "reweight": (50, 100, 200, 300),
    "feature": (50, 100, 200, 500, 1000, 2000),
}
QUICK: dict[str, tuple[int, ...]] = {"window": (50, 200), "reweight": (50, 100), "feature": (50, 200)}
GOALS = {"window": (100, 50), "reweight": (50, 300), "feature": (20, 500)}  # ratio to cvxpy, from this N on
CAP = 20.0
OWN = {"window": "closed form", "reweight": "algorithm F", "feature": "newton"}
COLUMNS = ("problem", "N", "solver", "seconds", "value", "ratio", "off")

Solve = Callable[[], float]


def window_solvers(N: int) -> dict[str, Solve]:
    """Follower on margins |N(0, 1)| in the window [min - .05, max]."""
    xi = np.abs(np.random.default_rng([1, N]).normal(size=N))
    lo, hi = float(window.window_low(xi)), float(xi.max())
    lines = tangents.tangents(lo, hi, K)
    values = xi[:, None] * lines.slopes + lines.intercepts

    def by_cvxpy() -> float:
        s, q = cp.Variable((N, K), nonneg=True), cp.Variable((N, K))
        place = cp.multiply(xi[:, None], s) - q
        gain = (cp.sum(cp.multiply(values, s)) - cp.sum(cp.multiply(lines.slopes[None], q))) / N
        rules = [cp.sum(s, axis=1) == 1, cp.sum(cp.abs(q)) <= N * WINDOW_EPS, place >= lo * s, place <= hi * s]
        return float(cp.Problem(cp.Maximize(gain), rules).solve(solver=cp.CLARABEL))

    def by_highs() -> float:
        eye: Any = sparse.eye_array(N * K)
        a, at = np.tile(lines.slopes, N), np.repeat(xi, K)
        cost = -np.concatenate([values.ravel(), -a, a]) / N
        low: Any = sparse.hstack([sparse.diags_array(lo - at), eye, -eye])
        high = sparse.hstack([sparse.diags_array(at - hi), -eye, eye])
        spend = sparse.csr_array(np.concatenate([np.zeros(N * K), np.full(2 * N * K, 1.0 / N)])[None])
        rows: Any = sparse.hstack([sparse.kron(sparse.eye_array(N), np.ones((1, K))), sparse.csr_array((N, 2 * N * K))])
        upper = np.concatenate([np.zeros(2 * N * K), [WINDOW_EPS]])
        A: Any = sparse.vstack([low, high, spend]).tocsr()
        answer: Any = linprog(cost, A_ub=A, b_ub=upper, A_eq=rows.tocsr(), b_eq=np.ones(N), bounds=(0, None))
        return -answer.fun

    def own() -> float:
        return float(window.follower_window(xi, lo, WINDOW_EPS, lines.__call__).value)

    return {"closed form": own, "cvxpy": by_cvxpy, "HiGHS": by_highs}


def reweight_solvers(N: int) -> dict[str, Solve]:
    """Follower on the weights of pairs in R^10, at the losses of DPO."""
    Z = seed_pairs(PreferenceSpec(N=N, seed=2), 0)
    losses, C = logistic(Z @ ball.sgpo_feature(Z, 0.01).theta), reweight.distances(Z)

    def by_cvxpy() -> float:
        gamma = cp.Variable((N, N), nonneg=True)
        rules = [cp.sum(gamma, axis=1) == 1.0 / N, cp.sum(cp.multiply(C, gamma)) <= REWEIGHT_EPS]
        return float(cp.Problem(cp.Maximize(cp.sum(gamma @ losses)), rules).solve(solver=cp.CLARABEL))

    return {"algorithm F": lambda: reweight.reweight(losses, C, REWEIGHT_EPS).value, "cvxpy": by_cvxpy}


def feature_solvers(N: int) -> dict[str, Solve]:
    """Leader against the ball on pairs in R^10, p = 2."""
    Z = seed_pairs(PreferenceSpec(N=N, seed=3), 0)

    def by_cvxpy() -> float:
        theta = cp.Variable(Z.shape[1])
        worst = cp.sum(cp.logistic(-Z @ theta)) / N + FEATURE_EPS * cp.norm(theta, 2)
        return float(cp.Problem(cp.Minimize(worst)).solve(solver=cp.CLARABEL))

    return {"newton": lambda: ball.sgpo_feature(Z, FEATURE_EPS).value, "cvxpy": by_cvxpy}


SOLVERS = {"window": window_solvers, "reweight": reweight_solvers, "feature": feature_solvers}


def clock(solve: Solve, repeats: int) -> tuple[float, float]:
    """(median CPU seconds, value): blocks of calls long enough for the clock; slow solves are repeated less."""
    start = time.process_time()
    value = solve()
    first = time.process_time() - start
    calls = max(1, round(0.01 / max(first, 1e-6)))
    times = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(calls):
            value = solve()
        times.append((time.process_time() - start) / calls)
    return statistics.median(times), value


def measure(sizes: dict[str, tuple[int, ...]], repeats: int) -> Iterator[dict]:
    """Rows (COLUMNS); a solver above CAP seconds is dropped from larger instances."""
    for problem, Ns in sizes.items():
        dropped: set[str] = set()
        for N in Ns:
            base: tuple[float, float] | None = None
            for solver, solve in SOLVERS[problem](N).items():
                if solver in dropped:
                    continue
                seconds, value = clock(solve, repeats)
                base = base or (seconds, value)
                if seconds > CAP:
                    dropped.add(solver)
                row = (problem, N, solver, seconds, value, seconds / base[0], value - base[1])
                yield dict(zip(COLUMNS, row, strict=True))


def verdicts(rows: list[dict]) -> Iterator[str]:
    """The goals beside the least ratio that was measured."""
    for problem, (goal, N) in GOALS.items():
        ratios = [r["ratio"] for r in rows if r["problem"] == problem and r["solver"] == "cvxpy" and r["N"] >= N]
        if ratios:
            word = "met" if min(ratios) >= goal else "MISSED"
            yield f"{problem}: goal {goal}x from N = {N}: {word}, least ratio {min(ratios):.0f}x"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small instances only")
    parser.add_argument("--out", type=Path, help="write the table as CSV")
    args = parser.parse_args()
    packages = ", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "cvxpy", "clarabel", "highspy"))
    print(
        f"Python {platform.python_version()}, {packages}; {platform.machine()}, {os.cpu_count()} cores, one BLAS thread"
    )
    print(f"{'problem':<9} {'N':>5} {'solver':<12} {'seconds':>10} {'value':>12} {'ratio':>8} {'off':>9}")
    rows = []
    for row in measure(QUICK if args.quick else SIZES, repeats=5):
        rows.append(row)
        print(
            "{problem:<9} {N:>5} {solver:<12} {seconds:>10.2e} {value:>12.8f} {ratio:>8.0f} {off:>9.1e}".format(**row)
        )
    print(*verdicts(rows), sep="\n")
    if args.out:
        with args.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
