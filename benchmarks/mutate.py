"""How many small faults the tests catch: plants random single-token faults, one at a time, and runs the file's tests.

A fault swaps a comparison or an arithmetic operator, moves a number, swaps ``and`` and ``or`` or ``True`` and
``False``, or drops a ``not``.  Text in docstrings is left alone.  The file on disk is never touched: every fault
lives in a child process whose import of that one module compiles the faulty text.  A file's tests are
``tests/test_<room>_<folder>_<name>*.py``, else ``test_<room>_<name>*.py``, else ``test_<room>_<folder>*.py``; they stop
at the first failure.  Rules under ``sim/rules`` that a compiled kernel has cached must be tried with
NUMBA_DISABLE_JIT=1, since the cache is named by the text on disk.

    python benchmarks/mutate.py --files theory/judges/path.py theory/stats.py --n 50 --seed 0

prints each survivor (file:line, token, replacement, line) and the share that was caught.  Needs fork (Linux, macOS).
"""

import argparse
import importlib.abc
import importlib.util
import io
import os
import random
import signal
import sys
import time
import tokenize
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SWAPS = {
    "<": ("<=", ">"), "<=": ("<", ">="), ">": (">=", "<"), ">=": (">", "<="), "==": ("!=",), "!=": ("==",), "+": ("-",),
    "-": ("+",), "*": ("/",), "/": ("*",), "**": ("*",), "//": ("*",), "%": ("*",), "@": ("*",), "&": ("|",),
    "|": ("&",), "~": ("",), "and": ("or",), "or": ("and",), "not": ("",), "True": ("False",), "False": ("True",),
}  # fmt: skip
HEAVY = ("numpy", "pandas", "scipy.stats", "scipy.optimize", "hypothesis", "pydantic", "pytest", "pyarrow")


class Fault(NamedTuple):
    """``text`` of the token at (line, column) of a file, and what stands there instead."""

    file: Path
    line: int
    column: int
    text: str
    instead: str

    @property
    def module(self) -> str:
        """Dotted name of the file."""
        return ".".join(self.file.relative_to(ROOT).with_suffix("").parts)

    def source(self) -> str:
        """The faulty text of the file."""
        lines = self.file.read_text().splitlines(keepends=True)
        old = lines[self.line - 1]
        lines[self.line - 1] = old[: self.column] + self.instead + old[self.column + len(self.text) :]
        return "".join(lines)


def numbers(text: str) -> tuple[str, ...]:
    """Neighbours of a numeric literal."""
    try:
        return (str(int(text, 0) + 1), str(int(text, 0) - 1))
    except ValueError:
        return (f"({text} * 2)", f"({text} + 0.25)") if float(text) else (f"({text} + 0.25)",)


def line_before(token: tokenize.TokenInfo) -> str:
    """The text of a token's line up to it."""
    return token.line[: token.start[1]]


def faults(file: Path) -> list[Fault]:
    """Every fault of a file whose text still compiles."""
    found = []
    last = ""
    for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline):
        options = SWAPS.get(token.string, ())
        if token.type == tokenize.NUMBER:
            options = numbers(token.string)
        if token.string in ("*", "**") and last in ("(", ",", "[", "{"):
            options = ()  # an unpacking
        if token.string in ("True", "False") and line_before(token).endswith("strict="):
            options = ()  # zip's guard against a mistake elsewhere
        last = token.string
        found += [Fault(file, *token.start, token.string, o) for o in options]
    return [f for f in found if compiles(f)]


def compiles(fault: Fault) -> bool:
    """Whether the faulty text is Python and differs in more than a type hint."""
    line = fault.file.read_text().splitlines()[fault.line - 1]
    if fault.text == "|" and ("->" in line or ": " in line[: fault.column]) and "[" not in line[: fault.column]:
        return False
    try:
        compile(fault.source(), str(fault.file), "exec")
    except SyntaxError:
        return False
    return True


def tests_of(file: Path) -> list[str]:
    """The test files of a module, the most special name first; ValueError where there is none."""
    room, *folders, name = file.relative_to(ROOT).with_suffix("").parts
    for stem in ("_".join((room, *folders, name)), f"{room}_{name}", "_".join((room, *folders))):
        found = sorted(str(f) for f in (ROOT / "tests").glob(f"test_{stem}*.py"))
        if found:
            return found
    raise ValueError(f"{file}: no tests/test_{room}_{name}*.py; name the tests with --tests")


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from faulty text."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def find_spec(self, name, path=None, target=None):
        """The fault's module is ours, everything else is not."""
        if name != self.fault.module:
            return None
        return importlib.util.spec_from_file_location(name, self.fault.file, loader=self)

    def create_module(self, spec):
        """The usual module object."""
        return None

    def exec_module(self, module) -> None:
        """Run the faulty text in it."""
        exec(compile(self.fault.source(), str(self.fault.file), "exec"), module.__dict__)


def child(fault: Fault | None, tests: list[str]) -> int:
    """Exit status of pytest under a fault, in a forked process."""
    import pytest

    if fault:
        sys.meta_path.insert(0, Planted(fault))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    options = ["-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=no", "--assert=plain"]
    return int(pytest.main([*options, *tests]))


def caught(fault: Fault | None, tests: list[str], seconds: float) -> bool:
    """Whether the tests fail, or take longer than ``seconds``."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = child(fault, tests)
        finally:
            os._exit(min(status, 100))
    stop = time.monotonic() + seconds
    while time.monotonic() < stop:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status != 0
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


def main() -> None:
    """Plant, run, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", nargs="+", required=True)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=120.0, help="limit of one fault; past it, it counts as caught")
    parser.add_argument("--tests", nargs="*", help="test files for all given files")
    args = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    for name in (*HEAVY, *(() if any(f.startswith("sim") for f in args.files) else ("sim.engine", "sim.table"))):
        importlib.import_module(name)
    files = [(ROOT / f).resolve() for f in args.files]
    tests = {file: args.tests or tests_of(file) for file in files}
    for file in files:
        if caught(None, tests[file], 10 * args.seconds):
            raise SystemExit(f"{file}: its tests fail without a fault")
    every = [fault for file in files for fault in faults(file)]
    chosen = random.Random(args.seed).sample(every, min(args.n, len(every)))
    alive = []
    for fault in chosen:
        if not caught(fault, tests[fault.file], args.seconds):
            alive.append(fault)
            line = fault.file.read_text().splitlines()[fault.line - 1].strip()
            where = f"{fault.file.relative_to(ROOT)}:{fault.line}:{fault.column}"
            print(f"{where}  {fault.text} -> {fault.instead or '(nothing)'}  in  {line}", flush=True)
    print(f"{len(chosen) - len(alive)} of {len(chosen)} caught ({len(every)} possible faults, seed {args.seed})")


if __name__ == "__main__":
    main()
