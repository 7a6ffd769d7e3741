"""Why a scored date says that somebody must act on a customer: at risk, dropped, blocked, or likely to go quiet."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum

from django.db.models import Case, F, FilteredRelation, Q, SmallIntegerField, Value, When
from django.utils.translation import gettext

from analytics.forecast.bands import LIKELY, percent_of
from analytics.models import AlertRule, Forecast, HealthStatus, PortfolioDay, Snapshot, SnapshotQuerySet
from analytics.portfolio.status_change import is_worse
from analytics.scoring.health_status import InactiveReason, snapshot_inactive_reason
from analytics.wording import day_in_year
from customers.models import Customer
from customers.text.codes import code_in_words
from customers.text.say import say
from customers.text.written import percentage

DROP = 10
"""A score that fell by as many points has dropped, whatever the status."""
GRACE_DAYS = 7
"""In its first days a customer needs somebody only when it is blocked: nothing else has had its time yet."""
DOING_WELL = (HealthStatus.CHAMPION, HealthStatus.HEALTHY)


class Severity(IntEnum):
    """The main reason to act on a customer; the order of the worklist, the worst first."""

    AT_RISK_BY_DROP = 0
    AT_RISK = 1
    DROPPED = 2
    BLOCKED = 3
    LIKELY_QUIET = 4
    ALERT = 5
    TASK = 6


@dataclass(frozen=True)
class Earlier:
    """What a customer's score and status were on the date to compare with."""

    day: date
    score: int
    status: str


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


def has_dropped(snapshot: Snapshot, earlier: Earlier) -> bool:
    """Return whether the customer has dropped since; the rule of ``by_health`` for one of its rows."""
    return is_worse(earlier.status, snapshot.status) or snapshot.score <= earlier.score - DROP


def reasons_by_health(snapshot: Snapshot, earlier: Earlier | None) -> Iterator[tuple[AlertRule.Kind, str]]:
    """Yield in words why to act on a customer by its snapshot, the main reason first.

    With each comes the kind of alert that says the same. ``snapshot.customer`` is known, and its forecasts. A drop is
    told first, as the news.
    """
    kind = AlertRule.Kind
    settled = (snapshot.date - snapshot.customer.signup_date).days >= GRACE_DAYS
    if settled and earlier and has_dropped(snapshot, earlier):
        of_status = {HealthStatus.AT_RISK: kind.AT_RISK, HealthStatus.INACTIVE: kind.INACTIVE}
        yield of_status.get(HealthStatus(snapshot.status), kind.FELL), drop_in_words(snapshot, earlier)
    elif settled and snapshot.status == HealthStatus.AT_RISK:
        yield kind.AT_RISK, say("At risk, score {score}", score=snapshot.score)
    if snapshot.blocked:
        yield kind.BLOCKED, say("Blocked: {blocker}", blocker=code_in_words(snapshot.blocker_type))
    if snapshot.forecast_quiet is not None and snapshot.forecast_quiet in LIKELY:
        probable = percentage(percent_of(snapshot.forecast_quiet))
        yield kind.LIKELY_QUIET, say("Likely to go quiet: {probable}", probable=probable)


def drop_in_words(snapshot: Snapshot, earlier: Earlier) -> str:
    """Return what has become worse, in words."""
    was, now = HealthStatus(earlier.status), HealthStatus(snapshot.status)
    day = day_in_year(earlier.day, snapshot.date)
    then, score = earlier.score, snapshot.score
    if was == now:
        return say("Score fell from {then} to {now} since {day}", then=then, now=score, day=day)
    if now == HealthStatus.INACTIVE:
        if snapshot_inactive_reason(snapshot) == InactiveReason.CONTRACT:
            return say("Became inactive since {day}: account paused or ended", day=day)
        if snapshot.last_active is None:
            return gettext("Became inactive (no activity yet)")
        return say("Became inactive (last active {day})", day=day_in_year(snapshot.last_active, snapshot.date))
    if score == then:
        return say(
            "Was {was} on {day}, now {now} with the same score, {score}",
            was=was.label,
            day=day,
            now=now.label,
            score=score,
        )
    return say("Was {status} on {day}: score {then}, now {now}", status=was.label, day=day, then=then, now=score)
