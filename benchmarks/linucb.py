"""What one round of LinUCB costs here, and in what people would use instead.

    python benchmarks/linucb.py [--quick] [--out FOLDER] [--device cpu|cuda]

Plain LinUCB (K fresh feature vectors in R^d, one theta, optimistic scores, one Sherman-Morrison
update a round) and the whole game, next to NumPy, JAX, torch and bandit libraries: microseconds a round,
CPU time, one core, median of interleaved repeats after warm-up.  Rivals that are not installed are listed
as skipped; ``pip install "budgeted-stackelberg[rivals]"`` brings them.

The floating operations that plain LinUCB needs in a round, additions and multiplications counted one each:
    scores K (2 d^2 + 4 d)   P phi, <phi, P phi>, <phi, theta> of every arm
    update 4 d^2 + 6 d       V += z z^T, P -= P z (P z)^T / (1 + w^2), residual, theta, moments
and of an update alone, which must compute P z and w^2 itself: 6 d^2 + 8 d.  Work beyond this counts nothing.
"""

import argparse
import time
import warnings
from pathlib import Path

import harness
import joblib
import numpy as np
import ours
import pictures
import render
import rivals

from sim import engine

SIZES = ((5, 5), (10, 20), (16, 64))
GOALS = dict(zip(SIZES, (0.1, 0.6, 4.0), strict=True))  # us a round where dgemm reaches REFERENCE
REFERENCE = 50.0  # GFLOP/s
ROUNDS = {(5, 5): (100_000, 200_000, 400), (10, 20): (12_000, 50_000, 200), (16, 64): (2_000, 10_000, 50)}
PACKAGES = ("numpy", "numba", "scipy", "jax", "jaxlib", "torch", *rivals.LIBRARIES)
COLUMNS = ("name", "K", "d", "us_per_round", "min", "max", "ratio", "version", "note")
DGEMM, ALONE = "dgemm", "engine's update alone"


def flops(K: int, d: int) -> float:
    """Floating operations that a round of plain LinUCB needs."""
    return K * (2 * d * d + 4 * d) + 4 * d * d + 6 * d


def flops_of_update(d: int) -> float:
    """The same of one update alone."""
    return 6 * d * d + 8 * d


def dgemm(n: int) -> harness.Entry:
    """NumPy's product of two n x n matrices."""
    A = np.random.default_rng(0).normal(size=(n, n))
    return harness.Entry(DGEMM, 1, lambda: lambda: A @ A, harness.version("numpy"), f"n = {n}, us a product")


def measure(K: int, d: int, args: argparse.Namespace) -> list[dict]:
    """Rows (COLUMNS) of one size, all of one interleaved run."""
    scale = 50 if args.quick else 1
    T, long, batch = (max(n // scale, 8) for n in ROUNDS[K, d])
    a = ours.instance(K, d, T)
    ours.same_game(a)
    entries = [*ours.entries(a, long), *rivals.array_entries(a, batch, args.device), *rivals.library_entries(a)]
    times = harness.interleave([*entries, dgemm(args.n)], args.repeats)
    base = harness.spread(times[ours.GIVEN])[0]
    rows = []
    for e in [*entries, dgemm(args.n)]:
        median, low, high = harness.spread(times[e.name])
        cells = (e.name, K, d, *map(harness.digits, (median, low, high, median / base)), e.version, e.note)
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
    for name in rivals.absent():
        cells = (name, K, d, "", "", "", "", "", "skipped: not installed")
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return rows


def threads(T: int, repeats: int) -> tuple[list[float], list[float]]:
    """Wall seconds of 64 replications of the whole game at (10, 20), on one thread and on two, in turn."""
    spec = ours.replications(10, 20, T)
    engine.play(spec)
    harness.unpin()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for n, kept in zip((1, 2), seconds, strict=True):
            pool = joblib.Parallel(n_jobs=n, prefer="threads")
            start = time.perf_counter()
            pool(joblib.delayed(engine.play)(spec, first=i) for i in range(rivals.REPLICATIONS))
            kept.append(time.perf_counter() - start)
    harness.pin()
    return seconds


class Times:
    """Medians by (name, K, d), and what follows from them."""

    def __init__(self, rows: list[dict]) -> None:
        self._us = {(r["name"], r["K"], r["d"]): float(r["us_per_round"]) for r in rows if r["us_per_round"]}

    def us(self, name: str, K: int, d: int) -> float:
        return self._us[name, K, d]

    def least(self, prefix: str, K: int, d: int) -> float | None:
        """The fastest of the entries whose names start with ``prefix``."""
        found = [us for (name, *size), us in self._us.items() if name.startswith(prefix) and size == [K, d]]
        return min(found, default=None)

    def ratio(self, name: str, other: str, K: int, d: int) -> float:
        return self.us(name, K, d) / self.us(other, K, d)

    def gemm(self, K: int, d: int, n: int) -> float:
        """GFLOP/s of dgemm in that size's run."""
        return 2.0 * n**3 / self.us(DGEMM, K, d) / 1e3


def targets(rows: list[dict], n: int, seconds: tuple[list[float], list[float]] | None) -> list[harness.Target]:
    """Every goal beside its measurement."""
    t, found = Times(rows), []
    for (K, d), goal in GOALS.items():
        allowed, us = goal * REFERENCE / t.gemm(K, d, n), t.us(ours.GIVEN, K, d)
        text = f"({K},{d}) at most {goal:g} us a round at {REFERENCE:g} GFLOP/s of dgemm"
        rate = f"{us:.3g} us; {allowed:.3g} allowed at {t.gemm(K, d, n):.0f} GFLOP/s"
        found.append(harness.Target(text, rate, us <= allowed))
    gain = t.ratio("NumPy loop", ours.GIVEN, 10, 20)
    found.append(harness.Target("at least 25x the NumPy loop at d = 20", f"{gain:.3g}x", gain >= 25))
    for prefix, words in (
        ("JAX scan, ", "JAX scan, the faster precision"),
        ("JAX scan + vmap", "JAX scan + vmap of 64"),
    ):
        for K, d in SIZES:
            least = t.least(prefix, K, d)
            text = f"({K},{d}) no slower than {words}" + ("" if prefix == "JAX scan, " else " (beyond the goal)")
            if least is None:
                found.append(harness.Target(text, "JAX is not installed", None))
            else:
                us = t.us(ours.GIVEN, K, d)
                found.append(harness.Target(text, f"{us:.3g} us against {least:.3g}", us <= least))
    drawn = t.ratio(ours.DRAWN, ours.GIVEN, 10, 20)
    found.append(harness.Target("(10,20) drawn at most 1.5x given features", f"{drawn:.3g}x", drawn <= 1.5))
    for other, words in ((ours.DRAWN, "features drawn by both"), (ours.GIVEN, "features given to plain LinUCB")):
        for name in (ours.PACED, ours.EVERY):
            ratios = [t.ratio(name, other, K, d) for K, d in SIZES]
            text = f"{name}: at most 2x plain LinUCB at every size, {words}"
            found.append(harness.Target(text, ", ".join(f"{r:.3g}x" for r in ratios), max(ratios) <= 2))
    for name, work in ((ours.GIVEN, flops(16, 64)), (ALONE, flops_of_update(64))):
        rate, most = work / t.us(name, 16, 64) / 1e3, t.gemm(16, 64, n)
        text = f"{name}, (16,64): at least 40 % of dgemm's rate"
        found.append(harness.Target(text, f"{rate:.3g} of {most:.3g} GFLOP/s, {rate / most:.0%}", rate >= 0.4 * most))
    text = "two threads at least 1.8x one, 64 replications, wall time"
    if seconds is None:
        found.append(harness.Target(text, "one core only", None))
    else:
        one, two = (harness.spread(s)[0] for s in seconds)
        found.append(harness.Target(text, f"{one / two:.3g}x ({one:.3g} s, {two:.3g} s)", one >= 1.8 * two))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that it runs, not how fast")
    parser.add_argument("--out", type=Path, default=harness.OUT, help="folder of the table and the figure")
    parser.add_argument("--device", default="cpu", help="where torch runs: cpu or cuda")
    parser.add_argument("--repeats", type=int, default=0, help="interleaved repeats (default 7, quick 1)")
    args = parser.parse_args()
    args.repeats, args.n = args.repeats or (1 if args.quick else 7), 200 if args.quick else 1000
    harness.pin()
    warnings.simplefilter("ignore", engine.IdleGate)  # in a quick game the purse is too small
    rows = []
    for K, d in SIZES:
        found = measure(K, d, args)
        harness.show(found, COLUMNS)
        rows += found
    both = threads(200 if args.quick else 20_000, args.repeats) if len(harness.CORES) > 1 else None
    goals = [t.row() for t in targets(rows, args.n, both)]
    harness.show(goals, ("verdict", "target", "measured"))
    also = harness.circumstances(PACKAGES)
    harness.write(args.out / "linucb.csv", rows, also)
    harness.write(args.out / "linucb_targets.csv", goals, also)
    pictures.save(pictures.points(rows, SIZES), args.out / "linucb.svg")
    render.write(args.out)
    print(f"wrote linucb.csv, linucb_targets.csv and linucb.svg in {args.out}")


if __name__ == "__main__":
    main()
