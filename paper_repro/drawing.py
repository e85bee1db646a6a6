"""Figures on disk: drawn from tables and written as PNG and PDF, each file whole or not there."""

from collections.abc import Iterable
from pathlib import Path

from figures.gallery import FAMILIES, encode
from figures.tables import Tables
from sim.files import write_atomic


def write(names: Iterable[str], tables: Tables, folder: Path) -> list[Path]:
    """Draw the named figures into a folder; returns the files, NAME.png and NAME.pdf for each name.

    Raises ValueError, naming figure and table, where a table is missing or empty or lacks a column.
    """
    paths = []
    for name in names:
        for kind, data in encode(FAMILIES[name].draw(tables)).items():
            paths.append(folder / f"{name}.{kind}")
            write_atomic(paths[-1], data)
    return paths
