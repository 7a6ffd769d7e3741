"""Quarantined rows that come back corrected in a file: which ones they were, and the fixes to remember for them."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from django.utils import timezone

from customers.core.limits import BATCH_SIZE
from customers.core.sql import copy_rows, create_temporary, drop_temporary, fetch, table_of
from customers.feeds.declarations import Feed, Header
from customers.feeds.reader import Record
from customers.imports.checks.cross_row import KEY_IN_USE
from customers.imports.checks.misread import Misread, misread_cells, reasons
from customers.imports.fixes import cells_to_fix, header_of
from customers.imports.stage import CORRECTION
from customers.models import Fix, ImportRun, QuarantinedRow
from customers.text.cells import plain_cell
from customers.text.numbers import number_or_none

_MAX_NUMBER_LENGTH = 40

Corrected = tuple[int, int, str]


def create() -> None:
    """Make the temporary table, empty."""
    create_temporary(
        CORRECTION,
        "SELECT CAST(0 AS bigint) AS line, CAST(0 AS bigint) AS original, CAST('' AS text) AS cells WHERE 1 = 0",
    )


def of_record(header: Header, record: Record, cells: Sequence[str]) -> Iterator[Corrected]:
    """Yield the quarantined row that a record of corrections names, and the cells for it, if it names one."""
    if number := _original_id(header, record):
        yield record.line, number, json.dumps(cells)


@dataclass(frozen=True)
class Retained:
    """A row of corrections that must stay quarantined: ``original`` is the quarantined row that it names."""

    original: QuarantinedRow
    misread: list[Misread]

    def again(self, run: ImportRun, line: int) -> QuarantinedRow:
        """Make the row for the quarantine of ``run``, with the text and cells that the first file gave it."""
        row = self.original
        why = [*reasons(self.misread), *row.reasons] if self.misread else row.reasons
        return QuarantinedRow(
            run=run,
            feed=row.feed,
            line=line,
            raw=row.raw,
            cells=row.cells,
            key=row.key,
            customer_key=row.customer_key,
            reasons=list(dict.fromkeys(why)),
        )


def retained_rows(feed: Feed, header: Header, records: Sequence[Record]) -> dict[int, Retained]:
    """Return by line the records that must stay quarantined: misread, or returned unedited.

    Unedited records stay if (a) we guessed their cells or (b) another row holds their key. An emptied ``raw_text``
    cell confirms the guess.
    """
    if header.original is None:
        return {}
    named = {record.line: (number, record) for record in records if (number := _original_id(header, record))}
    found: dict[int, Retained] = {}
    headers: dict[int, Header] = {}
    lines = iter(named.items())
    while some := dict(islice(lines, BATCH_SIZE)):
        rows = QuarantinedRow.objects.filter(feed=feed.name, status=QuarantinedRow.Status.OPEN).select_related("run")
        originals = rows.in_bulk([number for number, _record in some.values()])
        for line, (number, record) in some.items():
            if row := originals.get(number):
                if row.cells is None and row.run_id not in headers:
                    headers[row.run_id] = header_of(feed, row)
                given = cells_to_fix(row, headers.get(row.run_id))
                sent = [plain_cell(cell) for cell in header.cells(record.cells)]
                misread = list(misread_cells(feed, sent, given))
                if misread or (_may_not_come_back(header, record, row) and _is_same(sent, given)):
                    found[line] = Retained(row, misread)
    return found


def _original_id(header: Header, record: Record) -> int:
    """Return the primary key of the quarantined row that a record names; 0 if it names none."""
    if header.original is None or len(record.cells) != header.width:
        return 0
    return number_or_none(record.cells[header.original]) or 0


def _may_not_come_back(header: Header, record: Record, row: QuarantinedRow) -> bool:
    if row.cells is None:
        return header.raw is None or bool(record.cells[header.raw])
    return any(KEY_IN_USE.match(reason) for reason in row.reasons)


def _is_same(sent: Sequence[str], given: Sequence[str]) -> bool:
    """Return whether two rows say the same, apart from what a spreadsheet does to cells by itself."""
    return all(one == other or _canonical(one) == _canonical(other) for one, other in zip(sent, given, strict=True))


def _canonical(cell: str) -> str:
    cell = " ".join(cell.split()).casefold()
    try:
        return repr(float(cell)) if cell.isascii() and len(cell) <= _MAX_NUMBER_LENGTH else cell
    except ValueError:
        return cell


def note(corrected: Sequence[Corrected]) -> None:
    """Keep what ``of_record`` found."""
    if corrected:
        copy_rows(CORRECTION, ["line", "original", "cells"], corrected)


def remember(feed: Feed, run: ImportRun) -> None:
    """Close the open rows that the run's file names, and remember the fixes of those that were loaded."""
    last = 0
    while page := fetch(
        f"""
        SELECT c.line, c.original, c.cells, q.line IS NULL FROM {CORRECTION} c
        LEFT JOIN {table_of(QuarantinedRow)} q ON q.run_id = {int(run.pk)} AND q.line = c.line
        WHERE c.line > %s ORDER BY c.line LIMIT {BATCH_SIZE}""",
        [last],
    ):
        last = page[-1][0]
        rows = QuarantinedRow.objects.filter(feed=feed.name, status=QuarantinedRow.Status.OPEN, run__lt=run.pk)
        rows = rows.filter(pk__in=[original for _line, original, _cells, _accepted in page])
        originals = {row.pk: row for row in rows}
        fixes = {}
        for _line, original, text, accepted in page:
            row, cells = originals.get(original), json.loads(text)
            if row and accepted and cells != row.cells:
                fix = _fix(feed, row, cells, run.started_by)
                fixes[fix.sha256] = fix
        Fix.objects.bulk_create(
            fixes.values(),
            update_conflicts=True,
            unique_fields=["feed", "sha256"],
            update_fields=["raw", "cells", "made_by", "made_at"],
        )
        QuarantinedRow.objects.filter(pk__in=originals).update(
            status=QuarantinedRow.Status.SUPERSEDED, resolved_by=run
        )
    drop_temporary(CORRECTION)


def _fix(feed: Feed, row: QuarantinedRow, cells: list[str], made_by: str) -> Fix:
    return Fix(
        feed=feed.name,
        raw=row.raw,
        sha256=hashlib.sha256(row.raw.encode()).hexdigest(),
        cells=cells,
        made_by=made_by,
        made_at=timezone.now(),
    )
