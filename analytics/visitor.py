"""What pages say of the visitor: the sidebar's badges, and whether there are customers of one's own.

It takes no query of its own where a page reads it along with another one: by ``facts``, which give ``remember`` its
values.
"""

from dataclasses import dataclass, fields
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, F, Func, IntegerField, QuerySet, Subquery
from django.http import HttpRequest

from analytics.audience import alerts_waiting_for
from analytics.task_list import tasks_due
from customers.models import CustomerCare


@dataclass(frozen=True)
class Visitor:
    """How many alerts wait for the visitor, how many tasks are due, and whether any customer is the visitor's."""

    waiting: int
    due: int
    owns: bool


def facts(user: User) -> dict[str, Subquery]:
    """The fields of ``Visitor`` as columns for a query, whatever it is about."""
    return {
        "waiting": total(alerts_waiting_for(user), "COUNT", "pk"),
        "due": total(tasks_due(user), "COUNT", "pk"),
        "owns": Exists(CustomerCare.objects.filter(owner=user.pk)),
    }


def total(rows: QuerySet, function: str, column: str) -> Subquery:
    """COUNT or SUM over all rows; a plain function, because an aggregate would group them."""
    rows = rows.order_by().values(total=Func(F(column), function=function, output_field=IntegerField()))
    return Subquery(rows)


def remember(request: HttpRequest, row: dict[str, Any]) -> Visitor:
    """Keep what a query with ``facts`` has found, until the request is answered."""
    request.visitor = Visitor(**{field.name: row[field.name] for field in fields(Visitor)})
    return request.visitor


def visitor(request: HttpRequest) -> Visitor:
    """What is known of who asks; one query at most."""
    known = getattr(request, "visitor", None)
    if known:
        return known
    # On the user's row, because a SELECT needs one; every visitor of a page has it.
    return remember(request, User.objects.filter(pk=request.user.pk).values(**facts(request.user)).get())
