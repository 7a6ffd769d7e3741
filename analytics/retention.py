"""For how long scored dates and sent texts are kept: every date for a while, then the last one of each week."""

from collections.abc import Iterator
from datetime import date, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet

from analytics.models import CohortDay, Digest, Message, PortfolioDay, Snapshot
from customers.audit import trail
from customers.core.limits import BATCH_SIZE
from customers.runs.retention import since


def old_dates() -> list[date]:
    """Return the dates to delete: more than ``SNAPSHOT_DAYS`` before the newest, and not the last of their ISO week.

    A date that was scored (again) within that time stays until then, or a backfill would be gone the next night. The
    last date of a week does not change once the week is over, so a second look finds nothing more.
    """
    oldest_score = since(settings.SNAPSHOT_DAYS)
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
    """Delete scored dates one by one, each as a whole, as a page expects them; return how many."""
    for day in days:
        with transaction.atomic():
            for model in (Snapshot, CohortDay, PortfolioDay):
                rows = model.objects.filter(date=day)
                rows._raw_delete(rows.db)
            trail.record(trail.Action.COMMAND, "scored dates", detail=f"{day}: no longer kept")
    return len(days)


def old_texts() -> Iterator[tuple[QuerySet[Model], str]]:
    """Yield the mails and digests sent more than ``MESSAGE_DAYS`` ago that have their text, and its field."""
    oldest = since(settings.MESSAGE_DAYS)
    if oldest:
        yield Digest.objects.filter(state=Digest.State.SENT, sent_at__lt=oldest).exclude(text=""), "text"
        yield Message.objects.filter(state=Message.State.SENT, sent_at__lt=oldest).exclude(body=""), "body"


def clear_texts() -> int:
    """Empty the old texts; their rows stay, with when, to whom and about what. Return how many there were."""
    cleared = 0
    for rows, field in old_texts():
        while keys := list(rows.order_by().values_list("pk", flat=True)[:BATCH_SIZE]):
            cleared += rows.model._default_manager.filter(pk__in=keys).update(**{field: ""})
    return cleared
