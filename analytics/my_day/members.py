"""Who is on the worklist: many customers, of whom a page shows some, and reads no others."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import NamedTuple, overload

from django.db.models import Count, F, Min, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from analytics.models import Alert, AlertRule, PortfolioDay, Snapshot, Task
from analytics.my_day.facts import customers_of
from analytics.urgency.by_health import Severity
from analytics.urgency.stored import not_urgent, urgent_rows
from customers.core.limits import BATCH_SIZE, FETCH_SIZE, batches
from customers.core.sql import Row, Rows

TEAM, NOBODY = "", "nobody"
"""Whose customers, where it is no user's key."""
FIRST = 25
"""So many are kept with the list, as the first page shows them."""


def which_of(whose: str) -> Q:
    """Select what is about the customers of a user, of ``NOBODY`` or of the whole ``TEAM``."""
    if whose == TEAM:
        return Q()
    return customers_of(None if whose == NOBODY else int(whose))


class WorkMember(NamedTuple):
    """A customer to act on: the keys of customer and snapshot, the main reason, and the score.

    ``severity`` is one of ``Severity`` as a number, which the cache reads in less time. ``alert`` is the severity of
    the worst alert, where that is the main reason; else 0.
    """

    customer: str
    snapshot: int
    severity: int
    score: int
    alert: int = 0

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """The place in the worklist, the worst first."""
        return self.severity, self.alert, self.score, self.snapshot


@dataclass(frozen=True)
class MemberList(ABC):
    """A part of the worklist, as a query: of a scored date, beside another, and whose customers'."""

    portfolio: PortfolioDay
    before: PortfolioDay | None
    whose: str

    @abstractmethod
    def rows(self, which: Q | None = None) -> Rows:
        """Return its rows in their order, or those about the customers that ``which`` selects."""

    def everybody(self) -> Rows:
        """Return a row of each who is on it, whatever their order and what a row says: to count them."""
        return self.rows().order_by()

    @abstractmethod
    def member(self, row: Row) -> WorkMember:
        """Return the member that a row is about."""

    def among(self, customers: Iterable[str]) -> list[WorkMember]:
        """Return which of some customers are on it, whatever their order."""
        some = (self.rows(Q(customer__in=keys)).order_by() for keys in batches(customers, BATCH_SIZE))
        return [self.member(row) for rows in some for row in rows]


class HealthList(MemberList):
    """Those whose health is a reason to act."""

    def rows(self, which: Q | None = None) -> Rows:
        """Return customer, snapshot, severity and score of each."""
        return urgent_rows(self.portfolio, self.before).filter(which_of(self.whose), which or Q())

    def member(self, row: Row) -> WorkMember:
        """Return the member of a row."""
        return WorkMember(*row)


@dataclass(frozen=True)
class OpenList(MemberList):
    """Those who are on the list by an open alert or a task that is due, and not by their health."""

    today: date

    def rows(self, which: Q | None = None) -> Rows:
        """Return customer, snapshot, score and the severity of the worst alert, None of who has a task alone."""
        own = self._alerts.filter(customer=OuterRef("customer")).values("customer")
        worst = own.annotate(worst=Min(Coalesce("rule__severity", AlertRule.Severity.INFO.value))).values("worst")
        found = self._snapshots(which or Q()).annotate(alert=Subquery(worst))
        rows: Rows = found.order_by(F("alert").asc(nulls_last=True), "score", "pk")
        return rows.values_list("customer_id", "pk", "score", "alert")

    def everybody(self) -> Rows:
        """Return the snapshots, without the alerts, which the ORM would write and leave out again."""
        return self._snapshots(Q()).order_by()

    def _snapshots(self, which: Q) -> Rows:
        theirs = which_of(self.whose) & which
        tasks = Task.objects.open().filter(due__lte=self.today).order_by()
        # One set of keys: of two, PostgreSQL would look through all alerts for each row of the date.
        keys = self._alerts.filter(theirs).values("customer").union(tasks.filter(theirs).values("customer"))
        others = not_urgent(self.portfolio, self.before)
        return Snapshot.objects.filter(theirs, others, date=self.portfolio.date, customer__in=keys)

    @property
    def _alerts(self) -> Rows:
        return Alert.objects.waiting(self.today).exclude(customer=None).order_by()

    def member(self, row: Row) -> WorkMember:
        """Return the member of a row."""
        customer, snapshot, score, alert = row
        severity = Severity.TASK if alert is None else Severity.ALERT
        return WorkMember(customer, snapshot, int(severity), score, alert or 0)


class MembersPart:
    """The members of one of the lists, read where they are wanted; ``without`` customers who are left out.

    The cache keeps how many they are and the first ``keep`` ones; never all, which may be half of a program.
    """

    def __init__(self, listed: MemberList, without: Iterable[str] = (), keep: int = FIRST) -> None:
        self._listed, self._without = listed, sorted(without)
        first = [*map(self._listed.member, self.rows()[: keep + 1])] if keep > 0 else []
        # Most lists are short, and counted by that.
        self.length = len(first) if keep > 0 and len(first) <= keep else self.everybody().count()
        self._first = first[: max(keep, 0)]

    def rows(self) -> Rows:
        """Return them as a query."""
        return self._remaining(self._listed.rows())

    def everybody(self) -> Rows:
        """Return a row of each, to count."""
        return self._remaining(self._listed.everybody())

    def _remaining(self, rows: Rows) -> Rows:
        return rows.exclude(customer__in=self._without) if self._without else rows

    def of(self, customer: str) -> list[WorkMember]:
        """Return the member of this customer, if any."""
        return [] if customer in self._without else self._listed.among([customer])

    def between(self, start: int, stop: int) -> list[WorkMember]:
        """Return the members from one place to another; one query where some of them are not the first ones."""
        start, stop = max(start, 0), max(min(stop, self.length), 0)
        if start >= stop or stop <= len(self._first):
            return self._first[start:stop]
        return [*map(self._listed.member, self.rows()[start:stop])]

    def __repr__(self) -> str:
        return f"MembersPart({[*self]})"

    def __iter__(self) -> Iterator[WorkMember]:
        if self.length <= len(self._first):
            return iter(self._first)
        return map(self._listed.member, self.rows().iterator(chunk_size=FETCH_SIZE))


class WorkMembers(Sequence[WorkMember]):
    """Members in the order of the worklist: those of one part, then those of the next one."""

    def __init__(self, *parts: MembersPart) -> None:
        self._parts = parts
        self._length = sum(part.length for part in parts)

    @property
    def customers(self) -> list[str]:
        """The keys of all of them, in their order."""
        return [one.customer for one in self]

    def of(self, customer: str) -> list[WorkMember]:
        """Return the member of this customer, if any."""
        return next((found for part in self._parts if (found := part.of(customer))), [])

    def by_owner(self) -> Counter[str]:
        """Count the customers of each user, and ``NOBODY``'s."""
        counts: Counter[str] = Counter()
        for part in self._parts:
            owned = part.everybody().filter(customer__care__owner__isnull=False)
            rows = owned.values_list("customer__care__owner").annotate(number=Count("customer"))
            counts.update({str(owner): number for owner, number in rows})
        counts[NOBODY] = len(self) - counts.total()
        return counts

    def __repr__(self) -> str:
        return f"WorkMembers({[*self]})"

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[WorkMember]:
        return chain.from_iterable(self._parts)

    @overload
    def __getitem__(self, index: int) -> WorkMember: ...

    @overload
    def __getitem__(self, index: slice) -> list[WorkMember]: ...

    def __getitem__(self, index: int | slice) -> WorkMember | list[WorkMember]:
        if isinstance(index, int):
            place = range(len(self))[index]
            return self._between(place, place + 1)[0]
        start, stop, step = index.indices(len(self))
        return self._between(start, stop) if step == 1 else [*self][index]

    def _between(self, start: int, stop: int) -> list[WorkMember]:
        found: list[WorkMember] = []
        for part in self._parts:
            found += part.between(start, stop)
            start, stop = start - part.length, stop - part.length
        return found
