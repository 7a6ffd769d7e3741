"""What expires of the ledger of imports and of the logins.

The ledger: closed rows of the quarantine, and the journal that an undo needs.
"""

from datetime import datetime, timedelta

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from customers.audit import trail
from customers.models import AuditEntry, ImportRun, OpenSession, QuarantinedRow, RowChange

_BATCH_SIZE = 5_000


def since(days: int) -> datetime | None:
    """Return the moment so many days ago; None for 0 days, which means for ever."""
    return timezone.now() - timedelta(days=days) if days else None


def old_quarantine() -> QuerySet[QuarantinedRow]:
    """Return rows that left the quarantine ``QUARANTINE_DAYS`` ago; open ones stay, however old they are."""
    oldest = since(settings.QUARANTINE_DAYS)
    if oldest is None:
        return QuarantinedRow.objects.none()
    closed = QuarantinedRow.objects.exclude(status=QuarantinedRow.Status.OPEN)
    return closed.alias(at=Coalesce("resolved_by__started_at", "run__started_at")).filter(at__lt=oldest)


def old_changes() -> QuerySet[RowChange]:
    """Return the journal of runs older than ``UNDO_DAYS``, which can no longer be undone."""
    oldest = since(settings.UNDO_DAYS)
    if oldest is None:
        return RowChange.objects.none()
    return RowChange.objects.filter(run__in=ImportRun.objects.filter(started_at__lt=oldest).order_by().values("pk"))


def expired_sessions() -> QuerySet[Session]:
    """Return sessions that have expired; who logs out leaves none, anybody else leaves one."""
    return Session.objects.filter(expire_date__lt=timezone.now())


def delete_sessions() -> int:
    """Delete the expired sessions with their rows of ``OpenSession``; return how many."""
    deleted = delete(expired_sessions())
    delete(OpenSession.objects.exclude(key__in=Session.objects.values("session_key")))
    return deleted


def expired_failures() -> QuerySet[AccessAttempt]:
    """Return failed logins that lock nothing any more; their names may be passwords.

    Among them are those of a clock that was ahead, which would lock until that time.
    """
    now, lasts = timezone.now(), settings.AXES_COOLOFF_TIME
    return AccessAttempt.objects.filter(Q(attempt_time__lt=now - lasts) | Q(attempt_time__gt=now + lasts))


def old_login_entries() -> QuerySet[AuditEntry]:
    """Return entries of failed logins older than ``FAILED_LOGIN_DAYS``: nobody else makes entries without a login."""
    oldest = since(settings.FAILED_LOGIN_DAYS)
    if oldest is None:
        return AuditEntry.objects.none()
    return AuditEntry.objects.filter(action=AuditEntry.Action.LOGIN_FAILED, at__lt=oldest)


def delete_login_entries() -> int:
    """Delete the expired entries of failed logins; all other entries stay for ever."""
    gone = 0
    while keys := list(old_login_entries().order_by().values_list("pk", flat=True)[:_BATCH_SIZE]):
        with trail.writable():
            gone += AuditEntry.objects.filter(pk__in=keys, action=AuditEntry.Action.LOGIN_FAILED).delete()[0]
    return gone


def delete(rows: QuerySet[Model]) -> int:
    """Delete rows that nothing refers to, in batches, so that nobody waits for long; return how many."""
    gone = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:_BATCH_SIZE]):
        gone += rows.model._base_manager.filter(pk__in=keys)._raw_delete(rows.db)
    return gone
