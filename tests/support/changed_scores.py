"""Scores a customer on two dates, and compares them."""

from datetime import date
from typing import Any

from analytics.customer_page.what_changed import Change, what_changed
from analytics.models import ScoringPolicy, Snapshot
from analytics.scoring.snapshots import score_day
from customers.models import Customer

THEN, NOW = date(2025, 5, 3), date(2025, 5, 10)


def compare(customer: Customer, then: date = THEN, now: date = NOW) -> Change:
    """The change between two stored snapshots."""
    stored = Snapshot.objects.select_related("policy").filter(customer=customer)
    return what_changed(customer, stored.get(date=then), stored.get(date=now))


def scored(customer: Customer) -> Change:
    """Score both dates with all that is there, and compare them."""
    score_day(THEN)
    score_day(NOW)
    return compare(customer)


def make_policy(effective_from: date = NOW, **overrides: Any) -> ScoringPolicy:
    """A second policy."""
    return ScoringPolicy.objects.create(**{"name": "v2", "effective_from": effective_from, **overrides})
