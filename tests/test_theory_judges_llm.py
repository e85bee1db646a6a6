"""Judges of the claims on real text: each can pass, fail and stay open; small helpers by hand."""

import numpy as np
import pandas as pd
import pytest

from paper_repro import reference
from theory import stats
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


@pytest.mark.parametrize(("sign", "replications", "outcome"), [(1, 12, PASS), (-1, 12, FAIL), (1, 1, PASS)])
def test_order_agreement(sign, replications, outcome):
    """Five gates and two kinds of stream: by chance a perfect order has probability (1/5!)^2, however often played."""
    frozen = runs(curve({}), ORDER.get, replications=replications)
    tuned = runs(curve({}), lambda g: 10 + sign * ORDER[g], mode="finetune", replications=replications)
    table = dict(llm_runs=pd.concat([frozen, tuned], ignore_index=True))
    found = claims.order_agreement(table, LEVEL)
    assert found.outcome == outcome and found.bound == LEVEL and found.n == 2
    assert found.measured == pytest.approx((1 / 120) ** 2 if sign > 0 else 1.0)
    planted = next(c for c in claims.CLAIMS if c.id == "M3").controls
    assert [c.judge(table, LEVEL).outcome for c in planted] == [FAIL, PASS]


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


def made(**columns):
    """Rows of ``llm_runs`` by hand; a column is a value for all or a list."""
    n = max([len(v) for v in columns.values() if isinstance(v, list)], default=1)
    usual = dict(
        data="a", mode="frozen", stream="iid", gate="random", B=100, T=9, seed=0, replication=0, labels=100,
        mistakes=5.0,
    ) | {claims.HEAD: 0.5}  # fmt: skip
    return pd.DataFrame({k: v if isinstance(v, list) else [v] * n for k, v in (usual | columns).items()})


def test_frozen_runs_of_each_sets_longest_horizon():
    table = made(data=["a", "a", "b", "a"], T=[5, 9, 5, 20], mode=["frozen"] * 3 + ["finetune"])
    assert claims.frozen(dict(llm_runs=table)).index.tolist() == [1, 2]


def test_labels_are_saved_on_independent_streams_only():
    """On drifting streams, where the gates lose, the claim says nothing."""
    good, bad = (curve(dict(llf_self_paced=g, llf_regret=g)) for g in (0.02, -0.02))
    parts = [runs(good, FLAT.get, streams=("iid",)), runs(bad, FLAT.get, streams=("drift",))]
    assert claims.saves(dict(llm_runs=pd.concat(parts)), LEVEL).outcome == PASS


def test_labels_of_random_are_interpolated_and_clipped():
    own = made(labels=[1000, 0, 100], **{claims.HEAD: [0.7, 0.1, 0.5]})
    assert claims.labels_of_random(own, 0.6) == pytest.approx(100 * 10**0.5)
    assert claims.labels_of_random(own, 0.3) == pytest.approx(10.0)  # no label counts as one
    assert claims.labels_of_random(own, 0.0) == pytest.approx(1.0) and claims.labels_of_random(
        own, 0.9
    ) == pytest.approx(1000)
    falls = made(labels=[10, 100, 1000], **{claims.HEAD: [0.5, 0.4, 0.7]})
    assert claims.labels_of_random(falls, 0.6) == pytest.approx(100 * 10**0.5)


def own_and_random():
    head = claims.HEAD
    base = made(gate=["random", "all"], labels=[10, 1000], **{head: [0.5, 0.7]})
    return pd.concat([base, made(gate=["g", "g"], labels=[50, 0], **{head: [0.6, 0.5]})])


def test_label_ratios_are_means_of_logarithms_over_budgets():
    ratios = claims.label_ratios(own_and_random(), "g")
    assert ratios == pytest.approx([(np.log(50 / 100) + np.log(1 / 10)) / 2])
    assert len(claims.label_ratios(own_and_random()[lambda t: t["gate"] != "all"], "g")) == 0
    assert len(claims.label_ratios(own_and_random(), "missing")) == 0
    two = pd.concat([own_and_random(), own_and_random().assign(replication=1)])
    assert len(claims.label_ratios(two, "g")) == 2


def test_geometric_means_and_their_intervals():
    found, want = claims.geometric(np.array([0.0, 1.0])), stats.mean([0.0, 1.0])
    assert (found.value, found.n) == (pytest.approx(np.exp(0.5)), 2)
    assert found.at(0.1) == pytest.approx(tuple(np.exp(want.at(0.1))))
    assert claims.geometric(np.array([0.0])).value == 1.0 and claims.geometric(np.array([0.0])).at(0.1) == (0.0, np.inf)


def watched(monkeypatch):
    """The levels at which intervals of means are asked for."""
    seen, mean = [], stats.mean

    def watch(values):
        made = mean(values)
        return made._replace(at=lambda level: seen.append(level) or made.at(level))

    monkeypatch.setattr(stats, "mean", watch)
    return seen


def test_comparisons_are_judged_at_the_level_and_at_its_share(monkeypatch):
    seen = watched(monkeypatch)
    table = runs(curve({}), FLAT.get)
    two = dict(llm_runs=pd.concat([table, table.assign(data="b")]))
    for judge, comparisons in ((claims.saves, 4), (claims.fewest_mistakes("iid"), 24), (claims.width_fails, 2)):
        seen.clear()
        judge(two, LEVEL)
        shown = min(comparisons, 12)
        assert sorted(seen) == pytest.approx([LEVEL / comparisons] * comparisons + [LEVEL] * (comparisons + shown))


def test_mistakes_are_paired_and_the_best_rival_counts():
    replications = [r for r in range(3) for _ in range(4)]
    gates = ["llf_self_paced", "random", "margin", "all"] * 3
    mistakes = [m * (1 + r) for r in range(3) for m in (8.0, 10.0, 4.0, 1.0)]
    table = made(gate=gates, replication=replications, mistakes=mistakes)
    found = claims.paired_ratio(table, "llf_self_paced", "random")
    assert (found.value, *found.at(LEVEL)) == pytest.approx((0.8,) * 3) and found.n == 3
    found = claims.fewest_mistakes("iid")(dict(llm_runs=table), LEVEL)
    assert (found.measured, found.n, found.outcome) == (pytest.approx(2.0), 3, FAIL)
    assert found.detail.startswith("worst: a B=100: llf_self_paced/margin.")
    assert claims.paired_ratio(table, "llf_self_paced", "width") is None
    apart = table[(table["gate"] == "random") ^ (table["replication"] == 0)]
    assert claims.paired_ratio(apart[apart["gate"] != "margin"], "llf_self_paced", "random") is None
    alone = claims.fewest_mistakes("iid")(dict(llm_runs=table[table["gate"] == "llf_self_paced"]), LEVEL)
    assert (alone.outcome, alone.n) == (INCONCLUSIVE, 0)


def test_cells_are_shown_by_falling_ratio():
    tables = [
        made(gate=["llf_self_paced", "random"], mistakes=[m, 10.0], B=B) for m, B in ((5.0, 1), (9.0, 2), (7.0, 3))
    ]
    text = claims.fewest_mistakes("iid")(dict(llm_runs=pd.concat(tables)), LEVEL).detail
    assert text.index("B=2: ") < text.rindex("B=3: ") < text.rindex("B=1: ")


def test_the_width_gates_loss_is_in_points():
    head = claims.HEAD
    table = made(gate=["width", "random"] * 2, replication=[0, 0, 1, 1], **{head: [0.4, 0.5, 0.5, 0.6]})
    other = made(gate=["width", "margin"], **{head: [0.9, 0.1]}, stream="drift")
    found = claims.width_fails(dict(llm_runs=pd.concat([table, other])), LEVEL)
    assert found.measured == pytest.approx(-10.0) and found.bound == 0.0
    none = claims.width_fails(dict(llm_runs=made(gate="width")), LEVEL)
    assert none.outcome == INCONCLUSIVE and none.n == 0


def test_orders_are_compared_where_both_modes_were_played():
    up = [1.0, 2.0, 3.0]
    frozen = made(gate=list("abc"), mistakes=up)
    for silent in (frozen, pd.concat([frozen, made(gate=list("abc"), mistakes=up, mode="finetune", T=10)])):
        found = claims.order_agreement(dict(llm_runs=silent), LEVEL)
        assert (found.outcome, found.n, found.bound) == (INCONCLUSIVE, 0, LEVEL)


@pytest.mark.parametrize(("gate", "outcome"), [(5.0, PASS), (5.001, FAIL)])
def test_overhead_at_a_twentieth_in_every_tuned_run(gate, outcome):
    times = pd.DataFrame(dict(mode=["finetune"] * 2 + ["frozen"], seconds_gate=[1.0, gate, 99.0], seconds_total=100.0))
    found = claims.overhead(dict(llm_times=times), LEVEL)
    assert (found.outcome, found.measured, found.bound, found.n) == (outcome, gate / 100, 0.05, 2)
    none = claims.overhead(dict(llm_times=times[2:]), LEVEL)
    assert (none.outcome, none.bound, none.n) == (INCONCLUSIVE, 0.05, 0)


def test_labels_to_reach_a_share_of_the_accuracy_with_every_label():
    head = claims.HEAD
    frames = [made(gate="all", replication=r, labels=1000, **{head: 1.0}) for r in range(3)]
    for r, top in enumerate((0.8, 0.7, 0.5)):
        frames.append(made(gate="g", replication=r, labels=[10, 1000], **{head: [0.4, top]}))
    frames.append(made(gate="g", replication=9, labels=[10, 1000], **{head: [0.4, 0.9]}))  # without its "all"
    row = claims.needed_labels(pd.concat(frames), shares=(0.6,)).iloc[0]
    low, high = 10 * 100 ** (0.2 / 0.4), 10 * 100 ** (0.2 / 0.3)
    assert row[["labels", "least", "most"]].tolist() == pytest.approx([(low + high) / 2, low, high])
    assert (row["reached"], row["of"], row["share"], row["gate"]) == (2, 3, 0.6, "g")
    assert claims.needed_labels(pd.concat(frames))["share"].tolist() == [0.9, 0.95, 0.99]
    own = made(labels=[1000, 0], **{head: [0.8, 0.2]})
    assert claims.crossing(own, 0.5) == pytest.approx(1000**0.5) and claims.crossing(own, 0.8) == pytest.approx(1000)
    assert np.isnan(claims.crossing(own, 0.801))


def test_the_shipped_runs_are_judged_and_their_origin_is_told():
    tables = {name: reference.shipped(name) for name in ("llm_runs", "llm_times")}
    assert set(COLUMNS) <= set(tables["llm_runs"])
    for name in reference.at_hand():
        assert {"command", "machine", "versions"} <= set(reference.origin(name))
    for claim in claims.CLAIMS:
        assert claim.judge(tables, LEVEL).n > 0
