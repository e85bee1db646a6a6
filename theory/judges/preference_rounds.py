"""Claims S6, S7, S9 and S10 about the self-annotation loop and about bought preference labels, and their judges.

[C25] is arXiv 2502.18099; its experiments are of language models, ours here of a linear loop, so its rows are
"reading chosen here".  Differences are paired over replications that share data and labels.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from theory import stats
from theory.ledger import (
    C25,
    CONJECTURED,
    DERIVED,
    PASS,
    VACUOUS,
    Claim,
    Comparison,
    Control,
    Finding,
    Judge,
    Tables,
    all_of,
    inside,
    margin,
    nothing,
)  # fmt: skip
from theory.planted import edited
from theory.stats import PAIR

RIVALS = ("self_L0", "dpo", "ridge", "spa", "dr_dpo")
NOISE_RIVALS = (*RIVALS, "rdpo")  # without flips rDPO is self-annotation without a follower
FLIPPED = 0.25
LEAST = 10  # labels beyond the seed's, on average: a gate that buys fewer has not been tried
GAIN = margin(0.005, "half a point is the least difference a user would act on; [C25] claims nine points of win rate")


def paired(rows: pd.DataFrame, method: str) -> pd.Series:
    """Accuracy after the last round of one method, by (seed, replication)."""
    own = rows[rows["method"] == method]
    own = own[own["round"] == own["round"].max()]
    return own.set_index(PAIR)["accuracy"].sort_index()


def better(method: str, rivals: tuple[str, ...], flip: float) -> Judge:
    """Judge: ``method`` is more accurate by ``GAIN`` after the last round than every rival at equal seed labels.

    Paired differences over replications that share data and labels; flip is the share of flipped
    seed labels.
    """

    def judge(tables: Tables, level: float) -> Finding:
        rows = tables["preference_rounds"]
        rows = rows[np.isclose(rows["flip"], flip)]
        found: list[Comparison] = []
        for rival in rivals:
            gain = (paired(rows, method) - paired(rows, rival)).dropna()
            if len(gain):
                found.append((f"{method} - {rival}", stats.mean(gain)))
        if len(found) < len(rivals):
            return nothing("a rival has no run")
        return all_of(found, GAIN, "above", level)

    return judge


def negligible(methods: tuple[str, ...]) -> Judge:
    """S10's judge: each method's accuracy is within ``GAIN`` of its own eps = 0, at every share of flips."""

    def judge(tables: Tables, level: float) -> Finding:
        rows = tables["preference_rounds"]
        found: list[Comparison] = []
        for flip, part in rows.groupby("flip"):
            for method in methods:
                gain = (paired(part, method) - paired(part, "self_L0")).dropna()
                found.append((f"{method}, {flip:.0%} flips", stats.mean(gain)))
        return inside(found, -GAIN, GAIN, level)

    return judge


def bought(tables: Tables, gate: str) -> tuple[list[Comparison], Finding | None]:
    """(gain over self-annotation at each budget, a VACUOUS finding where the gate hardly buys at one of them).

    After the last round, paired over replications, at the true labels that the gate really used (column
    ``gain``, ``studies.preference_rounds``).
    """
    rows = tables["preference_labels"]
    rows = rows[(rows["round"] == rows["round"].max()) & (rows["strategy"] == gate)]
    cells = list(rows.groupby("budget"))
    found: list[Comparison] = [
        (f"{cell['labels'].mean():.0f} labels, budget {budget}", stats.mean(cell["gain"])) for budget, cell in cells
    ]
    few = [f"budget {budget}" for budget, cell in cells if (cell["labels"] - cell["N"]).mean() < LEAST]
    why = f"{gate} buys fewer than {LEAST} labels at {', '.join(few)}: choose larger budgets"
    return found, replace(nothing(why, 0.0), outcome=VACUOUS) if few else None


def buying(gate: str) -> Judge:
    """S9a to S9c's judge: at every budget DPO on bought labels is more accurate than self-annotation."""

    def judge(tables: Tables, level: float) -> Finding:
        found, silent = bought(tables, gate)
        return silent or all_of(found, 0.0, "above", level)

    return judge


def equal(gate: str) -> Judge:
    """S9d's judge: at every budget DPO on bought labels is as accurate as self-annotation up to ``GAIN``."""

    def judge(tables: Tables, level: float) -> Finding:
        found, silent = bought(tables, gate)
        return silent or inside(found, -GAIN, GAIN, level)

    return judge


ROUNDS, F15, F16 = ("preference_rounds",), "f15_preference_rounds", "f16_preference_labels"


def ahead(judge: Judge, method: str, gain: float) -> Judge:
    """A judge of rounds on tables in which every other method is exactly ``gain`` less accurate than ``method``."""

    def accuracy(table: pd.DataFrame) -> pd.Series:
        keys = ["flip", "round", *PAIR]
        own = table[table["method"] == method].set_index(keys)["accuracy"]
        others = own.reindex(pd.MultiIndex.from_frame(table[keys])).to_numpy() - gain
        return table["accuracy"].where(table["method"] == method, others)

    return edited(judge, "preference_rounds", accuracy=accuracy)


def gaining(judge: Judge, gain: float) -> Judge:
    """A judge of bought labels on tables in which every gain is the same number."""
    return edited(judge, "preference_labels", gain=gain)


def beats(group: str, part: str, where: str, flip: float, rivals: tuple[str, ...]) -> tuple[Claim, ...]:
    """The rows of one share of flips, one a leader."""
    names = {"self_L0": "its eps = 0", "dpo": "DPO", "ridge": "ridge-DPO", "spa": "SPA", "dr_dpo": "Dr. DPO",
             "rdpo": "rDPO"}  # fmt: skip
    against = ", ".join(names[r] for r in rivals)
    return tuple(
        Claim(f"{group}{letter}", part, f"SSAPO ({leader}) beats {against} by half a point{where}",
              f"{C25}, reading and rivals chosen here", "ordering", ROUNDS, F15, better(leader, rivals, flip),
              (Control("every rival 0.4 points behind", ahead(better(leader, rivals, flip), leader, 0.004)),
               Control("every rival 0.6 points behind", ahead(better(leader, rivals, flip), leader, 0.006),
                       outcome=PASS)))
        for letter, leader in zip("abcd", ("L1", "L2", "L3", "feature"), strict=True)
    )  # fmt: skip


LABELS = "At equal true labels buying through"

CLAIMS = (
    *beats("S6", "rounds", " at equal seed labels", 0.0, RIVALS),
    *beats("S7", "label noise", ", 25 % of the seed labels flipped", FLIPPED, NOISE_RIVALS),
    *(
        Claim(f"S9{letter}", "labels", f"{LABELS} {gate} beats self-annotation, all budgets", CONJECTURED, "ordering",
              ("preference_labels",), F16, buying(gate),
              (Control("every gain -0.1 points", gaining(buying(gate), -0.001)),
               Control("every gain 0.1 points", gaining(buying(gate), 0.001), outcome=PASS)))
        for letter, gate in zip("abc", ("llf_paced", "llf_quantile", "margin"), strict=True)
    ),
    Claim("S9d", "labels", f"{LABELS} random is as accurate as self-annotation up to half a point, all budgets",
          CONJECTURED, "ordering", ("preference_labels",), F16, equal("random"),
          (Control("every gain -0.6 points", gaining(equal("random"), -0.006)),
           Control("every gain 0.6 points", gaining(equal("random"), 0.006)),
           Control("every gain 0.4 points", gaining(equal("random"), 0.004), outcome=PASS))),
    Claim("S10", "rounds", "In the linear loop the follower (L1, L3) changes accuracy by less than half a point",
          DERIVED, "ordering", ROUNDS, F15, negligible(("L1", "L3")),
          (Control("L1 0.6 points behind", ahead(negligible(("L1", "L3")), "L1", -0.006)),
           Control("L3 0.6 points ahead", ahead(negligible(("L1", "L3")), "L3", 0.006)))),
)  # fmt: skip
