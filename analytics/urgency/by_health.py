"""Who is on the worklist by the health on a scored date, as SQL: at risk, dropped, blocked, or likely to go quiet."""

from datetime import date, timedelta
from enum import IntEnum

from django.db.models import Case, F, FilteredRelation, Q, SmallIntegerField, Value, When

from analytics.forecast.bands import LIKELY
from analytics.models import Forecast, HealthStatus, PortfolioDay, Snapshot, SnapshotQuerySet
from analytics.portfolio.status_change import is_worse
from customers.models import Customer

DROP = 10
"""A score that fell by as many points has dropped, whatever the status."""
GRACE_DAYS = 7
"""In its first days a customer needs somebody only when it is blocked: nothing else has had its time yet."""


class Severity(IntEnum):
    """The main reason to act on a customer; the order of the worklist, the worst first."""

    AT_RISK_BY_DROP = 0
    AT_RISK = 1
    DROPPED = 2
    BLOCKED = 3
    LIKELY_QUIET = 4
    ALERT = 5
    TASK = 6


def by_health(portfolio: PortfolioDay, before: PortfolioDay | None) -> SnapshotQuerySet:
    """Return the snapshots of a scored date that are reasons by themselves, the most urgent first.

    At risk; or *dropped*: against the date ``before`` the status is worse, or the score fell by ``DROP`` points; or
    blocked; or likely to go quiet. They come with their ``severity``.
    """
    worse = Q()
    for status in HealthStatus:
        worse |= Q(status=status, then__status__in=[was for was in HealthStatus if is_worse(was, status)])
    dropped = worse | Q(score__lte=F("then__score") - DROP)
    at_risk = Q(status=HealthStatus.AT_RISK)
    settled = Q(customer__signup_date__lte=portfolio.date - timedelta(days=GRACE_DAYS))
    quiet = _likely_quiet(portfolio.date)
    ranked = (at_risk & dropped, at_risk, dropped, Snapshot.BLOCKED, quiet)
    whens = [When(condition, then=Value(rank)) for rank, condition in enumerate(ranked)]
    # Filtered before anything else is asked of ``then``: so that there is one join, not two.
    found = beside(portfolio, before).filter(Snapshot.BLOCKED | quiet | (settled & (at_risk | dropped)))
    severity = Case(*whens, output_field=SmallIntegerField())
    return found.annotate(severity=severity).order_by("severity", "score", "pk")


def _likely_quiet(day: date) -> Q:
    """Return who is likely to go quiet by the forecast of a date; asked by itself, as few of all customers are."""
    found = Forecast.objects.filter(date=day, quiet__gte=LIKELY.start).exclude(
        customer__status__in=Customer.Status.over()
    )
    return Q(customer__in=found.order_by().values("customer"))


def beside(portfolio: PortfolioDay, before: PortfolioDay | None) -> SnapshotQuerySet:
    """Return the snapshots of a date beside those of an earlier one (a date before all there is stands for none)."""
    earlier = before.date if before else portfolio.date.min
    then = FilteredRelation("customer__snapshots", condition=Q(customer__snapshots__date=earlier))
    return Snapshot.objects.filter(date=portfolio.date).annotate(then=then)
