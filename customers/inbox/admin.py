"""The inbox in the admin: what came by the API, batch by batch, and what was done with each event."""

import json
from collections import Counter
from datetime import datetime

from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from customers.editing.model_admin import ReadOnlyAdmin, count_column
from customers.inbox.events import STEP_PREFIX, TYPES
from customers.inbox.spool import set_aside_in_words
from customers.models import Batch, InboxEvent
from customers.runs.page import run_address
from customers.text import written
from customers.text.codes import code_in_words
from customers.text.quoted import cut
from customers.text.say import say

State = InboxEvent.State
_COLOURS = {
    **dict.fromkeys(State.values, "default"),
    "waiting": "info",
    "loaded": "success",
    "invalid": "danger",
    "quarantined": "warning",
    "refused": "warning",
}
SHORT_REASON = 80
EVENTS, QUARANTINE = "admin:customers_inboxevent_changelist", "admin:customers_quarantinedrow_changelist"


def type_in_words(event_type: str) -> str:
    """Return what an event is about, as people say it."""
    return gettext(code_in_words(event_type.removeprefix(STEP_PREFIX)))


IN_WORDS = (
    gettext_noop("Welcome email sent"),
    gettext_noop("Account created"),
    gettext_noop("GitHub action installed"),
    gettext_noop("First issue tagged"),
    gettext_noop("First PR generated"),
    gettext_noop("Issue resolution"),
    gettext_noop("Support request"),
    gettext_noop("PR merged"),
    gettext_noop("PR rejected"),
)
"""What the types are called, for the catalogues."""


class TypeFilter(admin.SimpleListFilter):
    """Filter by what the product reported; the types are known without asking the table."""

    title = _("event type")
    parameter_name = "event_type"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(name, type_in_words(name)) for name in TYPES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset.filter(event_type=self.value()) if self.value() in TYPES else queryset


def in_one_line(at: datetime) -> str:
    """Return a moment in the reader's zone, in one line."""
    return written.moment(at).replace(" ", "\u00a0")


def sender(batch: Batch) -> str:
    """Return the account that sent a batch, and the token that it used."""
    return f"{batch.token.user.get_username()}, {batch.token.name}" if batch.token else gettext("a deleted account")


def link_to(address: str, text: str) -> str:
    """Return a link."""
    return format_html('<a class="underline" href="{}">{}</a>', address, text)


def wrapped(text: str) -> str:
    """Return a text that breaks wherever the page ends."""
    return format_html('<code class="rsolv-hash">{}</code>', text)


def run_link(run: int | None) -> str | None:
    """Return a link to the run that loaded something; None where none did."""
    return None if run is None else link_to(run_address(run), say("run {number}", number=str(run)))


def events_link(text: str, **lookups: str) -> str:
    """Return a link to the list of events that the lookups ask for."""
    return link_to(f"{reverse(EVENTS)}?{urlencode(lookups)}", text)


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    """What came by the API, request by request."""

    nothing_yet = _("Each request by which the product reports events, or a program sends rows, gets a line here.")
    list_display = ["received", "kind", "feed", "sent_by", count_column(Batch, "entries"), "waiting", "not_loaded"]
    list_filter = ["kind", "feed"]
    list_select_related = ["token__user", "run"]
    readonly_fields = ["received", "sent_by", "results", "loaded_by"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        """Return the batches, with how many of their events wait and how many were not loaded."""
        return Batch.objects.with_counts()

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Return what a batch says: one of events has neither a feed nor a run of its own."""
        of_rows = ("feed", "loaded_by") if isinstance(obj, Batch) and obj.kind == Batch.Kind.ROWS else ()
        return ("received", "kind", *of_rows, "sent_by", "entries", "results", "id")

    @admin.display(description=_("received"), ordering="received_at")
    def received(self, batch: Batch) -> str:
        """Return when it came."""
        return in_one_line(batch.received_at)

    @admin.display(description=_("sent by"))
    def sent_by(self, batch: Batch) -> str:
        """Return who sent it."""
        return sender(batch)

    @admin.display(description=_("waiting"))
    def waiting(self, batch: Batch) -> str:
        """Return how many of its events wait for the next ingest."""
        number = batch.waiting_events
        return events_link(written.number(number), batch=str(batch.pk), state__exact=State.WAITING) if number else "–"

    @admin.display(description=_("not loaded"))
    def not_loaded(self, batch: Batch) -> str:
        """Return how many of its entries are quarantined, refused or invalid."""
        if batch.run is not None:
            number = batch.run.quarantined + batch.run.left_out
            return link_to(f"{reverse(QUARANTINE)}?run={batch.run_id}", written.number(number)) if number else "–"
        number = batch.events_not_loaded
        return events_link(written.number(number), batch=str(batch.pk)) if number else "–"

    @admin.display(description=_("results"))
    def results(self, batch: Batch) -> str:
        """Return how many of its entries ended how; of events each number leads to them."""
        if batch.kind == Batch.Kind.ROWS:
            return ", ".join(
                f"{written.number(number)} {gettext(state)}" for state, number in Counter(batch.states).items()
            )
        labels = {one.value: one.label.lower() for one in State}
        found = batch.events.order_by("state").values_list("state").annotate(Count("pk"))
        links = (
            (events_link(f"{written.number(number)} {labels[state]}", batch=str(batch.pk), state__exact=state),)
            for state, number in found
        )
        return format_html_join(", ", "{}", links)

    @admin.display(description=_("loaded by"))
    def loaded_by(self, batch: Batch) -> str | None:
        """Return the run that loaded its rows."""
        return run_link(batch.run_id)


@admin.register(InboxEvent)
class InboxEventAdmin(ReadOnlyAdmin):
    """What the product reported, event by event, and what was done with it."""

    called = _("Inbox")
    nothing_yet = _("Each event that the product reports gets a line here.")
    list_before_template = "customers/inbox/tools.html"
    list_display = ["received", "what", "customer_key", "occurred", "pill", "loaded_by", "short_reason"]
    list_filter = ["state", TypeFilter]
    list_select_related = ["batch__token__user"]
    search_fields = ["=customer_key", "=event_id"]
    asked_by_links = ("batch", "run")
    fields = [
        *("received", "sent_by", "what", "customer_key", "occurred", "shown_id", "shown_metadata"),
        *("state", "reason", "loaded_by", "in_batch"),
    ]
    readonly_fields = [
        "received",
        "sent_by",
        "what",
        "occurred",
        "shown_id",
        "shown_metadata",
        "loaded_by",
        "in_batch",
    ]

    def list_context(self, request: HttpRequest) -> dict[str, object]:
        """Return besides how the list is narrowed which files could not be brought into it."""
        return {**super().list_context(request), "aside": set_aside_in_words()}

    @admin.display(description=_("received"))
    def received(self, event: InboxEvent) -> str:
        """Return when its batch came."""
        return in_one_line(event.batch.received_at)

    @admin.display(description=_("sent by"))
    def sent_by(self, event: InboxEvent) -> str:
        """Return who sent it."""
        return sender(event.batch)

    @admin.display(description=_("event"))
    def what(self, event: InboxEvent) -> str:
        """Return what it is about."""
        return type_in_words(event.event_type).replace(" ", "\u00a0") or "–"

    @admin.display(description=_("occurred"), ordering="occurred_at")
    def occurred(self, event: InboxEvent) -> str:
        """Return when it occurred."""
        return in_one_line(event.occurred_at)

    @display(description=_("state"), ordering="state", label=_COLOURS)  # type: ignore[arg-type]  # the theme types it as a str
    def pill(self, event: InboxEvent) -> tuple[str, str]:
        """Return what was done with it, as a pill."""
        return event.state, event.get_state_display()

    @admin.display(description=_("reason"))
    def short_reason(self, event: InboxEvent) -> str:
        """Return the beginning of the reason."""
        return cut(event.reason, SHORT_REASON)

    @admin.display(description=_("event id"))
    def shown_id(self, event: InboxEvent) -> str | None:
        """Return its id, if it has one."""
        return wrapped(event.event_id) if event.event_id else None

    @admin.display(description=_("metadata"))
    def shown_metadata(self, event: InboxEvent) -> str:
        """Return what it says besides."""
        return wrapped(json.dumps(event.metadata, ensure_ascii=False))

    @admin.display(description=_("loaded by"))
    def loaded_by(self, event: InboxEvent) -> str | None:
        """Return the run that loaded it."""
        return run_link(event.run_id)

    @admin.display(description=_("batch"))
    def in_batch(self, event: InboxEvent) -> str:
        """Return a link to its batch, with its place in it as the API tells it."""
        return link_to(
            reverse("admin:customers_batch_change", args=[event.batch_id]),
            say("index {number}", number=str(event.position)),
        )
