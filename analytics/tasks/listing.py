"""The page of tasks, by owner and state as the address says; overdue first, then today and later."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from urllib.parse import urlsplit

import django_tables2 as tables
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Count, Q, TextChoices
from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics.display.filter_choices import is_key, owner_in_words
from analytics.display.ordering import as_read, by_rank, in_order
from analytics.display.source_list import TASKS, way_from
from analytics.display.tables import CUT, DrawnColumn, Table
from analytics.models import ActionKind, Task
from analytics.models.tasks import TaskQuerySet
from customers.core.pages import StaffRequest
from customers.core.people import by_name
from customers.text.fold import fold
from customers.text.say import Words, say, say_later

ROWS_PER_PAGE = 50
NEXT_DAYS = 7
WHENS = (_("Overdue"), _("Today"), say_later("Next {days} days", days=NEXT_DAYS), _("Later"))
EVERYBODY, UNASSIGNED = "everybody", "unassigned"
NOTHING = _("No tasks match.")
NOTHING_OF_MINE = _("No tasks for you. A customer’s page recommends what to do next.")
ALL_OWNED = _("Every task has an owner.")


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

    label: Words
    rows: list[SafeString]


def _address(table: "TaskTable") -> dict[str, object]:
    """Return the way back from a task."""
    return {"address": table.address}


def _today(table: "TaskTable") -> dict[str, object]:
    return {"today": timezone.localdate(), "plain": True}


def _customer(task: Task, table: "TaskTable") -> str:
    """Return the link to the task's customer, which knows the way through this list."""
    way = way_from(
        TASKS, QueryDict(urlsplit(table.address).query), table.page.start_index() - 1 + table.records.index(task)
    )
    return render_to_string("analytics/tasks/customer.html", {"record": task, "way": way})


class TaskTable(Table[Task]):
    """Tasks; every order ends in the key."""

    what = tables.TemplateColumn(template_name="analytics/tasks/what.html", extra_context=_address)
    customer = DrawnColumn(_customer, verbose_name=_("Customer"))
    due = tables.TemplateColumn(
        template_name="analytics/tasks/due.html", verbose_name=_("Due"), order_by=("due", "pk"), extra_context=_today
    )
    owner = tables.Column(
        verbose_name=_("Owner"), accessor="owner_name", default=_("Nobody"), attrs=CUT, empty_values=("", None)
    )
    kind = tables.Column(verbose_name=_("Kind"), attrs={"td": {"class": "kind"}})
    outcome = tables.Column(verbose_name=_("Outcome"), default="–")

    label = _("List of tasks")

    class Meta:
        model = Task
        fields = ("what", "customer", "due", "owner", "kind", "outcome")
        attrs = {"class": "rsolv-table tasks"}

    def __init__(self, data: TaskQuerySet, *, address: str, **options: object) -> None:
        self.address = address
        super().__init__(data, **options)  # type: ignore[no-untyped-call]  # django-tables2 has no types

    def order_what(self, queryset: TaskQuerySet, is_descending: bool) -> tuple[TaskQuerySet, bool]:
        """As one reads it."""
        return as_read(queryset, "what", is_descending), True

    def order_customer(self, queryset: TaskQuerySet, is_descending: bool) -> tuple[TaskQuerySet, bool]:
        """By the customer's name."""
        return as_read(queryset, "customer__organization", is_descending), True

    def order_owner(self, queryset: TaskQuerySet, is_descending: bool) -> tuple[TaskQuerySet, bool]:
        """By the owner's name; those without one come last in either order."""
        return in_order(queryset, by_name("owner__"), is_descending), True

    def order_kind(self, queryset: TaskQuerySet, is_descending: bool) -> tuple[TaskQuerySet, bool]:
        """By its words."""
        return by_rank(queryset, "kind", _in_words(ActionKind), is_descending), True

    def order_outcome(self, queryset: TaskQuerySet, is_descending: bool) -> tuple[TaskQuerySet, bool]:
        """By its words; those without one come last in either order."""
        return by_rank(queryset, "outcome", _in_words(Task.Outcome), is_descending), True


def _in_words(choices: type[TextChoices]) -> list[str]:
    """Return the values of choices, in the order of what people read."""
    return sorted(choices.values, key=lambda value: fold(choices(value).label))


def whose_in_full(request: StaffRequest) -> str:
    """Return the query with whose tasks are meant, where the address leaves that open; else ''."""
    asked = request.GET.get("whose", "")
    if asked in {EVERYBODY, UNASSIGNED} or is_key(asked):
        return ""
    named = request.GET.copy()
    named["whose"] = str(request.user.pk)
    return named.urlencode()


def task_list(request: StaffRequest) -> dict[str, object]:
    """Return what the page's template needs; the queries stay the same, however many tasks there are."""
    address, today = request.GET, timezone.localdate()
    whose, state = address["whose"], _state(address)
    is_open = state == Task.State.OPEN
    hidden = ("outcome",) if is_open else ()
    choices = _choices(request.user, whose, state)
    table = _table(
        address,
        request.get_full_path(),
        empty_text=_empty(whose, state, request.user),
        exclude=(*hidden, *(("owner",) if whose != EVERYBODY else ())),
    )
    page = Paginator(table.data.data, ROWS_PER_PAGE).get_page(address.get("page"))
    table.turn_to(page, list(page.object_list))
    return {
        "title": _title(whose, request.user, choices),
        "table": table,
        "groups": list(_groups(table, today, grouped=is_open and not _order(address))),
        "today": today,
        "tomorrow": today + timedelta(days=1),
        "whose": choices,
        "states": [Choice(one.label, _query(whose=whose, state=one), one == state) for one in Task.State],
    }


def customers_of_tasks(address: QueryDict) -> list[str]:
    """Return the customers of all pages of the list with an address' query, in its order, each once."""
    rows: TaskQuerySet = _table(address, "").data.data
    return list(dict.fromkeys(rows.values_list("customer_id", flat=True)))


def tasks_due(user: User, today: date) -> TaskQuerySet:
    """Return a user's tasks that are overdue or due today; an index finds them."""
    return Task.objects.of(user).overdue(today + timedelta(days=1))


def _table(address: QueryDict, full_path: str, **options: object) -> TaskTable:
    whose, state = address.get("whose", EVERYBODY), _state(address)
    usual = ("due", "pk") if state == Task.State.OPEN else ("-closed_at", "-pk")
    tasks = tasks_of_whom(whose).filter(state=state).order_by(*usual).select_related("customer", "owner")
    return TaskTable(tasks, address=full_path, order_by=_order(address) or None, **options)


def _order(address: QueryDict) -> list[str]:
    return [name for name in address.getlist("sort") if name.removeprefix("-") in TaskTable.base_columns]


def _state(address: QueryDict) -> Task.State:
    """Return the state that the address asks for, or open."""
    asked = address.get("state", "")
    return Task.State(asked) if asked in Task.State.values else Task.State.OPEN


def tasks_of_whom(whose: str) -> TaskQuerySet:
    """Return the tasks of whom an address means: an account's key, everybody, or nobody."""
    tasks = Task.objects.all()
    if whose == EVERYBODY:
        return tasks
    if whose == UNASSIGNED:
        return tasks.of(None)
    return tasks.filter(owner=int(whose)) if is_key(whose) else tasks.none()


def _choices(user: User, whose: str, state: Task.State) -> list[Choice]:
    """The visitor's tasks, everybody's, nobody's, and those of another whom the address names; two queries at most."""
    key = str(user.pk)
    labels = {key: gettext("Mine"), EVERYBODY: gettext("Team"), UNASSIGNED: gettext("Unassigned")}
    if whose not in labels:
        labels[whose] = owner_in_words(whose)
    counts = {f"of_{one}": Count("pk", filter=Q(owner=int(one))) for one in labels if is_key(one)}
    counts |= {f"of_{EVERYBODY}": Count("pk"), f"of_{UNASSIGNED}": Count("pk", filter=Q(owner=None))}
    found = Task.objects.filter(state=state).aggregate(**counts)
    return [
        Choice(label, _query(whose=one, state=state), one == whose, found[f"of_{one}"])
        for one, label in labels.items()
    ]


def _title(whose: str, user: User, choices: list[Choice]) -> str:
    if whose == str(user.pk):
        return gettext("My tasks")
    if whose == EVERYBODY:
        return gettext("Team’s tasks")
    return gettext("Unassigned tasks") if whose == UNASSIGNED else say("Tasks: {owner}", owner=choices[-1].label)


def _empty(whose: str, state: Task.State, user: User) -> str:
    if state != Task.State.OPEN:
        return str(NOTHING)
    return str({str(user.pk): NOTHING_OF_MINE, UNASSIGNED: ALL_OWNED}.get(whose, NOTHING))


def _when(task: Task, today: date) -> int:
    """Return the index of an open task's group in ``WHENS``."""
    if task.due <= today:
        return int(task.due == today)
    return 2 if task.due <= today + timedelta(days=NEXT_DAYS) else 3


def _groups(table: TaskTable, today: date, *, grouped: bool) -> Iterator[Group]:
    lines = list(table.lines())
    if not grouped:
        yield Group("", [cells for _task, cells in lines])
        return
    for when, found in groupby(lines, key=lambda line: _when(line[0], today)):
        yield Group(WHENS[when], [cells for _task, cells in found])


def _query(*, whose: str, state: Task.State) -> str:
    """Return an address' query, without the state that is the default."""
    query = QueryDict(mutable=True)
    query["whose"] = whose
    if state != Task.State.OPEN:
        query["state"] = state
    return f"?{query.urlencode()}"
