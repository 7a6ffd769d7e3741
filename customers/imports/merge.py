"""From the stage into a feed's table: only the difference is written, by one UPDATE and one INSERT."""

from collections.abc import Sequence

from customers.core.deferred_indexes import deferred_indexes
from customers.core.sql import analyze, create_temporary, drop_temporary, execute, fetch, table_of
from customers.feeds.declarations import Feed
from customers.imports.journal import note_created, save_before, save_update
from customers.imports.stage import STAGE
from customers.models import ImportRun, QuarantinedRow

_DELTA = "delta"
MANY_ROWS = 50_000
"""From so many new rows on, building indexes afterwards is cheaper, if the table has no more."""


def merge(
    feed: Feed, run: ImportRun, *, origin: int | None = None, all_new: bool = False, provisional: bool = False
) -> tuple[int, int]:
    """Write the difference between stage and table; return how many rows were created and updated.

    The journal of ``run`` keeps what is needed to undo this. ``origin`` is the run whose file the rows are from, if
    that is another one. ``all_new``: no key of the stage is in the table.
    """
    table = table_of(feed.model)
    of_other_run = origin is not None
    values = {name: f"d.{name}" for name in (*feed.column_names, "line")}
    values["run_id"] = f"{int(run.pk if origin is None else origin)}"
    if provisional:
        values["provisional"] = "true"
    insert = f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())}"
    keys = ["id", "customer_id"] if feed.one_row_per_customer else ["id"]
    if all_new or not _any_known(table, keys):
        if of_other_run:
            note_created(run, feed.model, f"SELECT id FROM {STAGE}")
        return _insert(feed, table, f"{insert} FROM {STAGE} d", fetch(f"SELECT COUNT(*) FROM {STAGE}")[0][0]), 0
    _create_delta(feed, table)
    [(created, updated)] = fetch(f"SELECT COALESCE(SUM(is_new), 0), COUNT(*) - COALESCE(SUM(is_new), 0) FROM {_DELTA}")
    if feed.one_row_per_customer:
        replaced = f"id IN (SELECT id FROM {_DELTA}) OR customer_id IN (SELECT customer_id FROM {_DELTA})"
        save_before(run, feed.model, replaced)
        if of_other_run:
            note_created(run, feed.model, f"SELECT id FROM {_DELTA}")
        execute(f"DELETE FROM {table} WHERE {replaced}")
        execute(f"{insert} FROM {_DELTA} d")
    else:
        if updated:
            _update(feed, run, table, values)
        if created and of_other_run:
            note_created(run, feed.model, f"SELECT id FROM {_DELTA} WHERE is_new = 1")
        if created:
            _insert(feed, table, f"{insert} FROM {_DELTA} d WHERE d.is_new = 1", created)
    drop_temporary(_DELTA)
    return int(created), int(updated)


def _insert(feed: Feed, table: str, insert: str, rows: int) -> int:
    """Insert so many rows, none of whose keys is known; return how many rows that are."""
    # Tables of other apps have foreign keys to customers, so its primary key cannot be dropped.
    if feed.of_customers and _outnumber(table, rows):
        with deferred_indexes(table):
            return execute(insert)
    # The rows of a night are of one day, and their customers lie all over the index by customer and date: in its own
    # order it is walked once, instead of page after page being read, written and read again (a third less time).
    order = "" if feed.full else " ORDER BY d.customer_id, d.date"
    return execute(insert + order)


def _create_delta(feed: Feed, table: str) -> None:
    """Make the temporary table of the staged rows that are new (``is_new``) or differ from the loaded ones."""
    key = "customer_id" if feed.one_row_per_customer else "id"
    differs = " OR ".join(f"t.{name} IS DISTINCT FROM s.{name}" for name in feed.column_names if name != key)
    known = f"OR EXISTS (SELECT 1 FROM {table} x WHERE x.id = s.id)" if feed.one_row_per_customer else ""
    create_temporary(
        _DELTA,
        f"""
        SELECT s.*, CASE WHEN t.id IS NOT NULL {known} THEN 0 ELSE 1 END AS is_new
        FROM {STAGE} s LEFT JOIN {table} t ON t.{key} = s.{key}
        WHERE t.id IS NULL OR {differs}""",
    )
    analyze(_DELTA)


def _update(feed: Feed, run: ImportRun, table: str, values: dict[str, str]) -> None:
    """Update the rows that differ."""
    values = {name: value for name, value in values.items() if name != "id"}
    save_update(run, feed.model, f"{_DELTA} d ON d.id = t.id", "d.is_new = 0", values)
    assignments = ", ".join(f"{name} = {value}" for name, value in values.items())
    execute(f"UPDATE {table} SET {assignments} FROM {_DELTA} d WHERE {table}.id = d.id AND d.is_new = 0")


def _any_known(table: str, keys: Sequence[str]) -> bool:
    """Return whether any staged key is in the table already; a file that is loaded again says so at once."""
    return any(fetch(f"SELECT 1 FROM {STAGE} s JOIN {table} t ON t.{key} = s.{key} LIMIT 1") for key in keys)


def _outnumber(table: str, rows: int) -> bool:
    """Return whether so many rows are many, and at least as many as the table has."""
    return rows >= MANY_ROWS and not fetch(f"SELECT 1 FROM {table} LIMIT 1 OFFSET {int(rows)}")


def mark_found(feed: Feed, run: ImportRun) -> tuple[int, int]:
    """Unmark staged rows of a full feed as missing; return how many went missing (none) and came back."""
    there = f"missing_since_id IS NOT NULL AND id IN (SELECT id FROM {STAGE})"
    save_before(run, feed.model, there)
    return 0, execute(f"UPDATE {table_of(feed.model)} SET missing_since_id = NULL WHERE {there}")


def mark_missing(feed: Feed, run: ImportRun) -> tuple[int, int]:
    """Mark a full feed's rows that are gone from the file, unmark those in it; return both counts."""
    in_file = f"""(
        EXISTS (SELECT 1 FROM {STAGE} s WHERE s.id = t.id)
        OR EXISTS (SELECT 1 FROM {table_of(QuarantinedRow)} q WHERE q.run_id = {int(run.pk)} AND q.key = t.id))"""
    gone = f"missing_since_id IS NULL AND NOT {in_file}"
    back = f"missing_since_id IS NOT NULL AND {in_file}"
    counts = []
    for where, mark in ((gone, f"{int(run.pk)}"), (back, "NULL")):
        save_before(run, feed.model, where)
        counts.append(execute(f"UPDATE {table_of(feed.model)} AS t SET missing_since_id = {mark} WHERE {where}"))
    return counts[0], counts[1]
