"""sim.kernels: the compiled run and the plain loop are the same bits; threads change nothing."""

import numpy as np
import pytest
import strategies as own
from conftest import digits_spec
from hypothesis import given, settings
from joblib import Parallel, delayed

from sim import engine
from sim.rules import gates, log
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from sim.sweeps import arena

EVERY = RecordSpec(mode="every")
GATES = [GateSpec(kind=kind) for kind in gates.GATES] + [GateSpec(kind="llf_split", purse="random")]


def assert_same_bits(compiled, spec):
    """Kernel and loop agree in every column of every recorded round, NaN and infinity included."""
    fast, slow = compiled(spec), engine.play(spec, compiled=False)
    for a, b in zip(fast.rows, slow.rows, strict=True):
        wrong = [name for name, x, y in zip(log.COLUMNS, a.T, b.T, strict=True) if x.tobytes() != y.tobytes()]
        assert not wrong


@pytest.mark.parametrize(("follower", "context"), own.ARENAS)
@pytest.mark.parametrize("gate", GATES, ids=lambda g: f"{g.kind}_{g.purse}")
def test_kernel_equals_loop(compiled, gate, follower, context):
    """Every gate in every arena."""
    spec = RunSpec(
        T=60 if follower == "evader" else 90,
        beta=0.3,
        **arena(follower, context, 3, components=3),
        learner=LearnerSpec(sigma=0.5),
        gate=gate,
        record=EVERY,
        seed=5,
    )
    assert_same_bits(compiled, spec)


@pytest.mark.parametrize("gate", ["always", "llf_paced", "llf_regret", "margin", "llf_oracle", "control_peek"])
@pytest.mark.parametrize(
    ("leader", "feedback"),
    [("greedy", "full"), ("optimistic", "full"), ("optimistic", "bandit"), ("optimistic", "pair")],
)
def test_kernel_equals_loop_with_other_feedback(compiled, leader, feedback, gate):
    spec = RunSpec(
        T=60,
        beta=0.5,
        stream=StreamSpec(d=3, N=5),
        follower=FollowerSpec(kind="best_response", M=3),
        learner=LearnerSpec(leader=leader, feedback=feedback),
        gate=GateSpec(kind=gate),
        record=EVERY,
    )
    assert_same_bits(compiled, spec)


@pytest.mark.parametrize("gate", gates.GATES)
def test_kernel_equals_loop_on_a_recorded_stream(compiled, gate):
    assert_same_bits(compiled, digits_spec(gate, B=20))


@settings(max_examples=60)
@given(own.run_specs(kinds=gates.GATES, max_T=30))
def test_property_kernel_equals_loop(compiled, spec):
    """Any spec; no rebuild of the inverse, whose LAPACK is not the same library in both."""
    assert_same_bits(compiled, spec.model_copy(update=dict(learner=spec.learner.model_copy(update=dict(refresh=4096)))))


@settings(max_examples=15)
@given(own.run_specs(kinds=("always",), max_T=40, leaders=("greedy",)))
def test_property_kernel_equals_loop_with_rebuilds(compiled, spec):
    """With the inverse rebuilt every third label: the same to 1e-9."""
    spec = spec.model_copy(update=dict(learner=spec.learner.model_copy(update=dict(refresh=3))))
    fast, slow = compiled(spec).rows[0], engine.play(spec, compiled=False).rows[0]
    np.testing.assert_allclose(fast, slow, rtol=1e-9, atol=1e-9)


def test_threads_change_nothing(compiled):
    cells = [
        (f, c, g)
        for f, c in (("ball", "free"), ("hard_negative", "zipf"))
        for g in ("llf_paced", "random", "llf_oracle")
    ]
    specs = [
        RunSpec(T=400, beta=0.2, **arena(f, c, 4), gate=GateSpec(kind=g), replications=2, record=EVERY)
        for f, c, g in cells
    ]
    specs.append(digits_spec("margin", B=20))
    bytes_of = lambda result: [rows.tobytes() for rows in result.rows]  # noqa: E731 - one place
    runs = [
        [bytes_of(r) for r in Parallel(n_jobs=n, backend="threading")(delayed(compiled)(s) for s in specs)]
        for n in (1, 2)
    ]
    assert runs[0] == runs[1]


def test_the_same_call_twice_gives_the_same_bits(compiled):
    spec = RunSpec(T=200, beta=0.1, **arena("evader", "free", 4), gate=GateSpec(kind="llf_split"))
    assert compiled(spec).rows[0].tobytes() == compiled(spec).rows[0].tobytes()


def test_arrays_are_neither_lost_nor_freed_twice(compiled):
    """Rules that return numbers are compiled without reference counts, so the run must balance its own."""
    from numba.core.runtime import _nrt_python, rtsys

    specs = [
        RunSpec(T=50, beta=0.3, **arena(f, c, 4), gate=GateSpec(kind=g))
        for f, c in (("iid", "isotropic"), ("evader", "free"))
        for g in ("llf_quantile", "llf_self_paced")
    ]
    first = [compiled(spec).rows[0].tobytes() for spec in specs]
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        again = [[compiled(spec).rows[0].tobytes() for spec in specs] for _ in range(3)]
        after = rtsys.get_allocation_stats()
    finally:
        _nrt_python.memsys_disable_stats()
    assert again == [first] * 3
    assert after.alloc > before.alloc and after.alloc - before.alloc == after.free - before.free
