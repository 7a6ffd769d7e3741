"""Read what a rule is judged by, of the customers whom it may concern or who have its alert."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from django.db.models import BooleanField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import Combinable

from analytics.alerts.inputs import AlertInputs, OpenAlert
from analytics.alerts.kinds import EVERYBODY, CustomerKind
from analytics.models import Alert, AlertRule, PortfolioDay, Snapshot
from customers.core.limits import FETCH_SIZE, batches

_COLUMNS = {
    "signup_date": F("customer__signup_date"),
    "contract_status": F("customer__status"),
    "inactive_days": F("policy__inactive_days"),
    "blocker": F("blocker_type"),
    "has_first_pr": F("first_pr_generated"),
}
"""The fields of ``AlertInputs`` that the snapshot has by another name, or not at all."""
_AT_ONCE = 500
"""So many customers are named in a query."""
_SNAPSHOT_COLUMNS = ("customer_id", "score", "status", "last_active", "onboarded")


def inputs_of(
    kind: CustomerKind,
    rule: AlertRule,
    day: date,
    among: Q = EVERYBODY,
    known: Mapping[str, Alert] | None = None,
    read: Mapping[str, OpenAlert] | None = None,
) -> Iterator[AlertInputs]:
    """Yield the inputs of each customer of ``day`` whom the rule may concern, by four queries in all.

    ``among`` says by ``customer`` whom alone to look at. The open alerts are ``known`` in a trial, whose contracts
    stay as they are: of those who have one, only who has recovered is of interest. They are ``read`` where the caller
    has read those ``among`` before.
    """
    scored = PortfolioDay.objects.filter(date__lte=day).values_list("date", flat=True)
    recovery_days = kind.recovery_days(rule, list(scored[: rule.recovery]), among)
    alerts = Alert.objects.open().filter(among, rule=rule)
    open_alerts: Mapping[str, Alert | OpenAlert] | None = known if known is not None else read
    if open_alerts is None:
        open_alerts = open_by_customer(alerts)
    columns = {**kind.columns(day, rule.n), "is_cooling": _is_cooling(rule, day)}
    snapshots = Snapshot.objects.filter(among, date=day).annotate(**columns).order_by("customer_id")
    concerned, opened = kind.concerns(day, rule.n), alerts.order_by()
    if known is None:
        candidates = [concerned | Q(customer__in=opened.values("customer"))]
    else:
        recovered = [customer for customer, days in recovery_days.items() if days >= rule.recovery]
        raised = concerned & ~Exists(opened.filter(customer=OuterRef("customer")))
        candidates = [Q(raised), *(Q(customer__in=some) for some in batches(recovered, _AT_ONCE))]
    for which in candidates:
        rows = snapshots.filter(which).values(*_SNAPSHOT_COLUMNS, *columns, **_COLUMNS)
        for row in rows.iterator(chunk_size=FETCH_SIZE):
            customer = row["customer_id"]
            recovery = recovery_days.get(customer, 0)
            yield AlertInputs(day=day, open=open_alerts.get(customer), recovery_days=recovery, **row)


def open_by_customer(alerts: QuerySet[Alert]) -> Mapping[str, OpenAlert]:
    """Return open alerts of one rule by customer."""
    rows = alerts.order_by().values_list("customer", *OpenAlert._fields)
    return {customer: OpenAlert(*row) for customer, *row in rows.iterator(chunk_size=FETCH_SIZE)}


def _is_cooling(rule: AlertRule, day: date) -> Combinable:
    """Return whether an alert of the rule and customer was resolved in the days of the cooldown before ``day``."""
    if not rule.cooldown:
        return Value(False, output_field=BooleanField())
    since = day - timedelta(days=rule.cooldown)
    of_customer = Alert.objects.filter(rule=rule, customer=OuterRef("customer"), closed_on__gt=since)
    return Exists(of_customer.filter(ending__in=[Alert.Ending.RECOVERED, Alert.Ending.ENDED]))
