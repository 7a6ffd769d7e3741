"""The pages inside the admin: from a request to what ``dashboard`` and its neighbours say, and back."""

import tempfile
from dataclasses import dataclass
from datetime import date

from django.contrib import admin, messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_date

from analytics import dashboard as read
from analytics.actions import recommended_actions
from analytics.exports import archive_name, write_archive
from analytics.filters import SnapshotFilter
from analytics.models import PortfolioDay, Snapshot
from analytics.provenance import origins, rows_behind
from analytics.score_card import components
from analytics.tables import ROWS_PER_PAGE, CustomerTable
from analytics.timeline import steps, timeline
from customers.kinds import shown
from customers.lock import Busy
from customers.models import Customer, Step
from customers.pages import admin_page

SPOOL = 8 * 1024 * 1024


@admin_page("customers.view_customer")
def dashboard(request: HttpRequest) -> HttpResponse:
    """The front page: how the program does, and every customer."""
    as_of = _as_of(request)
    portfolio = as_of.portfolio
    context = {
        **admin.site.each_context(request),
        "title": "Customer Success",
        "as_of": as_of,
        "feeds": read.feed_states(),
        "quarantined": read.quarantined_rows(),
    }
    if portfolio is None:
        context["any_customer"] = Customer.objects.exists()
        return TemplateResponse(request, "analytics/empty.html", context)
    filters = SnapshotFilter(request.GET, queryset=Snapshot.objects.on(portfolio.date))
    order = [name for name in request.GET.getlist("sort") if name.removeprefix("-") in CustomerTable.base_columns]
    table = CustomerTable(filters.qs, order_by=order or None)
    # By hand, because RequestConfig lets the address choose how many rows a page has.
    table.request = request
    table.paginate(per_page=ROWS_PER_PAGE)
    table.page = table.paginator.get_page(request.GET.get("page"))
    context |= {
        "summary": read.summary(portfolio),
        "progress": read.onboarding_progress(portfolio),
        "distribution": read.health_distribution(portfolio),
        "filters": filters,
        "filtering": any(request.GET.getlist(name) != [""] for name in filters.filters if name in request.GET),
        "table": table,
    }
    return TemplateResponse(request, "analytics/dashboard.html", context)


@admin_page("customers.view_customer")
def customer(request: HttpRequest, pk: str) -> HttpResponse:
    """One customer: what is known, how the score comes about, what happened, what to do."""
    if "\0" in pk:  # PostgreSQL takes no such text, not even to look for it.
        raise Http404
    whole = Customer.objects.select_related("missing_since", "onboarding", "care__owner")
    found = get_object_or_404(whole, pk=pk)
    onboarding = getattr(found, "onboarding", None)
    as_of = _as_of(request)
    portfolio, snapshot = as_of.portfolio, None
    if portfolio:
        snapshot = Snapshot.objects.select_related("policy").filter(customer=found, date=portfolio.date).first()
    context = {
        **admin.site.each_context(request),
        "title": found.organization,
        "customer": found,
        "care": getattr(found, "care", None),
        "onboarding": onboarding,
        "origins": origins(found, onboarding),
        "snapshot": snapshot,
        "as_of": as_of,
        "feeds": read.feed_states(),
    }
    if portfolio and snapshot:
        done = {step.value: getattr(snapshot, step.value) for step in Step}
        context |= {
            "components": components(snapshot),
            "rows": rows_behind(snapshot),
            "steps": steps(found, portfolio.date, done),
            "timeline": timeline(found, portfolio.date),
            "actions": recommended_actions(snapshot),
        }
    return TemplateResponse(request, "analytics/customer.html", context)


@admin_page("customers.export_customer")
def export(request: HttpRequest) -> HttpResponse:
    """Download the archive of the date that the page shows."""
    portfolio = _as_of(request).portfolio
    if portfolio is None:
        messages.error(request, "Nothing is scored yet, so there is nothing to export.")
        return redirect("admin:index")
    file = tempfile.SpooledTemporaryFile(max_size=SPOOL)  # noqa: SIM115 - the response closes it
    try:
        write_archive(file, portfolio)
    except Busy:
        file.close()
        messages.error(request, "An import or a scoring is running; export again in a minute.")
        return redirect("admin:index")
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=archive_name(portfolio.date))


@dataclass(frozen=True)
class AsOf:
    """The scored date a page is about (None: nothing is scored yet), and a note where another one was asked for."""

    portfolio: PortfolioDay | None
    is_newest: bool = True
    note: str = ""

    @property
    def days_old(self) -> int | None:
        """The age of the newest data in days, where that is more than it should be."""
        if self.portfolio is None or not self.is_newest:
            return None
        age = read.days_old(self.portfolio.date)
        return age if age > read.FRESH_DAYS else None

    @property
    def query(self) -> str:
        """What an address needs to stay on this date: nothing for the newest."""
        return f"as_of={self.portfolio.date.isoformat()}" if self.portfolio and not self.is_newest else ""


def _as_of(request: HttpRequest) -> AsOf:
    asked = request.GET.get("as_of", "")
    newest = read.newest_day()
    if not asked or newest is None:
        return AsOf(newest)
    day = _parse(asked)
    if day is None:
        return AsOf(newest, note=f"{shown(asked)} is not a date; this is the newest one that is scored.")
    portfolio = read.day_as_of(day) or newest
    note = ""
    if portfolio.date != day:
        instead = "newest date before it" if portfolio.date < day else "first date"
        note = f"{day:%-d %b %Y} is not scored; this is the {instead} that is."
    return AsOf(portfolio, portfolio.date == newest.date, note)


def _parse(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
