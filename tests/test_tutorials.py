"""The tutorials do what they say: their shell and Python blocks are run in order, in an empty folder."""

import re
import shlex
from pathlib import Path

import pytest
from conftest import invoke

PAGES = Path(__file__).resolve().parent.parent / "docs" / "tutorials"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


UNHURRIED = {"preflight": ("--jobs", "1", "--minutes", "600")}  # whatever machine this is


def command(line):
    """Run a line of the command line here; any verdict will do, an error will not.

    A language model is replaced by a tiny random one, so that the page needs seconds.
    """
    program, *words = shlex.split(line)
    assert program == "paper-repro", line
    more = UNHURRIED.get(words[0], ())
    if words[0] == "llm":
        tiny = pytest.importorskip("llm.generative.tiny")
        more = ("--model", tiny.model(Path("tiny")), "--layers", "1", "--epochs", "1")
    assert invoke(*words, *more).exit_code in (0, 3), line


@pytest.mark.slow
@pytest.mark.parametrize("page", ["own_gate", "own_follower_and_learner", "language_model"])
def test_tutorial(page, tmp_path, monkeypatch):
    if page == "language_model":
        pytest.importorskip("peft")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    names: dict = {}
    blocks = BLOCK.findall((PAGES / f"{page}.md").read_text())
    assert len(blocks) >= 4
    for kind, text in blocks:
        if kind == "sh":
            for line in text.strip().splitlines():
                command(line)
        elif first := re.match(r"# (\w+\.py)\n", text):
            Path(first[1]).write_text(text)
        else:
            exec(compile(text, f"{page}.md", "exec"), names)


def test_the_tables_name_every_honest_check():
    from paper_repro.preflight.battery import GATE

    text = (PAGES / "own_gate.md").read_text()
    assert not [c.id for c in GATE if c.honest and f"`{c.id}`" not in text]
