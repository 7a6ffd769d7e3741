"""Problems that need other rows to be seen, found by SQL: duplicates, second rows, and what customers contradict."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, islice

from customers.core.limits import FETCH_SIZE
from customers.core.sql import create_temporary, drop_temporary, execute, fetch, grouping_sorted, table_of
from customers.feeds.declarations import Feed
from customers.imports import onboarding
from customers.imports.stage import PROBLEM, STAGE, add_problems
from customers.models import Customer, ImportRun, QuarantinedRow
from customers.text.say import english

NAMED_LINES = 20
NAMED_PAIRS = 5
DUPLICATE, UNKNOWN_CUSTOMER, _COMPLETED_BEFORE_SIGNUP, _SECOND_ROW, MISREAD = range(5)
KEY_IN_USE = re.compile(r"\A(?:id|customer_id): .* (?:has a row already, on|is loaded already, from) line [0-9]+")
"""Matches a reason that another row holds the key. The quarantine stores reasons as text alone, so the text tells."""


def find_problems(feed: Feed, run: ImportRun, check: Callable[[int], object] = lambda number: None) -> int:
    """Fill the table of problems, and fold identical rows into one; return how many rows were folded away.

    ``check`` gets the number of rows with duplicate keys before their problems are all written, and may raise.
    """
    repeated = _fold_repeated_keys(feed, run, check)
    if feed.of_customers:
        _find_unknown_customers(feed, run)
    if feed.one_row_per_customer:
        select_problems(_COMPLETED_BEFORE_SIGNUP, onboarding.completed_before_signup(STAGE))
        add_problems(
            (line, _COMPLETED_BEFORE_SIGNUP, text) for line, text in onboarding.quarantined_before_signup(run)
        )
        select_problems(
            _SECOND_ROW,
            f"""
            SELECT every_row.line, 'customer_id: ' || every_row.customer_id || ' has a row already, on line '
                || CAST(holder.line AS text) AS message
            FROM (SELECT line, customer_id FROM {STAGE}
                  UNION ALL SELECT line, customer_key FROM ({_bad_rows(feed, run)}) bad) every_row
            JOIN (SELECT customer_id, MIN(line) AS line FROM {STAGE}
                  WHERE line NOT IN (SELECT line FROM {PROBLEM}) GROUP BY customer_id) holder
                ON holder.customer_id = every_row.customer_id
            WHERE every_row.line > holder.line""",
        )
    return repeated


def select_problems(kind: int, select: str) -> None:
    """Add the problems of a kind that a query finds: ``line`` and ``message``."""
    execute(f"INSERT INTO {PROBLEM} SELECT found.line, {kind}, found.message FROM ({select}) found")


def _fold_repeated_keys(feed: Feed, run: ImportRun, check: Callable[[int], object]) -> int:
    """Fold identical rows of a key into the first one; make a problem of each row that differs from another."""
    with grouping_sorted():
        _create_repeated(feed, run)
    if number := fetch("SELECT COUNT(*) FROM repeated WHERE variants > 1")[0][0]:
        execute("CREATE INDEX repeated_id_line ON repeated (id, line)")
        problems = _duplicate_problems(_differing())
        # The first few are what a refusal names.
        add_problems(islice(problems, NAMED_LINES))
        check(number)
        add_problems(problems)
    again = "line IN (SELECT line FROM repeated WHERE copy > 1 AND variants = 1)"
    folded = execute(f"DELETE FROM {STAGE} WHERE {again}")
    folded += execute(f"DELETE FROM {table_of(QuarantinedRow)} WHERE {_of_this_file(feed, run)} AND {again}")
    drop_temporary("repeated")
    return folded


def _create_repeated(feed: Feed, run: ImportRun) -> None:
    """Make the temporary table of the file's rows whose key is on several lines.

    ``copy`` counts the equal rows from 1 on. ``variants`` is how many different rows the key has, ``of_key`` how many
    rows in all.
    """
    bad = f"({_bad_rows(feed, run)}) AS bad"
    create_temporary(
        "repeated",
        f"""
        WITH several AS (
            SELECT id FROM (SELECT id FROM {STAGE} UNION ALL SELECT key FROM {bad} WHERE key <> '') every_key
            GROUP BY id HAVING COUNT(*) > 1),
        copies AS (
            SELECT id, line, ROW_NUMBER() OVER (PARTITION BY {", ".join(feed.column_names)} ORDER BY line) AS copy
            FROM {STAGE} WHERE id IN (SELECT id FROM several)
            UNION ALL
            SELECT key, line, ROW_NUMBER() OVER (PARTITION BY key, CAST(cells AS text) ORDER BY line)
            FROM {bad} WHERE key IN (SELECT id FROM several))
        SELECT id, line, copy, COUNT(*) OVER of_id AS of_key,
            SUM(CASE WHEN copy = 1 THEN 1 ELSE 0 END) OVER of_id AS variants
        FROM copies WINDOW of_id AS (PARTITION BY id)""",
    )


def _of_this_file(feed: Feed, run: ImportRun) -> str:
    return f"run_id = {int(run.pk)} AND feed = '{feed.name.value}'"


def _bad_rows(feed: Feed, run: ImportRun) -> str:
    """Return SQL for this file's rows that are in quarantine by themselves, and whose cells are known."""
    whole = f"{_of_this_file(feed, run)} AND cells IS NOT NULL"
    return f"SELECT line, key, customer_key, cells FROM {table_of(QuarantinedRow)} WHERE {whole}"


def _find_unknown_customers(feed: Feed, run: ImportRun) -> None:
    customers = table_of(Customer)
    unknown = "'customer_id: there is no customer ' || {0} AS message"
    select_problems(
        UNKNOWN_CUSTOMER,
        f"""
        SELECT s.line, {unknown.format("s.customer_id")} FROM {STAGE} s
        LEFT JOIN {customers} c ON c.id = s.customer_id WHERE c.id IS NULL""",
    )
    select_problems(
        UNKNOWN_CUSTOMER,
        f"""
        SELECT q.line, {unknown.format("q.customer_key")} FROM ({_bad_rows(feed, run)}) q
        LEFT JOIN {customers} c ON c.id = q.customer_key WHERE q.customer_key <> '' AND c.id IS NULL""",
    )


def keys_alike(feed: Feed, run: ImportRun, *, loaded_keys_are_lowercase: bool = False) -> list[str]:
    """Return a warning where keys differ in case alone; note in the run whether any has an upper-case letter.

    ``loaded_keys_are_lowercase`` says that no loaded key has one, which saves looking at them all.
    """
    target = table_of(feed.model)
    bad = f"SELECT key AS id FROM ({_bad_rows(feed, run)}) bad WHERE key <> ''"
    tables = [STAGE, f"({bad}) AS bad_keys", *([] if loaded_keys_are_lowercase else [target])]
    mixed = " UNION ALL ".join(
        f"SELECT 1 FROM (SELECT 1 FROM {table} WHERE id <> LOWER(id) LIMIT 1) found{number}"
        for number, table in enumerate(tables)
    )
    run.mixed_case = bool(fetch(mixed))
    if not run.mixed_case:
        return []
    groups = fetch(
        f"""
        SELECT MIN(id), MAX(id), COUNT(*) OVER () FROM
            (SELECT id FROM {STAGE} UNION SELECT id FROM {target} UNION {bad}) keys
        GROUP BY LOWER(id) HAVING COUNT(*) > 1 ORDER BY 1 LIMIT {NAMED_PAIRS}"""
    )
    if not groups:
        return []
    examples = ", ".join(english(f"{lower} and {upper}") for lower, upper, _number in groups)
    left = groups[0][2] - len(groups)
    more = english(f" and {left} more") if left else ""
    return [english(f"ids differ in case alone and are kept apart: {examples}{more}")]


def _differing() -> Iterator[tuple[str, int, int]]:
    """Yield key, line and number of rows of the key, for rows whose key another row has with other values."""
    last = ("", 0)
    while page := fetch(
        f"""
        SELECT id, line, of_key FROM repeated WHERE variants > 1 AND (id, line) > (%s, %s)
        ORDER BY id, line LIMIT {FETCH_SIZE}""",
        last,
    ):
        last = page[-1][:2]
        yield from page


def _duplicate_problems(rows: Iterable[tuple[str, int, int]]) -> Iterator[tuple[int, int, str]]:
    """Yield a problem for each of ``rows`` (key, line, rows of the key), which names the first other lines."""
    for key, group in groupby(rows, key=lambda row: row[0]):
        head = list(islice(group, NAMED_LINES + 1))
        named = [line for _key, line, _of_key in head]
        for _key, line, of_key in chain(head, group):
            others = [str(other) for other in named if other != line][:NAMED_LINES]
            left = of_key - 1 - len(others)
            more = english(f" and {left} more") if left else ""
            text = english(f"id: {key} is also on line {', '.join(others)}{more}, with other values")
            yield line, DUPLICATE, text
