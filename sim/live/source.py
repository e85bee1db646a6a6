"""Where bought labels come from: a recorded column, a function, or a person (``queue``).

A source is asked for the label of a prompt by its key, and returns the label or ``PENDING``.  Its ``Ledger`` caps
labels and money where they are really spent: whatever a gate decides, no label is bought beyond it.  A key is paid
for once, however often it is asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sim.live.money import MILLION, in_millionths

Label = int | str
Cost = float | Callable[[str, str], float]


class Pending(Enum):
    """The type of ``PENDING``: the label is paid for and not known yet."""

    PENDING = "pending"


PENDING = Pending.PENDING


class BudgetError(ValueError):
    """A label would cost more than the ledger has left."""


class Ledger:
    """A hard cap on ``labels``, on ``money``, or on both, and what was spent of it."""

    def __init__(self, labels: int | None = None, money: float | None = None) -> None:
        if labels is None and money is None:
            raise ValueError("a ledger needs a budget: give labels, money, or both")
        if labels is not None and (isinstance(labels, bool) or not isinstance(labels, int) or labels < 1):
            raise ValueError(f"labels = {labels!r}: give a whole number of at least 1, or money instead")
        self.labels, self.money = labels, money
        self._cap = None if money is None else in_millionths(money, "money")
        self._spent = self.bought = 0

    @property
    def spent(self) -> float:
        """Cost of all labels bought."""
        return self._spent / MILLION

    @property
    def labels_left(self) -> int | None:
        """Labels that may still be bought, None where only money is capped."""
        return None if self.labels is None else self.labels - self.bought

    @property
    def money_left(self) -> float | None:
        """Money that may still be spent, None where only labels are capped."""
        return None if self._cap is None else (self._cap - self._spent) / MILLION

    def check(self, cost: float) -> int:
        """The cost in millionths. Raises BudgetError where it cannot be paid; changes nothing."""
        price = in_millionths(cost, "cost")
        if self.labels is not None and self.bought >= self.labels:
            raise BudgetError(f"all {self.labels} labels are bought; open a ledger with more of them to go on")
        if self._cap is not None and self._spent + price > self._cap:
            raise BudgetError(
                f"a label for {cost:g} with {self.money_left:g} of {self.money:g} left; buy a cheaper one or stop"
            )
        return price

    def charge(self, cost: float) -> None:
        """Pay for one label. Raises BudgetError, and pays nothing, where it cannot be paid."""
        price = self.check(cost)
        self.bought, self._spent = self.bought + 1, self._spent + price

    def resume(self, bought: int, spent: float) -> None:
        """Take over what a saved ledger had spent, where that is more. Raises BudgetError beyond a cap."""
        paid = round(spent * MILLION)
        if (self.labels is not None and bought > self.labels) or (self._cap is not None and paid > self._cap):
            raise BudgetError(
                f"{bought} labels for {spent:g} were bought before; the ledger allows fewer, give it more"
            )
        self.bought, self._spent = max(self.bought, bought), max(self._spent, paid)


class LabelSource(Protocol):
    """What every source has: a ledger, the price of a label, and the label, which ``get`` buys."""

    ledger: Ledger

    def cost(self, key: str, prompt: str = "") -> float: ...

    def get(self, key: str, prompt: str = "") -> Label | Pending: ...


class RecordedColumn:
    """Labels that are known already: a mapping, or a column, whose keys are "0", "1", ...

    ``costs`` is one price or a column of prices in the same order.  Raises ValueError for missing
    labels and for columns of different lengths, KeyError for a key that is not in it.
    """

    def __init__(
        self, labels: Mapping[str, Any] | Sequence[Any] | np.ndarray, ledger: Ledger, costs: Any = 1.0
    ) -> None:
        self.ledger = ledger
        self._labels = dict(labels) if isinstance(labels, Mapping) else {str(i): v for i, v in enumerate(labels)}
        for key, label in self._labels.items():
            if label is None or label != label:
                raise ValueError(f"the label of row {key!r} is missing; every row that can be bought needs one")
        one = isinstance(costs, (int, float))
        prices = [costs] * len(self._labels) if one else [float(c) for c in costs]
        if len(prices) != len(self._labels):
            raise ValueError(f"{len(prices)} costs for {len(self._labels)} labels; give one a label, or one number")
        self._costs = dict(zip(self._labels, prices, strict=True))
        self._sold: set[str] = set()

    @classmethod
    def from_parquet(cls, path: str | Path, ledger: Ledger, label: str = "label", key: str = "", cost: str = ""):
        """Columns of a Parquet file; without ``key`` rows are numbered, without ``cost`` they cost 1."""
        import pandas as pd

        frame = pd.read_parquet(path)
        missing = [c for c in (label, key, cost) if c and c not in frame]
        if missing:
            raise ValueError(f"{path}: no column {missing} among {list(frame.columns)[:8]}")
        keys = [str(k) for k in (frame[key] if key else range(len(frame)))]
        if len(set(keys)) < len(keys):
            raise ValueError(f"{path}: the keys in column {key!r} repeat; every prompt needs its own")
        return cls(dict(zip(keys, frame[label].tolist(), strict=True)), ledger, frame[cost] if cost else 1.0)

    def cost(self, key: str, prompt: str = "") -> float:
        """Price of the label of ``key``."""
        return float(self._costs[self._known(key)])

    def get(self, key: str, prompt: str = "") -> Label:
        """The label of ``key``; paid for the first time it is asked for."""
        key = self._known(key)
        if key not in self._sold:
            self.ledger.charge(self._costs[key])
            self._sold.add(key)
        return self._labels[key]

    def _known(self, key: str) -> str:
        if str(key) not in self._labels:
            raise KeyError(f"no label for key {key!r}; the column has {len(self._labels)}")
        return str(key)


class FromCallable:
    """Labels from ``function(key, prompt)``, called once a key and paid for when it has returned.

    A call that raises is not paid for; one that returns None or PENDING is a ValueError.  Labels are kept by this
    object, not on disk.
    """

    def __init__(self, function: Callable[[str, str], Label], ledger: Ledger, cost: Cost = 1.0) -> None:
        self.ledger, self._function, self._cost = ledger, function, cost
        self._answers: dict[str, Label] = {}

    def cost(self, key: str, prompt: str = "") -> float:
        """Price of the label of ``key``."""
        return priced(self._cost, str(key), prompt)

    def get(self, key: str, prompt: str = "") -> Label:
        """The function's answer. Raises BudgetError before it calls the function."""
        key = str(key)
        if key not in self._answers:
            price = self.cost(key, prompt)
            self.ledger.check(price)
            answer = self._function(key, prompt)
            if answer is None or answer is PENDING:
                raise ValueError(f"the function answered {answer!r} for key {key!r}; it must return the label")
            self.ledger.charge(price)
            self._answers[key] = answer
        return self._answers[key]


def priced(cost: Cost, key: str, prompt: str) -> float:
    """A fixed price, or what a price function says."""
    return float(cost(key, prompt)) if callable(cost) else float(cost)
