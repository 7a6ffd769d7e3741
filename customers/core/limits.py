"""How many rows or bytes are in memory together, for all who read or write many."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")

BATCH_SIZE = 500
"""Rows with texts of any length, and rows that one statement writes or deletes."""
FETCH_SIZE = 2_000
"""Rows of short values that a cursor gives at once."""
SPOOL_MAX_SIZE = 8 * 2**20
"""The bytes of a file that is kept in memory; a larger one goes to the disk."""


def batches(rows: Iterable[Item], size: int = BATCH_SIZE) -> Iterator[list[Item]]:
    """Yield the rows, so many at a time."""
    rest = iter(rows)
    while some := list(islice(rest, size)):
        yield some
