"""What is stored of the newest scored date beside its snapshots, and what the rules say now."""

from analytics.models import PortfolioDay, ReachedMilestones, UrgentCustomer
from analytics.portfolio.comparison import comparison_day
from analytics.portfolio.milestones import reached_rows, week_of
from analytics.urgency.by_health import by_health
from analytics.urgency.stored import urgent_rows

Row = tuple[str, int, int, int]


def stored() -> list[Row]:
    """Customer, snapshot, severity and score of each stored row, in the order of the list."""
    rows = UrgentCustomer.objects.order_by("severity", "score", "snapshot")
    return list(rows.values_list("customer_id", "snapshot", "severity", "score"))


def assert_stored_as_the_rule_says() -> list[Row]:
    """What a page of the newest scored date reads is stored, and what the rules find; return the worklist."""
    newest = PortfolioDay.objects.order_by("-date").first()
    if newest is None:
        assert stored() == []
        return []
    before = comparison_day(newest.date)
    found = by_health(newest, before).values_list("customer_id", "pk", "severity", "score")
    assert stored() == list(found)
    assert list(urgent_rows(newest, before)) == stored()
    assert urgent_rows(newest, before).model is UrgentCustomer
    assert list(PortfolioDay.objects.filter(urgency_stored=True)) == [newest]
    week = week_of(newest.date)
    assert week
    milestones = ReachedMilestones.objects.values_list("customer_id", "reached")
    assert dict(milestones) == dict(reached_rows(week).values_list("customer_id", "reached"))
    assert list(PortfolioDay.objects.filter(milestones_stored=True)) == [newest]
    return stored()
