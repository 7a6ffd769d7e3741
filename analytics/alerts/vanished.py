"""The alert about customers who vanished from the feed: raised by a file that lacks many, over when they are back."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Max
from django.utils import timezone

from analytics.alerts.rules import NEWS_DAYS
from analytics.models import Alert, AlertRule
from analytics.wording import counted
from customers.models import Customer, FeedName, ImportRun

LISTED = "/admin/?owner=&only=missing#customers"
"""Where the customers are listed whom the feed lacks, whoever owns them."""


@dataclass
class Judged:
    """What becomes of the rule's alert: a new one, the open one that is worse, or the one that is over."""

    new: list[Alert] = field(default_factory=list)
    worse: list[Alert] = field(default_factory=list)
    over: list[tuple[Alert, str]] = field(default_factory=list)


def judge(rule: AlertRule, today: date, now: datetime) -> Judged:
    """Bring the rule's alert in step with the files that were loaded, each of which raises it once.

    It is over when fewer than N of its customers are missing, or with the first file after it was acknowledged that
    lacks fewer than N more. While it is open it is worse by every N more.
    """
    found, most = Judged(), max(rule.threshold or 0, 1)
    alert = Alert.objects.open().filter(rule=rule, customer=None).first()
    waves = _waves(rule, most, now)
    if alert is not None:
        gone = _missing_since(alert.run_id)
        if ending := _ending(alert, gone, most, waves):
            found.over.append((alert, ending))
        elif gone >= (alert.value or 0) + most:
            alert.text, alert.value, alert.worse_on, alert.worse_at = _words(alert.run, gone), gone, today, now
            found.worse.append(alert)
            return found
        else:
            Alert.objects.filter(pk=alert.pk).update(text=_words(alert.run, gone))
            return found
    if waves:
        gone = _missing_since(waves[0].pk)
        text = _words(waves[0], gone)
        new = {"feed": FeedName.CUSTOMERS, "run": waves[0], "opened_on": today, "raised_at": now}
        found.new.append(Alert(rule=rule, text=text, value=gone, **new))
    return found


def _waves(rule: AlertRule, most: int, now: datetime) -> list[ImportRun]:
    """The files since the last alert that lack many who are missing still, oldest first."""
    told = Alert.objects.filter(rule=rule).aggregate(newest=Max("run"))["newest"] or 0
    files = ImportRun.objects.accepted().filter(feed=FeedName.CUSTOMERS, missing__gte=most)
    recent = files.filter(pk__gt=told, started_at__gt=now - timedelta(days=NEWS_DAYS)).order_by("pk")
    return [run for run in recent if Customer.objects.filter(missing_since=run).count() >= most]


def _ending(alert: Alert, gone: int, most: int, waves: list[ImportRun]) -> str:
    """Why the alert is over; '' while it holds."""
    if not gone:
        return "All of them are in the feed again"
    if gone < most:
        return f"Fewer than {most} are still missing: {gone}"
    if alert.acknowledged_at is None:
        return ""
    later = ImportRun.objects.accepted().filter(feed=FeedName.CUSTOMERS, started_at__gt=alert.acknowledged_at)
    if any(wave.started_at > alert.acknowledged_at for wave in waves):
        return "Acknowledged; more are missing since"
    return f"Acknowledged, and no {most} more are missing since" if later.exists() else ""


def _missing_since(run: int) -> int:
    return Customer.objects.filter(missing_since__gte=run).count()


def _words(run: ImportRun, gone: int) -> str:
    verb = "is" if gone == 1 else "are"
    moment = f"{timezone.localtime(run.started_at):%-d %b %Y, %H:%M}"
    return f"{counted(gone, 'customer')} {verb} missing from customers.csv since run {run.pk} of {moment}"
