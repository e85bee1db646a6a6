"""What must hold in every run: B1 coverage, B2 lemma 0, B3 latency and theorem 1, B6 the budget and no
peeking, B7 and B8 the LLF theorems, and the negative controls B14."""

from dataclasses import replace

import pandas as pd

from sim.table import final
from theory import inequalities, stats
from theory.inequalities import honest, on_event
from theory.ledger import (
    CLASSICAL,
    CONTROL,
    DERIVED,
    FAIL,
    INCONCLUSIVE,
    PASS,
    ROUNDING,
    THEORY_RADIUS,
    W26,
    Claim,
    Finding,
    Tables,
    all_of,
    compared,
    within,
)  # fmt: skip

CELL = ["gate", "follower", "context", "leader", "feedback", "d"]
GAMES = ("horizon", "coverage", "theorem2", "theorem3", "hard", "stated", "witness", "efficiency", "followers")


def last(tables: Tables) -> pd.DataFrame:
    """Final rows of all given sweeps, negative controls left out."""
    return honest(pd.concat([final(t) for t in tables.values()]))


def coverage_of(rows: pd.DataFrame, level: float) -> Finding:
    """P(E) >= 1 - delta in every cell, by exact binomial intervals."""
    cells = list(rows.groupby(CELL))
    comparisons, delta, nan = [], float(rows["delta"].min()), float("nan")
    for name, cell in cells:
        k, n = int((cell["conf_ratio_max"] > 1.0).sum()), len(cell)
        low, high = stats.binomial(k, n, level / len(cells))
        comparisons.append((f"{name[0]}/{name[1]} {k}/{n}", k / n, low, high))
    found = all_of(comparisons, delta, "below")
    worst = max(comparisons, key=lambda c: c[3], default=("", nan, nan, nan))
    note = f"{len(cells)} cells, largest failure frequency {found.measured:.3g}, "
    note += f"largest upper limit {worst[3]:.3g} ({worst[0]})"
    return replace(found, high=worst[3], n=len(rows), detail=note)


def coverage(tables: Tables, level: float) -> Finding:
    """B1 on the theory radius."""
    rows = final(honest(tables["coverage"]))
    return coverage_of(rows[rows["radius_mode"] == "theory"], level)


def coverage_control(tables: Tables, level: float) -> Finding:
    """B14: the same judge on a radius scaled by 0.05."""
    rows = final(tables["controls"])
    return coverage_of(rows[rows["radius_mode"] == "scaled"], level)


def lemma0_of(rows: pd.DataFrame) -> Finding:
    """Lemma 0 in every row."""
    return within(inequalities.lemma0(rows), "information, sum of squares, count at w^2 >= 0.25")


def lemma0(tables: Tables, level: float) -> Finding:
    """B2 on every sweep's recorded rows."""
    return lemma0_of(honest(pd.concat(tables.values(), ignore_index=True)))


def lemma0_control(tables: Tables, level: float) -> Finding:
    """B14: the same judge on a learner with a wrong update."""
    rows = tables["controls"]
    return lemma0_of(rows[rows["control"] == "wrong_update"])


def latency(tables: Tables, level: float) -> Finding:
    """B3a: a round's regret is at most both latencies, in every round of every run on E."""
    rows = on_event(last(tables))
    rows = rows[rows["radius_mode"] == "theory"]
    worst = inequalities.latency_excess(rows)
    broken = int((worst > ROUNDING).sum())
    value = float(worst.max()) if len(rows) else float("nan")
    outcome = FAIL if broken else (PASS if len(rows) else INCONCLUSIVE)
    note = f"{broken} runs of {len(rows)} on E have a round with regret above a latency; largest excess {value:.3g}"
    return Finding(value, 0.0, outcome, value, value, len(rows), note)


def theorem1(tables: Tables, level: float, divisor: float = 1.0) -> Finding:
    """B3b: theorem 1, its bound divided by ``divisor``, along the whole path of every run."""
    table = honest(tables["horizon"])
    rows = inequalities.theorem1(inequalities.path(table))
    dims = sorted(on_event(table)["d"].unique().tolist())
    return within(rows.assign(bound=rows["bound"] / divisor), f"every path, d in {dims}")


def theorem1_control(tables: Tables, level: float) -> Finding:
    """B14d: the same judge with the bound's constant divided by 100."""
    return theorem1(tables, level, 100.0)


def budget(tables: Tables, level: float) -> Finding:
    """B6: labels <= B in every capped run of every gate."""
    rows = last(tables)
    rows = rows[rows["cap"]]
    evaded = int((rows["follower"] == "evader").sum())
    return within(compared(rows["labels"], rows["B"]), f"{len(rows)} runs, {evaded} of them under evader")


def peeking_of(rows: pd.DataFrame) -> Finding:
    """Decisions up to and including a round are alike when only that round's label differs."""
    keys = ["gate", "T", "seed", "replication"]
    honest_run = rows[rows["relabel_from"] == 0].set_index(keys)["decision_hash"]
    relabelled = rows[rows["relabel_from"] > 0].set_index(keys)["decision_hash"].reindex(honest_run.index)
    changed = honest_run != relabelled
    k, n = int(changed.sum()), len(changed)
    who = sorted({str(i[0]) for i in changed[changed].index})
    outcome = FAIL if k else (PASS if n else INCONCLUSIVE)
    note = f"{k} of {n} pairs decide differently" + (f": {', '.join(who)}" if who else "")
    return Finding(float(k), 0.0, outcome, float(k), float(k), n, note)


def peeking(tables: Tables, level: float) -> Finding:
    """B6, rule 5 of a round: no gate looks at the label."""
    return peeking_of(honest(tables["peek"]))


def peeking_control(tables: Tables, level: float) -> Finding:
    """B14: the same judge on a gate that peeks."""
    rows = tables["peek"]
    return peeking_of(rows[rows["gate"] == "control_peek"])


def regret_and_conditions(rows: pd.DataFrame, conditions: dict[str, pd.DataFrame]) -> Finding:
    """The LLF theorems' regret bound on E; FAIL too where a condition (name -> rows that break it) is broken."""
    found = within(inequalities.theorem23(rows), "")
    note = "; ".join(f"{name}: {len(violations)} violations" for name, violations in conditions.items())
    outcome = FAIL if any(map(len, conditions.values())) else found.outcome
    return replace(found, outcome=outcome, detail=f"{found.detail}. {note}")


def theorem2(tables: Tables, level: float) -> Finding:
    """B7: llf_fixed without a cap buys at most B labels and obeys the bound."""
    rows = final(tables["theorem2"])
    return regret_and_conditions(rows, inequalities.conditions2(rows))


def theorem3(tables: Tables, level: float) -> Finding:
    """B8: llf_paced's thresholds never rise, a label stays unspent, the bound holds."""
    rows = final(tables["theorem3"])
    return regret_and_conditions(rows, inequalities.conditions3(rows))


CLAIMS = (
    Claim("B1", "coverage", "P(E) >= 1 - delta for every gate and follower", CLASSICAL, "coverage", ("coverage",),
          "f7_coverage", coverage, THEORY_RADIUS),
    Claim("B2", "lemma 0", "Elliptical potential: psi <= D_n, sum of w^2 <= 2 psi, count bound, every run", CLASSICAL,
          "upper", (*GAMES, "digits"), "f9_ledger", lemma0),
    Claim("B3a", "latency", "On E the instant regret is at most both latencies, in every round", DERIVED, "upper",
          GAMES, "f5_trace", latency, THEORY_RADIUS),
    Claim("B3b", "theorem 1", "Every label bought: R_t <= alpha_t sqrt(2 t D_t) along every path on E",
          f"{W26}, constants derived here", "upper", ("horizon",), "f1_regret_T", theorem1, THEORY_RADIUS),
    Claim("B6a", "budget", "Labels bought <= B in every run of every gate, also under the evader", W26, "upper",
          (*GAMES, "digits", "peek"), "f6_followers", budget),
    Claim("B6b", "no peeking", "Decisions do not depend on the label of their own round", DERIVED, "upper", ("peek",),
          "f9_ledger", peeking),
    Claim("B7", "theorem 2", "llf_fixed without a cap: at most B labels, and theorem 2's regret bound on E", DERIVED,
          "upper", ("theorem2",), "f9_ledger", theorem2, THEORY_RADIUS),
    Claim("B8", "theorem 3", "llf_paced without a cap: thresholds never rise, a label stays unspent, bound on E",
          DERIVED, "upper", ("theorem3",), "f5_trace", theorem3, THEORY_RADIUS),
    Claim("B14a", "control", "Coverage with the radius scaled by 0.05", CONTROL, "coverage", ("controls",),
          "f7_coverage", coverage_control, "scaled radius, c = 0.05", FAIL),
    Claim("B14b", "control", "No peeking, for a gate that peeks", CONTROL, "upper", ("peek",), "f9_ledger",
          peeking_control, expected=FAIL),
    Claim("B14c", "control", "Lemma 0, for a learner with a wrong update", CONTROL, "upper", ("controls",), "f9_ledger",
          lemma0_control, expected=FAIL),
    Claim("B14d", "control", "Theorem 1 with its constant divided by 100", CONTROL, "upper", ("horizon",), "f9_ledger",
          theorem1_control, f"{THEORY_RADIUS}; bound / 100", FAIL),
)  # fmt: skip
