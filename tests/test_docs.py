"""The site builds without a warning, and what the code has, the site shows."""

import ast
import html.parser
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import matplotlib
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from sim.rules import followers, gates

pytest.importorskip("sphinx", reason="extra docs is not installed: the site is not built")
pytest.importorskip("myst_parser", reason="extra docs is not installed: the site is not built")
pytest.importorskip("furo", reason="extra docs is not installed: the site is not built")

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "docs"))

from _ext import commands, docstrings, gallery, verdicts  # noqa: E402

from figures.gallery import FAMILIES  # noqa: E402
from paper_repro import reference  # noqa: E402
from paper_repro.cli import app  # noqa: E402

PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
DRAWN = "f1_regret_T"


class Page(html.parser.HTMLParser):
    """Ids, links, what the browser loads, cells of tables and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loaded, self.rows, self.words = set(), [], [], [], []
        self._open_row = False
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        if tag in ("script", "img", "iframe") and attrs.get("src"):
            self.loaded.append(attrs["src"])
        if tag == "link" and attrs.get("rel") in ("stylesheet", "preload", "icon", "preconnect", "dns-prefetch"):
            self.loaded.append(attrs["href"])
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._open_row = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._open_row = False

    def handle_data(self, data):
        self.words.append(data)
        if self._open_row:
            self.rows[-1][-1] += data


def broken(site):
    """Links and files that a folder of pages asks for and does not have, or has from elsewhere."""
    pages = {path.resolve(): Page(path.read_text()) for path in site.rglob("*.html")}
    out = []
    for path, page in pages.items():
        for target in (*page.links, *page.loaded):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                out += [f"{path.name}: loads {target}"] if target in page.loaded else []
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not file.is_file():
                out.append(f"{path.name}: no file {target}")
            elif parts.fragment and file in pages and unquote(parts.fragment) not in pages[file].ids:
                out.append(f"{path.name}: no place {target}")
    return out


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder with one figure."""
    folder = tmp_path_factory.mktemp("results") / "smoke"
    (folder / "figures").mkdir(parents=True)
    matplotlib.figure.Figure(figsize=(1, 1)).savefig(folder / "figures" / f"{DRAWN}.png")
    (folder / "provenance.json").write_text(json.dumps({"tier": "smoke", "seed_sets": 1, "commit": "0123abc"}))
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory, results):
    """The built pages."""
    out = tmp_path_factory.mktemp("site")
    words = ["-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", str(out / "doctrees")]
    done = subprocess.run(
        [sys.executable, *words, str(ROOT / "docs"), str(out / "html")],
        capture_output=True, text=True, env=os.environ | {"RESULTS": str(results)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return out / "html"


@pytest.fixture(scope="module")
def page(site):
    """page(name): one parsed page."""
    return lambda name: Page((site / f"{name}.html").read_text())


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_of_a_package_is_on_its_page(page, package):
    ids = page(f"api/{package}").ids
    wanted = {f"module-{package}"}
    for file in (ROOT / package.replace(".", "/")).glob("*.py"):
        if file.stem.startswith("_"):
            continue
        wanted.add(f"module-{package}.{file.stem}")
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                wanted.add(f"{package}.{file.stem}.{node.name}")
    assert wanted <= ids, sorted(wanted - ids)


def test_a_spec_shows_its_fields_and_no_page_shows_an_address(page, site):
    assert "class StreamSpec ( context : str = 'isotropic'" in page("api/sim").text
    assert not [p.name for p in site.rglob("*.html") if " at 0x" in p.read_text()]


def commands_of(name, parser):
    """Names of a program's commands, its own first, as anchors."""
    below = getattr(parser, "commands", {}).items()
    return [name.replace(" ", "-"), *(anchor for child, c in below for anchor in commands_of(f"{name} {child}", c))]


def test_every_command_and_option_is_on_the_page(page):
    shown = page("cli")
    wanted = commands_of("paper-repro", typer.main.get_command(app))
    assert {"paper-repro-run", "paper-repro-llm", "paper-repro-doctor"} <= set(wanted) <= shown.ids
    assert "python-m-llm" in shown.ids
    for option in ("--tier", "--only", "--dry-run", "--claim", "--update", "--stackelberg"):
        assert option in shown.text
    assert commands.EVERY_CORE in shown.text
    assert "Threads; results do not depend on it. [default: the cores of this machine" in shown.text


def test_commands_do_not_depend_on_the_terminal(monkeypatch):
    wide = commands.markdown()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERMINAL_WIDTH", "40")
    assert commands.markdown() == wide
    assert all(f"# {name}\n" in wide for name in commands.everything())


def test_gallery_names_its_tier_and_shows_every_family(page):
    shown = page("gallery")
    assert "Tier smoke , seed sets: 1" in shown.text
    assert "commit 0123abc" in shown.text
    text = shown.text.replace(" ¶ ", " ")  # the mark beside a heading
    places = [text.index(f"{f.title} {'' if name == DRAWN else 'Not'}") for name, f in FAMILIES.items()]
    assert places == sorted(places)
    assert [f"_images/{DRAWN}.png"] == [src for src in shown.loaded if src.endswith(".png")]
    assert "paper-repro figures --only f2_exponents" in shown.text


def test_gallery_without_results_says_how_to_make_them(monkeypatch, tmp_path):
    monkeypatch.setenv("RESULTS", str(tmp_path))
    text = gallery.markdown(ROOT / "docs")
    assert "make repro" in text
    assert "{image}" not in text
    assert all(family.title in text for family in FAMILIES.values())


def test_ledger_shows_the_committed_verdicts(page):
    rows = {row[0]: row for row in page("ledger").rows}
    for claim in reference.verdicts("standard").itertuples():
        assert rows[claim.id][1:3] == [claim.statement, claim.origin]
        assert rows[claim.id][-1] == claim.verdict


def test_a_statement_with_a_spaced_bar_is_refused():
    with pytest.raises(ValueError, match="6 columns instead of 5"):
        verdicts._row("| B1 | P(A | B) | classical | 1 / 2 | PASS |")


def test_concepts_name_every_gate_and_follower(page):
    words = set(page("concepts").text.replace(",", " ").split())
    assert set(gates.GATES) | set(followers.FOLLOWERS) <= words


def test_no_link_is_broken_and_nothing_is_loaded_from_elsewhere(site):
    assert broken(site) == []
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text().replace('"', "").replace("'", "")


def test_a_planted_broken_link_is_seen(tmp_path):
    (tmp_path / "a.html").write_text('<a href="b.html#x"></a><a href="c.html"></a><script src="https://x.org/x.js">')
    (tmp_path / "b.html").write_text("<p id='y'></p>")
    assert broken(tmp_path) == [
        "a.html: no place b.html#x",
        "a.html: no file c.html",
        "a.html: loads https://x.org/x.js",
    ]


def rendered(lines):
    """(text, kinds of markup) of converted lines; any complaint of the parser is an error."""
    from docutils.core import publish_doctree

    settings = {"halt_level": 2, "report_level": 2, "raw_enabled": False, "file_insertion_enabled": False}
    tree = publish_doctree("\n".join(docstrings.to_rest(lines)), settings_overrides=settings)
    return tree.astext(), {node.tagname for node in tree.findall() if node.tagname != "#text"}


CHARACTERS = st.sampled_from(list("ab1_*`|\\:.<>[](){}+-=~#@\"'^,; θ"))
LINES = st.lists(st.one_of(st.just(""), st.text(CHARACTERS, max_size=12), st.sampled_from(
    ["    display  x", "- item", "1. first", "====", "``code``", "``a``s", ">>> x", ".. note::", ":raises: x", "x::"]
)), max_size=8)  # fmt: skip


@given(LINES)
def test_property_plain_text_stays_plain(lines):
    text, kinds = rendered(lines)
    assert kinds <= {"document", "paragraph", "literal_block", "literal", "reference"}
    wanted = "".join("\n".join(lines).split()).replace("``", "")
    assert "".join(text.split()).replace("``", "") == wanted


def test_examples_keep_their_lines():
    text, kinds = rendered(["A rule:", "", ">>> f(1)", "2", "", "More prose", "goes on."])
    assert ">>> f(1)\n2" in text
    assert "More prose goes on." in text
    assert "literal_block" in kinds


def test_displays_keep_their_columns_and_code_is_code():
    lines = ["Prose of ``f`` with ||x||_P.", "", "    a   = 1", "      b   = 2", "as shown."]
    text, kinds = rendered(lines)
    assert "a   = 1\n  b   = 2" in text
    assert {"literal", "literal_block"} <= kinds
    assert docstrings.to_rest(["see ``sim.rules.gates``"], {"sim.rules.gates"}) == [
        "\\see \\ :py:mod:`sim.rules.gates`\\ ",
        "",
    ]
