"""Let PostgreSQL read indexes alone and know what is in them, after more rows were written at once than it notices."""

import logging

from django.db import Error, connection, transaction

from customers.core.sql import execute, is_postgres

logger = logging.getLogger(__name__)

MANY_ROWS = 100_000
"""A list of fewer rows is found soon enough without."""


def vacuum_after(rows: int, *tables: str) -> None:
    """Vacuum tables into which so many rows were written, unless they are few or a transaction is open.

    By itself PostgreSQL comes after a fifth of a table is new: of a month's dates, that is days later. Until then a
    page's filter, which an index answers, looks at each of the rows as well, for whether it may be seen. Samples are
    taken along, because its plan depends on what the new date has; of an index's expressions there are no others.
    """
    if rows < MANY_ROWS or not is_postgres() or connection.in_atomic_block:
        return
    try:
        with transaction.atomic():
            # A server may be configured to write commits later: rows whose commit is not written are left out.
            execute("SET LOCAL synchronous_commit = on; SELECT pg_logical_emit_message(true, 'vacuum', '')")
        for table in tables:
            # What somebody holds is left out; readers are not kept waiting, nor deprived of their cores.
            execute(f"VACUUM (SKIP_LOCKED, TRUNCATE FALSE, PARALLEL 0, ANALYZE) {table}")
    except Error:
        logger.warning("%s could not be vacuumed: pages are slower until PostgreSQL does it", ", ".join(tables))
