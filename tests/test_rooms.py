"""The house stays easy to extend: what an edit of a rule invalidates, and how few files a new part touches."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import paper_repro.version
import sim.version

ROOT = Path(__file__).resolve().parent.parent
RULES = sorted(p.name for p in (ROOT / "sim" / "rules").glob("*.py"))


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A copy of the sources; the digests are taken from it."""
    for room in ("sim", "theory", "paper_repro"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sim.version, "__file__", str(tmp_path / "sim" / "version.py"))
    monkeypatch.setattr(paper_repro.version, "ROOT", tmp_path)
    return tmp_path


def digests():
    return sim.version.digest(), paper_repro.version.source_digest()


@pytest.mark.parametrize("name", [n for n in RULES if n != "__init__.py"])
def test_an_edit_of_any_rule_changes_both_digests(house, name):
    before, file = digests(), house / "sim" / "rules" / name
    assert before == (sim.version.CODE, paper_repro.version.SOURCE)
    file.write_text(file.read_text() + "\n# edited\n")
    assert all(a != b for a, b in zip(before, digests(), strict=True))


def test_an_edit_around_a_run_changes_neither(house):
    before = digests()
    for name in ("sim/live/gate.py", "sim/adapters/gym.py", "theory/overlay.py", "paper_repro/report.py"):
        (house / name).write_text((house / name).read_text() + "\n# edited\n")
    assert digests() == before


# What a contributor writes, file by file: (place, text in the place of it).
GATE = {
    "sim/rules/gates.py": (
        ("    Traits(codes.PLUGIN,", '    Traits("half", _reads("width")),\n    Traits(codes.PLUGIN,'),
        ("    PLUGIN,\n) = range", "    HALF,\n    PLUGIN,\n) = range"),
        (
            "    return x.surprise, g.sigma",
            "    if kind == HALF:\n        return x.width, 0.5\n    return x.surprise, g.sigma",
        ),
    ),
}
FOLLOWER = {
    "sim/rules/followers.py": (
        ("    Traits(codes.PLUGIN,", '    Traits("easiest", "pool"),\n    Traits(codes.PLUGIN,'),
        ("SCHEDULE, PLUGIN = range", "SCHEDULE, EASIEST, PLUGIN = range"),
        (
            "    smallest(keys, gold, forced, g.M, shown)",
            "    if g.follower == EASIEST:\n        for k in range(keys.shape[0]):\n            keys[k] = scores[k]\n"
            "    smallest(keys, gold, forced, g.M, shown)",
        ),
    ),
}
CLAIM = {
    "theory/judges/halves.py": '''"""One claim."""

from sim.table import final
from theory.ledger import DERIVED, FAIL, PASS, Claim, Control, Finding
from theory.planted import edited


def spared(tables, level):
    """The gate ``half`` keeps labels against the follower ``easiest``."""
    rows = final(tables["followers"])
    rows = rows[(rows["gate"] == "half") & (rows["follower"] == "easiest")]
    share = float((rows["labels"] / rows["B"]).max())
    return Finding(share, 1.0, PASS if share <= 1.0 else FAIL, share, share, len(rows), "")


FAULT = Control("a gate that spends B + 1", edited(spared, "followers", labels=lambda t: t["B"] + 1))
CLAIMS = (
    Claim("Z1", "halves", "half keeps to its budget", DERIVED, "upper", ("followers",), "f100_halves", spared,
          (FAULT,)),
)
'''
}
FIGURE = {
    "figures/halves.py": '''"""Labels that the gate half buys."""

from figures import style
from figures.tables import require

NAME = "f100_halves"
TITLE = "Labels of a new gate"
CAPTION = "Labels bought by every replication."
NEEDS = {"followers": ("gate", "replication", "labels")}


def draw(tables):
    """A point a replication."""
    (rows,) = require(tables, NAME, NEEDS)
    rows = rows[rows["gate"] == "half"]
    figure = style.blank(4, 3)
    ax = figure.subplots()
    ax.plot(rows["replication"], rows["labels"], "o")
    style.dress(ax, "replication", "labels")
    return figure
'''
}
PLAIN = """
import numpy as np
from sim import engine
from sim.spec import *
spec = RunSpec(T=200, beta=0.2, follower=FollowerSpec(kind="easiest", M=2), gate=GateSpec(kind="half"))
assert np.array_equal(engine.play(spec).rows, engine.play(spec, compiled=False).rows, equal_nan=True)
"""


def test_a_gate_a_follower_a_claim_and_a_figure_are_few_files(tmp_path):
    """Each part, added to a copy of the sources, is played, judged and drawn by the smoke tier."""
    for room in ("sim", "theory", "figures", "paper_repro"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    for part, most in ((GATE, 2), (FOLLOWER, 2), (CLAIM, 1), (FIGURE, 1)):  # and the test of each
        assert len(part) <= most
        for name, change in part.items():
            file = tmp_path / name
            text = change if isinstance(change, str) else file.read_text()
            for old, new in () if isinstance(change, str) else change:
                assert text.count(old) == 1, (name, old)
                text = text.replace(old, new)
            file.write_text(text)

    # unoptimised, because this copy of the rules is compiled for one run; and kept nowhere else
    where = {"PYTHONPATH": str(tmp_path), "NUMBA_OPT": "0", "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def python(*words):
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=os.environ | where, capture_output=True, text=True
        )

    command = ("-m", "paper_repro", "run", "--tier", "smoke", "--only", "Z1", "--only", "f100_halves", "--out", "out")
    done = python(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(next((tmp_path / "out" / "tables").glob("followers*.parquet")))
    assert "half" in set(rows["gate"]) and "easiest" in set(rows["follower"])
    verdicts = pd.read_parquet(next((tmp_path / "out" / "tables").glob("verdicts*.parquet")))
    row = verdicts.set_index("id").loc["Z1"]
    assert row["verdict"] == "PASS" and row["control"] == "a gate that spends B + 1: FAIL"
    assert list((tmp_path / "out" / "figures").glob("f100_halves.png"))
    same = python("-c", PLAIN)
    assert same.returncode == 0, same.stderr
