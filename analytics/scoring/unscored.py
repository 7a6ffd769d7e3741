"""Find what is loaded but not scored, and hold the lock to score it, for command and page."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet

from analytics.models import PortfolioDay
from analytics.scoring.snapshots import dates_to_rescore, policies_to_score
from customers.jobs.lock import job_lock
from customers.models import ImportRun, data_date


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
