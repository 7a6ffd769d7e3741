"""Forecast accuracy: what the page says of a back-test and of the record, what it leads to, and as of when."""

import os
import subprocess
import sys
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import ForecastAccuracy, ForecastDay, ForecastModel
from tests.factories import make_customer, make_day
from tests.support.pages import forget, links, main_part, section, words
from tests.support.scoring import D

pytestmark = pytest.mark.django_db


def figure(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


FIGURES: dict[str, Any] = {
    "auc": figure(0.862, 0.829, 0.894),
    "brier": figure(0.1449, 0.126, 0.164),
    "skill": figure(0.458, 0.38, 0.539),
    "skill_recency": figure(0.031, -0.027, 0.091),
    "tops": [{"size": 10, "called": 100, "hits": 83, "came_true": 268}],
    "reliability": [(0.1, 0.0), (0.2, 0.5), (0.8, 1.0)],
    "silences_called": 40,
    "median_lead": 12.0,
    "acted": {"cases": 30, "came_true": 9, "expected": 12.5},
    "not_acted": {"cases": 692, "came_true": 259, "expected": 250.2},
}


def back_tested(through: date = D, **overrides: Any) -> None:
    """Store what a back-test found; the other forecast had nothing to learn from."""
    known = {
        "made_at": timezone.now(),
        "through": through,
        "first": date(2024, 12, 31),
        "last": date(2025, 3, 31),
        "months": 4,
        "cases": 722,
        "customers": 121,
        "came_true": 268,
        "figures": FIGURES,
        "misses": [],
    }
    ForecastAccuracy.objects.create(target="quiet", **{**known, **overrides})
    nothing = {"months": 0, "cases": 0, "customers": 0, "came_true": 0, "figures": {}, "first": None, "last": None}
    ForecastAccuracy.objects.create(target="first_pr", **{**known, **nothing, "misses": []})


def forecast(day: date, target: str = "quiet", **overrides: Any) -> ForecastDay:
    """Store the sums of a date's forecasts."""
    made = {"made_at": timezone.now(), "backfilled": False, "customers": 60, "rarer": 55}
    return ForecastDay.objects.create(date=day, target=target, **{**made, **overrides})


def compared(day: date, *, backfilled: bool, **bands: int) -> None:
    forecast(day, backfilled=backfilled, compared_at=timezone.now(), **bands)


def page(viewer: Client, query: str = "") -> HttpResponse:
    forget()
    return viewer.get(f"/admin/forecast/{query}")


# --- The back-test ----------------------------------------------------------------------------------------------


def test_figures_come_with_their_intervals_and_a_verdict_only_where_zero_is_outside(viewer: Client) -> None:
    make_day(date=D)
    back_tested()
    said = section(page(viewer), "quiet")
    assert "722 forecasts of 121 customers at 4 month ends, 31 Dec 2024 to 31 Mar 2025: 268 went quiet." in said
    assert "Order (AUC) 0.86 0.83 to 0.89" in said
    assert "Error (Brier score) 0.14 0.13 to 0.16" in said
    assert "Less error than the base rate 46% 38% to 54% better" in said
    assert "Less error than days since last activity 3% −3% to 9% no difference shown" in said


def test_a_forecast_that_is_worse_is_called_so(viewer: Client) -> None:
    make_day(date=D)
    back_tested(figures={**FIGURES, "skill_recency": figure(-0.2, -0.3, -0.1)})
    assert "Less error than days since last activity −20% −30% to −10% worse" in section(page(viewer), "quiet")


def test_a_difference_that_rounds_to_nothing_has_no_sign(viewer: Client) -> None:
    make_day(date=D)
    back_tested(figures={**FIGURES, "skill_recency": figure(-0.004, -0.06, 0.004)})
    assert "Less error than days since last activity 0% −6% to 0% no difference" in section(page(viewer), "quiet")


def test_a_figure_that_is_unknown_is_left_out(viewer: Client) -> None:
    """Where it was the same for all there is no order."""
    make_day(date=D)
    back_tested(figures={name: value for name, value in FIGURES.items() if name != "auc"})
    said = section(page(viewer), "quiet")
    assert "AUC" not in said
    assert "Error (Brier score)" in said


def test_the_most_likely_the_lead_and_who_was_acted_on(viewer: Client) -> None:
    make_day(date=D)
    back_tested()
    said = section(page(viewer), "quiet")
    # 83 of 100, and 83 of 268: 30.97 %.
    assert "The 10 most likely 100 83 (83%) 83 of 268 (31%)" in said
    assert "40 silences flagged. The median was flagged 12 days before the 30th quiet day." in said
    assert "Somebody acted 30 13 9" in said
    assert "Nobody acted 692 250 259" in said


def test_calls_that_came_late_and_none_at_all(viewer: Client) -> None:
    make_day(date=D)
    back_tested(figures={**FIGURES, "median_lead": -5.0})
    assert "The median was flagged 5 days after the 30th quiet day." in section(page(viewer), "quiet")
    ForecastAccuracy.objects.all().delete()
    back_tested(figures={**FIGURES, "silences_called": 0, "median_lead": None})
    assert "silences flagged" not in section(page(viewer), "quiet")


def test_the_reliability_is_drawn_with_the_better_share_on_top(viewer: Client) -> None:
    make_day(date=D)
    back_tested()
    assert 'points="10,100 20,50 80,0"' in main_part(page(viewer))


def test_the_worst_misses_lead_to_their_customers_as_of_then(viewer: Client) -> None:
    make_day(date=D)
    make_customer(id="a?b", organization="<b>Acme</b>")
    missed = {"date": "2025-03-31", "percent": 97, "came_true": False}
    back_tested(misses=[{"customer": "a?b", **missed}, {"customer": "gone", **missed, "came_true": True}])
    shown = page(viewer)
    assert links(shown, "<b>Acme</b>") == ["/admin/customer/a%3Fb/?as_of=2025-03-31"]
    assert "31 Mar 2025 97% Stayed active" in section(shown, "quiet")
    assert "gone" not in section(shown, "quiet")


# --- The record -------------------------------------------------------------------------------------------------


def test_what_was_said_on_the_day_stands_apart_from_what_was_said_afterwards(viewer: Client) -> None:
    make_day(date=D)
    first = D - timedelta(days=30)
    compared(
        first, backfilled=False, likely=4, likely_true=3, unlikely=6, unlikely_true=0, compared=10, squared_error=1.5
    )
    compared(
        first - timedelta(days=1), backfilled=False, likely=2, likely_true=2, unclear=1, compared=3, squared_error=0.45
    )
    compared(first - timedelta(days=2), backfilled=True, likely=5, likely_true=1, compared=5, squared_error=2.0)
    shown = page(viewer)
    said = section(shown, "quiet")
    # (1.5 + 0.45) / 13 and 2 / 5.
    assert "Made on the day 2 5 of 6 (83%) 0 of 1 (0%) 0 of 6 (0%) 0.15" in said
    assert "Made afterwards 1 1 of 5 (20%) 0 of 0 (–) 0 of 0 (–) 0.40" in said
    assert links(shown, "3 of 4") == [f"/admin/?forecast_quiet=likely&as_of={first}#customers"]


def test_as_of_an_earlier_date_later_outcomes_and_tests_are_not_known(viewer: Client) -> None:
    for day in (D, D - timedelta(days=1)):
        make_day(date=day)
    back_tested(through=D)
    compared(D - timedelta(days=30), backfilled=False, likely=4, likely_true=3, compared=4)
    assert "Made on the day" in section(page(viewer), "quiet")
    before = section(page(viewer, f"?as_of={D - timedelta(days=1)}"), "quiet")
    assert "Not tested yet." in before
    assert "No stored forecast is 30 days old yet." in before


def test_a_total_leads_to_its_dates_and_a_date_to_its_customers(viewer: Client) -> None:
    make_day(date=D)
    first = D - timedelta(days=30)
    for age in range(60):
        likely = (
            {"likely": 4, "likely_true": 3, "compared": 4} if age else {"unclear": 7, "unclear_true": 1, "compared": 7}
        )
        compared(first - timedelta(days=age), backfilled=False, **likely)
    compared(first - timedelta(days=70), backfilled=True, likely=5, likely_true=1, compared=5)
    # Not over yet.
    compared(first + timedelta(days=1), backfilled=False, likely=9, likely_true=9, compared=9)
    [in_time] = links(page(viewer), "60")
    dates = viewer.get(in_time)
    assert "9 of 9" not in words(main_part(dates))
    assert len(links(dates, "3 of 4")) == 49, "fifty a page, and the newest says something else"
    assert links(dates, "1 of 7") == [f"/admin/?forecast_quiet=unclear&as_of={first}#customers"]
    second = viewer.get(f"{in_time}&page=2")
    assert len(links(second, "3 of 4")) == 10
    [afterwards] = links(page(viewer), "1")
    dates = viewer.get(afterwards)
    assert links(dates, "1 of 5") == [f"/admin/?forecast_quiet=likely&as_of={first - timedelta(days=70)}#customers"]
    assert links(dates, "3 of 4") == []


def test_the_dates_of_a_total_as_of_an_earlier_date(viewer: Client) -> None:
    for day in (D, D - timedelta(days=1)):
        make_day(date=day)
    compared(D - timedelta(days=30), backfilled=False, likely=4, likely_true=3, compared=4)
    address = "/admin/forecast/record/?forecast=quiet&made=in-time"
    assert "3 of 4" in words(main_part(viewer.get(address)))
    assert "No date has been compared" in words(main_part(viewer.get(f"{address}&as_of={D - timedelta(days=1)}")))


# --- Where little is known --------------------------------------------------------------------------------------


def test_too_little_to_learn_from_says_what_is_lacking(viewer: Client) -> None:
    make_day(date=D)
    forecast(D, customers=25, rarer=7, enough_about=date(2027, 3, 5))
    forecast(D, target="first_pr", customers=12, rarer=0)
    shown = page(viewer)
    assert "Too little to learn from: 7 of 10 outcomes; at this pace about Mar 2027." in section(shown, "quiet")
    assert "Too little to learn from: 12 of 20 customers and 0 of 10 outcomes." in section(shown, "first_pr")


def test_what_was_learnt_from(viewer: Client) -> None:
    make_day(date=D)
    model = ForecastModel.objects.create(
        target="quiet",
        method="logistic",
        trained_through=D,
        definitions=1,
        fitted_at=timezone.now(),
        first_day=date(2024, 1, 1),
        rows=2_500,
        came_true=1_414,
        customers=153,
        rarer=60,
        numbers={},
    )
    forecast(D, model=model)
    said = section(page(viewer), "quiet")
    assert "153 customers, 2,500 examples from 1 Jan 2024 on" in said
    assert f"up to {D:%-d %b %Y}: 1,414 went quiet. Method: logistic regression." in said


def test_nothing_is_stored_tested_or_scored(viewer: Client) -> None:
    assert "No customers yet" in words(main_part(page(viewer)))
    make_day(date=D)
    back_tested()
    said = section(page(viewer), "first_pr")
    assert "No forecast of this date is stored." in said
    assert "At no month’s end was there enough to learn from" in said
    assert "No stored forecast is 30 days old yet." in said


def test_it_takes_as_many_queries_whatever_there_is(viewer: Client) -> None:
    make_day(date=D)
    missed = {"date": "2025-03-31", "percent": 97, "came_true": False}
    back_tested(misses=[{"customer": make_customer(id="c").pk, **missed}])
    page(viewer)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            page(viewer)
        return len(asked)

    few = queries()
    ForecastAccuracy.objects.all().delete()
    misses = []
    for number in range(10):
        customer = make_customer(id=f"c{number}")
        misses.append({"customer": customer.pk, **missed})
        compared(D - timedelta(days=30 + number), backfilled=False, likely=4, likely_true=3, compared=4)
    back_tested(misses=misses)
    assert queries() == few


def test_no_web_process_imports_what_the_forecast_is_calculated_with() -> None:
    """Every address of ours, in a process of its own; numpy itself is there, because openpyxl imports it."""
    script = (
        "import sys, django; django.setup();"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        "import rsolv_cs.wsgi;"
        "print(*(name for name in sys.modules if name.startswith(('scipy', 'sklearn', 'analytics.forecast.'))))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "rsolv_cs.settings"}
    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert {*ran.stdout.split()} <= {f"analytics.forecast.{name}" for name in ("bands", "model", "reasons")}
