"""Find what is loaded but not scored, and hold the lock to score it, for command and page."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import Q, QuerySet

from analytics.models import PortfolioDay
from analytics.scoring.snapshots import dates_to_rescore, policies_to_score, score_customers
from analytics.wording import counted
from customers.audit import trail
from customers.core.limits import FETCH_SIZE
from customers.jobs.lock import job_lock
from customers.models import Customer, Engagement, Event, ImportRun, RowChange, data_date
from customers.text import written
from customers.text.say import english, in_english


@dataclass(frozen=True)
class Unscored:
    """Rows were loaded since the newest scoring, or scored dates are stale.

    ``data`` is the newest engagement date; ``scored`` the newest scored one, None before the first scoring.
    """

    data: date
    scored: date | None
    runs: int
    stale: int


def unscored() -> Unscored | None:
    """Return what is loaded but not scored; None where every loaded row is scored. Four queries at most."""
    newest = PortfolioDay.objects.newest()
    runs = changing_runs().filter(pk__gt=newest.last_run if newest else 0).count()
    stale = PortfolioDay.objects.filter(stale=True).count()
    return Unscored(data_date(), newest.date if newest else None, runs, stale) if runs or stale else None


def changing_runs() -> QuerySet[ImportRun]:
    """Return the runs that changed rows, but those of the API: the ingest has their customers scored."""
    changed = Q(created__gt=0) | Q(updated__gt=0) | Q(retried__gt=0) | Q(deleted__gt=0)
    return ImportRun.objects.of_files().filter(changed, status=ImportRun.Status.LOADED).order_by()


@contextmanager
def scoring(asked: Sequence[date] = ()) -> Iterator[tuple[list[date], date]]:
    """Hold the lock of scorings; yield the dates to score and the newest engagement date.

    Without ``asked``, the dates are the newest engagement date and those that are stale. Raises ``LockHeld`` while
    another scoring or an import runs, since an import between two queries would be scored half, and ``NotScorable``.
    """
    with job_lock("score"), job_lock("import", shared=True):
        newest = data_date()
        days = list(asked) or sorted({newest, *dates_to_rescore()})
        # Where both ends can be scored, so can each date between them.
        for end in {days[0], days[-1]}:
            policies_to_score(end)
        yield days, newest


def score_changed_by_api() -> set[str]:
    """Score again on the newest scored date whom the runs of the API changed since it was scored; return them.

    A date that is stale is left to the scoring that it waits for, which has them all. Raises ``LockHeld``.
    """
    if _runs_to_score() is None:
        return set()
    with job_lock("score"), job_lock("import", shared=True), transaction.atomic():
        if (found := _runs_to_score()) is None:
            return set()
        day, runs = found
        if customers := _changed_by(runs):
            score_customers(day, customers)
            with in_english():
                said = english(f"{counted(len(customers), 'customer')} again, with what was reported since")
                trail.record(trail.Action.COMMAND, "score", detail=f"{written.day(day)}: {said}")
        PortfolioDay.objects.filter(pk=day).update(last_api_run=runs[-1])
    return customers


def _runs_to_score() -> tuple[date, list[int]] | None:
    """Return the newest scored date and the runs of the API since it was scored; None where there are none."""
    newest = PortfolioDay.objects.newest()
    if newest is None or newest.stale:
        return None
    runs = ImportRun.objects.filter(scope__in=ImportRun.OF_API, pk__gt=newest.last_api_run).order_by("pk")
    keys = list(runs.values_list("pk", flat=True))
    return (newest.date, keys) if keys else None


def _changed_by(runs: Sequence[int]) -> set[str]:
    """Return the customers whose rows these runs of the API made or changed."""
    found: set[str] = set()
    for model in (Engagement, Event):
        rows = model.objects.filter(provisional=True, run__gte=runs[0])
        found.update(rows.order_by().values_list("customer", flat=True).iterator(FETCH_SIZE))
    changes = RowChange.objects.filter(run__in=runs).order_by()
    for model_name, key, before, after in changes.values_list("model", "key", "before", "after").iterator():
        found.update([key] if model_name == Customer._meta.model_name else _customers_of(before, after))
    return found


def _customers_of(*images: Mapping[str, str] | None) -> set[str]:
    return {image["customer_id"] for image in images if image and "customer_id" in image}
