"""What has happened that other tools may be told of, stored in the transaction of what it tells."""

import base64
import secrets

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.text.choices import SpokenChoices

UID_LENGTH = 26


def new_uid() -> str:
    """Return the identity of a new event: ``evt_`` and 26 letters and digits, which nobody guesses."""
    return f"evt_{base64.b32encode(secrets.token_bytes(17)).decode()[:UID_LENGTH].lower()}"


class EventKind(SpokenChoices):
    """What an event tells; ``webhook_events.kinds`` says when, and what its ``data`` hold."""

    STATUS_CHANGED = "customer.status_changed", _("Customer: health status changed")
    AT_RISK = "customer.at_risk", _("Customer: became at risk")
    ONBOARDING_COMPLETED = "customer.onboarding_completed", _("Customer: onboarding completed")
    STEP_COMPLETED = "customer.step_completed", _("Customer: onboarding step completed")
    ALERT_OPENED = "alert.opened", _("Alert: opened")
    ALERT_CLOSED = "alert.closed", _("Alert: closed")
    TASK_CREATED = "task.created", _("Task: created")
    TASK_CLOSED = "task.closed", _("Task: closed")
    FORECAST_CROSSED = "forecast.crossed", _("Forecast: became likely, or no longer is")
    RUN_FINISHED = "run.finished", _("Import run: finished")
    NIGHT_FINISHED = "night.finished", _("Nightly run: finished")
    NIGHT_FAILED = "night.failed", _("Nightly run: failed")


class WebhookEvent(models.Model):
    """Something that happened, as endpoints are told it; never changed, but that it was ``handed_out`` to them.

    ``uid`` is the ``webhook-id`` of all its deliveries. ``data`` hold the old and the new value, and of the customer
    nothing but the organisation. An erasure takes a customer's events with it.
    """

    uid = models.CharField(max_length=4 + UID_LENGTH, unique=True, default=new_uid, editable=False)
    kind = models.CharField(max_length=40, choices=EventKind)
    occurred_at = models.DateTimeField(default=timezone.now)
    as_of = models.DateField(_("scored date"), null=True)
    customer = models.ForeignKey(Customer, models.CASCADE, null=True, related_name="webhook_events")
    data = models.JSONField(default=dict)
    handed_out = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering = ["pk"]
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        default_permissions = ()
        indexes = [
            models.Index(fields=["occurred_at"], name="webhook_event_occurred_at"),
            models.Index(fields=["id"], condition=models.Q(handed_out=False), name="webhook_event_not_handed_out"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"
