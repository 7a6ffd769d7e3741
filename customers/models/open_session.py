"""The sessions of users, so that they can see and end them."""

from django.conf import settings
from django.db import models


class OpenSession(models.Model):
    """A session of a logged-in user, beside Django's own row, whose content no query can read."""

    MAX_BROWSER = 300

    key = models.CharField(max_length=40, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    started = models.DateTimeField()
    seen = models.DateTimeField()
    address = models.GenericIPAddressField("IP address", null=True)
    browser = models.CharField(max_length=MAX_BROWSER, blank=True)

    class Meta:
        ordering = ["-seen", "-pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"session {self.pk}"
