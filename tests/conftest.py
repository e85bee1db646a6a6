"""Shared set-up: linear algebra on one thread, a repeatable hypothesis profile, a fixture that compiles the kernels."""

import os
from importlib.util import find_spec

os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads that wait for each other burn a machine that has other work

import pytest
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

from paper_repro import cli
from sim import engine
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec

threadpool_limits(1)  # of libraries that a plugin of pytest loaded before
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("repeatable")

WITHOUT_MODELS = find_spec("torch") is None or find_spec("transformers") is None or find_spec("peft") is None
collect_ignore_glob = ["test_llm_*.py", "test_paper_repro_llm.py"] if WITHOUT_MODELS else []


def pytest_report_header() -> str:
    """What is left out, where everybody sees it."""
    return "extra llm is not installed: the tests of language models are SKIPPED" if WITHOUT_MODELS else ""


@pytest.fixture(scope="session")
def compiled():
    """engine.play, with both kernels compiled (or read from the cache) beforehand."""
    engine.play(RunSpec(T=4))
    engine.play(digits_spec("always", T=4))
    return engine.play


def invoke(*words):
    """The command line in this process: ``exit_code``, ``stdout``, ``stderr``; an exception that it lets out is raised.

    A process of its own costs seconds of imports; it is for what only a process has (signals, warnings, the shell).
    """
    return CliRunner().invoke(cli.app, words, prog_name="paper-repro", catch_exceptions=False)


def digits_spec(gate, T=40, **kwargs):
    """A short run on scikit-learn's digits."""
    return RunSpec(
        T=T,
        stream=StreamSpec(context="recorded", path="digits", center=True),
        follower=FollowerSpec(kind="all"),
        learner=LearnerSpec(kind="ova", feedback="gold", sigma=0.5, radius_mode="fixed", radius_c=0.1),
        gate=GateSpec(kind=gate),
        record=RecordSpec(per_octave=1),
        **kwargs,
    )


@pytest.fixture(scope="module")
def one_thread():
    """torch on one thread, so that sums are added in one order."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
