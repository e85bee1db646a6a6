"""The gate outside the simulator: the simulator's decisions, order of calls, saved state, money."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import loop, recorded
from sim.live.gate import LiveError, LiveGate
from sim.rules import codes, draws, gates, log
from sim.rules.leader import View
from sim.setup import build
from sim.spec import GateSpec, LearnerSpec
from tests.conftest import digits_spec
from tests.strategies import gate_specs

LIVE = tuple(k for k in gates.GATES if not gates.TRAITS_OF[k].foresees)
MODELLED = LearnerSpec(sigma=0.5, radius_mode="fixed", radius_c=0.1)
T = 40


def digits(T=T):
    data = recorded.load("digits", True)
    return data.X[:T], data.y[:T], data.K


def live(gate, T=T, **budget):
    """A gate on digits, in the seed and replication of ``simulated``."""
    return LiveGate(gate, T, d=64, learner=MODELLED, seed=3, replication=2, **(budget or {"beta": 0.3}))


def simulated(gate, X, y, K, rule=gates.BUILT_IN, beta=0.3):
    """(rows of every round, the setup) of the simulator's own loop on the same stream."""
    spec = digits_spec("never", T=len(y), beta=beta).model_copy(update={"gate": gate})
    g, none = build(spec, X.shape[1], K), np.zeros(0)
    learner = loop.OvaRidge(X.shape[1], K, g.lam, g.refresh)
    keys = draws.stream_keys(3, 2)
    record = np.arange(1, len(y) + 1)
    return loop.play_recorded(g, learner, X, y, lambda s: 0.0, keys, record, none, none), g


def play(gate, X, y, K, learner=None, stop=None, psi=True, costs=None):
    """Play a live gate from where it stands; returns its decisions and the learner."""
    learner = learner or loop.OvaRidge(X.shape[1], K, 1.0, 4096)
    decisions = []
    for t in range(gate.rounds, stop or len(y)):
        scores, w2 = learner.predict(X[t])
        decision = gate.ask(scores, w2, None if costs is None else costs[t])
        if decision.open:
            learner.update(X[t], np.eye(K)[y[t]])
        gate.settle(decision.open, learner.state().psi if psi else None)
        decisions.append(decision)
    return decisions, learner


@pytest.mark.parametrize("kind", LIVE)
@pytest.mark.parametrize("psi", [True, False])
def test_the_decisions_are_the_simulators(kind, psi):
    gate, (X, y, K) = GateSpec(kind=kind, threshold=0.05, purse="random", window=16), digits()
    rows, g = simulated(gate, X, y, K)
    made = live(gate)
    decisions, learner = play(made, X, y, K, psi=psi)
    labels = np.diff(rows[:, log.COLUMNS.index("labels")], prepend=0.0)
    np.testing.assert_array_equal([d.open for d in decisions], labels == 1.0)
    np.testing.assert_array_equal([d.threshold for d in decisions], rows[:, log.COLUMNS.index("threshold")])
    for reason in codes.REASONS:
        assert made.reasons[reason] == rows[-1, log.COLUMNS.index(reason)]
    assert made.labels == labels.sum() and made.left == g.B - made.labels and made.spent == 0.0
    assert [d.round for d in decisions] == list(range(1, T + 1)) and decisions[-1].rounds_left == 1


@settings(max_examples=15)
@given(gate_specs(LIVE), st.integers(0, T - 1), st.booleans(), st.booleans())
def test_property_a_restored_gate_goes_on_as_if_never_stopped(gate, at, waiting, in_money):
    X, y, K = digits()
    if in_money and (gate.traits.counts or not gate.cap):
        return
    costs = np.random.default_rng(at).uniform(0.2, 1.8, T) if in_money else None
    budget = {"money": 11.3, "mean_cost": 1.0} if in_money else {"B": 12}
    want, _ = play(live(gate, **budget), X, y, K, costs=costs)
    made = live(gate, **budget)
    before, learner = play(made, X, y, K, stop=at, costs=costs) if at else ([], loop.OvaRidge(64, K, 1.0, 4096))
    asked = []
    if waiting:
        asked = [made.ask(*learner.predict(X[at]), cost=None if costs is None else costs[at])]
    again = LiveGate.restore(json.loads(json.dumps(made.state())))
    assert json.dumps(again.state()) == json.dumps(made.state())
    if waiting:
        assert again.pending == asked[0]
        if asked[0].open:
            learner.update(X[at], np.eye(K)[y[at]])
        again.settle(asked[0].open, learner.state().psi)
    after, _ = play(again, X, y, K, learner, costs=costs) if again.rounds < T else ([], None)
    assert before + asked + after == want


def test_calls_out_of_order_are_refused():
    gate = live(GateSpec(kind="always"), T=2, B=2)
    with pytest.raises(LiveError, match="ask round 1 first"):
        gate.settle(False)
    decision = gate.ask([0.0, 0.1], 0.5)
    assert gate.pending == decision
    for call in (lambda: gate.ask([0.0, 0.1], 0.5), lambda: gate.inform(0.1)):
        with pytest.raises(LiveError, match="round 1 is not settled"):
            call()
    gate.settle(True)
    gate.ask([0.0, 0.1], 0.5)
    closed = live(GateSpec(kind="never"), T=2, B=2)
    closed.ask([0.0, 0.1], 0.5)
    with pytest.raises(LiveError, match="stayed shut"):
        closed.settle(True)
    gate.settle(False)
    with pytest.raises(LiveError, match="all T = 2 rounds"):
        gate.ask([0.0, 0.1], 0.5)


@pytest.mark.parametrize("bad", [[0.1], [[0.1, 0.2]], [0.1, np.nan], [np.inf, 0.0]])
def test_bad_scores_are_refused(bad):
    with pytest.raises(ValueError, match="one finite score a class"):
        live(GateSpec(kind="always")).ask(bad, 0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LiveGate(GateSpec(), 10, d=2), "no budget"),
        (lambda: LiveGate(GateSpec(), 10, d=2, B=2, money=3.0, mean_cost=1.0), "give B, or beta, or both"),
        (lambda: LiveGate(GateSpec(), 10, d=2, money=3.0), "give B, or beta, or both"),
        (lambda: LiveGate(GateSpec(), 10, d=2, money=0.5, mean_cost=1.0), "buys no label"),
        (lambda: LiveGate(GateSpec(), 10, d=2, money=-1.0, mean_cost=1.0), "positive"),
        (lambda: LiveGate(GateSpec(), 10, d=2, money=float("nan"), mean_cost=1.0), "finite"),
        (lambda: LiveGate(GateSpec(), 10, d=2, B=11), "1 <= B <= T"),
        (lambda: LiveGate(GateSpec(kind="llf_oracle"), 10, d=2, B=2), "needs the future"),
        (lambda: LiveGate(GateSpec(kind="control_peek"), 10, d=2, B=2), "needs the future"),
        (lambda: LiveGate(GateSpec(), 10, d=2, B=2).ask([0.0, 1.0], 0.1, cost=1.0), "budget in labels"),
        (lambda: LiveGate(GateSpec(), 10, d=2, B=2).ask([0.0, 1.0], -0.1), "square width"),
        (lambda: LiveGate(GateSpec(), 10, d=2, B=2).ask([0.0, 1.0], np.nan), "square width"),
        (lambda: LiveGate(GateSpec(), 10, d=2, B=2).inform(np.inf), "must be finite"),
    ],
)
def test_what_is_not_meaningful_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("kind", [t.name for t in gates.TRAITS if t.counts])
def test_gates_that_count_labels_have_no_money_budget(kind):
    with pytest.raises(ValueError, match="counts labels, not money"):
        live(GateSpec(kind=kind), money=5.0, mean_cost=1.0)


def test_theorems_without_a_cap_have_no_money_budget():
    with pytest.raises(ValueError, match="cap = False"):
        live(GateSpec(kind="llf_paced", cap=False), money=5.0, mean_cost=1.0)


@pytest.mark.parametrize("damage", ["version", "rule", "purse", "key", "missing", "none"])
def test_a_state_that_is_not_its_own_is_refused(damage):
    state = live(GateSpec(kind="margin")).state()
    if damage == "missing":
        del state["reasons"]
    elif damage == "none":
        state = None
    else:
        state[damage] = {"version": 0, "rule": "mine.decide, mine.settle", "purse": [], "key": ""}[damage]
    with pytest.raises(LiveError):
        LiveGate.restore(state)


@pytest.mark.parametrize("kind", [k for k in LIVE if not gates.TRAITS_OF[k].counts])
def test_money_at_one_price_is_a_budget_in_labels(kind):
    """Every label costs 0.1, a number that has no exact float: the same decisions as B labels."""
    X, y, K = digits()
    gate = GateSpec(kind=kind, threshold=0.05, window=16)
    want, _ = play(live(gate, B=12), X, y, K)
    got, _ = play(live(gate, money=1.2, mean_cost=0.1), X, y, K, costs=np.full(T, 0.1))
    assert got == want


@settings(max_examples=20)
@given(gate_specs(tuple(k for k in LIVE if not gates.TRAITS_OF[k].counts)), st.integers(0, 99), st.floats(0.5, 30.0))
def test_property_money_is_never_exceeded(gate, seed, money):
    X, y, K = digits()
    costs = np.round(np.random.default_rng(seed).exponential(1.0, T) + 1e-3, 3)
    if not gate.cap:
        return
    made = live(gate, money=money, mean_cost=0.5)
    decisions, _ = play(made, X, y, K, costs=costs)
    bought = np.array([d.open for d in decisions])
    assert made.spent <= money and made.spent == pytest.approx(costs[bought].sum()) and made.labels == bought.sum()
    spent = np.concatenate([[0.0], np.cumsum(costs * bought)])[:-1]
    np.testing.assert_allclose([d.left for d in decisions], (money - spent) / 0.5, atol=1e-5)
    for d, c, s in zip(decisions, costs, spent, strict=True):
        assert d.reason != "out_of_budget" or c > money - s - 1e-5 or d.left <= 0


def test_an_open_decision_may_fall_through():
    """A label that did not come leaves the purse as it was."""
    gate = live(GateSpec(kind="prefix"), B=3)
    for t in range(6):
        decision = gate.ask([0.0, 0.1], 0.5)
        assert decision.open and decision.left == 3 - t // 2
        gate.settle(t % 2 == 1)
    assert gate.labels == 3 and gate.reasons == {"below_threshold": 3, "forced": 3}
    assert not gate.ask([0.0, 0.1], 0.5).open


def test_late_answers_change_the_radius_only_when_they_are_told():
    gate = LiveGate(GateSpec(kind="always"), 4, d=2, B=4, learner=LearnerSpec(sigma=0.5))
    start = gate.radius
    gate.ask([0.0, 0.1], 0.5)
    gate.settle(True, psi=0.0)
    assert gate.radius == start
    gate.inform(0.4)
    assert gate.radius > start


def test_another_view_and_a_rule_of_ones_own():
    """A gate that opens on the gap, given as a Rule; its state needs the rule again."""

    def decide(g, p, x):
        return (x.gap < 0.2 and p.left > 0), codes.OPENED if x.gap < 0.2 and p.left > 0 else codes.BELOW_THRESHOLD, 0.2

    rule = gates.Rule(decide, gates.settle)
    gate = LiveGate(GateSpec(), 3, d=2, B=1, rule=rule)
    assert gate.ask_view(View(0, 1, 0.7, 0.1, 0.7, 0.6), 0.49) == (True, "opened", 0.2, 1, 1, 3)
    gate.settle(True)
    again = LiveGate.restore(gate.state(), rule)
    assert not again.ask_view(View(0, 1, 0.7, 0.1, 0.7, 0.6), 0.49).open
    with pytest.raises(LiveError, match="restore it with the rule that wrote it"):
        LiveGate.restore(gate.state())


def test_an_idle_gate_is_announced():
    with pytest.warns(UserWarning, match="llf_paced never opens with B = 2 in d = 64"):
        live(GateSpec(kind="llf_paced"), B=2)


def test_the_radius_is_the_learners():
    """sigma sqrt(psi + 2 log(1/delta)) + sqrt(lam) S with the defaults and no label yet."""
    assert LiveGate(GateSpec(), 5, d=2, B=5).radius == pytest.approx(np.sqrt(2 * np.log(20.0)) + 1.0)


FUNCTIONS = """
MEMORY = 2
def query(game, purse, signal):
    return signal.gap < purse.memory[0] + 0.02
def update(game, purse, signal, bought):
    purse.memory[0] += -0.001 if bought else 0.001
"""
CLASS = """
class Gate:
    def __init__(self, game):
        self.level = 0.02
    def query(self, purse, signal):
        return signal.gap < self.level
    def update(self, purse, signal, bought):
        self.level += -0.001 if bought else 0.001
"""
SAVED = """
    def state(self):
        return {"level": self.level}
    def restore(self, state):
        self.level = state["level"]
"""


@pytest.mark.parametrize("text", [FUNCTIONS, CLASS + SAVED])
def test_a_gate_from_a_file_goes_on_where_it_stopped(tmp_path, text):
    (tmp_path / "mine.py").write_text(text)
    gate, (X, y, K) = GateSpec(kind="plugin", path=str(tmp_path / "mine.py")), digits()
    want, _ = play(live(gate), X, y, K)
    assert 0 < sum(d.open for d in want) < T
    made = live(gate)
    before, learner = play(made, X, y, K, stop=17)
    saved = json.loads(json.dumps(made.state()))
    after, _ = play(LiveGate.restore(saved), X, y, K, learner)
    assert before + after == want
    (tmp_path / "mine.py").write_text(text + "\n")
    with pytest.raises(LiveError, match="has changed since"):
        LiveGate.restore(saved)


def test_a_class_without_a_state_plays_but_is_not_saved(tmp_path):
    (tmp_path / "mine.py").write_text(CLASS)
    made = live(GateSpec(kind="plugin", path=str(tmp_path / "mine.py")))
    play(made, *digits(), stop=5)
    with pytest.raises(LiveError, match=r"has no state\(\)"):
        made.state()
