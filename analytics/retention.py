"""Everything that is kept for a time: ``RETAINED_KINDS`` says of each kind its setting, how it is counted and removed.

Nights (``NIGHT_DAYS``) are removed where one begins: ``night_log`` of ``nights.ledger``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from analytics.models import (
    CohortDay,
    Digest,
    Forecast,
    Message,
    PolicyTrial,
    PortfolioDay,
    PushRow,
    ScoringPolicy,
    Snapshot,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEvent,
)
from analytics.urgency.stored import REACHED, keep_newest
from customers.archive import files
from customers.audit import trail
from customers.core.leftovers import remove_leftovers
from customers.core.limits import BATCH_SIZE
from customers.core.months.partitions import give_back_room
from customers.core.sql import table_of
from customers.erasure import erase
from customers.inbox import forget as inbox
from customers.models import Erasure
from customers.runs import retention as runs
from customers.text import written
from customers.text.say import english, in_english
from customers.uploads import store

TRIALS_KEPT = timedelta(days=1)
"""Each night's import changes what they were made of, and they are made anew whenever they are asked for."""

EVENTS_KEPT = timedelta(days=30)
"""For as long what other tools were told can be looked at, and sent again."""


def old_dates() -> list[date]:
    """Return the dates to delete: more than ``SNAPSHOT_DAYS`` before the newest, and not the last of their ISO week.

    A date that was scored (again) within that time stays until then, or a backfill would be gone the next night. The
    last date of a week does not change once the week is over, so a second look finds nothing more.
    """
    oldest_score = runs.since(settings.SNAPSHOT_DAYS)
    days = list(PortfolioDay.objects.order_by("date").values_list("date", "scored_at"))
    if oldest_score is None or not days:
        return []
    oldest = days[-1][0] - timedelta(days=settings.SNAPSHOT_DAYS)
    last_of_week = {day.isocalendar()[:2]: day for day, _scored_at in days}
    return [
        day
        for day, scored_at in days
        if day < oldest and scored_at < oldest_score and last_of_week[day.isocalendar()[:2]] != day
    ]


def delete_dates(days: list[date]) -> int:
    """Delete scored dates one by one, each as a whole, as a page expects them; return how many.

    A month of which most are gone takes its room no longer.
    """
    for day in days:
        with transaction.atomic():
            for model in (Snapshot, CohortDay, Forecast, PortfolioDay):
                rows = model.objects.filter(date=day)
                rows._raw_delete(rows.db)
            # Whoever was a Champion on this date alone is one for the first time again.
            keep_newest((REACHED,))
            with in_english():
                said = english(f"{written.day(day)}: no longer kept")
                trail.record(trail.Action.COMMAND, english("scored dates"), detail=said)
    give_back_room(table_of(Snapshot))
    return len(days)


def old_texts() -> Iterator[tuple[QuerySet[Model], str]]:
    """Yield the mails and digests sent, or canceled, more than ``MESSAGE_DAYS`` ago with their text, and its field."""
    oldest = runs.since(settings.MESSAGE_DAYS)
    if oldest:
        yield Digest.objects.filter(state=Digest.State.SENT, sent_at__lt=oldest).exclude(text=""), "text"
        canceled = Q(state=Message.State.CANCELED, attempted_at__lt=oldest)
        gone = Message.objects.filter(Q(state=Message.State.SENT, sent_at__lt=oldest) | canceled)
        yield gone.exclude(body=""), "body"


def clear_texts() -> int:
    """Empty the old texts; their rows stay, with when, to whom and about what. Return how many there were."""
    cleared = 0
    for rows, field in old_texts():
        while keys := list(rows.order_by().values_list("pk", flat=True)[:BATCH_SIZE]):
            cleared += rows.model._default_manager.filter(pk__in=keys).update(**{field: ""})
    return cleared


def old_trials() -> QuerySet[PolicyTrial]:
    """Return the months of back-tests that are of other data by now, or whose draft is published."""
    published = Q(draft__state=ScoringPolicy.State.PUBLISHED)
    return PolicyTrial.objects.filter(published | Q(made_at__lt=timezone.now() - TRIALS_KEPT))


def old_events() -> QuerySet[WebhookEvent]:
    """Return the events that are older than ``EVENTS_KEPT``."""
    return WebhookEvent.objects.filter(occurred_at__lt=timezone.now() - EVENTS_KEPT)


def old_deliveries() -> QuerySet[WebhookDelivery]:
    """Return the deliveries that are older than ``EVENTS_KEPT``, or whose events are."""
    before = timezone.now() - EVENTS_KEPT
    return WebhookDelivery.objects.filter(Q(created_at__lt=before) | Q(event__in=old_events()))


def old_attempts() -> QuerySet[WebhookAttempt]:
    """Return the attempts at deliveries that are no longer kept."""
    return WebhookAttempt.objects.filter(delivery__in=old_deliveries())


def old_push_rows() -> QuerySet[PushRow]:
    """Return what was sent more than ``PUSH_DAYS`` ago, customer by customer; the counts of the pushes stay."""
    oldest = runs.since(settings.PUSH_DAYS)
    return PushRow.objects.filter(push__finished_at__lt=oldest) if oldest else PushRow.objects.none()


@dataclass(frozen=True)
class RetainedKind:
    """A kind of what is kept for a time.

    ``name`` stands in counts; ``setting`` is that of its days ('': they are fixed). ``count`` says how much
    ``remove`` would remove now; both return a number.
    """

    name: str
    setting: str
    count: Callable[[], int]
    remove: Callable[[], int]


def _rows(name: str, setting: str, old: Callable[[], QuerySet[Model]]) -> RetainedKind:
    """Make a kind whose rows nothing refers to."""
    return RetainedKind(name, setting, lambda: old().count(), lambda: runs.delete(old()))


RETAINED_KINDS = (
    RetainedKind(gettext_noop("archived files"), "ARCHIVE_DAYS", files.count_old, files.expire),
    _rows(gettext_noop("closed rows in quarantine"), "QUARANTINE_DAYS", runs.old_quarantine),
    _rows(gettext_noop("changes in the journal"), "UNDO_DAYS", runs.old_changes),
    RetainedKind(
        gettext_noop("scored dates"), "SNAPSHOT_DAYS", lambda: len(old_dates()), lambda: delete_dates(old_dates())
    ),
    RetainedKind(
        gettext_noop("texts of emails"),
        "MESSAGE_DAYS",
        lambda: sum(rows.count() for rows, _field in old_texts()),
        clear_texts,
    ),
    RetainedKind(gettext_noop("runs of events"), "INBOX_DAYS", lambda: inbox.old_runs().count(), inbox.delete_runs),
    RetainedKind(
        gettext_noop("batches of the inbox"), "INBOX_DAYS", lambda: inbox.old_batches().count(), inbox.delete_batches
    ),
    _rows(gettext_noop("rows of pushes"), "PUSH_DAYS", old_push_rows),
    RetainedKind(gettext_noop("sessions"), "", lambda: runs.expired_sessions().count(), runs.delete_sessions),
    _rows(gettext_noop("failed logins"), "", runs.expired_failures),
    RetainedKind(
        gettext_noop("erasures completed"),
        "",
        lambda: Erasure.objects.filter(state=Erasure.State.FILES).count(),
        erase.complete,
    ),
    RetainedKind(
        gettext_noop("audit entries of failed logins"),
        "FAILED_LOGIN_DAYS",
        lambda: runs.old_login_entries().count(),
        runs.delete_login_entries,
    ),
    _rows(gettext_noop("months of back-tests"), "", old_trials),
    # Each before what it refers to.
    _rows(gettext_noop("attempts at webhooks"), "", old_attempts),
    _rows(gettext_noop("webhook deliveries"), "", old_deliveries),
    _rows(gettext_noop("webhook events"), "", old_events),
)


def count_old() -> dict[str, int]:
    """Count what ``remove_old`` would remove, by the names of the kinds."""
    return {kind.name: kind.count() for kind in RETAINED_KINDS}


def remove_old() -> dict[str, int]:
    """Remove what is kept no longer, uploads and half-written files first; return how much of each kind."""
    store.expire_uploads()
    remove_leftovers()
    return {kind.name: kind.remove() for kind in RETAINED_KINDS}
