"""The alert about customers who vanished from the feed: raised by a file that lacks many, closed when they return."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Max

from analytics.alerts.inputs import NEWS_DAYS
from analytics.models import Alert, AlertRule
from analytics.wording import counted, moment_in_words
from customers.models import Customer, FeedName, ImportRun

LISTED = "/admin/?owner=&only=missing#customers"
"""Where the customers are listed whom the feed lacks, whoever owns them."""


@dataclass
class Judged:
    """What becomes of the rule's alert: a new one, the open one that is worse, or the one that closes."""

    raised: list[Alert] = field(default_factory=list)
    worse: list[Alert] = field(default_factory=list)
    closed: list[tuple[Alert, str]] = field(default_factory=list)


def judge(rule: AlertRule, today: date, now: datetime) -> Judged:
    """Bring the rule's alert in step with the files that were loaded, each of which raises it once.

    It closes when fewer than N are still missing or, once acknowledged, with the next file in which fewer than N more
    went missing. While it is open it is worse by every N more.
    """
    judged = Judged()
    alert = Alert.objects.open().filter(rule=rule, customer=None).select_related("run").first()
    waves = _waves(rule, now)
    if alert is not None and alert.run is not None:
        gone = _missing_since(alert.run)
        if not (ending := _ending(alert, gone, rule.n, waves)):
            alert.text = _words(alert.run, gone)
            if gone >= (alert.value or 0) + rule.n:
                alert.value, alert.worse_on, alert.worse_at = gone, today, now
                judged.worse.append(alert)
            else:
                Alert.objects.filter(pk=alert.pk).update(text=alert.text)
            return judged
        judged.closed.append((alert, ending))
    if waves:
        gone = _missing_since(waves[0])
        new = {"feed": FeedName.CUSTOMERS, "run": waves[0], "opened_on": today, "raised_at": now}
        judged.raised.append(Alert(rule=rule, text=_words(waves[0], gone), value=gone, **new))
    return judged


def _waves(rule: AlertRule, now: datetime) -> list[ImportRun]:
    """Return the runs since the last alert's whose files lack N or more who are missing still, oldest first."""
    last_run = Alert.objects.filter(rule=rule).aggregate(newest=Max("run"))["newest"] or 0
    files = ImportRun.objects.accepted().filter(feed=FeedName.CUSTOMERS, missing__gte=rule.n)
    recent = files.filter(pk__gt=last_run, started_at__gt=now - timedelta(days=NEWS_DAYS)).order_by("pk")
    return [run for run in recent if Customer.objects.filter(missing_since=run).count() >= rule.n]


def _ending(alert: Alert, gone: int, n: int, waves: list[ImportRun]) -> str:
    """Return why the alert closes; '' while it holds."""
    if not gone:
        return "All of them are in the feed again"
    if gone < n:
        return f"Fewer than {n} are still missing: {gone}"
    if alert.acknowledged_at is None:
        return ""
    later = ImportRun.objects.accepted().filter(feed=FeedName.CUSTOMERS, started_at__gt=alert.acknowledged_at)
    if any(wave.started_at > alert.acknowledged_at for wave in waves):
        return "Acknowledged; more are missing since"
    return f"Acknowledged, and no {n} more are missing since" if later.exists() else ""


def _missing_since(run: ImportRun) -> int:
    return Customer.objects.filter(missing_since__gte=run.pk).count()


def _words(run: ImportRun, gone: int) -> str:
    verb = "is" if gone == 1 else "are"
    moment = moment_in_words(run.started_at)
    return f"{counted(gone, 'customer')} {verb} missing from customers.csv since run {run.pk} of {moment}"
