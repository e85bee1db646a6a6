"""The preflight catches planted faults with the right words, lets honest parts through, and its judges can fail."""

import json
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import invoke
from hypothesis import given, settings
from hypothesis import strategies as st

from figures import preflight as picture
from paper_repro import new
from paper_repro.preflight import battery as preflight
from paper_repro.preflight import bench, checks, search
from paper_repro.preflight import follower as followers
from paper_repro.preflight import learner as learners
from paper_repro.preflight import page as preflight_page
from paper_repro.preflight.interface import interface
from paper_repro.preflight.outcome import SKIPPED, Check, Outcome
from paper_repro.preflight.size import FULL, PLAIN, QUICK, fitting, smaller
from sim import kernels, plugins
from theory.judges import plugin as judges
from theory.ledger import FAIL, INCONCLUSIVE, PASS, VACUOUS

HONEST = "def query(game, purse, signal):\n    return purse.left > 0 and signal.width > 0.2\n"
TALKS = "def latency(game, purse, signal):\n    return {}signal.latency\n"
CHEATER = "def query(game, purse, signal):\n    return purse.left > 0 and signal.surprise > game.sigma\n"
FRAMES = """
import sys
from sim.rules import rounds
class Gate:
    def __init__(self, game):
        self.game = game
    def query(self, purse, signal):
        frame = sys._getframe()
        while frame is not None and frame.f_code.co_name not in ("play_game", "play_recorded"):
            frame = frame.f_back
        if frame is None:
            return purse.left > 0 and signal.width > 0.5
        seen = frame.f_locals
        if "w" in seen:
            rounds.noise(seen["g"], seen["keys"], signal.t, seen["w"])
            return bool(abs(seen["w"].eta[0]) > self.game.sigma)
        return bool(seen["v"].pick != seen["y"][signal.t])
"""
OVERSPENDER = "def query(game, purse, signal):\n    return signal.width > 0.05 or purse.left <= 0\n"
COUNTER = """
class Gate:
    def __init__(self, game):
        self.n = 0
    def query(self, purse, signal):
        self.n += 1
        return purse.left > 0 and self.n % 3 == 0
"""
GLOBAL = "CALLS = []\ndef query(game, purse, signal):\n    CALLS.append(1)\n    return len(CALLS) % 7 == 0\n"
FORGETFUL = """
class Gate:
    def __init__(self, game):
        self.n = 0
    def query(self, purse, signal):
        return purse.left > 0 and self.n % 3 == 0
    def update(self, purse, signal, bought):
        self.n += 1
    def state(self):
        return {}
    def restore(self, state):
        self.n = 1
"""
NEVER = "def query(game, purse, signal):\n    return False\n"
IDS = [check.id for check in preflight.GATE]
HOURS = 600.0  # minutes for a preflight: no clock decides a test


@pytest.fixture(autouse=True)
def counted(monkeypatch):
    """Searches end after so many instances and not after seconds, so that they find the same on any machine."""
    monkeypatch.setattr(search, "MANY", 40)
    monkeypatch.setattr(search, "longest", lambda b: 60)


def made(folder, text, kind=plugins.GATE, name="mine"):
    """A quick bench in the plain loop on a file, which no clock stops or shrinks."""
    path = folder / f"{name}.py"
    path.write_text(text)
    return unhurried(preflight.prepare(str(path), kind, quick=True, plain=True, minutes=HOURS))


def unhurried(b):
    """The bench with a clock that never rings; what a round costs here decides nothing."""
    return replace(b, size=replace(b.size, search=60.0 * HOURS), cost=100.0)


def test_an_honest_gate_passes_every_honest_check(tmp_path):
    b = made(tmp_path, HONEST)
    for check in (interface, checks.budget, checks.peeking, checks.latency, checks.resume, checks.determinism):
        assert check(b).verdict in (PASS, VACUOUS, SKIPPED), check


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    """The bench of a gate that never buys and claims that a round costs at most the latency of the signal."""
    return made(tmp_path_factory.mktemp("silent"), NEVER + TALKS.format(""))


def test_a_gate_that_never_buys_passes_every_honest_check(silent):
    for check in (interface, checks.latency, checks.resume, checks.determinism):
        assert check(silent).verdict in (PASS, VACUOUS, SKIPPED), check


def test_a_gate_that_never_buys_is_said_and_not_unfit(silent):
    b = silent
    assert checks.budget(b).verdict == checks.peeking(b).verdict == VACUOUS
    said = checks.idle(b)
    assert said.verdict == FAIL and said.message.startswith("never buys a label anywhere")
    assert not next(c for c in preflight.GATE if c.id == "idle").honest


def test_a_cheater_is_caught_by_the_bait_and_by_other_labels(tmp_path):
    said = checks.peeking(made(tmp_path, CHEATER))
    assert said.verdict == FAIL
    assert "signal.surprise, which knows the label, is hidden" in said.message
    assert "pairs decide differently up to a round when only its label and later ones differ" in said.message
    assert "(digits): the decision changes with that round's own label" in said.message
    assert said.control.endswith(FAIL)


def test_a_cheater_that_looks_into_the_loops_frames_is_caught(tmp_path):
    said = checks.peeking(made(tmp_path, FRAMES))
    assert said.verdict == FAIL
    assert "it decides otherwise outside the game, so it reads something else (frames" in said.message
    assert "(digits): the decision changes with that round's own label" in said.message


def test_an_overspender_is_caught_with_the_round_and_the_budget(tmp_path):
    b = made(tmp_path, OVERSPENDER)
    said = checks.budget(b)
    assert said.verdict == FAIL and said.measured > said.bound
    assert "bought label 2 of a budget of B = 1 in round 2 of 100" in said.message
    assert said.message.endswith("return False where purse.left <= 0")
    assert "labels <= B: BROKEN" in search.falsified(b).message


def test_an_overconfident_gate_is_caught_with_a_witness(tmp_path):
    b = made(tmp_path, HONEST + TALKS.format("0.1 * "))
    said = checks.latency(b)
    assert said.verdict == FAIL and said.message.startswith("overconfident: round ")
    assert "costs 1, latency() claimed at most 0.1" in said.message and "claim at least signal.latency" in said.message
    found = search.falsified(b)
    assert found.verdict == FAIL and found.measured > 5.0
    honest = made(tmp_path, HONEST + TALKS.format(""), name="other")
    assert checks.latency(honest).verdict == PASS
    assert checks.latency(honest).control == "the same claims times 0.1: FAIL"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def query(game, purse, signal): return signal.width", "query returned 0.0 in round 1 .* the rule is a bool"),
        (COUNTER, "query changed its answer when asked twice"),
        ("def query(game, purse, signal):\n    purse.memory[0] += 1\n    return False", "only update may write"),
        (NEVER + "def latency(game, purse, signal): return -1.0", "latency returned -1 "),
    ],
)
def test_a_broken_interface_is_named(tmp_path, text, message):
    said = interface(made(tmp_path, text))
    assert said.verdict == FAIL
    assert pd.Series([said.message]).str.contains(message).all(), said.message


def test_a_crash_is_one_message_and_the_rest_is_not_asked(tmp_path):
    report = preflight.fly(made(tmp_path, "def query(game, purse, signal): return 1.0 / signal.width > 2.0"))
    first = report.answers[0].outcome
    assert report.code == 1 and first.verdict == FAIL
    assert "mine.py: ZeroDivisionError: float division by zero in round 1 with width 0" in first.message
    assert {a.outcome.message for a in report.answers[1:]} == {preflight.UNASKED}
    assert "Unfit for a full run: interface" in preflight_page.page(report)


def test_hidden_state_is_not_deterministic(tmp_path):
    b = made(tmp_path, GLOBAL)
    said = checks.determinism(b)
    assert said.verdict == FAIL and "no global state" in said.message


def test_a_state_that_forgets_is_caught_and_a_missing_one_is_said(tmp_path):
    said = checks.resume(made(tmp_path, FORGETFUL))
    assert said.verdict == FAIL and "state() must hold everything" in said.message
    said = checks.resume(made(tmp_path, FORGETFUL.split("    def state")[0], name="stateless"))
    assert said.verdict == SKIPPED and "add state() and restore(dict)" in said.message


def test_what_numba_refuses_is_played_plainly_and_said(tmp_path, monkeypatch):
    """Numba is not asked here: what it really says is read where ``engine`` is tested (test_sim_own)."""
    path = tmp_path / "mine.py"
    path.write_text(HONEST)
    with monkeypatch.context() as planted:
        planted.setattr(kernels, "refusal", lambda run, args: "Use of unsupported module json")
        compiled, how = bench.way(plugins.GATE, str(path), False)
    assert not compiled and how == "plain loop, because Numba refuses it: Use of unsupported module json"
    path.write_text(FORGETFUL)
    assert bench.way(plugins.GATE, str(path), False) == (False, "plain loop, because a class is not compiled")


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in new.KINDS if kind != plugins.GATE])
def test_a_template_passes_every_honest_check(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    path = new.write(kind, "mine")
    report = preflight.fly(unhurried(preflight.prepare(str(path), kind, quick=True, plain=True, minutes=HOURS)))
    honest = {a.check.id: a.outcome for a in report.answers if a.check.honest}
    assert not [i for i, o in honest.items() if o.verdict not in (PASS, VACUOUS, SKIPPED)], honest
    assert report.code == 0


@pytest.mark.slow
def test_the_template_of_a_gate_end_to_end_with_features(tmp_path, monkeypatch):
    """By the command line, from ``new`` to the files that a whole preflight leaves."""
    monkeypatch.chdir(tmp_path)
    assert invoke("new", "gate", "mine").exit_code == 0
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 60)
    frame = pd.DataFrame(rng.standard_normal((60, 4)) + 2.0 * np.eye(4)[y], columns=list("abcd")).assign(label=y)
    frame.to_parquet("features.parquet")
    clock = ("--jobs", "1", "--minutes", str(HOURS))
    words = ("mine.py", "--quick", "--plain", "--features", "features.parquet", "--out", "said", *clock)
    done = invoke("preflight", *words)
    assert done.exit_code == 0, done.output
    assert "fit for a full run" in done.stdout
    said = json.loads((tmp_path / "said" / "preflight.json").read_text())
    assert [c["id"] for c in said["checks"]] == IDS
    assert said["fit"] and said["schema"] == 1 and said["name"] == "mine" and len(said["sha256"]) == 64
    assert {c["verdict"] for c in said["checks"]} <= {PASS, FAIL, INCONCLUSIVE, VACUOUS, SKIPPED}
    assert not [c for c in said["checks"] if c["honest"] and c["verdict"] not in (PASS, VACUOUS, SKIPPED)]
    assert next(c for c in said["checks"] if c["id"] == "features")["verdict"] != SKIPPED
    page = (tmp_path / "said" / "preflight.html").read_text()
    for words in ("Fit for a full run", "Rank table", "At equal labels", "Replay: features", "data:image/png;base64"):
        assert words in page
    assert "http://" not in page and "https://" not in page


def test_new_refuses_what_it_cannot_write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("x = 1")
    with pytest.raises(ValueError, match="exists already and is not overwritten"):
        new.write("gate", "mine")
    assert (tmp_path / "mine.py").read_text() == "x = 1"
    for kind, name, message in (("gate", "my-gate", "Python identifier"), ("gate", "class", "Python identifier"),
                                ("door", "mine", "valid: gate, follower, learner")):  # fmt: skip
        done = invoke("new", kind, name)
        assert done.exit_code == 2
        assert message in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("none.py",), "no Python file"),
        (("both.py",), "brings gate and learner; say which with --kind"),
        (("empty.py",), "brings no part: it must define a function query"),
        (("both.py", "--kind", "follower"), "brings no follower"),
        (("both.py", "--kind", "door"), "unknown kind 'door'"),
        (("gate.py", "--features", "none.parquet"), "no file 'none.parquet'"),
        (("goes.py", "--features", "none.parquet"), "plays no recorded stream"),
        (("gate.py", "--minutes", "0", "--out", "o"), "minutes = 0 is not allowed"),
    ],
)
def test_wrong_usage_is_exit_code_2(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "both.py").write_text(HONEST + "class Learner: pass\n")
    (tmp_path / "empty.py").write_text("x = 1")
    (tmp_path / "gate.py").write_text(HONEST)
    (tmp_path / "goes.py").write_text("def respond(game, t, theta_hat, P, theta_star, z): z[0] = game.L\n")
    done = invoke("preflight", *words)
    assert done.exit_code == 2
    assert message in done.stderr


def answers(*outcomes):
    return [
        preflight.Answer(Check(str(i), "", "", honest, lambda b: Outcome(PASS, "")), Outcome(verdict, message), 0.0)
        for i, (verdict, honest, message) in enumerate(outcomes)
    ]


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([(PASS, True, ""), (FAIL, False, "")], 0),
        ([(VACUOUS, True, ""), (SKIPPED, True, "claims nothing")], 0),
        ([(FAIL, True, ""), (INCONCLUSIVE, True, "")], 1),
        ([(INCONCLUSIVE, True, "")], 3),
        ([(INCONCLUSIVE, False, "")], 0),
        ([(SKIPPED, True, preflight.LATE)], 3),
    ],
)
def test_exit_codes(outcomes, code):
    assert preflight.exit_code(answers(*outcomes)) == code


def test_no_time_left_is_inconclusive_and_not_fit(tmp_path):
    b = made(tmp_path, HONEST)
    b.stop = time.monotonic() - 1.0
    report = preflight.fly(b)
    assert report.code == 3 and not preflight.verdict_file(report)["fit"]


def test_a_slow_part_gets_a_smaller_battery_and_it_is_said():
    assert fitting(FULL, 0.001, 2.0, 300.0, 2) == (FULL, [])
    assert fitting(PLAIN, 0.001, 150.0, 300.0, 2) == (PLAIN, [])
    rounds = PLAIN.rounds(0.001)
    for microseconds in (600.0, 2000.0, 8000.0):
        small, said = fitting(PLAIN, 0.001, microseconds, 300.0, 2)
        assert small.rounds(0.001) < rounds and len(said) == 1 and "->" in said[0]
        rounds = small.rounds(0.001)
        assert small.rounds(0.001) * microseconds / 2e6 <= 150.0
    assert small.rounds(0.001) >= QUICK.rounds(0.001) / 10


@given(st.floats(0.01, 1e6), st.floats(1.0, 1e4), st.sampled_from([FULL, PLAIN, QUICK]))
@settings(max_examples=25)
def test_property_a_battery_never_grows_and_fits_where_it_can(microseconds, seconds, size):
    small, said = fitting(size, 0.001, microseconds, seconds, 2)
    assert small.rounds(0.001) <= size.rounds(0.001)
    assert bool(said) == (small != size)
    least = list(smaller(size))[-1]
    assert small.rounds(0.001) * microseconds <= 1e6 * seconds or small == least


def test_a_learner_with_narrow_widths_is_overconfident(tmp_path):
    text = new.text("learner", "mine").replace("float(x @ self.P @ x)", "0.02 * float(x @ self.P @ x)")
    said = learners.width(made(tmp_path, text, plugins.LEARNER))
    assert said.verdict == FAIL and said.message.startswith("overconfident")


def test_a_learner_whose_width_grows_or_whose_predict_writes_is_named(tmp_path):
    text = new.text("learner", "mine")
    grows = made(tmp_path, text.replace("self.P -= shrink", "self.P += shrink"), plugins.LEARNER)
    assert "width^2 of its own row grew" in learners.interface(grows).message
    writes = made(tmp_path, text.replace("return x @ self.theta", "self.theta += 0.1\n        return x @ self.theta"),
                  plugins.LEARNER, "other")  # fmt: skip
    assert "predict changed its answer" in learners.interface(writes).message


def test_a_follower_outside_the_ball_is_one_message(tmp_path):
    text = "def respond(game, t, theta_hat, P, theta_star, z):\n    z[0] = 3.0\n"
    report = preflight.fly(made(tmp_path, text, plugins.FOLLOWER))
    assert report.code == 1 and "longer than L" in report.answers[0].outcome.message


def test_a_follower_that_costs_nothing_is_vacuous(tmp_path):
    b = made(tmp_path, "def respond(game, t, theta_hat, P, theta_star, z):\n    z[0] = 0.0\n", plugins.FOLLOWER)
    assert followers.harm(b).verdict == VACUOUS


def test_the_size_of_the_coverage_runs_has_power():
    """With a tenth of the promised failures the interval lies below the promise in 99.9 % of the samples."""
    rng = np.random.default_rng(0)
    n = judges.enough(0.05, 1e-3)
    from theory import stats

    worst = stats.frequency(int(np.quantile(rng.binomial(n, 0.005, 2000), 0.999)), n).at(1e-3)[1]
    assert worst <= 0.05


def test_ranks_and_differences_are_paired():
    seeds = pd.DataFrame([(0, r, a) for r in range(20) for a in ("x", "y")], columns=["seed", "replication", "arena"])
    noise = np.random.default_rng(1).standard_normal(40) * 10.0
    rows = pd.concat([seeds.assign(gate=g, regret=noise + 0.1 * i) for i, g in enumerate(("plugin", "b", "c"))])
    found = judges.differences(rows, "plugin", "regret", 0.01)
    assert (found["high"] < 0).all() and np.allclose(found["mean"], [-0.1, -0.2, -0.1, -0.2])
    assert judges.outcome_of(found).outcome == PASS
    assert judges.outcome_of(judges.differences(rows, "c", "regret", 0.01)).outcome == FAIL
    assert judges.ranks(rows, "regret", 0.01)["gate"].tolist() == ["plugin", "b", "c"]


def test_a_claim_that_is_not_a_number_is_broken():
    rows = pd.DataFrame(dict(run="a", replication=0, t=[1, 2], rho=0.0, claimed=[0.5, np.nan], ratio=0.5, S=1.0, L=1.0,
                             delta=0.05))  # fmt: skip
    assert judges.claimed(rows, 0.01).outcome == FAIL and judges.worst_claim(rows)["t"] == 2
    assert judges.claimed(rows.assign(claimed=0.5), 0.01).outcome == PASS
    assert judges.claimed(rows.assign(claimed=np.inf), 0.01).outcome == VACUOUS
    assert judges.claimed(rows.assign(claimed=-1.0, ratio=2.0), 0.01).outcome == PASS


def test_a_verdict_needs_every_seed_set():
    assert judges.agreed(PASS, [PASS, PASS]) == PASS
    assert judges.agreed(PASS, [PASS, INCONCLUSIVE]) == INCONCLUSIVE
    assert judges.agreed(FAIL, []) == FAIL


def test_the_picture_survives_open_intervals():
    frame = pd.DataFrame([("plugin", 1.0, -np.inf, np.inf), ("random", np.nan, -np.inf, np.inf)],
                         columns=["label", "estimate", "low", "high"])  # fmt: skip
    assert picture.draw(frame, "x", (0.5,)).get_axes()
    with pytest.raises(ValueError, match="nothing to draw"):
        picture.draw(frame.iloc[:0], "x")


def test_replications_of_a_plain_part_do_not_depend_on_jobs(tmp_path):
    b = made(tmp_path, HONEST)
    jobs = [bench.Run(f"x/{i}", bench.RunSpec(T=20, B=5, seed=i, gate=b.gate, record=bench.FINAL)) for i in range(5)]
    pd.testing.assert_frame_equal(b.play(jobs), replace(b, jobs=2).play(jobs))
