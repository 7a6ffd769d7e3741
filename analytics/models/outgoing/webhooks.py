"""The endpoints that events are sent to, what is sent to each, and every attempt at it."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.models.outgoing.events import EventKind, WebhookEvent
from analytics.models.outgoing.outbox import OutboxEntry
from customers.text import written
from customers.text.choices import SpokenChoices
from customers.text.text_fields import LongText


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    """Endpoints by whether anything is sent to them."""

    def enabled(self) -> Self:
        """Keep those that are on."""
        return self.filter(enabled=True)

    def given_up(self) -> Self:
        """Keep those that were turned off because of what their receivers answered."""
        return self.filter(enabled=False).exclude(off_because="")


class WebhookEndpoint(models.Model):
    """An address of another tool, and the kinds of events that it is told of.

    ``cohort`` and ``owner`` narrow the customers whose events are told; what is about no customer is always told.
    Of a secret only what it is derived from is kept, see ``webhooks.signing``. After a rotation the earlier one signs,
    too, until ``earlier_until``. ``off_because`` says why we have turned it off, and ``told_at`` when that was mailed.
    """

    name = models.CharField(
        _("name"), max_length=100, help_text=_("What receives the events, such as “Slack bridge”.")
    )
    url = models.URLField(_("URL"), max_length=500)
    kinds = models.JSONField(_("events"), default=list, help_text=_("The kinds of events that are sent to it."))
    cohort = models.CharField(_("cohort"), max_length=100, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("owner")
    )
    enabled = models.BooleanField(_("on"), default=True)
    secret = models.CharField(max_length=64, editable=False)
    earlier_secret = models.CharField(max_length=64, blank=True, editable=False)
    earlier_until = models.DateTimeField(_("earlier secret valid until"), null=True, editable=False)
    rests_until = models.DateTimeField(_("nothing is sent before"), null=True, editable=False)
    off_because = models.CharField(_("turned off because"), max_length=300, blank=True, editable=False)
    told_at = models.DateTimeField(null=True, editable=False)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return self.name

    @property
    def has_two_secrets(self) -> bool:
        """Whether the one before the last rotation signs, too."""
        return len(self.signing(timezone.now())) > 1

    def signing(self, now: datetime) -> list[str]:
        """Return what its valid secrets are derived from, the newest first."""
        both = self.earlier_secret and self.earlier_until and now < self.earlier_until
        return [self.secret, self.earlier_secret] if both else [self.secret]


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    """Deliveries by what is to be done with them."""

    def due(self, now: datetime, stuck_since: datetime) -> Self:
        """Keep those whose time has come, and those whose process has died; the ones of longest ago first."""
        state = WebhookDelivery.State
        dead = Q(state=state.CLAIMED, claimed_at__lt=stuck_since)
        return self.filter(Q(state=state.WAITING, due_at__lte=now) | dead).order_by("due_at", "pk")


class WebhookDelivery(OutboxEntry):
    """An event for an endpoint, or a test without an event; ``uid`` is its ``webhook-id``.

    It waits for ``due_at``, is claimed, and is sent, waits again, or has failed after the last of its ``tries``.
    """

    class State(SpokenChoices):
        """Where it stands."""

        WAITING = "waiting", _("Waiting")
        CLAIMED = "claimed", _("Being sent")
        SENT = "sent", _("Delivered")
        FAILED = "failed", _("Failed")

    endpoint = models.ForeignKey(
        WebhookEndpoint, models.CASCADE, related_name="deliveries", db_index=False, verbose_name=_("webhook")
    )
    event = models.ForeignKey(
        WebhookEvent, models.CASCADE, null=True, related_name="deliveries", verbose_name=_("event")
    )
    uid = models.CharField(_("webhook-id"), max_length=32)
    kind = models.CharField(_("event"), max_length=40, choices=EventKind)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    due_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    claimed_at = models.DateTimeField(_("claimed at"), null=True)
    sent_at = models.DateTimeField(_("delivered"), null=True)
    tries = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.CharField(_("reason"), max_length=300, blank=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("webhook delivery")
        default_permissions = ("view",)
        verbose_name_plural = _("webhook deliveries")
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="webhook_delivery_once_an_endpoint"),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "due_at"],
                condition=Q(state__in=["waiting", "claimed"]),
                name="webhook_delivery_due",
            ),
            models.Index(fields=["endpoint", "state", "id"], name="webhook_delivery_log"),
            models.Index(fields=["created_at"], name="webhook_delivery_created"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"

    @property
    def is_due(self) -> bool:
        """Return whether the next run tries it."""
        return self.due_at <= timezone.now()


class WebhookAttempt(models.Model):
    """One request of a delivery, and what came back: a status with the beginning of the answer, or why none."""

    delivery = models.ForeignKey(WebhookDelivery, models.CASCADE, related_name="attempts")
    at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    answer = LongText(blank=True)

    class Meta:
        ordering = ["pk"]
        verbose_name = _("webhook attempt")
        verbose_name_plural = _("webhook attempts")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{written.moment(self.at)}: {self.status or self.error}"
