"""Pages of a list: each goes on behind the last row of the one before, so that none is skipped while others come.

A cursor has the values by which that row is sorted. It is signed, and holds for the address that it was given for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from django.core import signing
from django.db.models import F, Model, Q, QuerySet
from django.db.models.expressions import Expression, OrderBy
from django.http import HttpRequest, QueryDict
from rest_framework.exceptions import ValidationError

from customers.core.sql import is_postgres
from customers.text.numbers import number_or_none

CURSOR, PER_PAGE = "cursor", "per_page"
USUAL_ROWS, MOST_ROWS = 100, 1_000
_SALT = "rsolv_cs.api.paging"
Item = TypeVar("Item")
Row = TypeVar("Row", bound=Model)
Value = str | int | float | None
Position = list[Value]
"""The values that a row is sorted by, as JSON has them; of a list in memory, how many rows stand before."""


@dataclass(frozen=True)
class Paging:
    """Where a page of a request begins (None: with the list), and how many rows it has."""

    request: HttpRequest
    position: Position | None
    size: int

    def next_page(self, position: Position | None, day: date | None = None) -> str | None:
        """Return the address of the page behind a position, of the same date; None where there is none."""
        if position is None:
            return None
        query = self.request.GET.copy()
        query.pop(CURSOR, None)
        if day:
            query["as_of"] = day.isoformat()
        query[CURSOR] = signing.dumps(position, salt=_salt(self.request.path, query))
        return self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}")

    def keys(self, rows: QuerySet[Row]) -> tuple[list[int], Position | None]:
        """Return the keys of the page's rows in their order, and where the next page begins; one query."""
        orders = list(_orders(rows))
        names = [f"order_{place}" for place in range(len(orders))]
        sorted_rows = rows.annotate(
            **{name: order.expression for name, order in zip(names, orders, strict=True)}
        ).order_by(*(_by(name, order) for name, order in zip(names, orders, strict=True)))
        if self.position is not None:
            sorted_rows = sorted_rows.filter(_behind(names, orders, self.position))
        found = list(sorted_rows.select_related(None).values_list("pk", *names)[: self.size + 1])
        last = list(found[self.size - 1][1:]) if len(found) > self.size else None
        return [key for key, *_values in found[: self.size]], last and [_plain(value) for value in last]

    def rows(self, rows: QuerySet[Row], whole: QuerySet[Row]) -> tuple[list[Row], Position | None]:
        """Return the page's rows as ``whole`` has them: so the database sorts keys alone, not every column."""
        keys, following = self.keys(rows)
        found = {row.pk: row for row in whole.order_by().filter(pk__in=keys)}
        return [found[key] for key in keys if key in found], following

    def slice(self, items: Sequence[Item]) -> tuple[Sequence[Item], Position | None]:
        """Return the page's part of a list that is there as a whole."""
        first = int(self.position[0] or 0) if self.position else 0
        end = first + self.size
        return items[first:end], [end] if end < len(items) else None


def paging_of(request: HttpRequest) -> Paging:
    """Return the page that an address asks for; raises ``ValidationError`` where it says nothing of the kind."""
    asked = request.GET.get(PER_PAGE, str(USUAL_ROWS))
    size = number_or_none(asked)
    if size is None or not 1 <= size <= MOST_ROWS:
        raise ValidationError({PER_PAGE: f"Allowed: a whole number from 1 to {MOST_ROWS:,}."})
    return Paging(request, _position(request), size)


def _position(request: HttpRequest) -> Position | None:
    query = request.GET.copy()
    [cursor] = query.pop(CURSOR, [None])[-1:]
    if cursor is None:
        return None
    try:
        position: Position = signing.loads(cursor, salt=_salt(request.path, query))
    except signing.BadSignature:
        raise ValidationError(
            {CURSOR: "Not a cursor of this address and these parameters. Allowed: that of “next”, unchanged."}
        ) from None
    return position


def _salt(path: str, query: QueryDict) -> str:
    asked = sorted((name, values) for name, values in query.lists() if name != PER_PAGE)
    return f"{_SALT} {path} {asked}"


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else value


# --- The order ----------------------------------------------------------------------------------------------------


def _orders(rows: QuerySet[Row]) -> Iterator[OrderBy]:
    """Yield what the rows are sorted by."""
    for one in rows.query.order_by:
        if isinstance(one, str):
            yield OrderBy(F(one.removeprefix("-")), descending=one.startswith("-"))
        elif isinstance(one, Expression):
            yield one if isinstance(one, OrderBy) else OrderBy(one)


def _by(name: str, order: OrderBy) -> OrderBy:
    """Return the same order by a column of the query."""
    last, first = order.nulls_last, order.nulls_first
    return OrderBy(F(name), descending=order.descending, nulls_last=last, nulls_first=first)


NOBODY = Q(pk__in=[])


def _behind(names: Sequence[str], orders: Sequence[OrderBy], position: Position) -> Q:
    """Return the condition that a row stands behind a position: the first value that differs comes later."""
    found, same = NOBODY, Q()
    for name, order, value in zip(names, orders, position, strict=True):
        found |= same & _later(name, order, value)
        same &= Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})
    return found


def _later(name: str, order: OrderBy, value: object) -> Q:
    is_last = bool(order.nulls_last) or (not order.nulls_first and is_postgres() != order.descending)
    if value is None:
        # Among those without a value none comes later.
        return NOBODY if is_last else Q(**{f"{name}__isnull": False})
    later = Q(**{f"{name}__{'lt' if order.descending else 'gt'}": value})
    return later | Q(**{f"{name}__isnull": True}) if is_last else later
