"""sim.rules.leader: pick, compared pair, latencies."""

import math

import naive
import numpy as np
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st

from sim.rules import codes, leader, learners, rounds
from sim.setup import build
from sim.spec import FollowerSpec, LearnerSpec, RunSpec, StreamSpec


@st.composite
def positions(draw, kinds=(("greedy", "pair"), ("optimistic", "pair"))):
    """A learner after some labels and a pool with a shown set: (g, s, Phi, shown, alpha, theta*)."""
    who, feedback = draw(st.sampled_from(kinds))
    d, N = draw(st.integers(1, 4)), draw(st.integers(2, 6))
    M = draw(st.integers(1, N - 1))
    spec = RunSpec(
        stream=StreamSpec(N=N, d=d),
        follower=FollowerSpec(M=M),
        learner=LearnerSpec(leader=who, feedback=feedback),
    )
    rng = draw(own.rngs)
    s, out = learners.start(d, 1, 1.0), np.zeros(d)
    for _ in range(draw(st.integers(0, 12))):
        s = learners.update(s, rng.normal(size=d), rng.normal(size=1), 4096, False, out)
    Phi = rng.normal(size=(N, d))
    shown = np.sort(rng.permutation(N)[: M + 1])
    alpha = draw(own.floats(0.01, 3.0))
    theta_star = s.theta[:, 0] + np.linalg.cholesky(s.P) @ (lambda u: alpha * u / np.linalg.norm(u))(rng.normal(size=d))
    return build(spec), s, Phi, shown, alpha, theta_star


def judged(position):
    """Scores, payoffs, pick and view of a position."""
    g, s, Phi, shown, alpha, theta_star = position
    N, d = Phi.shape
    means, scores = np.zeros(N), np.zeros(N)
    leader.score(g, s, Phi, alpha, means, scores, np.zeros_like(Phi))
    payoffs = Phi @ theta_star
    pick = leader.pick_against(scores, payoffs, shown)
    return means, scores, payoffs, leader.assess(g, s, Phi, means, shown, pick, alpha, np.zeros(d), np.zeros(d))


@given(positions())
def test_property_view_equals_the_definitions(position):
    g, s, Phi, shown, alpha, theta_star = position
    means, scores, payoffs, v = judged(position)
    theta = s.theta[:, 0]
    bonus = alpha * np.sqrt(np.einsum("ki,ij,kj->k", Phi, s.P, Phi)) if g.leader == codes.OPTIMISTIC else 0.0
    np.testing.assert_allclose(means, Phi @ theta, atol=1e-12)
    np.testing.assert_allclose(scores, Phi @ theta + bonus, atol=1e-12)
    assert v.pick == naive.pick(scores, payoffs, shown)
    widths = {k: math.sqrt((Phi[k] - Phi[v.pick]) @ s.P @ (Phi[k] - Phi[v.pick])) for k in shown if k != v.pick}
    assert v.width == pytest.approx(max(widths.values())) and v.width == pytest.approx(widths[v.rival])
    assert v.gap == pytest.approx(min(means[v.pick] - means[k] for k in widths))
    factor = 1.0 if g.leader == codes.GREEDY else 2.0
    assert v.width_latency == pytest.approx(factor * alpha * v.width)
    want = naive.regret_latency(theta, s.P, alpha, Phi, shown, v.pick)
    assert v.regret_latency == pytest.approx(want, abs=1e-12)


@given(positions([("greedy", "pair"), ("greedy", "full")]))
def test_property_regret_latency_is_at_most_the_width_latency_for_a_greedy_leader(position):
    v = judged(position)[3]
    assert 0.0 <= v.regret_latency <= v.width_latency + 1e-9


def test_of_two_equally_uncertain_rivals_the_first_is_compared():
    g = build(RunSpec(stream=StreamSpec(N=3, d=2), follower=FollowerSpec(M=2)))
    Phi, s = np.array([[0.0, 0.0], [0.0, 0.5], [0.5, 0.0]]), learners.start(2, 1, 1.0)
    v = leader.assess(g, s, Phi, np.zeros(3), np.arange(3), 0, 1.0, np.zeros(2), np.zeros(2))
    assert (v.pick, v.rival, v.width) == (0, 1, 0.5)


ALL_KINDS = [("greedy", "pair"), ("greedy", "full"), *[("optimistic", f) for f in ("pair", "full", "bandit")]]


@given(positions(ALL_KINDS))
def test_property_both_latencies_bound_the_regret_on_the_confidence_ellipsoid(position):
    """theta* lies on the ellipsoid's boundary, so no latency may be below the regret."""
    shown = position[3]
    payoffs, v = judged(position)[2:]
    regret = payoffs[shown].max() - payoffs[v.pick]
    assert regret <= v.width_latency + 1e-9
    assert regret <= v.regret_latency + 1e-9


@given(positions([("greedy", "full"), ("optimistic", "bandit")]))
def test_property_widths_of_other_feedbacks(position):
    g, s, Phi, shown, alpha, _ = position
    v = judged(position)[3]
    rows = np.sqrt(np.einsum("ki,ij,kj->k", Phi, s.P, Phi))
    assert v.width == pytest.approx(rows[shown].max() if g.feedback == codes.FULL else rows[v.pick])
    assert v.width_latency == pytest.approx(2.0 * alpha * v.width)


@given(st.lists(st.integers(-2, 2), min_size=2, max_size=7), own.rngs)
def test_property_a_tie_goes_against_the_leader(scores, rng):
    scores = np.array(scores, dtype=float)
    payoffs = rng.normal(size=len(scores))
    shown = np.sort(rng.permutation(len(scores))[: rng.integers(2, len(scores) + 1)])
    pick = leader.pick_against(scores, payoffs, shown)
    tied = [k for k in shown if scores[k] == scores[shown].max()]
    assert pick in tied and payoffs[pick] == payoffs[tied].min()


def test_a_tie_is_a_tie_within_rounding():
    scores = np.array([1.0, 1.0 - 1e-14, 0.0])
    assert leader.pick_against(scores, np.array([2.0, 1.0, 0.0]), np.arange(3)) == 1
    assert leader.pick_against(np.array([1.0, 1.0 - 1e-9]), np.array([2.0, 1.0]), np.arange(2)) == 0


@given(positions(), st.booleans())
def test_property_orientation_of_the_compared_pair_knows_nothing_of_gold(position, flip):
    """Index order alone: the same vector whichever of the two is better or picked."""
    g, s, Phi, shown, alpha, theta_star = position
    w = rounds.workspace(g)
    w.Phi[:], w.payoffs[:] = Phi, Phi @ (-theta_star if flip else theta_star)
    i, j = int(shown[0]), int(shown[-1])
    for pick, rival in ((i, j), (j, i)):
        mean = rounds.compare(w, leader.View(pick, rival, 0.0, 0.0, 0.0, 0.0))
        np.testing.assert_array_equal(w.z, Phi[i] - Phi[j])
        assert mean == w.payoffs[i] - w.payoffs[j]


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=6), own.floats(0.0, 4.0), own.floats(0.0, 2.0))
def test_property_classes(scores, w2, alpha):
    """Pick and runner-up by score, lowest index first; width sqrt(2) ||psi||_P."""
    v = leader.assess_classes(np.array(scores, dtype=float), w2, alpha)
    order = sorted(range(len(scores)), key=lambda k: (-scores[k], k))
    assert (v.pick, v.rival) == (order[0], order[1])
    assert v.gap == scores[order[0]] - scores[order[1]]
    assert v.width == pytest.approx(math.sqrt(2 * w2))
    assert v.width_latency == pytest.approx(alpha * math.sqrt(2 * w2))
    assert v.regret_latency == pytest.approx(max(0.0, v.width_latency - v.gap))


def test_classes_equal_the_game_with_kronecker_features():
    """phi(x, y) = e_y (x) psi in the full d = K m game gives the same view."""
    rng = np.random.default_rng(0)
    K, m = 3, 4
    s, out, psi = learners.start(m, K, 1.0), np.zeros(m), rng.normal(size=m)
    for _ in range(6):
        s = learners.update(s, rng.normal(size=m), rng.normal(size=K), 4096, False, out)
    scores = psi @ s.theta
    v = leader.assess_classes(scores, learners.square_width(s.P, psi, out), 0.7)
    Phi = np.kron(np.eye(K), psi)
    P, theta = np.kron(np.eye(K), s.P), s.theta.T.ravel()
    assert v.regret_latency == pytest.approx(naive.regret_latency(theta, P, 0.7, Phi, range(K), v.pick))
    z = Phi[v.pick] - Phi[v.rival]
    assert v.width == pytest.approx(math.sqrt(z @ P @ z)) and v.gap == pytest.approx(theta @ z)
