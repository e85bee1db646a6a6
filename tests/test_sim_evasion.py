"""sim.rules.evasion: the exact evader against its cone program, and in runs."""

import math

import numpy as np
import pytest
import strategies as own
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_sim_followers import evasions

from sim import engine
from sim.rules import codes, evasion, followers, gates, learners
from sim.setup import build
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from theory.oracles import replies

BY_WIDTH = tuple(k for k in own.HONEST if GateSpec(kind=k, latency="width").by_width)
GATES = [GateSpec(kind=k, latency="width") for k in BY_WIDTH] + [GateSpec(kind="llf_split", purse="random")]


@st.composite
def programs(draw):
    """(theta, theta*, P, tau, L): designs from nothing to ill-conditioned, parallel and opposed beliefs."""
    d, rng = draw(st.integers(1, 7)), draw(own.rngs)
    Z = rng.normal(size=(draw(st.integers(0, 40)), d)) * rng.choice([0.01, 0.3, 1.0], size=d)
    P = np.linalg.inv(
        draw(st.sampled_from([0.1, 1.0, 10.0])) * np.eye(d) + draw(st.sampled_from([1.0, 30.0])) * Z.T @ Z
    )
    truth, L = rng.normal(size=d), draw(st.sampled_from([0.5, 1.0, 2.0]))
    theta = {
        "free": rng.normal(size=d), "near": truth + 1e-3 * rng.normal(size=d), "opposed": -truth,
        "zero": np.zeros(d), "parallel": 2.0 * truth,
    }[draw(st.sampled_from(["free", "free", "near", "opposed", "zero", "parallel"]))]  # fmt: skip
    widest = L * math.sqrt(np.linalg.eigvalsh(P)[-1])
    return theta, truth, P, widest * 10.0 ** draw(own.floats(-3.0, 0.2)), L


@settings(max_examples=220)
@given(programs())
def test_property_the_exact_evasion_is_the_cone_programs(program):
    """Payoff to 1e-6 of the largest that the constraints allow, and feasible to rounding."""
    theta, truth, P, tau, L = program
    z = np.full(len(theta), 9.0)
    values, U = evasion.spectrum(P)
    evasion.narrow(values, U, theta, truth, tau, L, z)
    found = replies.evader_response(theta, truth, P, tau, L)
    unit = min(L, tau / math.sqrt(values.min())) * float(np.abs(truth).sum())
    assert truth @ z == pytest.approx(max(found.value, 0.0), abs=1e-6 * unit)
    assert np.linalg.norm(z) <= L * (1 + 1e-12)
    assert math.sqrt(z @ P @ z) <= tau * (1 + 1e-12)
    assert theta @ z <= 1e-12 * L * max(np.linalg.norm(theta), 1.0)


@given(programs())
def test_property_spectrum_is_the_eigenbasis(program):
    P = program[2]
    values, U = evasion.spectrum(P)
    np.testing.assert_allclose(np.sort(values), np.linalg.eigvalsh(P), rtol=1e-10)
    np.testing.assert_allclose(U @ np.diag(values) @ U.T, P, atol=1e-13 * values.max())
    np.testing.assert_allclose(U.T @ U, np.eye(len(values)), atol=1e-13)


@pytest.mark.parametrize("seed", range(8))
def test_a_rotation_makes_its_entry_zero(seed):
    A, U = np.random.default_rng(seed).normal(size=(4, 4)), np.eye(4)
    A += A.T
    before = A.copy()
    evasion.rotate(A, U, 1, 3)
    assert abs(A[1, 3]) <= 1e-14 and A[1, 3] == pytest.approx(A[3, 1], abs=1e-14)
    np.testing.assert_allclose(U @ A @ U.T, before, atol=1e-13)
    np.testing.assert_allclose(U.T @ U, np.eye(4), atol=1e-14)


def answers(case):
    """(claim, z, ball response) of the exact evader between two rounds."""
    g, s, p, t, truth, alpha = case
    x = gates.Signal(t, 0.0, 0.0, 0.0, 0.0, 0, 1.0, 0, 0.0)
    ball, out = np.zeros(g.d), np.zeros(g.d)
    followers.ball(s.theta[:, 0], truth, g.L, ball)
    z = ball.copy()
    claim = evasion.evade_exactly(g, s, p, x, truth, alpha, z, truth, out)
    return claim, z, ball


@settings(max_examples=150)
@given(evasions(kinds=BY_WIDTH))
def test_property_an_exact_evasion_is_feasible_and_keeps_the_gate_shut(case):
    g, s, p, t, truth, alpha = case
    assume(g.latency == codes.WIDTH or g.gate not in (gates.LLF_REGRET, gates.LLF_QUANTILE, gates.DUAL))
    claim, z, ball = answers(case)
    x = gates.Signal(t, 0.0, 0.0, 0.0, 0.0, 0, 1.0, 0, 0.0)
    assert np.linalg.norm(z) <= g.L * (1 + 1e-12)
    assert s.theta[:, 0] @ z <= 1e-12
    if not claim:
        np.testing.assert_array_equal(z, ball)
        return
    width = math.sqrt(learners.square_width(s.P, z, np.zeros(g.d)))
    assert evasion.stays_shut(g, p, x, alpha, width, 0.0, 1.0)
    assert abs(truth @ z) > evasion.WORTH * abs(truth @ ball) * (1 - 1e-9) or not np.any(ball)


@settings(max_examples=100)
@given(evasions(kinds=("llf_fixed", "llf_paced", "llf_split", "bbq")))
def test_property_the_exact_evasion_is_never_worth_less_than_the_cheap_one(case):
    g, s, p, t, truth, alpha = case
    claim, z, ball = answers(case)
    cheap, x = ball.copy(), gates.Signal(t, 0.0, 0.0, 0.0, 0.0, 0, 1.0, 0, 0.0)
    if evasion.evade_along_rays(g, s, p, x, truth, alpha, cheap, np.zeros(g.d), np.zeros(g.d)) and truth @ ball > 1e-9:
        assert claim
        assert abs(truth @ z) >= abs(truth @ cheap) * (1 - 1e-6) - 1e-9


@pytest.mark.parametrize("gate", GATES, ids=lambda g: f"{g.kind}_{g.purse}")
def test_kernel_equals_loop_for_the_exact_evader(compiled, gate):
    """The same bits in every column of every round."""
    spec = RunSpec(
        T=50,
        beta=0.3,
        stream=StreamSpec(context="free", d=3),
        follower=FollowerSpec(kind="evader", exact=True),
        learner=LearnerSpec(sigma=0.5),
        gate=gate,
        record=RecordSpec(mode="every"),
        seed=5,
    )
    assert compiled(spec).rows[0].tobytes() == engine.play(spec, compiled=False).rows[0].tobytes()


def test_exact_and_cheap_agree_where_the_gate_does_not_look():
    for kind in ("always", "random", "prefix"):
        runs = [
            engine.play(
                RunSpec(T=40, beta=0.5, stream=StreamSpec(context="free", d=3), gate=GateSpec(kind=kind),
                        follower=FollowerSpec(kind="evader", exact=exact)),
                compiled=False,
            ).rows[0]
            for exact in (False, True)
        ]  # fmt: skip
        np.testing.assert_allclose(runs[0], runs[1], rtol=1e-6)  # the cheap one scales its vector once more


def test_which_gates_look_at_the_width_alone():
    refused = {k for k in gates.GATES if not GateSpec(kind=k).by_width}
    assert refused == {"llf_regret", "llf_self_paced", "margin"}
    assert {k for k in gates.GATES if not GateSpec(kind=k, latency="regret").by_width} == refused | {
        "llf_quantile",
        "dual",
    }
    assert GateSpec(kind="llf_regret", latency="width").by_width
    assert build(RunSpec(stream=StreamSpec(context="free"), follower=FollowerSpec(kind="evader", exact=True))).exact
