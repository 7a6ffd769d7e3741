"""The forecasts on a customer's page: in words, with reasons that add up, what is lacking, and their path."""

import re
from datetime import UTC, date, datetime, timedelta
from math import log

import pytest
from django.test import Client

from analytics.models import ForecastDay, ForecastModel
from customers.models import Customer
from tests.factories import make_customer, make_day, make_forecast, make_snapshot, make_staff
from tests.support.pages import links, main_part, section, words

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
PAGE = "/admin/customer/c1/"
ROWS = "/admin/customers/engagement/?customer__id__exact=c1&date__lte=2025-05-10"
MOMENT = datetime(2025, 5, 11, tzinfo=UTC)
QUIET_FEATURES = ("rate_7", "rate_21", "rate_60", "rate_180", "days_since_active", "own_quiet")
FEATURES = [0.0, 0.125, 0.0, 0.25, round(log(16), 4), round(-log(3), 4)]
"""Quiet for 15 days, active on every fourth day, a quarter of whose spells are empty."""
LOGISTIC = {
    "features": QUIET_FEATURES,
    "means": [0] * 6,
    "scales": [1] * 6,
    "coefficients": [0, 0, 0, -1, 0.5, 0.1],
    "intercept": 0,
    "lows": [0, 0, 0, 0, 0, -2],
    "highs": [1, 1, 1, 1, 2.5, 2],
    "groups": [
        {"until": 0.6, "rows": 900, "customers": 90, "came_true": 100},
        {"until": 1, "rows": 1200, "customers": 80, "came_true": 710},
    ],
}
"""Half of the average customers; half a point for a log of days, less one for each share of active days."""
COUNTS = {
    "features": ["days_since_active"],
    "groups": [
        {"until": 13, "rows": 40, "customers": 20, "came_true": 4},
        {"until": 29, "rows": 60, "customers": 20, "came_true": 30},
    ],
}


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(make_staff("Viewer"))
    return client


@pytest.fixture
def customer() -> Customer:
    """Scored on D, and the day before."""
    found = make_customer(id="c1", organization="Acme Inc.", signup_date=date(2025, 1, 1))
    for day in (D - timedelta(days=1), D):
        make_day(date=day, total=1)
        make_snapshot(found, date=day, last_active=date(2025, 4, 25))
    return found


def learnt(target: str, numbers: object = None, day: date = D, **overrides: object) -> ForecastDay:
    """The forecasts of a date, by a model of these numbers, or by none."""
    model = numbers and ForecastModel.objects.create(
        target=target,
        method="logistic",
        trained_through=day,
        definitions=1,
        fitted_at=MOMENT,
        first_day=date(2025, 1, 1),
        rows=2100,
        came_true=810,
        customers=170,
        rarer=60,
        numbers=numbers,
    )
    values: dict[str, object] = {"customers": 170, "rarer": 60, "backfilled": False, "made_at": MOMENT, **overrides}
    return ForecastDay.objects.create(date=day, target=target, model=model or None, **values)


def panel(client: Client, query: str = "") -> str:
    return section(client.get(f"{PAGE}{query}"), "forecast")


# --- A forecast -------------------------------------------------------------------------------------------------


def test_it_says_how_probable_it_is_like_whom_and_why(viewer: Client, customer: Customer) -> None:
    # 0.5 x 2.7726 = 1.3863, less 1 x 0.25, less 0.1 x 1.0986: together 1.0264, which is 73.6 %.
    learnt("quiet", LOGISTIC)
    make_forecast(customer, quiet=736, quiet_features=FEATURES)
    said = panel(viewer)
    assert said.startswith(
        "Forecast, next 30 days Forecast accuracy Going quiet Likely to go quiet 74% "
        "Of 1,200 like this one, 710 went quiet. "
        "Reasons for and against going quiet Average of those learnt from: 50% Points "
        "For going quiet Quiet for 15 days, usually active about every 4 days beyond what was learnt from +139 "
        "Against going quiet Active on about 12% of the days lately, and on 25% over half a year −25 "
        "By its own past, about 25% of spells of 30 days are without activity −11 "
        "Together, this customer: 74% +103"
    )


def test_each_reason_leads_to_its_rows(viewer: Client, customer: Customer) -> None:
    learnt("quiet", LOGISTIC)
    make_forecast(customer, quiet=736, quiet_features=FEATURES)
    page = viewer.get(PAGE)
    assert links(page, "Quiet for 15 days, usually active about every 4 days") == [f"{ROWS}&date__gte=2025-04-25"]
    assert links(page, "Active on about 12% of the days lately, and on 25% over half a year") == [
        f"{ROWS}&date__gte=2024-11-11"
    ]
    [rows] = links(page, "By its own past, about 25% of spells of 30 days are without activity")
    assert rows == ROWS
    assert viewer.get(rows).status_code == 200


def test_reasons_beyond_three_are_summed_up(viewer: Client, customer: Customer) -> None:
    names = ["steps_done", "since_welcome_email_sent", "since_account_created", "since_github_action_installed"]
    names += ["since_first_issue_tagged", "active_days", "issues_tagged", "support_requests", "age"]
    numbers = {
        **{name: [0] * 9 for name in ("means", "lows")},
        "features": names,
        "scales": [1] * 9,
        "highs": [9] * 9,
        "intercept": -3,
        "coefficients": [0.5, 0, 0, 0, 0, 0.4, 0.3, 0.2, 0.1],
        "groups": [{"until": 1, "rows": 120, "customers": 80, "came_true": 30}],
    }
    # Each of the last four is log(2) = 0.6931: 1.0, 0.2773, 0.2079, 0.1386 and 0.0693 are 1.6931 in all.
    learnt("first_pr", numbers)
    make_forecast(customer, first_pr=213, first_pr_features=[2, 0, 0, 0, 0, *[0.6931] * 4])
    assert (
        "First PR Unclear 21% Of 120 like this one, 30 got a first PR. "
        "Reasons for and against a first PR Average of those learnt from: 5% Points "
        "For a first PR 2 onboarding steps done +100 1 active day +28 1 issue tagged +21 "
        "Everything else +20 Together, this customer: 21% +169"
    ) in panel(viewer)
    page = viewer.get(PAGE)
    assert links(page, "2 onboarding steps done") == ["/admin/customers/onboarding/?customer__id__exact=c1"]
    assert links(page, "1 issue tagged") == [
        "/admin/customers/engagement/?customer__id__exact=c1&date__lte=2025-05-10&issues_tagged__gt=0"
    ]


def test_counts_say_their_interval(viewer: Client, customer: Customer) -> None:
    # Wilson of one half of 20 customers: 0.5 give or take 1.96 x sqrt(0.0125 + 0.0024) / 1.192 = 0.2007.
    learnt("quiet", COUNTS)
    make_forecast(customer, quiet=500, quiet_features=[15])
    assert (
        "Likely to go quiet 50% Of 60 like this one, 30 went quiet: those as long without activity. "
        "The true share is probably between 30% and 70%."
    ) in panel(viewer)


# --- None -------------------------------------------------------------------------------------------------------


def test_too_little_to_learn_from_says_what_is_lacking_and_about_when(viewer: Client, customer: Customer) -> None:
    learnt("quiet", customers=18, rarer=7, enough_about=date(2027, 3, 4))
    said = panel(viewer)
    assert "Too little to learn from: 18 of 20 customers and 7 of 10 outcomes; at this pace about Mar 2027." in said
    assert "%" not in said


@pytest.mark.parametrize(
    ("last_active", "said"),
    [
        (None, "No forecast: there is no active day yet."),
        (D - timedelta(days=90), "No forecast: quiet already, for 90 days."),
        (D - timedelta(days=89), "No forecast: active for less than 30 days."),
    ],
)
def test_who_is_not_forecast_is_told_why(
    viewer: Client, customer: Customer, last_active: date | None, said: str
) -> None:
    customer.snapshots.update(last_active=last_active)
    learnt("quiet", LOGISTIC)
    assert panel(viewer).startswith(f"Forecast, next 30 days Forecast accuracy Going quiet {said}")


def test_a_first_pr_that_is_done_is_not_forecast(viewer: Client, customer: Customer) -> None:
    customer.snapshots.update(first_pr_generated=True)
    learnt("quiet", LOGISTIC)
    learnt("first_pr", LOGISTIC)
    assert "First PR" not in panel(viewer)


@pytest.mark.parametrize("status", ["churned", "inactive", "paused"])
def test_whoever_has_no_contract_has_no_panel(viewer: Client, customer: Customer, status: str) -> None:
    learnt("quiet", LOGISTIC)
    make_forecast(customer, quiet=736, quiet_features=FEATURES)
    Customer.objects.update(status=status)
    assert "Forecast" not in words(main_part(viewer.get(PAGE)))


def test_a_date_without_forecasts_has_no_panel(viewer: Client, customer: Customer) -> None:
    assert "Forecast" not in words(main_part(viewer.get(PAGE)))


# --- Over time --------------------------------------------------------------------------------------------------


def test_an_earlier_date_says_what_was_forecast_on_it(viewer: Client, customer: Customer) -> None:
    yesterday = D - timedelta(days=1)
    for day, quiet in ((yesterday, 612), (D, 736)):
        learnt("quiet", LOGISTIC, day=day)
        make_forecast(customer, date=day, quiet=quiet, quiet_features=FEATURES)
    assert "Likely to go quiet 61%" in panel(viewer, "?as_of=2025-05-09")
    for query in ("", "?as_of=2025-05-09"):
        assert f"/admin/forecast/{query}" in links(viewer.get(f"{PAGE}{query}"), "Forecast accuracy")
    assert "Last 90 days" not in panel(viewer, "?as_of=2025-05-09")
    said = panel(viewer)
    assert "Last 90 days" in said
    figures = re.findall(r"Date Going quiet, % (.*?)$", said)
    assert figures == ["10 May 2025 74 9 May 2025 61"]
    assert f"{PAGE}?as_of=2025-05-09" in viewer.get(PAGE).text
