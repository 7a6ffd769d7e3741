"""Tables that PostgreSQL keeps in a partition for each month of their ``date``; on SQLite they are whole.

A night writes into the newest month alone: the indexes that its rows grow stay as small as a month, however many years
there are.

The table itself says what holds for all rows: columns, checks, foreign keys and indexes. The key ``id`` each month has
for itself, because PostgreSQL knows no key of all partitions without the date.

A month is made beside the table and then attached, which stands in the way of no reader. ``partitioning`` makes such a
table of a whole one.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import OperationalError, transaction

from customers.core.sql import execute, fetch, is_postgres

KEY = "id"
EARLIER = "earlier"
"""The partition of the rows that were there before the table had months ends with this."""
LOCK_TIMEOUT = "800ms"
"""How long putting a month in the place of another waits for those who read the table; others wait behind it.

Less than the second after which PostgreSQL looks for a deadlock: a page that has read customers, and waits for the
table, is then let through instead of ended.
"""
_IN_THE_WAY = {"55P03", "40P01"}
"""A lock that could not be had in time, or that somebody has who waits for ours."""
_BOUNDS = re.compile(r"FOR VALUES FROM \((?:'(.+?)'|MINVALUE)\) TO \('(.+?)'\)")


@dataclass(frozen=True, order=True)
class Partition:
    """The rows of a table from ``first`` (``date.min``: whatever was before) to the day before ``end``."""

    first: date
    end: date
    name: str

    def has(self, day: date) -> bool:
        """Return whether rows of the day are in it."""
        return self.first <= day < self.end


def month_of(day: date) -> date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


def month_after(day: date) -> date:
    """Return the first day of the month after a day's."""
    return month_of(month_of(day) + timedelta(days=31))


def partitions(table: str) -> list[Partition] | None:
    """Return the partitions of a table in the order of their months; None where the table is whole."""
    if not is_postgres():
        return None
    rows = fetch(
        """
        SELECT quote_ident(c.relname), pg_get_expr(c.relpartbound, c.oid) FROM pg_partitioned_table p
        LEFT JOIN pg_inherits i ON i.inhparent = p.partrelid LEFT JOIN pg_class c ON c.oid = i.inhrelid
        WHERE p.partrelid = CAST(%s AS regclass)""",
        [table],
    )
    # One that has no partition yet is a row without any.
    return sorted(_partition(name, bounds) for name, bounds in rows if name) if rows else None


def _partition(name: str, bounds: str) -> Partition:
    found = _BOUNDS.fullmatch(bounds)
    if found is None:
        raise ValueError(f"the partition {name} has bounds that are not ours: {bounds}")
    first, end = found.groups()
    return Partition(date.fromisoformat(first) if first else date.min, date.fromisoformat(end), name)


def month_table(table: str, day: date) -> str:
    """Return the name of the partition that has the rows of a day; the table's own where it is whole."""
    return next((one.name for one in partitions(table) or [] if one.has(day)), table)


def make_months(table: str, days: Iterable[date]) -> None:
    """Make the months that rows of these days need, as far as a table of months lacks them."""
    there = partitions(table)
    if there is None:
        return
    for month in sorted({month_of(day) for day in days}):
        if not any(one.has(month) for one in there):
            one = Partition(month, month_after(month), f"{table}_{month.year:04}_{month.month:02}")
            with transaction.atomic():
                execute(f"CREATE TABLE {one.name} (LIKE {table} INCLUDING CONSTRAINTS, PRIMARY KEY ({KEY}))")
                attach(table, one)


def has_months(table: str) -> bool:
    """Return whether the table has a partition for each month here."""
    return partitions(table) is not None


def with_months(table: str, rows: Iterable[Sequence[object]], place: int) -> Iterator[Sequence[object]]:
    """Yield rows whose date is in that ``place``, each after its month was made."""
    known: set[date] = set()
    for row in rows:
        day = row[place]
        if isinstance(day, date) and (month := month_of(day)) not in known:
            known.add(month)
            make_months(table, [month])
        yield row


def attach(table: str, one: Partition) -> None:
    """Make a table a partition; it gets the indexes and foreign keys that it lacks."""
    first = "MINVALUE" if one.first == date.min else f"'{one.first}'"
    execute(f"ALTER TABLE {table} ATTACH PARTITION {one.name} FOR VALUES FROM ({first}) TO ('{one.end}')")


def give_back_room(table: str) -> int:
    """Make the months anew of which most rows are gone, and drop those without any; return how many.

    Rows that go leave room for new ones, but a month that is over gets none. One that is being read is left alone.
    """
    there = {one.name: one for one in (partitions(table) or [])[:-1]}
    done = 0
    for (name,) in fetch(_ROOMY, [table, FEW_PAGES]) if there else []:
        if name in there:
            done += _done_unless_read(table, there[name])
    return done


_ROOMY = """
    WITH months AS (
        SELECT quote_ident(c.relname) AS name, c.relpages, c.reltuples / NULLIF(c.relpages, 0) AS density
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = CAST(%s AS regclass)
    )
    SELECT name FROM months WHERE relpages > %s AND density BETWEEN 0 AND (SELECT MAX(density) FROM months) / 2"""
"""Which months have less than half as many rows a page as the fullest, as far as the database has noticed."""
FEW_PAGES = 100
"""As small a month takes no room that is worth giving back."""


def _done_unless_read(table: str, one: Partition) -> bool:
    try:
        with transaction.atomic():
            _make_anew(table, one)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) not in _IN_THE_WAY:
            raise
        return False
    return True


def _make_anew(table: str, one: Partition) -> None:
    """Put a copy of a month's rows in its place, or nothing where it has none; pages wait for the exchange alone."""
    old, new = one.name, f"{one.name}_new"
    execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    execute(f"LOCK TABLE {old} IN SHARE MODE")
    execute(f"CREATE TABLE {new} (LIKE {table} INCLUDING CONSTRAINTS INCLUDING INDEXES, PRIMARY KEY ({KEY}))")
    rows = execute(f"INSERT INTO {new} SELECT * FROM {old}")
    first = "" if one.first == date.min else f"date >= '{one.first}' AND "
    # Attached is then without a look at the rows.
    execute(f"ALTER TABLE {new} ADD CONSTRAINT {new}_bounds CHECK ({first}date < '{one.end}')")
    for name, definition in constraints(table, "f"):
        execute(f"ALTER TABLE {new} ADD CONSTRAINT {name} {definition}")
    execute(f"ALTER TABLE {table} DETACH PARTITION {old}")
    execute(f"DROP TABLE {old}")
    if not rows:
        execute(f"DROP TABLE {new}")
        return
    execute(f"ALTER TABLE {new} RENAME TO {old}")
    attach(table, one)
    execute(f"ALTER TABLE {old} DROP CONSTRAINT {new}_bounds")


def constraints(table: str, kinds: str) -> list[tuple[str, str]]:
    """Return the names and definitions of a table's constraints of some kinds (PostgreSQL's letters)."""
    return [
        (name, definition)
        for name, definition in fetch(
            """
            SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
            WHERE conrelid = CAST(%s AS regclass) AND contype = ANY(%s) ORDER BY contype = 'f', conname""",
            [table, list(kinds)],
        )
    ]
