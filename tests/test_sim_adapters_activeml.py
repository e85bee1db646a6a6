"""scikit-activeml both ways, in its own stream loop, with its own strategies and classifiers."""

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_no_attributes_set_in_init, check_parameters_default_constructible

from sim import engine
from sim.live.gate import LiveGate
from sim.rules import gates, log
from sim.spec import FollowerSpec, GateSpec, RunSpec, StreamSpec
from tests.conftest import digits_spec

pytest.importorskip("skactiveml")

from skactiveml.classifier import ParzenWindowClassifier, SklearnClassifier
from skactiveml.stream import FixedUncertainty, StreamProbabilisticAL
from skactiveml.stream.budgetmanager import VariableUncertaintyBudgetManager
from skactiveml.utils import call_func

from sim.adapters.activeml import NEED_A_DESIGN, GateBudgetManager, GateStreamQuery, ManagerGate
from sim.adapters.overspend import LAWS, MANAGERS, OURS, bought, manager, overspend

ALL = tuple(k for k in gates.GATES if not gates.TRAITS_OF[k].foresees)
SIMPLE = tuple(k for k in ALL if k not in NEED_A_DESIGN)
SOFT = ("FixedUncertainty", "VariableUncertainty", "RandomVariableUncertainty", "Split")


def stream(T=60):
    X, y = load_digits(return_X_y=True)
    keep = np.flatnonzero(y < 3)[: T + 10]
    return X[keep], y[keep]


def documented_loop(strategy, X, y, chunk=1):
    """The library's stream loop; returns the indices bought, in order."""
    seen = list(range(10))
    clf = SklearnClassifier(LogisticRegression(C=0.1, max_iter=50), classes=[0, 1, 2], random_state=0)
    asked = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X[seen], y[seen])
        for start in range(10, len(X), chunk):
            candidates = X[start : start + chunk]
            indices, utilities = strategy.query(candidates=candidates, clf=clf, return_utilities=True)
            call_func(
                strategy.update,
                candidates=candidates,
                queried_indices=indices,
                budget_manager_param_dict={"utilities": utilities},
            )
            asked += [start + int(i) for i in indices]
            seen += [start + int(i) for i in indices]
            if len(indices):
                clf.fit(X[seen], y[seen])
    return asked


@pytest.mark.parametrize("made", [GateBudgetManager(), GateStreamQuery()])
def test_they_are_estimators_of_scikit_learn(made):
    check_parameters_default_constructible(type(made).__name__, made)
    check_no_attributes_set_in_init(type(made).__name__, made)
    assert clone(made).get_params() == made.get_params()


@settings(max_examples=40)
@given(st.sampled_from(SIMPLE), st.integers(0, 99), st.integers(1, 12), st.integers(1, 40))
def test_property_a_query_changes_nothing_and_chunks_do_not_matter(kind, seed, chunk, labels):
    """One by one or in chunks: the same labels, never more than B, each query the same when it is repeated."""
    utilities = np.random.default_rng(seed).random(40)
    gate = GateSpec(kind=kind, threshold=0.6, window=8)
    one, many = (GateBudgetManager(gate, 40, n_labels=labels, seed=seed) for _ in range(2))
    alone, found = [], []
    for i, u in enumerate(utilities):
        queried = one.query_by_utility(np.array([u]))
        one.update(np.zeros((1, 2)), queried, np.array([u]))
        alone += [i] if len(queried) else []
    for start in range(0, 40, chunk):
        part = utilities[start : start + chunk]
        queried = many.query_by_utility(part)
        before = json.dumps(many.gate_.state())
        np.testing.assert_array_equal(queried, many.query_by_utility(part))
        assert json.dumps(many.gate_.state()) == before
        assert many.update(np.zeros((len(part), 2)), queried, part) is many
        found += [start + int(i) for i in queried]
    assert found == alone and len(found) <= labels
    assert many.gate_.left == labels - len(found) and sum(many.gate_.reasons.values()) == 40


def test_utilities_are_read_as_the_simulator_reads_latencies():
    """The same rule on the same numbers, by hand."""
    utilities = np.random.default_rng(0).random(50)
    made = GateBudgetManager(GateSpec(kind="llf_quantile", window=16), 50, n_labels=10)
    g = engine.setup_of(RunSpec(T=50, B=10, stream=StreamSpec(d=1), gate=GateSpec(kind="llf_quantile", window=16)))
    p, want = gates.open_purse(g), []
    for t, u in enumerate(utilities):
        x = gates.Signal(t, u, u, np.log1p(u * u), -u, 0, 1.0, 0, 0.0)
        opens, reason, _ = gates.decide(g, p, x)
        p = gates.settle(g, p, x, reason, 0.0)
        want += [t] if opens else []
    np.testing.assert_array_equal(made.query_by_utility(utilities), want)


@pytest.mark.parametrize("kind", ["random", "llf_quantile", "margin"])
@pytest.mark.parametrize("strategy", [FixedUncertainty, StreamProbabilisticAL])
def test_their_strategies_run_on_our_manager(strategy, kind):
    X, y = stream()
    extra = {"classes": [0, 1, 2]} if strategy is FixedUncertainty else {"metric": "rbf"}
    made = GateBudgetManager(kind, n_rounds=60, n_labels=9)
    strategy, seen = strategy(budget_manager=made, random_state=0, **extra), list(range(10))
    clf = ParzenWindowClassifier(classes=[0, 1, 2], random_state=0)
    for start in range(10, 70, 6):
        clf.fit(X[seen], y[seen])
        rows, past = X[start : start + 6], {"clf": clf, "X": X[seen], "y": y[seen]}
        indices, utilities = strategy.query(rows, return_utilities=True, **past)
        strategy.update(rows, indices, {"utilities": utilities})
        seen += [start + int(i) for i in indices]
    gate = strategy.budget_manager_.gate_
    assert gate.labels == len(seen) - 10 and 0 < gate.labels <= 9 and gate.rounds == 60
    if kind == "random":
        assert gate.left == 0


@pytest.mark.parametrize("kind", ALL)
def test_every_gate_runs_as_a_stream_query_strategy(kind):
    X, y = stream()
    gate = GateSpec(kind=kind, threshold=0.05, window=16, c=3.0)
    results = [documented_loop(GateStreamQuery(gate, 60, n_labels=15, lam=0.1), X, y) for _ in range(2)]
    assert results[0] == results[1] and len(results[0]) <= 15
    if kind in ("llf_self_paced", "margin", "random", "prefix"):
        assert len(results[0]) > 5


def test_a_strategys_query_changes_nothing_and_chunks_agree_while_the_classifier_does():
    X, y = stream()
    clf = SklearnClassifier(LogisticRegression(C=0.1, max_iter=500), classes=[0, 1, 2], random_state=0).fit(
        X[:10], y[:10]
    )
    found = []
    for chunk in (1, 7, 60):
        made, asked = GateStreamQuery(GateSpec(kind="llf_self_paced", c=0.8), 60, 0.3), []
        for start in range(10, 70, chunk):
            rows = X[start : start + chunk][: 70 - start]
            first, utilities = made.query(rows, clf, return_utilities=True)
            np.testing.assert_array_equal(first, made.query(rows, clf))
            made.update(rows, first, {"utilities": utilities})
            asked += [start + int(i) for i in first]
        found.append(asked)
    assert found[0] == found[1] == found[2] and 3 < len(found[0]) <= 18


def test_coins_follow_the_random_state():
    X, y = stream()
    clf = SklearnClassifier(LogisticRegression(C=0.1, max_iter=500), classes=[0, 1, 2]).fit(X[:10], y[:10])
    states = (None, 0, 1, np.random.RandomState(1), np.random.RandomState(1))
    found = [GateStreamQuery("random", 60, n_labels=20, random_state=s).query(X[10:70], clf).tolist() for s in states]
    assert found[2] == found[3] == found[4] and found[1] != found[2] and all(len(f) == 20 for f in found)


def test_a_classifier_may_be_fitted_by_the_query():
    X, y = stream()
    clf = SklearnClassifier(LogisticRegression(C=0.1, max_iter=500), classes=[0, 1, 2], random_state=0)
    made = GateStreamQuery("prefix", 60, n_labels=2)
    np.testing.assert_array_equal(made.query(X[10:20], clf, X=X[:10], y=y[:10], fit_clf=True), [0, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GateBudgetManager("llf_paced").query_by_utility(np.array([0.1])), "needs features"),
        (lambda: GateBudgetManager("llf_oracle").query_by_utility(np.array([0.1])), "needs the future"),
        (lambda: GateBudgetManager("gate").query_by_utility(np.array([0.1])), "unknown gate"),
        (lambda: GateBudgetManager().query_by_utility(np.array([np.nan])), "must be finite"),
        (lambda: GateBudgetManager(budget=1.5).query_by_utility(np.array([0.1])), "budget"),
        (lambda: GateBudgetManager().update(np.zeros((1, 2)), []), "budget_manager_param_dict"),
        (lambda: GateBudgetManager().update(np.zeros((2, 2)), [], np.array([0.1])), "1 utilities for 2 candidates"),
        (lambda: GateBudgetManager().update(np.zeros((1, 2)), [1], np.array([0.1])), "give indices of candidates"),
        (lambda: GateBudgetManager("never").update(np.zeros((1, 2)), [0]), "the gate stayed shut"),
        (
            lambda: GateBudgetManager("prefix", 9, n_labels=1).update(np.zeros((2, 2)), [0, 1]),
            "candidate 1 was queried",
        ),
        (lambda: GateBudgetManager("never", 1, 1.0).update(np.zeros((2, 2)), []), "all T = 1 rounds"),
        (lambda: GateStreamQuery().update(np.zeros((1, 2)), []), "one utility a candidate"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_refused_update_settles_nothing():
    made = GateBudgetManager("prefix", 9, n_labels=1)
    with pytest.raises(ValueError, match="stayed shut"):
        made.update(np.zeros((2, 2)), [0, 1])
    assert made.gate_.rounds == 0 and made.gate_.left == 1


def test_four_soft_budgets_overspend_and_ours_do_not():
    """T = 1,000, a tenth: the surplus of the first 100 samples does not go away (12-13 % here, 4 % at 10,000)."""
    table = overspend(T=1000, seeds=(0,))
    ratio = table.set_index(["law", "manager"]).ratio
    for law in LAWS:
        assert (ratio[law][list(OURS)] == 1.0).all()
        assert ratio[law]["DensityBasedSplitBudgetManager"] <= 1.0
    for name in SOFT:
        assert 1.1 < ratio["uniform"][f"{name}BudgetManager"] < 1.15
    assert ratio["shrinking"]["FixedUncertaintyBudgetManager"] < 0.5
    assert set(table.manager) == {*MANAGERS, *OURS} and (table.B == 100).all()
    with pytest.raises(ValueError, match="law 'flat' is not known"):
        overspend(laws=["flat"])


MINE = """
from skactiveml.stream.budgetmanager import VariableUncertaintyBudgetManager
from sim.adapters.activeml import gate_class

Gate = gate_class(lambda game: VariableUncertaintyBudgetManager(budget=game.B / game.T))
"""


def theirs(tmp_path, cap=True):
    (tmp_path / "theirs.py").write_text(MINE)
    return GateSpec(kind="plugin", path=str(tmp_path / "theirs.py"), cap=cap)


def labels(spec):
    row = engine.play(spec, compiled=False).rows[0][-1]
    return row[log.COLUMNS.index("labels")], row[log.COLUMNS.index("out_of_budget")]


def test_their_managers_play_our_games_with_and_without_the_hard_cap(tmp_path):
    free = dict(T=300, B=30, stream=StreamSpec(context="free", d=3), follower=FollowerSpec(kind="evader"))
    pool = dict(T=300, B=30, stream=StreamSpec(d=3))
    for game in (free, pool):
        hard, refused = labels(RunSpec(gate=theirs(tmp_path), **game))
        soft, _ = labels(RunSpec(gate=theirs(tmp_path, cap=False), **game))
        assert hard <= 30 and (hard == 30) == (refused > 0)
        assert hard == min(soft, 30) or game is free  # the evader plays otherwise against a gate that is out of budget
    assert soft > 33


def test_a_manager_as_a_gate_buys_what_it_buys_alone():
    rng = np.random.default_rng(0)
    utilities = rng.random(200)
    mine = ManagerGate(VariableUncertaintyBudgetManager(budget=0.2), utility=lambda x: x.width)
    asked = 0
    for t, u in enumerate(utilities):
        x = gates.Signal(t, u, u, u, u, 0, 1.0, 0, 0.0)
        opens = mine.query(None, x)
        assert mine.query(None, x) == opens
        mine.update(None, x, opens)
        asked += opens
        if t == 90:
            mine, old = ManagerGate(VariableUncertaintyBudgetManager(budget=0.2), utility=lambda x: x.width), mine
            mine.restore(json.loads(json.dumps(old.state())))
    assert asked == bought(manager("VariableUncertaintyBudgetManager", 0.2, 0), utilities)


def test_a_live_gate_of_theirs_is_saved_and_restored(tmp_path):
    def play(gate, first, last):
        found = []
        for t in range(first, last):
            found.append(gate.ask([0.0, 0.1], 0.5 / (1 + t)).open)
            gate.settle(found[-1])
        return found

    want = play(LiveGate(theirs(tmp_path), 60, d=4, B=12), 0, 60)
    gate = LiveGate(theirs(tmp_path), 60, d=4, B=12)
    first = play(gate, 0, 30)
    copy = gate.copy()
    play(copy, 30, 60)  # a copy plays on alone
    assert first + play(LiveGate.restore(json.loads(json.dumps(gate.state()))), 30, 60) == want and sum(want) == 12


def test_recorded_streams_too(tmp_path):
    spec = digits_spec("never", T=80, B=8).model_copy(update={"gate": theirs(tmp_path)})
    assert labels(spec)[0] == 8


PAGE = Path(__file__).resolve().parent.parent / "docs" / "adapters.md"


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    """Every block of docs/adapters.md, in order, prints what its comments say."""
    pytest.importorskip("gymnasium")
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL):
        exec(compile(block, "adapters.md", "exec"), scope)
    assert capsys.readouterr().out.splitlines() == ["20 0", "True True", "True 100 100", "False 113 100", "True True"]


def test_without_the_library_it_says_what_to_install():
    code = "import sys; sys.modules['skactiveml.base'] = None; import sim.adapters.activeml"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "budgeted-stackelberg[adapters]"' in ran.stderr
