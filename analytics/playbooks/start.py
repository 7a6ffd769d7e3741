"""Starts playbooks: each customer once while the start holds, and once in the playbook's days."""

from collections.abc import Iterable
from datetime import date, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from analytics.models import Playbook, PlaybookRun, Snapshot, SnapshotQuerySet
from analytics.models.playbooks import MAX_WORDS
from analytics.playbooks.conditions import holding, is_known, reason, starting
from analytics.segments.segment import Segment
from analytics.wording import one_line
from customers.core.limits import BATCH_SIZE, batches
from customers.text.say import in_english

State = PlaybookRun.State


class NotUnderstood(Exception):
    """The filters of a playbook are not understood (any more), so that it starts for nobody; the words say why."""


def candidates(playbook: Playbook, day: date, today: date) -> SnapshotQuerySet:
    """Return the snapshots of those for whom a playbook would start; ``NotUnderstood`` where nobody can know.

    They had it neither since the start holds, nor within the playbook's days.
    """
    found = starting(playbook, day)
    if playbook.query:
        segment = Segment(playbook.query, day)
        if segment.problems:
            raise NotUnderstood(" ".join(segment.problems))
        found = found.filter(pk__in=segment.snapshots.order_by().values("pk"))
    theirs = PlaybookRun.objects.filter(playbook=playbook, customer=OuterRef("customer")).order_by()
    lately = Q(started_on__gt=today - timedelta(days=playbook.cooldown)) & ~Q(state=State.PASSED)
    return found.exclude(Exists(theirs.filter(Q(left_on=None) | Q(state=State.RUNNING) | lately)))


def forget_left(playbook: Playbook, day: date, among: Q) -> None:
    """Note for whom the start holds no longer, so that it may start anew once it holds again."""
    if not is_known(playbook, day):
        return
    scored = Snapshot.objects.filter(date=day, customer=OuterRef("customer")).order_by()
    holds = holding(playbook, day).filter(customer=OuterRef("customer"))
    held = PlaybookRun.objects.filter(among, playbook=playbook, left_on=None).order_by()
    held.filter(Exists(scored), ~Exists(holds)).update(left_on=day)


def start_for(playbook: Playbook, day: date, today: date, among: Q) -> int:
    """Start a playbook for its candidates ``among`` the customers; return for how many.

    A second process that does so at the same moment adds nothing: the database keeps each start once.
    """
    if not is_known(playbook, day):
        return 0
    return _store(playbook, candidates(playbook, day, today).filter(among), today, State.RUNNING)


def pass_over(playbook: Playbook, day: date, today: date) -> int:
    """Note those for whom the start holds already, so that it does not start for them; return how many."""
    return _store(playbook, candidates(playbook, day, today), today, State.PASSED)


def _store(playbook: Playbook, found: QuerySet[Snapshot], today: date, state: PlaybookRun.State) -> int:
    now, stored = timezone.now(), 0
    rows: Iterable[Snapshot] = found.select_related("customer", "policy").iterator(chunk_size=BATCH_SIZE)
    with in_english(), transaction.atomic():  # Why it starts is stored.
        for some in batches(list(rows)):
            runs = [
                PlaybookRun(
                    playbook=playbook,
                    customer_id=one.customer_id,
                    day=one.date,
                    started_on=today,
                    started_at=now,
                    why=one_line(reason(one, playbook), MAX_WORDS),
                    state=state,
                )
                for one in some
            ]
            before = PlaybookRun.objects.filter(playbook=playbook).count()
            PlaybookRun.objects.bulk_create(runs, ignore_conflicts=True)
            stored += PlaybookRun.objects.filter(playbook=playbook).count() - before
    return stored
