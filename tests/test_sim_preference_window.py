"""sim.preference window, tangents, leaders, losses: closed forms against linear programs, differences and tensors."""

import numpy as np
import pytest
import strategies as own
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from sim.preference import ball, leaders, losses, tangents, window

EPS = st.sampled_from([0.0, 1e-9, 0.01, 0.05, 0.3, 2.0, 1e3])


@st.composite
def margins(draw, least=2, most=40):
    """Margins (N,) of mixed scale, with ties in a third of the cases."""
    rng, N = draw(own.rngs), draw(st.integers(least, most))
    xi = rng.normal(size=N) * draw(st.sampled_from([0.1, 1.0, 10.0]))
    if draw(st.integers(0, 2)) == 0:
        xi = np.round(xi)
    return np.abs(xi) if draw(st.booleans()) else xi


def program_9(xi, lo, eps, lines):
    """Value of program (9) by HiGHS: variables s (N, K), q = q+ - q- (N, K) each; the upper end is max xi."""
    N, K, hi = len(xi), len(lines.slopes), xi.max()
    s_gain = (xi[:, None] * lines.slopes + lines.intercepts).ravel()
    a = np.tile(lines.slopes, N)
    cost = -np.concatenate([s_gain, -a, a]) / N
    eye = sparse.identity(N * K)
    at = np.repeat(xi, K)
    low = sparse.hstack([sparse.diags_array(lo - at), eye, -eye])  # lo s <= s xi - q
    high = sparse.hstack([sparse.diags_array(at - hi), -eye, eye])
    budget = sparse.csr_array(np.concatenate([np.zeros(N * K), np.full(2 * N * K, 1.0 / N)])[None])
    rows = sparse.hstack([sparse.kron(sparse.identity(N), np.ones((1, K))), sparse.csr_array((N, 2 * N * K))])
    upper = np.concatenate([np.zeros(2 * N * K), [eps]])
    A = sparse.vstack([low, high, budget]).tocsr()
    answer = linprog(cost, A_ub=A, b_ub=upper, A_eq=rows.tocsr(), b_eq=np.ones(N), bounds=(0, None), method="highs")
    assert answer.status == 0
    return -answer.fun


@pytest.mark.parametrize("K", [3, 6, 12])
@pytest.mark.parametrize("eps", [0.0, 0.01, 0.05, 0.3, 100.0])
@pytest.mark.parametrize("tied", [False, True])
def test_closed_form_is_the_optimum_of_program_9(K, eps, tied):
    xi = np.random.default_rng(K).normal(size=40)
    xi = np.round(xi, 1) if tied else np.abs(xi)
    lo = float(window.window_low(xi))
    lines = tangents.tangents(lo, xi.max(), K)
    reply = window.follower_window(xi, lo, eps, lines)
    assert reply.value == pytest.approx(program_9(xi, lo, eps, lines), abs=1e-6)
    assert (reply.moved == window.follower_window(xi, lo, eps).moved).all()  # the moved set knows no K


@given(margins(), EPS, st.sampled_from([1, 3, 6, 12]))
def test_property_the_programs_own_variables_are_feasible_and_optimal(xi, eps, K):
    """s and q obey every constraint of (9); sum_k s_ik = 1, so Algorithm 1's weights are those of DPO."""
    lo = float(window.window_low(xi))
    found = tangents.tangent_weights(xi, lo, eps, K)
    np.testing.assert_allclose(found.s.sum(axis=1), 1.0, rtol=0, atol=1e-15)
    assert np.abs(found.q).sum() / len(xi) <= eps + 1e-12 * (1.0 + eps)
    place = found.s * xi[:, None] - found.q
    slack = 1e-12 * (1.0 + np.abs(xi).max())
    assert (place >= lo * found.s - slack).all() and (place <= xi.max() * found.s + slack).all()
    assert found.value == pytest.approx(window.follower_window(xi, lo, eps, found.lines).value, abs=1e-12)


@given(margins(), EPS, st.sampled_from([0.0, 0.05, 3.0]))
def test_property_primal_is_dual_and_the_worst_case_attains_it(xi, eps, tau):
    lo = float(window.window_low(xi, tau))
    reply = window.follower_window(xi, lo, eps)
    assert window.dual_value(xi, lo, eps, reply.price) == pytest.approx(reply.value, abs=1e-10)
    law = window.worst_case(xi, lo, reply)
    assert law.masses.sum() == pytest.approx(1.0, abs=1e-12) and (law.masses >= 0).all()
    assert (law.masses * losses.logistic(law.atoms)).sum() == pytest.approx(reply.value, abs=1e-12 * (1 + abs(lo)))
    spent = (reply.moved * reply.shift).mean()
    assert spent <= eps * (1 + 1e-12) + 1e-15
    assert ((reply.moved > 0) & (reply.moved < 1)).sum() <= 1  # one pair is moved in part
    assert reply.price == 0.0 or spent == pytest.approx(eps, abs=1e-12)


@given(margins(), EPS, own.seeds)
def test_property_no_other_shares_are_worse(xi, eps, seed):
    """Random feasible shares never beat the closed form."""
    lo = float(window.window_low(xi))
    reply, rng = window.follower_window(xi, lo, eps), np.random.default_rng(seed)
    f = rng.random((50, len(xi)))
    f *= np.minimum(1.0, eps / np.maximum((f * reply.shift).mean(axis=1), 1e-300))[:, None]
    gain = losses.logistic(lo) - losses.logistic(xi)
    assert (losses.logistic(xi).mean() + (f * gain).mean(axis=1)).max() <= reply.value + 1e-12


def test_edges_of_the_budget_and_ties():
    xi = np.array([0.5, 0.5, 0.5, 2.0])
    none = window.follower_window(xi, 0.0, 0.0)
    assert (none.moved == 0).all() and none.value == losses.logistic(xi).mean()
    everyone = window.follower_window(xi, 0.0, 10.0)
    assert (everyone.moved == 1).all() and everyone.price == 0.0 and everyone.value == pytest.approx(np.log(2))
    assert window.follower_window(xi, 0.0, 0.75 / 4).moved.tolist() == [1.0, 0.5, 0.0, 0.0]  # lowest index first
    at_lo = window.follower_window(np.array([0.0, 1.0]), 0.0, 0.1)
    assert at_lo.moved.tolist() == [1.0, 0.2] and np.isfinite(at_lo.price)


def test_a_batch_is_its_rows_and_groups_keep_almost_all_of_the_gain():
    """Random groups of 100 lose at most 0.2 % of the adversary's gain (eps = .05)."""
    xi = np.abs(np.random.default_rng(0).normal(size=(3, 6000)))
    lo = window.window_low(xi)
    batch = window.follower_window(xi, lo, 0.05)
    for i in range(3):
        row = window.follower_window(xi[i], lo[i], 0.05)
        assert row.value == batch.value[i] and (row.moved == batch.moved[i]).all()
        parts = window.follower_window(window.grouped(xi[i], 100), lo[i], 0.05)
        plain = losses.logistic(xi[i]).mean()
        lost = 1 - (parts.value.mean() - plain) / (row.value - plain)
        assert 0 <= lost <= 0.002


def test_leader_l3_is_the_gradient_of_the_worst_case():
    rng = np.random.default_rng(1)
    xi = rng.normal(size=30)
    lo, h = xi.min() - 0.5, 1e-6
    for eps in (0.0, 0.01, 0.1, 0.7):
        reply = window.follower_window(xi, lo, eps)
        slopes = leaders.worst_value_slopes(xi, reply)
        for i in range(30):
            e = np.zeros(30)
            e[i] = h
            up, down = (window.follower_window(xi + s * e, lo, eps).value for s in (1, -1))
            assert (up - down) / (2 * h) == pytest.approx(slopes[i], abs=1e-6)


@given(margins(), EPS, st.sampled_from(leaders.KINDS), own.seeds)
def test_property_slopes_are_differences_of_the_losses(xi, eps, kind, seed):
    reply = window.follower_unit(xi, eps) if kind == "L2" else window.follower_window(xi, window.window_low(xi), eps)
    at = xi + np.random.default_rng(seed).normal(size=len(xi))
    h = 1e-6
    difference = (leaders.leader_losses(kind, at + h, reply) - leaders.leader_losses(kind, at - h, reply)) / (2 * h)
    gap = losses.sigmoid(at) - reply.shift
    smooth = (gap > 0.02) | (gap < -0.02) if kind == "L2" else np.full(len(xi), True)  # away from the clamp
    np.testing.assert_allclose(difference[smooth], leaders.leader_slopes(kind, at, reply)[smooth], rtol=1e-4, atol=1e-6)


def test_leaders_without_a_follower_are_dpo():
    xi = np.random.default_rng(2).normal(size=20)
    reply = window.follower_window(xi, window.window_low(xi), 0.0)
    for kind in leaders.KINDS:
        use = window.follower_unit(xi, 0.0) if kind == "L2" else reply
        np.testing.assert_array_equal(leaders.leader_losses(kind, xi, use), losses.logistic(xi))


def test_on_a_whole_line_the_worst_case_is_the_loss_plus_eps():
    """Window ends -1, -10, ...: the excess tends to eps from below, whatever the margins (Proposition A)."""
    rng = np.random.default_rng(3)
    for xi in (rng.normal(size=50), np.abs(rng.normal(size=50)) + 3):
        lows = [-10.0, -1e3, -1e5, -1e8]
        excess = [float(window.follower_window(xi, lo, 0.05).value - losses.logistic(xi).mean()) for lo in lows]
        assert all(a < b < 0.05 + 1e-9 for a, b in zip(excess, [*excess[1:], 0.05], strict=True))
        assert excess[-1] == pytest.approx(0.05, abs=1e-7)


def test_on_a_whole_line_the_leader_is_dpo():
    """argmin of the worst case with a far window equals DPO's: follow L3 from DPO's theta and stay there."""
    rng = np.random.default_rng(4)
    Z = rng.normal(size=(80, 3)) + 0.4
    dpo = ball.sgpo_feature(Z, 0.0).theta
    for eps in (0.05, 1.0):
        theta = dpo.copy()
        for _ in range(40):
            reply = window.follower_window(Z @ theta, -1e9, eps)
            slopes = leaders.leader_slopes("L3", Z @ theta, reply) / len(Z)
            a = losses.sigmoid(Z @ theta)
            theta -= np.linalg.solve((Z.T * (a * (1 - a))) @ Z / len(Z), Z.T @ slopes)
        assert np.abs(theta - dpo).max() <= 1e-6


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: window.follower_window([1.0, 2.0], 0.0, -0.1), "eps = -0.1"),
        (lambda: window.follower_window([1.0, 2.0], 0.0, np.nan), "eps = nan"),
        (lambda: window.follower_window([1.0], 0.0, 0.1), "at least two pairs"),
        (lambda: window.follower_window([1.0, np.nan], 0.0, 0.1), "NaN"),
        (lambda: window.follower_window([1.0, 2.0], 1.5, 0.1), "lo = 1.5"),
        (lambda: window.follower_window([1.0, 2.0], np.nan, 0.1), "lo = nan"),
        (lambda: window.follower_window([1.0, 2.0], -np.inf, 0.1), "finite lo"),
        (lambda: window.window_low([1.0, 2.0], -1.0), "tau"),
        (lambda: window.grouped(np.arange(10.0), 3), "divides"),
        (lambda: window.unit_tangents(0), "K = 0"),
        (lambda: tangents.tangent_weights([1.0, 2.0], 0.0, 0.1, hi=1.5), "hi = 1.5"),
        (lambda: tangents.tangents(1.0, 0.0), "lo <= hi"),
        (lambda: leaders.leader_losses("L4", [1.0, 2.0], window.follower_unit([1.0, 2.0], 0.1)), "unknown leader"),
        (lambda: leaders.leader_losses("L0", [1.0], window.follower_unit([1.0, 2.0], 0.1)), "do not fit"),
        (
            lambda: leaders.leader_losses("L2", [9.0, 2.0], window.follower_window([9.0, 2.0], 0.0, 0.1)),
            "follower_unit",
        ),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


@given(st.lists(own.floats(-800, 800), min_size=1, max_size=20))
def test_property_losses_are_stable_and_consistent(xi):
    xi = np.array(xi)
    np.testing.assert_allclose(losses.logistic(-xi), losses.logistic(xi) + xi, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(losses.sigmoid(xi) + losses.sigmoid(-xi), 1.0, rtol=1e-12)
    np.testing.assert_allclose(losses.logistic_slope(xi), -losses.sigmoid(-xi))
    a = losses.sigmoid(-xi)
    np.testing.assert_allclose(losses.binary_entropy(a) - a * xi, losses.logistic(xi), rtol=1e-9, atol=1e-9)


def test_losses_of_whole_numbers_and_entropy_at_the_ends():
    assert losses.logistic([0, 1]).dtype == float and losses.logistic(np.array([0])).tolist() == [np.log(2)]
    assert losses.binary_entropy([0.0, 1.0]).tolist() == [0.0, 0.0]


@settings(max_examples=20)
@given(margins(), EPS)
def test_property_tensors_give_the_numbers_of_arrays(xi, eps):
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(xi, requires_grad=True)
    ours, theirs = (window.follower_window(x, window.window_low(x), eps) for x in (xi, tensor))
    for a, b in zip(ours, theirs, strict=True):
        assert not b.requires_grad
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-12, atol=1e-12)
    law, twin = (window.worst_case(x, window.window_low(x), r) for x, r in ((xi, ours), (tensor, theirs)))
    np.testing.assert_allclose(law.masses, twin.masses.numpy(), atol=1e-12)


@pytest.mark.parametrize("kind", leaders.KINDS)
def test_gradients_flow_through_the_margins_only(kind):
    torch = pytest.importorskip("torch")
    xi = np.random.default_rng(5).normal(size=(2, 30))
    follower = window.follower_unit if kind == "L2" else lambda x, e: window.follower_window(x, window.window_low(x), e)
    start = torch.tensor(xi, requires_grad=True)
    reply = follower(start, 0.1)
    live = torch.tensor(xi + 0.2, requires_grad=True)
    leaders.leader_losses(kind, live, reply).sum().backward()
    assert start.grad is None
    np.testing.assert_allclose(live.grad.numpy(), leaders.leader_slopes(kind, xi + 0.2, follower(xi, 0.1)), atol=1e-9)
    zero = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    losses.logistic(zero).sum().backward()
    assert zero.grad.tolist() == [-0.5, -0.5]  # the very first step of a policy that equals its reference
