"""The cohorts page, and its download."""

from datetime import date
from typing import IO

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.translation import gettext

from analytics.insights.cohort_export import write_cohorts
from analytics.insights.cohorts import RETENTION, WEEKS_SHOWN, definitions
from analytics.insights.cohorts import cohort_comparison as read_cohorts
from analytics.models import CohortDay
from analytics.page_cache import page_cache
from analytics.page_cache.version import DataVersion
from analytics.pages.as_of import AsOf, as_of
from analytics.pages.feeds import known_feed_states
from analytics.pages.user_summary import user_summary
from analytics.portfolio.figure_rows import SCORE_ROWS, SUCCESS_RATE_ROWS, VALUE_ROWS
from analytics.wording import counted
from customers.audit.export import Export, export_response
from customers.core.pages import admin_page, admin_response
from customers.models import Customer
from customers.text.say import english
from customers.text.written import day as written_day

_BY = {by.value: by for by in (CohortDay.By.COHORT, CohortDay.By.MONTH)}
_WEEKS = {str(weeks): weeks for weeks in WEEKS_SHOWN}


class TablesKey(page_cache.DataKey):
    """Of the tables of a date as HTML, with the links that the page's address gives them."""

    day: date
    as_of: str
    address: str


@admin_page("customers.view_customer")
def cohorts(request: HttpRequest) -> HttpResponse:
    """How cohorts compare, and how many of each stay active; what the address asks in vain is left aside."""
    shown = as_of(request)
    by = _grouped_by(request)
    weeks = _WEEKS.get(request.GET.get("weeks", ""), WEEKS_SHOWN[0])
    version = user_summary(request).version.data
    tables = _tables(request, shown, shown.portfolio.date, by, weeks, version) if shown.portfolio else ""
    context = {
        "title": gettext("Cohorts"),
        "as_of": shown,
        "feeds": known_feed_states(version),
        "by": by,
        "ways": list(_BY.values()),
        "weeks": weeks,
        "tables": tables,
        "any_customer": bool(tables) or Customer.objects.exists(),
    }
    return admin_response(request, "analytics/insights/cohorts.html", context)


def _tables(request: HttpRequest, shown: AsOf, day: date, by: CohortDay.By, weeks: int, version: DataVersion) -> str:
    """Return the tables of a date as HTML, '' where nothing was counted by cohort: people edit nothing of them."""

    def draw() -> str:
        found = read_cohorts(day, by, weeks, request.GET.get("page"))
        context = {
            "as_of": shown,
            "by": by,
            "weeks": weeks,
            "most_weeks": list(_WEEKS.values()),
            "cohorts": found,
            "definitions": definitions(),
            "rows": {"value": VALUE_ROWS, "success_rate": SUCCESS_RATE_ROWS, "score": SCORE_ROWS},
            "retention_definition": RETENTION,
        }
        return render_to_string("analytics/insights/cohort_tables.html", context, request) if found else ""

    key = TablesKey(version=version, day=day, as_of=shown.query, address=request.GET.urlencode())
    return page_cache.get_or_set(key, draw)


@admin_page("customers.view_customer", "customers.export_customer")
def export_cohorts(request: HttpRequest) -> HttpResponseBase:
    """Download every cohort of the date that the page shows; where none is kept, say so."""
    portfolio, by = as_of(request).portfolio, _grouped_by(request)

    def write(file: IO[bytes]) -> Export:
        if portfolio is None or not (rows := write_cohorts(file, portfolio.date, by)):
            raise CohortDay.DoesNotExist
        detail = english(f"{counted(rows, 'row')} by {by.label.lower()} as of {written_day(portfolio.date)}")
        return Export(f"cohorts_{portfolio.date}.csv", "cohorts", detail)

    try:
        return export_response(write)
    except CohortDay.DoesNotExist:
        messages.error(request, gettext("No cohorts are kept of this date, so there is nothing to export."))
        return redirect("analytics:cohorts")


def _grouped_by(request: HttpRequest) -> CohortDay.By:
    return _BY.get(request.GET.get("by", ""), CohortDay.By.COHORT)
