"""Entries of the audit."""

from typing import Any

from customers.models import AuditEntry

HOSTILE = '=1+1 <script>alert("x")</script> \u202e&amp; é'
LIST = "/admin/customers/auditentry/"


def entries(**wanted: Any) -> list[AuditEntry]:
    """The entries that are as wanted, in their order."""
    return list(AuditEntry.objects.filter(**wanted).order_by("pk"))


def newest() -> AuditEntry:
    """The newest entry."""
    return AuditEntry.objects.latest("pk")


def entry_of(action: str, **wanted: Any) -> AuditEntry:
    """The only entry of an action."""
    [found] = entries(action=action, **wanted)
    return found
