"""Where somebody is logged in, so that they can see it and end it."""

from django.conf import settings
from django.db import models


class OpenSession(models.Model):
    """A session of Django's that somebody logged in with; Django's own row has its content, which no query reads."""

    LONGEST_BROWSER = 300

    key = models.CharField(max_length=40, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    started = models.DateTimeField()
    seen = models.DateTimeField()
    address = models.GenericIPAddressField("IP address", null=True)
    browser = models.CharField(max_length=LONGEST_BROWSER, blank=True)

    class Meta:
        ordering = ["-seen", "-pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"session {self.pk}"
