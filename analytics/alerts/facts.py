"""The facts that a rule asks for, by set-based queries: of those customers whom it concerns, or who have its alert."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Exists, F, FilteredRelation, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from analytics.alerts.rules import FALL_DAYS, NEWS_DAYS, Book, Facts, well_after_fall
from analytics.models import Alert, AlertRule, HealthStatus, PortfolioDay, Snapshot
from customers.models import Customer

Kind = AlertRule.Kind

_ENDED = {Customer.Status.PAUSED, Customer.Status.INACTIVE, Customer.Status.CHURNED}
_BLOCKED = Q(onboarded=False) & ~Q(blocker_type="")
_HAS_PR = Q(first_pr_generated=True) | Q(prs_generated__gt=0)
_WELL: dict[str, Q] = {
    Kind.AT_RISK: ~Q(status__in=[HealthStatus.AT_RISK, HealthStatus.INACTIVE]),
    Kind.INACTIVE: ~Q(status=HealthStatus.INACTIVE),
    Kind.BLOCKED: Q(onboarded=True) | Q(blocker_type=""),
    Kind.NO_FIRST_PR: _HAS_PR,
}
_COLUMNS = (
    "customer_id",
    "customer__signup_date",
    "customer__status",
    "score",
    "status",
    "last_active",
    "blocker_type",
    "onboarded",
    "first_pr_generated",
    "prs_generated",
    "alert__pk",
    "alert__opened_on",
    "alert__value",
    "alert__acknowledged_at",
)


def facts_of(rule: AlertRule, day: date) -> Iterator[Facts]:
    """The facts of each customer of ``day`` whom the rule may concern; three queries, however many there are."""
    well = _well(rule, day)
    rows = _candidates(rule, day).order_by("customer_id").values(*_COLUMNS, *_EXTRA.get(rule.kind, ()))
    for row in rows.iterator(chunk_size=2_000):
        yield _facts(row, well.get(row["customer_id"], 0))


def _candidates(rule: AlertRule, day: date) -> QuerySet[Snapshot]:
    of_rule = Q(customer__alerts__rule=rule, customer__alerts__closed_on=None)
    snapshots = Snapshot.objects.filter(date=day).annotate(
        alert=FilteredRelation("customer__alerts", condition=of_rule)
    )
    threshold = rule.threshold or 0
    same = Snapshot.objects.filter(customer=OuterRef("customer")).order_by()
    match rule.kind:
        case Kind.AT_RISK:
            concerned = Q(status=HealthStatus.AT_RISK)
        case Kind.INACTIVE:
            lately = same.filter(date__gte=day - timedelta(days=NEWS_DAYS), date__lt=day)
            snapshots = snapshots.annotate(was_active=Exists(lately.exclude(status=HealthStatus.INACTIVE)))
            concerned = Q(status=HealthStatus.INACTIVE)
        case Kind.FELL:
            week = same.filter(policy=OuterRef("policy"), date__gte=day - timedelta(days=FALL_DAYS), date__lt=day)
            highest = week.values("customer").annotate(highest=Max("score")).values("highest")
            snapshots = snapshots.annotate(highest=Subquery(highest))
            concerned = Q(highest__gte=F("score") + max(threshold, 1))
        case Kind.BLOCKED:
            free = same.filter(_WELL[Kind.BLOCKED], date__lt=day).order_by("-date").values("date")[:1]
            snapshots = snapshots.annotate(free=Subquery(free))
            since = same.filter(date__gt=Coalesce(OuterRef("free"), Value(date.min)), date__lte=day)
            snapshots = snapshots.annotate(since=Subquery(since.order_by("date").values("date")[:1]))
            concerned = _BLOCKED
        case _:
            concerned = ~_HAS_PR & Q(customer__signup_date__lte=day - timedelta(days=threshold))
    return snapshots.filter(concerned | Q(alert__pk__isnull=False))


_EXTRA: dict[str, tuple[str, ...]] = {
    Kind.INACTIVE: ("was_active",),
    Kind.FELL: ("highest",),
    Kind.BLOCKED: ("since", "free"),
}


def _facts(row: dict[str, Any], well: int) -> Facts:
    blocked = bool(row["blocker_type"]) and not row["onboarded"]
    since = row.get("since") if blocked else None
    status = row["customer__status"]
    book = None
    if row["alert__pk"] is not None:
        book = Book(
            row["alert__pk"], row["alert__opened_on"], row["alert__value"], row["alert__acknowledged_at"] is not None
        )
    return Facts(
        customer_id=row["customer_id"],
        signup_date=row["customer__signup_date"],
        score=row["score"],
        status=row["status"],
        contract=str(Customer.Status(status).label) if status in _ENDED else "",
        last_active=row["last_active"],
        was_active=row.get("was_active", False),
        highest=row.get("highest"),
        blocked_since=since,
        # No earlier date is scored on which the customer was free.
        blocked_longer=since is not None and row["free"] is None and row["customer__signup_date"] < since,
        blocker=row["blocker_type"],
        onboarded=row["onboarded"],
        has_pr=row["first_pr_generated"] or row["prs_generated"] > 0,
        well=well,
        open=book,
    )


def _well(rule: AlertRule, day: date) -> dict[str, int]:
    """Of each customer with an open alert of the rule: on how many of the last ``recovery`` scored dates all was well.

    A customer must have been scored on each of them.
    """
    scored = PortfolioDay.objects.filter(date__lte=day).values_list("date", flat=True)
    recent = list(scored[: rule.recovery])
    if rule.kind == Kind.FELL:
        return _well_after_falls(rule, recent)
    rows = Snapshot.objects.filter(
        _WELL[rule.kind],
        date__in=recent,
        customer__in=Alert.objects.open().filter(rule=rule).values("customer"),
    )
    return dict(rows.order_by().values_list("customer").annotate(Count("pk")))


def _well_after_falls(rule: AlertRule, recent: list[date]) -> dict[str, int]:
    histories: dict[str, dict[date, tuple[int, int]]] = defaultdict(dict)
    rows = Snapshot.objects.filter(
        customer__in=Alert.objects.open().filter(rule=rule).values("customer"),
        date__gte=min(recent) - timedelta(days=FALL_DAYS),
        date__lte=max(recent),
    )
    for customer, day, score, policy in rows.order_by().values_list("customer_id", "date", "score", "policy_id"):
        histories[customer][day] = (score, policy)
    threshold = max(rule.threshold or 0, 1)
    return {
        customer: sum(well_after_fall(scores, day, threshold) for day in recent)
        for customer, scores in histories.items()
    }
