"""Who is on the worklist: many customers, of whom a page shows some, and reads no others."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

from django.db.models import Count, Q

from analytics.models import PortfolioDay
from analytics.my_day.facts import customers_of
from analytics.urgency.stored import Rows, urgent_rows
from customers.core.limits import BATCH_SIZE, FETCH_SIZE, batches
from customers.models import CustomerCare

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
class HealthList:
    """Which list by health it is: of a scored date, beside another, and whose customers'."""

    portfolio: PortfolioDay
    before: PortfolioDay | None
    whose: str

    def rows(self) -> Rows:
        """Return its rows, as a query."""
        return urgent_rows(self.portfolio, self.before).filter(which_of(self.whose))

    def among(self, customers: Iterable[str]) -> list[WorkMember]:
        """Return which of some customers are on it, whatever their order."""
        some = (self.rows().order_by().filter(customer__in=keys) for keys in batches(customers, BATCH_SIZE))
        return [WorkMember(*row) for rows in some for row in rows]


class WorkMembers(Sequence[WorkMember]):
    """Members in the order of the worklist: those by health, which are read where they are wanted, then ``more``.

    The cache keeps how long the list is and its first members; never all of it, which may be half of a program.
    ``without`` are customers who are on the list by health, and left out.
    """

    def __init__(self, by_health: HealthList, without: Iterable[str] = (), more: Iterable[WorkMember] = ()) -> None:
        self._by_health = by_health
        self._without = sorted(without)
        self._more = sorted(more, key=lambda one: one.rank)
        first = [WorkMember(*row) for row in self._rows()[: FIRST + 1]]
        # Most lists are short, and counted by that.
        self._length = len(first) if len(first) <= FIRST else self._rows().order_by().count()
        self._first = first[:FIRST]

    def _rows(self) -> Rows:
        rows = self._by_health.rows()
        return rows.exclude(customer__in=self._without) if self._without else rows

    @property
    def customers(self) -> list[str]:
        """The keys of all of them, in their order."""
        return [one.customer for one in self]

    def of(self, customer: str) -> list[WorkMember]:
        """Return the member of this customer, if any."""
        by_health = [] if customer in self._without else self._by_health.among([customer])
        return by_health or [one for one in self._more if one.customer == customer]

    def by_owner(self) -> Counter[str]:
        """Count the customers of each user, and ``NOBODY``'s."""
        owned = self._rows().order_by().filter(customer__care__owner__isnull=False)
        by_health = owned.values_list("customer__care__owner").annotate(number=Count("customer"))
        counts = Counter({str(owner): number for owner, number in by_health})
        if self._more:
            care = CustomerCare.objects.filter(owner__isnull=False, customer__in=[one.customer for one in self._more])
            counts.update(str(owner) for owner in care.values_list("owner_id", flat=True))
        counts[NOBODY] = len(self) - counts.total()
        return counts

    def __repr__(self) -> str:
        return f"WorkMembers({[*self]})"

    def __len__(self) -> int:
        return self._length + len(self._more)

    def __iter__(self) -> Iterator[WorkMember]:
        if self._length <= len(self._first):
            yield from self._first
        else:
            yield from (WorkMember(*row) for row in self._rows().iterator(chunk_size=FETCH_SIZE))
        yield from self._more

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
        """Return the members from one place to another; one query where some of them are not the first ones."""
        length = self._length
        if start >= (last := min(stop, length)) or last <= len(self._first):
            by_health = self._first[start:last]
        else:
            by_health = [WorkMember(*row) for row in self._rows()[start:last]]
        return by_health + self._more[max(start - length, 0) : max(stop - length, 0)]
