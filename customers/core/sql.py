"""Bulk SQL in the dialects of PostgreSQL and SQLite: temporary tables, fast copying, dates."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.models import Model, QuerySet
from django.db.models.sql import Query

from customers.core.limits import FETCH_SIZE, batches
from customers.core.replica.routing import database_of_reads, reading_connection
from customers.text.line_numbers import cells_of_lines, numbered

if TYPE_CHECKING:
    # SQLite does without its driver.
    from customers.core.postgresql.base import DatabaseWrapper

Parameters = Sequence[Any] | Mapping[str, Any]
"""Values that a driver takes."""
Statement: TypeAlias = tuple[str, Parameters]
Row = tuple[Any, ...]
"""A row as a cursor gives it: what its values are, only the query knows."""
Rows: TypeAlias = "QuerySet[Any, Any]"
"""Rows of whatever model, as a query of the ORM."""

ROWS_A_STATEMENT = 50
"""Rows of one ``INSERT`` on SQLite, where a statement for each row takes half as long again."""


def is_postgres() -> bool:
    """Return whether the default database is PostgreSQL (else it is SQLite)."""
    return connection.vendor == "postgresql"


def is_pooled() -> bool:
    """Return whether PostgreSQL is behind a pooler in transaction mode: each transaction gets another session."""
    return is_postgres() and bool(settings.DATABASE_POOLER)


def execute(sql: str, parameters: Parameters = ()) -> int:
    """Run one statement; return the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return int(cursor.rowcount)


def fetch(sql: str, parameters: Parameters = ()) -> list[Row]:
    """Fetch all rows of a query, which writes nothing, from where the ORM would read now."""
    with reading_connection().cursor() as cursor:
        cursor.execute(sql, parameters or None)
        rows: list[Row] = cursor.fetchall()
        return rows


def fetch_plain(query: Query) -> Iterator[Row]:
    """Yield the rows of texts and whole numbers of a query set's query, without what Django does to each value."""
    sql, parameters = query.sql_with_params()
    with reading_connection().chunked_cursor() as cursor:
        cursor.execute(sql, parameters)
        while rows := cursor.fetchmany(FETCH_SIZE):
            yield from rows


def partitioned_tables() -> list[str]:
    """Return the names of the tables that PostgreSQL keeps in partitions."""
    names = "SELECT CAST(CAST(partrelid AS regclass) AS text) FROM pg_partitioned_table"
    return [name for (name,) in fetch(f"{names} WHERE pg_table_is_visible(partrelid)")]


def see_one_moment(partitioned: Sequence[str], access: str = "") -> None:
    """Let PostgreSQL's transaction, which has read nothing yet, see the data of one moment alone.

    The rows of a partition that is put in another's place later on would not be of that moment, and so be missing:
    the ``partitioned_tables``, asked for before the transaction, are held before the moment is taken.
    """
    with reading_connection().cursor() as cursor:
        cursor.execute(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ{access}")
        if partitioned:
            cursor.execute(f"LOCK TABLE {', '.join(partitioned)} IN ACCESS SHARE MODE")


def unguarded(alias: str = DEFAULT_DB_ALIAS) -> AbstractContextManager[None]:
    """Let transactions begin that store nothing of a job: without asking first whether it still has its locks."""
    if not is_postgres():
        return nullcontext()
    return cast("DatabaseWrapper", connections[alias]).unguarded()


@contextmanager
def read_snapshot() -> Iterator[None]:
    """Let all reads inside see the data of the moment of the first one, and hold up no writer."""
    if reading_connection().in_atomic_block:
        yield
    elif is_postgres():
        partitioned, alias = partitioned_tables(), database_of_reads()
        with unguarded(alias), transaction.atomic(using=alias):
            see_one_moment(partitioned, ", READ ONLY")
            yield
    else:
        # Not atomic(): our SQLite transactions announce a writer at once.
        execute("BEGIN")
        try:
            yield
        finally:
            execute("COMMIT")


def create_temporary(name: str, select: str) -> None:
    """Make a temporary table from a query; it is gone after the transaction, at the latest."""
    drop_temporary(name)
    on_commit = "ON COMMIT DROP " if is_postgres() else ""
    execute(f"CREATE TEMPORARY TABLE {name} {on_commit}AS {select}")


def drop_temporary(name: str) -> None:
    """Drop a temporary table if it is there."""
    execute(f"DROP TABLE IF EXISTS {'pg_temp' if is_postgres() else 'temp'}.{name}")


@contextmanager
def temporary_keys(name: str, table: str, keys: Iterable[str]) -> Iterator[str]:
    """Keep keys of a table in a temporary one, inside a transaction; yield the query of them, for an ``IN``.

    Thousands of keys in a list would be written, read and planned again by each statement.
    """
    create_temporary(name, f"SELECT id FROM {table} WHERE 1 = 0")
    copy_rows(name, ["id"], ((key,) for key in keys))
    # SQLite would copy the keys into an index of its own for each statement.
    execute(f"CREATE UNIQUE INDEX {name}_id ON {name} (id)")
    analyze(name)
    yield f"SELECT id FROM {name}"
    drop_temporary(name)


def work_in_memory() -> None:
    """Let PostgreSQL sort and join in memory, and take small samples, until the transaction ends: a fifth faster."""
    if is_postgres():
        execute("SET LOCAL work_mem = '64MB'")
        execute("SET LOCAL maintenance_work_mem = '256MB'")
        execute("SET LOCAL default_statistics_target = 10")


@contextmanager
def sorting_fast() -> Iterator[None]:
    """Let SQLite sort by two more threads, in runs that fit the cache of one core: building an index takes half."""
    if is_postgres():
        yield
        return
    pages = fetch("PRAGMA cache_size")[0][0]
    execute("PRAGMA cache_size = -2048")
    execute("PRAGMA threads = 2")
    yield
    execute("PRAGMA threads = 0")
    execute(f"PRAGMA cache_size = {int(pages)}")


@contextmanager
def grouping_sorted() -> Iterator[None]:
    """Let PostgreSQL sort what it groups: for groups of a row or two, whose table of hashes would not fit into memory.

    Of a union it expects few groups, and then writes most rows to disk: three times the work of a sort.
    """
    if is_postgres():
        execute("SET LOCAL enable_hashagg = off")
    yield
    if is_postgres():
        execute("SET LOCAL enable_hashagg TO DEFAULT")


def group_in_memory() -> None:
    """Let PostgreSQL group in memory, compile no query, take small samples, and join no row by row, until the end.

    A table that was empty when it was last looked at seems to be so still, and nested loops over it run for minutes.
    At most two processes group, the leader included: a third hands over each group once more, which takes longer.
    """
    if is_postgres():
        workers = "LEAST(1, CAST(CURRENT_SETTING('max_parallel_workers_per_gather') AS int))"
        execute(
            "SET LOCAL work_mem = '64MB'; SET LOCAL jit = off; SET LOCAL default_statistics_target = 10; "
            "SET LOCAL enable_nestloop = off; "
            f"SELECT SET_CONFIG('max_parallel_workers_per_gather', CAST({workers} AS text), true)"
        )


def limit_parallelism() -> None:
    """Let PostgreSQL work for each of this process' connections on one core at a time: the pages have the others."""
    if is_postgres():
        cast("DatabaseWrapper", connection).set_parameters(
            max_parallel_workers_per_gather=0, max_parallel_maintenance_workers=0
        )


def analyze(name: str, columns: Sequence[str] = ()) -> None:
    """Tell PostgreSQL's planner how large a table has become, and what its columns hold (by default all of them)."""
    if is_postgres():
        execute(f"ANALYZE {name} ({', '.join(columns)})" if columns else f"ANALYZE {name}")


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows to a table by the database's fastest way: ``COPY``, or ``executemany``."""
    names = ", ".join(columns)
    # Taken before a statement begins: what yields them may ask the database, and PostgreSQL waits for a COPY's end.
    for some in batches(rows, FETCH_SIZE):
        with connection.cursor() as cursor:
            if is_postgres():
                # Django wraps the errors of its own methods alone.
                with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                    for row in some:
                        copy.write_row(row)
            else:
                one = f"({', '.join(['%s'] * len(columns))})"
                insert = f"INSERT INTO {table} ({names}) VALUES "
                many = insert + ", ".join([one] * ROWS_A_STATEMENT)
                whole = len(some) - len(some) % ROWS_A_STATEMENT
                cursor.executemany(
                    many, [list(chain(*some[at : at + ROWS_A_STATEMENT])) for at in range(0, whole, ROWS_A_STATEMENT)]
                )
                cursor.executemany(insert + one, some[whole:])


def copy_lines(table: str, columns: Sequence[str], blocks: Iterable[tuple[int, bytes]], **constants: int) -> None:
    """Append plain CSV to a table that also has ``line``: pairs of the first line's number and whole lines.

    ``constants`` are columns that have the same value in each row. Whatever yields the blocks must not ask the
    database, which PostgreSQL does not allow before all are copied.
    """
    if is_postgres():
        names = ", ".join([*constants, "line", *columns])
        begin = "".join(f"{value}," for value in constants.values())
        copied = f"COPY {table} ({names}) FROM STDIN (FORMAT csv)"
        with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(copied) as copy:
            for first, data in blocks:
                copy.write("".join([f"{begin}{number},{line}\n" for number, line in numbered(data, first)]))
    else:
        _insert_lines(table, columns, blocks, constants)


def _insert_lines(
    table: str, columns: Sequence[str], blocks: Iterable[tuple[int, bytes]], constants: Mapping[str, int]
) -> None:
    """Append plain CSV on SQLite, with no work for a single line: a block is split once into all of its cells."""
    same = "".join(f"{value}, " for value in constants.values())
    cells_of_row = ", ".join(["?"] * len(columns))
    insert = f"INSERT INTO {table} ({', '.join([*constants, 'line', *columns])}) VALUES "
    # The first parameter is the number of the statement's first line.
    rows = [f"({same}?1 + {place}, {cells_of_row})" for place in range(ROWS_A_STATEMENT)]
    width, many = len(columns), ROWS_A_STATEMENT * len(columns)
    for first, data in blocks:
        cells = cells_of_lines(data)
        whole = len(cells) // many
        with connection.cursor() as cursor:
            cursor.executemany(
                insert + ", ".join(rows),
                [[first + at * ROWS_A_STATEMENT, *cells[at * many : at * many + many]] for at in range(whole)],
            )
            rest = range(whole * ROWS_A_STATEMENT, len(cells) // width)
            cursor.executemany(
                insert + rows[0], [[first + at, *cells[at * width : at * width + width]] for at in rest]
            )


@contextmanager
def waiting_at_most(milliseconds: int) -> Iterator[None]:
    """Let SQLite say after so long that it is busy, instead of making a request wait."""
    if is_postgres():
        yield
        return
    before = fetch("PRAGMA busy_timeout")[0][0]
    fetch(f"PRAGMA busy_timeout = {milliseconds}")
    try:
        yield
    finally:
        fetch(f"PRAGMA busy_timeout = {before}")


def table_of(model: type[Model]) -> str:
    """Return the name of a model's table."""
    return model._meta.db_table


def days_between(earlier: str, later: str) -> str:
    """Return SQL for the whole days from one date expression to another."""
    if is_postgres():
        return f"({later} - {earlier})"
    return f"CAST(julianday({later}) - julianday({earlier}) AS INTEGER)"


def date_of(value: str | date) -> date:
    """A date as a query gives it, which is a text on SQLite."""
    return date.fromisoformat(value) if isinstance(value, str) else value
