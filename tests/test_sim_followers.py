"""sim.rules.followers: responses against brute force, random search and scipy."""

import math

import naive
import numpy as np
import pytest
import strategies as own
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from sim import engine
from sim.rules import evasion, followers, gates, leader, learners, rounds
from sim.setup import build
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RunSpec, StreamSpec


@st.composite
def pools(draw):
    """(scores, payoffs, gold, M), often with ties among scores and payoffs."""
    N = draw(st.integers(2, 7))
    rng = draw(own.rngs)
    levels = draw(st.sampled_from([2, 4, 0]))
    scores, payoffs = (rng.integers(0, levels, N) / 4 if levels else rng.normal(size=N) for _ in range(2))
    return scores, payoffs, int(np.argmax(payoffs)), draw(st.integers(1, N - 1))


def shown_by(kind, scores, payoffs, gold, M, luck=None):
    """The set that a pool follower shows."""
    N = len(scores)
    g = build(RunSpec(stream=StreamSpec(N=N), follower=FollowerSpec(kind=kind, M=M)))
    shown = np.zeros(M + 1, dtype=np.int64)
    followers.choose(g, scores, payoffs, gold, np.zeros(N) if luck is None else luck.copy(), shown)
    return shown


@settings(max_examples=300)
@given(pools())
def test_property_best_response_equals_brute_force(pool):
    """No set of M alternatives costs the leader more, ties against the leader."""
    scores, payoffs, gold, M = pool
    shown = shown_by("best_response", *pool)
    regret = payoffs[gold] - payoffs[leader.pick_against(scores, payoffs, shown)]
    assert regret == naive.best_regret(scores, payoffs, gold, M)


@pytest.mark.parametrize("theta", [[-1.0, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 2.0, -1.0]])
def test_a_ball_response_is_the_aim_itself_where_the_guess_does_not_point_there(theta):
    aim, z = np.array([0.6, 0.0, 0.0]), np.zeros(3)
    followers.ball(np.array(theta), aim, 2.0, z)
    np.testing.assert_array_equal(z, [2.0, 0.0, 0.0])


@given(pools(), own.rngs, st.sampled_from(followers.POOL))
def test_property_a_shown_set_has_the_gold_and_M_others(pool, rng, kind):
    scores, _, gold, M = pool
    shown = shown_by(kind, *pool, luck=rng.random(len(scores)))
    assert len(set(shown.tolist())) == M + 1 and gold in shown
    assert (np.diff(shown) > 0).all() and shown[0] >= 0 and shown[-1] < len(scores)


@given(pools(), own.rngs)
def test_property_iid_and_hard_negative_take_the_smallest_and_the_highest(pool, rng):
    scores, _, gold, M = pool
    luck = rng.random(len(scores))
    others = [k for k in range(len(scores)) if k != gold]
    by_luck, by_score = (sorted(others, key=key)[:M] for key in (lambda k: luck[k], lambda k: (-scores[k], k)))
    assert shown_by("iid", *pool, luck=luck).tolist() == sorted([gold, *by_luck])
    assert shown_by("hard_negative", *pool).tolist() == sorted([gold, *by_score])


@given(pools(), st.booleans())
def test_property_smallest_equals_a_stable_sort(pool, force):
    keys, _, gold, M = pool
    others = [k for k in range(len(keys)) if k != gold]
    forced = others[-1] if force else -1
    shown = np.zeros(M + 1, dtype=np.int64)
    followers.smallest(keys.copy(), gold, forced, M, shown)
    rest = sorted((k for k in others if k != forced), key=lambda k: (keys[k], k))
    want = [gold, forced, *rest[: M - 1]] if force else [gold, *rest[:M]]
    assert shown.tolist() == sorted(want)


def test_worst_pick_is_none_when_the_gold_wins_anyway():
    assert followers.worst_pick(np.array([1.0, 0.0]), np.array([1.0, 0.0]), 0, 1) == -1
    assert shown_by("best_response", np.array([1.0, 0.2, 0.5]), np.array([1.0, 0.0, 0.3]), 0, 1).tolist() == [0, 2]


@given(st.integers(1, 5), own.rngs, own.scales, st.booleans())
def test_property_ball_is_feasible_and_optimal(d, rng, L, opposed):
    theta, aim, z = rng.normal(size=d), rng.normal(size=d), np.zeros(d)
    if opposed:
        theta = -np.sign(theta @ aim) * theta
    followers.ball(theta, aim, L, z)
    assert np.linalg.norm(z) <= L * (1 + 1e-12)
    assert theta @ z <= 1e-12 * L * np.linalg.norm(theta)
    assert aim @ z >= naive.ball_search(theta, aim, L, rng) - 1e-9


@given(st.integers(2, 5), own.rngs, own.floats(3.0, 6.0))
def test_property_ball_is_a_tie_even_near_the_parallel_case(d, rng, digits):
    """The response must be a tie to the leader within leader.TIE, at angles of 1e-3 to 1e-6."""
    theta, z = rng.normal(size=d), np.zeros(d)
    theta /= np.linalg.norm(theta)
    followers.ball(theta, theta + 10.0**-digits * rng.normal(size=d), 1.0, z)
    assert abs(learners.dot(theta, z)) <= leader.TIE


def test_ball_equals_a_convex_solver():
    rng = np.random.default_rng(4)
    for d in (2, 3, 6):
        theta, aim, z = rng.normal(size=d), rng.normal(size=d), np.zeros(d)
        theta *= np.sign(theta @ aim)
        followers.ball(theta, aim, 1.5, z)
        constraints = [
            dict(type="ineq", fun=lambda v: 1.5**2 - v @ v, jac=lambda v: -2 * v),
            dict(type="ineq", fun=lambda v, theta=theta: -theta @ v, jac=lambda v, theta=theta: -theta),
        ]
        best = minimize(
            lambda v, aim=aim: -aim @ v,
            -0.1 * theta + 0.01 * aim,
            jac=lambda v, aim=aim: -aim,
            constraints=constraints,
            options=dict(ftol=1e-12, maxiter=500),
        )
        assert aim @ z == pytest.approx(-best.fun, abs=1e-6)


@pytest.mark.parametrize(
    ("theta", "aim", "want"),
    [([2.0], [1.0], [0.0]), ([-2.0], [1.0], [3.0]), ([0.0], [-0.5], [-3.0]), ([1e-12], [1.0], [0.0])],
)
def test_ball_in_one_dimension(theta, aim, want):
    z = np.ones(1)
    followers.ball(np.array(theta), np.array(aim), 3.0, z)
    assert z.tolist() == want


def test_ball_with_parallel_theta_is_zero_and_with_a_tremble_is_not():
    truth, z, aim = np.array([0.6, -0.8, 0.1]), np.ones(3), np.zeros(3)
    followers.ball(2.5 * truth, truth, 1.0, z)
    assert z.tolist() == [0.0, 0.0, 0.0]
    followers.tremble(truth, 1e-3, np.array([1.0, 0.5, -1.0]), aim)
    followers.ball(2.5 * truth, aim, 1.0, z)
    assert np.linalg.norm(z) == pytest.approx(1.0) and abs(truth @ z) < 1e-9


@given(st.integers(1, 6), own.rngs, own.floats(0.0, 0.5))
def test_property_tremble(d, rng, size):
    truth, u, aim = rng.normal(size=d), rng.normal(size=d), np.zeros(d)
    followers.tremble(truth, size, u, aim)
    np.testing.assert_allclose(aim, truth + size * np.linalg.norm(truth) * u / math.sqrt(d), atol=1e-12)


@given(st.integers(0, 99), st.integers(1, 7), own.scales)
def test_property_hard_instance_visits_the_axes(t, d, L):
    z = np.full(d, 9.0)
    followers.hard(t, L, z)
    np.testing.assert_array_equal(z, L * np.eye(d)[t % d])


@st.composite
def evasions(draw, kinds=own.HONEST, leaders=("greedy",)):
    """A free game between two rounds: (g, s, purse, t, theta*, alpha), reached by random signals."""
    d, T = draw(st.integers(1, 4)), 40
    spec = RunSpec(
        T=T,
        B=draw(st.integers(1, T)),
        stream=StreamSpec(context="free", d=d),
        follower=FollowerSpec(kind="evader"),
        learner=LearnerSpec(leader=draw(st.sampled_from(leaders))),
        gate=draw(own.gate_specs(kinds)),
    )
    g, rng = build(spec), draw(own.rngs)
    truth = rng.normal(size=d)
    truth /= np.linalg.norm(truth)
    s, p, out = learners.start(d, 1, g.lam), gates.open_purse(g), np.zeros(d)
    t = draw(st.integers(0, T - 1))
    for i in range(t):
        x = gates.Signal(i, rng.exponential(), 0.5, rng.exponential(), rng.exponential(), 0, rng.random(), 0, 0.0)
        bought, reason, _ = gates.decide(g, p, x)
        if bought:
            z = rng.normal(size=d)
            s = learners.update(s, z / np.linalg.norm(z), rng.normal(size=1), 4096, False, out)
        p = gates.settle(g, p, x, reason, s.psi)
    return g, s, p, t, truth, learners.radius(g, s.psi)


def evaded(case):
    """(claim, ball response, z, the gate's answer to the pair (z, 0) as the loop would ask it)."""
    g, s, p, t, truth, alpha = case
    w = rounds.workspace(g)
    followers.ball(s.theta[:, 0], truth, g.L, w.z)
    ball = w.z.copy()
    claim = evasion.evade_along_rays(
        g, s, p, gates.Signal(t, 0.0, 0.0, 0.0, 0.0, 0, 1.0, 0, 0.0), truth, alpha, w.z, w.candidate, w.out
    )
    z = w.z.copy()
    w.Phi[0], w.Phi[1], w.shown[:] = z, 0.0, (0, 1)
    rounds.payoffs_of(w, truth)
    leader.score(g, s, w.Phi, alpha, w.means, w.scores, w.W)
    v = leader.assess(
        g, s, w.Phi, w.means, w.shown, leader.pick_against(w.scores, w.payoffs, w.shown), alpha, w.z, w.out
    )
    x = gates.signal(g, v, t, v.width * v.width, 1.0, 0, 0.0)
    regret = w.payoffs.max() - w.payoffs[v.pick]
    return claim, ball, z, gates.decide(g, p, x)[0], regret


@given(evasions())
def test_property_an_evasion_keeps_the_gate_shut_and_still_costs(case):
    g, s, p, t, truth, alpha = case
    claim, ball, z, opened, regret = evaded(case)
    if claim:
        assert not opened
        assert regret >= evasion.WORTH * abs(truth @ ball) * (1 - 1e-9)
    else:
        np.testing.assert_array_equal(z, ball)


@pytest.mark.parametrize("kind", ["ball", "evader", "bait"])
def test_the_ball_response_is_for_the_greedy_leader(kind):
    with pytest.raises(ValueError, match="use leader 'greedy'"):
        RunSpec(
            stream=StreamSpec(context="free"),
            follower=FollowerSpec(kind=kind),
            learner=LearnerSpec(leader="optimistic"),
        )


@given(evasions(kinds=own.HONEST[:12]))
def test_property_an_evasion_by_scaling_stays_in_the_ball(case):
    assert np.linalg.norm(evaded(case)[2]) <= case[0].L * (1 + 1e-9)


def test_an_evasion_by_tilting_stays_in_the_ball(monkeypatch):
    """The margin gate against the evader: every shown vector is within L."""
    longest, evade = [0.0], evasion.evade_along_rays

    def watch(g, s, p, x, theta_star, alpha, z, candidate, out, decide):
        claim = evade(g, s, p, x, theta_star, alpha, z, candidate, out, decide)
        longest.append(np.linalg.norm(z) / g.L)
        return claim

    monkeypatch.setattr(evasion, "evade_along_rays", watch)
    for seed in range(5):
        stream, gate = StreamSpec(context="free", d=3), GateSpec(kind="margin")
        spec = RunSpec(T=80, beta=0.2, seed=seed, stream=stream, follower=FollowerSpec(kind="evader"), gate=gate)
        engine.play(spec, compiled=False)
    assert max(longest) <= 1 + 1e-9


@given(evasions())
def test_property_shut_scale_is_on_the_shut_side(case):
    g, s, p, t, _, alpha = case
    x = gates.Signal(t, 0.0, 0.0, 0.0, 0.0, 0, 1.0, 0, 0.0)
    scale = evasion.shut_scale(g, p, x, alpha, 0.8, 0.1)
    assert 0.0 <= scale <= 1.0
    if scale > 0.0:
        assert evasion.stays_shut(g, p, x, alpha, 0.8, 0.1, scale)


@given(own.floats(0.01, 3.0))
def test_property_shut_scale_finds_the_edge(threshold):
    """llf_regret with the width latency: the gate is shut up to scale = threshold / (alpha w)."""
    spec = RunSpec(gate=GateSpec(kind="llf_regret", latency="width", threshold=threshold))
    g, x = build(spec), gates.Signal(0, 0.0, 0.0, 0.0, 0.0, 0, 1.0, 0, 0.0)
    scale = evasion.shut_scale(g, gates.open_purse(g), x, 2.0, 0.8, 0.1)
    assert scale == pytest.approx(min(1.0, threshold / 1.6), abs=2e-9)


def test_the_traits_are_these():
    assert followers.POOL == ("iid", "hard_negative", "best_response")
    assert followers.FREE == ("ball", "evader", "hard_instance", "patient", "bait", "schedule")
    assert followers.SWEPT == ("ball", "evader", "hard_instance")
    assert {t.name for t in followers.TRAITS if t.greedy} == {"ball", "evader", "patient", "bait"}
    assert [t.name for t in followers.TRAITS if t.game not in ("pool", "free")] == ["all", "plugin"]
    assert followers.KINDS[followers.EVADER] == "evader" and followers.KINDS[followers.PLUGIN] == "plugin"
