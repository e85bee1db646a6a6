"""sim.rules.streams: context processes, truths, permutations; sim.rules.rounds: the free game's order."""

import numpy as np
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st

from sim.rules import draws, followers, gates, rounds, streams
from sim.setup import build
from sim.spec import FollowerSpec, LearnerSpec, RunSpec, StreamSpec


def made(context, d=6, **kwargs):
    return streams.process(context, d, **{"exponent": 1.0, "components": 3, "leak": 0.0, **kwargs})


@given(st.sampled_from(["zipf", "shift"]), st.integers(1, 12), st.data())
def test_property_components_own_disjoint_blocks_that_cover_all_coordinates(context, d, data):
    C = data.draw(st.integers(1, d))
    p = made(context, d, components=C)
    np.testing.assert_array_equal(p.scales.sum(axis=0), np.ones(d))
    assert (p.scales.sum(axis=1) >= 1).all()
    assert p.cumulative[-1] == pytest.approx(1.0)
    np.testing.assert_allclose(np.diff(p.cumulative, prepend=0.0) * np.arange(1, C + 1), p.cumulative[0])


def test_scales_of_the_plain_contexts():
    np.testing.assert_array_equal(made("isotropic").scales, np.ones((1, 6)))
    np.testing.assert_allclose(made("power_law", exponent=2.0).scales, [1 / np.arange(1, 7)])
    assert made("zipf", leak=0.1).scales.min() == 0.1


@given(st.sampled_from(own.POOLS), own.seeds, st.integers(1, 6), st.sampled_from(["pair", "full"]), own.scales)
def test_property_rows_have_the_norm_that_keeps_designs_within_L(context, seed, d, feedback, L):
    spec = RunSpec(stream=StreamSpec(d=d, N=4), learner=LearnerSpec(feedback=feedback, L=L))
    g, w, p = build(spec), rounds.workspace(build(spec)), made(context, d, components=min(d, 3))
    streams.fill_pool(g, p.scales[-1], draws.stream_keys(seed, 0)[draws.FEATURES], 3, np.zeros(4 * d), w.Phi)
    np.testing.assert_allclose(np.linalg.norm(w.Phi, axis=1), L / 2 if feedback == "pair" else L)
    assert not w.Phi[:, p.scales[-1] == 0].any()
    assert max(np.linalg.norm(a - b) for a in w.Phi for b in w.Phi) <= L * (1 if feedback == "pair" else 2) + 1e-12


def test_a_silent_component_gives_zero_rows():
    spec = RunSpec(stream=StreamSpec(d=2))
    g, w = build(spec), rounds.workspace(build(spec))
    streams.fill_pool(g, np.zeros(2), draws.stream_keys(0, 0)[0], 0, np.zeros(8 * 2), w.Phi)
    assert not w.Phi.any()


def visited(context, T=4000, components=3):
    g = build(RunSpec(T=T, stream=StreamSpec(context=context)))
    p, key = made(context, components=components), draws.stream_keys(0, 0)[draws.COMPONENT]
    return np.array([streams.component(g, p, key, t) for t in range(T)])


def test_shift_visits_its_components_one_after_another():
    c = visited("shift", T=10)
    assert c.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_zipf_visits_with_weight_one_over_rank():
    share = np.bincount(visited("zipf"), minlength=3) / 4000
    np.testing.assert_allclose(share, np.array([6, 3, 2]) / 11, atol=0.03)
    assert not visited("zipf", T=20, components=1).any()
    assert not visited("isotropic", T=20).any()


@given(own.seeds, st.integers(1, 8), own.scales)
def test_property_truth_has_norm_S_or_fair_signs(seed, d, S):
    key = draws.stream_keys(seed, 0)[draws.THETA]
    assert np.linalg.norm(streams.theta_star(key, d, S, 0.0)) == pytest.approx(S)
    np.testing.assert_array_equal(np.abs(streams.theta_star(key, d, S, 0.3)), np.full(d, 0.3))


def test_the_signs_of_the_hard_instance_are_fair():
    signs = [streams.theta_star(draws.stream_keys(s, 0)[draws.THETA], 16, 1.0, 1.0) for s in range(200)]
    assert abs(np.mean(signs)) < 0.06


def test_permutation_breaks_ties_by_row(monkeypatch):
    monkeypatch.setattr(draws, "bits", lambda key, start, index: np.zeros(len(index), dtype=np.uint64))
    assert streams.permutation(None, 5).tolist() == [0, 1, 2, 3, 4]


def test_the_order_of_the_free_pair_is_a_fair_coin():
    """Which row holds z must not tell which one is gold."""
    g = build(RunSpec(stream=StreamSpec(context="free", d=3), follower=FollowerSpec(kind="hard_instance")))
    from sim.rules import learners

    w, s, p = rounds.workspace(g), learners.start(3, 1, 1.0), gates.open_purse(g)
    keys, truth = draws.stream_keys(0, 0), np.array([0.1, -0.1, 0.1])
    first, golds = [], []
    for t in range(900):
        rules = (gates.decide, followers.choose, rounds.respond)
        golds.append(rounds.present(g, None, keys, t, s, p, 1.0, truth, 0, w, *rules))
        first.append(w.Phi[0].any())
        np.testing.assert_array_equal(w.Phi.sum(axis=0), np.eye(3)[t % 3])
    assert abs(np.mean(first) - 0.5) < 0.06 and abs(np.mean(golds) - 0.5) < 0.06


def test_the_draws_behind_every_committed_table():
    """Truth and pool of seed set 3, replication 5, as they have been since the first results."""
    keys = draws.stream_keys(3, 5)
    truth = streams.theta_star(keys[draws.THETA], 3, 2.0, 0.0)
    np.testing.assert_allclose(truth, [1.3894441, -0.52413445, 1.33967465], atol=1e-8)
    signs = streams.theta_star(keys[draws.THETA], 6, 1.0, 0.25)
    np.testing.assert_array_equal(signs, [-0.25, -0.25, 0.25, 0.25, 0.25, -0.25])
    g, p, Phi = build(RunSpec(T=10, stream=StreamSpec(d=3, N=2))), made("power_law", 3), np.zeros((2, 3))
    streams.fill_pool(g, p.scales[0], keys[draws.FEATURES], 4, np.zeros(6), Phi)
    want = [[-0.33396822, 0.19804819, 0.31502721], [-0.4608427, 0.02721669, -0.19205015]]
    np.testing.assert_allclose(Phi, want, atol=1e-8)
