"""``verify --rigorous``: the deterministic inequalities of a finished run and the constants of the floors, in ball
arithmetic.  Nothing is played: the tables are read from the output folder."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from paper_repro.plan import tier_of
from sim import table
from theory.claims import LEDGER, chosen
from theory.rigorous import constants
from theory.rigorous.judge import Verified, verified
from theory.rigorous.parts import READINGS

FLOORS, MIDDLE = "B10", ("B7", "B8")  # claims whose constants are certified
SPOKEN = (*READINGS, FLOORS)
OUTCOMES = {True: "proved", False: "REFUTED"}
CAVEAT = (
    "proved of the recorded doubles, taken for exact: that a recorded value carries the rounding of the simulator\n"
    "which summed it is not bounded here; undecided rows lie above their bound by less than their own sum can round"
)


def claims(only: tuple[str, ...]) -> tuple[str, ...]:
    """The chosen ids of SPOKEN, all if none is chosen; ValueError for any other id."""
    if not only:
        return SPOKEN
    for name in only:
        if not {c.id for c in chosen((name,))} & set(SPOKEN):
            raise ValueError(f"--rigorous says nothing about {name!r}; valid: {', '.join(SPOKEN)}")
    return tuple(c.id for c in chosen(only) if c.id in SPOKEN)


def load(names: tuple[str, ...], tier: str, out: Path) -> pd.DataFrame:
    """The sweeps' tables, one after the other; FileNotFoundError says how to make a missing one."""
    parts, again = [], f"paper-repro run --tier {tier} --out {out}"
    for name in names:
        path = out / "tables" / f"{name}.parquet"
        if not path.is_file():
            raise FileNotFoundError(f"no table {path}; make it with: {again}")
        try:
            parts.append(table.coerce(pd.read_parquet(path)))
        except table.TableError as error:
            raise ValueError(f"{path}: {error}; play it again with: {again}") from error
    return pd.concat(parts, ignore_index=True)


def line(claim: str, found: Verified) -> str:
    """What is printed of a claim."""
    low, high = found.worst
    counts = f"{found.rows} rows: {found.proved} proved, {found.undecided} undecided, {found.refuted} refuted"
    worst = f"worst measured/bound [{low!r}, {high!r}] ({found.part}, {found.digits} digits)"
    return f"{claim:<4} {counts}; {worst}; least slack {found.slack:.3g} ulps; {found.distinct} bounds"


def certificates(wanted: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """(line, whether it holds) of each constant that the chosen claims rest on."""
    if set(MIDDLE) & set(wanted):
        found = constants.middle()
        low, high = found.value
        text = f"theorems 2, 3: x h(y)/y + h(x) (1 - x/y) <= {constants.MIDDLE} sqrt(2x) {OUTCOMES[found.holds]}"
        yield f"{text} on {found.pieces} pieces; reaches [{low!r}, {high!r}]", found.holds
    if FLOORS in wanted:
        for constant in constants.floors():
            low, high = constant.value
            text = f"{constant.name} in [{low!r}, {high!r}], in use {constant.used!r} ({constant.ulps:+.0f} ulps)"
            yield f"{text}: {OUTCOMES[constant.holds]}", constant.holds
        found = constants.sharp_floor()
        text = f"theorem 4': max_u u p(u) <= {constants.SHARP} {OUTCOMES[found.holds]} on {found.pieces} pieces"
        yield f"{text}; reaches {found.value[0]!r}", found.holds


def run(tier: str, only: tuple[str, ...], out: Path) -> int:
    """Print a line a claim and a certificate; 0 all proved, 1 something refuted, 3 something undecided."""
    tier_of(tier, None)
    wanted = claims(only)
    needs = {claim.id: claim.needs for claim in LEDGER}
    found = []
    for claim in wanted:
        if claim in READINGS:
            found.append(verified(READINGS[claim], load(needs[claim], tier, out)))
            print(line(claim, found[-1]), flush=True)
    held = True
    for text, holds in certificates(wanted):
        print(text)
        held &= holds
    print(CAVEAT)
    if any(v.refuted for v in found) or not held:
        return 1
    return 3 if any(v.undecided for v in found) else 0
