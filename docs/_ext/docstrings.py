"""Docstrings that are plain text, shown as they are meant.

The project's docstrings are prose with ``double backticks``, indented displays and columns; ``||x||_P``
or ``theta*`` in them is mathematics and not markup.  A line that is indented, has columns or begins a
list belongs to a display, whose line breaks and spaces are kept, and so does an example: everything
from ``>>>`` to the next empty line.  The rest is running prose.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby

_CODE = re.compile(r"``(?=[^\s`])([^`\n]*[^\s`])``")
_COLUMNS = re.compile(r"[^\s.;:!?)]\s{2,}\S")
_LIST = re.compile(r"([-*+•]|\d+[.)]|\([a-z\d]\))\s")
_ACTIVE = re.compile(r"([\\*`|_:\[\]<>@])")


def to_rest(lines: Iterable[str], modules: Collection[str] = ()) -> list[str]:
    """The docstring's lines as reStructuredText in which nothing but ``code`` is markup.

    ``modules``: dotted names that become links where they stand as code.
    """
    out: list[str] = []
    for (blank, display), group in groupby(_indented(lines), key=_kind):
        block = [line.rstrip() for line in group]
        if blank:
            continue
        if display:
            out += [".. parsed-literal::", "", *("    " + _escape_display(line, modules) for line in _dedent(block))]
        else:
            out.append(_escape(" ".join(line.strip() for line in block), modules))
        out.append("")
    return out


def _indented(lines: Iterable[str]) -> Iterator[str]:
    """The lines with every example indented, which makes a display of it."""
    example = False
    for line in lines:
        example = bool(line.strip()) and (example or line.startswith(">>>"))
        yield "    " + line if example else line


def _kind(line: str) -> tuple[bool, bool]:
    """(blank, belongs to a display)."""
    text = line.strip()
    return not text, bool(text) and (line[0] == " " or bool(_COLUMNS.search(line)) or bool(_LIST.match(line)))


def _dedent(block: list[str]) -> list[str]:
    depth = min(len(line) - len(line.lstrip()) for line in block)
    return [line[depth:] for line in block]


def _escape_display(line: str, modules: Collection[str]) -> str:
    text = line.lstrip()
    return " " * (len(line) - len(text)) + _escape(text, modules)


def _escape(text: str, modules: Collection[str]) -> str:
    """Text with its code kept and everything else taken literally; safe at the start of a line."""
    parts = _CODE.split(text)
    for i, part in enumerate(parts):
        if i % 2 == 0:
            parts[i] = _ACTIVE.sub(r"\\\1", part)
        else:
            parts[i] = f"\\ :py:mod:`{part}`\\ " if part in modules else f"\\ ``{part}``\\ "
    # a lone backslash before the first character keeps lists, titles and tables from being seen
    return "".join(parts) if parts[0] == "" or parts[0][0] == "\\" else "\\" + "".join(parts)
