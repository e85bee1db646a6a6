"""The Gymnasium environment: the library's own checker, and the simulator's own runs played through it."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import engine
from sim.rules import gates, log
from sim.spec import FollowerSpec, GateSpec, RunSpec, StreamSpec
from tests.conftest import digits_spec
from tests.strategies import run_specs

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import check_env  # noqa: E402

from sim.adapters import gym  # noqa: E402

PLAYED = tuple(k for k in gates.GATES if k not in ("llf_oracle", "control_peek"))
SPECS = {
    "pool": RunSpec(T=30, B=5, stream=StreamSpec(d=3), gate=GateSpec(kind="margin")),
    "evader": RunSpec(
        T=30, B=5, stream=StreamSpec(context="free", d=3), follower=FollowerSpec(kind="evader"),
        gate=GateSpec(kind="llf_paced"),
    ),
    "recorded": digits_spec("llf_self_paced", T=30, B=8),
}  # fmt: skip


@pytest.fixture(params=SPECS)
def spec(request):
    return SPECS[request.param]


@pytest.mark.parametrize("purse", [True, False])
def test_the_librarys_checker_has_no_complaint(spec, purse):
    gym.register()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(gym.ENV_ID, spec=spec, purse=purse).unwrapped)


def episode(env, seed, act):
    """(observations, rewards, last info) of an episode under act(observation, info) -> action."""
    observation, info = env.reset(seed=seed)
    seen, rewards, over = [observation], [], False
    while not over:
        observation, reward, over, truncated, info = env.step(act(observation, info))
        assert not truncated and env.observation_space.contains(observation)
        seen.append(observation)
        rewards.append(reward)
    return np.array(seen), np.array(rewards), info


def through_the_gate(spec):
    """Play a built-in gate from the outside: its purse is kept here, its signal comes from ``info``."""
    g = engine.setup_of(spec)
    p, waiting = gates.open_purse(g), []

    def act(observation, info):
        nonlocal p
        if waiting:
            x, reason = waiting.pop()
            p = gates.settle(g, p, x, reason, observation[gym.COLUMNS.index("psi")])
        x = gates.Signal(**info["signal"])
        opens, reason, _ = gates.decide(g, p, x)
        waiting.append((x, reason))
        return int(opens)

    return act


def simulated(spec, replication):
    """(regret, labels, reasons hash) of the engine's plain loop."""
    row = engine.play(spec.model_copy(update={"replications": 1}), first=replication, compiled=False).rows[0][-1]
    return row[log.COLUMNS.index("regret")], row[log.COLUMNS.index("labels")]


@settings(max_examples=25)
@given(run_specs(PLAYED, max_T=25), st.integers(0, 50))
def test_property_a_gate_played_through_the_environment_is_the_engines_run(spec, replication):
    if not spec.gate.cap:
        spec = spec.model_copy(update={"gate": spec.gate.model_copy(update={"cap": True})})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", engine.IdleGate)
        regret, labels = simulated(spec, replication)
    for act in (through_the_gate(spec), lambda observation, info: int(info["gate_opens"])):
        _, rewards, info = episode(gym.LeaderEnv(spec), replication, act)
        assert len(rewards) == spec.T and info["labels"] == labels
        assert info["regret"] == regret and -rewards.sum() == pytest.approx(regret)


@pytest.mark.parametrize("kind", PLAYED)
def test_recorded_streams_are_the_engines_too(kind):
    spec = digits_spec(kind, T=25, B=6)
    regret, labels = simulated(spec, 3)
    _, _, info = episode(gym.LeaderEnv(spec), 3, through_the_gate(spec))
    assert (info["regret"], info["labels"]) == (regret, labels)


def test_one_seed_is_one_episode_and_another_is_another(spec):
    act = lambda observation, info: int(observation[0] > 0.2)  # noqa: E731
    first, again, other = (episode(gym.LeaderEnv(spec), seed, act)[0] for seed in (7, 7, 8))
    assert first.tobytes() == again.tobytes() and first.tobytes() != other.tobytes()


def test_an_empty_purse_buys_nothing_and_says_so(spec):
    env, refused = gym.LeaderEnv(spec), []
    _, info = env.reset(seed=1)
    for t in range(spec.T):
        observation, _, over, _, info = env.step(1)
        refused.append(info["refused"])
        if not over:
            assert observation[-2] == max(spec.budget - t - 1, 0) / spec.budget
            assert observation[-1] == (spec.T - t - 1) / spec.T
    assert over and refused == [False] * spec.budget + [True] * (spec.T - spec.budget)
    assert info["labels"] == spec.budget and info["labels_left"] == 0
    always = episode(gym.LeaderEnv(spec), 1, lambda o, i: 1)
    exact = episode(gym.LeaderEnv(spec), 1, lambda o, i: int(i["labels_left"] > 0))
    np.testing.assert_array_equal(always[0], exact[0])


def test_labels_are_worth_something():
    """Otherwise the test above would hold for an environment that ignores its actions."""
    spec = RunSpec(T=300, B=300, stream=StreamSpec(d=3), gate=GateSpec(kind="never"))
    never, always = (episode(gym.LeaderEnv(spec), 0, lambda o, i, a=a: a)[2]["regret"] for a in (0, 1))
    assert always < 0.7 * never


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gym.LeaderEnv({"T": 0}), "T"),
        (lambda: gym.LeaderEnv({"gate": {"kind": "llf_oracle"}}), "looks ahead"),
        (lambda: gym.LeaderEnv().step(1), "call reset"),
        (lambda: wrong_action(2), "the rule is 0"),
        (lambda: wrong_action(0.5), "the rule is 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def wrong_action(action):
    env = gym.LeaderEnv({"T": 3})
    env.reset(seed=0)
    env.step(action)


def test_it_is_made_by_name_with_a_plain_dictionary():
    gym.register()
    env = gymnasium.make(gym.ENV_ID, spec={"T": 5, "B": 2})
    observation, info = env.reset(seed=4)
    assert observation.shape == (8,) and info["replication"] == 4 and env.unwrapped.run.budget == 2


def test_without_the_library_it_says_what_to_install():
    code = "import sys; sys.modules['gymnasium'] = None; import sim.adapters.gym"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "budgeted-stackelberg[adapters]"' in ran.stderr
