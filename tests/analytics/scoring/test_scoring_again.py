"""A date that is scored again, or fails, or is refused; and which policy scores it."""

from datetime import date
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings
from django.utils import timezone

from analytics.models import PortfolioDay, ScoringPolicy, Snapshot
from analytics.scoring import snapshots
from analytics.scoring.measure import measure
from analytics.scoring.score import Scoring, health
from analytics.scoring.snapshots import NotScorable, score_day
from customers.models import Customer, Onboarding
from tests.factories import make_customer, make_engagement
from tests.support.scoring import D, days_before, make_acme, rows_of

pytestmark = pytest.mark.django_db


# --- Scoring again ----------------------------------------------------------------------------------------------


def test_scoring_a_date_again_replaces_its_rows_with_the_same() -> None:
    make_acme()
    make_customer()
    score_day(days_before(1))
    score_day(D)
    first, yesterday = rows_of(D), rows_of(days_before(1))
    again = score_day(D)
    assert rows_of(D) == first
    assert rows_of(days_before(1)) == yesterday
    assert (Snapshot.objects.count(), PortfolioDay.objects.count()) == (4, 2)
    assert (again.total, again.at_risk, again.first_issue_tagged) == (2, 2, 1)


def test_scoring_a_date_again_forgets_who_is_gone() -> None:
    gone = make_customer(id="gone", signup_date=date(2025, 4, 1))
    make_acme()
    score_day(D)
    gone.delete()
    assert score_day(D).total == 1
    assert [row["customer_id"] for row in rows_of(D)] == ["c1001"]


def test_an_earlier_date_shows_what_was_known_then() -> None:
    acme = make_acme()
    make_engagement(acme, date(2025, 5, 12), prs_generated=1)
    score_day(date(2025, 5, 5))
    then = rows_of(date(2025, 5, 5))
    [row] = then
    # Two active days, three steps before the fourth on 2025-05-05 itself, one support request.
    assert (row["activity"], row["adoption"], row["support"], row["score"]) == (10, 15, 13, 38)
    assert (row["steps_done"], row["issues_tagged"], row["last_active"]) == (4, 3, date(2025, 5, 5))

    Onboarding.objects.update(account_created=False, blocker_type="")
    make_engagement(acme, date(2025, 5, 4), issues_tagged=9)
    score_day(D)
    assert rows_of(date(2025, 5, 5)) == then

    # Scored long after, it uses today's fields, and says so.
    portfolio = score_day(date(2025, 5, 5))
    [row] = rows_of(date(2025, 5, 5))
    assert (row["issues_tagged"], row["adoption"], row["blocker_type"]) == (12, 10, "")
    assert portfolio.backfilled


@pytest.mark.usefixtures("today")
@pytest.mark.parametrize(
    ("day", "engagement", "backfilled"),
    [
        (date(2025, 5, 10), date(2025, 5, 10), False),
        (date(2025, 5, 11), date(2025, 5, 10), False),
        (date(2025, 5, 9), date(2025, 5, 10), True),
        (date(2025, 5, 12), date(2025, 5, 13), False),  # data is never newer than today
        (date(2025, 5, 12), None, False),  # without engagement the data's date is today
        (date(2025, 5, 11), None, True),
    ],
)
def test_a_date_before_the_data_is_marked_as_backfilled(day: date, engagement: date | None, backfilled: bool) -> None:
    customer = make_customer()
    if engagement:
        make_engagement(customer, engagement)
    assert score_day(day).backfilled is backfilled
    assert PortfolioDay.objects.get().backfilled is backfilled


def test_a_failure_in_the_middle_leaves_the_old_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    make_acme()
    for _ in range(3):
        make_customer()
    score_day(D)
    old, portfolio = rows_of(D), PortfolioDay.objects.values().get()
    make_engagement(Customer.objects.get(pk="c1001"), D, prs_generated=1)
    results = [health(found, ScoringPolicy(), D) for found in measure(D, ScoringPolicy())]
    fails = Mock(side_effect=[*results[:2], RuntimeError("out of luck")])
    monkeypatch.setattr(Scoring, "health", fails)
    with pytest.raises(RuntimeError, match="out of luck"):
        score_day(D)
    assert rows_of(D) == old
    assert PortfolioDay.objects.values().get() == portfolio


def test_a_failure_at_the_end_leaves_the_old_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    acme = make_acme()
    score_day(D)
    old = rows_of(D)
    make_engagement(acme, D, prs_generated=1)
    monkeypatch.setattr(snapshots, "day_totals", Mock(side_effect=RuntimeError("out of luck")))
    with pytest.raises(RuntimeError, match="out of luck"):
        score_day(D)
    assert rows_of(D) == old


# --- Which dates, which policy ----------------------------------------------------------------------------------


def test_the_policy_in_force_on_the_date_scores_it() -> None:
    make_acme()
    v1 = ScoringPolicy.objects.get()
    v2 = ScoringPolicy.objects.create(
        name="v2", effective_from=date(2025, 5, 10), activity_max=20, activity_points_per_day=2, nps_max=20
    )
    assert score_day(date(2025, 5, 9)).policy == v1
    assert score_day(date(2025, 5, 10)).policy == v2
    assert score_day(date(2025, 5, 11)).policy == v2
    rows = Snapshot.objects.order_by("date").values_list("date", "policy", "activity")
    assert list(rows) == [
        (date(2025, 5, 9), v1.pk, 20),
        (date(2025, 5, 10), v2.pk, 8),
        (date(2025, 5, 11), v2.pk, 6),  # 2025-05-04 has left the window
    ]
    v3 = ScoringPolicy.objects.create(name="v3", effective_from=date(2025, 5, 10), nps_max=10)
    assert score_day(date(2025, 5, 10)).policy == v3
    [row] = rows_of(D)
    assert (row["policy_id"], row["activity"]) == (v3.pk, 20)


@pytest.mark.usefixtures("today")
def test_a_date_of_the_future_is_refused() -> None:
    make_acme()
    with pytest.raises(NotScorable, match="13 May 2025 is in the future"):
        score_day(date(2025, 5, 13))
    assert not PortfolioDay.objects.exists()
    assert score_day(date(2025, 5, 12)).total == 1


@pytest.mark.usefixtures("today")
@pytest.mark.parametrize(("zone", "today_there"), [("Pacific/Kiritimati", 13), ("Pacific/Midway", 12), ("UTC", 12)])
def test_today_is_that_of_the_time_zone(zone: str, today_there: int) -> None:
    """It is the zone of the settings; a visitor's own changes nothing."""
    with override_settings(TIME_ZONE=zone), timezone.override(ZoneInfo("Pacific/Kiritimati")):
        score_day(date(2025, 5, today_there))
        with pytest.raises(NotScorable):
            score_day(date(2025, 5, today_there + 1))


def test_a_date_before_the_first_policy_is_refused() -> None:
    assert score_day(date(2000, 1, 1)).total == 0
    with pytest.raises(NotScorable, match="No scoring policy is in force on 31 Dec 1999"):
        score_day(date(1999, 12, 31))
