"""Pages with a marker: what the code says is put in the marker's place when the site is built.

Tables of verdicts are coloured (``verdicts``).
"""

from collections.abc import Callable, Iterable
from inspect import cleandoc
from pathlib import Path

from sphinx.application import Sphinx

from _ext import api, commands, gallery, verdicts


def _packages(srcdir: Path) -> str:
    lines = []
    for package in api.packages():
        init = (api.ROOT / package.replace(".", "/") / "__init__.py").read_text()
        first = cleandoc(init.split('"""')[1]).split("\n\n")[0].replace("\n", " ")
        lines.append(f"- [{package}](api/{package}.rst): {first}")
    return "\n".join(lines)


START, REFERENCE = ("concepts", "ledger", "gallery"), ("cli", "api")


def _toctree(caption: str, pages: Iterable[str]) -> str:
    names = "\n".join(pages)
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{names}\n```" if names else ""


def _contents(srcdir: Path) -> str:
    """Every page in the sidebar: a new file needs no entry anywhere."""
    found = sorted(p.relative_to(srcdir).with_suffix("").as_posix() for p in srcdir.rglob("*.md"))
    found = [name for name in found if not name.startswith("_")]
    tutorials = [name for name in found if name.startswith("tutorials/")]
    guides = [name for name in found if name not in ("index", *START, *REFERENCE, *tutorials)]
    chapters = {"Start": START, "Tutorials": tutorials, "Guides": guides, "Reference": REFERENCE}
    return "\n\n".join(_toctree(caption, pages) for caption, pages in chapters.items())


MADE: dict[str, Callable[[Path], str]] = {
    "gallery": gallery.markdown,
    "commands": lambda srcdir: commands.markdown(),
    "packages": _packages,
    "contents": _contents,
}


def _marker(name: str) -> str:
    return f"% generated: {name}"


def _fill(app: Sphinx, docname: str, source: list[str]) -> None:
    for name, make in MADE.items():
        if _marker(name) in source[0]:
            source[0] = source[0].replace(_marker(name), make(Path(app.srcdir)))
    source[0] = verdicts.coloured(source[0])


def _outdated(app: Sphinx, env: object, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Pages that are made from results or code are read again in every build."""
    texts = {name: app.env.doc2path(name).read_text() for name in app.env.found_docs}
    return [name for name, text in texts.items() if any(_marker(m) in text for m in MADE) or name.startswith("api/")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _fill)
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
