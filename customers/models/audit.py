"""The audit's one table: who did what, when, to what, and from which value to which.

A small model of our own rather than django-auditlog: that one hears ``save()`` and ``delete()`` alone, while owners,
alerts, tasks and mails are changed by conditional updates of many rows, and logins, exports, imports and commands are
no rows at all. It would have to be written to by hand for all of these, and would bring foreign keys, a middleware and
an admin that allow what must not be possible here. The admin's own log stays what it was: the history of one object.

A migration lets the database itself refuse to change or delete an entry; ``trail.writable`` is the way past it. On
SQLite, a migration that alters this table makes it anew, and has to make its triggers again.
"""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from customers.text.choices import SpokenChoices


class AuditEntry(models.Model):
    """An action of somebody, in texts without foreign keys, so that it outlives what it is about.

    ``changes`` has for each field its value before and after; ``text`` says the same in words, for the search, after
    whatever else there is to say. ``customer`` is the key of the customer whom the texts are about, if it is one.
    """

    class Action(SpokenChoices):
        """The kind of action."""

        ADD = "add", _("Added")
        CHANGE = "change", _("Changed")
        DELETE = "delete", _("Deleted")
        RIGHTS = "rights", _("Permissions changed")
        LOGIN = "login", _("Logged in")
        LOGOUT = "logout", _("Logged out")
        LOGIN_FAILED = "login_failed", _("Login failed")
        UPLOAD = "upload", _("Upload")
        IMPORT = "import", _("Import")
        REPLAY = "replay", _("Replay")
        UNDO = "undo", _("Undo")
        FIX = "fix", _("Row fixed")
        EXPORT = "export", _("Export")
        MAIL = "mail", _("Email")
        COMMAND = "command", _("Command")
        ERASE = "erase", _("Erased")

    MAX_SUBJECT_LENGTH = 300

    at = models.DateTimeField(_("when"), default=timezone.now, db_index=True)
    actor = models.CharField(_("who"), max_length=150, blank=True)
    action = models.CharField(_("action"), max_length=20, choices=Action)
    model = models.CharField(_("kind"), max_length=100, blank=True)
    key = models.CharField(max_length=64, blank=True)
    subject = models.CharField(_("what"), max_length=MAX_SUBJECT_LENGTH, blank=True)
    customer = models.CharField(max_length=64, blank=True, db_index=True)
    changes = models.JSONField(default=dict, blank=True)
    text = models.TextField(_("details"), blank=True)
    source = models.CharField(_("from where"), max_length=200, blank=True)
    address = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    request = models.CharField(_("request or command"), max_length=32, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        default_permissions = ("view",)
        permissions = [("export_auditentry", gettext_noop("Can export the audit"))]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.subject}"
