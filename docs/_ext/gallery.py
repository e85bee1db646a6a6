"""The figure gallery: pictures of the newest results, each with the title and caption that its figure's file has.

``RESULTS`` names a results folder; without it the newer of results/standard and results/smoke is
shown, and where there is none the page says which command makes one.
"""

import json
import os
from pathlib import Path
from typing import Any

from _ext.api import ROOT

TIERS = ("standard", "smoke")
FACTS = ("code version (sim)", "commit", "python", "numpy", "numba", "processor")
NOTHING = """```{{admonition}} No results yet
:class: note

The figures below are drawn by `make repro` (standard tier, minutes to hours) or `make repro TIER=smoke`
(a minute or two). Build the site again after it. Looked in: {places}.
```"""


def candidates() -> list[Path]:
    """Folders that may hold results."""
    named = os.environ.get("RESULTS")
    return [Path(named).resolve()] if named else [ROOT / "results" / tier for tier in TIERS]


def newest() -> Path | None:
    """The folder whose provenance was written last; None if none was."""
    made = [folder for folder in candidates() if (folder / "provenance.json").is_file()]
    return max(made, key=lambda folder: (folder / "provenance.json").stat().st_mtime, default=None)


def markdown(srcdir: Path) -> str:
    """Where the figures come from, then a section for each figure in the report's order."""
    from figures.gallery import FAMILIES
    from theory.claims import LEDGER

    folder = newest()
    judged: dict[str, list[str]] = {name: [c.id for c in LEDGER if c.figure == name] for name in FAMILIES}
    parts = [_provenance(folder)]
    for name, family in FAMILIES.items():
        picture = _picture(folder, name, family.title, srcdir)
        claims = f" Claims judged on it: {', '.join(judged[name])}." if judged[name] else ""
        section = (f"## {family.title}", picture, _text(family.caption), f"`{name}`{claims}")
        parts += [part for part in section if part]
    return "\n\n".join(parts)


def _provenance(folder: Path | None) -> str:
    if folder is None:
        places = ", ".join(f"`{_short(p)}`" for p in candidates())
        return NOTHING.format(places=places)
    facts: dict[str, Any] = json.loads((folder / "provenance.json").read_text())
    shown = "; ".join(f"{name} {facts[name]}" for name in FACTS if name in facts)
    tier, sets = facts.get("tier", folder.name), facts.get("seed_sets", "?")
    return f"Tier **{tier}**, seed sets: {sets}, drawn from `{_short(folder)}`.\n\n{_text(shown)}."


def _short(folder: Path) -> str:
    """The folder as seen from the project's root; its last name where it lies elsewhere."""
    return str(folder.relative_to(ROOT)) if folder.is_relative_to(ROOT) else folder.name


def _picture(folder: Path | None, name: str, title: str, srcdir: Path) -> str:
    if folder is None:
        return ""
    file = folder / "figures" / f"{name}.png"
    if not file.is_file():
        return f"*Not in these results; `paper-repro figures --only {name}` draws it.*"
    return f"```{{image}} {os.path.relpath(file, srcdir)}\n:alt: {title}\n:class: gallery\n:width: 100%\n```"


def _text(text: str) -> str:
    return "".join("\\" + c if c in "*_|<>[]`\\" else c for c in text)
