"""Judges of the preflight, on tables made by hand, at the edge of every comparison."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from tables import rows

from theory import stats
from theory.judges import plugin
from theory.ledger import FAIL, INCONCLUSIVE, PASS, ROUNDING, VACUOUS

LEVEL = 0.01


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(stats, "RESAMPLES", 40)


def test_enough_is_the_least_multiple_of_ten():
    plugin.enough.cache_clear()
    n = plugin.enough(0.05, LEVEL)
    high = {m: stats.frequency(int(binom.ppf(0.999, m, 0.005)), m).at(LEVEL)[1] for m in (n - 10, n)}
    assert n % 10 == 0 and high[n] <= 0.05 < high[n - 10]


@pytest.mark.parametrize(("labels", "outcome"), [(4, PASS), (5, FAIL)])
def test_budget(labels, outcome):
    found = plugin.budget(rows(3, labels=[0, labels, 1], B=[1, 4, 9]))
    assert (found.outcome, found.measured, found.bound, found.n) == (outcome, labels, 4.0, 3)
    assert found.detail == f"{labels - 4} of 3 runs buy more than B"
    idle = plugin.budget(rows(2, labels=0, B=[3, 4]))
    assert (idle.outcome, idle.bound, idle.n) == (VACUOUS, 3.0, 2)
    assert idle.measured == idle.low == idle.high == 0.0


def rounds(n=4, **columns):
    data = dict(run="a", replication=list(range(n)), t=1, rho=0.1, claimed=0.5, ratio=0.5, S=1.0, L=2.0, delta=0.05)
    data |= columns
    return pd.DataFrame({k: v if isinstance(v, list) else [v] * n for k, v in data.items()})


def test_a_claim_is_broken_beyond_rounding_on_the_event():
    slack = ROUNDING * 1.5
    assert plugin.claimed(rounds(rho=0.5 + 0.99 * slack), LEVEL).outcome == PASS
    found = plugin.claimed(rounds(rho=[0.1, 0.5 + 1.01 * slack, 0.1, 0.1]), LEVEL)
    assert found.outcome == FAIL and found.bound == 0.5 and found.measured > 0.5
    assert found.detail.startswith("1 violations in 4 rounds; 1 of 4 runs have one, a share of ")
    assert plugin.claimed(rounds(rho=[0.1, 9.0, 0.1, 0.1], ratio=1.0), LEVEL).outcome == FAIL
    assert plugin.claimed(rounds(claimed=[np.nan, 0.5, 0.5, 0.5]), LEVEL).outcome == FAIL


def test_off_the_event_a_share_of_delta_may_be_broken():
    off = dict(rho=[9.0, 0.1, 0.1, 0.1], ratio=[1.1, 0.5, 0.5, 0.5])
    found = plugin.claimed(rounds(**off), LEVEL)
    assert found.outcome == PASS and found.measured == 0.1
    assert plugin.claimed(rounds(100, rho=9.0, ratio=1.1, claimed=0.5), LEVEL).outcome == FAIL
    low = stats.frequency(1, 4).at(LEVEL)[0]
    assert plugin.claimed(rounds(**off, delta=low), LEVEL).outcome == PASS
    assert plugin.claimed(rounds(**off, delta=0.99 * low), LEVEL).outcome == FAIL


def test_a_claim_at_the_trivial_bound_says_nothing():
    assert plugin.claimed(rounds(claimed=2.0), LEVEL).outcome == VACUOUS
    assert plugin.claimed(rounds(claimed=[1.999, 2.0, 2.0, 2.0]), LEVEL).outcome == PASS


def test_the_worst_round_is_the_largest_excess_on_the_event():
    table = rounds(5, rho=[0.1, 0.3, 0.9, 9.0, 0.0], claimed=[0.2, 0.2, 0.7, 0.5, 0.5], ratio=[0.5, 0.5, 1.0, 1.1, 0.5])
    assert plugin.worst_claim(table)["rho"] == 0.9
    assert plugin.worst_claim(table.assign(ratio=1.1))["rho"] == 0.1  # nothing on E: the first
    fine = table.assign(rho=[0.1, 0.15, 0.0, 9.0, 0.0])
    assert plugin.worst_claim(fine)["rho"] == 0.15
    assert np.isnan(plugin.worst_claim(table.assign(rho=[np.nan, 0.3, 0.9, 9.0, 0.0]))["rho"])


def contest(gap=1.0, arenas=("x", "y"), n=4):
    frames = []
    for arena in arenas:
        for gate, more in (("own", 0.0), ("b", gap), ("a", 2 * gap)):
            regret = [10.0 * r + more * (1 + 0.1 * r) for r in range(n)]
            frames.append(rows(n, gate=gate, regret=regret, arena=arena))
    return pd.concat(frames, ignore_index=True)


def test_differences_are_paired_and_share_the_level():
    table = contest(arenas=("x",))
    want = stats.mean([-1.0, -1.1, -1.2, -1.3])
    found = plugin.difference(table[::-1], "own", "b", "regret")
    assert (found.value, found.n) == (pytest.approx(want.value), 4)
    assert found.at(LEVEL) == pytest.approx(want.at(LEVEL))
    short = table.drop(table[(table["gate"] == "b") & (table["replication"] == 3)].index)
    assert plugin.difference(short, "own", "b", "regret").n == 3
    found = plugin.differences(contest(), "own", "regret", LEVEL)
    assert found[["arena", "rival"]].to_numpy().tolist() == [["x", "a"], ["x", "b"], ["y", "a"], ["y", "b"]]
    assert found.iloc[1][["mean", "low", "high", "n"]].tolist() == pytest.approx([want.value, *want.at(LEVEL / 4), 4])
    two = plugin.differences(pd.concat([contest(1.0, ("x",)), contest(3.0, ("y",))]), "own", "regret", LEVEL)
    assert two["mean"].tolist() == pytest.approx([-2.3, -1.15, -6.9, -3.45])
    assert plugin.differences(contest()[lambda t: t["gate"] == "own"], "own", "regret", LEVEL).empty


@pytest.mark.parametrize(("low", "high", "outcome"), [(-2.0, 0.0, PASS), (-2.0, 0.1, INCONCLUSIVE), (0.1, 2.0, FAIL)])
def test_less_in_every_arena(low, high, outcome):
    table = pd.DataFrame(dict(arena=["x", "y"], mean=[-1.0, 0.0], low=[-3.0, low], high=[-0.5, high]))
    found = plugin.outcome_of(table)
    assert (found.outcome, found.bound, found.n) == (outcome, 0.0, 2)
    moved = table.assign(mean=-table["mean"], low=-table["high"], high=-table["low"])
    assert plugin.listed(moved, 0.0, "above").outcome == outcome  # the other side, mirrored


def test_ranks_are_means_over_arenas_and_vary_by_pair():
    table = contest()
    table.loc[(table["arena"] == "y") & (table["gate"] == "a"), "regret"] -= 100.0
    found = plugin.ranks(table, "regret", LEVEL)
    assert found["gate"].tolist() == ["own", "a", "b"] and found["rank"].tolist() == [1.5, 2.0, 2.5]
    assert found["low"].tolist() == found["rank"].tolist() == found["high"].tolist()
    one = plugin.ranks(table[table["replication"] < 1], "regret", LEVEL)
    assert one["low"].tolist() == [-np.inf] * 3 and one["rank"].tolist() == [1.5, 2.0, 2.5]
    mixed = contest()
    mixed.loc[(mixed["replication"] == 0) & (mixed["gate"] == "a"), "regret"] -= 100.0
    row = plugin.ranks(mixed, "regret", LEVEL).set_index("gate").loc["a"]
    assert row[["low", "high"]].tolist() == pytest.approx(stats.mean([1.0, 3.0, 3.0, 3.0]).at(LEVEL / 3))
    tied = plugin.ranks(contest(gap=0.0), "regret", LEVEL)
    assert tied["rank"].tolist() == [2.0] * 3


def powers(power=0.5, zero=False):
    frames = []
    for gate, p in (("own", power), ("b", 1.0)):
        for T in (10, 40, 160):
            regret = 0.0 if zero and T == 10 and gate == "own" else float(T) ** p
            frames.append(rows(3, gate=gate, T=T, regret=regret))
    return pd.concat(frames, ignore_index=True)


def test_exponents_of_every_gate():
    found = plugin.exponents(powers(), "T", LEVEL)
    assert found["gate"].tolist() == ["b", "own"] and found["estimate"].tolist() == pytest.approx([1.0, 0.5])
    none = plugin.exponents(powers(zero=True), "T", LEVEL).iloc[1]
    assert np.isnan(none["estimate"]) and (none["low"], none["high"]) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("low", "high", "two", "one"),
    [
        (0.4, 0.6, PASS, PASS), (0.39, 0.6, INCONCLUSIVE, PASS), (0.4, 0.61, INCONCLUSIVE, INCONCLUSIVE),
        (0.61, 0.7, FAIL, FAIL), (0.1, 0.39, FAIL, PASS),
    ],
)  # fmt: skip
def test_an_exponent_inside_the_band_or_at_most_its_end(low, high, two, one):
    table = pd.DataFrame(dict(gate=["b", "own"], estimate=[1.0, 0.5], low=[0.9, low], high=[1.1, high]))
    for sided, outcome in ((True, two), (False, one)):
        found = plugin.exponent_finding(table, "own", 0.5, sided)
        assert (found.outcome, found.bound, found.n, found.measured) == (outcome, 0.5, 2, 0.5)
        assert (found.low, found.high) == (low, high)
        assert found.detail == f"b 1.00 [0.90, 1.10]; own 0.50 [{low:.2f}, {high:.2f}]"
    blank = table.assign(estimate=np.nan)
    assert plugin.exponent_finding(blank, "own", 0.5, True).outcome == INCONCLUSIVE


def test_a_verdict_needs_every_seed_set():
    assert plugin.agreed(PASS, [PASS, PASS]) == PASS and plugin.agreed(PASS, []) == PASS
    assert plugin.agreed(PASS, [PASS, FAIL]) == INCONCLUSIVE == plugin.agreed(FAIL, [PASS])
