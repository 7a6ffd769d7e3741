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


class AuditEntry(models.Model):
    """An action of somebody, in texts without foreign keys, so that it outlives what it is about.

    ``changes`` has for each field its value before and after; ``text`` says the same in words, for the search, after
    whatever else there is to say. ``customer`` is the key of the customer whom the texts are about, if it is one.
    """

    class Action(models.TextChoices):
        """The kind of action."""

        ADD = "add", "Added"
        CHANGE = "change", "Changed"
        DELETE = "delete", "Deleted"
        RIGHTS = "rights", "Permissions changed"
        LOGIN = "login", "Logged in"
        LOGOUT = "logout", "Logged out"
        LOGIN_FAILED = "login_failed", "Login failed"
        UPLOAD = "upload", "Upload"
        IMPORT = "import", "Import"
        REPLAY = "replay", "Replay"
        UNDO = "undo", "Undo"
        FIX = "fix", "Row fixed"
        EXPORT = "export", "Export"
        MAIL = "mail", "Email"
        COMMAND = "command", "Command"
        ERASE = "erase", "Erased"

    MAX_SUBJECT_LENGTH = 300

    at = models.DateTimeField("when", default=timezone.now, db_index=True)
    actor = models.CharField("who", max_length=150, blank=True)
    action = models.CharField(max_length=20, choices=Action)
    model = models.CharField("kind", max_length=100, blank=True)
    key = models.CharField(max_length=64, blank=True)
    subject = models.CharField("what", max_length=MAX_SUBJECT_LENGTH, blank=True)
    customer = models.CharField(max_length=64, blank=True, db_index=True)
    changes = models.JSONField(default=dict, blank=True)
    text = models.TextField("details", blank=True)
    source = models.CharField("from where", max_length=200, blank=True)
    address = models.GenericIPAddressField("IP address", null=True, blank=True)
    request = models.CharField("request or command", max_length=32, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        default_permissions = ("view",)
        permissions = [("export_auditentry", "Can export the audit")]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.subject}"
