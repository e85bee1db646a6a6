"""sim.rules.insurance: a coin beside any gate, against a twin with two histories; what it insures."""

import json
import math

import naive
import numpy as np
import pytest
import strategies as own
from conftest import digits_spec
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sim_gates import BUYERS, signal
from test_sim_kernels import assert_same_bits

from sim import engine, fields, table
from sim.live.gate import LiveError, LiveGate
from sim.rules import codes, draws, gates, insurance, log
from sim.setup import build, information
from sim.spec import GateSpec, RecordSpec, RunSpec
from sim.sweeps import arena
from theory import expected

EVERY, FINAL = RecordSpec(mode="every"), RecordSpec(mode="final")
COLUMN = {name: i for i, name in enumerate(log.COLUMNS)}
INSURABLE = tuple(t.name for t in gates.TRAITS if t.name in own.HONEST and not t.reference and t.name != "random")
LIVE = tuple(k for k in INSURABLE if not gates.TRAITS_OF[k].foresees)
SHARES = st.sampled_from([0.01, 0.3, 0.5, 0.9])


@st.composite
def insured_runs(draw):
    """(spec, signals) of a gate with a coin beside it."""
    spec, rows = draw(own.gate_runs(kinds=INSURABLE))
    gate, B = spec.gate.model_copy(update=dict(coin_share=draw(SHARES))), spec.budget
    if spec.T < 2:
        rows = np.vstack([rows, rows])
    return spec.model_copy(update=dict(T=len(rows), B=max(B, 2), gate=gate)), rows


def steps(spec, rows):
    """[(bought, reason, threshold, purse before, signal)] of a sequence of signals."""
    g = build(spec)
    p, seen = gates.open_purse(g), []
    for t, row in enumerate(rows):
        x = signal(t, row)
        bought, reason, threshold = gates.decide(g, p, x)
        seen.append((bought, reason, threshold, p, x))
        p = gates.settle(g, p, x, reason, p.psi + x.gain * bought)
    return seen, p


def alone(spec):
    """The same gate without a coin, with the labels of its own purse."""
    coins = fields.coins_of(spec.budget, spec.gate.coin_share)
    gate = spec.gate.model_copy(update=dict(coin_share=0.0))
    return spec.model_copy(update=dict(B=spec.budget - coins, gate=gate)), coins


# ---------------------------------------------------------------------- decisions and books


@given(insured_runs())
def test_property_decisions_are_those_of_a_coin_and_a_gate_with_a_purse_each(case):
    spec, rows = case
    lone, coins = alone(spec)
    twin, names = naive.Gatekeeper(lone), gates.Signal._fields
    for t, (row, (bought, reason, *_)) in enumerate(zip(rows, steps(spec, rows)[0], strict=True)):
        x = dict(zip(names[1:-1], signal(t, row)[1:-1], strict=True))
        chance = coins / (spec.T - t)
        if x["coin"] < chance:
            coins, want = coins - 1, (True, "forced")
            twin.past.append(dict(x, bought=False, own=False))  # the gate saw the round and paid nothing
        else:
            want = twin.step(t, x | dict(coin=(x["coin"] - chance) / (1.0 - chance)))
        assert (bought, codes.REASONS[reason]) == want
    assert coins == 0


@given(insured_runs())
def test_property_the_books_of_two_purses(case):
    """Never more than B labels with a cap, and the coin spends its purse to the last label, cap or none."""
    spec, rows = case
    seen, last = steps(spec, rows)
    g, coins = build(spec), fields.coins_of(spec.budget, spec.gate.coin_share)
    assert g.B + g.coins == spec.budget and g.coins == coins >= 1 and g.B >= 1
    assert last.coin_left == 0
    labels = sum(bought for bought, *_ in seen)
    assert labels == (g.B - last.left) + coins
    assert labels <= spec.budget or not spec.gate.cap
    taught = sum(x.gain for _, reason, _, p, x in seen if insurance.pays(g, p, x, reason))
    assert last.coin_psi == pytest.approx(taught, rel=1e-9, abs=1e-9)
    assert all((reason in BUYERS) == bought for bought, reason, *_ in seen)


@given(insured_runs())
def test_property_a_coin_that_never_fires_changes_nothing(case):
    """Decisions, reasons and thresholds are the gate's with its own purse alone: what a follower sees, coin = 1."""
    spec, rows = case
    rows[:, 5] = 1.0
    insured, uninsured = steps(spec, rows)[0], steps(alone(spec)[0], rows)[0]
    assert [s[:3] for s in insured] == [s[:3] for s in uninsured]


@given(own.floats(0.0, 0.999), st.integers(0, 2**32 - 1))
def test_property_the_gates_own_coin_is_uniform_where_the_other_did_not_fire(chance, seed):
    coins = np.random.default_rng(seed).random(4000)
    left = np.array([insurance.fresh(c, chance) for c in coins[coins >= chance]])
    assert (left >= 0.0).all() and (left < 1.0).all()
    if len(left) > 200:
        assert abs(left.mean() - 0.5) < 5.0 / math.sqrt(12 * len(left))


@given(st.integers(2, 10_000), own.floats(0.0, 0.999999))
def test_property_the_coins_labels_are_the_floor_of_its_share(B, share):
    coins = fields.coins_of(B, share)
    assert coins == (0 if share == 0.0 else max(1, math.floor(share * B * (1 + 1e-12)))) and coins < B


# ---------------------------------------------------------------------- at the door


@pytest.mark.parametrize("kind", ["always", "never", "random"])
def test_a_gate_with_nothing_to_insure_is_refused(kind):
    with pytest.raises(ValueError, match=f"coin_share = 0.5 with gate '{kind}'.*give another gate"):
        GateSpec(kind=kind, coin_share=0.5)


@pytest.mark.parametrize("share", [-0.1, 1.0, 1.5, math.nan])
def test_a_share_is_below_one(share):
    with pytest.raises(ValueError, match=r"coin_share = .* is not allowed; give 0 <= value < 1"):
        GateSpec(kind="prefix", coin_share=share)


def test_one_label_is_not_two_purses():
    gate = GateSpec(kind="prefix", coin_share=0.5)
    with pytest.raises(ValueError, match="B = 1: the coin and the gate need a label each; give B >= 2"):
        RunSpec(T=9, B=1, gate=gate)
    with pytest.raises(ValueError, match="give B >= 2"):
        LiveGate(gate, 9, d=2, B=1)


def test_money_and_foreign_rules_are_refused():
    gate = GateSpec(kind="llf_self_paced", coin_share=0.5)
    with pytest.raises(ValueError, match=r"coin_share = 0.5\) with a money budget"):
        LiveGate(gate, 9, d=2, money=5.0, mean_cost=1.0)
    with pytest.raises(ValueError, match="with a rule that is given"):
        LiveGate(gate, 9, d=2, B=4, rule=gates.BUILT_IN)


# ---------------------------------------------------------------------- whole runs


@pytest.mark.parametrize("kind", INSURABLE)
@pytest.mark.parametrize(("follower", "context"), [("bait", "free"), ("evader", "free"), ("best_response", "shift")])
def test_kernel_equals_loop(compiled, kind, follower, context):
    gate = GateSpec(kind=kind, purse="random", coin_share=0.4)
    spec = RunSpec(T=50, beta=0.3, **arena(follower, context, 3, components=3), gate=gate, record=EVERY, seed=5)
    assert_same_bits(compiled, spec)


@pytest.mark.parametrize("kind", ["llf_paced", "margin", "llf_oracle"])
def test_kernel_equals_loop_on_a_recorded_stream(compiled, kind):
    spec = digits_spec("always", B=20)
    spec = spec.model_copy(update=dict(gate=GateSpec(kind=kind, coin_share=0.5)))
    assert_same_bits(compiled, spec)
    assert compiled(spec).rows[0][-1, COLUMN["labels"]] >= 10


def test_the_table_counts_both_purses_and_names_the_share():
    gate = GateSpec(kind="llf_paced", coin_share=0.25)
    spec = RunSpec(T=40, beta=0.5, gate=gate, record=FINAL)
    row = table.from_log("x/0", engine.play(spec, compiled=False)).iloc[0]
    assert (row.gate, row.coin_share, row.B, row.beta) == ("llf_paced+coin0.25", 0.25, 20, 0.5)
    assert 5 <= row.labels <= 20
    plain = table.gate_name(GateSpec(kind="llf_split", purse="random"))
    assert plain == "llf_split_random" and table.gate_name(gate) == "llf_paced+coin0.25"


@pytest.mark.parametrize(("follower", "context"), [("bait", "free"), ("iid", "isotropic"), ("evader", "free")])
def test_a_paced_gate_keeps_theorem_3_beside_a_coin(compiled, follower, context):
    """Thresholds never rise and its own purse is never empty, though all labels together teach more than its D_B."""
    gate = GateSpec(kind="llf_paced", coin_share=0.8, cap=False)
    spec = RunSpec(T=2000, B=200, **arena(follower, context, 4), gate=gate, record=EVERY, replications=4)
    own_info = information(40, 4, 1.0, 1.0)
    for rows in compiled(spec).rows:
        assert rows[-1, COLUMN["threshold_rise_max"]] <= 1e-12
        assert rows[-1, COLUMN["threshold"]] < math.inf
        assert rows[-1, COLUMN["labels"]] < 200
        assert rows[-1, COLUMN["gain_unbought_max"]] <= own_info / 40 + 1e-8
    if follower == "iid":
        assert rows[-1, COLUMN["psi"]] > own_info  # so the choice of the information matters


def test_a_coin_insures_a_threshold_against_bait(compiled):
    """llf_fixed alone pays more than a coin with half of its labels guarantees; with that coin beside it, less."""
    d, T, B = 16, 16_000, 8000
    K = expected.energy_budget(sigma=1.0, lam=1.0, S=1.0, d=d, B=B, L=1.0)
    guarantee = float(expected.theorem8_random(T, B // 2, K, 1.0, 1.0))

    def regret(share):
        gate = GateSpec(kind="llf_fixed", coin_share=share)
        spec = RunSpec(T=T, B=B, **arena("bait", "free", d), gate=gate, record=FINAL, replications=24)
        return np.array([rows[-1, COLUMN["regret"]] for rows in compiled(spec).rows])

    alone = regret(0.0)
    assert alone.mean() - 3.0 * alone.std(ddof=1) / math.sqrt(24) > guarantee > regret(0.5).max()


# ---------------------------------------------------------------------- a user's gate, a live gate

PACED = """
MEMORY = 1

def query(game, purse, signal):
    left = max(game.info - (purse.psi - purse.coin_psi), 0.0)
    return purse.left > 0 and signal.gain > left / purse.left + 1e-9

def update(game, purse, signal, bought):
    purse.memory[0] += bought
"""
LOTS = """
def query(game, purse, signal):
    return signal.coin < purse.left / (game.T - signal.t)
"""


def mine(tmp_path, text):
    file = tmp_path / "mine.py"
    file.write_text(text)
    return GateSpec(kind="plugin", path=str(file), coin_share=0.4)


@pytest.mark.parametrize("context", ["free", "isotropic"])
def test_a_users_gate_is_insured_like_a_built_in_one(tmp_path, context):
    place = arena("evader" if context == "free" else "iid", context, 3)
    spec = RunSpec(T=80, B=30, **place, gate=mine(tmp_path, PACED), record=EVERY)
    same = spec.model_copy(update=dict(gate=GateSpec(kind="llf_paced", coin_share=0.4)))
    a, b = (engine.play(s, compiled=False).rows[0] for s in (spec, same))
    np.testing.assert_array_equal(a[:, COLUMN["decision_hash"]], b[:, COLUMN["decision_hash"]])
    np.testing.assert_array_equal(a[:, COLUMN["regret"]], b[:, COLUMN["regret"]])


def test_a_users_lottery_spends_both_purses(tmp_path):
    """Its coin is fresh where the other did not fire, so it too spends its purse to the last label."""
    spec = RunSpec(T=80, B=30, **arena("iid", "isotropic", 3), gate=mine(tmp_path, LOTS), record=EVERY)
    rows = engine.play(spec, compiled=False).rows[0][-1]
    assert (rows[COLUMN["forced"]], rows[COLUMN["opened"]]) == (12, 18)


@pytest.mark.slow
def test_a_users_gate_is_insured_in_the_compiled_run(compiled, tmp_path):
    """On a recorded stream, which compiles faster than a game."""
    spec = digits_spec("always", B=20).model_copy(update=dict(gate=mine(tmp_path, LOTS)))
    assert_same_bits(compiled, spec)
    assert compiled(spec).rows[0][-1, COLUMN["labels"]] == 20


def test_a_user_is_told_what_its_own_purse_paid_for(tmp_path):
    gate = mine(tmp_path, PACED)
    live = LiveGate(gate, 60, d=3, B=20)
    paid = 0
    for _ in range(60):
        before = live._purse.left
        live.settle(live.ask([0.3, 0.0], 0.9).open)
        paid += before - live._purse.left
        assert live._purse.memory[0] == paid
    assert 0 < paid < live.labels


@settings(max_examples=20)
@given(own.gate_specs(LIVE), SHARES, st.integers(0, 59), own.rngs)
def test_property_a_live_gate_is_the_simulators_and_survives_a_restart(gate, share, when, rng):
    gate = gate.model_copy(update=dict(coin_share=share))
    T, B = 60, 24
    scores, widths = rng.random((T, 3)), rng.exponential(size=T)
    live, twin = (LiveGate(gate, T, d=3, B=B, seed=4) for _ in range(2))
    coins = draws.uniform(draws.bits(draws.stream_keys(4, 0)[draws.COIN], 0, draws.index(T)))
    for t in range(T):
        if t == when:
            twin = LiveGate.restore(json.loads(json.dumps(twin.state())))
        decision = live.ask(scores[t], widths[t])
        assert decision == twin.ask(scores[t], widths[t]) and decision.left == live.left == twin.left
        if coins[t] < live._purse.coin_left / (T - t):
            assert decision.open and decision.reason == "forced"
        for g in (live, twin):
            g.settle(decision.open)
    assert live._purse.coin_left == 0 and (live.labels == B - live.left or not gate.cap)


def test_a_label_that_falls_through_is_not_paid_by_the_coin():
    live = LiveGate(GateSpec(kind="llf_regret", threshold=9.0, coin_share=0.5), 4, d=2, B=4)
    bought = []
    for t in range(4):
        decision = live.ask([1.0, 0.0], 0.01)
        bought.append(decision.open)
        live.settle(decision.open and t == 3)
    assert bought[2:] == [True, True] and live._purse.coin_left == 1  # due to the end, but nothing to be had


def test_an_older_state_is_refused():
    state = LiveGate(GateSpec(kind="prefix"), 4, d=2, B=4).state()
    with pytest.raises(LiveError, match="state of version 2"):
        LiveGate.restore(state | dict(version=2))
