"""Every table beyond the sweeps: studies, played cell by cell, and tables derived from others."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import pandas as pd

from figures.gallery import FAMILIES
from paper_repro import falsify, reference
from paper_repro.studies import determinism as determinism_play
from paper_repro.studies import digits, information, worst
from sim import sweeps
from theory import claims, overlay
from theory.falsify import tightness
from theory.judges import labels, rate
from theory.studies import certificates as theory_studies
from theory.studies import determinism, nonmyopic, preference
from theory.studies.study import Study

Tables = dict[str, pd.DataFrame]

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        *theory_studies.STUDIES,
        determinism.STUDY,
        nonmyopic.study(falsify.play),
        worst.STUDY,
        determinism_play.STUDY,
        information.STUDY,
        digits.STUDY,
        *preference.STUDIES,
    )
}


class Derived(NamedTuple):
    """A table made from others: the tables it needs, and how."""

    needs: tuple[str, ...]
    make: Callable[[Tables], pd.DataFrame]


NEEDS = {claim.id: claim.needs for claim in claims.LEDGER}
SEARCHED = {name for names in tightness.sweeps(NEEDS).values() for name in names}

DERIVED: dict[str, Derived] = {
    "overlay_horizon": Derived(("horizon",), lambda t: overlay.horizon(t["horizon"])),
    "overlay_hard": Derived(("hard",), lambda t: overlay.hard(t["hard"])),
    "overlay_bait": Derived(("bait",), lambda t: overlay.bait(t["bait"])),
    "overlay_insurance": Derived(("insurance",), lambda t: overlay.guaranteed(t["insurance"])),
    "overlay_queried": Derived(("bait",), lambda t: overlay.queried(t["bait"])),
    "constants": Derived(("hard",), lambda t: theory_studies.constants_table(t["hard"])),
    "exponents": Derived(("horizon", "envelope"), lambda t: rate.exponents(t, claims.LEVEL)),
    "nonmyopic_fits": Derived(("nonmyopic",), lambda t: nonmyopic.fits(t["nonmyopic"])),
    "savings": Derived(("efficiency",), lambda t: labels.savings(t, claims.LEVEL)),
    "tightness": Derived(
        ("worst_found", "routing", "preference_regret", *sorted(SEARCHED)),
        lambda t: tightness.tightness_table(t, t["worst_found"], NEEDS),
    ),
    "digits_regret": Derived(("digits", "digits_scorer"), lambda t: digits.regret(t["digits"], t["digits_scorer"])),
    **{name: Derived((), lambda _, name=name: reference.shipped(name)) for name in reference.at_hand()},  # type: ignore[misc]
}


def closure(names: Iterable[str]) -> set[str]:
    """The names and everything that they are made from."""
    out: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in out:
            out.add(name)
            todo += DERIVED[name].needs if name in DERIVED else ()
    return out


def sources(family: str) -> set[str]:
    """The sweeps and studies that a figure needs, those behind its derived tables included."""
    return {n for n in closure(FAMILIES[family].needs) if n in sweeps.SWEEPS or n in STUDIES}


def shipped() -> Tables:
    """The committed tables, which every claim may read."""
    return {name: reference.shipped(name) for name in reference.at_hand()}


def derive(tables: Tables) -> Tables:
    """The derived tables whose sources are there."""
    return {name: d.make(tables) for name, d in DERIVED.items() if all(n in tables for n in d.needs)}
