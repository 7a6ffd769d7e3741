"""For how long the ledger of imports is kept, and who was here.

The ledger: closed rows of the quarantine, and the journal that an undo needs.
"""

from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from customers.audit import trail
from customers.models import AuditEntry, ImportRun, OpenSession, QuarantinedRow, RowChange

_AT_ONCE = 5_000


def since(days: int) -> datetime | None:
    """The moment so many days ago; None for ever, which 0 means."""
    return timezone.now() - timedelta(days=days) if days else None


def old_quarantine() -> QuerySet[QuarantinedRow]:
    """Rows that left the quarantine ``QUARANTINE_DAYS`` ago; open ones stay, however old they are."""
    oldest = since(settings.QUARANTINE_DAYS)
    if oldest is None:
        return QuarantinedRow.objects.none()
    closed = QuarantinedRow.objects.exclude(status=QuarantinedRow.Status.OPEN)
    return closed.alias(at=Coalesce("resolved_by__started_at", "run__started_at")).filter(at__lt=oldest)


def old_changes() -> QuerySet[RowChange]:
    """What runs older than ``UNDO_DAYS`` changed: they can no longer be undone."""
    oldest = since(settings.UNDO_DAYS)
    if oldest is None:
        return RowChange.objects.none()
    return RowChange.objects.filter(run__in=ImportRun.objects.filter(started_at__lt=oldest).order_by().values("pk"))


def over_sessions() -> QuerySet[Session]:
    """Sessions that nobody can come back to; those who log out leave none, all others one each."""
    return Session.objects.filter(expire_date__lt=timezone.now())


def delete_sessions() -> int:
    """Delete those, and what was kept to list them; return how many there were."""
    gone = delete(over_sessions())
    delete(OpenSession.objects.exclude(key__in=Session.objects.values("session_key")))
    return gone


def over_failures() -> QuerySet[AccessAttempt]:
    """Names and addresses of failed logins that lock nothing any more; such a name may be a password.

    Among them are those of a clock that was ahead, which would lock until it is that time.
    """
    now, lasts = timezone.now(), settings.AXES_COOLOFF_TIME
    return AccessAttempt.objects.filter(Q(attempt_time__lt=now - lasts) | Q(attempt_time__gt=now + lasts))


def old_login_entries() -> QuerySet[AuditEntry]:
    """Entries of failed logins older than ``FAILED_LOGIN_DAYS``: the only ones that somebody without a login makes."""
    oldest = since(settings.FAILED_LOGIN_DAYS)
    if oldest is None:
        return AuditEntry.objects.none()
    return AuditEntry.objects.filter(action=AuditEntry.Action.LOGIN_FAILED, at__lt=oldest)


def delete_login_entries() -> int:
    """Delete those, past the seal of the audit; all others stay for ever."""
    gone = 0
    while keys := list(old_login_entries().order_by().values_list("pk", flat=True)[:_AT_ONCE]):
        with trail.unsealed():
            gone += AuditEntry.objects.filter(pk__in=keys, action=AuditEntry.Action.LOGIN_FAILED).delete()[0]
    return gone


def delete(rows: QuerySet[Any]) -> int:
    """Delete rows that nothing refers to, some at once, so that nobody waits for long; return how many."""
    gone = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:_AT_ONCE]):
        gone += rows.model._base_manager.filter(pk__in=keys)._raw_delete(rows.db)
    return gone
