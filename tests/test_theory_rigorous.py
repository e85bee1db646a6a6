"""Ball arithmetic: enclosures are those of the bounds in doubles, true rows are proved, planted faults are found."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import rows

from sim.rules.learners import theory_radius
from theory import bounds, inequalities
from theory.rigorous import balls, judge, parts
from theory.rigorous.judge import PROVED, REFUTED, UNDECIDED, enclosed, outcomes, verified
from theory.rigorous.parts import READINGS

scales = st.floats(0.01, 100.0)
constants = st.fixed_dictionaries(
    dict(d=st.integers(1, 64), B=st.integers(1, 10**5), T=st.integers(10**5, 10**7), t=st.integers(1, 10**6),
         labels=st.integers(1, 10**6), M=st.integers(1, 9), feedback=st.sampled_from(["pair", "full"]),
         sigma=st.floats(0.0, 4.0), lam=scales, S=scales, L=scales, delta=st.floats(0.001, 0.999))
)  # fmt: skip


@settings(max_examples=15)
@given(st.lists(constants, min_size=1, max_size=5))
def test_property_enclosures_are_the_bounds_in_doubles(drawn):
    """The same rows in the same order, bounds to 1e-12, for every claim."""
    columns = {name: [given[name] for given in drawn] for name in drawn[0]}
    table = rows(len(drawn), **columns, psi=0.5, potential=0.1)
    for reading in READINGS.values():
        found = [enclosed(part) for part in reading.parts(table) if part.judged]
        low, high = (np.concatenate([getattr(f, end) for f in found]) for end in ("low", "high"))
        want = reading.doubles(table)["bound"].to_numpy()
        assert low == pytest.approx(want, rel=1e-12) and high == pytest.approx(want, rel=1e-12)
        assert (low <= high).all() and (high - low <= np.spacing(high)).all()


@given(st.floats(0.0, 1e3), st.floats(0.0, 10.0), scales, scales, st.floats(0.001, 0.999))
def test_property_the_radius_is_the_simulators(psi, sigma, lam, S, delta):
    ball = balls.radius(*balls.exact([psi, sigma, lam, S, delta]))
    assert float(ball) == pytest.approx(theory_radius(psi, sigma, lam, S, delta), rel=1e-13)
    assert balls.radius.__code__ is theory_radius.__code__


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**9))
def test_property_ends_are_the_nearest_doubles(a, b):
    true = Fraction(a, b)
    with balls.precision(64):
        ball = arb(a) / b
    low, high = balls.ends(ball)
    assert Fraction(low) <= true < Fraction(math.nextafter(high, math.inf))
    assert high <= math.nextafter(low, math.inf)
    below, above = balls.around(ball)
    assert Fraction(below) <= true <= Fraction(above) and below >= math.nextafter(low, -math.inf)


def test_what_is_not_finite_encloses_nothing():
    assert balls.ends(arb(-1).sqrt()) == (-math.inf, math.inf)
    found = outcomes(np.array([1.0]), np.array([0]), *(np.array([end]) for end in (-math.inf, math.inf)))
    assert found.tolist() == [UNDECIDED]


def test_a_row_above_is_refuted_unless_its_own_sum_can_round_so_far():
    bound = np.array([1.0])
    near, far = 1.0 + 4 * judge.UNIT, 1.0 + 40 * judge.UNIT
    for measured, terms, want in (
        (1.0, 0, PROVED), (1.0, 9, PROVED), (near, 0, REFUTED), (near, 9, UNDECIDED), (far, 9, REFUTED),
        (far, 99, UNDECIDED), (math.nan, 99, REFUTED), (math.inf, 99, REFUTED),
    ):  # fmt: skip
        assert outcomes(np.array([measured]), np.array([terms]), bound, bound).tolist() == [want]


def part(measured, bound):
    values = pd.Series([measured])
    return parts.Part("x", values, pd.DataFrame({"x": [3.0]}), bound, pd.Series([0]))


def test_precision_is_raised_until_it_decides():
    hair = enclosed(part(3.0, lambda x: x + arb(2) ** -300))
    assert hair.outcome.tolist() == [PROVED] and hair.bits == 512
    assert enclosed(part(3.0, lambda x: x - arb(2) ** -300)).outcome.tolist() == [REFUTED]
    assert enclosed(part(2.0, lambda x: x)).bits == 64
    attained = enclosed(part(3.0, lambda x: np.expm1(np.log1p(x))))  # 3 = 3, which no radius shows
    assert attained.outcome.tolist() == [UNDECIDED] and attained.bits == 512


def runs(**columns):
    """Forty finished runs with regrets below their bound, and what their theorems allow."""
    regret = (7.0 * np.random.default_rng(0).random(40)).tolist()
    return rows(40, regret=regret, T=100, t=100, B=30, psi=0.5, potential=0.6, labels=3, **columns)


@pytest.mark.parametrize("claim", READINGS)
def test_the_worst_row_is_the_edge(claim):
    """Every row is proved; with the bound lowered to 1e-12 below the worst measured value, the worst is refuted."""
    table, reading = runs(), READINGS[claim]
    honest = verified(reading, table)
    assert honest.proved == honest.rows and honest.undecided == honest.refuted == 0
    low, high = honest.worst
    assert 0.0 < low <= high < 1.0 and high - low <= 2 * math.ulp(low) and honest.digits >= 15
    want = reading.doubles(reading.rows(table))
    assert low == pytest.approx((want["measured"] / want["bound"]).max(), rel=1e-12)
    planted = verified(reading, table, arb(low) * (1 - arb(10) ** -12))
    assert planted.refuted >= 1 and planted.slack < 0
    assert verified(reading, table, arb(high) * (1 + arb(10) ** -12)).refuted == 0


@pytest.mark.parametrize(
    ("claim", "broken"),
    [
        ("B2", dict(psi=math.log(4.0) + 1e-12)),
        ("B2", dict(potential=1.0 + 1e-12)),
        ("B2", dict(wide=7)),
        ("B2", dict(psi=math.nan)),
        ("B3b", dict(regret=1e3)),
        ("B7", dict(labels=31)),
        ("B8", dict(labels=30)),
        ("B8", dict(threshold_rise_max=5e-324)),
        ("B8", dict(gain_unbought_max=math.log(31.0) / 30.0 + 1e-9 + 1e-15)),
        ("B9a", dict(regret=1e3)),
    ],
)
def test_one_broken_row_among_many_is_found(claim, broken):
    table = runs()
    for column, value in broken.items():
        table.loc[7, column] = value
    assert verified(READINGS[claim], table).refuted >= 1


def test_a_tie_is_no_break():
    edge = math.log(31.0) / 30.0 + 1e-9
    assert verified(READINGS["B8"], runs(gain_unbought_max=edge * (1.0 - 1e-15))).refuted == 0
    assert verified(READINGS["B7"], runs().assign(labels=30)).refuted == 0


def test_runs_that_left_the_event_and_controls_are_not_judged():
    table = runs(conf_ratio_max=1.5)
    assert [verified(READINGS[claim], table).rows for claim in ("B7", "B8")] == [40, 120]  # conditions alone
    for claim, silent in (("B9a", table), ("B2", runs(control="wrong_update"))):
        with pytest.raises(ValueError, match="hold no run to judge"):
            verified(READINGS[claim], silent)


def test_another_text_of_the_inequality_is_noticed():
    """Were the inequality changed where it is judged, this judge would not go on with its own."""
    reading = READINGS["B7"]

    def with_bound(factor):
        return lambda t: inequalities.theorem23(t).assign(bound=lambda r: factor * r["bound"])

    assert verified(reading._replace(doubles=with_bound(1.0 + 1e-13)), runs()).refuted == 0
    with pytest.raises(RuntimeError, match="is not"):
        verified(reading._replace(doubles=with_bound(1.0 + 3e-12)), runs())
    with pytest.raises(RuntimeError, match="not those of"):
        verified(reading._replace(doubles=lambda t: inequalities.theorem23(t).iloc[1:]), runs())


def test_equality_on_the_hard_instance_is_undecided_and_not_refuted():
    """d = 2, one label an axis: psi = 2 log 2 = D_2, in doubles an ulp above it or not."""
    psi = math.nextafter(float(bounds.information_cap(2, 2, 1.0, 1.0)), math.inf)
    table = rows(d=2, labels=2, psi=psi, potential=0.1)
    found = verified(READINGS["B2"], table)
    assert (found.undecided, found.refuted, found.slack) == (1, 0, -1.0)
    assert 1.0 <= found.worst[0] < found.worst[1]
