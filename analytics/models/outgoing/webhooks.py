"""The endpoints that events are sent to."""

from typing import Self

from django.db import models


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    """Endpoints by whether anything is sent to them."""

    def enabled(self) -> Self:
        """Keep those that are on."""
        return self.filter(enabled=True)


class WebhookEndpoint(models.Model):
    """An address of another tool, and the kinds of events that it is told of."""

    url = models.URLField("URL", max_length=500)
    kinds = models.JSONField("events", default=list, help_text="The kinds of events that are sent to it.")
    enabled = models.BooleanField("on", default=True)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.url
