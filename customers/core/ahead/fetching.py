"""Take the rows of statements one after another while the database works at the next ones, on more than one core."""

from collections.abc import Generator, Sequence

from customers.core.ahead.postgresql import fetch_from_postgres
from customers.core.ahead.sqlite import fetch_from_sqlite
from customers.core.sql import Row, Statement, fetch, is_postgres


def can_fetch_ahead() -> bool:
    """Return whether other connections may read beside a transaction that writes.

    They may not in a database in memory, nor where SQLite has no log to write ahead, as on a network's disk.
    """
    return is_postgres() or fetch("PRAGMA journal_mode") == [("wal",)]


def fetch_ahead(statements: Sequence[Statement], *, in_order: bool = False) -> Generator[Row, None, None]:
    """Yield the rows of statements that only read, one statement after another; whoever takes them closes it.

    Two are asked at once, on connections that see nothing of a transaction which is still open. ``in_order`` says that
    the groups of the statements are found in an index one after another: PostgreSQL then hands them over as they come.
    """
    return fetch_from_postgres(statements, in_order=in_order) if is_postgres() else fetch_from_sqlite(statements)
