"""Quarantined rows that come back corrected in a file: which ones they were, and the fixes to remember for them."""

import hashlib
import json
from collections.abc import Iterator, Sequence

from django.utils import timezone

from customers.feeds import Feed, Header
from customers.models import Fix, ImportRun, QuarantinedRow
from customers.read import Record
from customers.staging import copy_rows, create_temporary, drop_temporary, fetch, table_of

CORRECTION = "correction"
"""The temporary table of the rows that name one in quarantine: ``line``, ``original`` and ``cells`` as JSON."""
_AT_ONCE = 500
_MOST_DIGITS = 18

Corrected = tuple[int, int, str]


def create() -> None:
    """Make the temporary table, empty."""
    create_temporary(
        CORRECTION,
        "SELECT CAST(0 AS bigint) AS line, CAST(0 AS bigint) AS original, CAST('' AS text) AS cells WHERE 1 = 0",
    )


def of_record(header: Header, record: Record, cells: Sequence[str]) -> Iterator[Corrected]:
    """The row in quarantine that a record of corrections names, with the cells to take for it; nothing for others."""
    if header.original is None or len(record.cells) != header.width:
        return
    original = record.cells[header.original]
    if original.isascii() and original.isdigit() and len(original) <= _MOST_DIGITS:
        yield record.line, int(original), json.dumps(cells)


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
        WHERE c.line > %s ORDER BY c.line LIMIT {_AT_ONCE}""",
        [last],
    ):
        last = page[-1][0]
        rows = QuarantinedRow.objects.filter(feed=feed.name, status=QuarantinedRow.Status.OPEN, run__lt=run.pk)
        rows = rows.filter(pk__in=[original for _line, original, _cells, _taken in page])
        originals = {row.pk: row for row in rows}
        fixes = {}
        for _line, original, text, taken in page:
            row, cells = originals.get(original), json.loads(text)
            if row and taken and cells != row.cells:
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
