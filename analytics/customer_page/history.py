"""One customer's snapshots up to a date: the chart of the score, the comparison date, and the block.

It has one of the page's charts, as ``activity`` has another: ``views`` gathers them, and the page's templates show
them by the tag ``chart``.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext

from analytics.display.charts import Chart, Series
from analytics.models import ForecastTarget, Snapshot, SnapshotQuerySet
from analytics.portfolio.charts import policy_marks
from customers.models import Customer
from customers.text import written
from customers.text.say import say

HISTORY_DAYS = 90


def recent_snapshots(customer: Customer, day: date) -> list[Snapshot]:
    """Return the snapshots of the 90 days up to ``day``, oldest first, with their forecasts; one query."""
    since = day - timedelta(days=HISTORY_DAYS - 1)
    found = Snapshot.objects.filter(customer=customer, date__range=(since, day)).order_by("date")
    snapshots = list(with_features(found).select_related("policy"))
    for snapshot in snapshots:
        snapshot.customer = customer
    return snapshots


def with_features(snapshots: SnapshotQuerySet) -> SnapshotQuerySet:
    """Return each with its date's forecasts and what these were made of, as ``forecasts`` needs it."""
    features = {f"{target}_features": F(f"forecast__{target}_features") for target in ForecastTarget}
    return snapshots.with_forecasts(of_over=False).annotate(**features)


def score_chart(snapshots: Sequence[Snapshot]) -> Chart:
    """Return the score on each scored date, which leads to the page as of then, with the policy changes marked."""
    page = reverse("analytics:customer", args=[snapshots[0].customer_id])
    labels = [written.day(snapshot.date) for snapshot in snapshots]
    return Chart(
        "score-history",
        say("Health score, {first} to {last}", first=labels[0], last=labels[-1]),
        "line",
        labels,
        [Series(gettext("Score"), [snapshot.score for snapshot in snapshots])],
        marks=policy_marks([one.policy for one in snapshots], labels),
        addresses=[f"{page}?as_of={snapshot.date}" for snapshot in snapshots],
        definition=gettext("The score on each scored date, by the policy of that date."),
    )


def may_be_blocked_longer(customer: Customer, snapshots: Sequence[Snapshot]) -> bool:
    """Return whether the block begins where the known history does, and the customer was there before."""
    return first_blocked(snapshots) is snapshots[0] and customer.signup_date < snapshots[0].date


def first_blocked(snapshots: Sequence[Snapshot]) -> Snapshot | None:
    """Return the first of the unbroken row of snapshots that have the newest one's blocker; None where it has none."""
    first = None
    for snapshot in reversed(snapshots):
        if not snapshot.blocked or snapshot.blocker_type != snapshots[-1].blocker_type:
            break
        first = snapshot
    return first
