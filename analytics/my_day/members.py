"""Who is on the worklist: many customers, of whom a page shows some."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload


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


class WorkMembers(Sequence[WorkMember]):
    """Members in the order of the worklist, kept as columns.

    The cache keeps pages' parts as pickles. At 33,000 members, two lists of tuples took 290 ms after each edit of
    anybody; columns take a tenth of it.
    """

    def __init__(self, members: Iterable[WorkMember]) -> None:
        ordered = sorted(members, key=lambda one: one.rank)
        self.customers = [one.customer for one in ordered]
        numbers = zip(*(one[1:] for one in ordered), strict=True)
        self._numbers = [array("q", column) for column in numbers] or [array("q")] * 4

    def of(self, customer: str) -> list[WorkMember]:
        """Return the member of this customer, if any."""
        return [self[self.customers.index(customer)]] if customer in self.customers else []

    def __repr__(self) -> str:
        return f"WorkMembers({[*self]})"

    def __len__(self) -> int:
        return len(self.customers)

    def __iter__(self) -> Iterator[WorkMember]:
        return map(WorkMember._make, zip(self.customers, *self._numbers, strict=True))

    @overload
    def __getitem__(self, index: int) -> WorkMember: ...

    @overload
    def __getitem__(self, index: slice) -> list[WorkMember]: ...

    def __getitem__(self, index: int | slice) -> WorkMember | list[WorkMember]:
        if isinstance(index, int):
            return WorkMember(self.customers[index], *(column[index] for column in self._numbers))
        some = zip(self.customers[index], *(column[index] for column in self._numbers), strict=True)
        return [WorkMember._make(row) for row in some]
