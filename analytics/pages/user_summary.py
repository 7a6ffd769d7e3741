"""What every page says to its user: the sidebar's badges, whether they own customers, the last night's trouble.

The same query tells the version of the state, by which pages are kept.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from django.contrib.auth.models import User
from django.db.models import BooleanField, F, Func, IntegerField, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.utils import timezone

from analytics.alerts.recipients import alerts_waiting_for, is_manager
from analytics.nights import ledger
from analytics.page_cache.version import StateVersion, version_columns, version_of
from analytics.tasks.listing import tasks_due
from customers.core.pages import user_of
from customers.core.replica.routing import reading_now
from customers.core.sql import table_of
from customers.models import CustomerCare, ImportRun, QuarantinedRow


@dataclass(frozen=True)
class UserSummary:
    """How many alerts wait for a user, how many tasks are due, and whether any customer is the user's.

    ``version``, ``quarantined`` and ``newest_run`` are the same for everybody. ``night`` is what is known of
    the last nights; ``trouble`` what is wrong there, told to those who may see imports.
    """

    waiting: int
    due: int
    owns: bool
    night: tuple[object, ...]
    trouble: ledger.NightProblem | None
    version: StateVersion
    quarantined: int
    newest_run: int


_OPEN = (str(QuarantinedRow.Status.OPEN),)
_summaries: "WeakKeyDictionary[HttpRequest, tuple[bool, UserSummary]]" = WeakKeyDictionary()
"""Of each request, and whether it was read from the replica: one that is asked again of the primary has another."""


def user_summary(request: HttpRequest) -> UserSummary:
    """Return the summary for the user of a request; one query a request at most, from where it reads."""
    from_replica, known = reading_now().from_replica, _summaries.get(request)
    if known is None or known[0] != from_replica:
        known = _summaries[request] = from_replica, _summary(user_of(request), timezone.localdate())
    return known[1]


def _summary(user: User, today: date) -> UserSummary:
    row = _query(user.pk, today, manager=is_manager(user)).get()
    return UserSummary(
        row["waiting"],
        row["due"],
        row["owns"],
        night=tuple(row[name] for name in ledger.STATUS_COLUMNS),
        trouble=ledger.night_problem(row) if user.has_perm(ledger.MAY_SEE) else None,
        version=version_of(row),
        quarantined=row["quarantined"],
        newest_run=row["newest_run"] or 0,
    )


@lru_cache(maxsize=1_000)
def _query(user_key: int, today: date, *, manager: bool) -> QuerySet[User, ledger.Row]:
    """Return the query, about the user's row, because a SELECT needs one.

    It is kept: for each page the ORM would take longer to build it than the database to answer it.
    """
    counts = _counts(user_key, today, manager=manager)
    waiting, due = (RawSQL(sql, parameters, IntegerField()) for sql, parameters in counts)  # noqa: S611 - the ORM's
    return User.objects.filter(pk=user_key).values(
        **ledger.status_columns(),
        **version_columns(),
        waiting=waiting,
        due=due,
        owns=RawSQL(  # noqa: S611 - the value is a parameter
            f"SELECT EXISTS (SELECT 1 FROM {table_of(CustomerCare)} WHERE owner_id = %s)", (user_key,), BooleanField()
        ),
        quarantined=RawSQL(f"SELECT COUNT(*) FROM {table_of(QuarantinedRow)} WHERE status = %s", _OPEN),  # noqa: S611
        newest_run=RawSQL(f"SELECT MAX(id) FROM {table_of(ImportRun)}", ()),  # noqa: S611 - no value in it
    )


def _counts(user_key: int, today: date, *, manager: bool) -> list[tuple[str, tuple[object, ...]]]:
    """Return the SQL, with its parameters, that counts the alerts that wait for a user, and the tasks that are due."""
    user = User(pk=user_key)
    rows: list[QuerySet[Any]] = [alerts_waiting_for(user, today, manager=manager), tasks_due(user, today)]
    # A plain function, because an aggregate would group the rows.
    total = Func(F("pk"), function="COUNT", output_field=IntegerField())
    return [each.order_by().values(total=total).query.sql_with_params() for each in rows]
