"""Rows that come without a file, as by the API: judged like those of a file, and never all that a feed says."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from customers.archive.erased import ErasedIds, customer_column
from customers.clock import program_today
from customers.core.limits import BATCH_SIZE
from customers.core.sql import copy_rows, fetch, table_of
from customers.feeds.cell_types import valid_key
from customers.feeds.declarations import Feed
from customers.imports import onboarding
from customers.imports.checks.cross_row import find_problems, keys_alike
from customers.imports.checks.misread import find_misread
from customers.imports.journal import note_created
from customers.imports.merge import mark_found, merge
from customers.imports.quarantine import (
    add_problems_to,
    count_quarantined,
    problems_of,
    quarantine_problems,
    supersede,
)
from customers.imports.stage import STAGE, create_stage
from customers.models import ImportRun, QuarantinedRow

CREATED, UPDATED, UNCHANGED, QUARANTINED, REFUSED = "created", "updated", "unchanged", "quarantined", "refused"
ROW_STATES = (CREATED, UPDATED, UNCHANGED, QUARANTINED, REFUSED)
"""How a row may end."""


def load_partial(feed: Feed, run: ImportRun, rows: Sequence[tuple[int, Sequence[str]]]) -> dict[int, str]:
    """Bring the good ones of some rows into the feed's table; return by number what became of each.

    A row is its number, which stands for a line, and its cells. Those of erased customers are refused.
    """
    states = _stage(feed, run, dict(rows))
    run.rows = len(rows)
    run.repeats = bool(find_problems(feed, run))
    find_misread(feed, run, [], allow_misread=False)
    run.quarantined = count_quarantined(run)
    quarantine_problems(run, _with_problems(feed, run, dict(rows)))
    if feed.one_row_per_customer:
        run.warnings += onboarding.derive_days(STAGE)
    run.warnings += keys_alike(feed, run)
    states.update(_merge(feed, run))
    run.unchanged = run.rows - run.created - run.updated - run.quarantined
    if feed.full:
        run.missing, run.returned = mark_found(feed, run)
    supersede(feed, run, {})
    states.update(dict.fromkeys(run.quarantined_rows.values_list("line", flat=True), QUARANTINED))
    return {number: states.get(number, UNCHANGED) for number, _cells in rows}


def _stage(feed: Feed, run: ImportRun, rows: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """Stage what is good by itself and quarantine what is not; return which rows are refused."""
    create_stage(feed)
    today, erased, own = program_today(), ErasedIds(), feed.column_names.index(customer_column(feed))
    good, bad, refused = [], [], {}
    for number, cells in rows.items():
        if cells[own] in erased:
            refused[number] = REFUSED
            continue
        values, reasons = feed.parse(cells, today)
        if reasons:
            bad.append(_quarantined(feed, run, number, cells, reasons))
        else:
            good.append((number, *values))
    copy_rows(STAGE, ["line", *feed.column_names], good)
    QuarantinedRow.objects.bulk_create(bad, batch_size=BATCH_SIZE)
    run.left_out = len(refused)
    return refused


def _quarantined(feed: Feed, run: ImportRun, number: int, cells: Sequence[str], reasons: list[str]) -> QuarantinedRow:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    named = dict(zip(feed.column_names, cells, strict=True))
    return QuarantinedRow(
        run=run,
        feed=feed.name,
        line=number,
        raw=text.getvalue(),
        cells=list(cells),
        key=valid_key(named["id"]),
        customer_key=valid_key(named.get("customer_id", "")),
        reasons=reasons,
    )


def _with_problems(feed: Feed, run: ImportRun, rows: Mapping[int, Sequence[str]]) -> Iterator[QuarantinedRow]:
    """Yield the staged rows with problems, as rows for the quarantine."""
    for line, _key, found in problems_of(f"SELECT line, id AS key FROM {STAGE}"):
        row = _quarantined(feed, run, line, rows[line], [])
        add_problems_to(row, found)
        yield row


def _merge(feed: Feed, run: ImportRun) -> dict[int, str]:
    """Merge the stage; return by number which rows it created and updated.

    The journal names those that it created, too: by it the ingest knows whom to score.
    """
    table = table_of(feed.model)
    keys = ["id", "customer_id"] if feed.one_row_per_customer else ["id"]
    joined = (f"SELECT s.line FROM {STAGE} s JOIN {table} t ON t.{key} = s.{key}" for key in keys)
    known = {line for (line,) in fetch(" UNION ".join(joined))}
    note_created(run, feed.model, f"SELECT s.id FROM {STAGE} s WHERE s.id NOT IN (SELECT id FROM {table})")
    run.created, run.updated = merge(feed, run)
    changed = fetch(f"SELECT s.line FROM {STAGE} s JOIN {table} t ON t.id = s.id WHERE t.run_id = %s", [run.pk])
    return {line: UPDATED if line in known else CREATED for (line,) in changed}
