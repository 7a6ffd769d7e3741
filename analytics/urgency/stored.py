"""Store who is on the worklist by health, in SQL alone, and read it: the stored rows, or else the rule itself."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable

from analytics.models import PortfolioDay, UrgentCustomer
from analytics.portfolio.comparison import comparison_day
from analytics.urgency.by_health import by_health
from customers.core.sql import analyze, execute, table_of

Rows: TypeAlias = "QuerySet[Any, Any]"
"""Rows of whatever model."""
Keys: TypeAlias = "Sequence[str] | Combinable | Rows"
"""Customers by their keys, or by a query of them."""
_COLUMNS = ("customer_id", "snapshot", "severity", "score")


def urgent_rows(portfolio: PortfolioDay, before: PortfolioDay | None) -> Rows:
    """Return who is to be acted on by the health on a scored date: as stored, where it is of these dates.

    In rows of customer, snapshot, severity and score, the most urgent first.
    """
    if portfolio.urgency_stored and portfolio.urgency_before == (before.date if before else None):
        return UrgentCustomer.objects.order_by("severity", "score", "snapshot").values_list(*_COLUMNS)
    return _by_rule(portfolio, before)


def not_urgent(portfolio: PortfolioDay, before: PortfolioDay | None) -> Q:
    """Select what is about customers who are not to be acted on by their health on a scored date."""
    return Q(~Exists(urgent_rows(portfolio, before).filter(customer=OuterRef("customer"))))


def store_urgent() -> None:
    """Store anew who is to be acted on by the health on the newest scored date; nothing where nothing is scored."""
    newest = _newest()
    if newest is None:
        return
    before = comparison_day(newest.date)
    with transaction.atomic():
        everybody = UrgentCustomer.objects.all()
        everybody._raw_delete(everybody.db)
        _insert(_by_rule(newest, before))
        analyze(table_of(UrgentCustomer))
        others = PortfolioDay.objects.filter(urgency_stored=True).exclude(pk=newest.pk)
        others.update(urgency_stored=False, urgency_before=None)
        since = before.date if before else None
        PortfolioDay.objects.filter(pk=newest.pk).update(urgency_stored=True, urgency_before=since)


def store_urgent_of(customers: Keys) -> None:
    """Store the same anew of some customers alone."""
    newest = _newest()
    if newest is None:
        return
    before = comparison_day(newest.date)
    if not newest.urgency_stored or newest.urgency_before != (before.date if before else None):
        store_urgent()
        return
    with transaction.atomic():
        theirs = UrgentCustomer.objects.filter(customer__in=customers)
        theirs._raw_delete(theirs.db)
        _insert(_by_rule(newest, before).filter(customer__in=customers))


def _newest() -> PortfolioDay | None:
    return PortfolioDay.objects.order_by("-date").first()


def _by_rule(portfolio: PortfolioDay, before: PortfolioDay | None) -> Rows:
    return by_health(portfolio, before).values_list("customer_id", F("pk"), "severity", "score")


def _insert(rows: Rows) -> None:
    select, parameters = rows.order_by().query.sql_with_params()
    execute(f"INSERT INTO {table_of(UrgentCustomer)} ({', '.join(_COLUMNS)}) {select}", parameters)
