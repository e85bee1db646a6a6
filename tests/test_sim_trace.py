"""A trace is the run itself: same decisions, same information, and watching changes nothing."""

import numpy as np
import pytest
from conftest import digits_spec
from hypothesis import given, settings
from strategies import run_specs

from sim import engine
from sim.rules import log
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from sim.trace import trace


def column(spec, name, replication=0):
    rows = engine.play(spec.model_copy(update=dict(replications=1)), first=replication, compiled=False).rows[0]
    return rows[:, log.COLUMNS.index(name)]


def log_det(Z, bought, lam):
    return np.linalg.slogdet(np.eye(Z.shape[1]) + Z[bought].T @ Z[bought] / lam)[1]


@given(run_specs())
@settings(max_examples=60)
def test_property_a_trace_buys_what_the_run_bought_and_learns_as_much(spec):
    if spec.learner.feedback == "full":
        with pytest.raises(ValueError, match="feedback = 'full'"):
            trace(spec, 0)
        return
    found = trace(spec, 0)
    np.testing.assert_array_equal(np.cumsum(found.bought), column(spec, "labels"))
    assert found.Z.shape == (spec.T, spec.stream.d)
    assert np.all(np.linalg.norm(found.Z, axis=1) <= spec.learner.L * (1 + 1e-12))
    psi = column(spec, "psi")[-1]
    assert log_det(found.Z, found.bought, spec.learner.lam) == pytest.approx(psi, rel=1e-9, abs=1e-9)


@given(run_specs())
@settings(max_examples=30)
def test_property_watching_changes_nothing(spec):
    seen = []
    watched = engine.play(spec, compiled=False, watch=lambda t, v, w, bought: seen.append(t))
    np.testing.assert_array_equal(watched.rows[0], engine.play(spec, compiled=False).rows[0])
    passes = 2 if spec.gate.kind == "llf_oracle" else 1
    assert seen == list(range(spec.T)) * passes


def test_replications_differ_and_repeat():
    spec = RunSpec(T=30, beta=0.3, gate=GateSpec(kind="random"), record=RecordSpec(mode="every"))
    first, second, again = trace(spec, 0), trace(spec, 1), trace(spec, 1)
    assert not np.array_equal(first.Z, second.Z)
    np.testing.assert_array_equal(second.Z, again.Z)
    np.testing.assert_array_equal(np.cumsum(second.bought), column(spec, "labels", 1))


def test_the_offline_reference_leaves_its_second_pass():
    assert trace(RunSpec(T=40, B=5, gate=GateSpec(kind="llf_oracle")), 0).bought.sum() == 5


def test_bandit_feedback_shows_the_pick():
    learner = LearnerSpec(feedback="bandit", leader="optimistic")
    Z = trace(RunSpec(T=20, learner=learner), 0).Z
    np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("compiled", [True, False])
def test_what_cannot_be_watched_is_refused(compiled):
    free = RunSpec(T=4, stream=StreamSpec(context="free"), follower=FollowerSpec(kind="ball"))
    spec = free if compiled else digits_spec("always", T=4)
    with pytest.raises(ValueError, match="watch"):
        engine.play(spec, compiled=compiled, watch=print)
    with pytest.raises(ValueError, match="feedback = 'gold'"):
        trace(digits_spec("always", T=4), 0)
