"""The chart of the last 7, 30 or 90 days, and the counters beside it; and the score's own history."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.customer_page.activity import activity, window_of
from analytics.customer_page.history import recent_snapshots, score_chart
from analytics.customer_page.provenance import rows_behind
from analytics.models import ScoringPolicy, Snapshot
from customers.models import Customer
from tests.factories import make_customer, make_engagement, make_snapshot

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


@pytest.fixture
def customer() -> Customer:
    customer = make_customer(signup_date=date(2025, 5, 6))
    make_engagement(customer, date(2025, 4, 1), issues_tagged=9)
    make_engagement(customer, date(2025, 5, 7), issues_tagged=2, prs_generated=1)
    make_engagement(customer, date(2025, 5, 7), issues_tagged=3, prs_merged=1, prs_rejected=4)
    make_engagement(customer, D, support_requests=2)
    make_engagement(customer, date(2025, 5, 11), issues_tagged=100)
    make_engagement(make_customer(), D, issues_tagged=1000)
    return customer


@pytest.fixture
def snapshot(customer: Customer) -> Snapshot:
    return make_snapshot(customer, issues_tagged=14, prs_generated=1, prs_merged=1, prs_rejected=4, support_requests=2)


def test_each_day_before_the_signup_is_empty_and_after_it_zero(customer: Customer, snapshot: Snapshot) -> None:
    chart = activity(customer, snapshot, 7, rows_behind(snapshot)).chart
    assert chart.labels == ["4 May", "5 May", "6 May", "7 May", "8 May", "9 May", "10 May"]
    rows = f"/admin/customers/engagement/?customer__id__exact={customer.pk}&"
    # Only a day with rows leads to them.
    assert chart.addresses == [
        *("", "", ""),
        f"{rows}date__gte=2025-05-07&date__lte=2025-05-07",
        *("", ""),
        f"{rows}date__gte=2025-05-10&date__lte=2025-05-10",
    ]
    assert {series.label: series.values for series in chart.series} == {
        "Issues tagged": [None, None, 0, 5, 0, 0, 0],
        "PRs generated": [None, None, 0, 1, 0, 0, 0],
        "PRs merged": [None, None, 0, 1, 0, 0, 0],
        "PRs rejected": [None, None, 0, 4, 0, 0, 0],
        "Support requests": [None, None, 0, 0, 0, 0, 2],
    }


def test_rows_of_before_the_signup_are_shown_where_there_are_some(customer: Customer, snapshot: Snapshot) -> None:
    issues = activity(customer, snapshot, 90, rows_behind(snapshot)).chart.series[0].values
    assert len(issues) == 90
    assert [value for value in issues if value is not None] == [9, 0, 5, 0, 0, 0]


@pytest.mark.parametrize(("days", "issues"), [(7, 5), (30, 5), (90, 14)])
def test_counters_of_the_window_and_of_all_time(
    customer: Customer, snapshot: Snapshot, days: int, issues: int
) -> None:
    counters = activity(customer, snapshot, days, rows_behind(snapshot)).counters
    assert [(counter.window, counter.ever) for counter in counters] == [(issues, 14), (1, 1), (1, 1), (4, 4), (2, 2)]


def test_a_quiet_window(customer: Customer) -> None:
    later, then = make_snapshot(customer, date=date(2025, 7, 1)), make_snapshot(customer)
    assert activity(customer, later, 30, rows_behind(later)).is_quiet
    assert not activity(customer, then, 30, rows_behind(then)).is_quiet


def test_one_query(customer: Customer, snapshot: Snapshot) -> None:
    with CaptureQueriesContext(connection) as captured:
        activity(customer, snapshot, 90, rows_behind(snapshot))
    assert len(captured) == 1


@pytest.mark.parametrize(
    ("text", "days"), [("7", 7), ("30", 30), ("90", 90), ("", 7), ("365", 7), ("30 ", 7), ("x", 7)]
)
def test_windows_in_the_address(text: str, days: int) -> None:
    assert window_of(text) == days


def test_the_scores_of_ninety_days_with_the_policy_changes(customer: Customer) -> None:
    make_snapshot(customer, date=date(2025, 2, 9), score=10)  # 90 days before: one too many
    make_snapshot(customer, date=date(2025, 2, 10), score=20)
    make_snapshot(customer, date=date(2025, 5, 9), score=30)
    last = make_snapshot(customer, date=D, score=40)
    last.policy = ScoringPolicy.objects.create(name="v2", effective_from=D)
    last.save()
    with CaptureQueriesContext(connection) as captured:
        chart = score_chart(recent_snapshots(customer, D))
    assert len(captured) == 1
    assert chart.labels == ["10 Feb 2025", "9 May 2025", "10 May 2025"]
    assert chart.series[0].values == [20, 30, 40]
    page = f"/admin/customer/{customer.pk}/?as_of="
    assert chart.addresses == [f"{page}{day}" for day in ("2025-02-10", "2025-05-09", "2025-05-10")]
    assert [(mark.label, mark.text) for mark in chart.marks] == [("10 May 2025", "Policy v2")]


def test_a_window_in_which_prs_were_only_rejected_is_not_quiet() -> None:
    customer = make_customer(signup_date=date(2025, 5, 6))
    make_engagement(customer, D, prs_rejected=1)
    snapshot = make_snapshot(customer, prs_rejected=1)
    shown = activity(customer, snapshot, 7, rows_behind(snapshot))
    assert not shown.is_quiet
    assert [counter.label for counter in shown.counters if counter.window] == ["PRs rejected"]
