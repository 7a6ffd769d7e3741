"""From the stage into a feed's table: only the difference is written, by one UPDATE and one INSERT."""

from customers.feeds import Feed
from customers.models import ImportRun, QuarantinedRow
from customers.staging import STAGE, analyze, create_temporary, drop_temporary, execute, fetch, table_of

_DELTA = "delta"


def merge(feed: Feed, run: str, line: str) -> tuple[int, int]:
    """Write the difference between stage and table; return how many rows were created and updated.

    ``run`` and ``line`` are SQL for where a row ``d`` of the difference comes from.
    """
    table, columns = table_of(feed.model), feed.column_names
    target = ", ".join([*columns, "run_id", "line"])
    source = ", ".join([*(f"d.{name}" for name in columns), run, line])
    if not fetch(f"SELECT 1 FROM {table} LIMIT 1"):
        # PostgreSQL would join into an empty table by a nested loop, for minutes.
        return execute(f"INSERT INTO {table} ({target}) SELECT {source} FROM {STAGE} d"), 0
    one_row = feed.one_row_per_customer
    key = "customer_id" if one_row else "id"
    differs = " OR ".join(f"t.{name} IS DISTINCT FROM s.{name}" for name in columns if name != key)
    known = f"OR EXISTS (SELECT 1 FROM {table} x WHERE x.id = s.id)" if one_row else ""
    create_temporary(
        _DELTA,
        f"""
        SELECT s.*, CASE WHEN t.id IS NOT NULL {known} THEN 0 ELSE 1 END AS is_new
        FROM {STAGE} s LEFT JOIN {table} t ON t.{key} = s.{key}
        WHERE t.id IS NULL OR {differs}""",
    )
    analyze(_DELTA)
    created, updated = fetch(f"SELECT COALESCE(SUM(is_new), 0), COUNT(*) - COALESCE(SUM(is_new), 0) FROM {_DELTA}")[0]
    insert = f"INSERT INTO {table} ({target}) SELECT {source} FROM {_DELTA} d"
    if one_row:
        execute(
            f"""
            DELETE FROM {table} WHERE id IN (SELECT id FROM {_DELTA})
            OR customer_id IN (SELECT customer_id FROM {_DELTA})"""
        )
        execute(insert)
    else:
        assignments = ", ".join(f"{name} = d.{name}" for name in columns if name != "id")
        if updated:
            execute(
                f"""
                UPDATE {table} SET {assignments}, run_id = {run}, line = {line}
                FROM {_DELTA} d WHERE {table}.id = d.id AND d.is_new = 0"""
            )
        if created:
            execute(f"{insert} WHERE d.is_new = 1")
    drop_temporary(_DELTA)
    return int(created), int(updated)


def mark_missing(feed: Feed, run: ImportRun) -> None:
    """A full feed's rows that are gone from the file are kept, and marked since which run."""
    table = table_of(feed.model)
    in_file = f"""(
        EXISTS (SELECT 1 FROM {STAGE} s WHERE s.id = {table}.id)
        OR EXISTS (SELECT 1 FROM {table_of(QuarantinedRow)} q
                   WHERE q.run_id = %s AND q.key = {table}.id))"""
    execute(
        f"UPDATE {table} SET missing_since_id = %s WHERE missing_since_id IS NULL AND NOT {in_file}",
        [run.pk, run.pk],
    )
    execute(
        f"UPDATE {table} SET missing_since_id = NULL WHERE missing_since_id IS NOT NULL AND {in_file}",
        [run.pk],
    )
