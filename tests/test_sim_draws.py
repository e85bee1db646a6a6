"""sim.rules.draws: the published generator, its distributions, and independence of the order of asking."""

import hashlib
import math

import naive
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim.kernels  # noqa: F401 - registers the rules with the compiler
from sim.rules import draws

GOLDEN = 0x9E3779B97F4A7C15
words = st.integers(0, 2**64 - 1)


def key_of(state, gamma):
    """A key row as stream_keys makes it."""
    return np.array([state, gamma | 1], dtype=np.uint64)


@numba.njit
def spread(key, start, n):
    """The draws that runs use, compiled: bells, uniforms, one uniform."""
    bells, uniforms = np.zeros(n), np.zeros(n)
    draws.fill_bell(key, start, bells)
    draws.fill_uniform(key, start, uniforms)
    return bells, uniforms, draws.uniform_at(key, start)


@numba.njit
def compiled_draws(key, start, index):
    """Everything that draws can do, compiled."""
    raw = draws.bits(key, start, index)
    u = draws.uniform(raw)
    normal = np.zeros(u.shape[0] // 2)
    for i in range(normal.shape[0]):
        normal[i] = draws.gaussian(u[2 * i], u[2 * i + 1])
    return raw, u, draws.bell(raw), normal


def test_published_outputs():
    """Seed 1234567 gives the five numbers that every SplitMix64 prints."""
    got = draws.bits(key_of(1234567, GOLDEN), 1, draws.index(5))
    want = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert got.tolist() == want


@given(words, words, st.integers(0, 2**50), st.integers(1, 20))
def test_property_bits_follow_the_published_form(state, gamma, start, n):
    got = draws.bits(key_of(state, gamma), start, draws.index(n))
    assert got.tolist() == [naive.splitmix64(state, gamma | 1, start + i) for i in range(n)]


@given(st.lists(words, min_size=1, max_size=30))
def test_property_uniforms_and_bells_are_bounded(raw):
    raw = np.array(raw, dtype=np.uint64)
    u, b = draws.uniform(raw), draws.bell(raw)
    assert (u > 0).all() and (u <= 1).all()
    assert np.abs(b).max() <= 3.4642
    assert b == pytest.approx([naive.bell(int(r)) for r in raw], abs=1e-12)


def test_extreme_words_give_uniforms_inside_the_open_interval():
    u = draws.uniform(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert 0 < u[0] < u[1] < 1


def test_bell_moments():
    """Mean 0, variance 1, excess kurtosis -0.3, and the ends are symmetric."""
    b = draws.bell(draws.bits(draws.stream_keys(3, 0)[draws.FEATURES], 0, draws.index(400_000)))
    assert abs(b.mean()) < 0.01
    assert b.var() == pytest.approx(1.0, abs=0.01)
    assert (b**4).mean() - 3 == pytest.approx(-0.3, abs=0.03)
    ends = draws.bell(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert ends[0] == -ends[1]


def test_uniform_and_gaussian_moments():
    u = draws.uniform(draws.bits(draws.stream_keys(3, 0)[draws.NOISE], 0, draws.index(100_000)))
    assert u.mean() == pytest.approx(0.5, abs=0.01)
    assert u.var() == pytest.approx(1 / 12, abs=0.01)
    normal = np.array([draws.gaussian(a, b) for a, b in u.reshape(-1, 2)])
    assert abs(normal.mean()) < 0.02
    assert normal.var() == pytest.approx(1.0, abs=0.03)
    assert (normal < 1.0).mean() == pytest.approx(0.5 * (1 + math.erf(math.sqrt(0.5))), abs=0.01)


def test_keys_come_from_the_name_and_are_odd():
    keys = draws.stream_keys(5, 7)
    assert keys.shape == (draws.ROLES, 2)
    for role in range(draws.ROLES):
        digest = hashlib.blake2b(f"5/7/{role}".encode(), digest_size=16).digest()
        state, gamma = (int.from_bytes(digest[i : i + 8], "little") for i in (0, 8))
        assert keys[role].tolist() == [state, gamma | 1]


def test_sequences_differ_between_seeds_replications_and_roles():
    heads = {
        tuple(draws.bits(key, 0, draws.index(4)).tolist())
        for seed, rep in [(0, 0), (0, 1), (1, 0), (1, 1), (11, 0), (1, 10)]
        for key in draws.stream_keys(seed, rep)
    }
    assert len(heads) == 6 * draws.ROLES


def test_sequences_are_uncorrelated_between_roles():
    u = [draws.uniform(draws.bits(key, 0, draws.index(20_000))) for key in draws.stream_keys(0, 0)]
    off = np.corrcoef(u) - np.eye(draws.ROLES)
    assert np.abs(off).max() < 0.04


@given(st.integers(0, 100), st.integers(0, 100), st.permutations(range(12)))
def test_property_a_draw_does_not_depend_on_the_order_of_asking(seed, start, order):
    key = draws.stream_keys(seed, 0)[draws.COIN]
    whole = draws.bits(key, start, draws.index(12))
    one = draws.index(1)
    alone = {n: draws.bits(key, start + n, one)[0] for n in order}
    assert [alone[n] for n in range(12)] == whole.tolist()


@given(words, words, st.integers(0, 2**40))
def test_property_plain_and_compiled_draws_are_the_same_bits(state, gamma, start):
    key, index = key_of(state, gamma), draws.index(16)
    raw = draws.bits(key, start, index)
    u = draws.uniform(raw)
    normal = np.array([draws.gaussian(a, b) for a, b in u.reshape(-1, 2)])
    for got, want in zip(compiled_draws(key, start, index), (raw, u, draws.bell(raw), normal), strict=True):
        assert got.tobytes() == want.tobytes()


@given(words, words, st.integers(0, 2**40), st.integers(1, 20))
def test_property_draws_are_spread_alike_plain_and_compiled(state, gamma, start, n):
    key = key_of(state, gamma)
    bells, uniforms, one = spread(key, start, n)
    plain, also = np.zeros(n), np.zeros(n)
    draws.fill_bell(key, start, plain)
    draws.fill_uniform(key, start, also)
    raw = draws.bits(key, start, draws.index(n))
    assert bells.tobytes() == plain.tobytes() == draws.bell(raw).tobytes()
    assert uniforms.tobytes() == also.tobytes() == draws.uniform(raw).tobytes()
    assert one == draws.uniform_at(key, start) == also[0]
