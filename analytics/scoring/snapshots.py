"""Measure and score a date, and store what was known on it."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from datetime import date
from typing import TypeAlias

from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.db.models.expressions import RawSQL

from analytics.clock import scoring_moment
from analytics.models import CohortDay, PortfolioDay, ScoringPolicy, Snapshot
from analytics.scoring.measure import day_totals, prepare_measuring
from analytics.scoring.measure_sql import CONCERNED, Whom
from analytics.scoring.policies import Policies
from analytics.scoring.signals import health_stored
from analytics.scoring.snapshot_rows import COLUMNS, scored_customers, snapshot_row
from analytics.scoring.so_far import mark_so_far
from analytics.scoring.tally import STORED, Tally, can_recount, recount_cohorts, recount_portfolio
from analytics.scoring.telling import telling
from analytics.wording import counted
from customers.audit import trail
from customers.clock import program_today
from customers.core.limits import BATCH_SIZE, FETCH_SIZE, batches
from customers.core.months.partitions import make_months, month_table
from customers.core.postgresql.vacuum import vacuum_after
from customers.core.sql import (
    analyze,
    copy_rows,
    group_in_memory,
    table_of,
    temporary_keys,
)
from customers.models import Customer, ImportRun, data_date
from customers.text import written
from customers.text.say import english, in_english, say

_SnapshotRows: TypeAlias = Generator[tuple[object, ...], None, None]


class NotScorable(Exception):
    """The date cannot be scored; the message says why."""


def policies_to_score(day: date) -> Policies:
    """Return the policies that score ``day``; raises ``NotScorable`` after today and before the first policy."""
    if day > program_today():
        raise NotScorable(say("{day} is in the future.", day=day))
    try:
        return Policies.on(day)
    except ScoringPolicy.DoesNotExist as error:
        raise NotScorable(str(error)) from error


def dates_to_rescore() -> list[date]:
    """Return the scored dates to score again, because what they were scored from has changed; oldest first."""
    return list(PortfolioDay.objects.filter(stale=True).order_by("date").values_list("date", flat=True))


def score_day(day: date, newest: date | None = None) -> PortfolioDay:
    """Score ``day`` with the policies in force on it and replace its snapshots; all or nothing.

    On the newest scored date what the product reported since counts; the one that was the newest is then without it.
    ``newest`` is the data date, where the caller knows it. Raises ``NotScorable`` where there is no such policy, or
    the date is still to come.
    """
    policies, tally, all_committed = policies_to_score(day), Tally(day), not connection.in_atomic_block
    # Before the transaction: a new month refers to customers, and keeps editors of them waiting until its end.
    make_months(table_of(Snapshot), [day])
    prepare_measuring()
    with transaction.atomic(), telling(day):
        group_in_memory()
        last_run = ImportRun.objects.order_by().aggregate(newest=Max("pk"))["newest"] or 0
        _replace(day, _rows(day, policies, tally, all_committed=all_committed))
        so_far = mark_so_far(day)
        counts = _counted(day, tally)
        portfolio, _created = PortfolioDay.objects.update_or_create(
            date=day,
            defaults={
                **_scored_by(policies),
                "backfilled": day < (newest or data_date()),
                "stale": False,
                "erased": 0,
                "last_run": last_run,
                "last_api_run": last_run,
                "so_far": so_far,
                **counts,
                **_totals(day),
            },
        )
        analyze(table_of(Snapshot), _LOOKED_FOR)
        health_stored.send(sender=Snapshot, day=day, customers=None)
        # Afterwards: what is stored of everybody on the newest date is then stored anew of these customers alone.
        _finalise_before(day)
        with in_english():
            said = english(f"{counted(portfolio.total, 'customer')}, {written.number(portfolio.at_risk)} at risk")
            trail.record(trail.Action.COMMAND, "score", detail=f"{written.day(day)}: {said}")
    vacuum_after(portfolio.total, month_table(table_of(Snapshot), day), table_of(Customer))
    return portfolio


def _scored_by(policies: Policies) -> dict[str, object]:
    """Return which policies a date is scored by, and when."""
    return {
        "policy": policies.everybody,
        "segment_policies": {str(one.pk): one.name for one in policies.for_segments},
        "scored_at": scoring_moment(),
    }


_LOOKED_FOR = ("date", "customer_id", "score", "status")
_CUSTOMERS_AT_ONCE = 20_000
"""So many are scored together where not everybody is: what the product reported of them is held in memory."""
_DAY_TOTALS = ("issues_tagged", "prs_generated", "prs_merged", "support_requests")


def score_customers(day: date, customers: Iterable[str]) -> None:
    """Score these customers alone on a scored ``day``, and count the portfolio and its cohorts again.

    The caller holds the locks. Raises ``NotScorable`` as ``score_day`` does.
    """
    policies, keys = policies_to_score(day), sorted(set(customers))
    portfolio = PortfolioDay.objects.get(pk=day)
    by_itself, counts = can_recount(portfolio, len(keys)), {}
    with transaction.atomic():
        for some in batches(keys, _CUSTOMERS_AT_ONCE):
            counts = _score_some(portfolio, policies, some, count=by_itself)
        if not by_itself:
            everybody = Snapshot.objects.filter(date=day)
            portfolio.so_far, counts = everybody.so_far().count(), _counted(day, _tallied(day, everybody))
        PortfolioDay.objects.filter(date=day).update(erased=0, so_far=portfolio.so_far, **counts, **_totals(day))


def _score_some(portfolio: PortfolioDay, policies: Policies, keys: Sequence[str], *, count: bool) -> dict[str, int]:
    """Score some customers; where they are to be counted, count them anew, and return the portfolio's sums."""
    day, text = portfolio.date, portfolio.date.isoformat()
    with temporary_keys(CONCERNED, table_of(Customer), keys) as theirs:
        customers = RawSQL(theirs, ())  # noqa: S611 - no value in it
        concerned = Snapshot.objects.filter(date=day, customer__in=customers)
        so_far, before = concerned.so_far().count(), _tallied(day, concerned if count else concerned.none())
        with telling(day, f"IN ({theirs})"):
            concerned._raw_delete(concerned.db)
            scored = scored_customers(day, policies, Whom.CONCERNED)
            copy_rows(table_of(Snapshot), COLUMNS, (snapshot_row(text, one) for one in scored))
        portfolio.so_far += mark_so_far(day, Whom.CONCERNED) - so_far
        counts = _recounted(portfolio, before, _tallied(day, concerned)) if count else {}
        health_stored.send(sender=Snapshot, day=day, customers=customers)
    for name, number in counts.items():
        setattr(portfolio, name, number)
    return counts


def _recounted(portfolio: PortfolioDay, before: Tally, after: Tally) -> dict[str, int]:
    """Store the cohorts, in which some customers are counted anew, and return the portfolio's sums."""
    recount_cohorts(portfolio.date, before.cohorts, after.cohorts)
    return recount_portfolio(portfolio, before, after)


def _counted(day: date, tally: Tally) -> dict[str, int]:
    """Store the cohorts, and return the portfolio's sums."""
    _store_cohorts(day, tally)
    return tally.counts()


def _tallied(day: date, snapshots: QuerySet[Snapshot]) -> Tally:
    tally = Tally(day)
    for row in snapshots.order_by().values_list(*STORED).iterator(chunk_size=FETCH_SIZE):
        tally.add_stored(row)
    return tally


def _finalise_before(day: date) -> None:
    """Score again, without what came after them, who counts so far on a date that is no longer the newest."""
    for earlier in PortfolioDay.objects.filter(date__lt=day, so_far__gt=0).values_list("date", flat=True):
        theirs = Snapshot.objects.filter(date=earlier).so_far()
        score_customers(earlier, list(theirs.order_by().values_list("customer", flat=True)))


def _store_cohorts(day: date, tally: Tally) -> None:
    CohortDay.objects.filter(date=day).delete()
    CohortDay.objects.bulk_create(tally.cohorts.rows(), batch_size=BATCH_SIZE)


def _totals(day: date) -> dict[str, int]:
    """Return the sums of a date's own engagement."""
    totals = day_totals(day)
    return {f"day_{name}": totals[name] for name in _DAY_TOTALS}


def _replace(day: date, rows: _SnapshotRows) -> None:
    Snapshot.objects.filter(date=day)._raw_delete(Snapshot.objects.db)
    with closing(rows):
        copy_rows(table_of(Snapshot), COLUMNS, rows)


def _rows(day: date, policies: Policies, tally: Tally, *, all_committed: bool) -> _SnapshotRows:
    text, add = day.isoformat(), tally.add
    for scored in scored_customers(day, policies, all_committed=all_committed):
        add(scored)
        yield snapshot_row(text, scored)
