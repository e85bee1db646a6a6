"""How long a person waits before anything happens, and whether compiled code can be stale.

    python benchmarks/cold_start.py [--quick] [--out FOLDER]

Wall time of fresh processes (median of 5): the command line's help, and the first simulated number with a
warm and with an empty compile cache.  Which heavy modules each of them imports (-X importtime).  And that an edit
of any rule names another cache folder, in a copy of ``sim/``.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness
import pictures
import render

HEAVY = (
    "numpy",
    "scipy",
    "numba",
    "llvmlite",
    "pandas",
    "pyarrow",
    "matplotlib",
    "cvxpy",
    "sklearn",
    "pydantic",
    "torch",
)
HELP = ("-m", "paper_repro", "--help")
FIRST = (
    "-c",
    "from sim import engine; from sim.spec import RunSpec; "
    "print(engine.play(RunSpec(T=1000, replications=1)).rows[0][-1][1])",
)
EDITS = """
from pathlib import Path
from sim import version
clean, same = version.digest(), []
root = Path(version.__file__).parent
for file in sorted(root.rglob("*.py")):
    text = file.read_text()
    file.write_text(text + "# edited\\n")
    if version.digest() == clean:
        same.append(file.relative_to(root).as_posix())
    file.write_text(text)
print(clean == version.digest(), *same)
"""
FOLDER = "import numba.core.config as c; from sim import kernels; print(c.CACHE_DIR)"
COLUMNS = ("what", "seconds", "min", "max", "heavy_modules")


def wall(words: tuple[str, ...], env: dict[str, str], cwd: Path = harness.ROOT) -> float:
    """Seconds of one fresh process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True, env=env, cwd=cwd)
    return time.perf_counter() - start


def imports(words: tuple[str, ...], env: dict[str, str]) -> dict[str, float]:
    """Heavy package -> seconds of its import, what it pulls in included; parents first."""
    command = [sys.executable, "-X", "importtime", *words]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, env=env, cwd=harness.ROOT).stderr
    found = {}
    for line in lines.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if len(parts) == 3 and parts[2].strip() in HEAVY:
            found[parts[2].strip()] = float(parts[1]) / 1e6
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def row(what: str, words: tuple[str, ...], env: dict[str, str], seconds: list[float]) -> dict[str, str]:
    """One line of the table."""
    heavy = "; ".join(f"{name} {s:.2f}" for name, s in imports(words, env).items()) or "none"
    return dict(zip(COLUMNS, (what, *map(harness.digits, harness.spread(seconds)), heavy), strict=True))


def measure(repeats: int, cold: bool) -> list[dict[str, str]]:
    """Rows (COLUMNS)."""
    env = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    wall(HELP, env)
    rows = [row("paper_repro --help", HELP, env, [wall(HELP, env) for _ in range(repeats)])]
    wall(FIRST, env)
    warm = [wall(FIRST, env) for _ in range(repeats)]
    rows.append(row("first simulated number, warm compile cache", FIRST, env, warm))
    if cold:
        seconds = []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as empty:
                seconds.append(wall(FIRST, env | {"NUMBA_CACHE_DIR": empty}))
        rows.append(row("first simulated number, empty compile cache (3 processes)", FIRST, env, seconds))
    return rows


def unnoticed() -> tuple[list[str], bool]:
    """(files of sim/ whose edit leaves the digest as it is, whether an edit of a rule names another cache folder)."""
    env = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "sim"
        shutil.copytree(harness.ROOT / "sim", copy, ignore=shutil.ignore_patterns("__pycache__"))

        def ask(code: str) -> list[str]:
            answer = subprocess.run(
                [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=folder, env=env
            )
            return answer.stdout.split()

        restored, *same = ask(EDITS)
        if restored != "True":
            raise RuntimeError("the digest of the copy did not come back after the edits were undone")
        before = ask(FOLDER)
        with (copy / "rules" / "gates.py").open("a") as file:
            file.write("# edited\n")
        return same, before != ask(FOLDER)


def targets(rows: list[dict[str, str]], same: list[str], moved: bool) -> list[harness.Target]:
    """The goals beside the measurements; help is also to import nothing heavy."""
    from sim import kernels

    compiled = {f"{'/'.join(rule.__module__.split('.')[1:])}.py" for rule in kernels.KNOWN}
    compiled |= {"kernels.py", "rules/codes.py"}
    by = {r["what"].split(",")[-1].strip(): r for r in rows}
    shown, warm = by["paper_repro --help"], by["warm compile cache"]
    return [
        harness.Target("--help under 0.5 s", f"{shown['seconds']} s", float(shown["seconds"]) < 0.5),
        harness.Target("--help imports nothing heavy", shown["heavy_modules"], shown["heavy_modules"] == "none"),
        harness.Target("first number under 5 s, warm", f"{warm['seconds']} s", float(warm["seconds"]) < 5.0),
        harness.Target("an edit of gates.py names another cache folder", "it does" if moved else "it does not", moved),
        harness.Target(
            "an edit of any compiled file changes the digest",
            f"{len(compiled)} compiled files; unchanged by {', '.join(same) or 'no file'}",
            not compiled & set(same),
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one repeat, no empty cache")
    parser.add_argument("--out", type=Path, default=harness.OUT, help="folder of the table and the figure")
    args = parser.parse_args()
    rows = measure(1 if args.quick else 5, cold=not args.quick)
    goals = [t.row() for t in targets(rows, *unnoticed())]
    harness.show(rows, COLUMNS)
    harness.show(goals, ("verdict", "target", "measured"))
    also = harness.circumstances(("numpy", "numba", "pydantic", "typer"))
    harness.write(args.out / "cold_start.csv", rows, also)
    harness.write(args.out / "cold_start_targets.csv", goals, also)
    names, values = [r["what"] for r in rows], [float(r["seconds"]) for r in rows]
    pictures.save(pictures.ranks(names, values, "wall seconds"), args.out / "cold_start.svg")
    render.write(args.out)


if __name__ == "__main__":
    main()
