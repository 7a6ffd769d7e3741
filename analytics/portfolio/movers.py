"""Who crossed a line since an earlier scored date: became at risk, recovered, or went missing from the feed."""

from datetime import date, datetime, time

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.models import HealthStatus, Snapshot, SnapshotQuerySet
from customers.text.choices import SpokenChoices

WELL = [HealthStatus.NEEDS_ATTENTION, HealthStatus.HEALTHY, HealthStatus.CHAMPION]


class Crossing(SpokenChoices):
    """Which line; its label is what the summary, the weekly mail and the filter call it."""

    AT_RISK = "at_risk", _("Became at risk")
    RECOVERED = "recovered", _("Recovered")
    MISSING = "missing", _("Newly missing from customers.csv")


def crossed(snapshots: SnapshotQuerySet, since: date, crossing: Crossing) -> SnapshotQuerySet:
    """Return those of a date's snapshots who crossed the line since an earlier date; nothing is known of a new one."""
    was = Exists(Snapshot.objects.filter(customer=OuterRef("customer"), date=since, status=HealthStatus.AT_RISK))
    then = timezone.make_aware(datetime.combine(since, time.max))
    return snapshots.filter(
        {
            Crossing.AT_RISK: Q(~was, status=HealthStatus.AT_RISK),
            Crossing.RECOVERED: Q(was, status__in=WELL),
            Crossing.MISSING: Q(customer__missing_since__started_at__gt=then),
        }[crossing]
    )
