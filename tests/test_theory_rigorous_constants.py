"""The middle inequality of theorems 2 and 3 and the floors' constants: certified, and refused where lowered."""

import math

import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from theory import expected
from theory.rigorous import constants

LOG2 = math.log(2.0)


def ratio(x, y):
    """The two sides of the middle inequality without its factor."""
    h = [math.sqrt(math.expm1(g)) for g in (x, y)]
    return (x * h[1] / y + h[0] * (1.0 - x / y)) / math.sqrt(2.0 * x)


def test_the_middle_inequality_is_proved_and_almost_tight():
    found = constants.middle()
    assert found.holds and found.pieces < 1000
    assert 0.9926 < found.value[0] <= found.value[1] < 0.9927
    assert ratio(found.at**2 * LOG2, LOG2) == pytest.approx(found.value[0], rel=1e-14)
    assert constants.middle("0.9927").holds


@pytest.mark.parametrize("factor", ["0.95", "0.9926"])
def test_a_smaller_factor_is_refused_with_a_witness(factor):
    found = constants.middle(factor)
    assert not found.holds
    assert ratio(found.at**2 * LOG2, LOG2) > float(factor)


@given(st.floats(1e-300, LOG2), st.floats(0.0, 1.0))
def test_property_the_ratio_rises_in_y_and_stays_below(y, q):
    """In doubles, corner included: the reduction to y = log 2, where q = sqrt(x/y) is kept."""
    x = q * q * y
    if x > 1e-305:
        assert ratio(x, y) <= ratio(q * q * LOG2, LOG2) * (1 + 1e-12) <= 0.993


def test_the_rest_of_the_proof_in_doubles():
    """h is concave up to log 2 and not beyond; h(x) <= sqrt(2 x) up to 1.25."""
    grid = [1e-6 + i * LOG2 / 999 for i in range(1000)]
    h = [math.sqrt(math.expm1(g)) for g in grid]
    assert all(a + c < 2 * b for a, b, c in zip(h, h[1:], h[2:], strict=False))
    assert all(math.expm1(g) <= 2 * g for g in (*grid, 1.0, 1.25)) and math.expm1(1.26) > 2 * 1.26
    near = [math.sqrt(math.expm1(g)) for g in (0.79, 0.8, 0.81)]
    assert near[0] + near[2] > 2 * near[1]


def test_a_bound_that_no_piece_can_show_is_an_error():
    with pytest.raises(RuntimeError, match="undecided"):
        constants.below(lambda a, b: b + 1, lambda q: q, arb(1), arb(1))


def test_the_sharper_constant_is_the_maximum_and_a_smaller_one_is_refused():
    found, used = constants.sharp_floor(), expected.floor_sharp(1.0, 1, 1, 1)
    assert found.holds and used < float(constants.SHARP)
    assert found.value[0] == pytest.approx(used, rel=1e-9)
    assert expected.wrong_sign_probability(expected.best_separation()) == pytest.approx(found.at, abs=1e-4)
    assert not constants.sharp_floor("0.13142").holds


@pytest.mark.parametrize("u", [0.1, 0.5, 0.558, 1.5])
def test_the_root_is_enclosed(u):
    ball = constants.wrong_sign(u)
    assert float(ball) == pytest.approx(expected.wrong_sign_probability(u), rel=1e-12)
    assert ball.rel_accuracy_bits() > 45


def test_both_constants_in_use_are_the_true_ones():
    four, sharp = constants.floors()
    assert four.holds and sharp.holds
    assert four.value[0] <= math.exp(-0.5) / 8 <= four.value[1]
    assert not four._replace(used=four.used * (1 + 1e-12)).holds
    assert not sharp._replace(used=0.1315).holds


def test_a_wrong_root_is_noticed(monkeypatch):
    monkeypatch.setattr(expected, "wrong_sign_probability", lambda u: 0.3)
    with pytest.raises(RuntimeError, match="not within"):
        constants.wrong_sign(0.5)
