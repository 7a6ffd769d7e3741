"""A program as the feeds' tables have it: active days, counters and dated steps, on both databases."""

from datetime import date, timedelta

import pytest

from analytics.forecast.load import load_program
from analytics.forecast.program import NEVER
from customers.models import Customer, Step
from tests.factories import make_customer, make_engagement, make_event, make_onboarding, make_sighting

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


def day(offset: int) -> int:
    return (D + timedelta(days=offset)).toordinal()


def on(offset: int) -> date:
    return D + timedelta(days=offset)


@pytest.fixture
def customers() -> list[Customer]:
    first = make_customer(id="a", signup_date=on(-50))
    make_engagement(first, on(-3), issues_tagged=2, prs_generated=1)
    make_engagement(first, on(-3), issues_tagged=1, support_requests=4)
    make_engagement(first, on(-40), support_requests=1)
    make_engagement(first, on(-10), prs_rejected=1)
    make_engagement(first, on(-5))  # all counters 0: no active day
    make_engagement(first, on(1), issues_tagged=9)
    steps = {step.value: True for step in Step}
    make_onboarding(first, **steps | {Step.WELCOME_EMAIL.value: False})
    make_event(first, on(-20), Step.ACCOUNT)
    make_sighting(first, Step.ACTION, on(-15))
    second = make_customer(id="b", signup_date=on(-9))
    make_onboarding(second, **steps)
    make_event(second, on(4), Step.FIRST_ISSUE)
    make_sighting(second, Step.FIRST_PR, None, at_first_import=True)
    return [first, second, make_customer(id="c", signup_date=on(1)), make_customer(id="d", signup_date=D)]


@pytest.mark.usefixtures("customers")
def test_what_is_known_on_a_date() -> None:
    program = load_program(D)
    assert program.keys == ["a", "b", "d"]
    assert program.signups.tolist() == [day(-50), day(-9), day(0)]
    assert program.days.tolist() == [day(-40), day(-10), day(-3)]
    assert program.starts.tolist() == [0, 3, 3, 3]
    # Both rows of a day count; a rejected PR makes a day active.
    assert program.issues.tolist() == [0, 0, 3]
    assert program.requests.tolist() == [1, 1, 5]


@pytest.mark.usefixtures("customers")
def test_a_step_counts_from_its_day_and_only_where_it_has_one() -> None:
    program = load_program(D)
    # No flag; an event; a run that saw it; the first row of engagement that has one, twice.
    assert program.steps[0].tolist() == [NEVER, day(-20), day(-15), day(-3), day(-3)]
    # True at the first import, without a day; the event of the issue is still to come.
    assert program.steps[1].tolist() == [NEVER] * 5
    assert program.pr_before.tolist() == [False, True, False]
    assert program.steps[2].tolist() == [NEVER] * 5


@pytest.mark.usefixtures("customers")
def test_an_earlier_date_knows_less() -> None:
    program = load_program(on(-10))
    assert program.keys == ["a"]
    assert program.days.tolist() == [day(-40), day(-10)]
    assert program.steps[0].tolist() == [NEVER, day(-20), day(-15), NEVER, NEVER]


def test_nobody() -> None:
    program = load_program(D)
    assert len(program) == len(program.days) == 0
    assert program.steps.shape == (0, 5)


def test_one_query_however_many(django_assert_num_queries: object) -> None:
    for _number in range(5):
        make_engagement(make_customer(signup_date=on(-3)), D, issues_tagged=1)
    with django_assert_num_queries(1):  # type: ignore[operator]
        load_program(D)
