"""Fixes of bad rows: what to read in place of a raw text, in this file and in every later one that has it."""

import hashlib
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils import timezone

from customers import archive, audit
from customers.feeds import FEEDS, Feed
from customers.kinds import valid_key
from customers.models import Fix, ImportRun, QuarantinedRow
from customers.read import Refused, Run, Source, split
from customers.rows import read_header

Fixes = Mapping[str, list[str]]
"""Raw texts, and the cells to take for them, in the order of the feed's columns."""


def fixes_of(feed: Feed) -> dict[str, list[str]]:
    """All fixes of a feed; one made for other columns than today's is left out."""
    fixes = dict(Fix.objects.filter(feed=feed.name).values_list("raw", "cells"))
    return {raw: cells for raw, cells in fixes.items() if len(cells) == len(feed.columns)}


def concerned(run: Run, fixes: Fixes) -> bool:
    """Whether one of the lines that the gate let through has a fix, because others made it bad (its customer, say)."""
    if not fixes:
        return False
    lines = run.raw.replace(b"\r\n", b"\n").split(b"\n")
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
        audit.record(
            audit.Action.FIX,
            row,
            actor=made_by,
            customer=row.customer_key if "customer_id" in named else row.key,
            changes={name: (before[name], cell) for name, cell in named.items() if cell != before[name]},
        )


def place_of_columns(feed: Feed, run: ImportRun) -> tuple[int, ...]:
    """Where the run's file keeps the feed's columns, by the header of its archived copy; else in the feed's order."""
    place = archive.find(run)
    if place and not run.file.endswith(".gz"):
        try:
            with Source(place) as source:
                return read_header(feed, source, source.items()).order
        except (Refused, OSError):
            pass
    return tuple(range(len(feed.columns)))


def cells_to_fix(row: QuarantinedRow, order: Sequence[int] | None = None) -> list[str]:
    """The row's cells, or what its raw text gives for them, '' where it is too short.

    ``order`` spares the look into the archive, where several rows of one file are asked for.
    """
    feed = FEEDS[row.feed]
    if row.cells is not None and len(row.cells) == len(feed.columns):
        return list(row.cells)
    found = split(row.raw)
    places = place_of_columns(feed, row.run) if order is None else order
    return [found[place] if place < len(found) else "" for place in places]
