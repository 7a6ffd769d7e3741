"""Rows of erased customers: suppressed in what is loaded, and deleted where they wait in quarantine."""

from collections.abc import Collection, Sequence

from django.db import connection

from customers.archive.erased import ErasedIds, Ids, KeyPosition, customer_column
from customers.core.limits import BATCH_SIZE, batches
from customers.core.sql import execute, table_of
from customers.feeds.declarations import Feed, Header
from customers.feeds.reader import split
from customers.imports.stage import CORRECTION, STAGE
from customers.models import Customer, ImportRun, QuarantinedRow
from customers.text.say import english


def drop_erased(feed: Feed, run: ImportRun, header: Header, erased: ErasedIds) -> set[str]:
    """Take the rows of erased customers off the stage and out of the run's quarantine; return whose they were.

    ``run.left_out`` is then how many rows that were. An erased id has no customer row, so known ids are skipped.
    """
    column = customer_column(feed)
    found: set[str] = set()
    with connection.chunked_cursor() as cursor:
        known = f"LEFT JOIN {table_of(Customer)} c ON c.id = s.{column}"
        cursor.execute(f"SELECT DISTINCT s.{column} FROM {STAGE} s {known} WHERE c.id IS NULL")
        while rows := cursor.fetchmany(BATCH_SIZE):
            found.update(key for (key,) in rows if key in erased)
    run.left_out = 0
    for some in batches(sorted(found)):
        theirs = f"{column} IN ({', '.join(['%s'] * len(some))})"
        if run.scope == ImportRun.Scope.CORRECTIONS:
            execute(f"DELETE FROM {CORRECTION} WHERE line IN (SELECT line FROM {STAGE} WHERE {theirs})", some)
        run.left_out += execute(f"DELETE FROM {STAGE} WHERE {theirs}", some)
    own = feed.column_names.index(column)
    key_position = KeyPosition(header.order[own], header.width)
    bad: list[int] = []
    for row in run.quarantined_rows.order_by().only("raw", "cells").iterator(chunk_size=BATCH_SIZE):
        whose = _customers(row, own, key_position, erased)
        if whose:
            bad.append(row.pk)
            found |= whose
    run.left_out += len(bad)
    delete_quarantined(bad)
    return found


def _customers(row: QuarantinedRow, own: int, key_position: KeyPosition, ids: Ids) -> set[str]:
    """Return which of these customers a quarantined row is of."""
    if row.cells:
        return {row.cells[own]} if row.cells[own] in ids else set()
    cells = split(row.raw)
    return {cell for cell in cells if cell in ids} if key_position.is_of(cells, ids) else set()


def delete_quarantined(keys: Sequence[int]) -> None:
    """Delete rows of the quarantine."""
    for some in batches(keys):
        QuarantinedRow.objects.filter(pk__in=some).delete()


def suppressed_warning(number: int) -> str:
    """Return what a run says of the rows that it suppressed."""
    rows = "rows" if number > 1 else "row"
    return english(f"{number} {rows} of erased customers left out, counted as unchanged")


def is_theirs(row: QuarantinedRow, feed: Feed, keys: Collection[str]) -> bool:
    """Return whether a quarantined row is of one of these customers; its file's header is unknown."""
    own = feed.column_names.index(customer_column(feed))
    return bool(_customers(row, own, KeyPosition(own, len(feed.columns)), keys))
