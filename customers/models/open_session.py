"""The sessions of users, so that they can see and end them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.text.say import say


class OpenSession(models.Model):
    """A session of a logged-in user, beside Django's own row, whose content no query can read."""

    MAX_BROWSER = 300

    key = models.CharField(max_length=40, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    started = models.DateTimeField()
    seen = models.DateTimeField()
    address = models.GenericIPAddressField(_("IP address"), null=True)
    browser = models.CharField(max_length=MAX_BROWSER, blank=True)

    class Meta:
        ordering = ["-seen", "-pk"]
        verbose_name = _("open session")
        verbose_name_plural = _("open sessions")
        default_permissions = ()

    def __str__(self) -> str:
        return say("session {number}", number=str(self.pk))
