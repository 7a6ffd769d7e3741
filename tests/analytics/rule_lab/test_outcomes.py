"""Who went quiet: the lab's SQL says what the forecast says, and what its back-test has stored."""

from datetime import date, timedelta

import numpy as np
import pytest

from analytics.forecast.quiet import QUIET
from analytics.rule_lab.outcomes import everybody, went_quiet
from tests.factories import make_customer, make_engagement, make_forecast_case, make_run
from tests.support.programs import simulated, store

pytestmark = pytest.mark.django_db

DAY = date(2025, 5, 10)


@pytest.mark.parametrize(
    ("active", "quiet"),
    [
        ([-40, -5], True),
        ([-40, 0], True),
        ([-40, -5, 1], False),
        ([-40, -5, 30], False),
        ([-40, -5, 31], True),
        ([-30, -5], True),
        ([-29, -5], None),
        ([-89], True),
        ([-90], None),
        ([-200, -90, 3], None),
        ([5], None),
        ([], None),
    ],
)
def test_it_is_the_forecasts_definition(active: list[int], quiet: bool | None) -> None:
    """Of days from the date on: active for 30 days, in the last 90, and in none of the next 30; None: not asked."""
    customer, other = make_customer(pk="a"), make_customer(pk="b")
    for days in active:
        make_engagement(customer, DAY + timedelta(days=days), support_requests=1)
    # A row without any activity is none, and another customer's is somebody else's.
    make_engagement(customer, DAY + timedelta(days=7))
    make_engagement(other, DAY + timedelta(days=8), issues_tagged=1)
    assert went_quiet(DAY, ["a"]) == ({} if quiet is None else {"a": quiet})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_agrees_with_the_forecast_on_simulated_programs(seed: int) -> None:
    known = simulated(40, 300, seed=seed, first=date(2024, 1, 1).toordinal())
    store(known, make_run())
    asked = found = 0
    for days in range(30, 270, 23):
        day = date(2024, 1, 1) + timedelta(days=days)
        when = np.full(len(known), day.toordinal())
        inside = QUIET.in_population(known, known.everybody, when)
        quiet = QUIET.came_true(known, known.everybody, when)
        expected = {key: bool(quiet[place]) for place, key in enumerate(known.keys) if inside[place]}
        assert went_quiet(day, known.keys) == expected
        asked, found = asked + len(expected), found + sum(expected.values())
    assert 0 < found < asked, "both outcomes occur"


def test_at_a_months_end_it_is_what_the_back_test_found() -> None:
    end = date(2025, 4, 30)
    a, b = make_customer(pk="a"), make_customer(pk="b")
    for customer in (a, b):
        for days in (-40, -5):
            make_engagement(customer, end + timedelta(days=days), issues_tagged=1)
    make_forecast_case(a, date=end, came_true=False)
    make_forecast_case(b, date=end, came_true=True, target="first_pr")
    assert went_quiet(end, ["a", "b"]) == {"a": False}
    assert went_quiet(end - timedelta(days=1), ["a", "b"]) == {"a": True, "b": True}


def test_what_became_of_everybody_at_the_month_ends_among_the_dates() -> None:
    customers = [make_customer(pk=f"c{number}") for number in range(3)]
    march, april = date(2025, 3, 31), date(2025, 4, 30)
    for customer in customers:
        make_forecast_case(customer, date=march, came_true=customer.pk == "c0")
        make_forecast_case(customer, date=april, came_true=True)
        make_forecast_case(customer, date=march, target="first_pr", came_true=True)
    assert everybody([date(2025, 3, 30), march]) == (march, march, 3, 1)
    assert everybody([march, april]) == (march, april, 6, 4)
    assert everybody([DAY]) is None
