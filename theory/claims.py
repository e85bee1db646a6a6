"""The ledger: every claim with its origin and its judge, gathered from ``theory.judges``.

A module there that lists ``CLAIMS`` is found; nothing else is registered.  Origins are explained in
``theory.ledger``.  Everything more exact than [W26]'s abstract is derived here.
"""

import importlib
import pkgutil
import re

import pandas as pd

from theory import judges
from theory.ledger import FAMILY_ERROR, INTERVAL_KINDS, Claim, Tables, judge

# Game, its theorems in expectation, routing, oracles, commitment, preference game, language models; others follow.
LETTERS = "BTLODSM"


def place(claim: Claim) -> tuple:
    """The place of a claim in the ledger: by letter, number and reading."""
    found = re.fullmatch(r"([A-Z]+)([0-9]+)([a-z]*)", claim.id)
    if found is None:
        raise ValueError(f"claim id {claim.id!r}: must be a letter, a number and perhaps a reading, as B9a")
    letter, number, reading = found.groups()
    rank = LETTERS.index(letter) if letter in LETTERS else len(LETTERS)
    return rank, letter, int(number), reading


def gathered() -> tuple[Claim, ...]:
    """The claims of every module of ``theory.judges``, in the ledger's order; ValueError for an id used twice."""
    modules = [importlib.import_module(f"{judges.__name__}.{m.name}") for m in pkgutil.iter_modules(judges.__path__)]
    found = sorted((claim for module in modules for claim in getattr(module, "CLAIMS", ())), key=place)
    twice = sorted({a.id for a, b in zip(found, found[1:], strict=False) if a.id == b.id})
    if twice:
        raise ValueError(f"claim ids used twice: {', '.join(twice)}; give each claim its own")
    return tuple(found)


LEDGER = gathered()
LEVEL = FAMILY_ERROR / sum(c.kind in INTERVAL_KINDS for c in LEDGER)


def chosen(ids: tuple[str, ...]) -> tuple[Claim, ...]:
    """The claims whose id or group is one of ``ids``."""
    return tuple(c for c in LEDGER if c.id in ids or c.group in ids)


def verify(tables: Tables, ids: tuple[str, ...] = (), look: int = 0) -> pd.DataFrame:
    """One verdict row (``ledger.judge``) for each claim, or for the chosen ones, at a look.

    Raises KeyError where a table is missing, LedgerError where one is empty or has one replication.
    """
    return pd.DataFrame([judge(c, tables, LEVEL, look) for c in (chosen(ids) if ids else LEDGER)])
