"""Judges of the claims on real text: each can pass, fail and stay open; small helpers by hand."""

import numpy as np
import pandas as pd
import pytest

from paper_repro import reference
from theory.judges import llm as claims
from theory.ledger import FAIL, INCONCLUSIVE, PASS

LEVEL = 1e-3
COLUMNS = ("data", "mode", "stream", "gate", "B", "T", "seed", "replication", "labels", "mistakes", claims.HEAD)


def runs(accuracy, mistakes, mode="frozen", streams=("iid", "drift"), replications=12, noise=1e-3):
    """One data set: accuracy(gate, labels) and mistakes(gate), a little noise, three budgets and all labels."""
    rng = np.random.default_rng(0)
    rows = []
    for stream in streams:
        for r in range(replications):
            for gate in ("llf_self_paced", "llf_regret", "random", "width", "margin", "all"):
                for B in (5000,) if gate == "all" else (250, 500, 1000):
                    top = accuracy(gate, B) + noise * rng.normal()
                    errors = mistakes(gate) * (1 + noise * rng.normal())
                    rows.append(("a", mode, stream, gate, B, 5000, 0, r, B, errors, top))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def curve(shift):
    """Accuracy 0.1 log(labels) / log(10) + the gate's shift."""
    return lambda gate, labels: 0.1 * np.log10(labels) + shift.get(gate, 0.0)


FLAT = dict.fromkeys(("llf_self_paced", "llf_regret", "random", "width", "margin", "all"), 1000.0)


@pytest.mark.parametrize(("gain", "outcome"), [(0.02, PASS), (-0.02, FAIL), (0.0, INCONCLUSIVE)])
def test_saving_labels_at_equal_accuracy(gain, outcome):
    shift = dict(llf_self_paced=gain, llf_regret=gain)
    table = dict(llm_runs=runs(curve(shift), FLAT.get))
    found = claims.saves(table, LEVEL)
    assert found.outcome == outcome
    if gain > 0:  # below random's smallest budget the ratio is clipped; 0.02 in accuracy is a factor 10^0.2 in labels
        assert found.measured == pytest.approx(10 ** (-10 * gain), rel=0.05)


@pytest.mark.parametrize(("own", "outcome"), [(900.0, PASS), (1100.0, FAIL), (1000.0, INCONCLUSIVE)])
@pytest.mark.parametrize("stream", ["iid", "drift"])
def test_fewest_mistakes_of_all(own, outcome, stream):
    table = dict(llm_runs=runs(curve({}), (FLAT | dict(llf_self_paced=own)).get))
    assert claims.fewest_mistakes(stream)(table, LEVEL).outcome == outcome


def test_a_stream_that_was_not_played_says_nothing():
    table = dict(llm_runs=runs(curve({}), FLAT.get, streams=("iid",)))
    assert claims.fewest_mistakes("drift")(table, LEVEL).outcome == INCONCLUSIVE


@pytest.mark.parametrize(("gain", "outcome"), [(-0.02, PASS), (0.02, FAIL), (0.0, INCONCLUSIVE)])
def test_the_width_gate_against_random(gain, outcome):
    table = dict(llm_runs=runs(curve(dict(width=gain)), FLAT.get))
    assert claims.width_fails(table, LEVEL).outcome == outcome


ORDER = dict(llf_self_paced=1.0, llf_regret=2.0, random=3.0, width=4.0, margin=5.0, all=0.5)


@pytest.mark.parametrize(("sign", "replications", "outcome"), [(1, 40, PASS), (-1, 40, FAIL), (1, 2, INCONCLUSIVE)])
def test_order_agreement(sign, replications, outcome):
    frozen = runs(curve({}), ORDER.get, replications=replications)
    tuned = runs(curve({}), lambda g: 10 + sign * ORDER[g], mode="finetune", replications=replications)
    table = dict(llm_runs=pd.concat([frozen, tuned], ignore_index=True))
    found = claims.order_agreement(table, LEVEL)
    assert found.outcome == outcome and found.measured == pytest.approx(sign)


def test_two_perfect_agreements_are_no_proof():
    frozen = runs(curve({}), ORDER.get, replications=2, streams=("iid",), noise=0.0)
    table = dict(llm_runs=pd.concat([frozen, frozen.assign(mode="finetune")], ignore_index=True))
    assert claims.order_agreement(table, LEVEL).outcome == INCONCLUSIVE


@pytest.mark.parametrize(("gate", "outcome"), [(0.5, PASS), (6.0, FAIL)])
def test_overhead(gate, outcome):
    table = dict(llm_times=pd.DataFrame(dict(mode=["finetune"], seconds_gate=[gate], seconds_total=[100.0])))
    assert claims.overhead(table, LEVEL).outcome == outcome


def test_overhead_without_fine_tuning_is_open():
    table = dict(llm_times=pd.DataFrame(dict(mode=["frozen"], seconds_gate=[1.0], seconds_total=[2.0])))
    assert claims.overhead(table, LEVEL).outcome == INCONCLUSIVE


def test_labels_needed_by_hand():
    made = claims.needed_labels(runs(curve({}), FLAT.get, noise=0.0), shares=(0.8, 0.99))
    top = 0.1 * np.log10(5000)
    low = made[(made["gate"] == "random") & (made["stream"] == "iid") & (made["share"] == 0.8)].iloc[0]
    assert low["labels"] == pytest.approx(10 ** (0.8 * top / 0.1), rel=1e-6) and low["reached"] == low["of"] == 12
    high = made[(made["gate"] == "random") & (made["stream"] == "iid") & (made["share"] == 0.99)].iloc[0]
    assert high["reached"] == 0 and np.isnan(high["labels"])


def test_shorter_horizons_are_for_comparison_only():
    long = runs(curve({}), FLAT.get)
    short = long.assign(T=500, mistakes=1.0)
    assert claims.frozen(dict(llm_runs=pd.concat([long, short])))["T"].unique().tolist() == [5000]


def test_the_shipped_runs_are_judged_and_their_origin_is_told():
    tables = {name: reference.shipped(name) for name in ("llm_runs", "llm_times")}
    assert set(COLUMNS) <= set(tables["llm_runs"])
    for name in reference.SHIPPED:
        assert {"command", "machine", "versions"} <= set(reference.origin(name))
    for claim in claims.CLAIMS:
        assert claim.judge(tables, LEVEL).n > 0
