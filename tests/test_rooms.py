"""The house stays easy to extend: what an edit of a rule invalidates, and how few files a new part touches."""

import shutil
from pathlib import Path

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
