"""Tasks: taken on, changed, closed and opened again, each by one conditional write, so that nothing is done twice.

Who did what is kept in the admin's log. "Today" is the day of the person at work, not the date of the data.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from analytics.models import EventKind, PortfolioDay, RecommendationRule, Task
from analytics.webhook_events.announce import Told, Value, announce
from customers.audit.signals import record_creations
from customers.audit.trail import update_rows
from customers.clock import program_today
from customers.models import Customer
from customers.owners.assign import eligible_owners
from customers.text.say import english, in_english, say

DUE_DAYS = ((20, 1), (40, 3), (60, 7))
"""Up to which urgency a task is due in how many days; beyond, in two weeks."""
DUE_DAYS_ELSE = 14
ORDINARY = 20
"""The urgency of a task that no rule has asked for."""
UNDO_TASKS = "tasks"
"""The kind of ``Undo`` whose rows are keys of tasks."""
_ATTEMPTS = 3


class TakenError(Exception):
    """Somebody has such a task already: ``task``; None where it has been closed meanwhile."""

    def __init__(self, task: Task | None) -> None:
        who = task.owner_name or gettext("Nobody") if task else ""
        has = say("{who} has this task: {task}", who=who, task=task.what) if task else ""
        super().__init__(has or gettext("It was closed since"))
        self.task = task


def due_date(urgency: int, today: date) -> date:
    """Return when a task of a rule's urgency should be done."""
    days = next((days for most, days in DUE_DAYS if urgency < most), DUE_DAYS_ELSE)
    return today + timedelta(days=days)


def open_task(customer: Customer, rule: RecommendationRule) -> Task | None:
    """Return the open task of a rule for a customer, if there is one."""
    return Task.objects.open().select_related("owner", "customer").filter(customer=customer, rule=rule).first()


def take(task: Task, by: User) -> Task:
    """Store a new task; where somebody else has taken the same action meanwhile, raise TakenError with theirs."""
    task.created_by = by.get_username()
    return _store_once(task, by, ADDITION, english("Task created."))


def take_by_themselves(tasks: Sequence[Task], maker: str) -> list[Task]:
    """Store new tasks that no rule recommends and no person has created; ``maker`` says what did.

    They are of different customers. Return for each the open task that there is now: the new one, or the same of
    somebody else.
    """
    for task in tasks:
        task.created_by = maker[:150]
    for attempt in range(_ATTEMPTS):
        theirs = _same_as(tasks)
        new = [task for task in tasks if _sameness(task) not in theirs]
        try:
            with transaction.atomic():
                Task.objects.bulk_create(new)
                record_creations(new)
                announce(_created(new))
        except IntegrityError:
            # Somebody has created one of them at this moment.
            if attempt + 1 == _ATTEMPTS:
                raise
        else:
            break
    return [theirs.get(_sameness(task), task) for task in tasks]


def _sameness(task: Task) -> tuple[str, str, date]:
    """Return by what two tasks without a rule are one."""
    return task.customer_id, task.what, task.due


def _same_as(tasks: Sequence[Task]) -> dict[tuple[str, str, date], Task]:
    """Return the open tasks that are the same as any of these."""
    there = Task.objects.open().filter(rule=None, customer__in={task.customer_id for task in tasks})
    there = there.filter(what__in={task.what for task in tasks})
    return {_sameness(one): one for one in there}


def take_for_each(reasons: Mapping[Customer, str], what: str, due: date, by: User) -> list[Task]:
    """Create a task for each customer who has no such task, each with its reason; return those that are new.

    It is the customer's owner's who may act, or that of whoever creates it. The customers come with their ``care``.
    """
    able = {owner.pk for owner in eligible_owners()}
    created = []
    for customer, reason in reasons.items():
        owner: User | None = getattr(getattr(customer, "care", None), "owner", None)
        task = Task(
            customer=customer, what=what, due=due, reason=reason, owner=owner if owner and owner.pk in able else by
        )
        with suppress(TakenError):
            created.append(take(task, by))
    return created


def take_back(keys: Iterable[int], by: User) -> int:
    """Delete tasks of one's own making that nobody has touched since; return how many."""
    mine = Task.objects.open().filter(pk__in=list(keys), created_by=by.get_username(), mails=None)
    deleted = 0
    with transaction.atomic():
        for task in Task.objects.select_for_update(of=("self",)).filter(pk__in=mine.values("pk")).order_by("pk"):
            if not task_history(task).exclude(action_flag=ADDITION).exists():
                task.delete()
                deleted += 1
    return deleted


def change(task: Task, by: User, fields: Iterable[str]) -> None:
    """Store what a form has changed of an open task; raises TakenError where another task says the same."""
    fields = list(fields)
    if fields:
        with in_english():
            labels = {field.name: str(field.verbose_name) for field in Task._meta.fields}
        names = ", ".join(labels[name] for name in fields)
        owner = english(f" Owner: {task.owner_name or 'nobody'}.") if "owner" in fields else ""
        _store_once(task, by, CHANGE, english(f"Changed {names}.{owner}"), fields)


def close(task: Task, by: User, state: str, outcome: str, note: str) -> bool:
    """Close an open task as done or dropped; False where somebody has closed it already."""
    day = _scored_date()
    with transaction.atomic():
        closed = update_rows(
            Task.objects.open().filter(pk=task.pk),
            state=state,
            outcome=outcome,
            outcome_note=note,
            closed_at=timezone.now(),
            closed_on=day,
            closed_by=by.get_username(),
        )
        if closed:
            with in_english():
                _log(task, by, CHANGE, f"{Task.State(state).label}.")
            more: dict[str, Value] = {"task": task.pk, "kind": str(task.kind), "outcome": str(outcome)}
            announce([Told(EventKind.TASK_CLOSED, "open", str(state), task.customer_id, day, more)])
    return bool(closed)


def reopen(task: Task, by: User) -> bool:
    """Open a closed task again, as if it had not been closed; its note stays.

    False where it is open; TakenError where the same was taken on since.
    """
    closed = Task.objects.exclude(state=Task.State.OPEN).filter(pk=task.pk)
    try:
        with transaction.atomic():
            opened = update_rows(
                closed, state=Task.State.OPEN, outcome="", closed_at=None, closed_on=None, closed_by=""
            )
            if opened:
                _log(task, by, CHANGE, english("Opened again."))
    except IntegrityError:
        raise TakenError(_same(task)) from None
    return bool(opened)


def tasks_of(customer: Customer) -> list[Task]:
    """Return all tasks of a customer, open ones first by their day, then the newest closed ones; one query."""
    tasks = list(Task.objects.filter(customer=customer).select_related("owner"))
    for task in tasks:
        task.customer = customer
    closed = sorted(
        (task for task in tasks if task.closed_at), key=lambda task: (task.closed_at, task.pk), reverse=True
    )
    return [*(task for task in tasks if not task.closed_at), *closed]


def task_history(task: Task) -> QuerySet[LogEntry]:
    """Who did what to a task, newest first."""
    kind = ContentType.objects.get_for_model(Task)
    entries = LogEntry.objects.filter(content_type=kind, object_id=str(task.pk))
    return entries.select_related("user").order_by("-action_time", "-pk")


def _store_once(task: Task, by: User, flag: int, message: str, fields: list[str] | None = None) -> Task:
    try:
        with transaction.atomic():
            task.save(update_fields=fields)
            _log(task, by, flag, message)
            if flag == ADDITION:
                announce(_created([task]))
    except IntegrityError:
        same = _same(task)
        if same is None:
            raise
        raise TakenError(same) from None
    return task


def _created(tasks: Iterable[Task]) -> Iterator[Told]:
    """Yield what other tools are told of new tasks: lazily, because the date is read."""
    day = _scored_date()
    for task in tasks:
        more: dict[str, Value] = {"task": task.pk, "kind": str(task.kind), "due": task.due.isoformat()}
        yield Told(EventKind.TASK_CREATED, None, "open", task.customer_id, day, more)


def _scored_date() -> date:
    newest = PortfolioDay.objects.newest()
    return newest.date if newest else program_today()


def _same(task: Task) -> Task | None:
    """Return the open task because of which this one cannot be open too."""
    others = Task.objects.open().select_related("owner", "customer").filter(customer=task.customer_id)
    others = others.exclude(pk=task.pk)
    if task.rule_id:
        return others.filter(rule=task.rule_id).first()
    return others.filter(rule=None, what=task.what, due=task.due).first()


def _log(task: Task, by: User, flag: int, message: str) -> None:
    LogEntry.objects.log_actions(by.pk, [task], flag, change_message=message, single_object=True)
