"""The page of milestones, and its download."""

from collections.abc import Iterator
from datetime import date
from typing import IO

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from analytics.insights.milestones import MilestoneList, milestone_list
from analytics.pages.as_of import as_of
from analytics.portfolio.milestones import DEFINITION, Milestone
from analytics.segments.in_words import in_one_sentence
from analytics.wording import counted
from customers.audit.export import Export, export_response
from customers.core.pages import admin_page, admin_response
from customers.core.people import name_of
from customers.feeds.exports import write_csv
from customers.models import Customer
from customers.text.say import english
from customers.text.written import day

HEADER = ["reached_on", "milestone", "customer_id", "organization", "cohort", "owner", "status", "score", "as_of"]


class NoMilestones(Exception):
    """The milestones cannot be exported; the message says why."""


@admin_page("customers.view_customer")
def milestone_page(request: HttpRequest) -> HttpResponse:
    """Show who has reached which milestone in a week, the newest first."""
    shown = as_of(request)
    context: dict[str, object] = {"title": gettext("Milestones"), "as_of": shown, "definition": DEFINITION}
    if shown.portfolio is None:
        context["any_customer"] = Customer.objects.exists()
    else:
        listed = milestone_list(request, shown.portfolio.date)
        page = listed.page(request.GET.get("page"))
        context |= {"listed": listed, "page": page, "rows": listed.rows(page)}
    return admin_response(request, "analytics/insights/milestones.html", context)


@admin_page("customers.view_customer", "customers.export_customer")
def export_milestones(request: HttpRequest) -> HttpResponseBase:
    """Download all milestones that the address narrows the list to; where it cannot be, say why."""
    portfolio = as_of(request).portfolio

    def write(file: IO[bytes]) -> Export:
        if portfolio is None:
            raise NoMilestones(gettext_lazy("Nothing is scored yet, so there is nothing to export."))
        listed = milestone_list(request, portfolio.date)
        if listed.filters.errors or listed.ignored:
            raise NoMilestones(gettext_lazy("Nothing was exported, because a filter was not understood."))
        written = write_csv(file, HEADER, _cells(listed, portfolio.date))
        narrowed = in_one_sentence(listed.filters) or "none"
        detail = english(f"{counted(written.rows, 'row')} as of {day(portfolio.date)}\nfilters: {narrowed}")
        return Export(f"milestones_{portfolio.date}.csv", "milestones", detail)

    try:
        return export_response(write)
    except NoMilestones as fault:
        messages.error(request, str(fault))
        return redirect(f"{reverse('analytics:milestones')}?{request.GET.urlencode()}")


def _cells(listed: MilestoneList, scored: date) -> Iterator[list[str]]:
    for row in listed.rows(listed.reached):
        snapshot, customer = row.snapshot, row.snapshot.customer
        owner = getattr(getattr(customer, "care", None), "owner", None)
        yield [
            row.reached.day.isoformat(),
            Milestone(row.reached.milestone).value,
            customer.pk,
            customer.organization,
            customer.cohort,
            name_of(owner) if owner else "",
            snapshot.status,
            str(snapshot.score),
            scored.isoformat(),
        ]
