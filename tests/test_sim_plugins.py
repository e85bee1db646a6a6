"""A user's gates, followers and learners: found, checked, played like built-in ones, blamed by name when they break."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import digits_spec

from sim import engine, plugins, setup, sources
from sim.live.gate import LiveError, LiveGate
from sim.rules import gates
from sim.sources import PluginError
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec

PACED = """
import math
MEMORY = 2
def _factor(x):
    return 1.0 + x
def _least_width(purse):  # a function that calls another of the file: both must compile
    return 0.3 * _factor(purse.memory[0])
def query(game, purse, signal):
    return purse.left > 0 and signal.width > _least_width(purse)
def update(game, purse, signal, bought):
    if bought:
        purse.memory[0] += 0.01
"""
CLASS = """
class Gate:
    def __init__(self, game):
        self.n = 0
    def query(self, purse, signal):
        return purse.left > 0 and signal.width > 0.3 * (1.0 + 0.01 * self.n)
    def update(self, purse, signal, bought):
        self.n += bought
    def state(self):
        return {"n": self.n}
    def restore(self, state):
        self.n = state["n"]
"""
ROOT = Path(__file__).resolve().parent.parent
FREE, POOL = StreamSpec(context="free", d=3), StreamSpec(d=3)


@pytest.fixture
def source(tmp_path):
    """Write a file and return its path."""

    def write(text, name="mine.py"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def game(gate, stream=FREE, follower="ball", **more):
    return RunSpec(T=40, B=10, stream=stream, follower=FollowerSpec(kind=follower), gate=gate,
                   record=RecordSpec(mode="every"), **more)  # fmt: skip


def mine(path, **more):
    return GateSpec(kind="plugin", path=path, **more)


def rows(spec, compiled=False):
    return np.array(engine.play(spec, compiled=compiled).rows)


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.py", "no Python file"), ("gate.txt", "no Python file"), ("entry:none", "no entry point 'none'")],
)
def test_a_source_that_is_not_there_is_named(name, message):
    with pytest.raises(PluginError, match=message):
        sources.file_of(name)
    with pytest.raises(ValueError, match=message):
        GateSpec(kind="plugin", path=name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def query(", "SyntaxError"),
        ("import not_a_package_of_anyone", "ModuleNotFoundError"),
        ("x = 1", "brings no gate: it must define a function query"),
        ("query = 3", "brings no gate"),
        ("MEMORY = 0\ndef query(game, purse, signal): return False", "MEMORY = 0; the rule is an integer"),
        ("MEMORY = True\ndef query(game, purse, signal): return False", "MEMORY = True"),
    ],
)
def test_a_file_that_is_no_gate_is_explained(source, text, message):
    with pytest.raises(PluginError, match=message):
        plugins.memory(source(text))


def test_kinds_are_what_the_file_brings(source):
    assert plugins.kinds(source(PACED)) == ("gate",)
    text = CLASS + "\ndef respond(game, t, a, P, b, z): pass\nclass Learner: pass"
    assert plugins.kinds(source(text)) == ("gate", "follower", "learner")
    assert plugins.kinds(source("x = 1")) == ()


def test_a_changed_file_is_read_again(source):
    path = source(PACED)
    assert plugins.memory(path) == 2
    before = mine(path), RunSpec(gate=mine(path)).key()
    source(PACED.replace("MEMORY = 2", "MEMORY = 3"))
    assert plugins.memory(path) == 3
    assert RunSpec(gate=mine(path)).key() != before[1]


def test_an_entry_point_is_a_source(source, monkeypatch, tmp_path):
    path = source(PACED, "gate_of_a_package.py")
    monkeypatch.syspath_prepend(tmp_path)
    entry = importlib.metadata.EntryPoint("paced", "gate_of_a_package", sources.GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry] if group == sources.GROUP else [])
    assert str(sources.file_of("entry:paced")) == path
    np.testing.assert_array_equal(rows(game(mine("entry:paced"))), rows(game(mine(path))))
    with pytest.raises(PluginError, match="valid: paced"):
        sources.file_of("entry:passed")


@pytest.mark.parametrize(("stream", "follower"), [(FREE, "ball"), (FREE, "evader"), (POOL, "best_response")])
def test_a_class_and_functions_of_one_rule_decide_alike(source, stream, follower):
    functions, objects = source(PACED, "a.py"), source(CLASS, "b.py")
    a, b = (rows(game(mine(path), stream, follower)) for path in (functions, objects))
    np.testing.assert_array_equal(a, b)
    assert a[0, -1, 5] <= 10 and (follower == "evader" or a[0, -1, 5] > 0)


@pytest.mark.slow
def test_compiled_and_plain_play_the_same_run(source):
    """In a process that compiles without optimising, in half the time; test_sim_kernels has the optimised run."""
    spec = game(mine(source(PACED)), FREE, "evader")
    code = "import sys; from sim import engine; from sim.spec import RunSpec; "
    code += "print(engine.play(RunSpec.model_validate_json(sys.argv[1])).rows[0].tobytes().hex())"
    words = [sys.executable, "-W", "error", "-c", code, spec.model_dump_json()]
    done = subprocess.run(words, env=os.environ | {"NUMBA_OPT": "0"}, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert bytes.fromhex(done.stdout) == rows(spec)[0].tobytes()


def test_what_numba_refuses_is_played_plainly_and_said(source):
    path = source(
        "import json\ndef query(game, purse, signal):\n    return bool(json.dumps({'a': 1})) and purse.left > 3\n"
    )
    spec = digits_spec("never", B=10).model_copy(update={"gate": mine(path)})  # its run compiles faster than a game's
    with pytest.warns(engine.NotCompiled, match=r"mine\.py is played in the plain loop"):
        found = rows(spec, True)
    assert found[0, -1, 5] == 7


def test_the_cap_is_the_games_unless_it_is_switched_off(source):
    path = source("def query(game, purse, signal): return True")
    assert rows(game(mine(path)))[0, -1, 5] == 10
    assert rows(game(mine(path, cap=False)))[0, -1, 5] == 40
    with pytest.raises(ValueError, match="cap = False with gate 'random'"):
        GateSpec(kind="random", cap=False)


def test_what_a_gate_raises_names_its_file(source):
    path = source("def query(game, purse, signal): return 1 / (signal.t - 3) > 0")
    with pytest.raises(PluginError, match=r"mine\.py: ZeroDivisionError: .*replication 0 of seed 0"):
        rows(game(mine(path)))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("z[0] = 2.0 * game.L", "longer than L"),
        ("z[0] = float('nan')", "not finite"),
        ("z[99] = 1.0", "IndexError"),
    ],
)
def test_a_free_follower_stays_in_the_ball(source, body, message):
    path = source(f"def respond(game, t, theta_hat, P, theta_star, z):\n    {body}\n")
    spec = RunSpec(T=5, stream=FREE, follower=FollowerSpec(kind="plugin", path=path))
    with pytest.raises(PluginError, match=message):
        rows(spec)


@pytest.mark.parametrize("body", ["others[0] = gold", "others[0] = 99", "others[0] = -1"])
def test_a_pool_follower_shows_what_can_be_shown(source, body):
    path = source(f"def choose(game, scores, payoffs, gold, others):\n    {body}\n")
    spec = RunSpec(T=5, stream=POOL, follower=FollowerSpec(kind="plugin", path=path))
    with pytest.raises(PluginError, match="outside the pool, or the gold"):
        rows(spec)


def test_a_follower_for_one_game_is_refused_in_the_other(source):
    path = source("def respond(game, t, theta_hat, P, theta_star, z): z[0] = game.L")
    with pytest.raises(PluginError, match="defines no choose"):
        rows(RunSpec(T=5, stream=POOL, follower=FollowerSpec(kind="plugin", path=path)))


def test_a_follower_cannot_touch_the_leader(source):
    """What it gets are copies: overwriting them changes nothing."""
    honest = "def respond(game, t, theta_hat, P, theta_star, z):\n    z[t % 3] = game.L\n"
    rude = honest + "    theta_hat[:] = 9.0\n    P[:] = 9.0\n    theta_star[:] = 9.0\n"
    specs = [
        RunSpec(T=20, stream=FREE, follower=FollowerSpec(kind="plugin", path=source(text, name)))
        for text, name in ((honest, "a.py"), (rude, "b.py"))
    ]
    np.testing.assert_array_equal(*map(rows, specs))


@pytest.mark.parametrize(
    ("answer", "message"),
    [("[0.0] * K, -1.0", "width"), ("[0.0], 1.0", "shape"), ("[float('nan')] * K, 1.0", "finite")],
)
def test_a_learner_answers_finite_numbers(source, answer, message):
    text = "class Learner:\n    def __init__(self, m, K, lam): self.K = K\n"
    text += "    def predict(self, x):\n        K = self.K\n"
    path = source(f"{text}        return {answer}\n    def update(self, x, y): pass\n")
    spec = RunSpec(
        T=5, stream=StreamSpec(context="recorded", path="digits"), follower=FollowerSpec(kind="all"),
        learner=LearnerSpec(kind="plugin", path=path, feedback="gold"),
    )  # fmt: skip
    with pytest.raises(PluginError, match=message):
        rows(spec)


def test_a_live_gate_plays_a_file_and_goes_on_from_its_state(source):
    for text, name in ((PACED, "a.py"), (CLASS, "b.py")):
        whole, cut = (LiveGate(mine(source(text, name)), T=30, d=3, B=9) for _ in range(2))
        for t in range(30):
            if t == 11:
                cut = LiveGate.restore(json.loads(json.dumps(cut.state())))
            a, b = (gate.ask(np.array([0.1, 0.0]), 0.3 / (1 + t)) for gate in (whole, cut))
            assert a == b
            whole.settle(a.open)
            cut.settle(b.open)
    silent = LiveGate(mine(source(CLASS.replace("def state", "def not_state"), "c.py")), T=30, d=3, B=9)
    with pytest.raises(LiveError, match="has no state"):
        silent.state()


def test_the_hard_cap_comes_before_the_answer(source):
    g = setup.build(game(mine(source("def query(game, purse, signal): return True"))))
    rule = plugins.gate(game(mine(source("def query(game, purse, signal): return True"))).gate.path, g)
    x = gates.Signal(0, 1.0, 1.0, 0.5, 0.0, 0, 1.0, 0, 0.0)
    assert rule.decide(g, gates.open_purse(g)._replace(left=0), x)[0] is False
    assert rule.decide(g._replace(cap=False), gates.open_purse(g)._replace(left=0), x)[0] is True


@pytest.mark.parametrize(("follower", "context"), [("hard_negative", "isotropic"), ("ball", "free")])
def test_a_coin_tossing_gate_of_ones_own_buys_what_random_buys(source, follower, context):
    """The coin is the game's: the same draw for the built-in gate and for a user's."""
    path = source("def query(game, purse, signal):\n    return signal.coin < purse.left / (game.T - signal.t)\n")
    stream, who, every = StreamSpec(context=context, d=3), FollowerSpec(kind=follower), RecordSpec(mode="every")
    played = [
        engine.play(RunSpec(T=80, B=20, stream=stream, follower=who, gate=gate, record=every), compiled=False)
        for gate in (GateSpec(kind="random"), GateSpec(kind="plugin", path=path))
    ]
    labels = [run.rows[0][:, 5] for run in played]
    assert labels[0].tolist() == labels[1].tolist() and labels[0][-1] == 20
