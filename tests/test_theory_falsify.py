"""The search for worst instances: it finds planted false bounds, and its files replay."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from paper_repro import falsify as falsify_runs
from paper_repro.falsify import play
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from theory.falsify import search
from theory.falsify.space import NAMES, TARGETS, planted, target_of
from theory.judges import path as claims_path
from theory.judges import rate
from theory.ledger import FAIL, PASS

INSTANCES = sorted(falsify_runs.INSTANCES.glob("*.json"))
SMOKE = 600


def free_run(claim, T=200, B=40, kind="evader", sigma=0.5, **kwargs):
    target = TARGETS[claim]
    return RunSpec(
        T=T,
        B=T if target.full else B,
        stream=StreamSpec(context="free", d=2),
        follower=FollowerSpec(kind=kind),
        learner=LearnerSpec(sigma=sigma),
        gate=target.gate,
        record=target.record,
        **kwargs,
    )


@given(u=st.lists(st.floats(0.0, 1.0), min_size=len(NAMES), max_size=len(NAMES)), claim=st.sampled_from([*TARGETS]))
def test_every_point_is_a_legal_instance_or_none(u, claim):
    target = TARGETS[claim]
    try:
        spec = target.factory(np.array(u))
    except ValidationError:
        return
    assert spec.learner.lam >= spec.learner.L**2
    assert 1 <= spec.budget <= spec.T <= target.rounds
    assert spec.learner.sigma >= target.quiet
    assert spec.gate == target.gate
    assert not target.full or spec.budget == spec.T


def test_a_point_off_the_game_is_refused():
    u = np.full(len(NAMES), 0.5)
    u[NAMES.index("follower")], u[NAMES.index("sigma")] = 0.55, 0.0
    with pytest.raises(ValidationError, match="sigma = 0"):
        TARGETS["B8"].factory(u)


@pytest.mark.parametrize(
    ("claim", "judge"),
    [
        ("B7", lambda t: claims_path.theorem2({"theorem2": t}, 0.01)),
        ("B8", lambda t: claims_path.theorem3({"theorem3": t}, 0.01)),
        ("B9a", lambda t: rate.stated_c_beta({"stated": t}, 0.01)),
    ],
)
def test_the_ratio_is_the_judges_ratio(claim, judge):
    table = play(free_run(claim, T=2000, B=400, sigma=0.1))
    found = judge(table)
    assert found.outcome == PASS
    assert TARGETS[claim].ratio(table) == pytest.approx(found.measured / found.bound, rel=1e-12)
    broken = table.assign(regret=1e7)
    assert judge(broken).outcome == FAIL
    assert TARGETS[claim].ratio(broken) > 1.0


@pytest.mark.parametrize(
    ("claim", "columns", "judge"),
    [
        ("B2", dict(psi=1e6), lambda t: claims_path.lemma0_of(t)),
        ("B2", dict(potential=1e6), lambda t: claims_path.lemma0_of(t)),
        ("B2", dict(wide=10**6), lambda t: claims_path.lemma0_of(t)),
        ("B3b", dict(regret=1e6), lambda t: claims_path.theorem1({"horizon": t}, 0.01)),
        ("B7", dict(labels=41), lambda t: claims_path.theorem2({"theorem2": t}, 0.01)),
        ("B8", dict(labels=40), lambda t: claims_path.theorem3({"theorem3": t}, 0.01)),
        ("B8", dict(threshold_rise_max=0.1), lambda t: claims_path.theorem3({"theorem3": t}, 0.01)),
        ("B8", dict(gain_unbought_max=10.0), lambda t: claims_path.theorem3({"theorem3": t}, 0.01)),
    ],
)
def test_what_a_judge_fails_has_a_ratio_above_1(claim, columns, judge):
    table = play(free_run(claim))
    assert TARGETS[claim].ratio(table) <= 1.0 + 1e-9
    assert judge(table).outcome != FAIL
    broken = table.assign(**columns)
    assert judge(broken).outcome == FAIL
    assert TARGETS[claim].ratio(broken) > 1.0
    json.dumps(TARGETS[claim].worst(broken), allow_nan=False)


def test_latency_ratio_reads_the_round():
    table = play(free_run("B3a", T=50))
    ratio = TARGETS["B3a"].ratio(table)
    assert 0.0 < ratio <= 1.0
    assert TARGETS["B3a"].ratio(table.assign(latency=table["latency"] * ratio / 2.0)) == pytest.approx(2.0, rel=1e-6)


def test_a_run_off_the_event_or_vacuous_says_nothing():
    table = play(free_run("B8", T=2000, B=400, sigma=0.1))
    assert TARGETS["B8"].ratio(table.assign(conf_ratio_max=1.1)) == -np.inf
    assert TARGETS["B8-useful"].ratio(table) == TARGETS["B8"].ratio(table)
    assert TARGETS["B8-noisy"].ratio(table) == -np.inf
    assert TARGETS["B8-useful"].ratio(play(free_run("B8", T=20, B=2))) == -np.inf


def test_search_repeats_and_respects_its_limits():
    first, second = (search.search(TARGETS["B9a"], play, 120, seed=3) for _ in range(2))
    assert first == second
    assert first.ratio == first.record["ratio"] == TARGETS["B9a"].ratio(play(first.spec))
    calls = []

    def counted(spec):
        calls.append(spec)
        return play(spec)

    search.search(TARGETS["B9a"], counted, 100, seed=0)
    assert len(calls) <= 100
    search.search(TARGETS["B9a"], counted, 10**9, seed=0, seconds=1.0)


def test_a_search_that_finds_nothing_says_so():
    def off_event(spec):
        return play(spec).assign(conf_ratio_max=2.0)

    with pytest.raises(ValueError, match="no instance of B9a among 30 points"):
        search.search(TARGETS["B9a"], off_event, 30, seed=0)


@pytest.mark.parametrize("claim", ["B3b", "B7", "B8", "B8-useful"])
def test_a_planted_false_bound_is_found_within_the_smoke_budget(claim):
    """The bound is scaled so that only instances within 1 % of the tightest known break it."""
    tightest = search.load(falsify_runs.INSTANCES / f"{claim}.json").ratio
    false = planted(TARGETS[claim], tightest / 1.01)
    found = search.search(false, play, SMOKE, seed=1)
    assert found.ratio > 1.0
    assert false.ratio(play(found.spec)) == found.ratio
    assert TARGETS[claim].ratio(play(found.spec)) <= 1.0 + 1e-9


def test_a_planted_bound_keeps_the_rows_that_count():
    table = play(free_run("B8", T=20, B=2))
    assert planted(TARGETS["B8-useful"], 1e-3).ratio(table) == -np.inf
    assert planted(TARGETS["B8"], 0.5).ratio(table) == pytest.approx(2.0 * TARGETS["B8"].ratio(table), rel=1e-12)


def test_save_and_replay(tmp_path):
    found = search.search(TARGETS["B8"], play, 40, seed=0)
    path = tmp_path / "B8.json"
    search.save(found, path)
    assert search.load(path) == found
    assert search.replay(path, play) == pytest.approx(found.ratio, rel=1e-9)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"claim": "B8", "ratio": 1, "spec": {"T": 0}, "record": {}}'])
def test_a_damaged_instance_is_refused(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="not a saved instance"):
        search.load(path)


def test_shrink_simplifies_and_keeps_the_ratio():
    target = TARGETS["B8-useful"]
    start = RunSpec(
        T=1308,
        B=7,
        stream=StreamSpec(context="free", d=3, exponent=2.345),
        follower=FollowerSpec(kind="evader", tremble=0.0123),
        learner=LearnerSpec(sigma=0.00123, lam=1.234, delta=0.541),
        gate=target.gate,
        record=target.record,
        seed=298,
    )
    before = target.ratio(play(start))
    small = search.shrink(target, start, play)
    assert small.ratio >= 0.95 * before
    assert small.spec.T < start.T and small.spec.seed == 0 and small.spec.learner.sigma in (0.0, 1.0)
    assert small.spec.follower.tremble == 0.001 and small.spec.learner.delta == 0.05
    first, second = (search.shrink(target, start, play, evaluations=25) for _ in range(2))
    assert first == second and first.spec != start
    assert search.shrink(target, small.spec, play, keep=0.95 * before).spec == small.spec


@pytest.mark.parametrize("claim", ["B3b", "B3b-useful"])
def test_shrink_stays_inside_the_claim(claim):
    """Theorem 1 speaks of runs that buy every label, so a smaller B alone is no simplification."""
    start = free_run(claim, T=64, kind="ball", sigma=0.0)
    small = search.shrink(TARGETS[claim], start, play, keep=0.05).spec
    assert small.budget == small.T < 64
    assert TARGETS[claim].ratio(play(start.model_copy(update=dict(B=32)))) == -np.inf


def test_shrink_changes_to_a_simpler_follower():
    target = TARGETS["B3b"]
    small = search.shrink(target, free_run("B3b", T=30, sigma=0.0), play, keep=0.01)
    assert small.spec.follower.kind in ("iid", "hard_negative", "best_response")
    assert small.spec.stream.context == "isotropic" and small.spec.T == 1
    with pytest.raises(ValueError, match="says nothing"):
        search.shrink(TARGETS["B3b-noisy"], free_run("B3b", T=30, sigma=0.0), play)


@pytest.mark.parametrize("path", INSTANCES, ids=lambda p: p.stem)
def test_committed_instances_replay(path):
    stored = search.load(path)
    assert stored.claim == path.stem
    ratio = search.replay(path, play)
    assert ratio <= 1.0 + 1e-9
    assert ratio == pytest.approx(stored.ratio, rel=1e-6)


def test_instances_cover_the_claims():
    assert {p.stem for p in INSTANCES} >= {"B2", "B3b", "B7", "B8", "B9a", "B8-useful"}


def test_run_writes_a_file_for_every_claim(tmp_path, capsys):
    found = falsify_runs.run(("B3b", "B8"), 0.03, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("B8 ") and "BROKEN" not in "".join(lines)
    for one in found:
        path = tmp_path / "falsify" / f"{one.claim}.json"
        assert json.loads(path.read_text())["ratio"] == one.ratio
        assert search.replay(path, play) == pytest.approx(one.ratio, rel=1e-9)


def test_run_refuses_unknown_claims_and_no_time(tmp_path):
    with pytest.raises(ValueError, match=r"no search for claim 'B6a'; valid: B2, B3a, B3b"):
        falsify_runs.run(("B8", "B6a"), 1.0, tmp_path)
    with pytest.raises(ValueError, match="minutes = 0"):
        falsify_runs.run(("B8",), 0.0, tmp_path)
    assert not list(tmp_path.iterdir())
    assert target_of("B8").gate == GateSpec(kind="llf_paced", cap=False)
    assert target_of("B8").record == RecordSpec(mode="final")
