"""A saved state that was damaged is refused in one line, with or without a digest that fits."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.live import saved
from sim.live.gate import LiveError, LiveGate
from sim.rules import gates
from sim.rules.leader import View
from sim.spec import GateSpec

T, B = 60, 30
KINDS = ("prefix", "margin", "llf_split", "llf_self_paced")
BUDGETS = ({"B": B}, {"money": 15.0, "mean_cost": 0.5})
NAN, INF = float("nan"), float("inf")


def started(gate, rounds, waiting=False, **budget):
    """A gate after some rounds, the last of them asked only where it is ``waiting``."""
    made = LiveGate(gate, T, d=3, seed=5, **(budget or {"B": B}))
    for _ in range(rounds):
        made.settle(one(made).open)
    if waiting:
        one(made)
    return made


def one(gate):
    t = gate.rounds
    return gate.ask([0.1, 0.1 * (t % 3)], 0.3 + t / T, 0.3 + 0.1 * (t % 5) if gate.in_money else None)


def to_the_end(gate):
    """(whether each round to come was bought, labels, spent)."""
    bought = [gate.pending.open] if gate.pending else []
    if gate.pending:
        gate.settle(bought[0])
    while gate.rounds < T:
        bought.append(one(gate).open)
        gate.settle(bought[-1])
    return bought, gate.labels, gate.spent


def by_hand(state):
    """The state with a digest that fits it."""
    return saved.sealed({k: v for k, v in state.items() if k != "digest"})


def at(state, path, value):
    """A copy of the state with another value at a path of names and places."""
    state = copy.deepcopy(state)
    place = state
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return state


def paths(value, path=()):
    """Every path in plain JSON that leads to a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in inside:
        yield (*path, step)
        yield from paths(inner, (*path, step))


def refused(state):
    with pytest.raises(LiveError) as caught:
        LiveGate.restore(state)
    assert "\n" not in str(caught.value)
    return str(caught.value)


DAMAGE = [
    (("purse", 0), 200, "labels \\+ left \\+ coin_left = 2.. *: the rule is B = 30"),
    (("purse", 0), -1, "labels"),
    (("purse", 0), 20.0, "whole number of labels"),
    (("purse", 0), True, "purse.left = True"),
    (("purse", 0), "20", "purse.left = '20'"),
    (("purse", 0), NAN, "purse.left"),
    (("purse", 1), NAN, "purse.psi = nan"),
    (("purse", 1), None, "purse.psi = None"),
    (("purse", 2), 99, "purse.first_left = 99"),
    (("purse", 3), -1.0, "purse.first_psi = -1.0"),
    (("purse", 5), [], "length of purse.memory = 0"),
    (("purse", 5), [[0.0]], "purse.memory"),
    (("purse", 6), -3, "purse.written = -3"),
    (("purse", 6), 1, "purse.written = 1"),
    (("purse", 7), 5, "labels|coin_left"),
    (("purse", 8), 1.0, "purse.coin_psi = 1.0"),
    (("purse",), [1, 2], "purse"),
    (("labels",), 0, "labels = 0: the rule is opened \\+ forced"),
    (("labels",), -5, "labels = -5"),
    (("t",), T + 1, "t = 61: the rule is 0 <= t <= T = 60"),
    (("t",), 3, "sum is t = 3"),
    (("t",), "8", "t = '8'"),
    (("reasons",), {"opened": 8}, "first_left"),
    (("reasons",), {"bribed": 8}, "names among"),
    (("reasons",), {"forced": -8}, "reasons.forced = -8"),
    (("money",), 9, "unit = 0: the rule is 1 <= unit"),
    (("unit",), 1, "unit = 1: the rule is 0 without money"),
    (("spent",), 1, "spent = 1: the rule is 0 without money"),
    (("waiting",), {}, "waiting.signal"),
    (("waiting",), 7, "waiting = 7"),
    (("replication",), None, "replication = None"),
    (("spec",), None, "spec = None"),
    (("spec", "T"), "60", "spec = .* not how a spec is written"),
    (("spec", "B"), 90, "has changed|B"),
    (("key",), "", "spec has changed"),
    (("version",), "4", "state of version '4'"),
    (("version",), 3, "state of version 3: only version 4 carries a digest"),
    (("extra",), 1, "extra = 1"),
]


@pytest.mark.parametrize(("path", "value", "message"), DAMAGE)
def test_a_damaged_state_is_refused_whatever_its_digest(path, value, message):
    state = started(GateSpec(kind="prefix"), 8).state()
    damaged = at(state, path, value)
    assert "digest" in refused(damaged)
    with pytest.raises(LiveError, match=message):
        LiveGate.restore(by_hand(damaged))


MONEY = [
    (("money",), -5, "money = -5"),
    (("money",), NAN, "money = nan"),
    (("money",), 1.5e7, "money = 15000000.0"),
    (("money",), 10**9, "B = floor"),
    (("spent",), -1, "spent = -1"),
    (("spent",), 10**9, "0 <= spent <= money"),
    (("spent",), 0, "at least a millionth a label"),
    (("unit",), 0, "unit = 0"),
    (("purse", 0), 400.0, r"purse.left = 400.0: the rule is \(money - spent\) / unit"),
    (("purse", 0), NAN, "purse.left"),
]


@pytest.mark.parametrize(("path", "value", "message"), MONEY)
def test_damaged_money_is_refused_whatever_its_digest(path, value, message):
    damaged = at(started(GateSpec(kind="prefix"), 8, **BUDGETS[1]).state(), path, value)
    assert "digest" in refused(damaged)
    with pytest.raises(LiveError, match=message):
        LiveGate.restore(by_hand(damaged))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("waiting", "decision", 0), True, "decision.open = True"),
        (("waiting", "reason"), 1, "decision.open = False|the purse that pays"),
        (("waiting", "reason"), 99, "reason = 99"),
        (("waiting", "decision", 2), "much", "decision.threshold = 'much'"),
        (("waiting", "decision", 3), 4, "decision.round = 4"),
        (("waiting", "signal", 0), 2, "signal.t = 2"),
        (("waiting", "signal", 6), 0.5, "signal.coin = 0.5"),
        (("waiting", "signal", 4), INF, "signal.gap"),
        (("waiting", "price"), 7, "price = 7"),
    ],
)
def test_a_damaged_decision_is_refused_whatever_its_digest(path, value, message):
    """The purse is empty here: a decision that was opened by hand would buy a label beyond B."""
    state = started(GateSpec(kind="prefix"), B + 5, waiting=True).state()
    assert not state["waiting"]["decision"][0]
    with pytest.raises(LiveError, match=message):
        LiveGate.restore(by_hand(at(state, path, value)))


@pytest.mark.parametrize("coin_share", [0.0, 0.5])
def test_an_open_decision_by_hand_finds_no_empty_purse(coin_share):
    """Both entries changed, so that they agree: still no label beyond B."""
    state = started(GateSpec(kind="prefix", coin_share=coin_share), T - 1, waiting=True).state()
    assert state["purse"][0] == state["purse"][7] == 0
    state = at(
        at(at(state, ("waiting", "decision", 0), True), ("waiting", "decision", 1), "opened"), ("waiting", "reason"), 1
    )
    with pytest.raises(LiveError, match="the purse that pays has a label left"):
        LiveGate.restore(by_hand(state))


@pytest.mark.parametrize(
    "state", [None, [], "state", {}, {"version": 4}, {"version": 4, "digest": 1}, {"version": {1}}]
)
def test_what_is_no_state_is_refused(state):
    refused(state)


def test_a_missing_entry_is_named():
    state = started(GateSpec(kind="prefix"), 8, waiting=True).state()
    for name in state:
        less = {k: v for k, v in state.items() if k != name}
        refused(less)
        if name not in ("digest", "version"):
            assert name in refused(by_hand(less))


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-300, 300), st.sampled_from([NAN, INF, -INF, 10**30, 1e300, "", "x", "3"]),
    st.floats(-50.0, 50.0), st.just([]), st.just({}), st.lists(st.integers(0, 3), max_size=3),
)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_property_a_damaged_state_plays_on_within_its_budget_or_is_refused(data):
    budget = data.draw(st.sampled_from(BUDGETS))
    kind = data.draw(st.sampled_from([k for k in KINDS if "B" in budget or not gates.TRAITS_OF[k].counts]))
    share = data.draw(st.sampled_from([0.0, 0.4])) if "B" in budget else 0.0
    waiting = data.draw(st.booleans())
    gate = GateSpec(kind=kind, coin_share=share, window=4)
    state = json.loads(json.dumps(started(gate, data.draw(st.integers(0, T - 1)), waiting, **budget).state()))
    want = to_the_end(LiveGate.restore(state))
    damaged = state
    for _ in range(data.draw(st.integers(1, 3))):
        there = data.draw(st.sampled_from([p for p in paths(damaged) if p != ("digest",)]))
        damaged = at(damaged, there, data.draw(JUNK))
    same = json.dumps(damaged) == json.dumps(state)
    made = restored(damaged, same)
    assert made is None or to_the_end(made) == want
    made = restored(by_hand(damaged), same)
    if made is not None:
        assert made.spec.B == B and made.spec.T == T
        _, labels, spent = to_the_end(made)
        assert labels <= B if "B" in budget else 0 <= spent <= 15.0


def restored(state, same):
    """The gate, or None where it was refused in one line, which only a state that is not the ``same`` may be."""
    if same:
        return LiveGate.restore(state)
    try:
        return LiveGate.restore(state)
    except LiveError as error:
        line = str(error)
    assert "\n" not in line
    return None


def test_a_given_rule_that_keeps_no_account_is_not_saved():
    free = gates.Rule(lambda g, p, x: (True, 1, 0.0), lambda g, p, x, reason, psi: p)
    gate = LiveGate(GateSpec(), 9, d=2, B=2, rule=free)
    gate.state()
    gate.ask([0.0, 0.1], 0.5)
    gate.settle(True)
    with pytest.raises(LiveError, match=r"labels \+ left \+ coin_left = 3: the rule is B = 2"):
        gate.state()


@pytest.mark.parametrize("returned", ["{1, 2}", "object()", "{'a': {3}}"])
def test_a_users_state_that_is_no_json_is_refused_when_it_is_saved(tmp_path, returned):
    (tmp_path / "mine.py").write_text(
        "class Gate:\n    def __init__(self, game):\n        pass\n    def query(self, purse, signal):\n"
        "        return True\n"
        f"    def state(self):\n        return {returned}\n    def restore(self, state):\n        pass\n"
    )
    with pytest.raises(LiveError, match="must be plain JSON"):
        LiveGate(GateSpec(kind="plugin", path=str(tmp_path / "mine.py")), 9, d=2, B=2).state()


def test_a_users_restore_that_fails_is_one_clear_error(tmp_path):
    (tmp_path / "mine.py").write_text(
        "class Gate:\n    def __init__(self, game):\n        self.n = 0\n    def query(self, purse, signal):\n"
        "        return True\n    def state(self):\n        return {'n': self.n}\n"
        "    def restore(self, state):\n        self.n = state['n'] + 0\n"
    )
    state = LiveGate(GateSpec(kind="plugin", path=str(tmp_path / "mine.py")), 9, d=2, B=2).state()
    LiveGate.restore(state)
    for value in (None, {}, {"n": "x"}):
        assert "restore() refused its object" in refused(by_hand(state | {"object": value}))


def test_a_view_that_is_not_finite_is_refused():
    gate = LiveGate(GateSpec(), 9, d=2, B=2)
    with pytest.raises(ValueError, match="all must be finite"):
        gate.ask_view(View(0, 1, 0.3, NAN, 0.3, 0.2), 0.1)
    with pytest.raises(ValueError, match="all must be finite"):
        gate.ask_view(View(0, 1, 0.3, 0.1, 0.3, 0.2), -1.0)
    assert gate.pending is None
