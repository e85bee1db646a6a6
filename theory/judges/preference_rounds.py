"""Claims S6, S7, S9 and S10 about the self-annotation loop and about bought preference labels, and their judges.

[C25] is arXiv 2502.18099; its experiments are of language models, ours here of a linear loop, so its rows are
"reading chosen here".  Differences are paired over replications that share data and labels.
"""

import numpy as np
import pandas as pd

from theory import stats
from theory.ledger import (
    C25,
    CONJECTURED,
    DERIVED,
    PASS,
    Claim,
    Comparison,
    Control,
    Finding,
    Judge,
    Tables,
    all_of,
    edited,
    inside,
    margin,
    nothing,
)  # fmt: skip
from theory.stats import PAIR

RIVALS = ("self_L0", "dpo", "spa", "rdpo", "dr_dpo")
FLIPPED = 0.25
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


def buying(gate: str) -> Judge:
    """S9's judge: DPO on labels bought through ``gate`` is more accurate than self-annotation at every budget.

    After the last round, paired over replications, at the true labels that the gate really used (column
    ``gain``, ``studies.preference_rounds``).
    """

    def judge(tables: Tables, level: float) -> Finding:
        rows = tables["preference_labels"]
        rows = rows[(rows["round"] == rows["round"].max()) & (rows["strategy"] == gate)]
        found: list[Comparison] = [
            (f"{cell['labels'].mean():.0f} labels, budget {budget}", stats.mean(cell["gain"]))
            for budget, cell in rows.groupby("budget")
        ]
        return all_of(found, 0.0, "above", level)

    return judge


ROUNDS, F15, F16 = ("preference_rounds",), "f15_preference_rounds", "f16_preference_labels"


def lifted(method: str, by: float):
    """For ``ledger.edited``: the accuracy of one method plus a number."""
    return {"accuracy": lambda t: t["accuracy"] + by * (t["method"] == method)}


CLAIMS = (
    *(
        Claim(f"{group}{letter}", part,
              f"SSAPO ({leader}) beats its eps = 0, DPO, SPA, rDPO, Dr. DPO by half a point{where}",
              f"{C25}, reading and rivals chosen here", "ordering", ROUNDS, F15, better(leader, RIVALS, flip),
              (Control("its accuracy 20 points lower",
                       edited(better(leader, RIVALS, flip), "preference_rounds", **lifted(leader, -0.2))),
               Control("its accuracy 20 points higher",
                       edited(better(leader, RIVALS, flip), "preference_rounds", **lifted(leader, 0.2)),
                       outcome=PASS)))
        for group, part, where, flip in (
            ("S6", "rounds", " at equal seed labels", 0.0), ("S7", "label noise", ", 25 % of them flipped", FLIPPED),
        )
        for letter, leader in zip("abcd", ("L1", "L2", "L3", "feature"), strict=True)
    ),
    *(
        Claim(f"S9{letter}", "labels", f"At equal true labels buying through {gate} beats self-annotation, all budgets",
              CONJECTURED, "ordering", ("preference_labels",), F16, buying(gate),
              (Control("20 points lower", edited(buying(gate), "preference_labels", gain=lambda t: t["gain"] - 0.2)),
               Control("20 points higher", edited(buying(gate), "preference_labels", gain=lambda t: t["gain"] + 0.2),
                       outcome=PASS)))
        for letter, gate in zip("abcd", ("llf_paced", "llf_quantile", "margin", "random"), strict=True)
    ),
    Claim("S10", "rounds", "In the linear loop the follower (L1, L3) changes accuracy by less than half a point",
          DERIVED, "ordering", ROUNDS, F15, negligible(("L1", "L3")),
          (Control("L1 two points lower", edited(negligible(("L1", "L3")), "preference_rounds", **lifted("L1", -0.02))),
           )),
)  # fmt: skip
