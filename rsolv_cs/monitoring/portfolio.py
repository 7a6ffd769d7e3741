"""Metrics of what the nights have found: customers by status, alerts, tasks, and how good the forecasts were."""

from collections.abc import Iterator
from datetime import date, datetime, time

from django.db.models import Count, Q
from django.utils import timezone
from prometheus_client.metrics_core import Metric

from analytics.insights.forecast_record import totals_of_record
from analytics.models import ActionKind, Alert, AlertRule, HealthStatus, PortfolioDay, Task
from rsolv_cs.monitoring.family import Values, as_indexed, gauge, moment, single

_NIGHT = "night"
"""The kind of alerts that no rule has raised: those of a step that failed."""


def portfolio_families() -> Iterator[Metric]:
    """Yield them; six queries, none of which looks at customers one by one."""
    day = PortfolioDay.objects.order_by("-date").first()
    statuses = {(status.value,): float(getattr(day, status.value)) for status in HealthStatus} if day else {}
    yield gauge("rsolv_customers", "Customers on the newest scored date.", "status", of=statuses)
    newest = _midnight(day.date) if day else None
    yield moment("rsolv_data_timestamp_seconds", "The newest scored date, to which the data go.", newest)
    yield moment("rsolv_score_timestamp_seconds", "When that date was scored.", day.scored_at if day else None)
    yield single("rsolv_score_stale", "1 where data were changed since.", float(day.stale) if day else None)
    yield gauge("rsolv_alerts_open", "Open alerts.", "kind", "severity", of=_alerts())
    yield from _tasks()
    yield from _forecasts(day.date if day else None)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def _alerts() -> Values:
    """By kind and severity; of each rule they are counted in the index of the open ones, and of customers apart."""
    rules = {rule.pk: (rule.kind, AlertRule.Severity(rule.severity)) for rule in AlertRule.objects.order_by()}
    counts: Values = {}
    for about_nobody in (False, True):
        found = Alert.objects.filter(closed_on=None, customer__isnull=about_nobody).order_by()
        for pk, number in found.values_list("rule").annotate(number=Count("pk")):
            kind, severity = rules.get(pk, (_NIGHT, AlertRule.Severity.CRITICAL))
            key = (kind, severity.name.lower())
            counts[key] = counts.get(key, 0.0) + number
    return counts


def _tasks() -> Iterator[Metric]:
    late = Count("pk", filter=Q(due__lt=timezone.localdate()))
    found = (
        as_indexed(Task.objects.order_by(), "state = 'open'")
        .values_list("kind")
        .annotate(number=Count("pk"), late=late)
    )
    counts = {kind: (number, late) for kind, number, late in found}
    for place, (name, what) in enumerate(
        [("rsolv_tasks_open", "Open tasks."), ("rsolv_tasks_overdue", "Open tasks whose day has passed.")]
    ):
        of = {(kind.value,): float(counts.get(kind.value, (0, 0))[place]) for kind in ActionKind}
        yield gauge(name, what, "kind", of=of)


def _forecasts(day: date | None) -> Iterator[Metric]:
    """What the page *Forecast accuracy* calls the live record: of the dates that were forecast in time."""
    totals = totals_of_record(day) if day else {}
    live = {(target,): total for target, found in totals.items() for total in found if not total.backfilled}
    errors = {key: total.error for key, total in live.items()}
    yield gauge(
        "rsolv_forecast_brier_score", "Mean squared error of the forecasts that came due.", "target", of=errors
    )
    days = {key: float(total.days) for key, total in live.items()}
    yield gauge("rsolv_forecast_compared_dates", "Of so many dates the forecasts came due.", "target", of=days)
