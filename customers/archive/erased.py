"""Who was erased, known again by a mark alone: rows of such a customer are left out, whichever way they come.

A mark is a HMAC-SHA256 of the id, keyed by a random salt that stands beside it. It does not hang on ``SECRET_KEY``,
whose change would bring everybody back; and a slow hash would protect nothing, because ids like ``c1001`` are few
enough to try them all. So whoever has the database and an id can tell whether it was erased, and that is all.
"""

import hmac
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.db import connection

from customers.core.sql import CORRECTION, STAGE, execute, table_of
from customers.feeds.cell_types import valid_key
from customers.feeds.declarations import Feed, Header
from customers.feeds.reader import split
from customers.models import Customer, Erasure, ImportRun, QuarantinedRow

_REMEMBERED = 100_000
_AT_ONCE = 500
_LONGEST_KEY = 64


class Ids(Protocol):
    """Some ids: a set of them, or ``Erased``."""

    def __contains__(self, key: object, /) -> bool:
        """Whether an id is one of them."""


def new_mark(key: str) -> dict[str, str]:
    """The salt and the digest of an ``Erasure`` of this id."""
    salt = secrets.token_bytes(32)
    return {"salt": salt.hex(), "digest": _digest(salt, key).hex()}


def _digest(salt: bytes, key: str) -> bytes:
    return hmac.digest(salt, key.encode(), "sha256")


class Erased:
    """The erased customers, as they stand when this is made; false where there are none."""

    def __init__(self) -> None:
        marks = Erasure.objects.order_by().values_list("salt", "digest")
        self._marks = [(bytes.fromhex(salt), bytes.fromhex(digest)) for salt, digest in marks]
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._marks)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str) or not key or len(key) > _LONGEST_KEY:
            return False
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = any(hmac.compare_digest(_digest(salt, key), digest) for salt, digest in self._marks)
            self._known[key] = known
        return known


def customer_column(feed: Feed) -> str:
    """The column that names the customer of a row."""
    return "customer_id" if feed.of_customers else "id"


@dataclass(frozen=True)
class Place:
    """Where a file's records name their customer; ``column`` is None where its header does not say."""

    column: int | None
    width: int

    @classmethod
    def by_header(cls, names: Sequence[str]) -> "Place":
        """The place that a file's header tells, whatever its feed."""
        lower = [name.strip().lower() for name in names]
        column = next((lower.index(name) for name in ("customer_id", "id") if name in lower), None)
        return cls(column, len(lower))

    def is_of(self, cells: Sequence[str], ids: Ids) -> bool:
        """Whether a record is of one of these customers.

        One with too many or too few cells is where its cells, counted from either end, say so; and where any cell is
        such an id, unless that is a plain number, which may be something else.
        """
        if self.column is not None and len(cells) == self.width:
            return cells[self.column] in ids
        places = () if self.column is None else (self.column, self.column - self.width)
        near = [cells[place] for place in places if -len(cells) <= place < len(cells)]
        likely = [cell for cell in cells if self.column is None or not cell.isdecimal()]
        return any(valid_key(cell) and cell in ids for cell in (*near, *likely))


def leave_out(feed: Feed, run: ImportRun, header: Header, erased: Erased) -> set[str]:
    """Take the rows of erased customers off the stage and out of the run's quarantine; return whose they were.

    ``run.left_out`` is then how many rows that were. Only ids that no customer has are looked at, since nobody who is
    erased is among the customers.
    """
    column = customer_column(feed)
    found: set[str] = set()
    with connection.chunked_cursor() as cursor:
        known = f"LEFT JOIN {table_of(Customer)} c ON c.id = s.{column}"
        cursor.execute(f"SELECT DISTINCT s.{column} FROM {STAGE} s {known} WHERE c.id IS NULL")
        while rows := cursor.fetchmany(_AT_ONCE):
            found.update(key for (key,) in rows if key in erased)
    run.left_out = 0
    keys = sorted(found)
    for first in range(0, len(keys), _AT_ONCE):
        some = keys[first : first + _AT_ONCE]
        theirs = f"{column} IN ({', '.join(['%s'] * len(some))})"
        if run.scope == ImportRun.Scope.CORRECTIONS:
            execute(f"DELETE FROM {CORRECTION} WHERE line IN (SELECT line FROM {STAGE} WHERE {theirs})", some)
        run.left_out += execute(f"DELETE FROM {STAGE} WHERE {theirs}", some)
    own = feed.column_names.index(column)
    place = Place(header.order[own], header.width)
    bad: list[int] = []
    for row in run.quarantined_rows.order_by().only("raw", "cells").iterator(chunk_size=_AT_ONCE):
        whose = _customers(row, own, place, erased)
        if whose:
            bad.append(row.pk)
            found |= whose
    run.left_out += len(bad)
    forget_rows(bad)
    return found


def _customers(row: QuarantinedRow, own: int, place: Place, ids: Ids) -> set[str]:
    """Which of these customers a quarantined row is of."""
    if row.cells:
        return {row.cells[own]} if row.cells[own] in ids else set()
    cells = split(row.raw)
    return {cell for cell in cells if cell in ids} if place.is_of(cells, ids) else set()


def forget_rows(keys: Sequence[int]) -> None:
    """Delete rows of the quarantine."""
    for first in range(0, len(keys), _AT_ONCE):
        QuarantinedRow.objects.filter(pk__in=keys[first : first + _AT_ONCE]).delete()


def warning(number: int) -> str:
    """What a run says of the rows that it left out."""
    return f"{number} row{'s' if number > 1 else ''} of erased customers left out, counted as unchanged"


def is_theirs(row: QuarantinedRow, feed: Feed, keys: Collection[str]) -> bool:
    """Whether a row of the quarantine is of one of these customers; its file's header is unknown."""
    own = feed.column_names.index(customer_column(feed))
    return bool(_customers(row, own, Place(own, len(feed.columns)), keys))
