"""A file that is loaded, and how its cells are judged."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from customers.feeds.declarations import Feed, Header
from customers.feeds.reader import Record
from customers.feeds.rows import row_cells
from customers.imports.fixes import Fixes
from customers.imports.interface import Options
from customers.models import ImportRun


@dataclass
class FileLoad:
    """The load of one file by ``run``; ``unquote`` takes away the ' that our own exports put before a formula."""

    feed: Feed
    run: ImportRun
    path: Path
    options: Options
    today: date
    fixes: Fixes
    unquote: bool
    header: Header | None = None
    """The header, once it is found to be the feed's."""

    def row_cells(self, record: Record, header: Header) -> tuple[list[str] | None, list[str]]:
        """Return a row's cells in the order of the feed's columns, or None and why they cannot be told apart."""
        return row_cells(record, header, self.fixes, unquote=self.unquote)
