"""Studies with engine and oracles: cells are plain and repeat, shares and regrets are what they say."""

import json

import numpy as np
import pandas as pd
import pytest

from paper_repro.studies import determinism, digits, information, worst
from sim import engine, sweeps, table
from sim.spec import GateSpec, RunSpec, StreamSpec
from sim.tiers import TIERS
from sim.trace import trace
from theory.oracles import allocation, certificate


@pytest.fixture(autouse=True)
def instances(tmp_path, monkeypatch):
    monkeypatch.setenv(certificate.FOLDER, str(tmp_path))


@pytest.mark.parametrize(
    "study", [worst.STUDY, determinism.STUDY, information.STUDY, digits.STUDY], ids=lambda s: s.name
)
def test_cells_are_json_and_name_their_seed_set(study):
    for tier in TIERS.values():
        cells = study.cells(tier)
        assert json.loads(json.dumps(cells)) == [dict(c) for c in cells]
        assert len({json.dumps(c, sort_keys=True) for c in cells}) == len(cells)
        sets = {0} if study.name == "worst_found" else set(range(tier.sets))
        assert {c["seed"] for c in cells} == sets


def spec(gate, T=80, **kwargs):
    return RunSpec(T=T, beta=0.1, stream=StreamSpec(d=4), gate=GateSpec(kind=gate), **kwargs)


def test_a_gate_that_buys_nothing_has_share_0():
    row = information.bought_information(spec("never"), 0)
    assert row["share"] == row["psi"] == row["labels"] == 0
    assert np.isnan(row["share_labels"])


def test_every_label_is_all_of_the_information():
    row = information.bought_information(RunSpec(T=30, stream=StreamSpec(d=3)), 0)
    assert row["share"] == row["share_labels"] == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("gate", ["llf_paced", "random", "llf_split", "llf_oracle"])
def test_shares_are_certified_and_ordered(gate):
    """With fewer labels than B the optimum is smaller, so the share of it is larger."""
    one = spec(gate, T=100)
    row = information.bought_information(one, 1)
    assert 0.0 < row["share"] <= row["share_labels"] <= 1.0 and row["gap"] <= 1e-6
    assert (row["share"] == row["share_labels"]) == (row["labels"] == row["B"])
    Z, bought = trace(one, 1)
    assert row["share_labels"] == pytest.approx(allocation.information_share(Z, 1.0, bought), abs=1e-6)
    psi = engine.play(one, first=1, compiled=False).rows[0][-1, 6]
    assert row["psi"] == pytest.approx(psi, rel=1e-9)


def test_no_choice_of_as_many_rounds_does_better_than_the_optimum():
    Z, bought = trace(spec("random", T=60), 0)
    optimum = information.bought_information(spec("random", T=60), 0)["optimum"]
    rng = np.random.default_rng(0)
    for _ in range(200):
        q = rng.permutation(bought).astype(float)
        assert allocation.gain(Z, q) <= optimum + 1e-9


def test_information_repeats_and_covers_the_gates():
    cell = dict(seed=1, context="shift", beta=0.1, T=40, replications=1)
    first = information.play(**cell)
    pd.testing.assert_frame_equal(first, information.play(**cell))
    assert len(first) == len(sweeps.BUYERS) == first["gate"].nunique()
    assert {"random", "prefix", "llf_split_random"} <= set(first["gate"])
    assert first["share"].between(0.0, 1.0).all()


def test_twins_have_their_splits_labels():
    rows = determinism.play(seed=0, beta=0.1, T=300, replications=3)
    assert set(rows["gate"]) == {"llf_paced", "llf_split_random", "random", "llf_split_prefix", "prefix"}
    labels = rows.groupby("gate")["labels"].mean()
    for purse in ("random", "prefix"):
        assert abs(labels[purse] - labels[f"llf_split_{purse}"]) <= 0.5
    assert set(rows["beta"]) == {0.1} and len(rows) == 15


@pytest.fixture(scope="module")
def played():
    """One order of the sweep and its scorers."""
    specs = [s for s in sweeps.SWEEPS["digits"](TIERS["smoke"]) if s.budget in (65, 1300)]
    frames = [(f"digits/{i}", engine.play(s.model_copy(update=dict(replications=1)))) for i, s in enumerate(specs)]
    return table.from_logs(frames), digits.play(0, 0)


def test_scorers_are_certified_and_better_with_a_larger_ball(played):
    scorers = played[1].drop_duplicates("norm_bound").set_index("norm_bound")
    assert scorers["gap"].max() <= 1e-6
    assert scorers["loss"].is_monotonic_decreasing and scorers["scorer"].is_monotonic_decreasing
    assert (scorers["scorer"] <= 1300 * scorers["loss"] / np.log(2)).all()


def test_regret_is_mistakes_beyond_the_scorers(played):
    joined = digits.regret(*played)
    assert len(joined) == 2 * len(played[0]) and set(joined["norm_bound"]) == set(digits.NORM_BOUNDS)
    np.testing.assert_array_equal(joined["regret_all"] + joined["scorer"], joined["mistakes"])
    full = joined[joined["gate"] == "always"]
    np.testing.assert_array_equal(full["regret_all"], full["regret_bought"])
    assert (joined["scorer_bought"] <= joined["scorer"]).all()
    assert (joined["scorer_bought"] <= joined["labels"]).all()


def test_a_run_that_decided_otherwise_is_refused(played):
    table_, scorers = played
    changed = table_.assign(decision_hash=table_["decision_hash"].where(table_["gate"] != "bbq", 1))
    with pytest.raises(ValueError, match=r"2 replayed runs decide otherwise .*, bbq"):
        digits.regret(changed, scorers)
    with pytest.raises(ValueError, match="runs of digits have no scorer"):
        digits.regret(table_.assign(replication=7), scorers)


def test_worst_found_is_the_committed_instance():
    row = worst.play(0, "B8-noisy").iloc[0]
    assert row["claim"] == "B8" and row["source"].endswith("noisy") and 0.9 < row["ratio"] <= 1.0
    assert row["detail"].startswith("evader, d=1")
