"""Tightness: the judges' ratios, a run at a time, and a broken bound shows above 1."""

import json

import numpy as np
import pandas as pd
import pytest

from paper_repro.falsify import INSTANCES
from sim import engine, table
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from theory import claims, routing
from theory.falsify import tightness
from theory.falsify.space import target_of

FREE = dict(stream=StreamSpec(context="free", d=2), follower=FollowerSpec(kind="ball"))


def play(spec):
    return table.from_log("x/0", engine.play(spec, compiled=False))


def tables():
    """Small sweeps of every claim, plain loop; a run with a bound below the trivial one in each."""
    paced = GateSpec(kind="llf_paced", cap=False)
    cheap = dict(learner=LearnerSpec(sigma=0.1), **FREE)
    specs = dict(
        horizon=[RunSpec(T=600, replications=3, **cheap), RunSpec(T=30, replications=2, **FREE)],
        theorem2=[RunSpec(T=600, B=300, gate=GateSpec(kind="llf_fixed", cap=False), record=FINAL, **cheap)],
        theorem3=[RunSpec(T=600, B=300, gate=paced, replications=2, record=FINAL, **cheap)],
        stated=[RunSpec(T=600, B=300, gate=GateSpec(kind="llf_paced"), record=FINAL, **cheap)],
        trace=[RunSpec(T=60, B=30, gate=GateSpec(kind=g), record=EVERY, **FREE) for g in ("llf_fixed", "prefix")],
    )
    return {
        name: table.from_logs([(f"{name}/{i}", engine.play(s, compiled=False)) for i, s in enumerate(runs)])
        for name, runs in specs.items()
    }


NEEDS = {claim.id: claim.needs for claim in claims.LEDGER}


def tightness_table(tables, worst):
    return tightness.tightness_table(tables, worst, NEEDS)


FINAL, EVERY = RecordSpec(mode="final"), RecordSpec(mode="every")


@pytest.fixture(scope="module")
def played():
    found = tables()
    others = set(NEEDS["B2"]) - set(found)
    return found | {name: found["horizon"].assign(run=name) for name in others} | dict(
        routing=routing.ratios(20, 0, (0.1, 0.5, 1.0))
    )  # fmt: skip


@pytest.fixture(scope="module")
def worst():
    return pd.concat([tightness.replayed(INSTANCES / f"{n}.json", play) for n in ("B3b", "B3b-useful", "B3b-noisy")])


@pytest.fixture(scope="module")
def out(played, worst):
    return tightness_table(played, worst)


def of(out, claim, source, quantile=1.0):
    rows = out[(out["claim"] == claim) & (out["source"] == source) & (out["quantile"] == quantile)]
    return rows["ratio"].item()


def test_every_claim_has_its_rows_in_order(out):
    assert list(out.columns) == list(tightness.COLUMNS)
    assert list(out.index) == list(range(len(out)))
    assert list(dict.fromkeys(out["claim"])) == ["B2", "B3a", "B3b", "B7", "B8", "B9a", "L1", "L2"]
    assert out["ratio"].between(0.0, 1.0 + 1e-9).all()
    assert not out.isna().any().any()
    for _, rows in out[out["source"].str.startswith("runs")].groupby(["claim", "source"]):
        assert list(rows["quantile"]) == list(tightness.QUANTILES)
        assert rows["ratio"].is_monotonic_increasing


def test_the_largest_ratio_is_the_targets(out, played):
    for claim, name in (("B3b", "horizon"), ("B7", "theorem2"), ("B8", "theorem3"), ("B9a", "stated")):
        assert of(out, claim, "runs") == pytest.approx(target_of(claim).ratio(played[name]), rel=1e-12)
        useful = target_of(f"{claim}-useful").ratio(played[name])
        assert of(out, claim, "runs, bound not trivial") == pytest.approx(useful, rel=1e-12)


def test_a_sample_is_a_run(out, played):
    rows = out[(out["claim"] == "B3b") & (out["source"] == "runs")]
    assert set(rows["n"]) == {8} and set(rows["unit"]) == {"runs"}
    useful = pd.concat([target_of("B3b").rows(played[name]) for name in ("horizon", "quiet")])
    assert rows["useful"].iloc[0] == pytest.approx((useful["bound"] < useful["trivial"]).mean())
    assert 0.0 < rows["useful"].iloc[0] < 1.0


def test_latency_is_judged_within_a_run(out, played):
    """The first round of the second run is not compared with the last of the first."""
    ratios = []
    for _, rows in played["trace"].groupby(["run", "replication"]):
        judged = target_of("B3a").rows(rows)
        ratios += list(judged.loc[judged["measured"] > 0.0, "ratio"])
    mine = out[(out["claim"] == "B3a") & (out["source"] == "runs")]
    assert set(mine["n"]) == {len(ratios)} and len(ratios) > 3
    assert of(out, "B3a", "runs", 0.5) == pytest.approx(np.median(ratios))


@pytest.mark.parametrize(
    ("claim", "name", "columns"),
    [
        ("B2", "stated", dict(psi=1e6)),
        ("B3a", "trace", dict(latency=1e-6)),
        ("B3b", "horizon", dict(regret=1e6)),
        ("B7", "theorem2", dict(labels=10**6)),
        ("B8", "theorem3", dict(threshold_rise_max=1.0)),
        ("B9a", "stated", dict(regret=1e6)),
        ("L1", "routing", dict(ratio=1e3)),
        ("L2", "routing", dict(ratio=1e3)),
    ],
)
def test_a_doctored_table_shows_above_1(played, worst, claim, name, columns):
    broken = played | {name: played[name].assign(**columns)}
    assert of(tightness_table(broken, worst), claim, "runs") > 1.0


def test_runs_off_the_event_and_controls_say_nothing(played, worst):
    for change in (dict(conf_ratio_max=1.5), dict(control="wrong_update")):
        off = played | dict(stated=played["stated"].assign(**change))
        rows = tightness_table(off, worst)
        assert "B9a" not in set(rows["claim"]) and "B8" in set(rows["claim"])


def test_a_selection_of_sweeps_gives_a_selection_of_claims(played, worst):
    few = tightness_table({"theorem2": played["theorem2"]}, worst)
    assert set(few["claim"]) == {"B3b", "B7"}
    assert set(tightness_table({"theorem2": played["theorem2"]}, worst.iloc[:0])["claim"]) == {"B7"}


def test_instances_replay_by_variant(worst):
    assert list(worst["source"]) == [tightness.WORST + v for v in tightness.VARIANTS.values()]
    assert worst["claim"].eq("B3b").all() and worst["useful"].tolist() == [0.0, 1.0, 1.0]
    assert worst["ratio"].is_monotonic_decreasing
    assert worst["seed"].tolist()[-1] == json.loads((INSTANCES / "B3b-noisy.json").read_text())["spec"]["seed"]


def test_tight_examples_are_the_worst_of_the_routes(out):
    assert of(out, "L2", "worst found") == pytest.approx(1.0, abs=1e-9)
    assert of(out, "L1", "worst found") == pytest.approx(1.0, abs=1e-4)
    assert of(out, "L2", "runs", 0.5) < 0.999
    sampled = out[(out["claim"] == "L1") & (out["source"] == "runs")]
    assert set(sampled["n"]) == {20 * 2}  # twenty random instances at two shares below 1; tight ones are no sample


def test_a_bound_that_equals_the_trivial_one_is_not_useful(monkeypatch):
    class Met:
        """A target whose bound is the trivial one."""

        def worst(self, table):
            return dict(ratio=0.5, bound=1.0, trivial=1.0)

    monkeypatch.setattr(tightness, "target_of", lambda name: Met())
    assert tightness.replayed(INSTANCES / "B3b.json", lambda spec: None)["useful"].tolist() == [0.0]


def test_a_silent_instance_is_refused(tmp_path):
    path = tmp_path / "B3b-noisy.json"
    path.write_text((INSTANCES / "B3b.json").read_text())
    with pytest.raises(ValueError, match=r"B3b-noisy.json: B3b-noisy says nothing"):
        tightness.replayed(path, play)


def test_the_preference_games_bounds_are_counted_by_search():
    rows = pd.DataFrame(
        dict(
            seed=[0, 0, 1], regime="regular", policy="matched", delta=[0.1, 0.2, 0.4], r1_measured=[0.1, 0.3, 0.6],
            r1_bound=[0.4, 0.6, 0.75], r2_measured=[0.1, 0.2, 0.3], r2_bound=[0.2, np.nan, 0.2],
        )
    )  # fmt: skip
    made = tightness.of_regrets("S4a", rows).set_index(["source", "quantile"])["ratio"]
    assert made[(tightness.RUNS, 1.0)] == made[(tightness.WORST, 1.0)] == pytest.approx(0.8)
    assert made[(tightness.RUNS + tightness.NOT_TRIVIAL, 1.0)] == pytest.approx(0.5)  # log 2 is trivial
    broken = tightness.of_regrets("S4b", rows)
    assert broken["ratio"].max() == pytest.approx(1.5)
