"""Judges of what must hold in every run: B1 coverage, B2 lemma 0, B3 theorem 1, B6 the budget,
B7 and B8 the LLF theorems, and their negative controls (B14)."""

import numpy as np
import pandas as pd

from sim.table import final
from theory import bounds, stats
from theory.ledger import FAIL, INCONCLUSIVE, PASS, ROUNDING, Finding, Tables, all_of, within

CELL = ["gate", "follower", "context", "leader", "feedback", "d"]


def honest(table: pd.DataFrame) -> pd.DataFrame:
    """Rows without a negative control."""
    return table[(table["control"] == "") & (table["gate"] != "control_peek")]


def last(tables: Tables) -> pd.DataFrame:
    """Final rows of all given sweeps, negative controls left out."""
    return honest(pd.concat([final(t) for t in tables.values()], ignore_index=True))


def caps(rows: pd.DataFrame) -> pd.Series:
    """D_n of each row's labels; full feedback teaches M + 1 vectors a label."""
    vectors = (rows["M"] + 1).where(rows["feedback"] == "full", 1)
    return pd.Series(bounds.information_cap(rows["labels"] * vectors, rows["d"], rows["lam"], rows["L"]), rows.index)


def radius_at(rows: pd.DataFrame, info) -> pd.Series:
    """alpha at information ``info`` with the row's constants."""
    return pd.Series(
        bounds.radius_cap(info, rows["sigma"], rows["lam"], rows["S"], rows["delta"]), rows.index, dtype=float
    )


def coverage_of(rows: pd.DataFrame, level: float) -> Finding:
    """P(E) >= 1 - delta in every cell, by exact binomial intervals."""
    cells = list(rows.groupby(CELL))
    comparisons, delta = [], float(rows["delta"].iloc[0]) if len(rows) else float("nan")
    for name, cell in cells:
        k, n = int((cell["conf_ratio_max"] > 1.0).sum()), len(cell)
        low, high = stats.binomial(k, n, level / len(cells))
        comparisons.append((f"{name[0]}/{name[1]} {k}/{n}", k / n, low, high))
    found = all_of(comparisons, delta, "below")
    worst = max(comparisons, key=lambda c: c[3], default=("", 0.0, 0.0, 0.0))
    note = f"{len(cells)} cells, largest failure frequency {found.measured:.3g}, "
    note += f"largest upper limit {worst[3]:.3g} ({worst[0]})"
    return Finding(found.measured, delta, found.outcome, found.low, worst[3], len(rows), note)


def coverage(tables: Tables, level: float) -> Finding:
    """B1 on the theory radius."""
    rows = final(honest(tables["coverage"]))
    return coverage_of(rows[rows["radius_mode"] == "theory"], level)


def coverage_control(tables: Tables, level: float) -> Finding:
    """B14: the same judge on a radius scaled by 0.05."""
    rows = final(tables["controls"])
    return coverage_of(rows[rows["radius_mode"] == "scaled"], level)


def lemma0_of(rows: pd.DataFrame) -> Finding:
    """psi <= D_n, sum w^2 <= 2 psi where lam >= L^2, and the counting form, in every row."""
    info = caps(rows)
    square = rows[rows["lam"] >= rows["L"] ** 2]
    measured = np.concatenate([rows["psi"], square["potential"], rows["wide"]])
    bound = np.concatenate([info, bounds.potential_cap(square["psi"]), bounds.count_cap(info)])
    keep = bound > 0
    trivial = pd.Series(np.inf, index=range(int(keep.sum())))
    return within(
        pd.Series(measured[keep]), pd.Series(bound[keep]), trivial, "information, sum of squares, count at w^2 >= 0.25"
    )


def lemma0(tables: Tables, level: float) -> Finding:
    """B2 on every sweep's recorded rows."""
    return lemma0_of(honest(pd.concat(tables.values(), ignore_index=True)))


def lemma0_control(tables: Tables, level: float) -> Finding:
    """B14: the same judge on a learner with a wrong update."""
    rows = tables["controls"]
    return lemma0_of(rows[rows["control"] == "wrong_update"])


def latency(tables: Tables, level: float) -> Finding:
    """B3, first half: rho_t <= both latencies in every round of every run on E."""
    rows = last(tables)
    rows = rows[(rows["conf_ratio_max"] <= 1.0) & (rows["radius_mode"] == "theory")]
    worst = rows[["slack_width_max", "slack_regret_max"]].max(axis=1)
    broken = int((worst > ROUNDING).sum())
    value = float(worst.max()) if len(rows) else float("nan")
    outcome = FAIL if broken else (PASS if len(rows) else INCONCLUSIVE)
    note = f"{broken} runs of {len(rows)} on E have a round with regret above a latency; largest excess {value:.3g}"
    return Finding(value, 0.0, outcome, value, value, len(rows), note)


def theorem1_rows(tables: Tables, divisor: float = 1.0) -> Finding:
    """R(t_next) <= bound(t) between neighbouring records: covers the whole path (R, bound rise)."""
    rows = honest(tables["horizon"])
    rows = rows[(rows["conf_ratio_max"] <= 1.0)].sort_values(["run", "replication", "t"])
    info = bounds.information_cap(rows["t"], rows["d"], rows["lam"], rows["L"])
    bound = pd.Series(bounds.theorem1(radius_at(rows, info), rows["t"], info), rows.index) / divisor
    following = rows.groupby(["run", "replication"])["regret"].shift(-1)
    measured = following.fillna(rows["regret"])
    trivial = bounds.trivial(rows["S"], rows["L"], rows["t"])
    return within(measured, bound, trivial, f"every path, d in {sorted(rows['d'].unique().tolist())}")


def theorem1(tables: Tables, level: float) -> Finding:
    """B3, second half: theorem 1 along the whole path."""
    return theorem1_rows(tables)


def theorem1_control(tables: Tables, level: float) -> Finding:
    """B14: the same judge with the bound's constant divided by 100."""
    return theorem1_rows(tables, 100.0)


def budget(tables: Tables, level: float) -> Finding:
    """B6: labels <= B in every capped run of every gate."""
    rows = last(tables)
    rows = rows[rows["cap"]]
    evaded = int((rows["follower"] == "evader").sum())
    return within(rows["labels"], rows["B"], rows["T"] + 1, f"{len(rows)} runs, {evaded} of them under evader")


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


def theorem23_of(rows: pd.DataFrame) -> Finding:
    """Theorem 2's and 3's regret bound, on E."""
    rows = rows[rows["conf_ratio_max"] <= 1.0]
    info = bounds.information_cap(rows["B"], rows["d"], rows["lam"], rows["L"])
    bound = pd.Series(bounds.theorem23(radius_at(rows, info), rows["T"], rows["B"], info), rows.index)
    trivial = bounds.trivial(rows["S"], rows["L"], rows["T"])
    return within(rows["regret"], bound, trivial, "")


def _with(found: Finding, extra: dict[str, int]) -> Finding:
    """Add deterministic side conditions (name -> number of violations) to a finding."""
    note = "; ".join(f"{name}: {count} violations" for name, count in extra.items())
    outcome = FAIL if any(extra.values()) else found.outcome
    return Finding(found.measured, found.bound, outcome, found.low, found.high, found.n, f"{found.detail}. {note}")


def theorem2(tables: Tables, level: float) -> Finding:
    """B7: llf_fixed without a cap buys at most B labels and obeys the bound."""
    rows = final(tables["theorem2"])
    return _with(theorem23_of(rows), {"more than B labels": int((rows["labels"] > rows["B"]).sum())})


def theorem3(tables: Tables, level: float) -> Finding:
    """B8: llf_paced's thresholds never rise, a label stays unspent, the bound holds."""
    rows = final(tables["theorem3"])
    info = bounds.information_cap(rows["B"], rows["d"], rows["lam"], rows["L"])
    extra = {
        "threshold rises": int((rows["threshold_rise_max"] > ROUNDING).sum()),
        "B labels spent": int((rows["labels"] >= rows["B"]).sum()),
        "unbought gain above D_B/B": int((rows["gain_unbought_max"] > info / rows["B"] + 2 * ROUNDING).sum()),
    }
    return _with(theorem23_of(rows), extra)
