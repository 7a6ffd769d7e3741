"""What the conditions of the recommendation rules mean: of one snapshot, in SQL, and in words.

Each condition is declared once, its three parts side by side; a test compares the first two on random snapshots.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Q
from django.utils.translation import gettext

from analytics.models import Condition, HealthStatus, RecommendationRule, Snapshot, Trend
from analytics.scoring.health_status import InactiveReason, snapshot_inactive_reason
from analytics.wording import no_first_pr, silent_since_signup
from customers.text.codes import code_in_words
from customers.text.say import say, say_n

ABOUT_PERMISSIONS = "[Gg][Ii][Tt][Hh][Uu][Bb]|[Pp][Ee][Rr][Mm][Ii][Ss][Ss][Ii][Oo][Nn]"
"""Spelled out, because databases differ in what is the same letter in another case."""
NEED_CUSTOMER = frozenset({Condition.INACTIVE, Condition.SILENT, Condition.NO_FIRST_PR})
"""The conditions that look at the customer's own row as well."""


@dataclass(frozen=True)
class ConditionSpec:
    """A condition: whether a snapshot meets it, which snapshots of a date do in SQL, and the reason in words.

    Each takes the rule's N, 0 where the condition has none. The reason is that of a snapshot that meets it.
    """

    matches: Callable[[Snapshot, int], bool]
    where: Callable[[date, int], Q]
    reason: Callable[[Snapshot, int], str]


def matching_reason(snapshot: Snapshot, rule: RecommendationRule) -> str | None:
    """Return the reason for which a rule matches the snapshot; None where it does not match."""
    spec, n = CONDITIONS[Condition(rule.condition)], rule.threshold or 0
    return spec.reason(snapshot, n) if spec.matches(snapshot, n) else None


def count_matches(rules: Iterable[RecommendationRule], day: date | None) -> list[int]:
    """Count the customers of a scored date that each rule matches, in the rules' order; one query for all rules."""
    rules = list(rules)
    if day is None or not rules:
        return [0 for _rule in rules]
    wheres = [CONDITIONS[Condition(rule.condition)].where(day, rule.threshold or 0) for rule in rules]
    counts = {f"rule_{index}": Count("pk", filter=where) for index, where in enumerate(wheres)}
    found = Snapshot.objects.filter(date=day).order_by().aggregate(**counts)
    return [found[name] for name in counts]


def _days_before(day: date, days: int) -> date:
    """``days`` before a date, or the first date there is."""
    return date.fromordinal(max(day.toordinal() - days, 1))


def _status(status: HealthStatus) -> ConditionSpec:
    return ConditionSpec(
        matches=lambda snapshot, n: snapshot.status == status,
        where=lambda day, n: Q(status=status),
        reason=lambda snapshot, n: say("{status}, score {score}", status=status.label, score=snapshot.score),
    )


def _blocker(snapshot: Snapshot, n: int) -> str:
    return say("Blocked: {blocker}", blocker=code_in_words(snapshot.blocker_type))


def _issues(snapshot: Snapshot, n: int) -> str:
    return say_n(
        "{number} issue tagged, but no PR generated",
        "{number} issues tagged, but no PR generated",
        snapshot.issues_tagged,
    )


def _away(snapshot: Snapshot, n: int) -> str:
    if snapshot_inactive_reason(snapshot) == InactiveReason.CONTRACT:
        return gettext("Account is paused or has ended")
    days = snapshot.days_since_active
    return gettext("No activity yet") if days is None else _inactive_for(days)


def _inactive_for(days: int) -> str:
    return say_n("No activity for {number} day", "No activity for {number} days", days)


def _silent_since(snapshot: Snapshot) -> date:
    return snapshot.last_active or snapshot.customer.signup_date


def _silent(snapshot: Snapshot, n: int) -> str:
    days = (snapshot.date - _silent_since(snapshot)).days
    if snapshot.last_active:
        return _inactive_for(days)
    return silent_since_signup(days=days)


def _no_first_pr(snapshot: Snapshot, n: int) -> str:
    return no_first_pr(days=(snapshot.date - snapshot.customer.signup_date).days)


CONDITIONS = {
    Condition.BLOCKED_ON_PERMISSIONS: ConditionSpec(
        matches=lambda snapshot, n: snapshot.blocked and bool(re.search(ABOUT_PERMISSIONS, snapshot.blocker_type)),
        where=lambda day, n: Snapshot.BLOCKED & Q(blocker_type__regex=ABOUT_PERMISSIONS),
        reason=_blocker,
    ),
    Condition.BLOCKED: ConditionSpec(
        matches=lambda snapshot, n: snapshot.blocked,
        where=lambda day, n: Snapshot.BLOCKED,
        reason=_blocker,
    ),
    Condition.ISSUES_WITHOUT_PR: ConditionSpec(
        matches=lambda snapshot, n: snapshot.issues_tagged > 0 and not snapshot.prs_generated,
        where=lambda day, n: Q(issues_tagged__gt=0, prs_generated=0),
        reason=_issues,
    ),
    Condition.AT_RISK: _status(HealthStatus.AT_RISK),
    Condition.NEEDS_ATTENTION: _status(HealthStatus.NEEDS_ATTENTION),
    Condition.HEALTHY: _status(HealthStatus.HEALTHY),
    Condition.CHAMPION: _status(HealthStatus.CHAMPION),
    Condition.INACTIVE: ConditionSpec(
        matches=lambda snapshot, n: snapshot.status == HealthStatus.INACTIVE,
        where=lambda day, n: Q(status=HealthStatus.INACTIVE),
        reason=_away,
    ),
    Condition.DECLINING: ConditionSpec(
        matches=lambda snapshot, n: snapshot.trend == Trend.DECLINING,
        where=lambda day, n: Q(trend=Trend.DECLINING),
        reason=lambda snapshot, n: say("Activity is declining, score {score}", score=snapshot.score),
    ),
    Condition.SCORE_BELOW: ConditionSpec(
        matches=lambda snapshot, n: snapshot.score < n,
        where=lambda day, n: Q(score__lt=n),
        reason=lambda snapshot, n: say("Score {score}, below {limit}", score=snapshot.score, limit=str(n)),
    ),
    # Who was never active is silent since signup.
    Condition.SILENT: ConditionSpec(
        matches=lambda snapshot, n: snapshot.date - _silent_since(snapshot) >= timedelta(days=min(n, 10_000_000)),
        where=lambda day, n: (
            Q(last_active__lte=_days_before(day, n))
            | Q(last_active=None, customer__signup_date__lte=_days_before(day, n))
        ),
        reason=_silent,
    ),
    Condition.NO_FIRST_PR: ConditionSpec(
        matches=lambda snapshot, n: (
            not snapshot.first_pr_generated
            and snapshot.date - snapshot.customer.signup_date >= timedelta(days=min(n, 10_000_000))
        ),
        where=lambda day, n: Snapshot.NO_FIRST_PR & Q(customer__signup_date__lte=_days_before(day, n)),
        reason=_no_first_pr,
    ),
}
