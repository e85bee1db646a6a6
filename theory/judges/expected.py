"""Theorems in expectation (``theory.expected``): T6 the queried clock, T7 thresholds, T8 the coin, T9 bait.

All but T9 are upper bounds of a mean, judged by the mean of regret/bound over replications in every cell.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from sim.table import final
from theory import expected, stats
from theory.inequalities import coin_labels, energy, honest, theorem6, theorem6_full, theorem8, theorem8_full
from theory.judges.labels import times
from theory.judges.rate import dimension_slope, full
from theory.ledger import (
    DERIVED,
    READ,
    W26,
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
from theory.planted import edited, posing, remade
from theory.stats import PAIR

CELL = ["gate", "follower", "feedback", "d", "beta", "T"]
THRESHOLDS = ("llf_fixed", "llf_paced")
TWO_SIDED = margin(0.1, "phase 1 of bait may cost up to S in each of its d n rounds, which the closed form leaves out")
F25, F26, F27 = "f25_bait", "f26_insurance", "f27_queried"


def tosses(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of gates that give a coin part of their budget."""
    return rows[coin_labels(rows) > 0]


def ratios(rows: pd.DataFrame, regret: str, bound: pd.Series) -> list[Comparison]:
    """Mean of regret/bound in every cell, the largest first."""
    shown = rows.assign(ratio=rows[regret] / bound)
    found = []
    for (gate, follower, feedback, d, beta, _), cell in shown.groupby(CELL):
        name = f"{gate}/{follower}, d={d}, beta={beta:.3g}" + ", full feedback" * (feedback == "full")
        found.append((name, stats.mean(cell["ratio"])))
    return sorted(found, key=lambda c: -c[1].value)


def finals(tables: Tables, *names: str) -> pd.DataFrame:
    """Final rows of the named tables, without gates that foresee their labels."""
    return honest(pd.concat([final(tables[name]) for name in names], ignore_index=True))


def queried_of(rows: pd.DataFrame, level: float, clock: str = "regret_queried") -> Finding:
    """T6 in every cell; another clock is its planted fault."""
    return all_of(ratios(rows, clock, theorem6(rows)), 1.0, "below", level)


def queried(tables: Tables, level: float) -> Finding:
    """T6a: the regret of bought rounds, every gate against every follower."""
    return queried_of(finals(tables, "followers", "bait", "hard"), level)


def unqueried(tables: Tables, level: float) -> Finding:
    """T6a's planted fault: all rounds counted, for a threshold that its follower baits."""
    rows = finals(tables, "bait")
    return queried_of(rows[rows["gate"] == "llf_fixed"], level, "regret")


def queried_full(tables: Tables, level: float) -> Finding:
    """T6b: the same with full feedback."""
    rows = full(final(tables["full"]))
    return all_of(ratios(rows, "regret_queried", theorem6_full(rows)), 1.0, "below", level)


def thresholds(tables: Tables, level: float) -> Finding:
    """T7: [W26]'s stated form in expectation, for the gates that it speaks of."""
    rows = finals(tables, "followers", "bait")
    rows = rows[rows["gate"].isin(THRESHOLDS)]
    bound = expected.theorem7(rows["T"], rows["B"], rows["d"], energy(rows), rows["lam"], rows["L"])
    return all_of(ratios(rows, "regret", bound), 1.0, "below", level)


def coin(tables: Tables, level: float) -> Finding:
    """T8a: what a coin guarantees, whatever the rest of the gate does and whoever follows."""
    rows = tosses(finals(tables, "followers", "bait", "insurance"))
    return all_of(ratios(rows, "regret", theorem8(rows)), 1.0, "below", level)


def coin_full(tables: Tables, level: float) -> Finding:
    """T8b: the same with full feedback and three alternatives, for ``random``."""
    rows = full(final(tables["full"]))
    rows = rows[rows["gate"] == "random"]
    return all_of(ratios(rows, "regret", theorem8_full(rows)), 1.0, "below", level)


def baited(tables: Tables, gate: str, table: str = "bait") -> pd.DataFrame:
    """Final rows of one gate under ``bait``."""
    rows = final(tables[table])
    return rows[(rows["gate"] == gate) & (rows["follower"] == "bait")]


def slope_in_d(gate: str, low: float, high: float) -> Judge:
    """Judge: the exponent in d of a gate's regret under ``bait`` lies inside [low, high]."""

    def judge(tables: Tables, level: float) -> Finding:
        return inside([dimension_slope(baited(tables, gate, "steep"), "bait")], low, high, level)

    return judge


def closed_form(tables: Tables, level: float) -> Finding:
    """T9a: measured regret of llf_fixed under ``bait`` over theorem 9's closed form, where d >= 8.

    In fewer dimensions the sine varies so much from run to run that a tenth is beyond reach.
    """
    found: list[Comparison] = []
    rows = baited(tables, "llf_fixed", "steep")
    for d, cell in rows[rows["d"] >= 8].groupby("d"):
        one = cell.iloc[0]
        form = expected.theorem9(int(one["T"]), int(one["B"]), int(one["d"]), float(one["sigma"]), float(one["S"]))
        found.append((f"d={d}", stats.scaled(stats.mean(cell["regret"]), 1.0 / form)))
    return inside(found, 1.0 - TWO_SIDED, 1.0 + TWO_SIDED, level)


def insured(tables: Tables, level: float) -> Finding:
    """T8d: under ``bait`` a gate that gives half its budget to a coin has less regret than without, largest d."""
    found: list[Comparison] = []
    for gate in THRESHOLDS:
        bare, mixed = (baited(tables, name) for name in (gate, f"{gate}+coin0.5"))
        top = bare["d"].max()
        pair = [rows[rows["d"] == top].set_index(PAIR)["regret"].sort_index() for rows in (mixed, bare)]
        if not len(pair[0]):
            return nothing("no insured gate was played", 1.0)
        found.append((f"{gate}, d={top}: with coin/without", stats.mean(pair[0] / pair[1])))
    return all_of(found, 1.0, "below", level)


def beyond(judge: Judge, table: str, column: str, bound: Callable[[pd.DataFrame], pd.Series]) -> Control:
    """A planted fault: a column of a table set to twice the bound in every row."""
    return Control("twice the bound", edited(judge, table, **{column: lambda t: 2.0 * bound(t)}))


def planted(judge: Judge, text: str, table: str, column: str, factor: float, gates: Sequence[str]) -> Control:
    """A planted fault: a column of some gates multiplied in one table."""
    return Control(text, edited(judge, table, **times(column, factor, *gates)))


def everywhere(judge: Judge, text: str, table: str, change: Callable[[pd.DataFrame], pd.Series]) -> Control:
    """A planted fault: the regret of a table changed."""
    return Control(text, edited(judge, table, regret=change))


HALVED = tuple(f"{gate}+coin0.5" for gate in THRESHOLDS)
STEEP, FLAT = slope_in_d("llf_fixed", 0.8, 1.2), slope_in_d("random", -np.inf, 0.6)

CLAIMS = (
    Claim("T6a", "theorem 6", "Bought rounds: mean sum of rho <= sqrt((B + 2 D_B) K), every gate and follower",
          f"{W26}, {READ}, constants derived here", "ordering", ("followers", "bait", "hard"), F27, queried,
          (Control("all rounds counted, llf_fixed under bait", unqueried),)),
    Claim("T6b", "theorem 6", "Full feedback: mean sum of rho over bought rounds <= sqrt((2 + 4 L^2/lam) B K)", DERIVED,
          "ordering", ("full",), F27, queried_full,
          (beyond(queried_full, "full", "regret_queried", theorem6_full),)),
    Claim("T7", "theorem 7", "llf_fixed, llf_paced: mean R_T <= sqrt((B+2D_B)K) + T sqrt(e^(D_B/B)-1) sqrt(K)",
          f"{W26}, {READ}, constants derived here", "ordering", ("followers", "bait"), F25, thresholds,
          (planted(thresholds, "regret times 10", "bait", "regret", 10.0, THRESHOLDS),)),
    Claim("T8a", "theorem 8", "A coin with b labels: mean R_T <= 2 sqrt(T(T+1)K/(b+1)) + SL(T-b)/(b+1), any follower",
          DERIVED, "ordering", ("followers", "bait", "insurance"), F25, coin,
          (beyond(coin, "bait", "regret", theorem8),)),
    Claim("T8b", "theorem 8", "The same with full feedback and three alternatives, constant 2 + 4 L^2/lam", DERIVED,
          "ordering", ("full",), F25, coin_full,
          (beyond(coin_full, "full", "regret", theorem8_full),)),
    Claim("T8c", "theorem 8", "Under bait the regret of random grows in d no faster than d^0.6", DERIVED, "exponent",
          ("steep",), F25, FLAT, (everywhere(FLAT, "regret times d", "steep", lambda t: t["regret"] * t["d"]),)),
    Claim("T8d", "theorem 8", "Under bait, largest d: half the budget given to a coin lowers a threshold gate's regret",
          DERIVED, "ordering", ("bait",), F26, insured,
          (Control("ten times the regret of llf_fixed alone in the insured gates' place",
                   remade(insured, "bait", posing("llf_fixed", *HALVED, "llf_paced", regret=10.0))),)),
    Claim("T9a", "theorem 9", "llf_fixed under bait, d >= 8: mean R_T = (T - dn) E[S sin] up to a tenth",
          DERIVED, "ordering", ("steep",), F25, closed_form,
          (planted(closed_form, "regret divided by 2", "steep", "regret", 0.5, ["llf_fixed"]),)),
    Claim("T9b", "theorem 9", "Under bait the regret of llf_fixed grows in d like d^1: interval inside [0.8, 1.2]",
          DERIVED, "exponent", ("steep",), F25, STEEP,
          (everywhere(STEEP, "regret = d^(1/2)", "steep", lambda t: t["d"] ** 0.5),)),
)  # fmt: skip
