"""Fitted oracles: certified, equal to their cone programs, and honest about bad input."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import recorded
from theory import bounds, routing
from theory.oracles import fit
from theory.oracles.certificate import OracleError


@st.composite
def labelled(draw):
    """Small recorded data: random rows, or all equal, or one class only, or separable."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    n, m, K = draw(st.integers(1, 12)), draw(st.integers(1, 3)), draw(st.integers(2, 4))
    kind = draw(st.sampled_from(["random", "equal", "one class", "separable", "zero"]))
    X, y = rng.normal(size=(n, m)), rng.integers(0, K, n)
    if kind == "equal":
        X = np.broadcast_to(X[0], X.shape)
    if kind == "one class":
        y = np.zeros(n, dtype=int)
    if kind == "separable":
        y = np.argmax(X @ rng.normal(size=(m, K)), axis=1)
    return (np.zeros_like(X) if kind == "zero" else X), y, K


def runs(rng, n=30):
    """Runs with d, B, T, regret; the first ones buy every label."""
    d, T = rng.integers(1, 20, n), rng.integers(100, 10_000, n)
    beta = np.where(np.arange(n) < 5, 1.0, rng.choice([0.1, 0.5], n))
    B = np.maximum(1, (beta * T).astype(int))
    return pd.DataFrame(dict(d=d, B=B, T=T, regret=rng.exponential(np.sqrt(d * T) / beta)))


@settings(max_examples=60)
@given(labelled(), st.sampled_from([0.01, 1.0, 5.0, 50.0]))
def test_property_fast_scorer_is_the_cone_program(data, norm_bound):
    X, y, K = data
    fast, cone = fit.best_fixed_scorer(X, y, K, norm_bound), fit.scorer_program(X, y, K, norm_bound)
    assert fast.value == pytest.approx(cone.value, abs=1e-6)
    assert fast.gap <= 1e-6 and np.linalg.norm(fast.solution) <= norm_bound * (1 + 1e-12)
    assert fit.mistakes(fast.solution, X, y) <= len(y) * fast.value / np.log(2) + 1e-9


@given(labelled(), st.integers(0, 99))
def test_property_gap_bounds_the_distance_from_the_best(data, seed):
    """At any W in the ball, by convexity: loss - gap is below every loss in the ball."""
    X, y, K = data
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(6, X.shape[1], K))
    points *= 2.0 * rng.random((6, 1, 1)) / np.linalg.norm(points, axis=(1, 2), keepdims=True)
    found = fit.examples(X, y, K, 2.0)
    losses = [fit.log_loss(found, W) for W in points]
    lower = [value - fit.ball_gap(W, g, 2.0) for W, (value, g) in zip(points, losses, strict=True)]
    assert max(lower) <= min(value for value, _ in losses) + 1e-12


def test_scorer_on_digits():
    data = recorded.load("digits", center=True)
    X, y = data.X[:300], data.y[:300]
    small, large = (fit.best_fixed_scorer(X, y, data.K, R) for R in (3.0, 30.0))
    assert large.value < small.value < np.log(10) and max(small.gap, large.gap) <= 1e-6
    assert np.linalg.norm(small.solution) == pytest.approx(3.0, rel=1e-5)
    assert fit.mistakes(large.solution, X, y) < 5


def test_scorer_without_certificate_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("BUDGETED_STACKELBERG_INSTANCES", str(tmp_path))
    monkeypatch.setattr(fit, "penalised", lambda data, penalty, start, gtol: start + 0.1)
    with pytest.raises(OracleError, match="best_fixed_scorer"):
        fit.best_fixed_scorer(np.eye(3), [0, 1, 2], 3, 1.0)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([1, 5, 40]))
def test_property_smallest_constants_are_the_linear_programs(seed, n):
    table = runs(np.random.default_rng(seed), n)
    found = fit.smallest_constants(table).set_index("beta")
    C = found["C"].iloc[0]
    full = table[table["B"] == table["T"]]
    assert fit.constants_program(full, weight=1e3).solution[0] == pytest.approx(C, rel=1e-5, abs=1e-6)
    for beta, cell in table.groupby(fit.runs_of(table)["beta"]):
        program = fit.constants_program(cell, C=C)
        assert program.solution[1] == pytest.approx(found.loc[beta, "c_measured"], rel=1e-5, abs=1e-5)


@given(st.integers(0, 10**6))
def test_property_constants_cover_every_run_and_no_smaller_ones_do(seed):
    table = runs(np.random.default_rng(seed))
    found = fit.smallest_constants(table)
    rows = fit.runs_of(table).merge(found, on="beta")
    main = rows["C"] * np.sqrt(rows["d"] * rows["B"] * np.log(1 + rows["B"] / rows["d"]))
    slack = main + rows["c_measured"] * np.sqrt(rows["B"]) - rows["regret"]
    assert (slack >= -1e-9 * rows["regret"]).all()
    tight = slack.groupby(rows["beta"]).min() <= 1e-9 * rows["regret"].max()
    assert (tight | (found.set_index("beta")["c_measured"] == 0.0)).all()
    assert found.loc[found["beta"] == 1.0, "c_measured"].max() <= 1e-9


def test_constants_by_hand():
    """d = 4, T = 1000: C from beta = 1, then c, theorem 3's c_beta and the floor's c."""
    table = pd.DataFrame(dict(d=4, B=[1000, 100], T=1000, regret=[100.0, 800.0]))
    found = fit.smallest_constants(table).set_index("beta")
    C = 100 / np.sqrt(4 * 1000 * np.log(251))
    beside = C * np.sqrt(4 * 100 * np.log(26))
    info = bounds.information_cap(100, 4, 1.0, 1.0)
    alpha = bounds.radius_cap(info, 1.0, 1.0, 1.0, 0.05)
    assert found["C"].tolist() == pytest.approx([C, C])
    assert found.loc[1.0, ["c_measured", "c_beta", "c_floor"]].tolist() == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)
    assert found.loc[0.1, "c_measured"] == pytest.approx((800 - beside) / 10)
    assert found.loc[0.1, "c_beta"] == pytest.approx(float(bounds.c_beta(alpha, 1000, 100, info)))
    kind = table.assign(regret=[1.0, 800.0])
    low = float(bounds.floor(1.0, 1000, 4, 100))
    assert fit.smallest_constants(kind)["c_floor"].iloc[0] == pytest.approx((low - beside / 100) / 10)


def test_constants_read_the_setting_and_theorem_4s_domain():
    table = pd.DataFrame(dict(d=16, B=[1000, 10], T=1000, regret=1.0))
    assert np.isnan(fit.smallest_constants(table)["c_floor"].iloc[0])
    quiet = fit.smallest_constants(table.assign(sigma=0.1))
    assert quiet["c_floor"].iloc[0] > 0.0
    assert quiet["c_beta"].iloc[0] < fit.smallest_constants(table)["c_beta"].iloc[0]


def test_price_moves_the_linear_program_between_its_constants():
    table = runs(np.random.default_rng(3))
    cheap, dear = (fit.constants_program(table, weight=w).solution for w in (1e-2, 1e2))
    assert cheap[0] < dear[0] and cheap[1] > dear[1]


GOOD = pd.DataFrame(dict(d=4, B=[100], T=[100], regret=[5.0]))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: fit.beckmann(routing.tight(0.5), np.nan), r"demand = nan.*finite.*give"),
        (lambda: fit.beckmann(routing.tight(0.5), 1.0, [0.0, -1.0]), r"shift = -1.*>= 0"),
        (lambda: fit.beckmann(routing.tight(0.5), 1.0, [0.0]), r"shift has shape \(1,\).*\(2,\)"),
        (lambda: fit.optimal_flow(routing.tight(0.5), -1.0), r"demand = -1.*>= 0"),
        (lambda: fit.best_fixed_scorer([[np.nan]], [0], 2, 1.0), r"X\[0, 0\] = nan.*finite.*drop or fill"),
        (lambda: fit.best_fixed_scorer([[1.0]], [0, 1], 2, 1.0), r"y \(2,\).*must be"),
        (lambda: fit.best_fixed_scorer([[1.0]], [2], 2, 1.0), r"labels \[2\] with K = 2.*0..K-1.*sim.recorded"),
        (lambda: fit.best_fixed_scorer([[1.0]], [0], 2, -1.0), r"norm_bound = -1.*> 0"),
        (lambda: fit.best_fixed_scorer([[1.0]], [0], 2, np.nan), r"norm_bound = nan.*finite"),
        (lambda: fit.smallest_constants(GOOD.drop(columns="B")), r"missing columns \['B'\].*give runs"),
        (lambda: fit.smallest_constants(GOOD.iloc[:0]), r"0 runs.*give runs"),
        (lambda: fit.smallest_constants(GOOD.assign(T=200)), r"betas \[0.5\].*B = T.*add a run"),
        (lambda: fit.smallest_constants(GOOD.assign(regret=np.nan)), r"regret = nan.*finite.*drop"),
        (lambda: fit.smallest_constants(GOOD.assign(B=0)), r"B = 0.*1 <= B.*drop"),
        (lambda: fit.constants_program(GOOD, weight=0.0), r"weight = 0.*> 0"),
        (lambda: fit.constants_program(GOOD, C=-1.0), r"C = -1.*>= 0 or left out"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
