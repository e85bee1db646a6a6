"""Judges of what holds in every run, on tables made by hand, at the edge of every comparison."""

import math

import numpy as np
import pandas as pd
import pytest
from tables import rows, theorem1, theorem23

from theory import stats
from theory.judges import path
from theory.ledger import FAIL, INCONCLUSIVE, PASS, ROUNDING, VACUOUS
from theory.planted import tightened

LEVEL = 0.01
HAIR = 1e-6  # far above rounding, far below any bound here


def outcome(judge, **tables):
    return judge(tables, LEVEL).outcome


def test_coverage_counts_what_is_above_1():
    at = rows(200, conf_ratio_max=1.0)
    found = path.coverage({"coverage": at}, LEVEL)
    limit = 1 - (LEVEL / 2) ** (1 / 200)
    assert (found.outcome, found.measured, found.bound, found.n) == (PASS, 0.0, 0.05, 200)
    assert found.high == pytest.approx(limit)
    assert "llf_paced/ball 0/200" in found.detail and "1 cells" in found.detail
    two = path.coverage({"coverage": pd.concat([at, rows(200, gate="always", conf_ratio_max=1.0)])}, LEVEL)
    assert two.high == pytest.approx(limit) and two.n == 400 and "2 cells" in two.detail
    above = path.coverage({"coverage": rows(200, conf_ratio_max=np.nextafter(1.0, 2.0))}, LEVEL)
    assert (above.outcome, above.measured) == (FAIL, 1.0)
    few = path.coverage({"coverage": rows(20)}, LEVEL)
    assert few.outcome == INCONCLUSIVE
    one = rows(20, conf_ratio_max=[1.5] + [0.5] * 19)
    assert path.coverage({"coverage": one}, LEVEL).measured == 1 / 20
    long = rows(400, gate="a", conf_ratio_max=[1.5] + [0.5] * 399)  # a higher lower limit, a smaller upper one
    upper = path.coverage({"coverage": pd.concat([rows(20), long])}, LEVEL)
    assert upper.high == pytest.approx(1 - (LEVEL / 2) ** (1 / 20)) and upper.detail.endswith("(llf_paced/ball 0/20)")
    mixed = path.coverage({"coverage": pd.concat([rows(20, gate="a"), one])}, LEVEL)
    assert f"largest upper limit {mixed.high:.3g} (llf_paced/ball 1/20)" in mixed.detail and mixed.high > 0.25


def test_a_cell_fails_coverage_at_the_level_divided_by_the_number_of_cells():
    """11 failures in 100 are surely more than 0.05 at 0.05 and at 0.05/2, not at 0.05/3."""
    low = {m: stats.frequency(11, 100).at(0.05 / m)[0] for m in (1, 2, 3)}
    assert low[3] < 0.05 < low[2] < low[1]
    good = [rows(400, gate=gate) for gate in ("a", "b")]
    bad = rows(100, conf_ratio_max=[1.5] * 11 + [0.5] * 89)
    for others, said in (([], FAIL), (good[:1], FAIL), (good, INCONCLUSIVE)):
        assert path.coverage({"coverage": pd.concat([bad, *others])}, 0.05).outcome == said
    passes = pd.concat([rows(104, gate=gate) for gate in "abcdefgh"])  # each passes at the whole level
    assert stats.frequency(0, 104).at(0.01)[1] < 0.05 < stats.frequency(0, 104).at(0.01 / 8)[1]
    assert path.coverage({"coverage": passes}, 0.01).outcome == PASS
    assert path.coverage({"coverage": passes.groupby("gate").head(103)}, 0.01).outcome == INCONCLUSIVE


def test_coverage_reads_final_rows_of_the_theory_radius_without_controls():
    good = rows(200)
    bad = [
        rows(200, conf_ratio_max=9.0, t=1), rows(200, conf_ratio_max=9.0, radius_mode="scaled"),
        rows(200, conf_ratio_max=9.0, control="wrong_update"), rows(200, conf_ratio_max=9.0, gate="control_peek"),
        rows(200, conf_ratio_max=9.0, gate="llf_oracle"),
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
    assert outcome(path.lemma0, a=rows(), b=rows(psi=9.0, gate="llf_oracle")) == PASS
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
    others = dict(radius_mode="scaled"), dict(control="x"), dict(t=7), dict(gate="llf_oracle"), dict(misfit=1e-3)
    for skipped in (dict(conf_ratio_max=1.1), *others):
        table = pd.concat([rows(), rows(**{column: 1.0}, **skipped)], ignore_index=True)
        assert outcome(path.latency, a=table) == PASS
    assert outcome(path.latency, a=rows(**{column: 1.0}, conf_ratio_max=1.0)) == FAIL
    assert outcome(path.latency, a=rows(conf_ratio_max=2.0)) == INCONCLUSIVE


def test_a_radius_too_small_is_the_latency_judges_control():
    """It is judged as though the event held, on which its latencies would be bounds."""
    bad = rows(slack_width_max=0.5, radius_mode="scaled", conf_ratio_max=9.0)
    found = path.latency_control({"controls": pd.concat([rows(2), bad], ignore_index=True)}, LEVEL)
    assert (found.outcome, found.n, found.measured) == (FAIL, 1, 0.5)
    assert outcome(path.latency_control, controls=rows(slack_width_max=0.0, radius_mode="scaled")) == PASS
    assert outcome(path.latency_control, controls=rows(slack_width_max=0.5)) == INCONCLUSIVE


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


def test_a_bound_below_the_largest_path_is_theorem_1s_control():
    run = horizon(1.0, 2.0)
    found = path.theorem1({"horizon": run}, LEVEL, change=tightened)
    assert found.outcome == FAIL and found.bound == pytest.approx(0.95 * 2.0)
    assert path.theorem1({"horizon": run}, LEVEL).outcome == PASS


def test_the_budget_is_kept_without_a_cap():
    table = rows(3, labels=[4, 4, 0], follower=["evader", "ball", "evader"], cap=False)
    found = path.budget({"a": table, "b": rows(labels=3, cap=False)}, LEVEL)
    assert (found.outcome, found.n, found.measured, found.bound) == (PASS, 4, 4.0, 4.0)
    assert found.detail.endswith("4 runs, 2 of them under evader")
    assert outcome(path.budget, a=rows(labels=5, cap=False)) == FAIL
    assert outcome(path.budget, a=pd.concat([rows(cap=False), rows(labels=5)])) == PASS  # the cap holds the others
    assert outcome(path.budget, a=rows(labels=8, B=8, cap=False)) == PASS  # 8 <= 8 < T + 1
    assert outcome(path.budget, a=rows(labels=4)) == INCONCLUSIVE  # with the cap on it could not fail
    for left_out in (dict(control="wrong_update"), dict(gate="llf_oracle"), dict(t=7)):
        table = pd.concat([rows(cap=False), rows(labels=5, cap=False, **left_out)], ignore_index=True)
        assert outcome(path.budget, a=table) == PASS


def test_one_label_too_many_in_one_run_is_the_budgets_control():
    tables = {"a": rows(3, labels=[2, 4, 0], cap=False), "b": rows(2, labels=[1, 0], cap=False)}
    found = path.overspent(tables, LEVEL)
    assert (found.outcome, found.measured, found.bound) == (FAIL, 5.0, 4.0)
    assert found.detail.startswith("2 violations in 5 rows")  # one in each table
    assert tables["a"]["labels"].tolist() == [2, 4, 0] and path.budget(tables, LEVEL).outcome == PASS


def pairs(*hashes, gate="llf_paced", at=5, **columns):
    """A run recorded at rounds ``at`` and 8, and its twin relabelled from ``at`` on, for each pair of decision hashes.

    The hashes are those up to round ``at``; at round 8 the two differ anyway.
    """
    frames = [
        rows(4, decision_hash=[a, 71, b, 72], replication=i, relabel_from=[0, 0, at, at], t=[at, 8] * 2, gate=gate,
             **columns)
        for i, (a, b) in enumerate(hashes)
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def test_peeking_is_a_pair_that_differs_up_to_the_first_new_label():
    found = path.peeking({"peek": pairs((1, 1), (2, 2))}, LEVEL)
    assert (found.outcome, found.measured, found.bound, found.n) == (PASS, 0.0, 0.0, 2)
    assert found.detail == "0 of 2 pairs decide differently"
    found = path.peeking({"peek": pairs((1, 1), (2, 3))}, LEVEL)
    assert (found.outcome, found.measured, found.n) == (FAIL, 1.0, 2)
    assert found.detail.endswith("1 of 2 pairs decide differently: llf_paced 1")
    alone = pairs((1, 1))
    assert outcome(path.peeking, peek=alone[alone["relabel_from"] > 0]) == FAIL  # a run without its twin
    assert outcome(path.peeking, peek=alone[alone["relabel_from"] == 0]) == INCONCLUSIVE  # nothing is compared


@pytest.mark.parametrize("gate", ["control_peek", "llf_oracle"])
def test_gates_that_read_labels_are_the_peeking_judges_controls(gate):
    assert outcome(path.peeking, peek=pairs((1, 2), gate=gate)) == INCONCLUSIVE
    both = pd.concat([pairs((1, 1)), pairs((1, 2), gate=gate)], ignore_index=True)
    assert outcome(path.peeking, peek=both) == PASS
    found = path.peeking_control({"peek": both}, LEVEL, gate)
    assert (found.outcome, found.n, found.detail) == (FAIL, 1, f"1 of 1 pairs decide differently: {gate} 1")
    assert path.peeking_control({"peek": pairs((1, 1), gate=gate)}, LEVEL, gate).outcome == PASS


def test_a_pair_is_compared_at_its_own_round_horizon_seed_set_and_replication():
    several = pairs((1, 1), at=5)
    twins = several[several["relabel_from"] == 0]
    later = rows(1, decision_hash=71, relabel_from=8, t=8, replication=0)  # redrawn from the last round: the plain hash
    assert path.peeking({"peek": pd.concat([several, later])}, LEVEL).n == 2
    assert outcome(path.peeking, peek=pd.concat([several, later])) == PASS
    assert outcome(path.peeking, peek=pd.concat([several, later.assign(decision_hash=1)])) == FAIL
    for column, value in (("T", 9), ("seed", 1), ("replication", 5), ("gate", "always")):
        other = several[several["relabel_from"] > 0].assign(**{column: value})
        assert outcome(path.peeking, peek=pd.concat([twins, other])) == FAIL  # it has no twin


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
