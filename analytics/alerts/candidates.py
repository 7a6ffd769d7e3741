"""Read what a rule is judged by, of the customers whom it may concern or who have its alert."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from django.db.models import BooleanField, Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.lookups import Exact

from analytics.alerts.inputs import AlertInputs
from analytics.alerts.kinds import EVERYBODY, CustomerKind
from analytics.models import Alert, AlertRule, PortfolioDay, Snapshot
from analytics.models.alerts import AlertQuerySet
from customers.core.limits import FETCH_SIZE

_COLUMNS = {
    "signup_date": F("customer__signup_date"),
    "contract_status": F("customer__status"),
    "inactive_days": F("policy__inactive_days"),
    "blocker": F("blocker_type"),
    "has_first_pr": F("first_pr_generated"),
}
"""The fields of ``AlertInputs`` that the snapshot has by another name, or not at all."""
_SNAPSHOT_COLUMNS = ("customer_id", "score", "status", "last_active", "onboarded")


def inputs_of(
    kind: CustomerKind,
    rule: AlertRule,
    day: date,
    among: Q = EVERYBODY,
    known: Mapping[str, Alert] | None = None,
) -> Iterator[AlertInputs]:
    """Yield the inputs of each customer of ``day`` whom the rule may concern, by four queries in all.

    ``among`` says by ``customer`` whom alone to look at. The open alerts are ``known`` in a trial, whose contracts
    stay as they are: who is concerned and has one can only grow worse, and is left out.
    """
    scored = PortfolioDay.objects.filter(date__lte=day).values_list("date", flat=True)
    recovery_days = kind.recovery_days(rule, list(scored[: rule.recovery]), among)
    alerts = Alert.objects.open().filter(among, rule=rule)
    open_alerts = {alert.customer_id: alert for alert in alerts} if known is None else known
    columns = {**kind.columns(day, rule.n), "is_cooling": _is_cooling(rule, day)}
    candidates = (
        Snapshot.objects.filter(among, date=day)
        .annotate(**columns)
        .filter(_may_change(kind.concerns(day, rule.n), alerts.order_by(), both=known is None))
        .order_by("customer_id")
    )
    for row in candidates.values(*_SNAPSHOT_COLUMNS, *columns, **_COLUMNS).iterator(chunk_size=FETCH_SIZE):
        customer = row["customer_id"]
        yield AlertInputs(day=day, open=open_alerts.get(customer), recovery_days=recovery_days.get(customer, 0), **row)


def _may_change(concerned: Q, alerts: AlertQuerySet, *, both: bool) -> Q:
    """Return which snapshots are concerned or have one of the alerts; whether those that are ``both`` count, too."""
    if both:
        return concerned | Q(customer__in=alerts.values("customer"))
    # Never NULL, so that the two can be compared.
    is_concerned = Case(When(concerned, then=Value(True)), default=Value(False), output_field=BooleanField())
    return ~Q(Exact(is_concerned, Exists(alerts.filter(customer=OuterRef("customer")))))


def _is_cooling(rule: AlertRule, day: date) -> Combinable:
    """Return whether an alert of the rule and customer was resolved in the days of the cooldown before ``day``."""
    if not rule.cooldown:
        return Value(False, output_field=BooleanField())
    since = day - timedelta(days=rule.cooldown)
    of_customer = Alert.objects.filter(rule=rule, customer=OuterRef("customer"), closed_on__gt=since)
    return Exists(of_customer.filter(ending__in=[Alert.Ending.RECOVERED, Alert.Ending.ENDED]))
