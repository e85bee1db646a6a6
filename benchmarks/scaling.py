"""Time and memory of the whole game against T, d, N and replications.

    python benchmarks/scaling.py [--quick] [--long] [--out FOLDER]

Every point is a fresh process on one core that plays a short game first (imports, compiled code), then the
measured one: CPU seconds (median of repeats) and the growth of the process's peak memory.  The exponent is the
slope of a log-log fit with its 95 % Student interval; the gate is random with one label in ten, which buys at
every size.  Expected: 1 in T and in replications, at most 2 in d, at most 1 in N, and a peak memory that does
not grow with T.  The rows of all replications are kept: 28 columns of 8 bytes a recorded round.

``--long`` plays two games of 10^8 rounds at once on two threads and states what 10^9 rounds take on two cores.
"""

import argparse
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import harness
import joblib
import numpy as np
import pictures
import render
from scipy import stats

BASE = {"T": 20_000, "d": 16, "N": 8, "replications": 1}
GRIDS = {
    "T": (10_000, 31_600, 100_000, 316_000, 1_000_000),
    "d": (8, 16, 32, 64, 128),
    "N": (4, 8, 16, 32, 64),
    "replications": (1, 4, 16, 64),
}
QUICK = {"T": (200, 400, 800), "d": (4, 8, 16), "N": (2, 4, 8), "replications": (1, 2, 4)}
GOALS = {"T": (0.95, 1.05), "d": (0.0, 2.0), "N": (0.0, 1.0), "replications": (0.95, 1.05)}
FLAT_MB = 2.0  # growth of peak memory from the shortest to the longest game that still counts as none
PACKAGES = ("numpy", "numba")
STATUS = Path("/proc/self/status")
COLUMNS = ("variable", "value", "cpu_seconds", "peak_growth_mb", "T", "d", "N", "replications")


def peak_mb() -> float:
    """Peak resident memory of this process [MB], since ``forget_peak`` where the system has it."""
    if STATUS.is_file():
        return (
            next(float(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")) / 1024
        )
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (2**20 if sys.platform == "darwin" else 2**10)


def forget_peak() -> None:
    """Let the peak start from what is used now, so that the peak of imports and compilation hides nothing (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def one(T: int, d: int, N: int, replications: int, repeats: int) -> dict[str, float]:
    """Play one point in this process."""
    import ours

    from sim import engine

    harness.pin()
    spec = ours.game(N, d, T, "random", 0.1).model_copy(update={"replications": replications})
    engine.play(ours.game(N, d, 50, "random", 0.1))
    forget_peak()
    before, seconds = peak_mb(), []
    for _ in range(repeats):
        start = time.process_time()
        engine.play(spec)
        seconds.append(time.process_time() - start)
    return {"cpu_seconds": statistics.median(seconds), "peak_growth_mb": peak_mb() - before}


def apart(point: dict[str, int], repeats: int) -> dict[str, float]:
    """The same in a fresh process."""
    command = [sys.executable, __file__, "--one", json.dumps(point | {"repeats": repeats})]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{point}: the measured process failed\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def here(point: dict[str, int], repeats: int) -> dict[str, float]:
    """The same in this process."""
    return one(**point, repeats=repeats)


def measure(grids: dict[str, tuple[int, ...]], base: dict[str, int], repeats: int, play=apart) -> list[dict]:
    """Rows (COLUMNS), one a point; ``play`` measures a point."""
    rows = []
    for variable, values in grids.items():
        for value in values:
            point = base | {variable: value}
            found = play(point, repeats)
            row = {"variable": variable, "value": value, **{k: harness.digits(v) for k, v in found.items()}, **point}
            rows.append({c: row[c] for c in COLUMNS})
            harness.note(f"{variable} = {value}: {found['cpu_seconds']:.3g} s, +{found['peak_growth_mb']:.2f} MB")
    return rows


def exponent(x: list[float], y: list[float]) -> tuple[float, float, float]:
    """Slope of log y on log x and its 95 % interval."""
    fit = stats.linregress(np.log(x), np.log(y))
    half = float(stats.t.ppf(0.975, len(x) - 2) * fit.stderr)
    return float(fit.slope), float(fit.slope) - half, float(fit.slope) + half


def series(rows: list[dict], variable: str, column: str) -> tuple[list[float], list[float]]:
    """(values, measurements) of one variable."""
    mine = [r for r in rows if r["variable"] == variable]
    return [float(r["value"]) for r in mine], [float(r[column]) for r in mine]


def targets(rows: list[dict]) -> list[harness.Target]:
    """The expected exponents beside the estimates and their intervals."""
    found = []
    for variable, (least, most) in GOALS.items():
        slope, low, high = exponent(*series(rows, variable, "cpu_seconds"))
        goal = f"linear, in [{least:g}, {most:g}]" if least else f"at most {most:g}"
        text = f"{slope:.3f}, 95 % interval [{low:.3f}, {high:.3f}]"
        found.append(harness.Target(f"CPU time in {variable}: exponent {goal}", text, least <= slope <= most))
    T, memory = series(rows, "T", "peak_growth_mb")
    text = f"{memory[0]:.2f} MB at T = {T[0]:g}, {memory[-1]:.2f} MB at T = {T[-1]:g}"
    flat = memory[-1] - memory[0] <= FLAT_MB
    found.append(harness.Target(f"peak memory flat in T (within {FLAT_MB:g} MB)", text, flat))
    return found


def long(T: int, N: int, d: int) -> dict[str, str]:
    """Play two games of T rounds at once on two threads."""
    import ours

    from sim import engine

    spec = ours.replications(N, d, T)
    engine.play(ours.replications(N, d, 1000))
    forget_peak()
    before, start, spent = peak_mb(), time.perf_counter(), time.process_time()
    joblib.Parallel(n_jobs=2, prefer="threads")(joblib.delayed(engine.play)(spec, first=i) for i in range(2))
    wall, cpu = time.perf_counter() - start, time.process_time() - spent
    return {
        "N": str(N),
        "d": str(d),
        "rounds": f"2 x {T}",
        "wall_seconds": harness.digits(wall),
        "cpu_seconds": harness.digits(cpu),
        "us_per_round": harness.digits(cpu / (2 * T) * 1e6),
        "peak_growth_mb": harness.digits(peak_mb() - before),
        "minutes_for_1e9_rounds": harness.digits(wall * 1e9 / (2 * T) / 60),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny games: shows that it runs, not how fast")
    parser.add_argument("--long", action="store_true", help="only the two long games")
    parser.add_argument("--rounds", type=int, default=100_000_000, help="rounds of a long game")
    parser.add_argument("--size", type=int, nargs=2, default=(5, 5), metavar=("N", "d"), help="of the long games")
    parser.add_argument("--out", type=Path, default=harness.OUT, help="folder of the tables and the figure")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(**json.loads(args.one))))
        return
    if args.long:
        row = long(1000 if args.quick else args.rounds, *args.size)
        harness.show([row], list(row))
        harness.write(args.out / "scaling_long.csv", [row], harness.circumstances(PACKAGES, threads=2))
        render.write(args.out)
        return
    rows = measure(QUICK, BASE | {"T": 400}, 1, here) if args.quick else measure(GRIDS, BASE, 5)
    goals = [t.row() for t in targets(rows)]
    harness.show(rows, COLUMNS)
    harness.show(goals, ("verdict", "target", "measured"))
    also = harness.circumstances(PACKAGES)
    harness.write(args.out / "scaling.csv", rows, also)
    harness.write(args.out / "scaling_targets.csv", goals, also)
    panels = {}
    for variable in GRIDS:
        x, y = series(rows, variable, "cpu_seconds")
        panels[variable] = (x, y, exponent(x, y)[0])
    pictures.save(pictures.lines(panels, "CPU seconds"), args.out / "scaling.svg")
    render.write(args.out)


if __name__ == "__main__":
    main()
