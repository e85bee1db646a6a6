"""Data that are wrong on purpose: what the controls of claims are made of (``ledger.Control``)."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from theory.ledger import Control, Finding, Judge, Tables


def tightened(rows: pd.DataFrame, share: float = 0.95) -> pd.DataFrame:
    """The rows with every bound lowered until the worst one lies ``share`` below what was measured.

    The planted fault of an inequality: a judge that compares must FAIL it.  Rows without a violation to plant
    (nothing measured above 0) are given back as they are.
    """
    ratio = (rows["measured"] / rows["bound"].where(rows["bound"] > 0.0)).max()
    return rows.assign(bound=rows["bound"] * (share * ratio if ratio > 0.0 else 1.0))


def edited(judge: Judge, table: str, **columns: Any) -> Judge:
    """The judge on tables of which one has other columns (values, or functions of the table as it is): for controls."""

    def wrong(tables: Tables, level: float) -> Finding:
        given = tables[table]
        changed = {name: made(given) if callable(made) else made for name, made in columns.items()}
        return judge({**tables, table: given.assign(**changed)}, level)

    return wrong


def shifted(judge: Judge, table: str, column: str, by: float, text: str = "") -> Control:
    """A planted fault: a column of a table off by a number, such as a closed form that is off by 1e-5."""
    return Control(text or f"{column} off by {by:g}", edited(judge, table, **{column: lambda t: t[column] + by}))


def remade(judge: Judge, table: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Judge:
    """The judge on tables of which one was changed as a whole, such as one gate's rows in another's place."""
    return lambda tables, level: judge({**tables, table: change(tables[table])}, level)


def posing(impostor: str, *names: str, labels: float = 1.0, regret: float = 1.0):
    """For ``remade``: the rows of gate ``impostor``, with labels and regret multiplied, in the place of those of each
    named gate.  Ratios of the named gates to the impostor are then known exactly."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        rows = table[table["gate"] == impostor]
        rows = rows.assign(labels=labels * rows["labels"], regret=regret * rows["regret"])
        return pd.concat([table[~table["gate"].isin(names)], *(rows.assign(gate=name) for name in names)])

    return change
