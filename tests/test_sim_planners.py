"""sim.rules.planners and sim.scripts: the committed schedule and the patient planner."""

import math

import numpy as np
import pytest
import strategies as own
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sim import engine, scripts
from sim.rules import cholesky, followers, gates, leader, learners, log, planners
from sim.setup import build
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec

EVERY = RecordSpec(mode="every")
GATES = [GateSpec(kind=kind) for kind in gates.GATES] + [GateSpec(kind="llf_split", purse="random")]
PLANS = st.builds(
    FollowerSpec,
    kind=st.just("patient"),
    price=own.floats(-1.0, 1.0),
    turn=own.floats(0.0, 1.0),
    haste=own.floats(0.0, 4.0),
    period=st.integers(1, 9),
)


def written(folder, vectors, name="z.npy"):
    """The path of a schedule file."""
    np.save(folder / name, vectors)
    return str(folder / name)


def schedule(path, d, **kwargs):
    """A run of the committed follower."""
    stream = StreamSpec(context="free", d=d)
    return RunSpec(stream=stream, follower=FollowerSpec(kind="schedule", path=path), record=EVERY, **kwargs)


def planned(plan, d, n, rng, hostile=False):
    """(g, s, aim, t) of a planner's round after n labels of random unit vectors."""
    g = build(RunSpec(T=50, stream=StreamSpec(context="free", d=d), follower=plan))
    aim, s, out = rng.normal(size=d), learners.start(d, 1, 1.0), np.zeros(d)
    for _ in range(n):
        z = rng.normal(size=d)
        z /= np.linalg.norm(z)
        y = np.array([(-aim if hostile else aim) @ z + rng.normal()])
        s = learners.update(s, z, y, 4096, False, out)
    return g, s, aim, int(rng.integers(0, 50))


# ---------------------------------------------------------------------- the planner


@given(PLANS, st.integers(1, 6), st.integers(0, 30), own.rngs, st.booleans())
def test_property_a_plan_is_feasible(plan, d, n, rng, hostile):
    """Norm L or 0, on the wrong side of theta_hat or a tie to the leader."""
    g, s, aim, t = planned(plan, d, n, rng, hostile)
    z = np.full(d, 9.0)
    planners.patient(g, s, t, aim, z)
    norm = np.linalg.norm(z)
    assert norm == 0.0 or norm == pytest.approx(g.L, rel=1e-12)
    assert s.theta[:, 0] @ z <= leader.TIE


@given(st.integers(1, 6), st.integers(0, 30), own.rngs, own.floats(0.0, 4.0))
def test_property_without_a_price_the_planner_is_the_ball(d, n, rng, haste):
    g, s, aim, t = planned(FollowerSpec(kind="patient", haste=haste), d, n, rng)
    z, ball = np.zeros(d), np.zeros(d)
    planners.patient(g, s, t, aim, z)
    followers.ball(s.theta[:, 0], aim, g.L, ball)
    np.testing.assert_allclose(z, ball, atol=1e-9)


@settings(max_examples=60)
@given(st.integers(2, 5), st.integers(1, 30), own.rngs, own.floats(-1.0, 1.0))
def test_property_the_priced_response_is_the_best_for_its_cost(d, n, rng, price):
    """No tied vector of the same cost z' C z earns more under the aim."""
    g, s, aim, t = planned(FollowerSpec(kind="patient", price=price), d, n, rng)
    z = np.zeros(d)
    planners.priced(g, s, aim, z)
    A = s.P if price > 0 else s.V
    C = (1 - abs(price)) * np.eye(d) + abs(price) * d / np.trace(A) * A
    theta = s.theta[:, 0]
    tries = rng.normal(size=(3000, d))
    tries[np.linalg.norm(tries, axis=1) == 0.0] = z
    tries = np.where((tries @ theta > 0)[:, None], tries - np.outer(tries @ theta, theta) / (theta @ theta), tries)
    tries /= np.sqrt(np.einsum("ni,ij,nj->n", tries, C, tries))[:, None]
    assert aim @ z / math.sqrt(z @ C @ z) >= (tries @ aim).max() - 1e-9


def test_a_full_turn_earns_nothing_and_visits_the_axes():
    rng = np.random.default_rng(3)
    g, s, aim, _ = planned(FollowerSpec(kind="patient", turn=1.0, haste=0.0, period=2), 5, 20, rng)
    best, z = np.zeros(5), np.zeros(5)
    planners.priced(g, s, aim, best)
    for t in range(10):
        planners.patient(g, s, t, aim, z)
        taken = np.linalg.qr(np.column_stack([best, s.theta[:, 0]]))[0]
        want = np.eye(5)[t // 2 % 5] - taken @ taken[t // 2 % 5]
        np.testing.assert_allclose(z, want / np.linalg.norm(want), atol=1e-12)
        assert abs(z @ best) < 1e-12 and abs(z @ s.theta[:, 0]) < 1e-12


def test_in_two_dimensions_there_is_nothing_aside():
    r, theta, z = np.ones(2), np.array([0.6, 0.8]), np.array([0.8, -0.6])
    planners.aside(theta, z, 0, r)
    assert r.tolist() == [0.0, 0.0]


@given(st.integers(1, 7), own.rngs)
def test_property_cholesky_solves(d, rng):
    A = np.eye(d) + (lambda Z: Z.T @ Z)(rng.normal(size=(d + 2, d)))
    b, x, C = rng.normal(size=d), np.zeros(d), A.copy()
    cholesky.factor(C)
    cholesky.solve(C, b, x)
    np.testing.assert_allclose(A @ x, b, atol=1e-9)


@pytest.mark.parametrize("gate", GATES, ids=lambda g: f"{g.kind}_{g.purse}")
def test_kernel_equals_loop_for_both_planners(compiled, gate, tmp_path):
    """The same bits in every column of every round."""
    vectors = np.random.default_rng(1).normal(size=(7, 3)) / 4.0
    common = dict(T=50, beta=0.3, learner=LearnerSpec(sigma=0.5), gate=gate, seed=5)
    specs = [schedule(written(tmp_path, vectors), 3, **common)]
    for price, turn in ((0.6, 0.5), (-0.6, 0.0)):
        plan = FollowerSpec(kind="patient", price=price, turn=turn, period=3)
        specs.append(RunSpec(stream=StreamSpec(context="free", d=3), follower=plan, record=EVERY, **common))
    for spec in specs:
        fast, slow = compiled(spec).rows[0], engine.play(spec, compiled=False).rows[0]
        assert fast.tobytes() == slow.tobytes()


# ---------------------------------------------------------------------- the schedule


def test_a_schedule_is_replayed_from_the_start_again(tmp_path):
    vectors = np.array([[1.0, 0.0], [0.0, 0.5], [-0.6, 0.8]])
    g, z = build(schedule(written(tmp_path, vectors), 2, T=8)), np.zeros(2)
    for t in range(8):
        planners.replay(t, g.script, z)
        assert z.tolist() == vectors[t % 3].tolist()


def test_a_schedule_does_not_see_the_leader(tmp_path):
    """The rows decide the design: another seed, the same information in every round."""
    path = written(tmp_path, np.random.default_rng(0).normal(size=(5, 3)) / 4.0)
    runs = [engine.play(schedule(path, 3, T=30, seed=seed), compiled=False).rows[0] for seed in (0, 1)]
    psi, regret = log.COLUMNS.index("psi"), log.COLUMNS.index("regret")
    np.testing.assert_allclose(runs[0][:, psi], runs[1][:, psi], rtol=1e-12)
    assert runs[0][-1, regret] != runs[1][-1, regret]


def test_a_schedule_of_the_axes_is_the_hard_instances(tmp_path):
    """The same vectors as the hard instance's, at its truth's scale: the same design."""
    path = written(tmp_path, np.eye(3))
    a = engine.play(schedule(path, 3, T=60), compiled=False).rows[0]
    hard = FollowerSpec(kind="hard_instance")
    b = engine.play(
        RunSpec(T=60, stream=StreamSpec(context="free", d=3), follower=hard, record=EVERY), compiled=False
    ).rows[0]
    psi = log.COLUMNS.index("psi")
    np.testing.assert_array_equal(a[:, psi], b[:, psi])


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.zeros((3, 4)), r"shape \(3, 4\); the rule is \(T', d\) with T' >= 1 and d = 2"),
        (np.zeros(2), r"shape \(2,\)"),
        (np.zeros((0, 2)), r"shape \(0, 2\)"),
        (np.array([[0.0, 1.0], [0.0, np.nan]]), "row 1 is not finite"),
        (np.array([[0.0, np.inf]]), "row 0 is not finite"),
        (np.array([[0.9, 0.9]]), "row 0 has norm 1.27279 > L = 1; scale it down or raise learner.L"),
        (np.array([["a", "b"]]), "no array of real numbers"),
        (np.array([[1j, 0.0]]), "no array of real numbers"),
    ],
)
def test_a_bad_schedule_is_refused_at_the_door(tmp_path, raw, message):
    path = written(tmp_path, raw)
    with pytest.raises(ValidationError, match=message):
        schedule(path, 2)
    with pytest.raises(ValueError, match=message):
        scripts.load(path, 2, 1.0)


@pytest.mark.parametrize("content", [b"", b"not an array"])
def test_a_file_that_is_no_array_is_refused(tmp_path, content):
    file = tmp_path / "z.npy"
    file.write_bytes(content)
    with pytest.raises(ValidationError, match=r"is no .npy array"):
        schedule(str(file), 2)
    np.savez(tmp_path / "z.npz", a=np.zeros((1, 2)))
    with pytest.raises(ValidationError, match="no array of real numbers"):
        schedule(str(tmp_path / "z.npz"), 2)


def test_pickles_are_not_opened(tmp_path):
    np.save(tmp_path / "z.npy", np.array([[{}, {}]], dtype=object), allow_pickle=True)
    with pytest.raises(ValidationError, match=r"is no .npy array"):
        schedule(str(tmp_path / "z.npy"), 2)


def test_the_key_follows_the_bytes_of_the_schedule(tmp_path):
    spec = schedule(written(tmp_path, np.zeros((2, 2))), 2)
    before = spec.key()
    written(tmp_path, np.eye(2))
    assert spec.key() != before
    written(tmp_path, np.zeros((2, 2)))
    assert spec.key() == before


def test_integers_and_other_orders_are_read(tmp_path):
    got = scripts.load(written(tmp_path, np.asfortranarray(np.eye(3, dtype=np.int32)[:2])), 3, 1.0)
    assert got.dtype == np.float64 and got.flags.c_contiguous and got.flags.writeable
