"""The inequalities that are judged on runs and searched for worst instances, each written once.

A function takes a results table (``sim.table``, a row a recorded round) and returns
``ledger.compared`` rows: measured <= bound is the claim, a bound below ``trivial`` says something.
Their index is the table's, repeated where a claim says several things about a row.

    B2  lemma0      B3a  latency, latency_excess      B3b  theorem1, path
    B7  theorem2    B8   theorem3                     B9a  stated_form

``theorem6`` to ``theorem8_full`` give the bounds in expectation of a table's rows, which judges and figures share.

The judges (``judges.path``, ``judges.rate``) ask whether every row holds, the search
(``falsify.space``) for the run whose ratio measured/bound is largest, ``falsify.tightness`` how the
ratios are spread.
"""

import pandas as pd

from sim.fields import coins_of
from sim.rules import gates
from theory import bounds, expected
from theory.ledger import ROUNDING, compared

RUN = ["run", "replication"]
FORESEEING = tuple(t.name for t in gates.TRAITS if t.foresees)


def honest(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of gates that decide before the label and of learners without a planted fault.

    Left out are the controls and the offline reference llf_oracle, which reads what nobody has.
    """
    return table[(table["control"] == "") & ~table["gate"].isin(FORESEEING)]


def on_event(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of runs that have not left E: theta* was inside the ellipsoid in every round so far."""
    return table[table["conf_ratio_max"] <= 1.0]


def radius_at(rows: pd.DataFrame, info) -> pd.Series:
    """alpha [reward] at information ``info`` [nats] with each row's own constants."""
    alpha = bounds.radius_cap(info, rows["sigma"], rows["lam"], rows["S"], rows["delta"])
    return pd.Series(alpha, rows.index, dtype=float)


def information(rows: pd.DataFrame, n) -> pd.Series:
    """D_n [nats] of each row after ``n`` vectors."""
    return pd.Series(bounds.information_cap(n, rows["d"], rows["lam"], rows["L"]), rows.index, dtype=float)


def energy(rows: pd.DataFrame) -> pd.Series:
    """K [reward^2] of each row: what its labels can be asked about."""
    vectors = (rows["M"] + 1).where(rows["feedback"] == "full", 1)
    return expected.energy_budget(rows["sigma"], rows["lam"], rows["S"], rows["d"], rows["B"], rows["L"], vectors)


def coin_labels(rows: pd.DataFrame) -> pd.Series:
    """Labels that a coin spends: all of ``random``, the second purse of llf_split, the share of ``coin_share``."""
    split = rows["B"] - rows["B"] // 2
    pairs = zip(rows["B"], rows["coin_share"], strict=True)
    share = pd.Series([coins_of(B, part) for B, part in pairs], rows.index, dtype=float)
    return rows["B"].where(rows["gate"] == "random", split.where(rows["gate"] == "llf_split_random", share))


def theorem6(rows: pd.DataFrame) -> pd.Series:
    """T6a's bound of each row on its bought rounds [reward], pair feedback."""
    return expected.theorem6(rows["B"], rows["d"], energy(rows), rows["lam"], rows["L"])


def theorem6_full(rows: pd.DataFrame) -> pd.Series:
    """T6b's bound of each row [reward], full feedback."""
    return expected.theorem6_full(rows["B"], energy(rows), rows["lam"], rows["L"])


def theorem8(rows: pd.DataFrame) -> pd.Series:
    """T8a's bound of each row [reward], for the labels of its coin; NaN without one."""
    labels = coin_labels(rows)
    return expected.theorem8_random(rows["T"], labels.where(labels > 0), energy(rows), rows["S"], rows["L"])


def theorem8_full(rows: pd.DataFrame) -> pd.Series:
    """T8b's bound of each row [reward], full feedback."""
    return expected.theorem8_full(rows["T"], rows["B"], energy(rows), rows["S"], rows["L"], rows["lam"])


def lemma0(table: pd.DataFrame) -> pd.DataFrame:
    """B2: psi <= D_n, sum w^2 <= 2 psi where lam >= L^2, and the count of w^2 >= 0.25, once a label is bought.

    Full feedback teaches M + 1 vectors a label.  Without the lemma nothing bounds them, so every row counts.
    """
    vectors = (table["M"] + 1).where(table["feedback"] == "full", 1)
    info = information(table, table["labels"] * vectors)
    square = table[table["lam"] >= table["L"] ** 2]
    parts = [
        compared(table["psi"], info),
        compared(square["potential"], bounds.potential_cap(square["psi"])),
        compared(table["wide"], bounds.count_cap(info)),
    ]
    rows = pd.concat(parts)
    rows = rows[rows["bound"] > 0.0]
    return rows.assign(trivial=2.0 * rows["bound"])


def latency(table: pd.DataFrame) -> pd.DataFrame:
    """B3a on E: a round's regret is at most its latency.  Needs a row for every round of a run.

    ROUNDING is added to the latency, so that the ratio is above 1 only where the excess is above ROUNDING.
    """
    rho = table.groupby(RUN)["regret"].diff().fillna(table["regret"])
    rows = on_event(table)
    return compared(rho[rows.index], rows["latency"] + ROUNDING, rows["S"] * rows["L"])


def latency_excess(table: pd.DataFrame) -> pd.Series:
    """B3a from any record: the largest regret of a round above either latency so far, claimed to be <= 0."""
    return table[["slack_width_max", "slack_regret_max"]].max(axis=1)


def path(table: pd.DataFrame) -> pd.DataFrame:
    """Records on E, each with the regret of the run's next record in place of its own (the last keeps it).

    R_t and theorem 1's bound only rise, so R(t_next) <= bound(t) covers every round in between.  That is
    more than the theorem says, hence enough to believe it; a counterexample is a record with R(t) > bound(t).
    """
    rows = on_event(table).sort_values([*RUN, "t"])
    return rows.assign(regret=rows.groupby(RUN)["regret"].shift(-1).fillna(rows["regret"]))


def theorem1(table: pd.DataFrame) -> pd.DataFrame:
    """B3b on E, every label bought: R_t <= alpha_t sqrt(2 t D_t) [reward]."""
    rows = on_event(table)
    info = information(rows, rows["t"])
    bound = bounds.theorem1(radius_at(rows, info), rows["t"], info)
    return compared(rows["regret"], bound, bounds.trivial(rows["S"], rows["L"], rows["t"]))


def misfit(table: pd.DataFrame) -> pd.DataFrame:
    """B15, on E or not: theorem 1's bound with what a misfit of the payoffs adds [reward]."""
    info = information(table, table["t"])
    bound = bounds.misfit(radius_at(table, info), table["t"], info, table["misfit"])
    return compared(table["regret"], bound, bounds.trivial(table["S"], table["L"], table["t"]))


def theorem23(table: pd.DataFrame) -> pd.DataFrame:
    """The regret bound of theorems 2 and 3, on E."""
    rows = on_event(table)
    info = information(rows, rows["B"])
    bound = bounds.theorem23(radius_at(rows, info), rows["T"], rows["B"], info)
    return compared(rows["regret"], bound, bounds.trivial(rows["S"], rows["L"], rows["T"]))


def stated_form(table: pd.DataFrame) -> pd.DataFrame:
    """B9a on E: the form stated by [W26] with c = c_beta."""
    rows = on_event(table)
    info = information(rows, rows["B"])
    alpha = radius_at(rows, info)
    c = bounds.c_beta(alpha, rows["T"], rows["B"], info)
    bound = bounds.stated_form(alpha, info, rows["B"], c)
    return compared(rows["regret"], bound, bounds.trivial(rows["S"], rows["L"], rows["T"]))


def violations(measured: pd.Series, bound) -> pd.DataFrame:
    """The rows that break a condition, which are never trivial; one that holds is not compared with a bound."""
    rows = compared(measured, bound)
    rows = rows[rows["measured"] > rows["bound"]]
    return rows.assign(trivial=2.0 * rows["bound"])


def conditions2(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What theorem 2 says of every run, on E or not: by name, the rows that break it."""
    return {"more than B labels": violations(table["labels"], table["B"])}


def conditions3(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What theorem 3 says of every run, on E or not: by name, the rows that break it."""
    level = information(table, table["B"]) / table["B"]
    return {
        "threshold rises": violations(table["threshold_rise_max"], ROUNDING),
        "B labels spent": violations(table["labels"] + 1, table["B"]),
        "unbought gain above D_B/B": violations(table["gain_unbought_max"], level + 2 * ROUNDING),
    }


def theorem2(table: pd.DataFrame) -> pd.DataFrame:
    """B7: the regret bound on E, and every broken condition."""
    return pd.concat([theorem23(table), *conditions2(table).values()])


def theorem3(table: pd.DataFrame) -> pd.DataFrame:
    """B8: the regret bound on E, and every broken condition."""
    return pd.concat([theorem23(table), *conditions3(table).values()])
