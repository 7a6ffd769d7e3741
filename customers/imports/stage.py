"""The temporary tables of an import: the file's good rows, and what is wrong with the others."""

from collections.abc import Iterable

from customers.core.sql import copy_rows, create_temporary, table_of
from customers.feeds.declarations import Feed

STAGE = "stage"
"""The temporary table of a file's good rows: ``line`` and the feed's columns."""
PROBLEM = "problem"
"""The temporary table of reasons against rows: ``line``, ``kind``, ``message``."""
CORRECTION = "correction"
"""The temporary table of the rows that name one in quarantine: ``line``, ``original`` and ``cells`` as JSON."""


def create_stage(feed: Feed) -> None:
    """Make the empty temporary tables of a feed's good rows and of the problems to be found in them."""
    columns = ", ".join(feed.column_names)
    create_temporary(STAGE, f"SELECT CAST(0 AS bigint) AS line, {columns} FROM {table_of(feed.model)} WHERE 1 = 0")
    create_temporary(PROBLEM, "SELECT CAST(0 AS bigint) AS line, 0 AS kind, CAST('' AS text) AS message WHERE 1 = 0")


def add_problems(problems: Iterable[tuple[int, int, str]]) -> None:
    """Add reasons against rows: line, kind and message."""
    copy_rows(PROBLEM, ["line", "kind", "message"], problems)
