"""The front page and its export: from a request to what ``dashboard`` and its neighbours say, and back."""

from typing import Any

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone

from analytics.customer_list.filters import SnapshotFilter
from analytics.customer_list.first_view import (
    ME,
    OWNER,
    first_view,
    of_owner,
    owner_choices,
    unassigned,
    with_owner_named,
)
from analytics.customer_list.listing import list_context
from analytics.dashboard.needs import needs as needs_of
from analytics.dashboard.needs import needs_today, who_needs_us
from analytics.pages.as_of import AsOf, as_of
from analytics.pages.current_user import visitor
from analytics.pages.etag import not_modified, page_tag, tagged
from analytics.portfolio import figures as read
from analytics.portfolio.archive import write_archive
from analytics.portfolio.cards import cards
from analytics.portfolio.charts import (
    ENGAGEMENT_CHOICES,
    HISTORY_CHOICES,
    active_customers,
    engagement,
    health_history,
    span,
)
from analytics.portfolio.comparison import kept_comparison_dates
from analytics.portfolio.days import days_around
from analytics.reports.open_report import OpenReport, opened_report, requested_list
from customers.audit.export import export_response
from customers.core.pages import admin_page
from customers.imports.feed_states import feed_states, oldest_required
from customers.jobs.lock import LockHeld
from customers.models import Customer

ROWS_PER_PAGE = 50
NOT_CARRIED = {"as_of", "page"}
"""What another date does not take along from the address."""


@admin_page("customers.view_customer")
def dashboard(request: HttpRequest) -> HttpResponse:
    """The front page: how the program does, who needs somebody, and every customer."""
    tag = page_tag(request)
    if unchanged := not_modified(request, tag):
        return unchanged
    report = opened_report(request)
    if address := _in_full(request, report):
        return redirect(f"{request.path}?{address}")
    shown = as_of(request)
    program = visitor(request).program
    feeds = program.kept("feeds", feed_states, data_alone=True)
    context = {
        **admin.site.each_context(request),
        "title": "Customer Success",
        "as_of": shown,
        "tag": tag,
        "now": timezone.localtime(),
        "time_zone": timezone.get_current_timezone_name(),
        "carried": [
            (name, value) for name, values in request.GET.lists() if name not in NOT_CARRIED for value in values
        ],
        "feeds": feeds,
        "feeds_since": oldest_required(feeds),
        "quarantined": program.quarantined,
    }
    if shown.portfolio is None:
        context["any_customer"] = Customer.objects.exists()
        return tagged(TemplateResponse(request, "analytics/dashboard/empty.html", context), tag)
    context |= {
        "unassigned": unassigned(shown.portfolio, program),
        "opened": report,
    }
    context |= _overview(request, shown)
    asked = requested_list(request, shown.portfolio.date, report)
    context |= list_context(request, asked, shown.portfolio, program)
    return tagged(TemplateResponse(request, "analytics/dashboard/page.html", context), tag)


def _in_full(request: HttpRequest, report: OpenReport | None) -> str:
    """The address' query with what it leaves to who asks, as far as it does: whose customers the list shows."""
    address = request.GET
    if not report:
        address = first_view(address, SnapshotFilter.base_filters, owns=visitor(request).owns)
    named = with_owner_named(address, report.report.owner_id if report else request.user.pk)
    return "" if named == request.GET else named.urlencode()


def _overview(request: HttpRequest, shown: AsOf) -> dict[str, Any]:
    """What the dashboard shows above the list as HTML, ``overview``, and the scored dates beside the shown one.

    It is kept, so it must be made of what ``about`` names: its links have the address, one has the visitor's alerts.
    """
    who = visitor(request)
    waiting = who.waiting if request.user.has_perm("analytics.view_alert") else 0
    about = f"overview {shown.portfolio.date} {shown.query} {waiting} {request.GET.urlencode()}"

    def make() -> dict[str, Any]:
        portfolio, history = shown.portfolio, span(request.GET, "history", HISTORY_CHOICES, 90)
        daily = span(request.GET, "days", ENGAGEMENT_CHOICES, 30)
        longest = max(history.days, daily.days)
        dates = f"{longest} days to {portfolio.date}"
        days = who.program.kept(dates, lambda: days_around(portfolio, longest))
        kept_comparison_dates(who.program, portfolio.date, days.comparison_dates)
        context = {
            "as_of": shown,
            "waiting": waiting,
            "cards": cards(portfolio, days.comparison_day, is_newest=shown.is_newest),
            "needs": needs_today(portfolio, days.comparison_day),
            "progress": read.onboarding_progress(portfolio),
            "distribution": read.health_distribution(portfolio),
            "history": health_history(days.since(history.days)),
            "history_span": history,
            "active": active_customers(days.scored, daily.days),
            "engagement": engagement(days.scored, daily.days),
            "engagement_span": daily,
        }
        html = render_to_string("analytics/dashboard/overview.html", context)
        return {"overview": html, "previous": days.previous, "next": days.next}

    return who.program.kept(about, make)


@admin_page("customers.view_customer")
def needs(request: HttpRequest) -> HttpResponse:
    """Who needs somebody on the date that the dashboard shows; everybody, or the customers of an owner."""
    shown, owner = as_of(request), request.GET.get(OWNER, "")
    if shown.portfolio is None:
        return redirect("admin:index")
    if owner == ME:
        return redirect(f"{request.path}?{with_owner_named(request.GET, request.user.pk).urlencode()}")
    before = days_around(shown.portfolio, 1).comparison_day
    found = of_owner(who_needs_us(shown.portfolio, before), owner)
    page = Paginator(found.values_list("pk", flat=True), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        **admin.site.each_context(request),
        "title": f"Needs you {'today' if shown.is_newest else f'on {shown.portfolio.date:%-d %b}'}",
        "as_of": shown,
        "page": page,
        "whose": owner_choices(request, owner, owns=visitor(request).owns),
        "needs": needs_of(shown.portfolio, before, list(page)),
    }
    return TemplateResponse(request, "analytics/dashboard/needs_page.html", context)


@admin_page("customers.view_customer", "customers.export_customer")
def export(request: HttpRequest) -> HttpResponseBase:
    """Download the archive of the date that the page shows."""
    portfolio = as_of(request).portfolio
    if portfolio is None:
        messages.error(request, "Nothing is scored yet, so there is nothing to export.")
        return redirect("admin:index")
    try:
        return export_response(lambda file: write_archive(file, portfolio))
    except LockHeld:
        messages.error(request, "An import or a scoring is running; export again in a minute.")
        return redirect("admin:index")
