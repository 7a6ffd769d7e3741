"""What is kept of the newest scored date beside its snapshots, and the worklist by health read from it.

Who is to be acted on, and who has reached milestones: rows that the pages need at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from django.db import transaction
from django.db.models import Exists, F, Model, OuterRef, Q
from django.db.models.expressions import Combinable

from analytics.models import PortfolioDay, ReachedMilestones, UrgentCustomer
from analytics.portfolio.comparison import comparison_day
from analytics.portfolio.milestones import Week, reached_rows
from analytics.urgency.by_health import by_health
from customers.core.sql import Rows, analyze, execute, table_of

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


@dataclass(frozen=True)
class Kept:
    """What is kept of the newest scored date: a table, its columns, and from which rows it is made.

    The field ``flag`` of ``PortfolioDay`` says of which date it is; all are against the same date before.
    """

    model: type[Model]
    flag: str
    columns: tuple[str, ...]
    rows: Callable[[PortfolioDay, PortfolioDay | None], Rows]


@dataclass(frozen=True)
class Newest:
    """The newest scored date, and the one that it is compared with."""

    portfolio: PortfolioDay
    before: PortfolioDay | None

    @classmethod
    def find(cls) -> "Newest | None":
        """Return it; None where nothing is scored."""
        portfolio = PortfolioDay.objects.order_by("-date").first()
        return cls(portfolio, comparison_day(portfolio.date)) if portfolio else None

    @property
    def since(self) -> date | None:
        """The date that it is compared with."""
        return self.before.date if self.before else None

    def keep(self, kept: Sequence[Kept], customers: "Keys | None" = None) -> None:
        """Store anew what is kept of it, of some customers or of everybody; in SQL alone.

        It is stored of everybody where it is not of this date yet.
        """
        is_of_before = self.portfolio.urgency_before == self.since
        with transaction.atomic():
            for one in kept if is_of_before else KEPT:
                some = customers if is_of_before and getattr(self.portfolio, one.flag) else None
                _store(one, one.rows(self.portfolio, self.before), some)
                if some is None:
                    _mark(one.flag, self.portfolio, self.since)


def keep_newest(kept: Sequence[Kept], customers: "Keys | None" = None) -> None:
    """Store anew what is kept of the newest scored date, as ``Newest.keep`` does; nothing where nothing is scored."""
    if newest := Newest.find():
        newest.keep(kept, customers)


def _by_rule(portfolio: PortfolioDay, before: PortfolioDay | None) -> Rows:
    return by_health(portfolio, before).values_list("customer_id", F("pk"), "severity", "score")


def _reached(portfolio: PortfolioDay, before: PortfolioDay | None) -> Rows:
    week = Week(portfolio.date, portfolio.date, before.date if before else None)
    return reached_rows(week).values_list("customer_id", "reached")


URGENT = Kept(UrgentCustomer, "urgency_stored", _COLUMNS, _by_rule)
REACHED = Kept(ReachedMilestones, "milestones_stored", ("customer_id", "reached"), _reached)
KEPT = (URGENT, REACHED)


def _store(kept: Kept, rows: Rows, customers: "Keys | None") -> None:
    is_of_some = Q() if customers is None else Q(customer__in=customers)
    theirs = kept.model._default_manager.filter(is_of_some)
    theirs._raw_delete(theirs.db)
    # In the order in which the snapshots of a date have an index by customer: SQLite then finds each beside the last
    # one, and so its customer and the snapshot before, which takes half as long as the order of the lists.
    select, parameters = rows.filter(is_of_some).order_by("customer_id").query.sql_with_params()
    execute(f"INSERT INTO {table_of(kept.model)} ({', '.join(kept.columns)}) {select}", parameters)
    if customers is None:
        analyze(table_of(kept.model))


def _mark(flag: str, newest: PortfolioDay, since: date | None) -> None:
    """Say that what the flag is of is stored of the newest scored date alone, against the date before."""
    PortfolioDay.objects.filter(**{flag: True}).exclude(pk=newest.pk).update(**{flag: False}, urgency_before=None)
    PortfolioDay.objects.filter(pk=newest.pk).update(**{flag: True}, urgency_before=since)
