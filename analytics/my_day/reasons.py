"""Why a scored date says that somebody must act on a customer, in words; ``urgency`` has the rule as SQL."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext

from analytics.forecast.bands import LIKELY, percent_of
from analytics.models import AlertRule, HealthStatus, Snapshot
from analytics.portfolio.status_change import is_worse
from analytics.scoring.health_status import InactiveReason, snapshot_inactive_reason
from analytics.urgency.by_health import DROP, GRACE_DAYS
from analytics.wording import day_in_year
from customers.text.codes import code_in_words
from customers.text.say import say
from customers.text.written import percentage

DOING_WELL = (HealthStatus.CHAMPION, HealthStatus.HEALTHY)


@dataclass(frozen=True)
class Earlier:
    """What a customer's score and status were on the date to compare with."""

    day: date
    score: int
    status: str


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
