"""The alert on who is likely to go quiet: off at first, and with a memory like the others."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from analytics.alerts.evaluate import evaluate
from analytics.models import Alert, AlertRule, Forecast, ForecastDay, ForecastModel
from customers.models import Customer
from tests.factories import make_customer, make_day, make_engagement, make_run, make_snapshot

pytestmark = pytest.mark.django_db

DAY = date(2025, 5, 10)
NOT_FORECAST = -1


@pytest.fixture
def quiet_rule() -> AlertRule:
    """The rule alone, turned on; it recovers after three dates."""
    AlertRule.objects.exclude(kind="likely_quiet").update(active=False)
    AlertRule.objects.filter(kind="likely_quiet").update(active=True)
    return AlertRule.objects.get(kind="likely_quiet")


def model() -> ForecastModel:
    made = {"target": "quiet", "method": "counts", "definitions": 1, "numbers": {}, "fitted_at": timezone.now()}
    counts = {"rows": 100, "came_true": 50, "customers": 60, "rarer": 50}
    return ForecastModel.objects.create(trained_through=DAY, first_day=DAY, **made, **counts)


def nights(
    today_is: Callable[[date], None], customer: Customer, chances: Sequence[int | None], first: date = DAY
) -> list[tuple[int, int, int]]:
    """Evaluate a date for each chance in thousandths; None is nothing about the customer."""
    learnt, found = model(), []
    for place, quiet in enumerate(chances):
        day = first + timedelta(days=place)
        today_is(day)
        for feed in ("customers", "onboarding", "engagement"):
            make_run(feed=feed, file=f"{feed}.csv", started_at=datetime(day.year, day.month, day.day, 2, tzinfo=UTC))
        make_day(date=day)
        make_engagement(customer, day, issues_tagged=1)
        make_snapshot(customer, date=day, first_pr_generated=True)
        if quiet != NOT_FORECAST:
            sums = {"made_at": timezone.now(), "backfilled": False, "customers": 60, "rarer": 50}
            ForecastDay.objects.create(date=day, target="quiet", model=learnt, **sums)
        if quiet is not None and quiet != NOT_FORECAST:
            Forecast.objects.create(date=day, customer=customer, quiet=quiet)
        result = evaluate()
        found.append((result.raised, result.worse, result.closed))
    return found


def test_it_is_off_until_somebody_turns_it_on(today_is: Callable[[date], None]) -> None:
    assert not AlertRule.objects.get(kind="likely_quiet").active
    nights(today_is, make_customer(signup_date=date(2025, 1, 1)), [900])
    assert not Alert.objects.filter(rule__kind="likely_quiet").exists()


@pytest.mark.usefixtures("quiet_rule")
def test_one_alert_until_three_forecast_dates_in_a_row_say_otherwise(today_is: Callable[[date], None]) -> None:
    customer = make_customer(signup_date=date(2025, 1, 1))
    found = nights(today_is, customer, [600, 400, 600, 810, 400, 300, 200])
    assert found == [(1, 0, 0), (0, 0, 0), (0, 0, 0), (0, 1, 0), (0, 0, 0), (0, 0, 0), (0, 0, 1)]
    [alert] = Alert.objects.all()
    assert (alert.text, alert.value, alert.ending, alert.ending_text) == (
        "Likely to go quiet: 81%",
        81,
        "recovered",
        "Unclear: 20%",
    )


@pytest.mark.usefixtures("quiet_rule")
def test_a_date_without_forecasts_is_no_recovery_and_one_without_the_customer_is(
    today_is: Callable[[date], None],
) -> None:
    customer = make_customer(signup_date=date(2025, 1, 1))
    found = nights(today_is, customer, [600, None, None, NOT_FORECAST, None, None, None])
    assert [closed for _raised, _worse, closed in found] == [0, 0, 0, 0, 0, 0, 1]
    assert Alert.objects.get().ending_text == "No longer forecast, as there was no activity for 90 days"


@pytest.mark.usefixtures("quiet_rule")
def test_whose_contract_is_over_has_none(today_is: Callable[[date], None]) -> None:
    over = make_customer(signup_date=date(2025, 1, 1), status="churned")
    assert nights(today_is, over, [900]) == [(0, 0, 0)]
