"""What to be told of, what is told, and to whom it was sent."""

from typing import Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from customers.models import Customer, FeedName


class AlertRule(models.Model):
    """One kind of alert: when it is raised, who hears of it, and how far it must recover to close by itself.

    ``recovery`` keeps a value that flaps about the threshold from raising an alert each time: points above the
    threshold for scores, days without the condition for the others.
    """

    class Kind(models.TextChoices):
        """What the alert is about; those with an N take the threshold."""

        AT_RISK = "at_risk", "Became at risk"
        INACTIVE = "inactive", "Became inactive"
        FELL = "fell", "Score fell by N points in 7 days"
        BLOCKED = "blocked", "Blocked for N days"
        NO_FIRST_PR = "no_first_pr", "No first PR N days after signup"
        FEED = "feed", "Feed late or refused"

    class Audience(models.TextChoices):
        """Who is told."""

        OWNER = "owner", "The customer's owner"
        MANAGERS = "managers", "Program managers"
        BOTH = "both", "The owner and the program managers"

    NEED_THRESHOLD = (Kind.FELL, Kind.BLOCKED, Kind.NO_FIRST_PR)

    kind = models.CharField(max_length=20, choices=Kind, unique=True)
    threshold = models.PositiveSmallIntegerField("N", null=True, blank=True)
    recovery = models.PositiveSmallIntegerField(default=3)
    audience = models.CharField(max_length=10, choices=Audience, default=Audience.OWNER)
    active = models.BooleanField("on", default=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return (
            self.get_kind_display().replace("N ", f"{self.threshold} ", 1)
            if self.threshold
            else (self.get_kind_display())
        )

    def clean(self) -> None:
        """A rule with an N has one of at least 1, the others have none."""
        if self.kind in self.NEED_THRESHOLD and not self.threshold:
            raise ValidationError({"threshold": "This rule needs its N."})
        if self.kind and self.kind not in self.NEED_THRESHOLD and self.threshold is not None:
            raise ValidationError({"threshold": "This rule has no N."})


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts by whether they still hold."""

    def open(self) -> Self:
        """Those that have not recovered."""
        return self.filter(closed_on=None)


class Alert(models.Model):
    """Something about a customer (or a feed) that somebody should know; one open for a rule and customer.

    The dates are scored dates. ``acknowledged_by`` and ``snoozed_by`` are logins.
    """

    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="alerts", db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, null=True, blank=True, related_name="alerts")
    feed = models.CharField(max_length=20, choices=FeedName, blank=True)
    opened_on = models.DateField()
    last_seen_on = models.DateField("last scored date on which it held")
    closed_on = models.DateField(null=True, blank=True)
    text = models.CharField(max_length=500)
    worse_on = models.DateField("last date on which it grew worse", null=True, blank=True)
    value = models.IntegerField("value when it was raised, or at its worst", null=True, blank=True)
    raised_at = models.DateTimeField(default=timezone.now)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    snoozed_until = models.DateField(null=True, blank=True)
    note = models.TextField(blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_on", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "customer"],
                condition=models.Q(closed_on=None, customer__isnull=False),
                name="alert_open_once_a_customer",
            ),
            models.UniqueConstraint(
                fields=["rule", "feed"],
                condition=models.Q(closed_on=None, customer__isnull=True),
                name="alert_open_once_a_feed",
            ),
        ]
        permissions = [("act_on_alert", "Can acknowledge and snooze alerts")]

    def __str__(self) -> str:
        return self.text


class Digest(models.Model):
    """A digest for one person (or channel) and night; it is claimed before it is sent, and sent once."""

    class Kind(models.TextChoices):
        """What is summed up."""

        ALERTS = "alerts", "Alerts of the night"
        WEEKLY = "weekly", "Portfolio of the week"

    class State(models.TextChoices):
        """Claimed by a process, sent, or to be tried again."""

        CLAIMED = "claimed", "Claimed"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"

    kind = models.CharField(max_length=10, choices=Kind)
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True)
    channel = models.CharField("fingerprint of the channel's address", max_length=64, blank=True)
    day = models.DateField()
    state = models.CharField(max_length=10, choices=State, default=State.CLAIMED)
    claimed_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "recipient", "day"],
                condition=models.Q(recipient__isnull=False),
                name="digest_once_a_person",
            ),
            models.UniqueConstraint(
                fields=["kind", "channel", "day"],
                condition=models.Q(recipient__isnull=True),
                name="digest_once_a_channel",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.day}"
