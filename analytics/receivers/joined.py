"""What moves here when two customers are the same: tasks, mails, alerts, and the scored dates before the change."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from analytics.models import Alert, Message, PortfolioDay, Snapshot, Task
from customers.models.key_change import KeyChange

TASKS, MAILS, ALERTS, ENDED = "tasks", "e-mails", "alerts", "alerts that end"
DATES, AGAIN = "scored dates", "dates to be scored again"


def carry_over(pair: KeyChange, **_signal: Any) -> dict[str, Any]:
    """Hear that a customer goes on under another key; return the keys of what moved, and what stays, in words."""
    stays: list[str] = []
    rows = {
        TASKS: _move_tasks(pair, stays),
        MAILS: _move(Message, pair),
        **_move_alerts(pair),
        **_move_dates(pair),
    }
    return {"rows": rows, "stays": stays}


def put_back(pair: KeyChange, **_signal: Any) -> list[str]:
    """Hear that it was not the same customer; return what could not be put back, in words."""
    rows, left = pair.carried["rows"], []
    for kind, model in ((TASKS, Task), (MAILS, Message), (ALERTS, Alert)):
        left += _move_back(model, kind, rows.get(kind, []), pair)
    # Where another one is open by now, the one that ended stays over.
    ended = Alert.objects.filter(pk__in=rows.get(ENDED, []), customer=pair.former)
    others = Alert.objects.open().filter(rule=OuterRef("rule"), customer=pair.former_id)
    for alert in ended.exclude(Exists(others)):
        Alert.objects.filter(pk=alert.pk).update(closed_on=None, closed_at=None, ending="", ending_text="")
    dates = rows.get(DATES, [])
    theirs = Snapshot.objects.filter(customer=pair.former).values("date")
    ours = Snapshot.objects.filter(customer=pair.customer, date__in=dates).exclude(date__in=theirs)
    moved = list(ours.values_list("pk", flat=True))
    Snapshot.objects.filter(pk__in=moved).update(customer=pair.former)
    if len(moved) < len(dates):
        lost = len(dates) - len(moved)
        left.append(f"{lost} of {len(dates)} scored dates are no longer there, or were scored again")
    PortfolioDay.objects.filter(date__in=rows.get(AGAIN, [])).update(stale=True)
    return left


def _move(model: type[Any], pair: KeyChange, which: Q | None = None) -> list[int]:
    keys = sorted(model.objects.filter(which or Q(), customer=pair.former).values_list("pk", flat=True))
    model.objects.filter(pk__in=keys).update(customer=pair.customer)
    return keys


def _move_back(model: type[Any], kind: str, keys: Sequence[int], pair: KeyChange) -> list[str]:
    there = model.objects.filter(pk__in=keys, customer=pair.customer)
    back = set(there.values_list("pk", flat=True))
    in_the_way: set[int] = set()
    if model is Alert:
        others = Alert.objects.open().filter(rule=OuterRef("rule"), customer=pair.former_id)
        in_the_way = set(there.filter(Exists(others), closed_on=None).values_list("pk", flat=True))
    if model is Task:
        in_the_way = set(_taken(there, pair.former_id).values_list("pk", flat=True))
    model.objects.filter(pk__in=back - in_the_way).update(customer=pair.former)
    lost = len(keys) - len(back - in_the_way)
    return [f"{lost} of {len(keys)} {kind} stay, or are no longer there"] if lost else []


def _taken(tasks: Any, customer: str) -> Any:
    """Those open tasks that the customer has already: by the rule, or by what is to be done on the day."""
    same = Task.objects.open().filter(customer=customer)
    by_rule = same.filter(rule=OuterRef("rule"))
    by_words = same.filter(rule=None, what=OuterRef("what"), due=OuterRef("due"))
    return tasks.filter(Exists(by_rule) | Exists(by_words) & Q(rule=None), state=Task.State.OPEN)


def _move_tasks(pair: KeyChange, stays: list[str]) -> list[int]:
    twice = set(_taken(Task.objects.filter(customer=pair.former), pair.customer_id).values_list("pk", flat=True))
    if twice:
        stays.append(f"{len(twice)} open task{'s' if len(twice) > 1 else ''} that {pair.customer_id} has already")
    return _move(Task, pair, ~Q(pk__in=twice))


def _move_alerts(pair: KeyChange) -> dict[str, list[int]]:
    """Open ones that the new key has, too, end here: nobody else would close them, for the former is not scored."""
    others = Alert.objects.open().filter(rule=OuterRef("rule"), customer=pair.customer_id)
    twice = Alert.objects.open().filter(Exists(others), customer=pair.former)
    ended = sorted(twice.values_list("pk", flat=True))
    now = timezone.now()
    Alert.objects.filter(pk__in=ended).update(
        closed_on=timezone.localdate(),
        closed_at=now,
        ending=Alert.Ending.WITHDRAWN,
        ending_text=f"The same customer as {pair.customer_id}, who has this alert",
    )
    return {ALERTS: _move(Alert, pair, ~Q(pk__in=ended)), ENDED: ended}


def _move_dates(pair: KeyChange) -> dict[str, list[str]]:
    """Dates of the former key alone go over; on those of both the former counts no more, so they are scored again."""
    ours = Snapshot.objects.filter(customer=pair.customer).values("date")
    theirs = Snapshot.objects.filter(customer=pair.former)
    alone = theirs.exclude(date__in=ours)
    dates = sorted(alone.values_list("date", flat=True))
    both = sorted(theirs.filter(date__in=ours).values_list("date", flat=True))
    theirs.filter(date__in=both).delete()
    theirs.update(customer=pair.customer)
    PortfolioDay.objects.filter(date__in=both).update(stale=True)
    return {DATES: [day.isoformat() for day in dates], AGAIN: [day.isoformat() for day in both]}
