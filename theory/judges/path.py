"""What must hold in every run: B1 coverage, B2 lemma 0, B3 latency and theorem 1, B6 the budget and no
peeking, B7 and B8 the LLF theorems.  ``llf_oracle``, an offline reference that reads labels before they are
bought, and the gate that peeks are no part of "every gate"."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pandas as pd

from sim.table import final
from theory import inequalities, stats
from theory.inequalities import honest, on_event
from theory.ledger import (
    CLASSICAL,
    DERIVED,
    FAIL,
    INCONCLUSIVE,
    PASS,
    ROUNDING,
    THEORY_RADIUS,
    W26,
    Claim,
    Control,
    Finding,
    Tables,
    all_of,
    compared,
    nothing,
    within,
)  # fmt: skip
from theory.planted import edited, tightened

CELL = ["gate", "follower", "context", "leader", "feedback", "d"]
GAMES = (
    "horizon", "planned", "quiet", "full", "coverage", "long", "noise", "choice", "misfit", "theorem2", "theorem3",
    "hard", "envelope", "stated", "witness", "efficiency", "followers", "bait", "steep", "insurance",
)  # fmt: skip
UNCAPPED = ("theorem2", "theorem3")
SMALL_RADIUS, WRONG_UPDATE = "radius times 0.05", "a learner with a wrong update"
JUST_BELOW = "bound 5 % below the largest value measured"
Change = Callable[[pd.DataFrame], pd.DataFrame]


def unchanged(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of an inequality as they are; a control changes them instead."""
    return rows


def last(tables: Tables) -> pd.DataFrame:
    """Final rows of all given sweeps, negative controls left out."""
    return honest(pd.concat([final(t) for t in tables.values()]))


def coverage_of(rows: pd.DataFrame, level: float, cells: list[str] = CELL) -> Finding:
    """P(E) >= 1 - delta in every cell, by exact binomial intervals."""
    comparisons = []
    for name, cell in rows.groupby(cells):
        k, n = int((cell["conf_ratio_max"] > 1.0).sum()), len(cell)
        comparisons.append((f"{name[0]}/{name[1]} {k}/{n}", stats.frequency(k, n)))
    if not comparisons:
        return nothing("no run to judge")
    found = all_of(comparisons, float(rows["delta"].min()), "below", level)
    high, worst = max((estimate.at(level)[1], label) for label, estimate in comparisons)
    note = f"{len(comparisons)} cells, largest failure frequency {found.measured:.3g}, "
    note += f"largest upper limit {high:.3g} ({worst})"
    return replace(found, high=high, n=len(rows), detail=note)


def coverage(tables: Tables, level: float) -> Finding:
    """B1 on the theory radius, in every run of the given sweeps."""
    rows = last(tables)
    return coverage_of(rows[rows["radius_mode"] == "theory"], level)


def coverage_control(tables: Tables, level: float, name: str = "controls") -> Finding:
    """B1's planted fault: the same judge on the runs of a table whose radius is scaled down."""
    rows = final(tables[name])
    return coverage_of(rows[rows["radius_mode"] == "scaled"], level)


def misfit(tables: Tables, level: float, change: Change = unchanged) -> Finding:
    """B15: the share of runs whose regret exceeds the bound for nearly linear payoffs is at most delta, in each cell.

    With probability at least 1 - delta the bound holds; whether it did not in a run cannot be read off its confidence
    ratio, which the misfit moves too.
    """
    rows = final(tables["misfit"])
    compare = change(inequalities.misfit(rows))
    over = rows.assign(conf_ratio_max=compare["measured"] / compare["bound"])
    found = coverage_of(over, level, [*CELL, "misfit"])
    worst = float(over["conf_ratio_max"].max())
    useful = float((compare["bound"] < compare["trivial"]).mean())
    return replace(found, useful=useful, detail=f"largest regret/bound {worst:.3g}; {found.detail}")


def lemma0_of(rows: pd.DataFrame) -> Finding:
    """Lemma 0 in every row."""
    return within(inequalities.lemma0(rows), "information, sum of squares, count at w^2 >= 0.25")


def lemma0(tables: Tables, level: float) -> Finding:
    """B2 on every sweep's recorded rows."""
    return lemma0_of(honest(pd.concat(tables.values(), ignore_index=True)))


def lemma0_control(tables: Tables, level: float) -> Finding:
    """B2's planted fault: the same judge on a learner with a wrong update."""
    rows = tables["controls"]
    return lemma0_of(rows[rows["control"] == "wrong_update"])


def latency_of(rows: pd.DataFrame) -> Finding:
    """A round's regret is at most both latencies, in every round of the given runs."""
    worst = inequalities.latency_excess(rows)
    broken = int((worst > ROUNDING).sum())
    value = float(worst.max()) if len(rows) else float("nan")
    outcome = FAIL if broken else (PASS if len(rows) else INCONCLUSIVE)
    note = f"{broken} runs of {len(rows)} have a round with regret above a latency; largest excess {value:.3g}"
    return Finding(value, 0.0, outcome, value, value, len(rows), note)


def latency(tables: Tables, level: float) -> Finding:
    """B3a: on E a round's regret is at most both latencies, where payoffs are linear."""
    rows = on_event(last(tables))
    return latency_of(rows[(rows["radius_mode"] == "theory") & (rows["misfit"] == 0.0)])


def latency_control(tables: Tables, level: float) -> Finding:
    """B3a's planted fault: the same judge on latencies from a radius scaled by 0.05, as though E held."""
    rows = final(tables["controls"])
    return latency_of(rows[rows["radius_mode"] == "scaled"])


def theorem1(tables: Tables, level: float, change: Change = unchanged) -> Finding:
    """B3b: theorem 1 along the whole path of every run."""
    table = honest(pd.concat(tables.values(), ignore_index=True))
    rows = inequalities.theorem1(inequalities.path(table))
    dims = sorted(on_event(table)["d"].unique().tolist())
    return within(change(rows), f"every path, d in {dims}")


def budget(tables: Tables, level: float) -> Finding:
    """B6a: labels <= B in every run whose hard cap is off, for the gates that promise to need none.

    With the cap on it cannot fail: that it is respected is a property of ``gates.decide``, tested there.
    """
    rows = last(tables)
    rows = rows[~rows["cap"]]
    evaded = int((rows["follower"] == "evader").sum())
    return within(compared(rows["labels"], rows["B"]), f"{len(rows)} runs, {evaded} of them under evader")


def overspent(tables: Tables, level: float) -> Finding:
    """B6a's planted fault: the run that spent most of its budget spends B + 1."""

    def spend(table: pd.DataFrame) -> pd.DataFrame:
        most = (table["labels"] / table["B"]).idxmax()
        return table.assign(labels=table["labels"].where(table.index != most, table["B"] + 1))

    return budget({name: spend(final(table)) for name, table in tables.items()}, level)


def peeking_of(rows: pd.DataFrame) -> Finding:
    """Decisions up to and including a round are alike when only the labels from that round on differ.

    Each run with other labels from round ``relabel_from`` on is compared, at that round, with the run of the
    same noise; both record it.
    """
    keys = ["gate", "T", "seed", "replication", "t"]
    plain = rows[rows["relabel_from"] == 0].set_index(keys)["decision_hash"]
    other = rows[(rows["relabel_from"] > 0) & (rows["t"] == rows["relabel_from"])].set_index(keys)["decision_hash"]
    changed = other != plain.reindex(other.index)
    k, n = int(changed.sum()), len(changed)
    who = ", ".join(f"{gate} {count}" for gate, count in changed[changed].groupby(level="gate").size().items())
    outcome = FAIL if k else (PASS if n else INCONCLUSIVE)
    note = f"{k} of {n} pairs decide differently" + (f": {who}" if who else "")
    return Finding(float(k), 0.0, outcome, float(k), float(k), n, note)


def peeking(tables: Tables, level: float) -> Finding:
    """B6b, rule 5 of a round: no gate looks at its round's label nor at later ones."""
    return peeking_of(honest(tables["peek"]))


def peeking_control(tables: Tables, level: float, gate: str) -> Finding:
    """B6b's planted faults: the same judge on a gate that reads its round's label, or later ones."""
    rows = tables["peek"]
    return peeking_of(rows[rows["gate"] == gate])


def regret_and_conditions(rows: pd.DataFrame, conditions: dict[str, pd.DataFrame], change: Change) -> Finding:
    """The LLF theorems' regret bound on E; FAIL too where a condition (name -> rows that break it) is broken."""
    found = within(change(inequalities.theorem23(rows)), "")
    note = "; ".join(f"{name}: {len(violations)} violations" for name, violations in conditions.items())
    outcome = FAIL if any(map(len, conditions.values())) else found.outcome
    return replace(found, outcome=outcome, detail=f"{found.detail}. {note}")


def theorem2(tables: Tables, level: float, change: Change = unchanged) -> Finding:
    """B7: llf_fixed without a cap buys at most B labels and obeys the bound."""
    rows = final(tables["theorem2"])
    return regret_and_conditions(rows, inequalities.conditions2(rows), change)


def theorem3(tables: Tables, level: float, change: Change = unchanged) -> Finding:
    """B8: llf_paced's thresholds never rise, a label stays unspent, the bound holds."""
    rows = final(tables["theorem3"])
    return regret_and_conditions(rows, inequalities.conditions3(rows), change)


CLAIMS = (
    Claim("B1a", "coverage", "P(E) >= 1 - delta for every gate and follower", CLASSICAL, "coverage", ("coverage",),
          "f7_coverage", coverage, (Control(SMALL_RADIUS, coverage_control, ("controls",)),), THEORY_RADIUS),
    Claim("B1b", "coverage", "P(E) >= 1 - delta in long runs (standard: 100,000 rounds)", CLASSICAL, "coverage",
          ("long",), "f7_coverage", coverage, (Control(SMALL_RADIUS, coverage_control, ("controls",)),), THEORY_RADIUS),
    Claim("B1c", "coverage", "The same with Rademacher or uniform noise of the same variance", CLASSICAL, "coverage",
          ("noise",), "f7_coverage", coverage, (Control(SMALL_RADIUS, coverage_control, ("controls",)),),
          THEORY_RADIUS),
    Claim("B1d", "coverage", "Labels that are choices: P(E) >= 1 - delta for the ellipsoid of Newton steps", DERIVED,
          "coverage", ("choice",), "f7_coverage", coverage,
          (Control("radius times 0.02", partial(coverage_control, name="choice"), ("choice",)),),
          "radius of sim.rules.choice, delta = 0.05"),
    Claim("B2", "lemma 0", "Elliptical potential: psi <= D_n, sum of w^2 <= 2 psi, count bound, every run", CLASSICAL,
          "upper", (*GAMES, "digits"), "f9_ledger", lemma0,
          (Control(WRONG_UPDATE, lemma0_control, ("controls",)),)),
    Claim("B3a", "latency", "On E, payoffs linear: a round's regret is at most both latencies, in every round", DERIVED,
          "upper", GAMES, "f5_trace", latency, (Control(SMALL_RADIUS, latency_control, ("controls",)),), THEORY_RADIUS),
    Claim("B3b", "theorem 1", "Every label bought: R_t <= alpha_t sqrt(2 t D_t) along every path on E",
          f"{W26}, constants derived here", "upper", ("horizon", "quiet"), "f1_regret_T", theorem1,
          (Control(JUST_BELOW, partial(theorem1, change=tightened)),), THEORY_RADIUS),
    Claim("B15", "misfit", "Payoffs eps from linear: P(R_T > (alpha + 2 eps sqrt(T)) sqrt(2 T D_T) + 2 eps T) <= delta",
          DERIVED, "coverage", ("misfit",), "f7_coverage", misfit,
          (Control("bound a hundredth of the largest regret", partial(misfit, change=partial(tightened, share=0.01))),),
          THEORY_RADIUS),
    Claim("B6a", "budget", "Without the hard cap llf_fixed and llf_paced buy at most B labels, whoever follows",
          DERIVED, "upper", UNCAPPED, "f6_followers", budget, (Control("a gate that spends B + 1", overspent),)),
    Claim("B6b", "no peeking", "Decisions do not depend on the labels of their own round nor of later ones", DERIVED,
          "upper", ("peek",), "f9_ledger", peeking,
          (Control("a gate that reads its round's label", partial(peeking_control, gate="control_peek")),
           Control("llf_oracle, which reads all labels", partial(peeking_control, gate="llf_oracle")))),
    Claim("B7", "theorem 2", "llf_fixed without a cap: at most B labels, and theorem 2's regret bound on E", DERIVED,
          "upper", ("theorem2",), "f9_ledger", theorem2,
          (Control(JUST_BELOW, partial(theorem2, change=tightened)),
           Control("a gate that spends B + 1", edited(theorem2, "theorem2", labels=lambda t: t["B"] + 1))),
          THEORY_RADIUS),
    Claim("B8", "theorem 3", "llf_paced without a cap: thresholds never rise, a label stays unspent, bound on E",
          DERIVED, "upper", ("theorem3",), "f5_trace", theorem3,
          (Control(JUST_BELOW, partial(theorem3, change=tightened)),
           Control("a threshold that rises by 1e-6", edited(theorem3, "theorem3", threshold_rise_max=1e-6)),
           Control("the last label spent", edited(theorem3, "theorem3", labels=lambda t: t["B"]))),
          THEORY_RADIUS),
)  # fmt: skip
