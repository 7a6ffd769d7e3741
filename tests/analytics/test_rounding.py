"""Figures are rounded half up, whatever is divided."""

from fractions import Fraction
from math import floor

from hypothesis import given
from hypothesis import strategies as st

from analytics.rounding import half_up, mean_tenths, onboarding_percent, percent, success_rate

WHOLE = st.integers(1, 10**12)


@given(st.integers(-(10**12), 10**12), WHOLE)
def test_half_up_is_the_nearest_whole_number_and_the_higher_of_two(part: int, whole: int) -> None:
    assert half_up(part, whole) == floor(Fraction(part, whole) + Fraction(1, 2))


@given(st.integers(0, 10**12), WHOLE)
def test_every_figure_is_rounded_so(part: int, whole: int) -> None:
    assert percent(part, whole) == half_up(100 * part, whole)
    assert mean_tenths(part, whole) == half_up(10 * part, whole)
    assert success_rate(part, whole) == min(half_up(100 * part, whole), 100)


def test_of_nothing_there_is_no_figure() -> None:
    assert (percent(0, 0), mean_tenths(0, 0), success_rate(3, 0)) == (None, None, None)


def test_a_step_is_a_fifth_of_the_onboarding() -> None:
    assert [onboarding_percent(done) for done in range(6)] == [0, 20, 40, 60, 80, 100]
