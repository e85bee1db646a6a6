"""sim.rules.learners: the updated state against dense linear algebra, and lemma 0."""

import math

import naive
import numba
import numpy as np
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st

import sim.kernels  # noqa: F401 - registers the rules with the compiler
from sim.rules import learners
from sim.setup import build
from sim.spec import LearnerSpec, RunSpec


def learn(lam, Z, Y, refresh=4096, wrong=False):
    """The state after all updates; also the squared widths just before each."""
    s = learners.start(Z.shape[1], Y.shape[1], lam)
    out, squares = np.zeros(Z.shape[1]), []
    for z, y in zip(Z, Y, strict=True):
        squares.append(learners.square_width(s.P, z, out))
        s = learners.update(s, z, y, refresh, wrong, out)
    return s, np.array(squares)


@given(own.designs(), st.sampled_from([3, 4096]), st.sampled_from([1, 3]), own.seeds)
def test_property_state_equals_dense_linear_algebra(design, refresh, K, seed):
    lam, _, Z = design
    Y = np.random.default_rng(seed).normal(size=(len(Z), K))
    s, squares = learn(lam, Z, Y, refresh)
    P, theta, psi, want = naive.ridge(lam, Z, Y)
    np.testing.assert_allclose(s.V, lam * np.eye(Z.shape[1]) + Z.T @ Z, atol=1e-9)
    np.testing.assert_allclose(s.P, P, atol=1e-8)
    np.testing.assert_allclose(s.theta, theta, atol=1e-8)
    np.testing.assert_allclose(squares, want, atol=1e-8)
    assert s.psi == pytest.approx(psi, abs=1e-8)
    assert s.potential == pytest.approx(want.sum(), abs=1e-8)
    assert s.n == len(Z)
    assert learners.inverse_error(s) < 1e-8


@given(own.designs())
def test_property_lemma_0(design):
    """psi <= D_n, at most D_n / log(1 + 1/4) wide vectors, potential <= 2 psi if lam >= L^2."""
    lam, L, Z = design
    s, squares = learn(lam, Z, np.zeros((len(Z), 1)))
    bound = naive.capacity(len(Z), Z.shape[1], lam, L)
    assert s.psi <= bound + 1e-9
    assert s.wide == (squares >= 0.25).sum()
    assert s.wide <= bound / math.log(1.25) + 1e-9
    if lam >= L * L:
        assert s.potential <= 2 * s.psi + 1e-9


@pytest.mark.parametrize("n", range(1, 10))
def test_products_are_numpys_at_every_length(n):
    """Four rows a pass and the rest one by one, so every remainder counts; ``weigh`` has the bits of ``matvec``."""
    rng = np.random.default_rng(n)
    A, B, z, P = rng.normal(size=(n, 6)), rng.normal(size=(n, 6)), rng.normal(size=6), rng.normal(size=(n, n))
    P, out, W = P + P.T, np.full(n, 9.0), np.full((6, n), 9.0)
    learners.row_dots(A, B, out)
    np.testing.assert_allclose(out, (A * B).sum(axis=1), rtol=1e-12, atol=1e-13)
    learners.dots(A, z, out)
    np.testing.assert_allclose(out, A @ z, rtol=1e-12, atol=1e-13)
    learners.weigh(P, A.T.copy(), W)
    np.testing.assert_allclose(W, A.T @ P, rtol=1e-12, atol=1e-13)
    for row, x in zip(W, A.T.copy(), strict=True):
        learners.matvec(P, x, out)
        assert out.tobytes() == row.tobytes()


def test_zero_vectors_teach_nothing():
    s, _ = learn(2.0, np.zeros((5, 3)), np.ones((5, 1)))
    assert (s.psi, s.potential, s.wide, s.n) == (0.0, 0.0, 0, 5)
    np.testing.assert_array_equal(s.P, np.eye(3) / 2)
    np.testing.assert_array_equal(s.theta, np.zeros((3, 1)))


def test_wrong_update_breaks_lemma_0():
    """The negative control must be caught by the information bound."""
    Z = np.eye(2)[np.arange(200) % 2]
    bound = naive.capacity(200, 2, 1.0, 1.0)
    right, _ = learn(1.0, Z, np.zeros((200, 1)), refresh=10)
    wrong, _ = learn(1.0, Z, np.zeros((200, 1)), refresh=10, wrong=True)
    assert right.psi <= bound + 1e-9
    assert wrong.psi > bound + 1.0


@numba.njit
def many_updates(n, d, lam, refresh, seed):
    """n unit vectors, most of them near one line, so that V is badly scaled."""
    np.random.seed(seed)  # noqa: NPY002 - inside compiled code
    s, z, y, out = learners.start(d, 1, lam), np.zeros(d), np.zeros(1), np.zeros(d)
    worst = 0.0
    for t in range(n):
        total = 0.0
        for i in range(d):
            z[i] = np.random.normal() * (1.0 if i == 0 or t % 1000 == 0 else 1e-3)  # noqa: NPY002
            total += z[i] * z[i]
        for i in range(d):
            z[i] /= math.sqrt(total)
        y[0] = np.random.normal()  # noqa: NPY002
        s = learners.update(s, z, y, refresh, False, out)
        if t % 997 == 0 or t % refresh == refresh - 2:
            worst = max(worst, learners.inverse_error(s))
    return s, max(worst, learners.inverse_error(s))


def test_the_inverse_stays_exact_over_many_updates():
    s, worst = many_updates(5_000 if numba.config.DISABLE_JIT else 200_000, 8, 1.0, LearnerSpec().refresh, 1)
    assert worst < 1e-8
    np.testing.assert_allclose(s.P, np.linalg.inv(s.V), atol=1e-8)
    np.testing.assert_allclose(s.theta, np.linalg.solve(s.V, s.moments), atol=1e-8)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")
def test_compiled_and_plain_updates_agree_bit_for_bit():
    fast, _ = many_updates(300, 5, 0.5, 4096, 3)
    slow, _ = many_updates.py_func(300, 5, 0.5, 4096, 3)
    for name in ("V", "P", "theta", "moments"):
        assert getattr(fast, name).tobytes() == getattr(slow, name).tobytes()
    assert fast[4:] == slow[4:]


def test_rebuild_is_exact_and_symmetric():
    rng = np.random.default_rng(0)
    s, _ = learn(1.0, rng.normal(size=(30, 4)), rng.normal(size=(30, 2)))
    s.P[:] += 1e-3
    learners.rebuild(s)
    np.testing.assert_allclose(s.P @ s.V, np.eye(4), atol=1e-12)
    np.testing.assert_array_equal(s.P, s.P.T)
    np.testing.assert_allclose(s.theta, np.linalg.solve(s.V, s.moments), atol=1e-12)


def test_square_width_is_never_negative():
    P = np.array([[-1.0]])
    assert learners.square_width(P, np.ones(1), np.zeros(1)) == 0.0


def test_radius_modes():
    k = dict(sigma=0.7, lam=2.0, S=3.0, delta=0.1)
    theory = naive.theory_radius(1.5, LearnerSpec(**k))
    assert theory == pytest.approx(0.7 * math.sqrt(1.5 + 2 * math.log(10)) + 3 * math.sqrt(2))
    for mode, c, want in (("theory", 1.0, theory), ("scaled", 0.5, 0.5 * theory), ("fixed", 0.5, 0.5)):
        g = build(RunSpec(learner=LearnerSpec(radius_mode=mode, radius_c=c, **k)))
        assert learners.radius(g, 1.5) == pytest.approx(want, rel=1e-14)


def test_confidence_ratio_is_the_weighted_distance():
    rng = np.random.default_rng(1)
    s, _ = learn(1.0, rng.normal(size=(9, 3)), rng.normal(size=(9, 1)))
    truth = rng.normal(size=3)
    gap = s.theta[:, 0] - truth
    got = learners.confidence_ratio(s, truth, 2.0, np.zeros(3), np.zeros(3))
    assert got == pytest.approx(math.sqrt(gap @ s.V @ gap) / 2.0)
