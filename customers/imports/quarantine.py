"""Rows that were not loaded: made, filled with every reason, and closed when a newer file makes them obsolete."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter

from django.db.models import QuerySet

from customers.core.limits import BATCH_SIZE, FETCH_SIZE, batches
from customers.core.sql import execute, fetch, table_of
from customers.feeds.cell_types import valid_key
from customers.feeds.declarations import Feed, Header
from customers.feeds.fast_path import compile_line_pattern
from customers.feeds.reader import CsvReader, Record, Refused, records_of
from customers.feeds.rows import in_batches, read_header
from customers.imports.checks.cross_row import UNKNOWN_CUSTOMER
from customers.imports.stage import PROBLEM, STAGE
from customers.imports.strategies.file_load import FileLoad
from customers.models import ImportRun, QuarantinedRow
from customers.text.say import english

_KEYS_AT_ONCE = 500
CHANGED_WHILE_READ = english("the file changed while it was read; import it again once it is complete")

Reasons = list[tuple[int, str]]
"""Kinds of problem and their texts."""


def quarantined_row(
    feed: Feed, run: ImportRun, header: Header, record: Record, cells: list[str] | None, reasons: list[str]
) -> QuarantinedRow:
    """Make a row for the quarantine, not yet saved. The key of a row that cannot be split is a guess, by its place."""
    index = header.order[feed.column_names.index("id")]
    guess = [*record.cells[index : index + 1], ""][0]
    return QuarantinedRow(
        run=run,
        feed=feed.name,
        line=record.line,
        raw=record.raw,
        cells=cells,
        key=valid_key(cells[feed.column_names.index("id")] if cells else guess),
        customer_key=valid_key(cells[feed.column_names.index("customer_id")]) if cells and feed.of_customers else "",
        reasons=reasons,
    )


def count_quarantined(run: ImportRun) -> int:
    """Return how many rows of the file are in quarantine, or will be for a problem."""
    quarantine = f"SELECT line FROM {table_of(QuarantinedRow)} WHERE run_id = {int(run.pk)}"
    return int(fetch(f"SELECT COUNT(*) FROM (SELECT line FROM {PROBLEM} UNION {quarantine}) every_line")[0][0])


def examples(run: ImportRun) -> str:
    """Return the first three quarantined lines with a reason each, for a refusal's text."""
    first = run.quarantined_rows.order_by("line").values_list("line", "reasons")[:3]
    found: dict[int, str] = {line: reasons[0] for line, reasons in first}
    for line, message in fetch(f"SELECT line, message FROM {PROBLEM} ORDER BY line, kind LIMIT 3"):
        found.setdefault(line, message)
    return "; ".join(english(f"line {line}: {found[line]}") for line in sorted(found)[:3])


def quarantine_problems(run: ImportRun, again: Iterable[QuarantinedRow]) -> None:
    """Move the rows with problems out of the stage; ``again`` are those, as they come into quarantine."""
    if not fetch(f"SELECT 1 FROM {PROBLEM} LIMIT 1"):
        return
    execute(f"CREATE INDEX problem_line ON {PROBLEM} (line)")
    there = f"SELECT line, id AS key FROM {table_of(QuarantinedRow)} WHERE run_id = {int(run.pk)}"
    for _line, key, found in problems_of(there):
        row = QuarantinedRow.objects.get(pk=key)
        row.reasons = row.reasons + [text for _kind, text in found]
        row.save(update_fields=["reasons"])
    for batch in in_batches(again):
        QuarantinedRow.objects.bulk_create(batch, batch_size=BATCH_SIZE)
    execute(f"DELETE FROM {STAGE} WHERE line IN (SELECT line FROM {PROBLEM})")


def supersede(feed: Feed, run: ImportRun, fixes: Mapping[str, list[str]]) -> None:
    """Close what a newer file makes obsolete: earlier quarantined rows with its keys or its very text.

    The key of a row may be blank, or another one than its fix gives it.
    """
    quarantine = table_of(QuarantinedRow)
    earlier = QuarantinedRow.objects.filter(feed=feed.name, status=QuarantinedRow.Status.OPEN, run__lt=run.pk)
    if not earlier.exists():
        return
    of_this_run = f"FROM {quarantine} WHERE run_id = {int(run.pk)}"
    conditions = [
        f"key IN (SELECT id FROM {STAGE} UNION ALL SELECT key {of_this_run} AND key <> '')",
        f"raw IN (SELECT raw {of_this_run})",
    ]
    if feed.full and run.scope == ImportRun.Scope.WHOLE:
        conditions.append("NOT waits_for_customer")
    _supersede_fixed(feed, run, earlier, fixes)
    # One statement each: a database can use a hash for such an IN, but not for two of them joined by OR.
    for condition in conditions:
        execute(
            f"""
            UPDATE {quarantine} SET status = 'superseded', resolved_by_id = %s
            WHERE feed = %s AND status = 'open' AND run_id < %s AND {condition}""",
            [run.pk, feed.name.value, run.pk],
        )


def problems_of(rows: str) -> Iterator[tuple[int, str | int, Reasons]]:
    """Yield the problems of ``rows`` (a query of ``line`` and ``key``) by line, a page at a time."""
    last = -1
    while lines := fetch(
        f"SELECT DISTINCT line FROM {PROBLEM} WHERE line > %s ORDER BY line LIMIT {FETCH_SIZE}", [last]
    ):
        first, last = lines[0][0], lines[-1][0]
        found = fetch(
            f"""
            SELECT p.line, o.key, p.kind, p.message FROM {PROBLEM} p JOIN ({rows}) o ON o.line = p.line
            WHERE p.line BETWEEN %s AND %s ORDER BY p.line, p.kind, p.message""",
            [first, last],
        )
        for (line, key), problems in groupby(found, key=itemgetter(0, 1)):
            yield line, key, [(kind, text) for _line, _key, kind, text in problems]


def _supersede_fixed(
    feed: Feed, run: ImportRun, earlier: QuerySet[QuarantinedRow], fixes: Mapping[str, list[str]]
) -> None:
    index = feed.column_names.index("id")
    fixed = [(pk, fixes[raw][index]) for pk, raw in earlier.values_list("pk", "raw") if raw in fixes] if fixes else []
    for some in batches(fixed, _KEYS_AT_ONCE):
        marks = ", ".join(["%s"] * len(some))
        found = fetch(f"SELECT id FROM {STAGE} WHERE id IN ({marks})", [key for _pk, key in some])
        staged = {key for (key,) in found}
        closed = [pk for pk, key in some if key in staged]
        QuarantinedRow.objects.filter(pk__in=closed).update(status=QuarantinedRow.Status.SUPERSEDED, resolved_by=run)


def read_again(file: FileLoad, in_memory: Iterable[Record] | None) -> Iterator[QuarantinedRow]:
    """Yield the staged rows with problems, as rows for the quarantine; their raw text is read from the file once more.

    ``in_memory`` are all the records that were staged, in their order, where they are held there.
    """
    feed, run = file.feed, file.run
    with CsvReader(file.path) as source:
        blocks = source.blocks()
        header = read_header(feed, source, blocks, corrections=run.scope == ImportRun.Scope.CORRECTIONS)
        source.line_pattern = compile_line_pattern(feed, header, file.today)
        records = iter(in_memory) if in_memory is not None else records_of(blocks)
        for line, key, found in problems_of(f"SELECT line, id AS key FROM {STAGE}"):
            record = next((record for record in records if record.line >= line), None)
            cells = file.row_cells(record, header)[0] if record and record.line == line else None
            if not record or not cells or cells[feed.column_names.index("id")] != key:
                raise Refused(CHANGED_WHILE_READ)
            row = quarantined_row(feed, run, header, record, cells, [])
            add_problems_to(row, found)
            yield row


def add_problems_to(row: QuarantinedRow, found: Reasons) -> None:
    """Give a row the reasons that were found by comparing it with others."""
    row.reasons = [text for _kind, text in found]
    row.waits_for_customer = [kind for kind, _text in found] == [UNKNOWN_CUSTOMER]
