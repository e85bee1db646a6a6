"""Judges of the self-annotation loop and of bought labels on doctored tables: pass, fail, undecided."""

import numpy as np
import pandas as pd
import pytest

from theory import stats
from theory.judges import preference_rounds as claims
from theory.ledger import FAIL, INCONCLUSIVE, PASS, REFUTED, VACUOUS, judge

LEVEL = 1e-3
BY_ID = {c.id: c for c in claims.CLAIMS}


def outcome(id, **tables):
    return BY_ID[id].judge(tables, LEVEL).outcome


def rounds(flip, gains, noise=0.001, n=12):
    """Accuracy after three rounds: 0.8 plus the method's gain plus noise that replications do not share."""
    rng = np.random.default_rng(2)
    rows = [
        dict(method=m, round=k, flip=flip, seed=0, replication=r, accuracy=0.8 + k * g / 3 + noise * rng.normal())
        for m, g in gains.items()
        for r in range(n)
        for k in range(4)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("group", "flip"), [("S6", 0.0), ("S7", 0.25)])
@pytest.mark.parametrize(("letter", "method"), [("a", "L1"), ("b", "L2"), ("c", "L3"), ("d", "feature")])
def test_orderings(group, flip, letter, method):
    rivals = {"S6": claims.RIVALS, "S7": claims.NOISE_RIVALS}[group]
    none = dict.fromkeys(rivals, 0.0)
    other = rounds(0.25 - flip, none | {method: -0.5})
    for gain, noise, expected in ((0.05, 1e-3, PASS), (-0.05, 1e-3, FAIL), (0.001, 0.05, INCONCLUSIVE)):
        table = pd.concat([rounds(flip, none | {method: gain}, noise), other])
        assert outcome(f"{group}{letter}", preference_rounds=table) == expected
    for rival in rivals:
        one_better = none | {rival: 0.05, method: 0.02}
        found = BY_ID[f"{group}{letter}"].judge({"preference_rounds": rounds(flip, one_better)}, LEVEL)
        assert found.outcome == FAIL and found.detail.startswith(f"worst: {method} - {rival}.")
        missing = {r: g for r, g in (none | {method: 0.05}).items() if r != rival}
        assert outcome(f"{group}{letter}", preference_rounds=rounds(flip, missing)) == INCONCLUSIVE
    found = judge(BY_ID[f"{group}{letter}"], {"preference_rounds": rounds(flip, one_better)}, LEVEL)
    assert found["verdict"] == REFUTED


@pytest.mark.parametrize("id", [f"S{g}{x}" for g in "67" for x in "abcd"])
@pytest.mark.parametrize(("gain", "expected"), [(0.0051, PASS), (0.0049, FAIL)])
def test_a_win_is_half_a_point_and_either_answer_is_borne_out(id, gain, expected):
    """The edge, without noise that methods do not share; the controls then stand beside it."""
    method = {"a": "L1", "b": "L2", "c": "L3", "d": "feature"}[id[-1]]
    flip = {"6": 0.0, "7": 0.25}[id[1]]
    table = rounds(flip, dict.fromkeys(claims.NOISE_RIVALS, 0.0) | {method: gain}, noise=0.0)
    found = judge(BY_ID[id], {"preference_rounds": table}, LEVEL)
    assert found["verdict"] == {PASS: PASS, FAIL: REFUTED}[expected] and found["sound"]


def test_without_flips_rdpo_is_no_rival_of_its_own():
    table = rounds(0.0, dict.fromkeys(claims.RIVALS, 0.0) | {"L1": 0.05, "rdpo": 0.9})
    assert outcome("S6a", preference_rounds=table) == PASS
    assert outcome("S7a", preference_rounds=table.assign(flip=0.25)) == FAIL
    assert "rDPO" in BY_ID["S7a"].statement and "rDPO" not in BY_ID["S6a"].statement
    assert all("ridge-DPO" in c.statement for c in claims.CLAIMS if c.group in ("S6", "S7"))


@pytest.mark.parametrize(
    ("gain", "noise", "expected"),
    [(0.001, 1e-4, PASS), (-0.02, 1e-3, FAIL), (0.02, 1e-3, FAIL), (0.0, 0.05, INCONCLUSIVE)],
)
def test_negligible_changes(gain, noise, expected):
    table = pd.concat([rounds(flip, {"self_L0": 0.0, "L1": 0.0, "L3": gain}, noise) for flip in (0.0, 0.25)])
    assert outcome("S10", preference_rounds=table) == expected
    assert outcome("S10", preference_rounds=table.iloc[:0]) == INCONCLUSIVE


def bought(gain, noise, n=12, gate="margin", labels=None):
    """Gains of two gates at two budgets; the other gate's are large and of no concern."""
    rng = np.random.default_rng(3)
    rows = [
        dict(
            strategy=s, budget=b, labels=labels or b, N=50, round=3, seed=0, replication=r,
            gain=g + noise * rng.normal(),
        )
        for s, g in ((gate, gain), ("llf_split", 9.0))
        for b in (100, 200)
        for r in range(n)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("gain", "noise", "expected"), [(0.03, 1e-3, PASS), (-0.03, 1e-3, FAIL), (0.0, 0.05, INCONCLUSIVE)]
)
def test_buying_against_self_annotation(gain, noise, expected):
    assert outcome("S9c", preference_labels=bought(gain, noise)) == expected
    assert outcome("S9a", preference_labels=bought(gain, noise)) == INCONCLUSIVE


@pytest.mark.parametrize(("gain", "expected"), [(1e-9, PASS), (-1e-9, FAIL)])
def test_buying_wins_by_more_than_nothing(gain, expected):
    for id, gate in (("S9a", "llf_paced"), ("S9b", "llf_quantile"), ("S9c", "margin")):
        found = judge(BY_ID[id], {"preference_labels": bought(gain, 0.0, gate=gate)}, LEVEL)
        assert found["verdict"] == {PASS: PASS, FAIL: REFUTED}[expected] and found["sound"], id


@pytest.mark.parametrize(
    ("gain", "noise", "expected"),
    [
        (0.0049, 0.0, PASS), (-0.0049, 0.0, PASS), (0.0051, 0.0, REFUTED), (-0.0051, 0.0, REFUTED),
        (0.0, 0.05, INCONCLUSIVE),
    ],
)  # fmt: skip
def test_buying_by_lot_is_as_good_within_its_margin(gain, noise, expected):
    found = judge(BY_ID["S9d"], {"preference_labels": bought(gain, noise, gate="random")}, LEVEL)
    assert found["verdict"] == expected and found["sound"]


@pytest.mark.parametrize(("labels", "expected"), [(59, VACUOUS), (60, PASS)])
def test_a_gate_that_hardly_buys_has_not_been_tried(labels, expected):
    """Ten labels beyond the 50 of the seed, at every budget."""
    for id, gate, gain in (("S9a", "llf_paced", 0.03), ("S9d", "random", 0.001)):
        table = bought(gain, 1e-4, gate=gate, labels=labels)
        assert outcome(id, preference_labels=table) == expected
        one = table.assign(labels=table["labels"].where(table["budget"] == 100, 200))
        found = BY_ID[id].judge({"preference_labels": one}, LEVEL)
        assert found.outcome == expected and ("budget 100:" in found.detail) == (expected == VACUOUS)


@pytest.fixture
def asked(monkeypatch):
    """The levels at which intervals of means were asked for."""
    seen = []

    def mean(values):
        found = stats.Estimate(float(np.mean(values)), len(values), lambda level: seen.append(level) or (-1.0, 1.0))
        return found

    monkeypatch.setattr(claims.stats, "mean", mean)
    return seen


def test_all_must_hold_at_the_whole_level_and_one_fails_at_its_share(asked):
    """Over rivals, over cells and over budgets."""
    gains = dict.fromkeys((*claims.NOISE_RIVALS, "L1", "L3"), 0.0)
    for id, rivals in (("S6a", 5), ("S7a", 6)):
        asked.clear()
        flip = {"S6a": 0.0, "S7a": 0.25}[id]
        assert BY_ID[id].judge({"preference_rounds": rounds(flip, gains)}, LEVEL).n == 12
        assert {level: asked.count(level) for level in asked}[LEVEL / rivals] == rivals and LEVEL in asked
        assert set(asked) == {LEVEL, LEVEL / rivals}
    asked.clear()
    table = pd.concat([rounds(flip, gains) for flip in (0.0, 0.25)])
    found = BY_ID["S10"].judge({"preference_rounds": table}, LEVEL)
    assert found.n == 12 and set(asked) == {LEVEL, LEVEL / 4}
    assert "L3, 25% flips" in found.detail and found.bound in (-0.005, 0.005)
    for id, gate in (("S9c", "margin"), ("S9d", "random")):
        asked.clear()
        found = BY_ID[id].judge({"preference_labels": bought(0.01, 1e-3, gate=gate)}, LEVEL)
        assert found.n == 12 and set(asked) == {LEVEL, LEVEL / 2} and "100 labels, budget 100" in found.detail


@pytest.mark.parametrize(("gain", "expected"), [(0.0049, PASS), (-0.0049, PASS), (0.0051, FAIL), (-0.0051, FAIL)])
def test_a_change_is_negligible_within_its_margin(gain, expected):
    table = rounds(0.0, {"self_L0": 0.0, "L1": 0.001, "L3": gain}, noise=0.0)
    found = BY_ID["S10"].judge({"preference_rounds": table}, LEVEL)
    assert found.outcome == expected and found.measured == pytest.approx(gain)


def test_the_cell_shown_is_the_worst_and_a_wide_one_leaves_it_open():
    """L1's interval reaches out of the margin, though L3's mean is the larger one."""
    noise = np.tile([-0.0034, 0.0034], 6)
    table = rounds(0.0, {"self_L0": 0.0, "L1": 0.0, "L3": 0.002}, noise=0.0)
    wide = (table["method"] == "L1") & (table["round"] == 3)
    table.loc[wide, "accuracy"] += noise[table.loc[wide, "replication"]] - 0.001
    found = BY_ID["S10"].judge({"preference_rounds": table}, LEVEL)
    assert found.outcome == INCONCLUSIVE and found.measured == pytest.approx(0.002)
    table.loc[wide, "accuracy"] += 0.004
    found = BY_ID["S10"].judge({"preference_rounds": table}, LEVEL)
    assert found.measured == pytest.approx(0.003) and found.high > 0.005 and found.low < 0.003


def test_a_follower_that_moves_accuracy_by_more_than_the_margin_is_noticed():
    """S10's planted faults fail beside a table that passes."""
    table = pd.concat([rounds(flip, {"self_L0": 0.0, "L1": 0.001, "L3": 0.0}, 1e-4) for flip in (0.0, 0.25)])
    found = judge(BY_ID["S10"], {"preference_rounds": table}, LEVEL)
    assert found["verdict"] == PASS and found["sound"] and found["control"].count(": FAIL") == 2


def test_only_the_last_round_and_the_given_flips_count():
    table = pd.concat([rounds(0.0, dict.fromkeys(claims.RIVALS, 0.0) | {"L1": 0.05}, 1e-3), rounds(0.25, {"L1": -9.0})])
    found = BY_ID["S6a"].judge({"preference_rounds": table}, LEVEL)
    assert found.outcome == PASS and found.measured == pytest.approx(0.05, abs=2e-3)
    early = bought(0.03, 1e-3)
    late = pd.concat([early, early.assign(round=2, gain=-9.0)])
    assert outcome("S9c", preference_labels=late) == PASS
