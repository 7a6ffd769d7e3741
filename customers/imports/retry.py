"""Load quarantined rows again: ``retry_waiting`` does so by itself, ``load_quarantined`` also for a person's replay.

A load retries the rows that only wait for their customer, without being asked. A person replays chosen rows
(``load.replay_chosen``), whatever was wrong with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from django.db.models import QuerySet

from customers.archive.erased import ErasedIds, customer_column
from customers.core.limits import BATCH_SIZE
from customers.core.sql import copy_rows, create_temporary, drop_temporary, execute, table_of
from customers.feeds.declarations import Feed
from customers.feeds.rows import in_batches
from customers.imports import onboarding
from customers.imports.checks.cross_row import DUPLICATE, find_problems, select_problems
from customers.imports.erased_rows import delete_quarantined
from customers.imports.merge import mark_found, merge
from customers.imports.quarantine import add_problems_to, problems_of
from customers.imports.stage import PROBLEM, STAGE, create_stage
from customers.models import Customer, Fix, ImportRun, QuarantinedRow
from customers.text.say import english

_QUARANTINE = table_of(QuarantinedRow)
_SUPERSEDED = "superseded"


@dataclass
class RetryResult:
    """What became of the rows that were tried; ``superseded`` and ``suppressed`` are among the ``unchanged``."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    refused: int = 0
    superseded: int = 0
    suppressed: int = 0

    @property
    def unchanged(self) -> int:
        """Return how many rows made no difference: the data say so already, or something newer."""
        return self.rows - self.created - self.updated - self.refused


def retry_waiting(feed: Feed, run: ImportRun, today: date) -> int:
    """Load the feed's quarantined rows whose customer is known by now; return how many were loaded.

    A row that is refused for another reason now keeps that reason instead, and is not tried again by itself.
    """
    if not feed.of_customers:
        return 0
    ready = QuarantinedRow.objects.of_files().filter(
        feed=feed.name,
        status=QuarantinedRow.Status.OPEN,
        waits_for_customer=True,
        customer_key__in=Customer.objects.values("pk"),
    )
    if not ready.exists():
        return 0
    table = table_of(feed.model)
    same = "t.id = q.key" + (" OR t.customer_id = q.customer_key" if feed.one_row_per_customer else "")
    execute(
        f"""
        UPDATE {_QUARANTINE} AS q SET status = 'superseded', resolved_by_id = %s
        WHERE feed = %s AND status = 'open' AND waits_for_customer
          AND EXISTS (SELECT 1 FROM {table} t WHERE {same})""",
        [run.pk, feed.name.value],
    )
    tried = load_quarantined(feed, run, ready, today)
    return tried.created + tried.updated


def load_quarantined(feed: Feed, run: ImportRun, rows: QuerySet[QuarantinedRow], today: date) -> RetryResult:
    """Load open rows in the name of ``run``; a loaded row names the file and line that it is from.

    The runs that quarantined them are taken one by one, the newest first: no row overwrites what a later file says of
    its key.
    """
    tried, erased = RetryResult(), ErasedIds()
    origins = rows.order_by("-run").values_list("run", flat=True).distinct()
    for origin in list(origins):
        _FileRetry(feed, run, origin, tried, erased).load(rows.filter(run=origin), today)
    return tried


class _FileRetry:
    """The rows that the run ``origin_run_id`` quarantined, tried again by ``run``; ``line`` is a line of its file."""

    def __init__(self, feed: Feed, run: ImportRun, origin_run_id: int, tried: RetryResult, erased: ErasedIds) -> None:
        self.erased = erased
        self.own = feed.column_names.index(customer_column(feed))
        self.feed = feed
        self.run = run
        self.origin_run_id = int(origin_run_id)
        self.tried = tried

    def load(self, rows: QuerySet[QuarantinedRow], today: date) -> None:
        """Stage, check and merge the rows."""
        feed, run, tried = self.feed, self.run, self.tried
        create_stage(feed)
        waiting = rows.order_by("pk").defer("reasons").iterator(chunk_size=BATCH_SIZE)
        for batch in in_batches(waiting):
            tried.rows += len(batch)
            self._stage(batch, today)
        self._supersede()
        find_problems(feed, run)
        self._find_keys_in_use()
        self._refuse_problems()
        execute(f"DELETE FROM {STAGE} WHERE line IN (SELECT line FROM {PROBLEM})")
        self._close("loaded", f"SELECT line FROM {STAGE}")
        if feed.one_row_per_customer:
            run.warnings += onboarding.derive_days(STAGE)
        created, updated = merge(feed, run, origin=self.origin_run_id)
        if feed.full:
            mark_found(feed, run)
        tried.created += created
        tried.updated += updated

    def _stage(self, rows: Sequence[QuarantinedRow], today: date) -> None:
        """Stage what is good by itself, and give what is not its new reasons."""
        names = self.feed.column_names
        good, bad, erased = [], [], []
        for row in rows:
            if row.cells and row.cells[self.own] in self.erased:
                erased.append(row)
                continue
            if row.cells is None or len(row.cells) != len(names):
                self.tried.refused += 1
                continue
            values, reasons = self.feed.parse(row.cells, today)
            if reasons:
                row.reasons = reasons
                bad.append(row)
            else:
                good.append((row.line, *values))
        self._delete_erased(erased)
        copy_rows(STAGE, ["line", *names], good)
        customers = {row.customer_key for row in bad if row.customer_key}
        unknown = customers - set(Customer.objects.filter(pk__in=customers).values_list("pk", flat=True))
        for row in bad:
            row.waits_for_customer = False
            if row.customer_key in unknown:
                why = english(f"customer_id: there is no customer {row.customer_key}")
                row.reasons = [*row.reasons, why]
        self._refuse(bad)

    def _delete_erased(self, rows: Sequence[QuarantinedRow]) -> None:
        """Delete rows that a fix made ones of an erased customer, and their fixes."""
        if rows:
            Fix.objects.filter(feed=self.feed.name, raw__in=[row.raw for row in rows]).delete()
            delete_quarantined([row.pk for row in rows])
            self.tried.suppressed += len(rows)

    @property
    def _same(self) -> str:
        """Return SQL for whether a loaded row ``t`` has the key of a staged row ``s``, or its one customer."""
        return "(t.id = s.id OR t.customer_id = s.customer_id)" if self.feed.one_row_per_customer else "t.id = s.id"

    def _supersede(self) -> None:
        """Close the rows whose key (or customer) a later file gave a row, and take them off the stage.

        A fix may give a row a key that a later file also has, unchanged. If any later file was loaded, keep what is
        loaded.
        """
        newer = f"t.run_id > {self.origin_run_id}"
        if ImportRun.objects.accepted().filter(feed=self.feed.name, pk__gt=self.origin_run_id).exists():
            newer += f" OR EXISTS (SELECT 1 FROM {table_of(Fix)} f WHERE f.feed = q.feed AND f.raw = q.raw)"
        create_temporary(
            _SUPERSEDED,
            f"""
            SELECT DISTINCT s.line FROM {STAGE} s JOIN {table_of(self.feed.model)} t ON {self._same}
            JOIN {_QUARANTINE} q ON q.run_id = {self.origin_run_id} AND q.line = s.line WHERE {newer}""",
        )
        self.tried.superseded += self._close("superseded", f"SELECT line FROM {_SUPERSEDED}")
        execute(f"DELETE FROM {STAGE} WHERE line IN (SELECT line FROM {_SUPERSEDED})")
        drop_temporary(_SUPERSEDED)

    def _close(self, status: str, lines: str) -> int:
        """Close the rows on the lines of a query; return how many those are."""
        return execute(
            f"""
            UPDATE {_QUARANTINE} SET status = %s, resolved_by_id = %s
            WHERE run_id = %s AND line IN ({lines})""",
            [status, self.run.pk, self.origin_run_id],
        )

    def _find_keys_in_use(self) -> None:
        """Make a problem of each row whose key (or customer) another line of its file has in the table."""
        table = table_of(self.feed.model)
        joins = {"'id: ' || s.id": "t.id = s.id"}
        if self.feed.one_row_per_customer:
            joins["'customer_id: the row of ' || s.customer_id"] = "t.customer_id = s.customer_id AND t.id <> s.id"
        for key, join in joins.items():
            select_problems(
                DUPLICATE,
                f"""
                SELECT s.line, {key} || ' is loaded already, from line ' || CAST(t.line AS text) || ' of the same file'
                    AS message
                FROM {STAGE} s JOIN {table} t ON {join}
                WHERE t.run_id = {self.origin_run_id} AND t.line <> s.line""",
            )

    def _refuse_problems(self) -> None:
        found = problems_of(f"SELECT line, id AS key FROM {STAGE}")
        while some := {line: problems for line, _key, problems in islice(found, BATCH_SIZE)}:
            rows = QuarantinedRow.objects.filter(run=self.origin_run_id, feed=self.feed.name, line__in=some)
            refused = list(rows.defer("raw", "cells"))
            for row in refused:
                add_problems_to(row, some[row.line])
            self._refuse(refused)

    def _refuse(self, rows: Sequence[QuarantinedRow]) -> None:
        """Keep the rows in quarantine for the reasons that they have now."""
        QuarantinedRow.objects.bulk_update(rows, ["reasons", "waits_for_customer"], batch_size=BATCH_SIZE)
        self.tried.refused += len(rows)
