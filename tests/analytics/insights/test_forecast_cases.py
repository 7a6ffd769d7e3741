"""Forecast cases: each figure of the back-test leads to as many rows, and what a row says."""

import re
from datetime import date, timedelta
from html import unescape

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.insights.forecast_questions import KINDS
from analytics.models import ForecastAccuracy, ForecastCase
from tests.factories import make_customer, make_day, make_forecast_case
from tests.support.forecasts import back_tested_program
from tests.support.pages import forget, links, main_part, words
from tests.support.scoring import D

pytestmark = pytest.mark.django_db

END = date(2025, 3, 31)
FIGURES = {
    "tops": [],
    "reliability": [],
    "silences_called": 0,
    "median_lead": None,
    "acted": {"cases": 0, "came_true": 0, "expected": 0.0},
    "not_acted": {"cases": 0, "came_true": 0, "expected": 0.0},
}


def back_test(through: date = D) -> None:
    """Store that a back-test was made, with few figures."""
    known = {"made_at": timezone.now(), "months": 1, "cases": 3, "customers": 3, "came_true": 1, "misses": []}
    for target in ("first_pr", "quiet"):
        ForecastAccuracy.objects.create(target=target, through=through, first=END, last=END, figures=FIGURES, **known)


def page(viewer: Client, query: str = "") -> HttpResponse:
    forget()
    return viewer.get(f"/admin/forecast/cases/{query}")


def rows(response: HttpResponse) -> list[str]:
    """The rows of the table as words."""
    return [words(row) for row in re.findall(r"<tr>\s*<th scope=\"row\".*?</tr>", response.text, re.DOTALL)]


# --- As many ----------------------------------------------------------------------------------------------------


def test_each_figure_of_the_back_test_leads_to_as_many_cases(viewer: Client) -> None:
    back_tested_program()
    forget()
    shown = viewer.get("/admin/forecast/")
    found = re.findall(r'<a href="(/admin/forecast/cases/[^"]*)" aria-label="([\d,]+)([^"]*)">', shown.text)
    # Three in the sentence, three for each of the 10, 20 and 50, the silences, and two of each part.
    assert len(found) == len({href for href, _count, _words in found}) == 3 + 3 * 3 + 1 + 2 * 2
    assert len({said for _href, _count, said in found}) == len(found)
    for href, count, said in found:
        response = viewer.get(unescape(href))
        assert response.context["listed"].page.paginator.count == int(count.replace(",", "")) > 0, said
        assert len(rows(response)) == min(int(count.replace(",", "")), 50)
    # None of the kinds is without a figure.
    assert {name for name in KINDS if name.startswith("quiet-")} == {href.split("cases=")[1] for href, *_ in found}


def test_the_figures_of_an_earlier_back_test_lead_nowhere(viewer: Client) -> None:
    """Its cases were replaced by those of the newest."""
    for day in (D - timedelta(days=10), D):
        make_day(date=day)
        back_test(through=day)
    make_forecast_case(make_customer(), date=END)
    forget()
    assert "/admin/forecast/cases/" in viewer.get("/admin/forecast/").text
    earlier = f"?as_of={D - timedelta(days=10)}"
    assert "/admin/forecast/cases/" not in main_part(viewer.get(f"/admin/forecast/{earlier}"))
    assert "Only those of the newest back-test are." in main_part(page(viewer, earlier))


def test_as_of_a_date_the_way_to_the_cases_and_back_stays_on_it(viewer: Client) -> None:
    for day in (D, D + timedelta(days=1)):
        make_day(date=day)
    back_test()
    make_forecast_case(make_customer(organization="Acme"), date=END)
    forget()
    [leads_to] = links(viewer.get(f"/admin/forecast/?as_of={D}"), "3 forecasts")
    assert leads_to == f"/admin/forecast/cases/?cases=quiet-all&as_of={D}"
    shown = viewer.get(leads_to)
    assert rows(shown) == ["Acme 31 Mar 2025 20% Stayed active – No"]
    assert links(shown, "← Forecast accuracy") == [f"/admin/forecast/?as_of={D}"]
    assert f'name="as_of" value="{D}"' in shown.text


# --- What a row says --------------------------------------------------------------------------------------------


def test_a_row_says_forecast_place_outcome_and_leads_to_the_customer_as_of_then(viewer: Client) -> None:
    make_day(date=D)
    back_test()
    acme = make_customer(id="a?b", organization="<b>Acme</b>")
    make_forecast_case(acme, date=date(2024, 12, 31), probability=None)
    make_forecast_case(acme, date=date(2025, 2, 28), probability=44)
    make_forecast_case(acme, date=END, probability=845, rank=2, came_true=True, acted=True)
    other = make_customer(id="other", organization="")
    make_forecast_case(other, date=END, probability=900, rank=1)
    make_forecast_case(other, date=END, probability=600, rank=1, target="first_pr")
    shown = page(viewer)
    assert rows(shown) == [
        "(no name) 31 Mar 2025 90% Stayed active 1 No",
        "<b>Acme</b> 31 Mar 2025 85% Went quiet 2 Yes",
        "<b>Acme</b> 28 Feb 2025 4% Stayed active – No",
    ]
    assert links(shown, "<b>Acme</b>")[0] == "/admin/customer/a%3Fb/?as_of=2025-03-31"
    assert rows(page(viewer, "?cases=quiet-customers")) == rows(shown)[:2]
    assert rows(page(viewer, "?cases=quiet-top-10-true")) == rows(shown)[1:2]
    assert rows(page(viewer, "?cases=quiet-acted")) == rows(shown)[1:2]
    assert rows(page(viewer, "?cases=first_pr-all")) == ["(no name) 31 Mar 2025 60% Got no first PR 1 No"]


@pytest.mark.parametrize(("days", "said"), [(12, "12 days before"), (1, "1 day before"), (-5, "5 days after")])
def test_a_silence_that_was_flagged_says_when(viewer: Client, days: int, said: str) -> None:
    make_day(date=D)
    back_test()
    make_forecast_case(make_customer(organization="Acme"), date=END, came_true=True, lead_days=days)
    make_forecast_case(make_customer(id="b"), date=END, came_true=True)
    assert rows(page(viewer, "?cases=quiet-flagged")) == [f"Acme 31 Mar 2025 20% Went quiet – {said} No"]


def test_whom_the_top_missed(viewer: Client) -> None:
    make_day(date=D)
    back_test()
    for name, rank, came_true in (("in", 10, True), ("next", 11, True), ("far", None, True), ("stayed", 12, False)):
        make_forecast_case(make_customer(id=name, organization=name), date=END, rank=rank, came_true=came_true)
    named = {row.split()[0] for row in rows(page(viewer, "?cases=quiet-top-10-missed"))}
    assert named == {"next", "far"}
    assert {row.split()[0] for row in rows(page(viewer, "?cases=quiet-top-20-missed"))} == {"far"}


@pytest.mark.parametrize("query", ["?cases=nonsense&page=x", "?page=999999999999999999999"])
def test_what_is_not_understood_shows_all_cases(viewer: Client, query: str) -> None:
    make_day(date=D)
    back_test()
    make_forecast_case(make_customer(organization="Acme"), date=END)
    assert len(rows(page(viewer, query))) == 1


def test_a_back_test_of_before_the_cases_were_kept_says_when_they_will_be(viewer: Client) -> None:
    make_day(date=D)
    back_test()
    assert "The next nightly run tests the forecasts again, and keeps them." in words(main_part(page(viewer)))
    assert "/admin/forecast/cases/" not in main_part(viewer.get("/admin/forecast/"))


def test_nothing_is_tested_or_scored(viewer: Client) -> None:
    assert "No cases yet" in main_part(page(viewer))
    make_day(date=D)
    assert "No cases yet" in main_part(page(viewer))


def test_it_takes_as_many_queries_however_many_rows(viewer: Client) -> None:
    make_day(date=D)
    back_test()
    make_forecast_case(make_customer(id="first"), date=END)
    page(viewer)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            page(viewer)
        return len(asked)

    few = queries()
    for number in range(60):
        make_forecast_case(make_customer(id=f"c{number}"), date=END)
    assert ForecastCase.objects.count() == 61
    assert queries() == few
