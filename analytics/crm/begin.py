"""The beginning of a push: its rows are stored before anything is sent, so that a kill loses none."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext

from analytics.crm.plan import Fate, PlannedRow, plan_rows
from analytics.crm.values import settings_hash
from analytics.models import Destination, PortfolioDay, Push, PushedCustomer, PushRow
from analytics.wording import counted
from customers.audit import trail
from customers.core.limits import FETCH_SIZE, batches
from customers.text.say import english, in_english
from customers.text.written import day


class NotPushable(Exception):
    """The push cannot begin; the message says why."""


def begin_push(destination: Destination, started_by: str, *, everything: bool = False) -> Push:
    """Store a push of the newest scored date, with the rows that differ from what was last pushed."""
    portfolio = PortfolioDay.objects.newest()
    if portfolio is None:
        raise NotPushable(gettext("No date is scored yet, so there is nothing to push."))
    rows, counts = [], dict.fromkeys(Fate, 0)
    for row in plan_rows(destination, portfolio, everything=everything):
        counts[row.fate] += 1
        if row.is_sent:
            rows.append(row)
    push = Push(
        destination=destination,
        as_of=portfolio.date,
        started_by=started_by,
        settings=settings_hash(destination),
        total=sum(counts.values()) + portfolio.erased,
        unchanged=counts[Fate.UNCHANGED],
        not_synced=counts[Fate.HELD_BACK],
        erased=portfolio.erased,
    )
    _store(push, (_row(push, row) for row in rows), len(rows))
    return push


def begin_undo(push: Push, started_by: str) -> Push:
    """Store the push that writes again what a push has replaced, where no later one has changed it since."""
    if why := why_not_undoable(push):
        raise NotPushable(why)
    sent = push.rows.filter(state__in=PushRow.ARRIVED).order_by("pk")
    last = PushedCustomer.objects.filter(destination=push.destination, push=push).values("customer")
    mine = sent.filter(customer__in=last)
    held = mine.filter(customer__care__do_not_sync=True)
    back = mine.exclude(customer__care__do_not_sync=True)
    undo = Push(
        destination=push.destination,
        undoes=push,
        as_of=push.as_of,
        started_by=started_by,
        settings=settings_hash(push.destination),
        total=sent.count(),
        not_synced=held.count(),
        unchanged=sent.count() - mine.count(),
    )
    _store(undo, (_row_back(undo, row) for row in back.iterator(chunk_size=FETCH_SIZE)), back.count())
    return undo


def why_not_undoable(push: Push) -> str:
    """Return why a push cannot be undone; '' where it can."""
    if push.undoes_id:
        return gettext("An undo is not undone: push again to send what is scored now.")
    if push.state == Push.State.UNFINISHED:
        return gettext("It is not finished. Resume it first.")
    if push.undone_by.exists():
        return gettext("It is undone already.")
    if not (push.new or push.changed):
        return gettext("It has changed nothing there.")
    return "" if push.rows.exists() else gettext("What it has changed is no longer kept.")


def _store(push: Push, rows: Iterable[PushRow], number: int) -> None:
    with transaction.atomic():
        push.save()
        for some in batches(rows):
            PushRow.objects.bulk_create(some)
        with in_english():
            detail = english(f"as of {day(push.as_of)}: {counted(number, 'customer')} to be sent")
        trail.record(trail.Action.ADD, push, detail=detail)


def _row(push: Push, row: PlannedRow) -> PushRow:
    return PushRow(push=push, customer_id=row.customer, kind=row.kind, before=dict(row.before), after=dict(row.after))


def _row_back(undo: Push, row: PushRow) -> PushRow:
    """Return the row that writes what was there before, into fields that are still ours to write."""
    names = [name for name, value in row.after.items() if value is not None and name in undo.destination.ours]
    return PushRow(
        push=undo,
        customer_id=row.customer_id,
        kind=PushRow.Kind.CHANGED,
        before={name: row.after[name] for name in names},
        after={name: row.before.get(name, "") for name in names},
    )
