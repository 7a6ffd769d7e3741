"""Show the program as other policies would score it, to the queries that everybody uses, and store nothing.

How: a temporary table gets the snapshots of the date as these policies make them. A temporary view with the very name
of the snapshots' table shows them in place of the stored ones. SQLite and PostgreSQL both look for a name among the
temporary ones first, so alert rules, recommendations, filters and all other queries of this connection read the view.
No other connection sees it, no lock of a stored table is taken, and the transaction is rolled back. So it is also
behind a pooler, where one transaction is one session.

Inside, nothing may be kept by the version of the data (``page_cache``): it would be shown to others.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from analytics.models import Snapshot
from analytics.scoring.policies import Policies
from analytics.scoring.snapshot_rows import COLUMNS, snapshot_rows
from customers.core.dry_run import temporarily
from customers.core.limits import batches
from customers.core.sql import (
    analyze,
    copy_rows,
    create_temporary,
    execute,
    fetch,
    group_in_memory,
    is_postgres,
    table_of,
)

ROWS_AT_ONCE = 5_000
_HYPOTHETICAL = "hypothetical_snapshot"
_NAMES = ", ".join(("id", *COLUMNS))


@contextmanager
def hypothetical(day: date, policies: Policies) -> Iterator[None]:
    """Let all queries inside see ``day`` as the policies would have scored it; nothing of it stays.

    Snapshots cannot be written inside. Those of other dates, and the figures of the portfolio, are as they are.
    """
    with temporarily():
        for _rows in score_aside(day, policies):
            pass
        show(day)
        yield


def score_aside(day: date, policies: Policies) -> Iterator[int]:
    """Put what the policies make of ``day`` into the temporary table; yield from time to time how many there are.

    The caller rolls the transaction back, and shows the rows by ``show`` once all are there.
    """
    create_temporary(_HYPOTHETICAL, f"SELECT {_NAMES} FROM {table_of(Snapshot)} WHERE 1 = 0")
    group_in_memory()
    # Keys that no stored snapshot has.
    rows = ((-number, *row) for number, row in enumerate(snapshot_rows(day, policies), start=1))
    done = 0
    for some in batches(rows, ROWS_AT_ONCE):
        copy_rows(_HYPOTHETICAL, ("id", *COLUMNS), some)
        done += len(some)
        yield done


def show(day: date) -> None:
    """Let the temporary table's rows take the place of the stored snapshots of ``day``."""
    execute(f"CREATE INDEX {_HYPOTHETICAL}_customer ON {_HYPOTHETICAL} (customer_id)")
    analyze(_HYPOTHETICAL)
    # Only pages that show stored scores say of which it is so far.
    execute(
        f"CREATE TEMPORARY VIEW {table_of(Snapshot)} AS SELECT {_NAMES}, provisional_to FROM {_stored()} "
        f"WHERE date <> '{day.isoformat()}' UNION ALL SELECT {_NAMES}, CAST(NULL AS date) FROM {_HYPOTHETICAL}"
    )


def _stored() -> str:
    """Return the name by which the stored snapshots are still to be had."""
    if not is_postgres():
        return f"main.{table_of(Snapshot)}"
    [[schema]] = fetch(
        "SELECT CAST(relnamespace AS regnamespace) FROM pg_class WHERE oid = CAST(%s AS regclass)",
        [table_of(Snapshot)],
    )
    return f"{schema}.{table_of(Snapshot)}"
