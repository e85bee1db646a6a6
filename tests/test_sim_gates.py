"""sim.rules.gates: every gate against its formula, the hard cap, and the promises of theorems 2 and 3."""

import math

import naive
import numpy as np
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st

from sim.rules import codes, gates, learners
from sim.setup import build
from sim.spec import GateSpec, LearnerSpec, RunSpec, StreamSpec

BUYERS = (codes.OPENED, codes.FORCED)


def signal(t, row, leak=0.0):
    """A row of strategies.gate_runs as a Signal."""
    latency, width, gain, gap, certified, coin, scheduled = row
    return gates.Signal(t, latency, width, gain, gap, int(certified), coin, int(scheduled), leak)


def run(spec, table, leak=0.0):
    """[(bought, reason, threshold, purse before, purse after)] of a sequence of signals."""
    g = build(spec)
    p, steps = gates.open_purse(g), []
    for t, row in enumerate(table):
        x = signal(t, row, leak)
        bought, reason, threshold = gates.decide(g, p, x)
        after = gates.settle(g, p, x, reason, p.psi + x.gain * bought)
        steps.append((bought, reason, threshold, p, after))
        p = after
    return steps


def play(kind, T, B, table=None, **gate):
    """The decisions (T,) of a gate on random signals."""
    spec = RunSpec(T=T, B=B, stream=StreamSpec(d=2), gate=GateSpec(kind=kind, **gate))
    if table is None:
        table = np.random.default_rng(T * 1000 + B).exponential(size=(T, 7)) % 1.0
    return np.array([step[0] for step in run(spec, table)])


@given(own.gate_runs())
def test_property_decisions_equal_the_formulas(case):
    """Every honest gate, decision and reason, against naive.Gatekeeper and its whole history."""
    spec, table = case
    twin = naive.Gatekeeper(spec)
    names = gates.Signal._fields
    for t, (row, step) in enumerate(zip(table, run(spec, table), strict=True)):
        x = dict(zip(names[1:-1], signal(t, row)[1:-1], strict=True))
        assert (step[0], codes.REASONS[step[1]]) == twin.step(t, x)


@given(own.gate_runs(kinds=gates.GATES))
def test_property_at_most_B_labels_and_honest_books(case):
    spec, table = case
    for bought, reason, threshold, before, after in run(spec, table, leak=2.0):
        assert (reason in BUYERS) == bought and 0 <= reason < len(codes.REASONS)
        assert after.left == before.left - bought
        assert not math.isnan(threshold)
        if spec.gate.cap:
            assert after.left >= 0
            assert (reason == codes.OUT_OF_BUDGET) == (before.left == 0)
        if spec.gate.kind == "llf_split":
            assert 0 <= after.first_left <= after.left
    assert sum(step[0] for step in run(spec, table)) <= spec.budget or not spec.gate.cap


@given(own.gate_runs(kinds=gates.GATES), own.rngs)
def test_property_decide_is_pure(case, rng):
    spec, table = case
    g, p = build(spec), run(spec, table)[-1][3]
    p = p._replace(left=max(p.left, 1))
    seen, x = p.memory.copy(), signal(0, table[0], 1.0)
    answers = {gates.decide(g, p, x) for _ in range(3)}
    assert len(answers) == 1
    np.testing.assert_array_equal(p.memory, seen)


def test_a_purse_without_labels_is_shut_for_every_gate():
    for kind in gates.GATES:
        g = build(RunSpec(T=10, B=3, gate=GateSpec(kind=kind)))
        x = gates.Signal(9, 9.0, 9.0, 9.0, 0.0, 0, 0.0, 1, 9.0)
        p = gates.open_purse(g)._replace(left=0)
        assert gates.decide(g, p, x)[:2] == (False, codes.OUT_OF_BUDGET)


def test_never_and_always():
    assert not play("never", 50, 50).any()
    assert play("always", 50, 50).all()


@given(st.integers(1, 80), own.floats(0.0, 1.0), st.sampled_from(["prefix", "always"]))
def test_property_prefix_buys_the_first_B(T, share, kind):
    B = max(1, int(share * T))
    assert play(kind, T, B).nonzero()[0].tolist() == list(range(B))


@given(st.integers(1, 80), own.floats(0.0, 1.0))
def test_property_periodic_buys_exactly_B_evenly(T, share):
    B = max(1, int(share * T))
    bought = play("periodic", T, B)
    assert bought.sum() == B
    spent = np.cumsum(bought) - np.arange(1, T + 1) * B / T
    assert (spent <= 1e-9).all() and (spent > -1).all()


@given(own.gate_runs(kinds=("random", "llf_quantile", "margin")))
def test_property_gates_that_spend_all_of_B(case):
    spec, table = case
    assert sum(step[0] for step in run(spec, table)) == spec.budget


def test_random_is_uniform_over_rounds():
    rng = np.random.default_rng(0)
    counts = sum(play("random", 20, 5, rng.random((20, 7))) for _ in range(2000))
    assert counts.sum() == 5 * 2000
    assert np.abs(counts - 500).max() < 5 * math.sqrt(2000 * 0.25 * 0.75)


def test_oracle_follows_its_plan():
    table = np.ones((6, 7))
    table[:, 6] = [0, 1, 1, 0, 0, 1]
    assert play("llf_oracle", 6, 3, table).astype(int).tolist() == [0, 1, 1, 0, 0, 1]


def test_peek_opens_on_the_surprise_of_the_label():
    spec = RunSpec(T=5, B=5, gate=GateSpec(kind="control_peek"), learner=LearnerSpec(sigma=0.5))
    for leak, bought in ((0.6, True), (0.5, False)):
        assert run(spec, np.ones((1, 7)), leak)[0][0] is bought


def test_certified_rounds_are_never_bought_by_llf_regret():
    g = build(RunSpec(T=5, B=5, gate=GateSpec(kind="llf_regret")))
    x = gates.Signal(0, 0.0, 1.0, 0.7, 1.0, 1, 0.5, 0, 0.0)
    assert gates.decide(g, gates.open_purse(g), x) == (False, codes.CERTIFIED, 0.0)


@given(own.gate_runs(kinds=("llf_split",)))
def test_property_split_has_two_purses(case):
    """The paced half spends at most B // 2, the other at most the rest."""
    spec, table = case
    reasons = [step[1] for step in run(spec, table)]
    assert reasons.count(codes.OPENED) <= spec.budget // 2
    assert reasons.count(codes.FORCED) <= spec.budget - spec.budget // 2
    if spec.gate.purse == "prefix":
        first = [r in BUYERS for r in reasons[: spec.budget - spec.budget // 2]]
        assert all(first)


def test_split_with_one_label_has_no_paced_purse():
    assert play("llf_split", 10, 1, np.full((10, 7), 5.0)).nonzero()[0].tolist() == [0]


@given(own.gate_runs(kinds=("dual",)))
def test_property_the_dual_price_is_positive(case):
    spec, table = case
    steps = run(spec, table)
    assert all(step[4].mu > 0 for step in steps)
    assert steps[0][2] == 0.0 and steps[0][0]


def test_the_dual_price_recovers_from_a_first_latency_of_zero():
    table = np.full((100, 7), 0.5)
    table[0] = 0.0
    assert play("dual", 100, 10, table).nonzero()[0].max() > 15


def remembered(values):
    return np.array(values, dtype=float)


def test_share_below_counts_the_window_only():
    assert gates.share_below(remembered([1, 2, 3]), 0, 9.0) == 0.0
    assert gates.share_below(remembered([1, 0, 0]), 1, 2.0) == 1.0
    assert gates.share_below(remembered([1, 2, 3]), 7, 2.0) == pytest.approx(1 / 3)


def potential_run(kind, T, B, lam, L, Z):
    """The uncapped gate on design vectors Z: thresholds, bought, purse left, all by sim's rules."""
    spec = RunSpec(
        T=T,
        B=B,
        stream=StreamSpec(d=Z.shape[1]),
        gate=GateSpec(kind=kind, cap=False),
        learner=LearnerSpec(lam=lam, L=L),
    )
    g = build(spec)
    p, s, out = gates.open_purse(g), learners.start(g.d, 1, lam), np.zeros(g.d)
    thresholds, left = [], []
    for t, z in enumerate(Z):
        w2 = learners.square_width(s.P, z, out)
        x = gates.Signal(t, math.sqrt(w2), math.sqrt(w2), math.log1p(w2), 0.0, 0, 0.5, 0, 0.0)
        bought, reason, threshold = gates.decide(g, p, x)
        if bought:
            s = learners.update(s, z, np.zeros(1), 4096, False, out)
        p = gates.settle(g, p, x, reason, s.psi)
        thresholds.append(threshold)
        left.append(p.left)
    return np.array(thresholds), np.array(left)


@given(own.designs(max_n=60), st.integers(1, 60), st.booleans())
def test_property_llf_paced_never_raises_its_threshold_nor_meets_the_cap(design, B, greedy):
    """Theorem 3, for any vectors within L; ``greedy`` asks for the widest direction every time."""
    lam, L, Z = design
    if greedy:
        Z = L * np.eye(Z.shape[1])[np.arange(60) % Z.shape[1]]
    if len(Z) == 0:
        return
    thresholds, left = potential_run("llf_paced", len(Z), min(B, len(Z)), lam, L, Z)
    assert (left >= 1).all()
    assert (np.diff(thresholds) <= 1e-12).all()


@given(own.designs(max_n=60), st.integers(1, 60), st.booleans())
def test_property_llf_fixed_opens_at_most_B_times_without_a_cap(design, B, greedy):
    """Theorem 2."""
    lam, L, Z = design
    if greedy:
        Z = L * np.eye(Z.shape[1])[np.arange(60) % Z.shape[1]]
    if len(Z) == 0:
        return
    thresholds, left = potential_run("llf_fixed", len(Z), min(B, len(Z)), lam, L, Z)
    assert (left >= 0).all()
    assert np.ptp(thresholds) == 0.0


def test_a_gain_equal_to_the_threshold_stays_shut():
    """B = d: D_B / B = log(1 + L^2 / lam) is exactly the gain of a first vector of norm L."""
    for kind in ("llf_paced", "llf_fixed"):
        for L in np.linspace(0.5, 2.0, 40):
            left = potential_run(kind, 2, 2, 0.3, L, L * np.eye(2))[1]
            assert left.tolist() == [2, 2], kind


def test_paced_threshold_without_labels_is_infinite():
    assert gates.paced_threshold(5.0, 1.0, 0) == math.inf
    assert gates.paced_threshold(5.0, 1.0, 2) == pytest.approx(2.0)
    assert 0.0 < gates.paced_threshold(5.0, 5.0 + 1e-9, 2) < 1e-6


@pytest.mark.parametrize(
    ("trait", "names"),
    [
        (lambda t: t.counts, {"periodic", "llf_split", "dual"}),
        (lambda t: t.foresees, {"llf_oracle", "control_peek"}),
        (lambda t: t.potential, {"llf_fixed", "llf_paced", "llf_split"}),
        (lambda t: t.uncapped, {"llf_fixed", "llf_paced", "plugin"}),
        (lambda t: t.reference, {"always", "never"}),
        (lambda t: t.regret, {"llf_regret", "llf_self_paced"}),
        (lambda t: not t.confidence, {"always", "never", "random", "periodic", "prefix", "llf_oracle"}),
        (lambda t: "coin" in t.reads, {"random", "llf_split", "plugin"}),
        (lambda t: "gain" in t.reads, {"llf_fixed", "llf_paced", "llf_split", "bbq"}),
        (lambda t: "width" in t.reads, {"llf_self_paced"}),
        (lambda t: "latency" in t.reads, {"llf_regret", "llf_quantile", "dual", "plugin"}),
        (lambda t: "gap" in t.reads, {"llf_self_paced", "margin", "plugin"}),
        (lambda t: gates.BAITED[gates.KINDS.index(t.name)], {"control_peek", "plugin"}),
    ],
)
def test_the_traits_are_these(trait, names):
    assert {t.name for t in gates.TRAITS if trait(t)} == names


def test_the_tables_for_the_compiler_say_what_the_traits_say():
    assert gates.CONFIDENT.tolist() == [t.confidence for t in gates.TRAITS]
    assert gates.TOSSES.tolist() == ["coin" in t.reads for t in gates.TRAITS]
    assert gates.KINDS[gates.ALWAYS] == "always" and gates.KINDS[gates.CONTROL_PEEK] == "control_peek"
    assert gates.KINDS[gates.LLF_SPLIT] == "llf_split" and gates.KINDS[-1] == gates.KINDS[gates.PLUGIN] == "plugin"
    assert gates.KINDS[:-1] == gates.GATES
