"""The README and the first tutorial are executed as written, and what they claim is what was committed."""

import doctest
import re
from pathlib import Path

import pytest

from paper_repro import reference

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SESSIONS = {README: 3, ROOT / "docs" / "tutorials" / "first_run.md": 9}
SHOWN = 10  # verdicts


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.stem)
def test_sessions(page):
    failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried >= SESSIONS[page]
    assert failed == 0


def rows(text):
    """The lines of a page's tables that look like a verdict."""
    return [line for line in text.splitlines() if re.fullmatch(r"\| [A-Z]\d+[a-d]? \|.*\|", line)]


def test_the_ledger_page_shows_the_committed_verdicts():
    ledger = (ROOT / "docs" / "ledger.md").read_text()
    committed = reference.verdicts("standard")
    assert reference.markdown(committed) in ledger
    assert len(rows(ledger)) == len(committed)


def test_readme_shows_committed_verdicts_and_not_the_good_ones_only():
    committed = reference.verdicts("standard")
    shown = rows(README.read_text())
    ids = [line.split(" | ")[0].removeprefix("| ") for line in shown]
    chosen = committed[committed["id"].isin(ids)]
    assert reference.markdown(chosen).splitlines()[2:] == shown
    assert len(shown) == SHOWN
    assert {"PASS", "REFUTED"} <= set(chosen["verdict"])
    assert "INCONCLUSIVE" in set(chosen["verdict"]) or "INCONCLUSIVE" not in set(committed["verdict"])
    assert (chosen["verdict"] == "REFUTED").sum() >= 3


def test_readme_counts_the_committed_verdicts():
    committed = reference.verdicts("standard")
    counts = committed["verdict"].value_counts()
    text = " ".join(README.read_text().split())
    passed, refuted, open_ = (int(counts.get(v, 0)) for v in ("PASS", "REFUTED", "INCONCLUSIVE"))
    assert SHOWN == 10 and f"Ten of {len(committed)} claims" in text
    assert f"Of the {len(committed)}, {passed} pass, {refuted} are refuted and {open_} are inconclusive" in text
    assert passed + refuted + open_ == len(committed)


def test_readme_is_short_and_its_links_lead_somewhere():
    text = README.read_text()
    assert text.count("\n") < 200
    links = [target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    assert len(links) >= 10
    assert [target for target in links if not (ROOT / target).is_file()] == []


def test_readme_names_only_folders_that_exist():
    text = README.read_text()
    tree = text[text.index("## Map") :]
    for room in ("sim", "theory", "llm", "figures", "paper_repro", "tests", "benchmarks", "docs"):
        assert f"\n{room}/" in tree
    above = ROOT
    for indent, name in re.findall(r"^( *)(\w+)/ ", tree, re.MULTILINE):
        folder = above / name if indent else ROOT / name
        above = above if indent else folder
        assert folder.is_dir(), folder


def test_the_picture_is_small_and_its_command_names_a_figure():
    from figures.gallery import FAMILIES

    text = README.read_text()
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert (ROOT / picture).stat().st_size < 150_000
    (name,) = re.findall(r"`paper-repro run --tier standard --only (\w+)`", text)
    assert name in FAMILIES
