"""A feed's file as rows: its header matched to the feed's columns, its cells in their order, in short batches."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from customers.feeds.declarations import Feed, Header, match_header
from customers.feeds.reader import CsvReader, LineBlock, Record, Refused, record_at, records_of
from customers.feeds.unpacked import Unreadable, unpacked_blocks
from customers.models import QuarantinedRow
from customers.text.cells import plain_cell
from customers.text.line_numbers import FIRST_LINE
from customers.text.say import english

BATCH = 5_000
BATCH_CHARACTERS = 1024 * 1024

_Raw = TypeVar("_Raw", Record | LineBlock, QuarantinedRow)


def read_header(
    feed: Feed, source: CsvReader, blocks: Iterator[Record | LineBlock], *, corrections: bool = False
) -> Header:
    """Return the header, which is the first of ``blocks``; raise ``Refused`` where it does not fit the feed."""
    first = next(records_of(blocks), None)
    if first is None:
        raise Refused(english("the file is empty") if not source.size else english("the file has no header"))
    if first.fault and not first.cells:
        raise Refused(english(f"line {first.line}: the header cannot be read: {first.fault}"))
    try:
        header = match_header(feed, first.cells, corrections=corrections)
    except ValueError as error:
        raise Refused(english(f"line {first.line}: {error}")) from error
    if first.fault:
        raise Refused(english(f"line {first.line}: the header cannot be read: {first.fault}"))
    return header


def begins_as(feed: Feed, path: Path) -> bool:
    """Return whether the first line of a file that cannot be read names the feed's columns."""
    try:
        beginning = next(unpacked_blocks(path, int(path.suffix == ".gz")), b"")
        line = beginning.removeprefix(BOM_UTF8).splitlines()[0]
        record = record_at(FIRST_LINE, line.decode("utf-8", "replace").encode())
        return bool(record and match_header(feed, record.cells))
    except (OSError, Unreadable, IndexError, ValueError):
        return False


def row_cells(
    record: Record, header: Header, fixes: Mapping[str, list[str]], *, unquote: bool
) -> tuple[list[str] | None, list[str]]:
    """Return a row's cells in the order of the feed's columns, or None and why they cannot be told apart.

    A row that has a fix (see ``fixes_of``) is read as that, unless only the beginning of its text is known.
    """
    if record.cells and record.raw in fixes:
        return fixes[record.raw], []
    reasons = [record.fault] if record.fault else []
    if record.cells and len(record.cells) != header.width:
        reason = english(f"row: has {len(record.cells)} cells, the header has {header.width}")
        is_longer = len(record.cells) > header.width
        reasons.append(english(f"{reason}: is there a comma in a text without quotes?") if is_longer else reason)
    if reasons:
        return None, reasons
    cells = header.cells(record.cells)
    return [plain_cell(cell) for cell in cells] if unquote or header.corrections else cells, []


def in_batches(rows: Iterable[_Raw]) -> Iterator[list[_Raw]]:
    """Yield rows in lists that are short enough to be held in memory, however long a row is."""
    batch: list[_Raw] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row.raw)
        if len(batch) >= BATCH or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
