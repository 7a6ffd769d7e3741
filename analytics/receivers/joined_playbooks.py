"""What happens to playbooks when two customers are the same: each runs once, and starts once while its start holds."""

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from analytics.models import PlaybookRun
from customers.clock import program_today
from customers.models import KeyChange
from customers.text.say import english

PLAYBOOKS, PLAYED = gettext_noop("playbooks"), gettext_noop("playbooks that end")
STARTED = gettext_noop("playbooks that started")
RUNNING = Q(state=PlaybookRun.State.RUNNING)
HOLDS = Q(left_on=None)


def move_playbooks(pair: KeyChange) -> dict[str, list[int]]:
    """Move the runs. One that runs, or whose start holds, for the new key, too, no longer does of the former."""
    theirs = PlaybookRun.objects.filter(customer=pair.former).order_by("pk")
    ended = _keys(theirs.filter(RUNNING, _same(RUNNING, pair.customer_id)))
    started = _keys(theirs.filter(HOLDS, _same(HOLDS, pair.customer_id)))
    moved = _keys(theirs)
    PlaybookRun.objects.filter(pk__in=ended).update(
        state=PlaybookRun.State.ENDED,
        ended_at=timezone.now(),
        ended_why=english("It runs already for the same customer’s new id"),
    )
    PlaybookRun.objects.filter(pk__in=started).update(left_on=program_today())
    PlaybookRun.objects.filter(pk__in=moved).update(customer=pair.customer)
    return {PLAYBOOKS: moved, PLAYED: ended, STARTED: started}


def playbooks_in_the_way(pair: KeyChange, keys: list[int]) -> set[int]:
    """Return those of the moved runs that the former key has one like by now."""
    there = PlaybookRun.objects.filter(pk__in=keys, customer=pair.customer)
    twice = Q(RUNNING, _same(RUNNING, pair.former_id)) | Q(HOLDS, _same(HOLDS, pair.former_id))
    return set(there.filter(twice).values_list("pk", flat=True))


def go_on(pair: KeyChange, rows: dict[str, list[int]]) -> None:
    """Let those run again, and start no more, that are back and did so before."""
    back = PlaybookRun.objects.filter(customer=pair.former)
    ended = back.filter(~Q(_same(RUNNING, pair.former_id)), pk__in=rows.get(PLAYED, []))
    ended.update(state=PlaybookRun.State.RUNNING, ended_at=None, ended_why="")
    started = back.filter(~Q(_same(HOLDS, pair.former_id)), pk__in=rows.get(STARTED, []))
    started.update(left_on=None)


def _same(which: Q, customer: str) -> Exists:
    return Exists(PlaybookRun.objects.filter(which, playbook=OuterRef("playbook"), customer=customer).order_by())


def _keys(rows: QuerySet[PlaybookRun]) -> list[int]:
    return list(rows.values_list("pk", flat=True))
