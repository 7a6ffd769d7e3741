"""The comparison period of the dashboard: its date, its words, its place in the address, and what the charts show."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.portfolio.cards import cards
from analytics.portfolio.charts import active_customers, engagement_chart, health_history
from analytics.portfolio.days import days_around
from analytics.portfolio.period import PERIODS, USUAL, Period, period_choices, period_of
from analytics.reports.saved_views import query_of, unknown
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import forget, links, main_part, section

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
WEEK, MONTH, QUARTER, PREVIOUS = PERIODS


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(make_staff("Viewer"))
    return client


@pytest.mark.parametrize(
    ("period", "scored", "found"),
    [
        (WEEK, ["2025-05-04", "2025-05-03", "2025-05-02"], "2025-05-03"),
        (WEEK, ["2025-04-26"], "2025-04-26"),
        (WEEK, ["2025-04-25"], None),
        (MONTH, ["2025-04-11", "2025-04-10", "2025-04-09"], "2025-04-10"),
        (MONTH, ["2025-04-03"], "2025-04-03"),
        (MONTH, ["2025-04-02"], None),
        (QUARTER, ["2025-02-10", "2025-02-09"], "2025-02-09"),
        (QUARTER, ["2025-02-02"], "2025-02-02"),
        (QUARTER, ["2025-02-01"], None),
        (PREVIOUS, ["2025-05-01", "2025-04-30", "2025-04-29"], "2025-04-30"),
        (PREVIOUS, ["2025-05-01", "2025-04-28", "2025-04-27"], "2025-04-28"),
        (PREVIOUS, ["2025-04-23"], "2025-04-23"),
        (PREVIOUS, ["2025-04-22"], None),
        (PREVIOUS, ["2025-05-09", "2025-05-10"], None),
    ],
)
def test_the_date_to_compare_with(period: Period, scored: list[str], found: str | None) -> None:
    day = make_day(date=D)
    days = [date.fromisoformat(one) for one in scored]
    wanted = date.fromisoformat(found) if found else None
    assert period.date_of(days, D) == wanted
    for one in days:
        if one != D:
            make_day(date=one)
    compared = days_around(day, 1, period).compared
    assert (compared and compared.date) == wanted


@pytest.mark.parametrize(
    ("day", "beside"),
    [
        ("2025-05-10", "2025-04-10"),
        ("2025-05-31", "2025-04-30"),
        ("2025-03-30", "2025-02-28"),
        ("2025-01-01", "2024-12-01"),
    ],
)
def test_beside_a_day_stands_that_day_of_the_month_before(day: str, beside: str) -> None:
    assert PREVIOUS.day_beside(date.fromisoformat(day)) == date.fromisoformat(beside)


@pytest.mark.parametrize(
    ("period", "then", "said"),
    [
        (WEEK, date(2025, 5, 1), "+3 in 9 days"),
        (MONTH, date(2025, 4, 10), "+3 in 30 days"),
        (PREVIOUS, date(2025, 4, 30), "+3 since end of April"),
        (PREVIOUS, date(2025, 4, 28), "+3 since 28 Apr"),
    ],
)
def test_a_card_says_since_when(period: Period, then: date, said: str) -> None:
    found = cards(make_day(date=D, total=5, at_risk=1), make_day(date=then, total=2, at_risk=1), period=period)
    assert found[0].change and found[0].change.text == said
    assert found[2].change and found[2].change.text == said.replace("+3", "same")


@pytest.mark.parametrize(
    ("asked", "key"),
    [("", "7"), ("compare=30", "30"), ("compare=90", "90"), ("compare=month", "month"), ("compare=8", "7")],
)
def test_the_address_chooses(asked: str, key: str) -> None:
    address = QueryDict(f"{asked}&status=at_risk&as_of=2025-05-01")
    assert period_of(address).key == key
    choices = period_choices(address)
    assert [one.is_shown for one in choices] == [period.key == key for period in PERIODS]
    assert [QueryDict(one.query)["compare"] for one in choices] == ["7", "30", "90", "month"]
    assert {QueryDict(one.query)["status"] for one in choices} == {"at_risk"}
    assert (USUAL.query, MONTH.query) == ("", "compare=30")


def test_the_charts_show_what_was_before_each_day() -> None:
    scored = [
        make_day(date=D - timedelta(days=back), active_today=active, day_issues_tagged=back)
        for back, active in ((9, 1), (7, 4), (2, 3), (0, 6))
    ]
    chart = active_customers(scored, 3, WEEK)
    assert [(one.label, one.values, one.is_former) for one in chart.series] == [
        ("Active customers", [3, None, 6], False),
        ("Active customers, 7 days before", [1, None, 4], True),
    ]
    assert next(chart.rows()) == ("10 May", "/admin/?as_of=2025-05-10", ["6", "4"], "")
    assert [one["former"] for one in engagement_chart(scored, 3, WEEK).data()["series"]] == [False] * 3 + [True] * 3  # type: ignore[union-attr]
    assert len(engagement_chart(scored, 3).series) == 3
    history = health_history(scored, D - timedelta(days=7))
    assert [(mark.label, mark.text) for mark in history.marks] == [("3 May", "Comparison date")]
    assert health_history(scored, D - timedelta(days=8)).marks == []


@pytest.fixture
def four_dates() -> None:
    """Scored now, 7 and 30 days before, and at the end of April: 8, 5, 3 and 4 customers."""
    for day, total in ((D, 8), (date(2025, 5, 3), 5), (date(2025, 4, 10), 3), (date(2025, 4, 30), 4)):
        make_day(date=day, total=total)
    make_snapshot(make_customer())


@pytest.mark.usefixtures("four_dates")
@pytest.mark.parametrize(
    ("query", "change", "compared"),
    [
        ("", "+3 in 7 days", "Compared with 3 May 2025"),
        ("?compare=7", "+3 in 7 days", "Compared with 3 May 2025"),
        ("?compare=30", "+5 in 30 days", "Compared with 10 Apr 2025"),
        ("?compare=month", "+4 since end of April", "Compared with 30 Apr 2025"),
        ("?compare=90", "– no earlier date to compare with", "No date to compare with"),
    ],
)
def test_the_page_in_each_period(viewer: Client, query: str, change: str, compared: str) -> None:
    viewer.get("/admin/")  # what is kept of one period is not shown for another
    page = viewer.get(f"/admin/{query}")
    assert f"Total customers 8 {'' if '–' in change else '↑ '}{change}" in section(page, "summary")
    assert compared in section(page, "summary")
    forget()
    assert section(viewer.get(f"/admin/{query}"), "summary") == section(page, "summary")


@pytest.mark.usefixtures("four_dates")
def test_links_of_figures_stay_in_the_period(viewer: Client) -> None:
    page = viewer.get("/admin/?compare=30&as_of=2025-05-03")
    assert links(page, "5")[0] == "/admin/?owner=&as_of=2025-05-03&compare=30#customers"
    assert links(page, "At risk")[0] == "/admin/?status=at_risk&as_of=2025-05-03&compare=30#customers"
    assert '<input type="hidden" name="compare" value="30">' in main_part(page)
    assert links(viewer.get("/admin/?compare=7"), "8")[0] == "/admin/?owner=#customers"


@pytest.mark.usefixtures("four_dates")
def test_the_charts_say_what_is_dashed(viewer: Client) -> None:
    assert "Active customers dashed: 7 days before" in section(viewer.get("/admin/"), "engagement")
    said = section(viewer.get("/admin/?compare=month"), "engagement")
    assert "Issues and PRs dashed: previous month" in said
    assert "PRs merged, previous month" in said
    assert "Comparison date" in section(viewer.get("/admin/?compare=30&history=90"), "history")


@pytest.mark.usefixtures("four_dates")
def test_who_to_act_on_does_not_depend_on_it_nor_do_the_queries(viewer: Client) -> None:
    said, counts = set(), set()
    viewer.get("/admin/")
    for query in ("compare=7", "compare=30", "compare=90", "compare=month"):
        forget()
        with CaptureQueriesContext(connection) as captured:
            page = viewer.get(f"/admin/?{query}&days=90")
        counts.add(len(captured))
        said.add(section(page, "needs"))
    assert (len(said), len(counts)) == (1, 1)


def test_a_report_does_not_keep_it() -> None:
    address = QueryDict("status=at_risk&compare=30&days=90")
    assert query_of(address) == "status=at_risk"
    assert unknown(address) == []
