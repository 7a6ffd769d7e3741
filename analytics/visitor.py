"""What pages say of the visitor: the sidebar's badges, whether there are customers of one's own, and the last night.

It takes no query of its own where a page reads it along with another one: by ``facts``, which give ``remember`` its
values.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, F, Func, IntegerField, QuerySet, Subquery
from django.http import HttpRequest

from analytics import nights
from analytics.audience import alerts_waiting_for
from analytics.task_list import tasks_due
from customers.models import CustomerCare


@dataclass(frozen=True)
class Visitor:
    """How many alerts wait for the visitor, how many tasks are due, and whether any customer is the visitor's.

    ``trouble`` is what is wrong with the last night, told to those who may see imports.
    """

    waiting: int
    due: int
    owns: bool
    trouble: nights.Trouble | None


def facts(user: User) -> dict[str, Subquery]:
    """What ``Visitor`` is made of as columns for a query, whatever it is about."""
    return {
        "waiting": total(alerts_waiting_for(user), "COUNT", "pk"),
        "due": total(tasks_due(user), "COUNT", "pk"),
        "owns": Exists(CustomerCare.objects.filter(owner=user.pk)),
        **nights.facts(),
    }


def total(rows: QuerySet, function: str, column: str) -> Subquery:
    """COUNT or SUM over all rows; a plain function, because an aggregate would group them."""
    rows = rows.order_by().values(total=Func(F(column), function=function, output_field=IntegerField()))
    return Subquery(rows)


def remember(request: HttpRequest, row: dict[str, Any]) -> Visitor:
    """Keep what a query with ``facts`` has found, until the request is answered."""
    trouble = nights.trouble(row) if request.user.has_perm(nights.MAY_SEE) else None
    request.visitor = Visitor(row["waiting"], row["due"], row["owns"], trouble)
    return request.visitor


def visitor(request: HttpRequest) -> Visitor:
    """What is known of who asks; one query at most."""
    known = getattr(request, "visitor", None)
    if known:
        return known
    # On the user's row, because a SELECT needs one; every visitor of a page has it.
    return remember(request, User.objects.filter(pk=request.user.pk).values(**facts(request.user)).get())
