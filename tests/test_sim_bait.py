"""sim.rules.bait: the follower that spreads labels first, against a twin in NumPy and theorem 9's closed form."""

import math

import naive
import numpy as np
import pytest
import strategies as own
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sim_kernels import GATES, assert_same_bits

from sim import engine
from sim.rules import bait, draws, evasion, followers, gates, learners, log, rounds
from sim.setup import build
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from sim.sweeps import arena
from theory import bounds, expected

EVERY = RecordSpec(mode="every")
COLUMN = {name: i for i, name in enumerate(log.COLUMNS)}
WIDTH_GATES = ("llf_fixed", "llf_paced", "prefix", "periodic", "random", "always", "never")


def game(gate, d=3, **more):
    """A run of bait against a gate."""
    return RunSpec(**arena("bait", "free", d), gate=GateSpec(kind=gate), record=EVERY, **more)


def shown_of(spec):
    """(vectors (T, d) up to their sign, bought (T,)) of one run in the plain loop."""
    seen = []
    engine.play(spec, compiled=False, watch=lambda t, v, w, bought: seen.append((w.Phi[0] + w.Phi[1], bought)))
    return np.array([z for z, _ in seen]), np.array([b for _, b in seen])


# ---------------------------------------------------------------------- a twin


def twin(spec):
    """Regret and labels after every round, by dense algebra, against a gate of widths or of no confidence.

    Against those no vector is shorter than L: a gate that declines the least known axis of a diagonal design
    declines every other vector, and the others look at none.
    """
    k, d, gate = spec.learner, spec.stream.d, naive.Gatekeeper(spec)
    keys = draws.stream_keys(spec.seed, 0)
    u = draws.bell(naive._numbers(keys[draws.THETA], 0, d))
    truth, Z, y, rows, regret = k.S * u / np.linalg.norm(u), np.zeros((0, d)), np.zeros(0), [], 0.0
    for t in range(spec.T):
        P, theta, *_ = naive.ridge(k.lam, Z, y)

        def question(z, coin, P=P, theta=theta):
            w2 = z @ P @ z
            return dict(gain=math.log(1 + w2), width=math.sqrt(w2), gap=abs(theta @ z), coin=coin, certified=0)

        z = k.L * np.eye(d)[int(np.argmax(np.round(np.diag(P), 12)))]
        left = spec.budget - sum(p["bought"] for p in gate.past)
        if left == 0 or not any(gate.wishes(t, question(z, 1.0))):
            u = draws.bell(naive._numbers(keys[draws.FOLLOWER], t * d, d))
            aim = truth + spec.follower.tremble * k.S / math.sqrt(d) * u
            z = aim - max(theta @ aim, 0.0) / max(theta @ theta, 1e-300) * theta
            z = k.L * z / np.linalg.norm(z)
        sign = 1 if draws.uniform(naive._numbers(keys[draws.ORDER], t, 1))[0] < 0.5 else -1
        pair = [0, 1] if sign > 0 else [1, 0]
        scores, payoffs = np.array([theta @ z, 0.0])[pair], np.array([truth @ z, 0.0])[pair]
        regret += payoffs.max() - payoffs[naive.pick(scores, payoffs, [0, 1])]
        coin = draws.uniform(naive._numbers(keys[draws.COIN], t, 1))[0]
        bought, _ = gate.step(t, question(z, coin))
        if bought:
            eta = k.sigma * draws.gaussian(*draws.uniform(naive._numbers(keys[draws.NOISE], 4 * t, 2)))
            Z, y = np.vstack([Z, sign * z]), np.append(y, sign * (truth @ z) + eta)
        rows.append((regret, len(y)))
    return np.array(rows)


@pytest.mark.parametrize("gate", WIDTH_GATES)
@pytest.mark.parametrize("learner", [LearnerSpec(sigma=0.5), LearnerSpec(L=2.0, lam=4.0, S=0.5)])
def test_the_run_is_the_twins(gate, learner):
    spec = game(gate, T=70, beta=0.4, learner=learner, seed=3)
    rows = engine.play(spec, compiled=False).rows[0]
    want = twin(spec)
    np.testing.assert_array_equal(rows[:, COLUMN["labels"]], want[:, 1])
    np.testing.assert_allclose(rows[:, COLUMN["regret"]], want[:, 0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("gate", GATES, ids=lambda g: f"{g.kind}_{g.purse}")
def test_kernel_equals_loop(compiled, gate):
    spec = RunSpec(T=60, beta=0.3, **arena("bait", "free", 3), gate=gate, record=EVERY, seed=5)
    assert_same_bits(compiled, spec)


# ---------------------------------------------------------------------- one round


@given(own.gate_specs(), st.integers(1, 4), st.integers(0, 39), own.rngs)
def test_property_a_round_is_a_label_on_the_least_known_axis_or_the_evaders(gate, d, t, rng):
    """The gate buys L e_i, and then it is shown; or it does not, and the evader's reply is, bit for bit."""
    spec = RunSpec(T=40, B=int(rng.integers(1, 41)), **arena("bait", "free", d), gate=gate)
    g, keys, w, out = build(spec), draws.stream_keys(1, 0), rounds.workspace(build(spec)), np.zeros(d)
    truth, s, p = rng.normal(size=d), learners.start(d, 1, 1.0), gates.open_purse(g)
    for _ in range(int(rng.integers(0, 20))):
        z = rng.normal(size=d)
        s = learners.update(s, z / np.linalg.norm(z), rng.normal(size=1), 4096, False, out)
    p = p._replace(left=int(rng.integers(0, p.left + 1)), psi=s.psi)
    alpha = learners.radius(g, s.psi)

    def reply(follower):
        known = s._replace(V=s.V.copy(), P=s.P.copy(), theta=s.theta.copy())
        rounds.respond(g._replace(follower=follower), keys, t, known, p, alpha, truth, 0, w, gates.decide)
        return w.z.copy()

    axis = int(np.argmax(np.diag(s.P)))
    e = g.L * np.eye(d)[axis]
    width, gap = math.sqrt(e @ s.P @ e), abs(s.theta[axis, 0]) * g.L
    x = gates.Signal(t, 0.0, 0.0, 0.0, 0.0, 0, 1.0, 0, 0.0)
    shut = evasion.stays_shut(g, p, x, alpha, width, gap, 1.0)
    z = reply(followers.BAIT)
    np.testing.assert_array_equal(z, reply(followers.EVADER) if shut else e)


@given(st.integers(1, 5), own.rngs)
def test_property_the_least_known_axis_is_the_first_of_the_largest(d, rng):
    values = rng.integers(1, 4, d).astype(float)
    assert bait.least_known(np.diag(values)) == int(np.argmax(values))


# ---------------------------------------------------------------------- labels


@settings(max_examples=12)
@given(st.sampled_from(["prefix", "periodic"]), st.integers(1, 5), st.integers(5, 60), own.scales, st.integers(0, 99))
def test_property_due_labels_are_spent_on_the_axes_in_turn(gate, d, B, L, seed):
    spec = game(gate, d=d, T=60, B=B, learner=LearnerSpec(L=L), seed=seed)
    shown, bought = shown_of(spec)
    labels = shown[bought]
    assert len(labels) == B and (np.sort(np.abs(labels), axis=1)[:, :-1] == 0.0).all()
    per_axis = (np.abs(labels) == L).sum(axis=0)
    assert per_axis.sum() == B and per_axis.max() - per_axis.min() <= 1


def test_a_coin_is_not_foreseen():
    """Against ``random`` bait is the ball follower, but for the last bit of a vector that is scaled back to L."""
    spec = game("random", T=60, beta=0.3)
    ball = spec.model_copy(update=dict(follower=FollowerSpec(kind="ball")))
    a, b = (engine.play(s, compiled=False).rows[0] for s in (spec, ball))
    np.testing.assert_allclose(a, b, rtol=1e-9)
    assert a[-1, COLUMN["labels"]] == 18


def test_always_leaves_nothing_to_harvest():
    shown, bought = shown_of(game("always", T=30))
    assert bought.all() and (np.sort(np.abs(shown), axis=1) == [0.0, 0.0, 1.0]).all()


# ---------------------------------------------------------------------- theorem 9

THEOREM9 = [(4, 100, 1.0, 1.0), (8, 400, 1.0, 1.0), (4, 200, 0.5, 2.0)]


def baited(compiled, d, B, sigma, S, tremble=1e-3, kind="bait"):
    """Final rows (replications, columns) of llf_fixed at L = lam = 1, T = 1200."""
    spec = RunSpec(
        T=1200, B=B, stream=StreamSpec(context="free", d=d), follower=FollowerSpec(kind=kind, tremble=tremble),
        learner=LearnerSpec(sigma=sigma, S=S), gate=GateSpec(kind="llf_fixed"), record=RecordSpec(mode="final"),
        replications=120,
    )  # fmt: skip
    return np.array([rows[-1] for rows in compiled(spec).rows])


@pytest.mark.parametrize(("d", "B", "sigma", "S"), THEOREM9)
def test_llf_fixed_pays_what_theorem_9_says(compiled, d, B, sigma, S):
    """d n labels, and in the rounds without one the closed form within four standard errors."""
    n = expected.bait_labels(float(bounds.information_cap(B, d, 1.0, 1.0)) / B)
    rows = baited(compiled, d, B, sigma, S)
    assert n > 3 and (rows[:, COLUMN["labels"]] == d * n).all()
    harvest = rows[:, COLUMN["regret"]] - rows[:, COLUMN["regret_queried"]]
    want = (1200 - d * n) * expected.bait_round(n, d, sigma, S)
    error = harvest.std(ddof=1) / math.sqrt(len(harvest))
    assert abs(harvest.mean() - want) < 4.0 * error < 0.2 * want
    assert rows[:, COLUMN["regret"]].mean() > want - 4.0 * error


def test_the_tremble_costs_the_harvest_nothing_that_shows(compiled):
    with_hand, without = (baited(compiled, 4, 100, 1.0, 1.0, tremble)[:, COLUMN["regret"]] for tremble in (1e-3, 0.0))
    np.testing.assert_allclose(with_hand, without, rtol=1e-4)
    assert (with_hand != without).any()


def test_bait_hurts_a_threshold_more_than_evasion_does(compiled):
    bait_rows, evader_rows = (baited(compiled, 8, 400, 1.0, 1.0, kind=kind) for kind in ("bait", "evader"))
    gap = bait_rows[:, COLUMN["regret"]] - evader_rows[:, COLUMN["regret"]]
    assert gap.mean() > 4.0 * gap.std(ddof=1) / math.sqrt(len(gap))


@pytest.mark.parametrize("gate", ["llf_fixed", "llf_paced"])
def test_the_gate_never_opens_after_the_labels(gate):
    """Labels are bought in one block from the first round on; then the gate is shut for ever."""
    rows = engine.play(game(gate, d=4, T=300, B=100), compiled=False).rows[0]
    t, labels = rows[:, COLUMN["t"]], rows[:, COLUMN["labels"]]
    np.testing.assert_array_equal(labels, np.minimum(t, labels[-1]))
    assert 0 < labels[-1] < 100
    if gate == "llf_fixed":
        assert labels[-1] == 4 * expected.bait_labels(float(bounds.information_cap(100, 4, 1.0, 1.0)) / 100)
