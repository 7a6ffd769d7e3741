"""The page of one customer, and the box on it that adds to its history."""

from datetime import date
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from analytics.customer_page.activity import WINDOWS, activity, window_of
from analytics.customer_page.composer import EMAIL, NoteForm
from analytics.customer_page.forecast import forecast_chart, forecast_days, forecasts
from analytics.customer_page.history import first_blocked, may_be_blocked_longer, recent_snapshots, score_chart
from analytics.customer_page.provenance import origins, rows_behind
from analytics.customer_page.score_card import score_lines
from analytics.customer_page.steps import steps
from analytics.customer_page.timeline import OFFERED, may_open, page_number, parse_filter, timeline
from analytics.customer_page.todo import todo
from analytics.customer_page.what_changed import what_changed
from analytics.display.source_list import source_list
from analytics.models import Destination
from analytics.outreach.recipients import contacts_of, recipients_at
from analytics.outreach.scheduled import scheduled_for
from analytics.outreach.sending import closed_mailboxes, customers_to_write, why_closed
from analytics.outreach.views import preview_typed
from analytics.page_cache import page_cache
from analytics.pages.as_of import AsOf, as_of
from analytics.pages.etag import answers_refresh
from analytics.pages.feeds import known_feed_states
from analytics.pages.user_summary import user_summary
from analytics.playbooks.listing import runs_of, with_playbooks
from analytics.portfolio.comparison import WEEK, kept_comparison_dates
from analytics.portfolio.figures import Progress
from analytics.portfolio.score_change import score_changes
from analytics.portfolio.status_change import status_change
from analytics.scoring.definitions import status_definition, trend_definition
from customers.clock import program_today
from customers.core.pages import admin_page, admin_response, sent_by_form, user_of
from customers.core.people import name_of
from customers.editing.form_keys import create_once
from customers.imports.key_changes import changed_keys, pairs_of
from customers.models import Customer, Step
from customers.text.say import say

OWN_PARAMETERS = ("activity", "timeline", "told")
"""What the page's address says of the page alone; the rest are the dashboard's filters, for the way back."""


class ChangedKeysKey(page_cache.DataKey):
    """Of the customers who have, or may have, another key."""


class HasDestinationsKey(page_cache.StateKey):
    """Of whether there is any CRM that customers are pushed to."""


class ClosedMailboxesKey(page_cache.StateKey):
    """Of the mailboxes of customers who are not to be contacted."""


@admin_page("customers.view_customer")
@answers_refresh
def customer(request: HttpRequest, pk: str) -> HttpResponse:
    """One customer: what is known, how the score comes about, what happened, what to do."""
    return _page(request, _find(request, pk), NoteForm())


@admin_page("customers.view_customer", "customers.add_note")
@sent_by_form(lambda pk: f"{reverse('analytics:customer', args=[pk])}#composer")
def add_to_history(request: HttpRequest, pk: str) -> HttpResponseBase:
    """Add a note to the customer's history, or preview the email that was typed."""
    return preview_typed(request, pk=pk) if request.POST.get("kind") == EMAIL else _add_note(request, pk)


@create_once
def _add_note(request: HttpRequest, pk: str) -> HttpResponse:
    found = _find(request, pk)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, HTTPStatus.UNPROCESSABLE_ENTITY)
    form.instance.customer = found
    form.instance.author = name_of(user_of(request))
    note = form.save()
    messages.success(request, say("{kind} added to the history.", kind=note.get_kind_display()))
    # On the newest date, where it shows.
    query = _query(request, but=(*OWN_PARAMETERS, "as_of"))
    return redirect(f"{reverse('analytics:customer', args=[found.pk])}{query}#timeline")


def _find(request: HttpRequest, pk: str) -> Customer:
    """The customer with all that is known by hand."""
    customers = with_playbooks(customers_to_write()).select_related("missing_since", "onboarding", "care__owner")
    return get_object_or_404(customers, pk=pk)


def _page(request: HttpRequest, found: Customer, form: NoteForm, status: int = 200) -> HttpResponse:
    onboarding = getattr(found, "onboarding", None)
    shown = as_of(request)
    version = user_summary(request).version
    concerned = page_cache.get_or_set(ChangedKeysKey(version=version.data), changed_keys)
    pairs = pairs_of(found) if found.pk in concerned else []
    contacts = contacts_of(found)
    closed = page_cache.get_or_set(ClosedMailboxesKey(version=version), closed_mailboxes)
    context = {
        "title": found.organization,
        "customer": found,
        "care": getattr(found, "care", None),
        "no_contact": why_closed(found, closed, has_former_key=bool(pairs)),
        "contacts": contacts,
        "addressees": recipients_at(found, contacts, closed),
        "key_changes": pairs,
        "onboarding": onboarding,
        "origins": origins(found, onboarding, version.data),
        "as_of": shown,
        "feeds": known_feed_states(version.data),
        "note_form": form,
        "scheduled": scheduled_for(found),
        "has_crm": page_cache.get_or_set(HasDestinationsKey(version=version), Destination.objects.exists),
        "playbook_runs": runs_of(found) if shown.is_newest else [],
        "back_query": _query(request, but=OWN_PARAMETERS),
        "source_list": source_list(request),
        **_scored(request, found, shown),
    }
    return admin_response(request, "analytics/customer_page/page.html", context, status=status)


def _scored(request: HttpRequest, found: Customer, shown: AsOf) -> dict[str, object]:
    """Return what to do and what happened, and all that the page shows of a customer with a snapshot on its date."""
    day = shown.portfolio.date if shown.portfolio else program_today()
    snapshots = recent_snapshots(found, day) if shown.portfolio else []
    if not snapshots or snapshots[-1].date != day:
        # Whoever is not scored yet may have been called all the same; on an earlier date there is nothing to tell.
        return {**todo(request, found, None), **(_history(request, found, day, shown) if shown.is_newest else {})}
    snapshot = snapshots[-1]
    version = user_summary(request).version.data
    since = kept_comparison_dates(version, day)
    then = next((one for one in snapshots if one.date == since[WEEK]), None)
    rows = rows_behind(snapshot)
    done, dated = steps(found, {step.value: getattr(snapshot, step.value) for step in Step})
    return {
        "snapshot": snapshot,
        "components": score_lines(snapshot),
        "definitions": {
            "status": status_definition(snapshot.policy),
            "trend": trend_definition(snapshot.policy),
            "progress": Progress.definition,
        },
        "score_changes": score_changes(snapshots, since),
        "status_change": status_change(snapshots),
        "change": what_changed(found, then, snapshot) if then else None,
        "score_chart": score_chart(snapshots) if len(snapshots) > 1 else None,
        "forecasts": forecasts(found, snapshot, forecast_days(version, day)),
        "forecast_chart": forecast_chart(snapshots),
        "rows": rows,
        "steps": done,
        "days_since_signup": (day - found.signup_date).days,
        "first_blocked": first_blocked(snapshots),
        "blocked_longer": may_be_blocked_longer(found, snapshots),
        "activity": activity(found, snapshot, window_of(request.GET.get("activity", "")), rows),
        "windows": WINDOWS,
        "alerts": found.alerts.open_on(day) if request.user.has_perm("analytics.view_alert") else [],
        **_history(request, found, day, shown, dated),
        **todo(request, found, snapshot),
    }


def _history(
    request: HttpRequest, found: Customer, day: date, shown: AsOf, dated: frozenset[str] = frozenset()
) -> dict[str, object]:
    """Return a page of what happened up to a day, as the address narrows it."""
    return {
        "timeline": timeline(
            found,
            day,
            is_newest=shown.is_newest,
            chosen=parse_filter(request.GET.get("told", "")),
            number=page_number(request.GET.get("timeline", "")),
            dated_steps=dated,
        ),
        "kinds": OFFERED,
        "may_open": may_open(user_of(request)),
    }


def _query(request: HttpRequest, *, but: tuple[str, ...]) -> str:
    """The address's query without some parameters, with its question mark; '' where none is left."""
    kept = request.GET.copy()
    for name in but:
        kept.pop(name, None)
    return f"?{kept.urlencode()}" if kept else ""
