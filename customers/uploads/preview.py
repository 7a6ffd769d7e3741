"""The rows of a preview: a dry run writes them into files, and pages read them from there."""

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

from django.db.models import Model, QuerySet

from customers.core.files import create_file
from customers.core.limits import BATCH_SIZE, batches
from customers.feeds.cell_types import to_cell
from customers.feeds.declarations import Feed
from customers.imports.journal import journal_name
from customers.models import FullFeedRow, ImportRun, LoadedRow, QuarantinedRow, RowChange, Upload
from customers.text.quoted import SHOWN, cut
from customers.uploads import store

CREATED, UPDATED, QUARANTINED, MISSING = KINDS = ("created", "updated", "quarantined", "missing")
_MAX_RAW = 1_000
_CONTEXT = 40

Row = dict[str, object]
"""A row as the page shows it, as it was in JSON."""
Columns = dict[str, object]
"""The columns of a row before the run, by name."""


def write_rows(folder: Path, feed: Feed, run: ImportRun) -> dict[str, int]:
    """Write what the run did to its file's rows, by kind and line; return the count of each kind."""
    with (
        _Writer(folder, CREATED) as created,
        _Writer(folder, UPDATED) as updated,
        _Writer(folder, QUARANTINED) as quarantined,
        _Writer(folder, MISSING) as missing,
    ):
        for row, before in _written(feed, run):
            if before is None:
                cells = [cut(to_cell(getattr(row, name))) for name in feed.column_names]
                created.add({"line": row.line, "key": row.pk, "cells": cells})
            else:
                updated.add({"line": row.line, "key": row.pk, "cells": list(_changed(feed, before, row))})
        for bad in run.quarantined_rows.order_by("line").defer("cells").iterator(chunk_size=BATCH_SIZE):
            quarantined.add(
                {"line": bad.line, "raw": cut(bad.raw, _MAX_RAW), "reasons": [cut(text) for text in bad.reasons]}
            )
        if issubclass(feed.model, FullFeedRow):
            gone = feed.model._default_manager.filter(missing_since=run).order_by("pk")
            for row in gone.iterator(chunk_size=BATCH_SIZE):
                missing.add({"key": row.pk, "label": cut(str(row))})
        return {one.kind: one.count for one in (created, updated, quarantined, missing)}


class Rows(Sequence[Row]):
    """The rows of one kind of a preview; none where its files are gone."""

    def __init__(self, upload: Upload, kind: str) -> None:
        self._rows = store.preview_file(upload, _rows(kind))
        self._index = store.preview_file(upload, _index(kind))
        self._count = (self._index.size() or 0) // _offsets().itemsize

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, int):
            return self[index : index + 1][0]
        start, stop, _step = index.indices(self._count)
        if start >= stop:
            return []
        offset = _offsets()
        with self._index.open() as file:
            file.seek(start * offset.itemsize)
            offset.frombytes(file.read(offset.itemsize))
        with self._rows.open() as file:
            file.seek(offset[0])
            return [json.loads(file.readline()) for _row in range(start, stop)]


class _Writer:
    """Writes rows as lines of JSON, and an index of where each begins."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.count = 0
        self._rows = create_file(folder / _rows(kind), 0o600)
        self._index = create_file(folder / _index(kind), 0o600)

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_error: object) -> None:
        self._rows.close()
        self._index.close()

    def add(self, row: Row) -> None:
        _offsets([self._rows.tell()]).tofile(self._index)
        self._rows.write(json.dumps(row).encode() + b"\n")
        self.count += 1


def _offsets(values: Iterable[int] = ()) -> "array[int]":
    return array("Q", values)


def _rows(kind: str) -> str:
    return f"{kind}.rows"


def _index(kind: str) -> str:
    return f"{kind}.index"


def _written(feed: Feed, run: ImportRun) -> Iterator[tuple[LoadedRow, Columns | None]]:
    """Yield the rows that the file wrote, each with its columns before; None for a row that was created.

    Where the same run had taken the row from the quarantine first, the columns before are empty.
    """
    rows = feed.model._default_manager.filter(run=run.pk).order_by("line")
    for some in batches(rows.iterator(chunk_size=BATCH_SIZE)):
        yield from _with_before(feed, run, some)


def _with_before(feed: Feed, run: ImportRun, rows: Sequence[LoadedRow]) -> Iterator[tuple[LoadedRow, Columns | None]]:
    changes = RowChange.objects.filter(run=run.pk, model=journal_name(feed.model))
    before = dict(changes.filter(key__in=[row.pk for row in rows]).values_list("key", "before"))
    before = {key: columns or {} for key, columns in before.items()}
    unknown = [row for row in rows if row.pk not in before]
    by_customer = _replaced(run, changes, unknown) if feed.one_row_per_customer and unknown else {}
    for row in rows:
        yield row, before.get(row.pk, by_customer.get(getattr(row, "customer_id", "")))


def _replaced(run: ImportRun, changes: QuerySet[RowChange], rows: Sequence[LoadedRow]) -> dict[str, Columns]:
    """Return the columns of rows that others have replaced, by their customer, who now has a row with another id."""
    customers = [getattr(row, "customer_id", "") for row in rows]
    replaced = changes.filter(before__customer_id__in=customers).values_list("before", flat=True)
    retried = QuarantinedRow.objects.filter(resolved_by=run, feed=run.feed, status=QuarantinedRow.Status.LOADED)
    fresh = retried.filter(customer_key__in=customers).values_list("customer_key", flat=True)
    return {**{key: {} for key in fresh}, **{columns["customer_id"]: columns for columns in replaced if columns}}


def _changed(feed: Feed, before: Columns, row: Model) -> Iterator[tuple[str, str, str]]:
    """Yield column, before and after of each changed cell."""
    for name in feed.column_names:
        old, new = to_cell(before.get(name)), to_cell(getattr(row, name))
        if old != new:
            yield name, *_cut_both(old, new)


def _cut_both(old: str, new: str) -> tuple[str, str]:
    """Cut two texts so that the place shows where they begin to differ."""
    if max(len(old), len(new)) <= SHOWN:
        return old, new
    pairs = enumerate(zip(old, new, strict=False))
    same = next((index for index, (one, other) in pairs if one != other), min(len(old), len(new)))
    start = max(same - _CONTEXT, 0)
    ellipsis = "…" if start else ""
    return f"{ellipsis}{cut(old[start:])}", f"{ellipsis}{cut(new[start:])}"
