"""Metrics of the feeds: what the last file of each brought, and how many rows wait in quarantine."""

from collections.abc import Iterator

from django.db.models import Count, Q, Subquery
from prometheus_client.metrics_core import Metric

from customers.models import FeedName, ImportRun, QuarantinedRow
from rsolv_cs.monitoring.family import Values, as_indexed, gauge, one_of

_OUTCOMES = ("created", "updated", "unchanged", "quarantined")
_Status = ImportRun.Status
_ENDED = [status.value for status in _Status if status != _Status.RUNNING]


def feed_families() -> Iterator[Metric]:
    """Yield them; two queries."""
    runs = _last_runs()
    rows = {(run.feed, name): float(getattr(run, name)) for run in runs for name in _OUTCOMES}
    yield gauge("rsolv_import_rows", "What became of the rows of each feed’s last file.", "feed", "outcome", of=rows)
    states: Values = {}
    for run in runs:
        states |= one_of(_ENDED, now=run.status, of=(run.feed,))
    yield gauge(
        "rsolv_import_state", "How the last import of each feed ended: 1 for its state.", "feed", "state", of=states
    )
    ends = {(run.feed,): run.finished_at.timestamp() for run in runs if run.finished_at}
    yield gauge("rsolv_import_end_timestamp_seconds", "When each feed’s last file was read.", "feed", of=ends)
    yield gauge("rsolv_quarantined_rows", "Rows that wait in quarantine.", "feed", of=_quarantined())


def _last_runs() -> list[ImportRun]:
    """The last file of each feed that was read to its end, or refused; neither undos nor what came by the API."""
    of_files = as_indexed(ImportRun.objects.order_by("-pk"), "NOT (scope IN ('partial', 'events'))")
    ended = of_files.filter(undoes=None).exclude(status=_Status.RUNNING).values("pk")
    wanted = Q()
    for feed in FeedName:
        wanted |= Q(pk=Subquery(ended.filter(feed=feed)[:1]))
    return list(ImportRun.objects.filter(wanted).order_by("feed"))


def _quarantined() -> Values:
    rows = QuarantinedRow.objects.filter(feed__in=FeedName.values, status=QuarantinedRow.Status.OPEN).order_by()
    counts = dict(rows.values_list("feed").annotate(rows=Count("pk")))
    return {(feed.value,): float(counts.get(feed.value, 0)) for feed in FeedName}
