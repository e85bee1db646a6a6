"""The inequalities in numbers: what they compare in every row, and that the judge's and the search's readings agree."""

import math

import numpy as np
import pandas as pd
import pytest
from tables import rows, theorem1, theorem23

from sim import engine, table
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from theory import inequalities as inequal
from theory.ledger import ROUNDING


def test_lemma_0_says_three_things_a_row():
    found = inequal.lemma0(rows(2, labels=[0, 3], psi=[0.0, 1.0], potential=1.5, wide=2, M=5))
    assert found.index.tolist() == [1, 1, 1]
    assert found["measured"].tolist() == [1.0, 1.5, 2.0]
    assert found["bound"].tolist() == pytest.approx([math.log(4), 2.0, math.log(4) / math.log(1.25)])
    assert (found["trivial"] == 2.0 * found["bound"]).all()
    full = inequal.lemma0(rows(labels=3, psi=1.0, feedback="full", M=5))
    assert full["bound"].iloc[0] == pytest.approx(math.log(1 + 3 * 6))


def test_squares_count_from_lam_equal_to_L_squared_on():
    for lam, L, said in ((1.0, 1.0, 3), (0.99, 1.0, 2), (4.0, 2.0, 3), (3.99, 2.0, 2), (8.0, 2.0, 3), (2.0, 2.0, 2)):
        assert len(inequal.lemma0(rows(labels=3, psi=1.0, lam=lam, L=L))) == said


def test_controls_are_left_out():
    table = rows(4, control=["", "scaled", "", "scaled"], gate=["a", "b", "control_peek", "control_peek"])
    assert inequal.honest(table)["gate"].tolist() == ["a"]


def test_latency_is_the_regret_of_a_round_of_one_run():
    run = rows(3, t=[1, 2, 3], regret=[0.25, 0.5, 2.0], replication=0, latency=[0.5, 0.25, 1.0], S=3.0, L=2.0)
    found = inequal.latency(pd.concat([run, run.assign(run="x/1")], ignore_index=True))
    assert found["measured"].tolist() == [0.25, 0.25, 1.5] * 2
    assert found["bound"].tolist() == [0.5 + ROUNDING, 0.25 + ROUNDING, 1.0 + ROUNDING] * 2
    assert (found["trivial"] == 6.0).all()
    off = inequal.latency(run.assign(conf_ratio_max=[1.0, 1.0, 1.1]))
    assert off["measured"].tolist() == [0.25, 0.25]


def test_the_excess_is_the_larger_slack():
    found = inequal.latency_excess(rows(2, slack_width_max=[1.0, -2.0], slack_regret_max=[0.5, -1.0]))
    assert found.tolist() == [1.0, -1.0]


def test_path_looks_one_record_ahead_within_a_run():
    records = rows(4, run=["b", "a", "a", "a"], replication=[0, 1, 0, 0], t=[1, 1, 8, 3], regret=[4.0, 3.0, 2.0, 1.0])
    found = inequal.path(records)
    assert found[["run", "replication", "t", "regret"]].to_numpy().tolist() == [
        ["a", 0, 3, 2.0], ["a", 0, 8, 2.0], ["a", 1, 1, 3.0], ["b", 0, 1, 4.0],
    ]  # fmt: skip
    assert inequal.path(records.assign(conf_ratio_max=[1.0, 1.1, 1.1, 1.0]))["regret"].tolist() == [1.0, 4.0]


def test_theorem_1_and_its_trivial_bound():
    found = inequal.theorem1(rows(2, t=[3, 8], regret=[1.0, 2.0], conf_ratio_max=[1.0, 1.0]))
    assert found["measured"].tolist() == [1.0, 2.0] and found["trivial"].tolist() == [3.0, 8.0]
    assert found["bound"].tolist() == pytest.approx([theorem1(3), theorem1(8)])
    assert inequal.theorem1(rows(conf_ratio_max=np.nextafter(1.0, 2.0))).empty
    assert inequal.theorem1(rows(S=2.0, t=3))["bound"].tolist() == pytest.approx([2 * theorem1(3)])


def test_the_llf_bound_and_the_stated_form_are_one_number():
    found = inequal.theorem23(rows(T=100, B=30, regret=5.0))
    assert found.iloc[0].tolist() == pytest.approx([5.0, theorem23(100, 30), 100.0])
    assert inequal.stated_form(rows(T=100, B=30, regret=5.0)).iloc[0].tolist() == pytest.approx(found.iloc[0].tolist())
    for function in (inequal.theorem23, inequal.stated_form):
        assert function(rows(conf_ratio_max=1.1)).empty and len(function(rows(conf_ratio_max=1.0))) == 1


def test_only_broken_conditions_are_rows():
    fine = rows(labels=3, threshold_rise_max=ROUNDING, gain_unbought_max=math.log(5) / 4 + 2 * ROUNDING)
    assert len(inequal.theorem3(fine)) == len(inequal.theorem2(fine.assign(labels=4))) == 1
    spent = inequal.theorem3(fine.assign(labels=4, conf_ratio_max=2.0))
    assert spent.iloc[0].tolist() == [5.0, 4.0, 8.0] and len(spent) == 1
    over = inequal.theorem2(fine.assign(labels=5, conf_ratio_max=2.0))
    assert over.iloc[0].tolist() == [5.0, 4.0, 8.0] and len(over) == 1
    rise = inequal.conditions3(fine.assign(threshold_rise_max=2 * ROUNDING))
    assert {k: len(v) for k, v in rise.items()} == {
        "threshold rises": 1, "B labels spent": 0, "unbought gain above D_B/B": 0,
    }  # fmt: skip
    gain = inequal.conditions3(fine.assign(gain_unbought_max=math.log(5) / 4 + 3 * ROUNDING))
    assert [len(v) for v in gain.values()] == [0, 0, 1]


def test_where_every_round_is_recorded_both_readings_of_a_claim_agree():
    """The slack that every run carries along is the largest excess of a round; the path's comparison is the
    record's own, one round later."""
    spec = RunSpec(
        T=60, stream=StreamSpec(context="free", d=2), follower=FollowerSpec(kind="ball"),
        record=RecordSpec(mode="every"), learner=LearnerSpec(sigma=0.2), gate=GateSpec(kind="always", latency="regret"),
    )  # fmt: skip
    played = table.from_log("x/0", engine.play(spec, compiled=False))
    each = inequal.latency(played)
    slack = played.loc[each.index, "slack_regret_max"].iloc[-1]
    assert (each["measured"] - (each["bound"] - ROUNDING)).max() == pytest.approx(slack, abs=1e-12)
    own, ahead = inequal.theorem1(played), inequal.theorem1(inequal.path(played))
    assert ahead["measured"].tolist() == [*own["measured"].iloc[1:], own["measured"].iloc[-1]]
    assert (ahead["bound"] == own["bound"]).all() and (ahead["measured"] >= own["measured"]).all()
