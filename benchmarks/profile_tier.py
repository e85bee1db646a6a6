"""Where the CPU time of a tier goes: simulation by sweep, studies, verdicts, figures, report.

    python benchmarks/profile_tier.py [--tier smoke] [--results FOLDER] [--quick] [--out FOLDER]

What is in the results folder's cache is not played again: its core seconds were stored when it was played.
Verdicts, figures and the report are made anew and profiled.  Without ``--results`` the tier smoke is played
into a temporary folder, the others are read from ``results/TIER``.  ``--quick`` takes one claim only.
"""

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import pictures
import render

PACKAGES = ("numpy", "scipy", "numba", "pandas", "matplotlib", "cvxpy")
COLUMNS = ("stage", "part", "core_seconds", "share")
NAMED = {"verify": "verdicts and derived tables", "draw": "figures", "write": "report"}


def profiled(work: Callable[[], Any]) -> tuple[Any, float, list[tuple[str, float]]]:
    """(answer, CPU seconds, the project's costliest functions by cumulated seconds); done twice: timed, profiled."""
    start = time.process_time()
    answer = work()
    seconds = time.process_time() - start
    profile = cProfile.Profile()
    profile.runcall(work)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    mine = []
    for (file, _, name), (_, _, _, cumulated, _) in stats.items():
        path = Path(file)
        if path.is_relative_to(harness.ROOT) and not path.is_relative_to(harness.ROOT / ".venv"):
            mine.append((f"{path.relative_to(harness.ROOT)}:{name}", cumulated))
    return answer, seconds, sorted(mine, key=lambda item: -item[1])


def figures(made, results) -> list[tuple[str, float]]:
    """CPU seconds of every figure, drawn and saved."""
    from paper_repro import drawing

    spent = []
    for name in made.figures:
        start = time.process_time()
        drawing.write([name], results.tables, results.out / "figures")
        spent.append((name, time.process_time() - start))
    return spent


def measure(tier: str, out: Path, only: tuple[str, ...]) -> tuple[list[tuple[str, str, float]], dict[str, list]]:
    """((stage, part, core seconds) ..., stage -> costliest functions)."""
    from paper_repro import backend, pipeline, plan, report

    made = plan.make(tier, only)
    start = time.process_time()
    place = backend.Where(jobs=1)
    played = pipeline.simulate(made, out, place)
    stages = [("simulate" if name in made.sweeps else "study", name, s) for name, s in played.seconds.items()]
    fresh = sum(s for stage, _, s in stages if stage == "simulate")
    whole = time.process_time() - start
    rest = max(whole - fresh, 0.0) if fresh < whole else whole
    stages.append(("around simulation", "reading, writing, tables", rest))
    results, seconds, top = profiled(lambda: pipeline.verify(made, played, place))
    stages.append(("verify", NAMED["verify"], seconds))
    stages += [("figures", name, s) for name, s in figures(made, results)]
    _, seconds, told = profiled(lambda: report.write(made, results.tables, results.seconds, out))
    stages.append(("report", NAMED["write"], seconds))
    return stages, {"verify": top, "report": told}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tier", default="smoke", help="smoke, standard or paper")
    parser.add_argument("--results", type=Path, help="folder with the tier's cache")
    parser.add_argument("--only", action="append", default=[], help="a claim, sweep, study or figure; may be repeated")
    parser.add_argument("--quick", action="store_true", help="one claim of the tier smoke")
    parser.add_argument("--out", type=Path, default=harness.OUT, help="folder of the table and the figure")
    args = parser.parse_args()
    only = tuple(args.only) or (("B7", "f10_routing") if args.quick else ())
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.results or (Path(scratch) if args.tier == "smoke" else harness.ROOT / "results" / args.tier)
        stages, costly = measure(args.tier, folder, only)
    total = sum(s for _, _, s in stages)
    stages.sort(key=lambda item: -item[2])
    rows = [
        dict(zip(COLUMNS, (stage, part, harness.digits(s), f"{s / total:.1%}"), strict=True))
        for stage, part, s in stages
    ]
    harness.show(rows, COLUMNS)
    for stage, functions in costly.items():
        print(f"{stage}: " + ", ".join(f"{name} {s:.2f} s" for name, s in functions[:6]))
    print(f"\ntier {args.tier}: {total:.1f} core seconds in all; the three largest costs")
    for stage, part, s in stages[:3]:
        print(f"  {stage}, {part}: {s:.1f} s, {s / total:.0%}")
    label = "" if args.tier == "smoke" else f"_{args.tier}"
    harness.write(args.out / f"profile{label}.csv", rows, harness.circumstances(PACKAGES))
    top = stages[:16]
    names = [f"{stage}: {part}" for stage, part, _ in top]
    pictures.save(pictures.ranks(names, [s for _, _, s in top], "core seconds"), args.out / f"profile{label}.svg")
    render.write(args.out)


if __name__ == "__main__":
    main()
