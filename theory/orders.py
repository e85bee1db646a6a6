"""Do two worlds order the gates alike?  An exact permutation test whose unit is a data set.

A *cell* is one stream, played with every gate in both worlds: the predicted one (the simulator on recorded
features) and the tuned one (a model trained on the labels).  The cells of a data set, its seeds, budgets and
replications, share their gates' order, so they are no independent evidence: under the hypothesis of chance ONE
random order of the gates is applied to all cells of a data set.  Data sets count as independent.  That is the
test's only assumption, and it fails where one order of gates rules every data set in both worlds; the detail
therefore also tells how probable the agreement is if the order of all data sets is drawn once.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations, permutations
from math import comb
from typing import NamedTuple

import numpy as np
import pandas as pd

from theory import stats
from theory.ledger import FAIL, INCONCLUSIVE, PASS, Control, Finding, Judge, LedgerError, Tables, nothing

MOST = 8  # gates: their orders are listed
FEW = 4  # data sets below which a range is told in place of an interval
SHOWN = 12  # swaps that the detail lists
ENDS = ("all", "always", "never")  # their place is known without a prediction


class Unit(NamedTuple):
    """One data set: its gates, and their values in both worlds, each (cells, gates); smaller is better."""

    name: str
    gates: tuple[str, ...]
    predicted: np.ndarray
    tuned: np.ndarray

    @property
    def pairs(self) -> int:
        """Pairs of gates, over all cells."""
        return len(self.tuned) * comb(len(self.gates), 2)


def units(both: pd.DataFrame, unit: list[str], cell: list[str]) -> list[Unit]:
    """Data sets (columns ``unit``) with at least three gates, from rows (unit, cell, gate, predicted, tuned).

    Cells of a data set may lack a gate: the set of gates with the most pairs over its cells is kept, so that one
    order can be applied to all of them.  Raises LedgerError for more than ``MOST`` gates.
    """
    found = []
    for key, own in both[~both["gate"].isin(ENDS)].groupby(unit):
        worlds = [own.pivot_table(index=cell, columns="gate", values=world) for world in ("predicted", "tuned")]
        kinds = [tuple(row) for row in worlds[1].notna().to_numpy().tolist()]
        counts = Counter(kinds)
        kept = max(counts, key=lambda kind: (counts[kind] * comb(sum(kind), 2), kind))
        gates = [gate for gate, there in zip(worlds[1].columns, kept, strict=True) if there]
        if len(gates) > MOST:
            raise LedgerError(f"{len(gates)} gates on {key}: their orders are listed, at most {MOST}; choose fewer")
        if len(gates) > 2:
            whole = [kind == kept for kind in kinds]
            predicted, tuned = (world.loc[whole, gates].to_numpy(float) for world in worlds)
            found.append(Unit(" ".join(map(str, key)), tuple(gates), predicted, tuned))
    return found


def concordance(x: np.ndarray, y: np.ndarray) -> int:
    """Pairs of (n,) x and y in the same order minus pairs in opposite order; a tie in either counts nothing."""
    return int(np.sum(np.sign(np.subtract.outer(x, x)) * np.sign(np.subtract.outer(y, y)))) // 2


def concordances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``concordance`` summed over the rows of (cells, gates) x and y, y's gates in every order, its own first."""
    first, second = (np.sign(v[:, :, None] - v[:, None, :]) for v in (x, y))
    pairs = np.tensordot(first, second, axes=(0, 0))  # [g, h, k, l]: cells that order (g, h) as they order (k, l)
    orders = np.array(list(permutations(range(x.shape[1]))))
    total = np.zeros(len(orders))
    for g, h in combinations(range(x.shape[1]), 2):
        total += pairs[g, h, orders[:, g], orders[:, h]]
    return total.astype(int)


def chance(worlds: list[tuple[np.ndarray, np.ndarray]]) -> tuple[dict[int, float], int]:
    """(distribution of the summed ``concordance`` if a random order were drawn for each unit, its observed value).

    A unit is a pair of (cells, gates) arrays, or of (gates,) ones.  Exact: every order of a unit's gates is
    applied to all its cells at once, and the units are convolved.
    """
    law, low, seen = np.ones(1), 0, 0
    for x, y in worlds:
        sums = concordances(np.atleast_2d(x), np.atleast_2d(y))
        law = np.convolve(law, np.bincount(sums - sums.min()) / len(sums))
        low, seen = low + int(sums.min()), seen + int(sums[0])
    return {low + i: float(p) for i, p in enumerate(law) if p > 0.0}, seen


def drawn_once(found: list[Unit]) -> float:
    """Probability of orders at least this alike if one random order of the gates held on all data sets.

    NaN where data sets have different gates.
    """
    if len({u.gates for u in found}) > 1:
        return float("nan")
    sums = np.sum([concordances(u.predicted, u.tuned) for u in found], axis=0)
    return float((sums >= sums[0]).mean())


def swaps(unit: Unit) -> Iterator[tuple[str, str, int]]:
    """(gate predicted better, gate that is better, cells that say so) for each pair whose mean order turns round."""
    predicted, tuned = unit.predicted.mean(axis=0), unit.tuned.mean(axis=0)
    for g, h in combinations(range(len(unit.gates)), 2):
        if (predicted[g] - predicted[h]) * (tuned[g] - tuned[h]) < 0.0:
            best, other = (g, h) if predicted[g] < predicted[h] else (h, g)
            cells = int((unit.tuned[:, other] < unit.tuned[:, best]).sum())
            yield unit.gates[best], unit.gates[other], cells


def mispredicted(found: list[Unit]) -> str:
    """Where the prediction is wrong: each data set with its swapped pairs, those in most cells first."""
    parts, left = [], SHOWN
    for unit in found:
        turned = sorted(swaps(unit), key=lambda s: -s[2])
        texts = [f"{best} predicted before {other}, {cells} of {len(unit.tuned)} cells say otherwise"
                 for best, other, cells in turned[:left]]  # fmt: skip
        more = [f"{len(turned) - len(texts)} pairs more"] * (len(turned) > len(texts))
        left -= len(texts)
        if turned:
            parts.append(f"{unit.name}: {', '.join(texts + more)}")
    return f"mispredicted: {'; '.join(parts)}" if parts else "no pair of gates is mispredicted on average"


def rank_correlation(found: list[Unit]) -> str:
    """Kendall's tau, the mean over data sets, with its 95 % interval over them or, for few, their range."""
    taus = [float(concordances(u.predicted, u.tuned)[0]) / u.pairs for u in found]
    estimate = stats.mean(taus)
    if len(taus) >= FEW:
        low, high = estimate.at(0.05)
        return f"tau {estimate.value:.2f} [{max(low, -1.0):.2f}, {min(high, 1.0):.2f}] over {len(taus)} data sets"
    spread = f", from {min(taus):.2f} to {max(taus):.2f} on {len(taus)} data sets" if len(taus) > 1 else ""
    return f"tau {estimate.value:.2f}{spread or ' on one data set'}"


def agreement(found: list[Unit], level: float) -> Finding:
    """PASS where orders at least this alike have probability <= level by chance, FAIL where this unlike have.

    ``measured`` is that probability, ``bound`` the level, n the number of data sets.
    """
    if not found:
        return nothing("no data set was played with three gates in both worlds", level)
    law, seen = chance([(u.predicted, u.tuned) for u in found])
    alike = sum(p for s, p in law.items() if s >= seen)
    unlike = sum(p for s, p in law.items() if s <= seen)
    outcome = PASS if alike <= level else (FAIL if unlike <= level else INCONCLUSIVE)
    sets = f"{len(found)} data set" + "s" * (len(found) > 1)
    cells, gates = sum(len(u.tuned) for u in found), sum(len(u.gates) for u in found) / len(found)
    note = f"{sets}, {cells} cells, {gates:.1f} gates each; {rank_correlation(found)}; by chance this alike with "
    note += f"probability {alike:.2g}, at best {law[max(law)]:.2g}, and {drawn_once(found):.2g} if one order held on "
    note += f"all data sets; {mispredicted(found)}"
    return Finding(alike, level, outcome, alike, alike, len(found), note)


def judged(found: Callable[[Tables], list[Unit]]) -> Judge:
    """The judge of the units that ``found`` makes from tables."""
    return lambda tables, level: agreement(found(tables), level)


def controls(found: Callable[[Tables], list[Unit]]) -> tuple[Control, Control]:
    """A planted fault and a planted truth: what they answer depends on the design alone, not on what was measured."""

    def planted(sign: float) -> Judge:
        return judged(lambda tables: [u._replace(tuned=sign * u.predicted) for u in found(tables)])

    return (
        Control("the tuned model's order reversed", planted(-1.0)),
        Control("the tuned model's order as predicted", planted(1.0), outcome=PASS),
    )
