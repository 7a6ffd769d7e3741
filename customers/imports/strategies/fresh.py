"""The strategy for a large first file: its rows go straight into the feed's empty table, whose keys then judge them.

A first load is what somebody sits and waits for who tries the tool or moves in with years of history. The stage would
cost it twice the time: each row written, searched for what it repeats or lacks, and written again. The table's own
keys find that as they are built over all rows at once. They say only that something is wrong, not what, so then all
is taken back, and the stage tells. Nobody sees anything of it: it is all in the run's transaction.
"""

from collections.abc import Iterator
from itertools import chain

from django.db import IntegrityError, connection, transaction

from customers.core.deferred_indexes import deferred_indexes
from customers.core.sql import copy_lines, fetch, is_postgres, table_of
from customers.feeds.reader import CsvReader, LineBlock, Record
from customers.feeds.rows import read_header
from customers.imports.strategies.base import CannotShortcut, LoadStrategy, Staged
from customers.imports.strategies.file_load import FileLoad
from customers.imports.strategies.stager import Stager
from customers.models import Customer, QuarantinedRow
from customers.text.say import english

MIN_BYTES = 2 * 2**20
"""A smaller file, of some 50,000 rows, takes a second at most in any way."""


def fits(file: FileLoad) -> bool:
    """Return whether the file is large, and no row of its feed is there: loaded, in quarantine, or as a fix."""
    feed, path = file.feed, file.path
    if file.fixes or not feed.of_customers or not path.is_file() or path.stat().st_size < MIN_BYTES:
        return False
    waiting = QuarantinedRow.objects.filter(feed=feed.name, status=QuarantinedRow.Status.OPEN)
    return not feed.model._default_manager.exists() and not waiting.exists()


class FreshStrategy(LoadStrategy):
    """Loads nothing but good lines into an empty table."""

    name = "fresh"

    def stage(self, source: CsvReader, stager: Stager) -> Staged:
        """Load the rows; a row that must be judged by itself, or that a key refuses, cannot be loaded so."""
        feed, run = stager.file.feed, stager.file.run
        with stager.reading(source):
            blocks = source.blocks()
            header = read_header(feed, source, blocks)
            source.line_pattern = stager.begin(header)
            first = next(blocks, None)
            if not isinstance(first, LineBlock):
                raise CannotShortcut("no good line")
            lines, table = _Lines(chain([first], blocks)), table_of(feed.model)
            try:
                with transaction.atomic():
                    with deferred_indexes(table):
                        copy_lines(table, header.columns(feed), lines, run_id=run.pk)
                    _refuse_unknown_customers(table)
            except IntegrityError as error:
                raise CannotShortcut("a key that is there twice, or an unknown customer") from error
        run.rows = lines.rows
        return Staged(created=lines.rows, loaded_keys_are_lowercase=lines.are_lowercase)


def _refuse_unknown_customers(table: str) -> None:
    """Raise ``IntegrityError`` where a row is of nobody: at the end of the transaction it would be too late."""
    if is_postgres():
        # A foreign key that was built again has been looked at already.
        connection.check_constraints()
        return
    # Django would have SQLite look up the customer of each row; in the order of the index it is one of each.
    there = f"SELECT DISTINCT customer_id FROM {table}"
    if fetch(f"SELECT 1 FROM ({there}) r LEFT JOIN {table_of(Customer)} c ON c.id = r.customer_id WHERE c.id IS NULL"):
        raise IntegrityError(english("an unknown customer"))


class _Lines:
    """The good lines of a file, which are counted as they are read."""

    def __init__(self, blocks: Iterator[Record | LineBlock]) -> None:
        self._blocks = blocks
        self.rows = 0
        self.are_lowercase = True

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yield each block, behind the number of its first line."""
        for block in self._blocks:
            if not isinstance(block, LineBlock):
                raise CannotShortcut("a row to be judged by itself")
            self.rows += block.rows
            self.are_lowercase = self.are_lowercase and block.raw == block.raw.lower()
            yield block.line, block.raw
