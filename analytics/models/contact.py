"""E-mails to customers: the templates, and what was sent."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from analytics.models.tasks import Task
from customers.models import Customer


class MailTemplate(models.Model):
    """A subject and a text with placeholders such as ``{organization}``, for a situation."""

    class Situation(models.TextChoices):
        """When to write."""

        BLOCKER = "blocker", "Something blocks the onboarding"
        AT_RISK = "at_risk", "At risk"
        INACTIVE = "inactive", "Inactive"
        CHECK_IN = "check_in", "Check-in"
        MILESTONE = "milestone", "Milestone"

    name = models.CharField(max_length=100, unique=True)
    situation = models.CharField(max_length=20, choices=Situation)
    subject = models.CharField(max_length=200)
    body = models.TextField("text")
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["situation", "name"]

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """An e-mail to a customer, kept as it was sent; ``sent_by`` is a login, which outlives its user."""

    class State(models.TextChoices):
        """Stored as sending before the mail server is asked, so that nothing is sent that is not on record."""

        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"

    KEPT_BY_HAND = True
    """So a customer who was written to stays when the import that brought it is undone."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="mails")
    template = models.ForeignKey(MailTemplate, models.SET_NULL, null=True, blank=True)
    task = models.ForeignKey(Task, models.SET_NULL, null=True, blank=True, related_name="mails")
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    sent_by = models.CharField(max_length=150)
    recipient = models.CharField(max_length=254)
    reply_to = models.CharField(max_length=254, blank=True)
    subject = models.CharField(max_length=200)
    body = models.TextField("text")
    message_id = models.CharField(max_length=255, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.SENDING)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        permissions = [("contact_customer", "Can write to customers")]

    def __str__(self) -> str:
        return self.subject
