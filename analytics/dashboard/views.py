"""The front page and its export: from a request to what ``dashboard`` and its neighbours say, and back."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext

from analytics.customer_list.first_view import (
    first_view,
    unassigned,
    with_owner_named,
)
from analytics.customer_list.list_page import list_context
from analytics.dashboard.blocks import BLOCKS, NOT_CARRIED, overview, stay_query
from analytics.models import PortfolioDay
from analytics.my_day.members import TEAM
from analytics.pages.as_of import as_of
from analytics.pages.etag import answers_refresh, page_etag, with_etag
from analytics.pages.feeds import known_feed_states
from analytics.pages.user_summary import user_summary
from analytics.portfolio.metrics_export import write_archive
from analytics.portfolio.period import period_of
from analytics.reports.open_report import OpenReport, opened_report, requested_list
from analytics.reports.pinned import pinned_reports
from analytics.segments.filters import SnapshotFilter
from customers.audit.export import export_response
from customers.core.pages import admin_page, admin_response, user_of
from customers.imports.feed_states import oldest_required
from customers.jobs.lock import LockHeld
from customers.models import Customer


@admin_page("customers.view_customer")
@answers_refresh
def dashboard(request: HttpRequest) -> HttpResponse:
    """The front page: how the program does, who needs somebody, and every customer."""
    tag = page_etag(request)
    report = opened_report(request)
    if address := _in_full(request, report):
        return redirect(f"{request.path}?{address}")
    shown = as_of(request)
    summary = user_summary(request)
    feeds = known_feed_states(summary.version.data)
    context = {
        "title": gettext("Dashboard"),
        "as_of": shown,
        "carried": [
            (name, value) for name, values in request.GET.lists() if name not in NOT_CARRIED for value in values
        ],
        "feeds": feeds,
        "feeds_since": oldest_required(feeds),
        "quarantined": summary.quarantined,
    }
    if shown.portfolio is None:
        context["any_customer"] = Customer.objects.exists()
        return with_etag(admin_response(request, "analytics/dashboard/empty.html", context), tag)
    context["stay_query"] = stay_query(shown, period_of(request.GET))
    waiting = summary.waiting if request.user.has_perm("analytics.view_alert") else 0
    whose = str(request.user.pk) if summary.owns else TEAM
    above = overview(shown, shown.portfolio, request.GET, waiting, whose, summary.version)
    context |= {"overview": above.html, "previous": above.previous, "next": above.next, "blocks": BLOCKS}
    context |= _customer_list(request, report, shown.portfolio)
    return with_etag(admin_response(request, "analytics/dashboard/page.html", context), tag)


def _customer_list(request: HttpRequest, report: OpenReport | None, portfolio: PortfolioDay) -> dict[str, object]:
    """Return what the section of the customers shows, and the tabs over it."""
    summary = user_summary(request)
    tabs = pinned_reports(user_of(request), summary.version)
    asked = requested_list(request, portfolio.date, report)
    return {
        "unassigned": unassigned(portfolio, summary.version),
        "opened": report,
        "tabs": tabs,
        "is_pinned": report is not None and report.report.pk in dict(tabs),
        "has_own": summary.owns,
        **list_context(request, asked, portfolio, summary.version),
    }


def _in_full(request: HttpRequest, report: OpenReport | None) -> str:
    """The address' query with what it leaves to who asks, as far as it does: whose customers the list shows."""
    address: QueryDict = request.GET
    if not report:
        address = first_view(address, SnapshotFilter.base_filters, owns=user_summary(request).owns)
    named = with_owner_named(address, report.report.owner_id if report else request.user.pk)
    return "" if named == request.GET else named.urlencode()


@admin_page("customers.view_customer", "customers.export_customer")
def export_archive(request: HttpRequest) -> HttpResponseBase:
    """Download the archive of the date that the page shows."""
    portfolio = as_of(request).portfolio
    if portfolio is None:
        messages.error(request, gettext("Nothing is scored yet, so there is nothing to export."))
        return redirect("admin:index")
    try:
        return export_response(lambda file: write_archive(file, portfolio))
    except LockHeld:
        messages.error(request, gettext("An import or a scoring is running; export again in a minute."))
        return redirect("admin:index")
