"""What a rule is judged by, read in sets: of the customers whom it may concern, or who have its alert."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.db.models import FilteredRelation, Q

from analytics.alerts.inputs import AlertInputs, OpenAlert
from analytics.alerts.kinds import CUSTOMER_KINDS
from analytics.models import AlertRule, PortfolioDay, Snapshot
from analytics.scoring.health_status import active_from
from customers.core.limits import FETCH_SIZE
from customers.models import Customer

_COLUMNS = (
    "customer_id",
    "customer__signup_date",
    "customer__status",
    "score",
    "status",
    "last_active",
    "policy__inactive_days",
    "blocker_type",
    "onboarded",
    "first_pr_generated",
    "alert__pk",
    "alert__opened_on",
    "alert__value",
    "alert__acknowledged_at",
)


def inputs_of(rule: AlertRule, day: date) -> Iterator[AlertInputs]:
    """Yield the inputs of each customer of ``day`` whom the rule may concern, by three queries in all."""
    kind = CUSTOMER_KINDS[rule.kind]
    scored = PortfolioDay.objects.filter(date__lte=day).values_list("date", flat=True)
    recovery_days = kind.recovery_days(rule, list(scored[: rule.recovery]))
    of_rule = Q(customer__alerts__rule=rule, customer__alerts__closed_on=None)
    columns = kind.columns(day, rule.n)
    candidates = (
        Snapshot.objects.filter(date=day)
        .annotate(alert=FilteredRelation("customer__alerts", condition=of_rule))
        .annotate(is_blocked=Snapshot.BLOCKED, **columns)
        .filter(kind.concerns(day, rule.n) | Q(alert__pk__isnull=False))
    )
    rows = candidates.order_by("customer_id").values(*_COLUMNS, "is_blocked", *columns)
    for row in rows.iterator(chunk_size=FETCH_SIZE):
        since = row.get("since") if row["is_blocked"] else None
        yield AlertInputs(
            day=day,
            customer_id=row["customer_id"],
            signup_date=row["customer__signup_date"],
            score=row["score"],
            status=row["status"],
            ended_contract_status=_ended_contract_status(row["customer__status"]),
            last_active=row["last_active"],
            was_not_inactive=row.get("was_not_inactive", False),
            active_from=active_from(day, row["policy__inactive_days"]),
            highest=row.get("highest"),
            blocked_since=since,
            # Blocked on every earlier scored date.
            blocked_longer=since is not None and row["free"] is None and row["customer__signup_date"] < since,
            blocker=row["blocker_type"],
            onboarded=row["onboarded"],
            has_first_pr=row["first_pr_generated"],
            recovery_days=recovery_days.get(row["customer_id"], 0),
            open=_open_alert(row),
        )


def _ended_contract_status(status: str) -> str:
    return str(Customer.Status(status).label) if status in Customer.Status.over() else ""


def _open_alert(row: Mapping[str, Any]) -> OpenAlert | None:  # A row of ``values()``, of which Django knows no types.
    if row["alert__pk"] is None:
        return None
    acknowledged = row["alert__acknowledged_at"] is not None
    return OpenAlert(row["alert__pk"], row["alert__opened_on"], row["alert__value"], acknowledged)
