"""What came in by the API: batches, and the product's events, which wait here until ``ingest`` loads them."""

import uuid
from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.fields import KeyField
from customers.models.feeds import FeedName
from customers.text.choices import SpokenChoices
from customers.text.say import say


class BatchQuerySet(models.QuerySet["Batch"]):
    """Batches with what was done with their events."""

    def with_counts(self) -> Self:
        """Return the batches with ``waiting_events`` and ``events_not_loaded``."""
        events = InboxEvent.objects.filter(batch=models.OuterRef("pk")).order_by().values("batch")

        def count(*states: InboxEvent.State) -> Coalesce:
            number = events.filter(state__in=states).annotate(number=models.Count("pk")).values("number")
            return Coalesce(models.Subquery(number), 0, output_field=models.IntegerField())

        state = InboxEvent.State
        bad = (state.QUARANTINED, state.REFUSED, state.INVALID)
        return self.annotate(waiting_events=count(state.WAITING), events_not_loaded=count(*bad))


class Batch(models.Model):
    """One request that brought events of the product, or rows of a feed, and the token that it came with.

    ``entries`` is how many it brought. ``states`` are what became of rows, in their order; events have a row each.
    ``digest`` is the SHA-256 of rows that came with an idempotency key: a key stands for one body.
    """

    class Kind(SpokenChoices):
        """Events wait for the next ingest; rows of a feed are loaded at once."""

        EVENTS = "events", _("Events")
        ROWS = "rows", _("Rows")

    MAX_KEY_LENGTH = 255

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    token = models.ForeignKey(
        "customers.ApiToken", models.SET_NULL, related_name="+", null=True, verbose_name=_("token")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.EVENTS)
    feed = models.CharField(_("feed"), max_length=20, choices=FeedName, blank=True)
    received_at = models.DateTimeField(_("received"), default=timezone.now, db_index=True)
    entries = models.PositiveIntegerField(_("entries"), default=0)
    idempotency_key = models.CharField(_("idempotency key"), max_length=MAX_KEY_LENGTH, blank=True)
    digest = models.CharField(_("SHA-256"), max_length=64, blank=True)
    run = models.ForeignKey("customers.ImportRun", models.PROTECT, related_name="+", null=True, verbose_name=_("run"))
    states = models.JSONField(_("states"), default=list)

    waiting_events = 0
    events_not_loaded = 0
    """How many events wait, and how many are quarantined, refused or invalid; ``with_counts`` sets both."""

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at", "-pk"]
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["token", "idempotency_key"], condition=~Q(idempotency_key=""), name="batch_once"
            )
        ]

    def __str__(self) -> str:
        return say("Batch {key}", key=str(self.pk)[:8])


class InboxEventQuerySet(models.QuerySet["InboxEvent"]):
    """Events of the product by what became of them."""

    def waiting(self) -> Self:
        """Return the events that no ingest has looked at yet."""
        return self.filter(state=InboxEvent.State.WAITING)


class InboxEvent(models.Model):
    """One event that the product reported: what it says, and what became of it.

    ``position`` is its place in the body, from 0. ``occurred_at`` is when it was received, where it does not say
    when it occurred. ``event_id`` is unique for a token, whose column is here for that; a second event with it is
    there as ``DUPLICATE``. One that is ``INVALID``, ``DUPLICATE`` or ``REFUSED`` has no metadata, and a refused one
    names nobody.
    """

    class State(SpokenChoices):
        """``superseded``: a file has said it; ``refused``: the customer was erased."""

        WAITING = "waiting", _("Waiting")
        LOADED = "loaded", _("Loaded")
        UNCHANGED = "unchanged", _("Unchanged")
        SUPERSEDED = "superseded", _("In a file already")
        DUPLICATE = "duplicate", _("Duplicate")
        QUARANTINED = "quarantined", _("Quarantined")
        REFUSED = "refused", _("Refused")
        INVALID = "invalid", _("Invalid")

    MAX_ID_LENGTH = 200
    MAX_TYPE_LENGTH = 100

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="events")
    token = models.ForeignKey("customers.ApiToken", models.SET_NULL, related_name="+", null=True, db_index=False)
    position = models.PositiveIntegerField()
    event_id = models.CharField(_("event id"), max_length=MAX_ID_LENGTH, blank=True)
    event_type = models.CharField(max_length=MAX_TYPE_LENGTH, blank=True)
    customer_key = KeyField(_("customer"), blank=True)
    occurred_at = models.DateTimeField(_("occurred"))
    metadata = models.JSONField(default=dict)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.WAITING)
    reason = models.TextField(_("reason"), blank=True)
    run = models.ForeignKey("customers.ImportRun", models.PROTECT, related_name="+", null=True)

    objects = InboxEventQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("inbox event")
        verbose_name_plural = _("inbox events")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["token", "event_id"],
                condition=~Q(event_id="") & ~Q(state__in=["duplicate", "invalid"]),
                name="event_once",
            )
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="waiting"), name="event_waiting"),
            models.Index(fields=["customer_key"], name="inbox_event_customer"),
        ]

    def __str__(self) -> str:
        what = self.event_type or gettext("Event")
        return say("{what} of customer {key}", what=what, key=self.customer_key or "–")
