"""theory.falsify.simplest: hypothesis shrinks a found instance, deterministically and inside the claim."""

import sys

import pytest

from paper_repro.falsify import play
from sim.spec import FollowerSpec, LearnerSpec, RunSpec, StreamSpec
from theory.falsify import search, simplest
from theory.falsify.space import TARGETS


def start(claim="B8-useful", **changes):
    target = TARGETS[claim]
    shape = dict(T=1308, B=7, seed=298) | changes
    shape["B"] = shape["T"] if target.full else shape["B"]
    return RunSpec(
        stream=StreamSpec(context="free", d=3, exponent=2.345),
        follower=FollowerSpec(kind="evader", tremble=0.0123, exact=target.gate.by_width),
        learner=LearnerSpec(sigma=0.00123, lam=1.234, delta=0.541),
        gate=target.gate,
        record=target.record,
        **shape,
    )


def test_simplest_keeps_the_ratio_and_repeats():
    target, spec = TARGETS["B8-useful"], start()
    plays = []

    def counted(candidate):
        plays.append(candidate.key())
        return play(candidate)

    small = simplest.simplest(target, spec, counted, evaluations=80)
    assert small.ratio >= 0.95 * target.ratio(play(spec))
    assert small.spec.T < 100 and small.spec.stream.d < 3 and small.spec.seed == 0 and not small.spec.follower.exact
    assert small.spec.learner.delta == 0.05 and small.spec.follower.tremble == 0.001
    assert len(plays) <= 1 + 80 + 1  # the spec itself is judged before and after
    assert small == simplest.simplest(target, spec, play, evaluations=80)


def test_simplest_is_no_worse_than_the_greedy_loop_where_fields_move_together():
    target, spec = TARGETS["B3b"], start("B3b", T=64)
    small, greedy = (f(target, spec, play, keep=0.05, evaluations=60) for f in (simplest.simplest, search.shrink))
    assert small.spec.budget == small.spec.T <= greedy.spec.T


def test_what_cannot_be_simplified_stays():
    target, spec = TARGETS["B8-useful"], start(T=300)
    own = target.ratio(play(spec))
    small = simplest.simplest(target, spec, play, keep=own * (1 + 1e-9), evaluations=40)
    assert small.ratio >= own * (1 - 1e-12)


def test_a_spec_outside_the_claim_is_refused():
    with pytest.raises(ValueError, match="says nothing about this spec"):
        simplest.simplest(TARGETS["B8-noisy"], start(T=300), play)


def test_without_hypothesis_the_way_out_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match=r"pip install hypothesis, or use search.shrink"):
        simplest.simplest(TARGETS["B8"], start("B8"), play)


def test_lists_go_from_simple_to_the_specs_own():
    assert simplest.counts(1) == [] and simplest.counts(5) == [1, 2, 3, 4] and simplest.counts(3, 0) == [0, 1, 2]
    assert all(m < 1000 for m in simplest.counts(1000)) and simplest.counts(1000)[:2] == [1, 2]
    for simpler, own in simplest.fields(start()).values():
        assert isinstance(simpler, list)
        assert not isinstance(own, int) or own not in simpler or own is False
    assert simplest.counts(10**6, 20)[:2] == [20, 21]
    listed = simplest.fields(start())
    assert listed["learner.delta"][0][0] == 0.05 and listed["seed"][0][:2] == [0, 1]


def test_a_simpler_follower_brings_its_pool():
    """Eight responses from isotropic contexts, nothing of the planner; a free follower has two."""
    drawn = {name: own for name, (_, own) in simplest.fields(start()).items()}
    pool = simplest.assembled(start(), drawn | {"follower.kind": "iid"}, full=False)
    assert (pool.stream.context, pool.stream.N, pool.follower.kind, pool.budget) == ("isotropic", 8, "iid", 7)
    free = simplest.assembled(start(), drawn | {"T": 5}, full=False)
    assert (free.stream.context, free.stream.N, free.T, free.budget) == ("free", 2, 5, 5)
    assert simplest.assembled(start(), drawn | {"T": 100}, full=True).budget == 100


@pytest.mark.parametrize("evaluations", [1, 12])
def test_the_greedy_loop_gets_the_plays_that_are_left(monkeypatch, evaluations):
    plays = []
    monkeypatch.setattr(search, "shrink", lambda target, spec, play, **options: options)
    options = simplest.simplest(
        TARGETS["B8"], start("B8", T=50), lambda s: plays.append(s) or play(s), evaluations=evaluations
    )
    assert 1 < len(plays) <= 1 + max(3 * evaluations // 4, 1)  # the spec itself is judged first
    assert options["evaluations"] == evaluations - (len(plays) - 1)
