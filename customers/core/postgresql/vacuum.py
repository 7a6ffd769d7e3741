"""Let PostgreSQL read indexes alone and know what is in them, after more rows were written at once than it notices."""

import logging
from collections.abc import Sequence

from django.db import Error, connection, transaction

from customers.core.sql import execute, fetch, is_postgres

logger = logging.getLogger(__name__)

SOME_ROWS = 5_000
"""A list of fewer rows is found soon enough without."""
MANY_ROWS = 100_000
"""From so many rows on, samples are taken, which takes ten times as long as a vacuum of few."""
_LARGE, _NEARLY_ALL = 1_000, 0.9
"""A table of so many pages is worth it; this share of them has to be visible."""
_AGAIN = "10 minutes"
"""What somebody's old transaction still sees stays hidden, however often it is vacuumed."""


def vacuum_after(rows: int, *tables: str) -> None:
    """Vacuum tables into which so many rows were written, unless they are few or a transaction is open.

    By itself PostgreSQL comes after a fifth of a table is new: of a month's dates, that is days later. Until then a
    page's filter, which an index answers, looks at each of the rows as well, for whether it may be seen, and at those
    that were replaced. Of many rows samples are taken along, because its plan depends on what the new date has; of an
    index's expressions there are no others.
    """
    if rows < SOME_ROWS or not is_postgres() or connection.in_atomic_block:
        return
    _vacuum(tables, ", ANALYZE" if rows >= MANY_ROWS else "")


def is_visible(table: str) -> bool:
    """Return whether an index of a large table of PostgreSQL is read alone: all see nearly all rows."""
    pages, visible, _is_new = _pages(table)
    return pages >= _LARGE and visible >= _NEARLY_ALL * pages


def make_visible(table: str) -> None:
    """Vacuum a large table that is not ``is_visible``, unless it was vacuumed just now, or a transaction is open."""
    if not is_postgres() or connection.in_atomic_block:
        return
    pages, visible, is_new = _pages(table)
    if pages >= _LARGE and visible < _NEARLY_ALL * pages and not is_new:
        _vacuum([table])


def _pages(table: str) -> tuple[int, int, bool]:
    """Return how many pages a table has, how many of them all see at least, and whether it was vacuumed just now.

    The last vacuum has counted them. Since then each row that was changed or deleted may have hidden two.
    """
    [(pages, visible, is_new)] = fetch(
        f"""
        SELECT pg_relation_size(c.oid) / CAST(CURRENT_SETTING('block_size') AS int),
            c.relallvisible - 2 * s.n_dead_tup,
            COALESCE(s.last_vacuum > NOW() - INTERVAL '{_AGAIN}', false)
        FROM pg_class c JOIN pg_stat_all_tables s ON s.relid = c.oid WHERE c.oid = %s::regclass""",
        [table],
    )
    return pages, visible, is_new


def _vacuum(tables: Sequence[str], samples: str = "") -> None:
    try:
        with transaction.atomic():
            # A server may be configured to write commits later: rows whose commit is not written are left out.
            execute("SET LOCAL synchronous_commit = on; SELECT pg_logical_emit_message(true, 'vacuum', '')")
        for table in tables:
            # What somebody holds is left out; readers are not kept waiting, nor deprived of their cores.
            execute(f"VACUUM (SKIP_LOCKED, TRUNCATE FALSE, PARALLEL 0{samples}) {table}")
    except Error:
        logger.warning("%s could not be vacuumed: pages are slower until PostgreSQL does it", ", ".join(tables))
