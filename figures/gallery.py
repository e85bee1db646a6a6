"""The gallery: every figure of this package by name, and a drawn figure as the bytes of its files.

A file of this package that has a ``NAME`` is a figure, and with ``TITLE``, ``CAPTION``, ``NEEDS`` (table -> columns)
and ``draw(tables)`` beside it that file is all a new figure takes: commands, report and documentation find it here.
"""

import io
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import NamedTuple

from matplotlib.figure import Figure

import figures
from figures.style import DPI
from figures.tables import Tables

PARTS = ("NAME", "TITLE", "CAPTION", "NEEDS", "draw")
# No date and no version, so that equal figures give equal bytes.
FORMATS: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}


class Family(NamedTuple):
    """One figure: its name, what it shows, the tables it needs and how it is drawn from them."""

    name: str
    title: str
    caption: str
    needs: tuple[str, ...]
    draw: Callable[[Tables], Figure]


def families() -> dict[str, Family]:
    """The figures of this package by name, numbers in names counted as numbers: f2 comes before f10.

    Raises ValueError for a figure file that lacks a part or has the name of another.
    """
    found: dict[str, Family] = {}
    for file in iter_modules(figures.__path__):
        module = import_module(f"figures.{file.name}")
        if not hasattr(module, "NAME"):
            continue
        if lacking := [part for part in PARTS if not hasattr(module, part)]:
            raise ValueError(f"figures/{file.name}.py has a NAME, which makes it a figure: add {', '.join(lacking)}")
        family = Family(module.NAME, module.TITLE, module.CAPTION, tuple(module.NEEDS), module.draw)
        if found.setdefault(family.name, family) is not family:
            raise ValueError(f"figures/{file.name}.py: another file has the NAME {family.name!r}: choose a new one")
    return {name: found[name] for name in sorted(found, key=_place)}


def encode(figure: Figure, formats: Iterable[str] = tuple(FORMATS)) -> dict[str, bytes]:
    """What the files of a figure hold, by format ("png", "pdf"); equal figures give equal bytes.

    The layout is settled once, before the first format, so that all formats show the same picture.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return {kind: _bytes(figure, kind) for kind in formats}


def _bytes(figure: Figure, kind: str) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format=kind, dpi=DPI, metadata=FORMATS[kind])
    return out.getvalue()


def _place(name: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


FAMILIES: dict[str, Family] = families()
