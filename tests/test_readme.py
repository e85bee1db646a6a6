"""The README's session is executed as written."""

import doctest
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def test_readme_session():
    failed, tried = doctest.testfile(str(README), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried >= 6
    assert failed == 0


def test_readme_shows_the_committed_verdicts():
    from paper_repro import reference

    assert reference.markdown(reference.verdicts("standard")) in README.read_text()


def test_readme_names_only_files_that_exist():
    text = README.read_text()
    tree = text[text.index("## Tree") :]
    for room in ("sim", "theory", "figures", "paper_repro", "tests", "docs"):
        assert f"{room}/" in tree
        assert (README.parent / room).is_dir()
