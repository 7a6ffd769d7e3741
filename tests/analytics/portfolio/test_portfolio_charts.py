"""The portfolio's charts: each day of the calendar, gaps where nothing was scored, and the choice of days."""

from datetime import date, timedelta

import pytest
from django.http import QueryDict
from django.test import Client

from analytics.models import PortfolioDay, ScoringPolicy
from analytics.portfolio.charts import active_customers, engagement_chart, health_history, span
from tests.factories import make_day, make_staff
from tests.support.pages import links, main_part, words

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


def test_a_day_that_was_not_scored_is_a_gap_and_not_0() -> None:
    first = make_day(date=D - timedelta(days=3), day_issues_tagged=5, day_prs_generated=3, active_today=2)
    last = make_day(day_prs_merged=1)
    done = engagement_chart([first, last], 5)
    assert done.title == "Issues and PRs per day, 6 May 2025 to 10 May 2025"
    assert done.labels == ["6 May", "7 May", "8 May", "9 May", "10 May"]
    assert [(one.label, one.values) for one in done.series] == [
        ("Issues tagged", [None, 5, None, None, 0]),
        ("PRs generated", [None, 3, None, None, 0]),
        ("PRs merged", [None, 0, None, None, 1]),
    ]
    # Only a scored date has a dashboard.
    assert done.addresses == ["", "/admin/?as_of=2025-05-07", "", "", "/admin/?as_of=2025-05-10"]
    active = active_customers([first, last], 5)
    assert active.addresses == done.addresses
    assert [(one.label, one.values) for one in active.series] == [("Active customers", [None, 2, None, None, 0])]


def test_days_of_two_years_say_which() -> None:
    days = [make_day(date=date(2024, 12, 31)), make_day(date=date(2025, 1, 1))]
    assert engagement_chart(days, 2).labels == ["31 Dec 2024", "1 Jan 2025"]
    assert health_history(days).labels == ["31 Dec 2024", "1 Jan 2025"]


def test_the_history_marks_where_the_policy_changed() -> None:
    make_day(date=D - timedelta(days=1), healthy=2)
    make_day(healthy=1, at_risk=1)
    policy = ScoringPolicy.objects.create(name="Stricter", effective_from=D)
    PortfolioDay.objects.filter(date=D).update(policy=policy)
    days = list(PortfolioDay.objects.reverse())
    history = health_history(days)
    assert history.title == "Customers by health status, 9 May 2025 to 10 May 2025"
    assert [(one.label, one.values) for one in history.series] == [
        ("Champion", [0, 0]),
        ("Healthy", [2, 1]),
        ("Needs attention", [0, 0]),
        ("At risk", [0, 1]),
        ("Inactive", [0, 0]),
    ]
    assert history.addresses == ["/admin/?as_of=2025-05-09", "/admin/?as_of=2025-05-10"]
    assert [(mark.label, mark.text) for mark in history.marks] == [("10 May", "Policy Stricter")]


@pytest.mark.parametrize(("asked", "days"), [("", 30), ("days=90", 90), ("days=31", 30), ("days=x", 30)])
def test_the_address_chooses_among_the_spans(asked: str, days: int) -> None:
    chosen = span(QueryDict(asked + "&status=at_risk&status=healthy"), "days", (30, 90), 30)
    assert chosen.days == days
    assert [QueryDict(query).getlist("status") for _days, query in chosen.links] == [["at_risk", "healthy"]] * 2
    assert [QueryDict(query)["days"] for _days, query in chosen.links] == ["30", "90"]


def test_the_page_shows_the_chosen_spans_and_links_the_others(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    for back in (0, 1, 100, 300):
        make_day(date=D - timedelta(days=back))
    text = words(main_part(client.get("/admin/")))
    assert "Issues and PRs per day, 11 Apr 2025 to 10 May 2025" in text
    assert "Customers by health status, 9 May 2025 to 10 May 2025" in text
    response = client.get("/admin/?days=90&history=365&q=a")
    text = words(main_part(response))
    assert "Issues and PRs per day, 10 Feb 2025 to 10 May 2025" in text
    assert "Customers by health status, 14 Jul 2024 to 10 May 2025" in text
    assert links(response, "30 d") == [
        "/admin/?days=30&history=365&q=a#engagement",
        "/admin/?days=90&history=30&q=a#history",
    ]
