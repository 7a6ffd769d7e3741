"""The day of onboarding where it is known, on the pages; and a database of before, brought along by the migrations."""

from datetime import date
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client

from analytics.models import CohortDay, PortfolioDay, Snapshot
from analytics.portfolio.metrics_export import combined_rows
from analytics.scoring.snapshots import score_day
from customers.models import Customer, Step
from tests.factories import (
    make_customer,
    make_engagement,
    make_event,
    make_onboarding,
    make_sighting,
)
from tests.support.pages import main_part, section, words

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
DONE = dict.fromkeys(Step.values, True)


@pytest.fixture
def three() -> list[Customer]:
    """Onboarded after 20 days as stated; all flags true at the first import; the last step seen to turn true."""
    stated, first_import, seen = (
        make_customer(id=key, cohort="VIP", signup_date=date(2025, 4, 1)) for key in ("stated", "first", "seen")
    )
    make_onboarding(stated, completed_date=date(2025, 4, 21), **DONE)
    make_onboarding(first_import, **DONE)
    for step in Step.values:
        make_sighting(first_import, step, None, at_first_import=True)
    make_onboarding(seen, **DONE)
    make_event(seen, date(2025, 4, 2), "welcome_email_sent")
    make_event(seen, date(2025, 4, 2), "account_created")
    make_sighting(seen, "github_action_installed", date(2025, 4, 11))
    make_engagement(seen, date(2025, 4, 5), issues_tagged=1)
    make_engagement(seen, date(2025, 4, 6), prs_generated=1)
    return [stated, first_import, seen]


def known() -> dict[str, tuple[bool, date | None, int | None]]:
    rows = Snapshot.objects.values_list("customer", "onboarded", "completed_on", "days_to_complete")
    return {key: tuple(rest) for key, *rest in rows}


EXPECTED = {
    "stated": (True, date(2025, 4, 21), 20),
    "first": (True, None, None),
    "seen": (True, date(2025, 4, 11), 10),
}


@pytest.mark.usefixtures("three")
def test_the_mean_is_over_those_whose_day_is_known(viewer: Client) -> None:
    portfolio = score_day(D)
    assert known() == EXPECTED
    assert (portfolio.onboarded, portfolio.days_known, portfolio.days_to_value) == (3, 2, 30)
    assert "Average time to value 15.0d of 2 of 3 onboarded" in words(main_part(viewer.get("/admin/")))
    assert "15.0d 15.0d of 2 of 3 onboarded" in words(main_part(viewer.get("/admin/cohorts/")))
    rows = {row[0]: row for row in combined_rows(D)}
    assert [rows[key][4] for key in EXPECTED] == ["yes"] * 3
    assert [rows[key][6] for key in EXPECTED] == ["20", "", "10"]


@pytest.mark.usefixtures("three")
def test_a_customers_page_names_no_day_that_is_not_known(viewer: Client) -> None:
    score_day(D)
    assert "Onboarded on 21 Apr 2025, 20 days after signup." in section(
        viewer.get("/admin/customer/stated/"), "onboarding"
    )
    text = section(viewer.get("/admin/customer/first/"), "onboarding")
    assert "Onboarded; the day is not known, because a step was done before the first import." in text
    assert "after signup" not in text


@pytest.mark.parametrize("step", Step.values)
def test_one_step_that_nothing_dates_is_enough(step: str) -> None:
    customer = make_customer(signup_date=date(2025, 4, 1))
    make_onboarding(customer, **DONE)
    for one in set(Step.values) - {step}:
        make_event(customer, date(2025, 4, 9), one)
    score_day(D)
    assert list(known().values()) == [(True, None, None)]
    make_event(customer, date(2025, 4, 8), step)
    score_day(D)
    assert list(known().values()) == [(True, date(2025, 4, 9), 8)]


# --- A database of before -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("three")
def test_scored_dates_of_before_are_brought_along() -> None:
    asking = make_customer(id="asking", signup_date=date(2025, 4, 1))
    make_engagement(asking, date(2025, 4, 28), issues_tagged=2, support_requests=1)
    make_engagement(asking, date(2025, 5, 5), issues_tagged=2, support_requests=9)
    new = make_customer(id="new", signup_date=date(2025, 5, 3))
    make_engagement(new, date(2025, 5, 4), issues_tagged=3)
    make_engagement(new, D, support_requests=9)
    for day in (date(2025, 4, 15), D):
        score_day(day)
    right = sorted(Snapshot.objects.values_list())
    right_days = list(PortfolioDay.objects.values_list())
    right_cohorts = sorted(CohortDay.objects.defer("weeks").values_list("pk", "days_known", "days_to_value"))
    assert dict(Snapshot.objects.filter(date=D).values_list("customer", "trend")) == {
        **dict.fromkeys(EXPECTED, "stable"),
        "asking": "stable",  # 2 after 2
        "new": "declining",
    }
    # As the version before left it: the signup date for a day that is not known, and the requests in the activity.
    unknown = Snapshot.objects.filter(onboarded=True, completed_on=None)
    assert list(unknown.order_by("date", "customer").values_list("customer", "date")) == [
        ("first", date(2025, 4, 15)),
        ("stated", date(2025, 4, 15)),  # the date that is stated was to come, and no step has one
        ("first", D),
    ]
    unknown.update(completed_on=date(2025, 4, 1), days_to_complete=0)
    Snapshot.objects.filter(customer="asking", date=D).update(trend="improving", trend_now=11, trend_before=3)
    Snapshot.objects.filter(customer="new", date=D).update(trend="improving", trend_now=12)
    PortfolioDay.objects.update(days_known=0)
    CohortDay.objects.update(days_known=0, middle_days=0)
    migration = import_module("analytics.migrations.0011_known_days_of_scored_dates")
    migration.bring_along(apps, SimpleNamespace(connection=connection))
    assert sorted(Snapshot.objects.values_list()) == right
    assert list(PortfolioDay.objects.values_list()) == right_days
    assert sorted(CohortDay.objects.values_list("pk", "days_known", "days_to_value")) == right_cohorts
    assert CohortDay.objects.get(date=D, by="all").middle_days == 30  # twice the median of 10 and 20
    migration.score_again(apps, None)
    assert PortfolioDay.objects.filter(stale=True).count() == 2
