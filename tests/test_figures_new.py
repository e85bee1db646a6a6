"""A new figure is one file: it is found, commands take its name, and what is drawn is readable like the tables."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NEW = '''"""Seconds of every solver."""

from figures import style
from figures.tables import require

NAME = "f100_solvers"
TITLE = "Seconds of every solver"
CAPTION = "A figure that needs no simulation."
NEEDS = {"bench_preference": ("N", "seconds")}


def draw(tables):
    """Seconds against the number of pairs."""
    (rows,) = require(tables, NAME, NEEDS)
    figure = style.blank(4, 3)
    ax = figure.subplots()
    ax.plot(rows["N"], rows["seconds"], "o")
    style.dress(ax, "pairs", "seconds")
    return figure
'''


@pytest.fixture
def copy(tmp_path):
    """A folder whose package ``figures`` is a copy with one more file; everything else is this project's."""
    shutil.copytree(ROOT / "figures", tmp_path / "figures", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "figures" / "solvers.py").write_text(NEW)
    return tmp_path


def python(folder, *words, umask=-1):
    """Python in a folder, whose packages go before those of the project."""
    return subprocess.run(
        [sys.executable, *words], cwd=folder, umask=umask, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_new_file_is_drawn_by_its_name_and_readable_like_the_tables(copy, umask):
    words = ("-m", "paper_repro", "figures", "--tier", "smoke", "--only", "f100_solvers", "--out", "results")
    done = python(copy, *words, umask=umask)
    assert done.returncode == 0, done.stderr
    drawn = [copy / "results" / "figures" / f"f100_solvers.{kind}" for kind in ("png", "pdf")]
    assert sorted((copy / "results" / "figures").iterdir()) == sorted(drawn)
    assert drawn[0].read_bytes().startswith(b"\x89PNG")
    assert drawn[1].read_bytes().startswith(b"%PDF")
    for path in (*drawn, copy / "results" / "tables" / "bench_preference.parquet"):
        assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_new_file_is_listed_after_the_others_and_selected(copy):
    code = (
        "from figures.gallery import FAMILIES\nfrom paper_repro import listing, plan, reference\n"
        "drawn = tuple(f for f in FAMILIES if f not in plan.UNPLAYED and not reference.missing(FAMILIES[f].needs))\n"
        "assert list(FAMILIES)[-2:] == ['f29_lm_preferences', 'f100_solvers'], list(FAMILIES)\n"
        "assert plan.make('smoke', ('f100_solvers',)).figures == ('f100_solvers',)\n"
        "assert plan.make('smoke').figures == drawn and len(drawn) >= len(FAMILIES) - 2\n"
        "assert any(line.split()[:2] == ['figure', 'f100_solvers'] for line in listing.lines())\n"
    )
    done = python(copy, "-c", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("old", "new", "advice"),
    [
        ("CAPTION", "TEXT", "figures/solvers.py has a NAME, which makes it a figure: add CAPTION"),
        ("f100_solvers", "f5_trace", "another file has the NAME 'f5_trace': choose a new one"),
    ],
)
def test_a_file_without_a_part_or_with_a_taken_name_is_explained(copy, old, new, advice):
    (copy / "figures" / "solvers.py").write_text(NEW.replace(old, new))
    done = python(copy, "-c", "import figures.gallery")
    assert done.returncode == 1
    assert advice in done.stderr


def test_a_helper_is_not_a_figure(copy):
    (copy / "figures" / "solvers.py").write_text(NEW.replace("NAME", "OTHER"))
    done = python(copy, "-c", "from figures.gallery import FAMILIES; print(len(FAMILIES))")
    assert done.stdout.split() == ["29"], done.stderr
