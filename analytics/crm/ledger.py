"""The page of a push: its counts, and its customers with what was sent and what came of it."""

from collections.abc import Iterator
from typing import IO

from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from analytics.crm.begin import why_not_undoable
from analytics.crm.changed_rows import file_of
from analytics.models import Push, PushRow
from analytics.wording import counted
from customers.audit.export import Export
from customers.core.limits import FETCH_SIZE
from customers.feeds.exports import write_csv
from customers.text.say import english
from customers.text.written import day

MAY_SEE = ("customers.view_customer", "analytics.view_push")
ROWS_PER_PAGE = 50
GOES_ON = "goes_on"
"""In the address of a push that somebody has begun by hand, and whose page sends what is left."""
COLUMNS = ("customer_id", "organization", "kind", "result", "field", "before", "sent", "words")


def push_page(request: HttpRequest, push: Push) -> dict[str, object]:
    """Return what the page of a push shows: those that an address asks for by their result."""
    asked = request.GET.get("result", "")
    chosen = asked if asked in PushRow.State.values else ""
    rows = push.rows.select_related("customer", "push__destination")
    numbers = dict(push.rows.order_by().values_list("state").annotate(Count("pk")))
    page = Paginator(rows.filter(state=chosen) if chosen else rows, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    may_push = request.user.has_perm("analytics.push_destination")
    may_resume = may_push and push.state == Push.State.UNFINISHED
    return {
        "title": str(push),
        "push": push,
        "page": page,
        "chosen": chosen,
        "choices": [
            (state, PushRow(push=push, state=state).result, numbers[state.value])
            for state in PushRow.State
            if state.value in numbers
        ],
        "kept": sum(numbers.values()),
        "may_undo": may_push and not why_not_undoable(push),
        "may_resume": may_resume,
        "goes_on": may_resume and not push.reason and GOES_ON in request.GET,
        "undone_by": push.undone_by.first(),
        "has_file": push.is_of_file and file_of(push).is_there(),
    }


def export_push(file: IO[bytes], push: Push) -> Export:
    """Write the rows of a push as CSV, a line for each field that was sent."""
    rows = push.rows.select_related("customer", "push__destination").order_by("pk")
    write_csv(file, COLUMNS, _lines(rows))
    number = counted(rows.count(), "customer")
    return Export(f"push_{push.pk}.csv", str(push), f"{number} as of {day(push.as_of)}")


def _lines(rows: QuerySet[PushRow]) -> Iterator[list[str]]:
    for row in rows.iterator(chunk_size=FETCH_SIZE):
        who = [row.customer_id, row.customer.organization, row.get_kind_display(), row.result]
        for name, value in sorted(row.after.items()):
            sent = english("(left as it is)") if value is None else value
            yield [*who, name, row.before.get(name, ""), sent, row.words]
