"""llm.tuned.schedule: values at the ends and in the middle, order, refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm.errors import LlmError
from llm.spec import SCHEDULES
from llm.tuned import schedule

shares = st.floats(0.0, 1.0, allow_nan=False)


@pytest.mark.parametrize(
    ("name", "z", "value"),
    [
        ("linear", 0.0, 1.0),
        ("linear", 0.25, 0.75),
        ("linear", 1.0, 0.0),
        ("rex", 0.0, 1.0),
        ("rex", 0.5, 2.0 / 3.0),
        ("rex", 0.9, 0.1 / 0.55),
        ("rex", 1.0, 0.0),
        ("constant", 0.0, 1.0),
        ("constant", 1.0, 1.0),
    ],
)
def test_values(name, z, value):
    assert schedule.factor(name, z) == pytest.approx(value, abs=1e-15)


@given(shares, shares)
def test_property_falling_in_the_unit_interval_and_rex_above_linear(a, b):
    low, high = sorted((a, b))
    for name in SCHEDULES:
        assert 1.0 >= schedule.factor(name, low) >= schedule.factor(name, high) >= 0.0
    assert schedule.factor("rex", a) >= schedule.factor("linear", a)


@given(shares)
def test_property_rex_falls_faster_than_linear_at_the_end(z):
    """Derivatives: linear -1 everywhere, rex -2/(2-z)^2 * ... = -1/(2(1-z/2)^2), -1/2 at 0 and -2 at 1."""
    slope = -0.5 / (1.0 - z / 2.0) ** 2
    step = 1e-6 if z < 0.5 else -1e-6
    measured = (schedule.factor("rex", z + step) - schedule.factor("rex", z)) / step
    assert measured == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize("z", [-0.01, 1.01, float("nan")])
def test_a_share_outside_the_budget_is_refused(z):
    with pytest.raises(LlmError, match="0 <= z <= 1"):
        schedule.factor("linear", z)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(LlmError, match="valid: linear, rex, constant"):
        schedule.factor("cosine", 0.5)
