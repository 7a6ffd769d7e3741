"""What every page says of its visitor: the sidebar's badges, whether there are customers of one's own, the last night.

The same query tells the state of the program.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, F, Func, IntegerField, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone

from analytics.alerts.recipients import alerts_waiting_for
from analytics.nights import ledger
from analytics.page_cache.program import FACTS, Program, program
from analytics.tasks.listing import tasks_due
from customers.core.prepared import Written
from customers.models import CustomerCare

VISITORS = 200
"""For how many visitors the query stays written; for one more it is written anew."""


@dataclass(frozen=True)
class Visitor:
    """How many alerts wait for the visitor, how many tasks are due, and whether any customer is the visitor's.

    ``trouble`` is what is wrong with the last night, told to those who may see imports; ``found`` are the values that
    all of this was made of.
    """

    waiting: int
    due: int
    owns: bool
    trouble: ledger.Trouble | None
    program: Program
    found: Mapping[str, Any]


def visitor(request: HttpRequest) -> Visitor:
    """What is known of who asks, until the request is answered; one query at most."""
    known = getattr(request, "visitor", None)
    if known:
        return known
    [found] = _question(request.user.pk, timezone.localdate()).ask()
    trouble = ledger.trouble(found) if request.user.has_perm(ledger.MAY_SEE) else None
    request.visitor = Visitor(found["waiting"], found["due"], found["owns"], trouble, program(found), found)
    return request.visitor


@lru_cache(VISITORS)
def _question(key: int, today: date) -> Written:
    """The query for a visitor on a day. It is about the user's row, because a SELECT needs one."""
    user = User(pk=key)
    rows = User.objects.filter(pk=key).values(
        waiting=total(alerts_waiting_for(user, today), "COUNT", "pk"),
        due=total(tasks_due(user, today), "COUNT", "pk"),
        owns=Exists(CustomerCare.objects.filter(owner=key)),
        **ledger.facts(),
        **FACTS,
    )
    return Written(rows)


def total(rows: QuerySet, function: str, column: str) -> Subquery:
    """COUNT or SUM over all rows; a plain function, because an aggregate would group them."""
    rows = rows.order_by().values(total=Func(F(column), function=function, output_field=IntegerField()))
    return Subquery(rows)
