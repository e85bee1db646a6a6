"""The structure that the README promises: what imports what, and how large things may grow."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = sorted(
    str(init.parent.relative_to(ROOT))
    for top in ("sim", "theory", "llm", "figures", "paper_repro")
    for init in (ROOT / top).rglob("__init__.py")
)
FILES = sorted({f for room in ROOMS for f in (ROOT / room).rglob("*.py")})


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import sim, sim.spec, sim.rules.gates, sim.loop, sim.engine", "numba"),
        ("import theory.claims", "numba"),
        ("import paper_repro.cli", "pandas"),
        ("import paper_repro.cli", "matplotlib"),
    ],
)
def test_imports_stay_light(statement, absent):
    assert absent not in loaded_by(statement)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_files_and_functions_stay_small(file):
    text = file.read_text()
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 50, f"{node.name} is too long"


@pytest.mark.parametrize("room", ROOMS)
def test_package_init_is_a_docstring_only(room):
    body = ast.parse((ROOT / room / "__init__.py").read_text()).body
    assert len(body) == 1


def test_figures_import_nothing_of_ours():
    for file in (ROOT / "figures").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in ("sim", "theory", "paper_repro")
