"""Another try for quarantined rows that only waited for their customer."""

from datetime import date
from itertools import islice

from customers import onboarding
from customers.feeds import Feed
from customers.merge import merge
from customers.models import Customer, ImportRun, QuarantinedRow
from customers.problems import find_problems
from customers.quarantine import problems_of
from customers.rows import BATCH
from customers.staging import PROBLEM, STAGE, copy_rows, create_stage, execute, table_of

_QUARANTINE = table_of(QuarantinedRow)


def retry(feed: Feed, run: ImportRun, today: date) -> int:
    """Load the feed's quarantined rows whose customer is known by now; return how many were taken.

    A row that is refused for another reason now keeps that reason instead, and is not tried again by itself.
    """
    if not feed.of_customers:
        return 0
    ready = QuarantinedRow.objects.filter(
        feed=feed.name,
        status=QuarantinedRow.Status.OPEN,
        waits_for_customer=True,
        customer_key__in=Customer.objects.values("pk"),
    ).order_by("pk")
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
    create_stage(feed)
    batches = iter(ready.values_list("pk", "cells").iterator(chunk_size=BATCH))
    while batch := list(islice(batches, BATCH)):
        good = []
        for pk, cells in batch:
            if len(cells) != len(feed.columns):
                continue
            values, reasons = feed.parse(cells, today)
            if reasons:
                _refuse(pk, reasons)
            else:
                good.append((pk, *values))
        copy_rows(STAGE, ["line", *feed.column_names], good)
    execute(
        f"""
        UPDATE {_QUARANTINE} SET status = 'loaded', resolved_by_id = %s WHERE id IN (SELECT line FROM {STAGE})""",
        [run.pk],
    )
    find_problems(feed, run)
    for pk, _key, found in problems_of(f"SELECT line, id AS key FROM {STAGE}"):
        _refuse(pk, [text for _kind, text in found])
    execute(f"DELETE FROM {STAGE} WHERE line IN (SELECT line FROM {PROBLEM})")
    if feed.one_row_per_customer:
        onboarding.derive_days(STAGE)
    created, updated = merge(
        feed,
        run,
        f"(SELECT q.run_id FROM {_QUARANTINE} q WHERE q.id = d.line)",
        f"(SELECT q.line FROM {_QUARANTINE} q WHERE q.id = d.line)",
    )
    return created + updated


def _refuse(pk: int, reasons: list[str]) -> None:
    QuarantinedRow.objects.filter(pk=pk).update(
        reasons=reasons, waits_for_customer=False, status=QuarantinedRow.Status.OPEN, resolved_by=None
    )
