"""Judges of label efficiency and exploitability, on tables made by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from tables import rows

from theory import stats
from theory.judges import labels
from theory.ledger import FAIL, INCONCLUSIVE, PASS
from theory.stats import Estimate

LEVEL = 0.01


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(stats, "RESAMPLES", 20)


def curve(gate, factor=1.0, context="shift", n=4, scale=1.0, betas=(0.01, 0.1, 0.5)):
    """``gate`` has regret 1e4 / labels (times a factor of the replication) with labels beta 1e4 factor."""
    frames = [
        rows(n, gate=gate, context=context, beta=b, labels=int(1e4 * b * factor), T=1, t=1,
             regret=[scale * (1 + 0.1 * r) / b for r in range(n)])
        for b in betas
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def test_needed_labels_by_hand():
    x, y = np.array([10.0, 100.0, 1000.0]), np.array([100.0, 10.0, 1.0])
    assert labels.needed(x, y, 10.0) == pytest.approx(100.0)
    assert labels.needed(x, y, 1.0) == pytest.approx(1000.0)
    assert labels.needed(x[::-1], y[::-1], math.sqrt(1000.0)) == pytest.approx(math.sqrt(1000.0))
    assert labels.needed(x, y, 100.0) == labels.needed(x, y, 1e6) == pytest.approx(10.0)
    assert np.isnan(labels.needed(x, y, 0.99))
    assert labels.needed(np.array([0.0, 100.0]), y[:2], 10.0**1.5) == pytest.approx(10.0)  # no label counts as one
    assert labels.needed(x, np.array([100.0, 200.0, 1.0]), 10.0) == pytest.approx(
        math.sqrt(1e5)
    )  # regret that rises is not used
    assert labels.needed(x, np.array([10.0, 10.0, 10.0]), 10.0) == pytest.approx(10.0)
    assert labels.needed(x, np.array([1.0, 1e-300, 1e-300]), 1e-12) == pytest.approx(100.0)


def test_curves_leave_out_the_gate_that_buys_everything():
    table = pd.concat([curve("a"), rows(4, gate="a", beta=0.999, labels=999), curve("b", 2.0)])
    x, y = labels.gate_curves(table, "a")
    assert x.tolist() == [[100.0, 1000.0, 5000.0]] * 4
    assert y[1].tolist() == pytest.approx([110.0, 11.0, 2.2])


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_saving_is_the_ratio_of_labels(factor):
    table = pd.concat([curve("own", factor), curve("random")])
    found = labels.saving(table, "own", "random")
    assert (found.value, *found.at(LEVEL)) == pytest.approx((factor,) * 3) and found.n == 4
    assert labels.saving(table, "random", "own").value == pytest.approx(1 / factor)


def test_saving_looks_at_the_lowest_regret_that_both_reach():
    """The better curve ends lower; at the other's lowest regret it has used a fifth of the labels."""
    table = pd.concat([curve("own", scale=0.2), curve("random")])
    assert labels.saving(table, "own", "random").value == pytest.approx(0.2)
    assert labels.saving(table, "random", "own").value == pytest.approx(5.0)


def test_one_replication_has_no_saving():
    table = pd.concat([curve("own", n=1), curve("random", n=4)])
    found = labels.saving(table, "own", "random")
    assert found.n == 1 and found.at(LEVEL) == (0.0, np.inf)  # a ratio: nothing is known of its logarithm
    assert labels.saving(pd.concat([curve("own", n=2), curve("random", n=2)]), "own", "random").value == 1.0


def test_a_resample_that_no_budget_answers_leaves_the_saving_open():
    own, rival = curve("own", 0.5, n=6), curve("random", n=6)
    found = labels.saving(pd.concat([own, rival]), "own", "random")
    assert found.at(LEVEL)[1] < 1.0
    lost = (own["replication"] == 5) & (own["beta"] == 0.5)
    broken = pd.concat([own.assign(regret=own["regret"].mask(lost)), rival])
    assert labels.saving(broken, "own", "random").at(LEVEL) == (0.0, np.inf)


@pytest.mark.parametrize(("factor", "outcome"), [(0.9, PASS), (1.1, FAIL)])
def test_efficiency_holds_in_every_context(factor, outcome):
    parts = [curve("llf_paced", 0.5), curve("random"), curve("llf_paced", factor, "zipf"), curve("random", 1.0, "zipf")]
    found = labels.efficiency("random")({"efficiency": pd.concat(parts)}, LEVEL)
    assert (found.outcome, found.bound, found.n) == (outcome, 1.0, 4) and found.measured == pytest.approx(factor)
    assert found.detail.startswith("labels(llf_paced)/labels(random) at the lowest regret both reach; worst: zipf.")
    early = pd.concat([*parts, *(p.assign(T=9, regret=1e-3) for p in parts[:1])])
    assert labels.efficiency("random")({"efficiency": early}, LEVEL).measured == pytest.approx(factor)


def stepped(wide, narrow):
    """An estimate with one interval at ``LEVEL`` and another at half of it, and none at another level."""
    return Estimate(sum(wide) / 2, 4, lambda level: {LEVEL: wide, LEVEL / 2: narrow}[level])


def test_a_context_passes_at_the_level_and_fails_at_its_share(monkeypatch):
    table = {"efficiency": pd.concat([curve("llf_paced"), curve("llf_paced", 1.0, "zipf")])}
    for wide, narrow, outcome in (
        ((0.4, 0.9), (0.3, 1.1), PASS), ((1.1, 1.9), (0.9, 2.1), INCONCLUSIVE), ((1.1, 1.9), (1.05, 2.0), FAIL),
    ):  # fmt: skip
        monkeypatch.setattr(labels, "saving", lambda *a, ends=(wide, narrow): stepped(*ends))
        assert labels.efficiency("random")(table, LEVEL).outcome == outcome


def test_every_saving_is_listed(monkeypatch):
    made = Estimate(1.0, 4, lambda level: (level, 2.0))
    monkeypatch.setattr(labels, "saving", lambda own, gate, control: made)
    table = labels.savings({"efficiency": pd.concat([curve("a"), curve("a", 1.0, "zipf")])}, LEVEL)
    assert list(table.columns) == ["context", "gate", "control", "ratio", "low", "high"]
    assert len(table) == 2 * 5 * 4 and set(table["low"]) == {LEVEL} and set(table["control"]) == set(labels.CONTROLS)


def test_pairs_are_the_runs_at_a_tenth_in_order():
    table = rows(5, gate=["a"] * 4 + ["b"], beta=[0.1, 0.1021, 0.0979, 0.1019, 0.1], replication=[3, 4, 5, 2, 9])
    found = labels.paired(table, "a")
    assert list(found.columns) == ["regret", "labels", "B"]
    assert found.index.tolist() == [(0, 2), (0, 3)]  # within 2 %


def exploited(share, fixed=2.0, paced=2.0, B=100, n=4):
    gates = dict(random=1.0, llf_fixed=fixed, llf_paced=paced)
    parts = [
        rows(n, gate=g, follower="evader", beta=0.1, B=B,
             labels=[int(share * B) if g != "random" else B, *[0] * (n - 1)],
             regret=[ratio * (1.0 + r) for r in range(n)])
        for g, ratio in gates.items()
    ]  # fmt: skip
    return {"followers": pd.concat([*parts, rows(gate="llf_paced", follower="ball", beta=0.1, labels=99, B=100)])}


def test_the_evader_starves_and_beats_the_threshold_gates():
    found = labels.exploited(exploited(0.05), LEVEL)
    assert (found.outcome, found.bound, found.measured, found.n) == (PASS, 1.0, 2.0, 4)
    assert found.detail.startswith("largest share of B bought 0.05; worst: llf_fixed/random regret.")
    assert labels.exploited(exploited(0.06), LEVEL).detail.startswith("largest share of B bought 0.06; ")
    assert labels.exploited(exploited(0.05, fixed=0.9), LEVEL).outcome == FAIL
    assert labels.exploited(exploited(0.05, paced=0.9), LEVEL).outcome == FAIL
    assert labels.exploited(exploited(0.05, paced=1.0), LEVEL).outcome == PASS
    wild = exploited(0.0)["followers"].reset_index(drop=True)
    wild.loc[wild["gate"] != "random", "regret"] *= 1.0 + wild["replication"]
    want = stats.mean([2.0, 4.0, 6.0, 8.0]).at(LEVEL)
    found = labels.exploited({"followers": wild}, LEVEL)
    assert (found.measured, found.low, found.high) == pytest.approx((5.0, *want)) and found.outcome == INCONCLUSIVE


def test_randoms_regret_is_read_off_its_own_line():
    """regret = 1000 / B in replication 0, 2000 / sqrt(B) in replication 1."""
    frames = [rows(2, gate="random", B=B, regret=[1000.0 / B, 2000.0 / B**0.5]) for B in (25, 400, 100)]
    table = pd.concat([*frames, rows(2, gate="other", B=25)])
    index = pd.MultiIndex.from_tuples([(0, 0), (0, 1)])
    found = labels.random_at(table, pd.Series([50.0, 1600.0], index))
    assert found.tolist() == pytest.approx([20.0, 50.0])


def split(ratio, n=4):
    frames = []
    for follower in ("evader", "ball"):
        for B in (50, 100, 200):
            frames.append(rows(n, gate="random", follower=follower, B=B, beta=B / 1000, labels=B, regret=1000.0 / B))
        own = ratio if follower == "evader" else 0.5
        frames.append(
            rows(n, gate="llf_split_prefix", follower=follower, B=100, beta=0.1, labels=80, regret=own * 12.5)
        )
    return {"followers": pd.concat(frames, ignore_index=True)}


@pytest.mark.parametrize(("ratio", "outcome"), [(0.999, PASS), (1.01, PASS), (1.0499, PASS), (1.0501, FAIL)])
def test_a_split_purse_is_no_worse_than_random_at_its_own_labels(ratio, outcome):
    """No worse: up to a twentieth more regret."""
    judge = labels.split_no_worse("llf_split_prefix")
    found = judge(split(ratio), LEVEL)
    assert (found.outcome, found.bound, found.n) == (outcome, 1.05, 4) and found.measured == pytest.approx(ratio)
    assert "evader: llf_split_prefix/random at 80 labels" in found.detail
    missing = judge({"followers": split(ratio)["followers"].query("follower == 'evader'")}, LEVEL)
    assert (missing.outcome, missing.bound, missing.n) == (INCONCLUSIVE, 1.05, 0)


def test_the_split_judge_has_the_whole_level_for_each_follower():
    table = split(0.5)["followers"]
    noisy = table.assign(regret=table["regret"].where(table["gate"] == "random", table["regret"]
                         * (0.8 + 0.1 * table["replication"])))  # fmt: skip
    found = labels.split_no_worse("llf_split_prefix")({"followers": noisy}, LEVEL)
    assert (found.low, found.high) == pytest.approx(stats.mean([0.4, 0.45, 0.5, 0.55]).at(LEVEL))


def test_a_column_is_multiplied_for_the_named_gates_only():
    table = rows(3, gate=["a", "b", "c"], labels=[1, 2, 3])
    assert labels.times("labels", 10, "a", "c")["labels"](table).tolist() == [10, 2, 30]
