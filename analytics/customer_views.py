"""The page of one customer."""

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse

from analytics.as_of import as_of
from analytics.dashboard import feed_states
from analytics.models import Snapshot
from analytics.provenance import origins, rows_behind
from analytics.score_card import components
from analytics.timeline import steps, timeline
from analytics.todo import todo
from customers.models import Customer, Step
from customers.pages import admin_page


@admin_page("customers.view_customer")
def customer(request: HttpRequest, pk: str) -> HttpResponse:
    """One customer: what is known, how the score comes about, what happened, what to do."""
    if "\0" in pk:  # PostgreSQL takes no such text, not even to look for it.
        raise Http404
    whole = Customer.objects.select_related("missing_since", "onboarding", "care__owner")
    found = get_object_or_404(whole, pk=pk)
    onboarding = getattr(found, "onboarding", None)
    shown = as_of(request)
    portfolio, snapshot = shown.portfolio, None
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
        "as_of": shown,
        "feeds": feed_states(),
    }
    if portfolio and snapshot:
        done = {step.value: getattr(snapshot, step.value) for step in Step}
        context |= {
            "components": components(snapshot),
            "rows": rows_behind(snapshot),
            "steps": steps(found, portfolio.date, done),
            "timeline": timeline(found, portfolio.date),
        }
    context |= todo(request, found, snapshot)
    return TemplateResponse(request, "analytics/customer.html", context)
