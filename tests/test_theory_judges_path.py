"""Judges of what holds in every run, on tables made by hand, at the edge of every comparison."""

import math

import numpy as np
import pandas as pd
import pytest
from tables import rows, theorem1, theorem23

from theory.judges import path
from theory.ledger import FAIL, INCONCLUSIVE, PASS, ROUNDING, VACUOUS

LEVEL = 0.01
HAIR = 1e-6  # far above rounding, far below any bound here


def outcome(judge, **tables):
    return judge(tables, LEVEL).outcome


def test_coverage_counts_what_is_above_1_and_shares_the_level():
    at = rows(200, conf_ratio_max=1.0)
    found = path.coverage({"coverage": at}, LEVEL)
    limit = 1 - (LEVEL / 2) ** (1 / 200)
    assert (found.outcome, found.measured, found.bound, found.n) == (PASS, 0.0, 0.05, 200)
    assert found.high == pytest.approx(limit)
    assert "llf_paced/ball 0/200" in found.detail and "1 cells" in found.detail
    two = path.coverage({"coverage": pd.concat([at, rows(200, gate="always", conf_ratio_max=1.0)])}, LEVEL)
    assert two.high == pytest.approx(1 - (LEVEL / 4) ** (1 / 200)) and two.n == 400
    above = path.coverage({"coverage": rows(200, conf_ratio_max=np.nextafter(1.0, 2.0))}, LEVEL)
    assert (above.outcome, above.measured) == (FAIL, 1.0)
    few = path.coverage({"coverage": rows(20)}, LEVEL)
    assert few.outcome == INCONCLUSIVE
    one = rows(20, conf_ratio_max=[1.5] + [0.5] * 19)
    assert path.coverage({"coverage": one}, LEVEL).measured == 1 / 20
    long = rows(400, gate="a", conf_ratio_max=[1.5] + [0.5] * 399)  # a higher lower limit, a smaller upper one
    upper = path.coverage({"coverage": pd.concat([rows(20), long])}, LEVEL)
    assert upper.high == pytest.approx(1 - (LEVEL / 4) ** (1 / 20)) and upper.detail.endswith("(llf_paced/ball 0/20)")
    mixed = path.coverage({"coverage": pd.concat([rows(20, gate="a"), one])}, LEVEL)
    assert f"largest upper limit {mixed.high:.3g} (llf_paced/ball 1/20)" in mixed.detail and mixed.high > 0.25


def test_coverage_reads_final_rows_of_the_theory_radius_without_controls():
    good = rows(200)
    bad = [
        rows(200, conf_ratio_max=9.0, t=1), rows(200, conf_ratio_max=9.0, radius_mode="scaled"),
        rows(200, conf_ratio_max=9.0, control="wrong_update"), rows(200, conf_ratio_max=9.0, gate="control_peek"),
    ]  # fmt: skip
    for other in bad:
        assert outcome(path.coverage, coverage=pd.concat([good, other], ignore_index=True)) == PASS
    empty = path.coverage({"coverage": good.iloc[:0]}, LEVEL)
    assert empty.outcome == INCONCLUSIVE and np.isnan([empty.bound, empty.high]).all()
    control = rows(200, conf_ratio_max=9.0, radius_mode="scaled", control="scaled")
    both = pd.concat([good, control], ignore_index=True)
    found = path.coverage_control({"controls": both}, LEVEL)
    assert (found.outcome, found.n) == (FAIL, 200)


def test_information_is_capped_by_the_vectors_a_label_teaches():
    pair = dict(labels=2, M=3, psi=math.log(3))
    assert outcome(path.lemma0, a=rows(**pair)) == PASS
    assert outcome(path.lemma0, a=rows(**(pair | dict(psi=math.log(3) + HAIR)))) == FAIL
    full = dict(labels=2, M=3, feedback="full")
    assert outcome(path.lemma0, a=rows(**full, psi=math.log(9))) == PASS
    assert outcome(path.lemma0, a=rows(**full, psi=math.log(9) + HAIR)) == FAIL


def test_squares_are_capped_where_lam_is_at_least_L_squared():
    common = dict(labels=1, psi=0.5)
    assert outcome(path.lemma0, a=rows(**common, potential=1.0)) == PASS
    assert outcome(path.lemma0, a=rows(**common, potential=1.0 + HAIR)) == FAIL
    assert outcome(path.lemma0, a=rows(**common, potential=9.0, lam=np.nextafter(1.0, 0.0))) == PASS
    assert outcome(path.lemma0, a=rows(**common, potential=9.0, lam=4.0, L=2.0)) == FAIL
    assert outcome(path.lemma0, a=rows(**common, potential=9.0, lam=3.99, L=2.0)) == PASS


def test_wide_labels_are_counted():
    top = math.log(1e6 + 1) / math.log(1.25)
    assert outcome(path.lemma0, a=rows(labels=10**6, wide=math.floor(top))) == PASS
    assert outcome(path.lemma0, a=rows(labels=10**6, wide=math.ceil(top))) == FAIL


def test_lemma_0_speaks_once_a_label_is_bought_and_of_every_row_and_sweep():
    found = path.lemma0({"a": rows(2, labels=[0, 1], psi=[0.0, 0.5]), "b": rows(3, psi=0.5, t=1)}, LEVEL)
    assert found.n == 4 * 3 and found.outcome == PASS
    assert (found.measured, found.bound) == (0.5, pytest.approx(math.log(2)))
    assert outcome(path.lemma0, a=rows(), b=rows(psi=9.0, control="wrong_update")) == PASS
    assert outcome(path.lemma0, a=rows(), b=rows(psi=9.0, t=1)) == FAIL
    controls = pd.concat([rows(), rows(psi=9.0, control="wrong_update")], ignore_index=True)
    found = path.lemma0_control({"controls": controls}, LEVEL)
    assert found.outcome == FAIL and found.n == 3
    assert path.lemma0_control({"controls": rows(psi=9.0)}, LEVEL).outcome == INCONCLUSIVE


@pytest.mark.parametrize("column", ["slack_width_max", "slack_regret_max"])
def test_latency_allows_rounding_only(column):
    assert outcome(path.latency, a=rows(3, **{column: [-5.0, 0.0, ROUNDING]})) == PASS
    found = path.latency({"a": rows(3, **{column: [-5.0, 0.0, 1.01 * ROUNDING]}), "b": rows()}, LEVEL)
    assert (found.outcome, found.n, found.measured, found.bound) == (FAIL, 4, 1.01 * ROUNDING, 0.0)
    assert found.detail.startswith("1 runs of 4")
    for skipped in (dict(conf_ratio_max=1.1), dict(radius_mode="scaled"), dict(control="x"), dict(t=7)):
        table = pd.concat([rows(), rows(**{column: 1.0}, **skipped)], ignore_index=True)
        assert outcome(path.latency, a=table) == PASS
    assert outcome(path.latency, a=rows(**{column: 1.0}, conf_ratio_max=1.0)) == FAIL
    assert outcome(path.latency, a=rows(conf_ratio_max=2.0)) == INCONCLUSIVE


def horizon(*regrets, t=(3, 8), **columns):
    return rows(len(t), t=list(t), regret=list(regrets), replication=0, labels=list(t), **columns)


def test_theorem_1_covers_the_rounds_between_records():
    top = theorem1(3)
    assert outcome(path.theorem1, horizon=horizon(0.0, top)) == PASS
    assert outcome(path.theorem1, horizon=horizon(0.0, top + HAIR)) == FAIL
    assert outcome(path.theorem1, horizon=horizon(0.0, top + HAIR)[::-1]) == FAIL  # whatever the order of rows
    assert top + HAIR < theorem1(8)
    assert outcome(path.theorem1, horizon=horizon(theorem1(8), t=(8,))) == PASS
    assert outcome(path.theorem1, horizon=horizon(theorem1(8) + HAIR, t=(8,))) == FAIL
    apart = pd.concat([horizon(0.0, t=(3,)), horizon(4.0, t=(8,), run="x/1")], ignore_index=True)
    assert outcome(path.theorem1, horizon=apart) == PASS
    assert outcome(path.theorem1, horizon=apart.assign(run="x/0", replication=[0, 1])) == PASS
    assert outcome(path.theorem1, horizon=apart.assign(run="x/0")) == FAIL
    found = path.theorem1({"horizon": horizon(1.0, 2.0, t=(3, 8))}, LEVEL)
    assert (found.n, found.measured, found.bound) == (2, 2.0, pytest.approx(top))
    assert found.detail.endswith("every path, d in [1]")


def test_theorem_1_speaks_on_the_event_and_may_be_vacuous():
    assert outcome(path.theorem1, horizon=horizon(9.0, 9.0, conf_ratio_max=1.1)) == INCONCLUSIVE
    assert outcome(path.theorem1, horizon=horizon(9.0, 9.0, conf_ratio_max=1.0)) == FAIL
    assert outcome(path.theorem1, horizon=horizon(0.0, 9.0, conf_ratio_max=[1.0, 1.1])) == PASS
    assert outcome(path.theorem1, horizon=horizon(9.0, 9.0, control="x")) == INCONCLUSIVE
    assert outcome(path.theorem1, horizon=horizon(0.0, t=(2,))) == VACUOUS  # 2 log 3 > 2
    assert outcome(path.theorem1, horizon=horizon(0.0, t=(3,))) == PASS  # 2 log 4 < 3


def test_a_hundredth_of_theorem_1_is_the_control():
    assert outcome(path.theorem1_control, horizon=horizon(0.0, theorem1(3) / 100)) == PASS
    found = path.theorem1_control({"horizon": horizon(0.0, theorem1(3) / 100 + HAIR)}, LEVEL)
    assert found.outcome == FAIL and found.bound == pytest.approx(theorem1(3) / 100)


def test_the_budget_is_hard_where_there_is_a_cap():
    table = rows(3, labels=[4, 4, 0], follower=["evader", "ball", "evader"])
    found = path.budget({"a": table, "b": rows(labels=3)}, LEVEL)
    assert (found.outcome, found.n, found.measured, found.bound) == (PASS, 4, 4.0, 4.0)
    assert found.detail.endswith("4 runs, 2 of them under evader")
    assert outcome(path.budget, a=rows(labels=5)) == FAIL
    assert outcome(path.budget, a=pd.concat([rows(), rows(labels=5, cap=False)])) == PASS
    assert outcome(path.budget, a=rows(labels=8, B=8)) == PASS  # 8 <= 8 < T + 1


def pairs(*hashes, gate="llf_paced"):
    """A run and its relabelled twin for each pair of decision hashes."""
    flat = [h for pair in hashes for h in pair]
    replications = [i for i in range(len(hashes)) for _ in range(2)]
    return rows(len(flat), decision_hash=flat, replication=replications, relabel_from=[0, 1] * len(hashes), gate=gate)


def test_peeking_is_a_pair_that_differs():
    found = path.peeking({"peek": pairs((1, 1), (2, 2))}, LEVEL)
    assert (found.outcome, found.measured, found.bound, found.n) == (PASS, 0.0, 0.0, 2)
    assert found.detail == "0 of 2 pairs decide differently"
    found = path.peeking({"peek": pairs((1, 1), (2, 3))}, LEVEL)
    assert (found.outcome, found.measured) == (FAIL, 1.0) and found.detail.endswith(
        "1 of 2 pairs decide differently: llf_paced"
    )
    assert outcome(path.peeking, peek=pairs((1, 1)).iloc[:1]) == FAIL  # a run without its twin
    assert outcome(path.peeking, peek=pairs((1, 2), gate="control_peek")) == INCONCLUSIVE
    both = pd.concat([pairs((1, 1)), pairs((1, 2), gate="control_peek")], ignore_index=True)
    assert outcome(path.peeking, peek=both) == PASS
    assert path.peeking_control({"peek": both}, LEVEL).n == 1
    assert outcome(path.peeking_control, peek=both) == FAIL


@pytest.mark.parametrize(("judge", "name"), [(path.theorem2, "theorem2"), (path.theorem3, "theorem3")])
def test_the_llf_theorems_bound_the_regret_on_the_event(judge, name):
    top = theorem23(1000, 300)
    sizes = dict(T=1000, t=1000, B=300)
    found = judge({name: rows(2, regret=[0.0, top], **sizes)}, LEVEL)
    assert (found.outcome, found.n, found.measured, found.bound) == (PASS, 2, top, pytest.approx(top))
    assert judge({name: rows(regret=top + 1e-4, **sizes)}, LEVEL).outcome == FAIL
    assert judge({name: rows(2, regret=[0.0, 1e4], conf_ratio_max=[1.0, 1.1], **sizes)}, LEVEL).outcome == PASS
    assert judge({name: rows(regret=1e4, conf_ratio_max=1.0, **sizes)}, LEVEL).outcome == FAIL
    assert judge({name: rows(2, regret=[0.0, 1e4], t=[1000, 999], T=1000, B=300)}, LEVEL).outcome == PASS
    assert judge({name: rows(regret=0.0, T=8, B=1, t=8, labels=0)}, LEVEL).outcome == VACUOUS


@pytest.mark.parametrize(("labels", "two", "three"), [(299, PASS, PASS), (300, PASS, FAIL), (301, FAIL, FAIL)])
def test_the_llf_theorems_count_labels_on_and_off_the_event(labels, two, three):
    for ratio in (0.5, 2.0):
        table = rows(2, T=1000, t=1000, B=300, labels=[labels, 0], conf_ratio_max=[ratio, 0.5])
        assert outcome(path.theorem2, theorem2=table) == two
        found = path.theorem3({"theorem3": table}, LEVEL)
        assert found.outcome == three
        assert f"B labels spent: {int(three == FAIL)} violations" in found.detail


@pytest.mark.parametrize(
    ("column", "edge", "name"),
    [
        ("threshold_rise_max", ROUNDING, "threshold rises"),
        ("gain_unbought_max", math.log(301) / 300 + 2 * ROUNDING, "unbought gain above D_B/B"),
    ],
)
def test_theorem_3_keeps_thresholds_and_gains(column, edge, name):
    sizes = dict(T=1000, t=1000, B=300)
    at, above = rows(**{column: edge}, **sizes), rows(**{column: edge + 1e-12}, **sizes)
    assert outcome(path.theorem3, theorem3=at) == PASS
    found = path.theorem3({"theorem3": above}, LEVEL)
    assert found.outcome == FAIL and f"{name}: 1 violations" in found.detail
