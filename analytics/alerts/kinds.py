"""Each kind of alert, declared once: whom it may concern, when it is raised, grows worse and closes.

A new kind is a choice of ``AlertRule.Kind``, a class here with its entry in ``CUSTOMER_KINDS`` or ``FEED_KINDS``,
and a migration that adds its rule. By these declarations ``candidates`` asks the database, ``rules`` decides what
becomes of an alert, and ``evaluate`` stores it.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from enum import Enum
from typing import ClassVar

from django.db.models import Case, Count, Exists, Max, OuterRef, Q, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from analytics.alerts import words
from analytics.alerts.inputs import NEWS_DAYS, AlertInputs
from analytics.forecast.bands import LIKELY, shown_percent
from analytics.models import (
    Alert,
    AlertRule,
    Forecast,
    ForecastDay,
    ForecastTarget,
    HealthStatus,
    Snapshot,
    SnapshotQuerySet,
    WebhookEndpoint,
)
from analytics.nights.feed_health import FeedHealth, FeedProblem, quarantined
from analytics.scoring.health_status import InactiveReason
from analytics.wording import at_risk_with, blocked_for, no_first_pr, silent_since, silent_since_signup
from customers.text.sentences import Said

FALL_DAYS = 7
WORSE_POINTS = 5
WORSE_TIMES = 2
WORSE_PERCENT = 20
EVERYBODY = Q()
"""Where nobody says whom alone to look at."""


class Follows(Enum):
    """What of a date's scores decides whether an alert of a kind is raised or closed.

    ``SCORES`` are compared with earlier ones by the same policy: a new policy has none, so that it raises nothing.
    """

    NOTHING = "nothing"
    STATUS = "status"
    SCORES = "scores"
    SEGMENT = "segment"


class AlertKind:
    """What all kinds say; ``needs_engagement`` where a lack of engagement data would raise or close it falsely."""

    needs_engagement = False

    def is_worse(self, before: int | None, now: int | None) -> bool:
        """Return whether a value is so much worse than the one last told that it is told again."""
        return before is not None and now is not None and self._is_worse(before, now)

    def _is_worse(self, before: int, now: int) -> bool:
        return now >= max(before, 1) * WORSE_TIMES


class CustomerKind(AlertKind, ABC):
    """A kind of alert on customers, judged by the newest scored date; ``n`` is the rule's N, at least 1.

    A date is a recovery day of a customer where its snapshot is ``recovered``.
    """

    needs_engagement = True
    follows: ClassVar[Follows]
    recovered = Q()
    while_contract_over = False
    """Whether it is raised, and stays, though the customer's contract is over."""
    tells_score = False
    """Whether the value that would grow worse is the score."""

    def columns(self, day: date, n: int) -> dict[str, Combinable]:
        """Return the expressions for those fields of ``AlertInputs`` that only this kind needs."""
        return {}

    @abstractmethod
    def concerns(self, day: date, n: int) -> Q:
        """Return which snapshots of ``day`` may meet the condition."""

    @abstractmethod
    def is_met(self, inputs: AlertInputs, n: int) -> bool:
        """Return whether the condition is met."""

    @abstractmethod
    def value(self, inputs: AlertInputs) -> int | None:
        """Return the value that would grow worse."""

    @abstractmethod
    def says(self, inputs: AlertInputs) -> Said:
        """Return what the alert says."""

    def says_when_over(self, inputs: AlertInputs) -> Said:
        """Return how the alert ended."""
        return words.status_with_score.of(status=inputs.status, score=inputs.score)

    def recovery_days(self, rule: AlertRule, recent: Sequence[date], among: Q = EVERYBODY) -> dict[str, int]:
        """Count the recovery days of the ``recent`` dates, for each customer ``among`` those with an open alert."""
        return self.count(of_open_alerts(rule, among).filter(self.recovered, date__in=recent))

    @staticmethod
    def count(snapshots: SnapshotQuerySet) -> dict[str, int]:
        """Count snapshots by customer."""
        return dict(snapshots.order_by().values_list("customer").annotate(Count("pk")))


class AtRisk(CustomerKind):
    """The status is At risk; closed with Needs attention or better, worse with 5 points less than last told."""

    follows = Follows.STATUS
    recovered = ~Q(status__in=[HealthStatus.AT_RISK, HealthStatus.INACTIVE])
    tells_score = True

    def concerns(self, day: date, n: int) -> Q:
        return Q(status=HealthStatus.AT_RISK)

    def is_met(self, inputs: AlertInputs, n: int) -> bool:
        return inputs.status == HealthStatus.AT_RISK

    def value(self, inputs: AlertInputs) -> int | None:
        return inputs.score

    def says(self, inputs: AlertInputs) -> Said:
        return at_risk_with.of(score=inputs.score)

    def _is_worse(self, before: int, now: int) -> bool:
        return now <= before - WORSE_POINTS


class Inactive(CustomerKind):
    """The status is Inactive; closed with any other status, worse after twice the days.

    That a contract is over is news in the 14 days after the last date on which the customer was not Inactive.
    """

    follows = Follows.STATUS
    recovered = ~Q(status=HealthStatus.INACTIVE)
    while_contract_over = True

    def columns(self, day: date, n: int) -> dict[str, Combinable]:
        lately = _same_customer().filter(date__gte=day - timedelta(days=NEWS_DAYS), date__lt=day)
        return {"was_not_inactive": Exists(lately.exclude(status=HealthStatus.INACTIVE))}

    def concerns(self, day: date, n: int) -> Q:
        return Q(status=HealthStatus.INACTIVE)

    def is_met(self, inputs: AlertInputs, n: int) -> bool:
        return inputs.status == HealthStatus.INACTIVE

    def value(self, inputs: AlertInputs) -> int | None:
        if inputs.inactive_reason == InactiveReason.CONTRACT:
            return None
        return (inputs.day - (inputs.last_active or inputs.signup_date)).days

    def says(self, inputs: AlertInputs) -> Said:
        if inputs.inactive_reason == InactiveReason.CONTRACT:
            status = inputs.ended_contract
            return words.account_status.of(status=status) if status else words.inactive_by_account.of()
        if inputs.last_active is None:
            return silent_since_signup.of(days=inputs.days_since_signup)
        return silent_since.of(days=(inputs.day - inputs.last_active).days, last_active=inputs.last_active)

    def says_when_over(self, inputs: AlertInputs) -> Said:
        if inputs.last_active is None:
            return super().says_when_over(inputs)
        return words.active_again.of(day=inputs.last_active, status=inputs.status)


class Fell(CustomerKind):
    """The score is N or more below its highest of the 7 days before. Closed with less, worse with 5 points more."""

    follows = Follows.SCORES

    def columns(self, day: date, n: int) -> dict[str, Combinable]:
        return {"highest": Subquery(_week_before(day).values("customer").annotate(most=Max("score")).values("most"))}

    def concerns(self, day: date, n: int) -> Q:
        return Q(Exists(_week_before(day).filter(score__gte=OuterRef("score") + n)))

    def is_met(self, inputs: AlertInputs, n: int) -> bool:
        return inputs.fall >= n

    def value(self, inputs: AlertInputs) -> int | None:
        return inputs.fall

    def says(self, inputs: AlertInputs) -> Said:
        return words.score_fell.of(points=inputs.fall, highest=inputs.highest or 0, score=inputs.score)

    def says_when_over(self, inputs: AlertInputs) -> Said:
        return words.no_longer_falling.of(score=inputs.score)

    def recovery_days(self, rule: AlertRule, recent: Sequence[date], among: Q = EVERYBODY) -> dict[str, int]:
        histories: dict[str, dict[date, tuple[int, int]]] = defaultdict(dict)
        days = (min(recent) - timedelta(days=FALL_DAYS), max(recent))
        rows = of_open_alerts(rule, among).filter(date__range=days).order_by()
        for customer, day, score, policy in rows.values_list("customer_id", "date", "score", "policy_id"):
            histories[customer][day] = (score, policy)
        return {
            customer: sum(recovered_from_fall(scores, day, rule.n) for day in recent)
            for customer, scores in histories.items()
        }

    def _is_worse(self, before: int, now: int) -> bool:
        return now >= before + WORSE_POINTS


class Blocked(CustomerKind):
    """Blocked on all scored dates of N days or more. Closed when not blocked or onboarded, worse after twice the days.

    The block counts from the first scored date after the last one on which the customer was not blocked.
    """

    needs_engagement = False
    follows = Follows.NOTHING
    recovered = ~Snapshot.BLOCKED

    def columns(self, day: date, n: int) -> dict[str, Combinable]:
        unblocked = _same_customer().filter(self.recovered, date__lt=day).order_by("-date").values("date")[:1]
        after = _same_customer().filter(date__gt=Coalesce(OuterRef("last_unblocked"), Value(date.min)), date__lte=day)
        first = Subquery(after.order_by("date").values("date")[:1])
        return {"last_unblocked": Subquery(unblocked), "blocked_since": Case(When(Snapshot.BLOCKED, then=first))}

    def concerns(self, day: date, n: int) -> Q:
        return Snapshot.BLOCKED

    def is_met(self, inputs: AlertInputs, n: int) -> bool:
        return inputs.blocked_since is not None and inputs.days_blocked >= n

    def value(self, inputs: AlertInputs) -> int | None:
        return inputs.days_blocked

    def says(self, inputs: AlertInputs) -> Said:
        longer = inputs.may_be_blocked_longer
        return blocked_for.of(days=inputs.days_blocked, blocker=inputs.blocker, at_least=longer)

    def says_when_over(self, inputs: AlertInputs) -> Said:
        return words.no_longer_blocked.of(onboarded=inputs.onboarded)


class NoFirstPr(CustomerKind):
    """The step First PR is not done N days after signup, or later; worse after twice the days."""

    follows = Follows.NOTHING
    recovered = ~Snapshot.NO_FIRST_PR

    def concerns(self, day: date, n: int) -> Q:
        return Snapshot.NO_FIRST_PR & Q(customer__signup_date__lte=day - timedelta(days=n))

    def is_met(self, inputs: AlertInputs, n: int) -> bool:
        return not inputs.has_first_pr and inputs.days_since_signup >= n

    def value(self, inputs: AlertInputs) -> int | None:
        return inputs.days_since_signup

    def says(self, inputs: AlertInputs) -> Said:
        return no_first_pr.of(days=inputs.days_since_signup)

    def says_when_over(self, inputs: AlertInputs) -> Said:
        return words.first_pr_generated.of()


class LikelyQuiet(CustomerKind):
    """The forecast says likely to go quiet; closed when it no longer does, worse with 20 percent more.

    A date without any forecast is no recovery day. On one with forecasts, who has none is quiet already.
    """

    follows = Follows.NOTHING

    def columns(self, day: date, n: int) -> dict[str, Combinable]:
        of_customer = Forecast.objects.filter(customer=OuterRef("customer"), date=day)
        return {"quiet": Subquery(of_customer.values("quiet"))}

    def concerns(self, day: date, n: int) -> Q:
        return Q(quiet__gte=LIKELY.start)

    def is_met(self, inputs: AlertInputs, n: int) -> bool:
        return inputs.quiet is not None and inputs.quiet in LIKELY

    def value(self, inputs: AlertInputs) -> int | None:
        return shown_percent(inputs.quiet)

    def says(self, inputs: AlertInputs) -> Said:
        return words.likely_to_go_quiet.of(percent=self.value(inputs) or 0)

    def says_when_over(self, inputs: AlertInputs) -> Said:
        return (
            words.no_longer_forecast.of()
            if inputs.quiet is None
            else words.forecast_of_quiet.of(thousandths=inputs.quiet)
        )

    def recovery_days(self, rule: AlertRule, recent: Sequence[date], among: Q = EVERYBODY) -> dict[str, int]:
        forecast = ForecastDay.objects.filter(target=ForecastTarget.QUIET, model__isnull=False, date__in=recent)
        of_customer = Forecast.objects.filter(customer=OuterRef("customer"), date=OuterRef("date"))
        likely = Exists(of_customer.filter(quiet__gte=LIKELY.start))
        return self.count(of_open_alerts(rule, among).filter(~likely, date__in=forecast.values("date")))

    def _is_worse(self, before: int, now: int) -> bool:
        return now >= before + WORSE_PERCENT


class FeedKind(AlertKind):
    """A kind of alert on feeds and nights, judged today whatever is scored. It closes once nothing is wrong."""

    def problems(self, rule: AlertRule, health: FeedHealth) -> dict[str, FeedProblem]:
        """Return what is wrong with which feed."""
        return health.problems

    def says_when_over(self, rule: AlertRule, feed: str) -> Said:
        """Return how the alert ended."""
        return words.back_to_normal.of(is_feed=bool(feed))


class Quarantined(FeedKind):
    """N or more rows of a feed are in quarantine; closed with fewer, worse with twice the rows."""

    def problems(self, rule: AlertRule, health: FeedHealth) -> dict[str, FeedProblem]:
        return quarantined(rule.n)

    def says_when_over(self, rule: AlertRule, feed: str) -> Said:
        return words.few_in_quarantine.of(limit=rule.n)


class Webhooks(FeedKind):
    """Webhooks were turned off because of their receivers; closed once none is, worse with twice as many."""

    def problems(self, rule: AlertRule, health: FeedHealth) -> dict[str, FeedProblem]:
        off = WebhookEndpoint.objects.given_up().values_list("name", "off_because")
        each = tuple(words.webhook_off.of(name=name, because=because) for name, because in off)
        return {"": FeedProblem("", words.webhooks_off.of(each=each), len(each))} if each else {}

    def says_when_over(self, rule: AlertRule, feed: str) -> Said:
        return words.no_webhook_off.of()


class Vanished(AlertKind):
    """N or more customers vanished from the feed: raised once by each file that lacks them, as ``vanished`` says."""


CUSTOMER_KINDS: dict[str, CustomerKind] = {
    AlertRule.Kind.AT_RISK: AtRisk(),
    AlertRule.Kind.INACTIVE: Inactive(),
    AlertRule.Kind.FELL: Fell(),
    AlertRule.Kind.BLOCKED: Blocked(),
    AlertRule.Kind.NO_FIRST_PR: NoFirstPr(),
    AlertRule.Kind.LIKELY_QUIET: LikelyQuiet(),
}
FEED_KINDS: dict[str, FeedKind] = {
    AlertRule.Kind.FEED: FeedKind(),
    AlertRule.Kind.QUARANTINED: Quarantined(),
    AlertRule.Kind.WEBHOOK: Webhooks(),
}
KINDS: dict[str, AlertKind] = {**CUSTOMER_KINDS, **FEED_KINDS, AlertRule.Kind.VANISHED: Vanished()}


def recovered_from_fall(scores: dict[date, tuple[int, int]], day: date, n: int) -> bool:
    """Return whether ``day`` is a recovery day of a fall by ``n``; ``scores`` are score and policy by scored date."""
    if day not in scores:
        return False
    (score, policy), first = scores[day], day - timedelta(days=FALL_DAYS)
    before = (one[0] for on, one in scores.items() if first <= on < day and one[1] == policy)
    return max(before, default=score) - score < n


def _same_customer() -> SnapshotQuerySet:
    return Snapshot.objects.filter(customer=OuterRef("customer")).order_by()


def _week_before(day: date) -> SnapshotQuerySet:
    return _same_customer().filter(policy=OuterRef("policy"), date__gte=day - timedelta(days=FALL_DAYS), date__lt=day)


def of_open_alerts(rule: AlertRule, among: Q = EVERYBODY) -> SnapshotQuerySet:
    """Return the snapshots of the customers ``among`` those who have an open alert of the rule."""
    return Snapshot.objects.filter(among, customer__in=Alert.objects.open().filter(rule=rule).values("customer"))
