"""Fixes of bad rows: what to read in place of a raw text, in this and every later file."""

import hashlib
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils import timezone

from customers.archive import files
from customers.audit import trail
from customers.feeds.cell_types import valid_key
from customers.feeds.declarations import FEEDS, Feed, Header
from customers.feeds.reader import CsvReader, LineBlock, Refused, record_at, split
from customers.feeds.rows import read_header, row_cells
from customers.models import Fix, ImportRun, QuarantinedRow

_HAS_THE_HEADER = 2**20
Fixes = Mapping[str, list[str]]
"""Raw texts, and the cells to take for them, in the order of the feed's columns."""


def fixes_of(feed: Feed) -> dict[str, list[str]]:
    """Return all fixes of a feed, except those made for other columns than today's."""
    fixes = dict(Fix.objects.filter(feed=feed.name).values_list("raw", "cells"))
    return {raw: cells for raw, cells in fixes.items() if len(cells) == len(feed.columns)}


def has_fixed_line(block: LineBlock, fixes: Fixes) -> bool:
    """Return whether a line that the fast path accepted has a fix.

    A line that is good by itself has one where other rows made it bad (its customer was unknown, say).
    """
    if not fixes:
        return False
    lines = block.raw.replace(b"\r\n", b"\n").split(b"\n")
    return not {raw.encode() for raw in fixes}.isdisjoint(lines)


def fix(row: QuarantinedRow, cells: Sequence[str], made_by: str) -> None:
    """Remember what to take for the row's text, and give the row those cells; it is not replayed yet."""
    feed = FEEDS[row.feed]
    named = dict(zip(feed.column_names, cells, strict=True))
    before = dict(zip(feed.column_names, cells_to_fix(row), strict=True))
    row.cells = list(cells)
    row.key = valid_key(named["id"])
    row.customer_key = valid_key(named.get("customer_id", ""))
    row.waits_for_customer = False
    with transaction.atomic():
        row.save(update_fields=["cells", "key", "customer_key", "waits_for_customer"])
        Fix.objects.update_or_create(
            feed=row.feed,
            sha256=hashlib.sha256(row.raw.encode()).hexdigest(),
            defaults={"raw": row.raw, "cells": row.cells, "made_by": made_by, "made_at": timezone.now()},
        )
        trail.record(
            trail.Action.FIX,
            row,
            actor=made_by,
            customer=row.customer_key if "customer_id" in named else row.key,
            changes={name: (before[name], cell) for name, cell in named.items() if cell != before[name]},
        )


def header_of(feed: Feed, row: QuarantinedRow) -> Header:
    """Return the header of the row's file, or the feed's own columns if the file is not archived.

    A row that came back uncorrected keeps the text of the file that it is from.
    """
    run = row.run
    if run.scope == ImportRun.Scope.CORRECTIONS and row.cells is None:
        same = QuarantinedRow.objects.filter(feed=row.feed, raw=row.raw, run__scope=ImportRun.Scope.WHOLE)
        newest = same.select_related("run").order_by("-pk").first()
        run = newest.run if newest else run
    try:
        archived = None if run.file.endswith(".gz") else files.find(run)
        if archived:
            with archived.local(first_bytes=_HAS_THE_HEADER) as path, CsvReader(path) as source:
                return read_header(feed, source, source.blocks())
    except (Refused, OSError):
        pass
    columns = len(feed.columns)
    return Header(columns, tuple(range(columns)), ())


def cells_to_fix(row: QuarantinedRow, header: Header | None = None) -> list[str]:
    """Return the row's cells, or what its raw text gives for them ('' where it is too short).

    ``header`` spares the look into the archive, where several rows of one file are asked for.
    """
    feed = FEEDS[row.feed]
    if row.cells is not None and len(row.cells) == len(feed.columns):
        return list(row.cells)
    found = split(row.raw)
    header = header or header_of(feed, row)
    return [found[index] if index < len(found) else "" for index in header.order]


def cells_left_over(row: QuarantinedRow) -> list[str]:
    """Return the cells of a row's text that belong to no column, which ``cells_to_fix`` leaves out."""
    if row.cells is not None:
        return []
    return list(split(row.raw)[header_of(FEEDS[row.feed], row).width :])


def cells_as_read(row: QuarantinedRow) -> list[str] | None:
    """Return the cells that the row's text says without a fix; None where they cannot be told apart."""
    record = record_at(0, row.raw.encode())
    return row_cells(record, header_of(FEEDS[row.feed], row), {}, unquote=False)[0] if record else None
