"""The alert about customers who vanished from the feed: raised by a file that lacks many, closed when they return."""

from datetime import date, datetime, timedelta

from django.db.models import Max

from analytics.alerts import words
from analytics.alerts.changes import Changes
from analytics.alerts.inputs import NEWS_DAYS
from analytics.models import Alert, AlertRule
from analytics.models.alerts import told_by
from customers.models import Customer, FeedName, ImportRun
from customers.text.sentences import Said

LISTED = "/admin/?owner=&only=missing#customers"
"""Where the customers are listed whom the feed lacks, whoever owns them."""


def judge(rule: AlertRule, today: date, now: datetime) -> Changes:
    """Return what becomes of the rule's alert by the files that were loaded, each of which raises it once.

    It closes when fewer than N are still missing or, once acknowledged, with the next file in which fewer than N more
    went missing. While it is open it is worse by every N more.
    """
    changes, runs = Changes(), _runs_that_raise(rule, now)
    alert = Alert.objects.open().filter(rule=rule, customer=None).select_related("run").first()
    if alert is not None and alert.run is not None:
        missing = _missing_since(alert.run)
        if ending := _ending(alert, missing, rule.n, runs):
            changes.close(alert.pk, today, now, Alert.Ending.RECOVERED, ending)
        else:
            told = _told(alert.run, missing)
            if missing >= (alert.value or 0) + rule.n:
                changes.worse.append(Alert(pk=alert.pk, worse_on=today, worse_at=now, value=missing, **told))
            elif (alert.text, alert.said) != (told["text"], told["said"]):
                changes.reworded.append(Alert(pk=alert.pk, **told))
            return changes
    if runs:
        oldest, missing = runs[0], _missing_since(runs[0])
        new = {"feed": FeedName.CUSTOMERS, "run": oldest, "opened_on": today, "raised_at": now}
        changes.raised.append(Alert(rule=rule, value=missing, **new, **_told(oldest, missing)))
    return changes


def _runs_that_raise(rule: AlertRule, now: datetime) -> list[ImportRun]:
    """Return the runs since the last alert's whose files lack N or more who are missing still, oldest first."""
    last_run = Alert.objects.filter(rule=rule).aggregate(newest=Max("run"))["newest"] or 0
    files = ImportRun.objects.accepted().filter(feed=FeedName.CUSTOMERS, missing__gte=rule.n)
    recent = files.filter(pk__gt=last_run, started_at__gt=now - timedelta(days=NEWS_DAYS)).order_by("pk")
    return [run for run in recent if Customer.objects.filter(missing_since=run).count() >= rule.n]


def _ending(alert: Alert, missing: int, n: int, runs: list[ImportRun]) -> Said | None:
    """Return why the alert closes; None while it holds."""
    if not missing:
        return words.all_are_back.of()
    if missing < n:
        return words.few_are_missing.of(limit=n, missing=missing)
    if alert.acknowledged_at is None:
        return None
    if any(run.started_at > alert.acknowledged_at for run in runs):
        return words.more_are_missing.of()
    later = ImportRun.objects.accepted().filter(feed=FeedName.CUSTOMERS, started_at__gt=alert.acknowledged_at)
    return words.no_more_are_missing.of(limit=n) if later.exists() else None


def _missing_since(run: ImportRun) -> int:
    return Customer.objects.filter(missing_since__gte=run.pk).count()


def _told(run: ImportRun, missing: int) -> dict[str, object]:
    return told_by(words.customers_vanished.of(missing=missing, run=run.pk, moment=run.started_at))
