"""The page "My tasks": whose tasks, in which state; overdue first, then today, next and later."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import django_tables2 as tables
from django.contrib.auth.models import User
from django.db.models import Case, Count, F, Q, SmallIntegerField, Value, When
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django_tables2.rows import BoundRow

from analytics.models import Task
from analytics.models.tasks import TaskQuerySet

ROWS_PER_PAGE = 50
NEXT_DAYS = 7
CUT = {"td": {"class": "cut"}}
WHENS = ("Overdue", "Today", f"Next {NEXT_DAYS} days", "Later")
WHOSE = {"mine": "Mine", "everybody": "Everybody’s", "unassigned": "Unassigned"}
EMPTY = {
    "mine": "Nothing on your list. A customer’s page recommends what to take on.",
    "everybody": "There are no such tasks.",
    "unassigned": "Every task has an owner.",
}


@dataclass(frozen=True)
class Choice:
    """One of the links that narrow the list."""

    label: str
    query: str
    chosen: bool
    count: int | None = None


@dataclass(frozen=True)
class Group:
    """Rows under one heading ('' for none)."""

    label: str
    rows: list[BoundRow]


def _address(table: tables.Table) -> dict[str, str]:
    """The way back from a task."""
    return {"address": table.request.get_full_path()}


def _today(table: tables.Table) -> dict[str, Any]:
    return {"today": timezone.localdate(), "plain": True}


class TaskTable(tables.Table):
    """Tasks; every order ends in the key."""

    what = tables.TemplateColumn(
        template_name="analytics/tasks/what.html", order_by=("what", "pk"), extra_context=_address
    )
    customer = tables.TemplateColumn(
        template_name="analytics/tasks/customer.html", order_by=("customer__organization", "pk")
    )
    due = tables.TemplateColumn(template_name="analytics/tasks/due.html", order_by=("due", "pk"), extra_context=_today)
    owner = tables.Column(
        accessor="owner_name", order_by=("owner", "pk"), default="Nobody", attrs=CUT, empty_values=("", None)
    )
    kind = tables.Column(order_by=("kind", "pk"), attrs={"td": {"class": "kind"}})
    outcome = tables.Column(order_by=("outcome", "pk"), default="–")

    label = "List of tasks"

    class Meta:
        model = Task
        fields = ("what", "customer", "due", "owner", "kind", "outcome")
        attrs = {"class": "rsolv-table tasks"}


def task_list(request: HttpRequest) -> dict[str, Any]:
    """What the page's template needs; three queries, however many tasks there are."""
    address, today = request.GET, timezone.localdate()
    whose = _one_of(address, "whose", WHOSE)
    state = Task.State(_one_of(address, "state", Task.State.values))
    tasks = _narrowed(whose, request.user).filter(state=state)
    if state == Task.State.OPEN:
        tasks = tasks.annotate(place=_place(today)).order_by("due", "pk")
    else:
        tasks = tasks.annotate(place=Value(-1)).order_by(F("closed_at").desc(), "-pk")
    order = [name for name in address.getlist("sort") if name.removeprefix("-") in TaskTable.base_columns]
    hidden = ("outcome",) if state == Task.State.OPEN else ()
    table = TaskTable(
        tasks.select_related("customer", "owner"),
        order_by=order or None,
        empty_text=EMPTY[whose] if state == Task.State.OPEN else EMPTY["everybody"],
        exclude=(*hidden, *(("owner",) if whose != "everybody" else ())),
    )
    table.request = request
    table.paginate(per_page=ROWS_PER_PAGE)
    table.page = table.paginator.get_page(address.get("page"))
    return {
        "table": table,
        "groups": list(_groups(table, grouped=state == Task.State.OPEN and not order)),
        "today": today,
        "tomorrow": today + timedelta(days=1),
        "whose": [
            Choice(label, _query(whose=key, state=state), key == whose, count)
            for (key, label), count in zip(WHOSE.items(), _counts(request.user, state), strict=True)
        ],
        "states": [Choice(one.label, _query(whose=whose, state=one), one == state) for one in Task.State],
    }


def tasks_due(user: User, today: date) -> TaskQuerySet:
    """A user's tasks that are overdue or due today; an index finds them."""
    return Task.objects.of(user).overdue(today + timedelta(days=1))


def _one_of(address: QueryDict, name: str, choices: Any) -> str:
    """What the address asks for, or the first of the choices."""
    asked = address.get(name, "")
    return asked if asked in choices else next(iter(choices))


def _narrowed(whose: str, user: User) -> TaskQuerySet:
    tasks = Task.objects.all()
    return {"mine": tasks.of(user), "everybody": tasks, "unassigned": tasks.of(None)}[whose]


def _place(today: date) -> Case:
    """The place of an open task's group in WHENS."""
    return Case(
        When(due__lt=today, then=0),
        When(due=today, then=1),
        When(due__lte=today + timedelta(days=NEXT_DAYS), then=2),
        default=3,
        output_field=SmallIntegerField(),
    )


def _groups(table: TaskTable, *, grouped: bool) -> Iterator[Group]:
    rows = list(table.paginated_rows)
    if not grouped:
        yield Group("", rows)
        return
    for place, found in groupby(rows, key=lambda row: row.record.place):
        yield Group(WHENS[place], list(found))


def _counts(user: User, state: str) -> tuple[int, int, int]:
    """How many tasks of a state are the user's, are there, and are nobody's; one query."""
    found = Task.objects.filter(state=state).aggregate(
        mine=Count("pk", filter=Q(owner=user)), all=Count("pk"), nobody=Count("pk", filter=Q(owner=None))
    )
    return found["mine"], found["all"], found["nobody"]


def _query(**values: str) -> str:
    """An address' query, without what is the default."""
    query = QueryDict(mutable=True)
    for name, value in values.items():
        if value not in {"mine", Task.State.OPEN}:
            query[name] = value
    return f"?{query.urlencode()}" if query else ""
