"""The CSV of an ingest job: which cells a row has, and how much one job takes."""

import csv
import io
import re
from collections.abc import Collection, Sequence

from analytics.crm.interface import CrmRow, refuse_foreign

NULL = "#N/A"
_LINE_END = re.compile(r"\r\n?")


def columns_of(prefix: str, match_key: str, ours: Collection[str]) -> tuple[str, ...]:
    """Return the columns of every upload, the match key first; all of them have our prefix."""
    refuse_foreign(prefix, {match_key, *ours})
    return (match_key, *sorted(set(ours) - {match_key}))


def cells_of(row: CrmRow, columns: Sequence[str]) -> tuple[str, ...]:
    """Return a row's cells: an empty one leaves the field as it is, ``#N/A`` empties it.

    Salesforce takes no other end of line within a cell than the one that ends a row.
    """
    match_key, *fields = columns
    if foreign := set(row.values) - set(fields):
        raise ValueError(f"{', '.join(sorted(foreign))} in the row of {row.customer}, beside {match_key}")
    cells = ((row.values[name] or NULL) if name in row.values else "" for name in fields)
    return tuple(_LINE_END.sub("\n", cell) for cell in (row.key, *cells))


class Upload:
    """Rows for one job, in memory: as many as the limits allow."""

    def __init__(self, columns: Sequence[str], most_rows: int, most_bytes: int) -> None:
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._parts = [_line(columns)]
        self._size = len(self._parts[0])
        self.keys: list[str] = []

    def add(self, cells: Sequence[str]) -> bool:
        """Add a row whose first cell is its key; False where it has no place in this job."""
        line = _line(cells)
        if self.keys and (len(self.keys) == self._most_rows or self._size + len(line) > self._most_bytes):
            return False
        self.keys.append(cells[0])
        self._parts.append(line)
        self._size += len(line)
        return True

    def content(self) -> bytes:
        """Return the CSV."""
        return b"".join(self._parts)


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
