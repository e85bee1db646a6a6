"""Allocation in hindsight: sorting, exhaustive subsets, the conic solver, and the gap as a bound."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.oracles import allocation, certificate
from theory.oracles.certificate import OracleError

many = settings(max_examples=200)
seeds, rounds, dims = st.integers(0, 2**32 - 1), st.integers(1, 24), st.integers(1, 6)
shares = st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])
designs = st.sampled_from(["generic", "zeros", "copies", "line", "integer", "nothing"])
ridges = st.sampled_from([0.01, 1.0, 10.0])


@pytest.fixture(autouse=True)
def instances(tmp_path, monkeypatch):
    monkeypatch.setenv(certificate.FOLDER, str(tmp_path))
    return tmp_path


def vectors(rng, T, d, kind):
    """T design vectors; the degenerate kinds have zero rows, equal rows, or rank one."""
    Z = rng.normal(size=(T, d))
    if kind == "zeros":
        Z[rng.random(T) < 0.5] = 0.0
    elif kind == "copies":
        Z = Z[rng.integers(0, max(1, T // 3), size=T)]
    elif kind == "line":
        Z = Z[:, :1] * Z[0]
    elif kind == "integer":
        Z = rng.integers(-1, 2, size=(T, d)).astype(float)
    return Z * (kind != "nothing")


def information(Z, lam, q):
    return float(np.linalg.slogdet(lam * np.eye(Z.shape[1]) + (Z.T * q) @ Z)[1])


# hindsight labels


@given(seeds, rounds, shares, st.sampled_from(["generic", "ties", "equal", "zero"]), st.sampled_from([1e-4, 1.0, 1e4]))
@many
def test_property_hindsight_takes_the_largest(seed, T, share, kind, unit):
    rng, B = np.random.default_rng(seed), int(share * T)
    latency = {"generic": rng.exponential(size=T), "ties": rng.integers(0, 3, size=T), "equal": np.ones(T)}
    latency = unit * latency.get(kind, np.zeros(T))
    found, price = allocation.hindsight_labels(latency, B)
    ranked = np.concatenate([[np.inf], np.sort(latency)[::-1], [0.0]])
    assert abs(found.value - ranked[1 : B + 1].sum()) <= 1e-6 * (unit + found.value)
    assert ranked[B + 1] - 1e-5 * unit <= price <= ranked[B] + 1e-5 * unit
    assert found.solution.shape == (T,)
    assert found.solution.sum() <= B * (1.0 + 1e-6)


def test_the_price_says_who_is_bought():
    found, price = allocation.hindsight_labels([0.3, 0.9, 0.1, 0.7], 2)
    assert 0.3 <= price <= 0.7
    np.testing.assert_allclose(found.solution, [0, 1, 0, 1], atol=1e-6)


# D-optimal design


@given(seeds, rounds, dims, shares, designs, ridges)
@many
def test_property_d_optimal_agrees_with_the_conic_solver(seed, T, d, share, kind, lam):
    Z, B = vectors(np.random.default_rng(seed), T, d, kind), int(share * T)
    fast, conic = allocation.d_optimal(Z, lam, B), allocation.d_optimal_conic(Z, lam, B)
    assert abs(fast.value - conic.value) <= 1e-6 * (1.0 + abs(conic.value))
    assert fast.value == pytest.approx(information(Z, lam, fast.solution), abs=1e-9)
    assert fast.solution.min() >= 0.0 and fast.solution.max() <= 1.0 and fast.solution.sum() <= B * (1.0 + 1e-9)


@given(seeds, st.integers(1, 7), st.integers(1, 3), designs)
@settings(max_examples=60)
def test_property_no_subset_of_whole_labels_beats_it(seed, T, d, kind):
    rng = np.random.default_rng(seed)
    Z, B = vectors(rng, T, d, kind), int(rng.integers(0, T + 1))
    best = max(information(Z, 1.0, np.isin(np.arange(T), chosen)) for chosen in combinations(range(T), B))
    assert best <= allocation.d_optimal(Z, 1.0, B).value + 1e-9


@given(seeds, rounds, shares)
@many
def test_property_one_dimension_by_sorting(seed, T, share):
    """d = 1: log(lam + the B largest squares)."""
    Z, B = np.random.default_rng(seed).normal(size=(T, 1)), int(share * T)
    want = np.log(0.5 + np.sort(np.square(Z[:, 0]))[::-1][:B].sum())
    assert allocation.d_optimal(Z, 0.5, B).value == pytest.approx(want, abs=1e-6)


@given(seeds, rounds, dims, designs)
@many
def test_property_the_gap_bounds_the_optimum_from_anywhere(seed, T, d, kind):
    """gain(q) <= optimum <= gain(q) + gap(q) for any q in the feasible set."""
    rng = np.random.default_rng(seed)
    Z, B = vectors(rng, T, d, kind), int(rng.integers(0, T + 1))
    q = rng.uniform(size=T)
    q *= min(1.0, B / q.sum())
    here = allocation.gain(Z, q)
    best = allocation.d_optimal(Z, 1.0, B).value
    gap = allocation.frank_wolfe_gap(allocation.gradient(Z, q), q, B)
    assert here - 1e-6 <= best <= here + gap + 1e-6


@pytest.mark.parametrize(("T", "d", "B"), [(500, 16, 50), (500, 16, 499), (500, 1, 50), (40, 60, 10)])
def test_five_hundred_rounds(T, d, B):
    Z = np.random.default_rng(T + B).normal(size=(T, d)) / np.arange(1, d + 1)
    found = allocation.d_optimal(Z, 1.0, B)
    assert found.gap <= 1e-9
    assert found.solution.sum() == pytest.approx(B, rel=1e-9)
    assert int(found.status.split()[2]) <= 60


def test_a_badly_scaled_ridge_is_certified():
    Z = np.random.default_rng(2).normal(size=(60, 5)) * np.logspace(0, -3, 5)
    fast, conic = allocation.d_optimal(Z, 1e-6, 12), allocation.d_optimal_conic(Z, 1e-6, 12)
    assert fast.value == pytest.approx(conic.value, abs=1e-6)


def test_an_early_stop_is_refused(monkeypatch):
    monkeypatch.setattr(allocation, "STEPS", 2)
    with pytest.raises(OracleError, match=r"d_optimal.*gap"):
        allocation.d_optimal(np.random.default_rng(0).normal(size=(30, 4)), 1.0, 7)


# share of the information


@given(seeds, rounds, dims, designs)
@many
def test_property_information_share_lies_in_the_unit_interval(seed, T, d, kind):
    rng = np.random.default_rng(seed)
    share = allocation.information_share(vectors(rng, T, d, kind), 1.0, rng.random(T) < 0.5)
    assert 0.0 <= share <= 1.0


def test_information_share_by_hand():
    """Two rounds along e1 and one along e2: buying e1 twice gains log 3 of the log 4 on offer."""
    Z = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    got = allocation.information_share(Z, 1.0, np.array([True, True, False]))
    assert got == pytest.approx(np.log(3) / np.log(4), abs=1e-6)
    assert allocation.information_share(Z, 1.0, np.ones(3, bool)) == pytest.approx(1.0)
    assert allocation.information_share(Z, 1.0, np.zeros(3, bool)) == 1.0


Z2 = np.eye(2)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: allocation.hindsight_labels([1.0, np.nan], 1), "latencies holds NaN"),
        (lambda: allocation.hindsight_labels([1.0, -1.0], 1), "latencies: least entry"),
        (lambda: allocation.hindsight_labels([1.0], 2), "B=2"),
        (lambda: allocation.hindsight_labels([1.0], -1), "B=-1"),
        (lambda: allocation.hindsight_labels([1.0], 0.5), "B=0.5"),
        (lambda: allocation.d_optimal(Z2, 0.0, 1), "lam=0"),
        (lambda: allocation.d_optimal(Z2, -1.0, 1), "lam=-1"),
        (lambda: allocation.d_optimal(Z2, 1.0, 3), "B=3"),
        (lambda: allocation.d_optimal([1.0], 1.0, 1), "Z has shape"),
        (lambda: allocation.d_optimal([[np.inf]], 1.0, 1), "Z holds NaN"),
        (lambda: allocation.information_share(Z2, 1.0, [1, 0]), "bought is int"),
        (lambda: allocation.information_share(Z2, 1.0, np.ones(3, bool)), "bought is bool"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
