"""Evaluating the rules on scored dates: what is stored, and what a second run, a backfill or a bad feed changes."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.alerts.candidates import inputs_of
from analytics.alerts.evaluate import Evaluation, evaluate
from analytics.alerts.kinds import Blocked
from analytics.models import Alert, AlertRule, PortfolioDay, ScoringPolicy, Snapshot
from analytics.receivers.undone import follow_undo
from customers.models import Customer, ImportRun, RowChange
from tests.factories import make_customer, make_day, make_engagement, make_run, make_snapshot

pytestmark = pytest.mark.django_db

DAY = date(2025, 5, 10)
FEEDS = ("customers", "onboarding", "engagement")


@pytest.fixture(autouse=True)
def today(today_is: Callable[[date], None]) -> None:
    today_is(DAY)


@pytest.fixture(autouse=True)
def feeds_loaded() -> None:
    """The three required feeds, loaded today."""
    for feed in FEEDS:
        loaded(feed)


def loaded(feed: str, **overrides: Any) -> None:
    at = {"started_at": datetime(2025, 5, 10, 2, 30, tzinfo=UTC)}
    make_run(**{"feed": feed, "file": f"{feed}.csv", **at, **overrides})


def score(day: date, customer: Customer, **overrides: Any) -> Snapshot:
    """A date is scored with this of the customer; its engagement reaches the date."""
    if not PortfolioDay.objects.filter(date=day).exists():
        make_day(date=day)
        make_engagement(customer, day, issues_tagged=1)
    Snapshot.objects.filter(date=day, customer=customer).delete()
    return make_snapshot(customer, date=day, **{"first_pr_generated": True, **overrides})


def on(days: int) -> date:
    return DAY + timedelta(days=days)


def counts(found: Evaluation) -> tuple[int, int, int]:
    return found.raised, found.worse, found.closed


def told() -> list[tuple[str, str, str]]:
    """Rule, text and end of each alert."""
    return list(Alert.objects.order_by("pk").values_list("rule__kind", "text", "ending"))


# --- Raise and close ----------------------------------------------------------------------------------------------


def test_one_alert_for_a_customer_and_rule_and_a_second_run_changes_nothing() -> None:
    customer = make_customer(signup_date=on(-30))
    score(DAY, customer, status="at_risk", score=45)
    assert counts(evaluate()) == (1, 0, 0)
    before = list(Alert.objects.values())
    assert counts(evaluate()) == (0, 0, 0)
    assert list(Alert.objects.values()) == before
    [alert] = Alert.objects.all()
    assert (alert.customer, alert.rule.kind, alert.opened_on, alert.value) == (customer, "at_risk", DAY, 45)


def test_ten_nights_about_the_threshold_raise_one_alert(today_is: Callable[[date], None]) -> None:
    customer = make_customer(signup_date=on(-30))
    found = []
    for place, points in enumerate([45, 52, 48, 51, 53, 49, 44, 55, 56, 57]):
        today_is(on(place))
        loaded("engagement")
        Alert.objects.filter(rule__kind="feed").delete()
        score(on(place), customer, score=points, status="at_risk" if points < 50 else "needs_attention")
        AlertRule.objects.exclude(kind="at_risk").update(active=False)
        found.append(counts(evaluate()))
    assert found == [(1, 0, 0), *[(0, 0, 0)] * 8, (0, 0, 1)]
    [alert] = Alert.objects.all()
    assert (alert.ending, alert.closed_on) == ("recovered", on(9))
    assert alert.ending_text == "Needs attention with a score of 57"


def test_after_it_closed_it_may_be_raised_again(today_is: Callable[[date], None]) -> None:
    AlertRule.objects.exclude(kind="at_risk").update(active=False)
    AlertRule.objects.update(recovery=1)
    customer = make_customer(signup_date=on(-30))
    for place, status in enumerate(["at_risk", "healthy", "at_risk"]):
        today_is(on(place))
        score(on(place), customer, status=status)
        evaluate()
    assert Alert.objects.count() == 2
    assert Alert.objects.open().get().opened_on == on(2)


def test_worse_is_told_once(today_is: Callable[[date], None]) -> None:
    AlertRule.objects.exclude(kind="at_risk").update(active=False)
    customer = make_customer(signup_date=on(-30))
    for place, (points, expected) in enumerate([(45, (1, 0, 0)), (40, (0, 1, 0)), (38, (0, 0, 0)), (35, (0, 1, 0))]):
        today_is(on(place))
        score(on(place), customer, status="at_risk", score=points)
        assert counts(evaluate()) == expected, points
        assert counts(evaluate()) == (0, 0, 0)
    [alert] = Alert.objects.all()
    assert (alert.text, alert.value, alert.worse_on) == ("At risk with a score of 35", 35, on(3))


def test_each_rule_from_snapshots() -> None:
    """Scored on 3 and 7 to 10 May: blocked since the 7th, 20 points lower than on the 3rd, silent, without a PR."""
    blocked, fallen, silent, without = (make_customer(signup_date=on(-40)) for _ in range(4))
    score(on(-7), fallen, score=80)
    score(on(-7), blocked)
    for days in (-3, -2, -1, 0):
        score(on(days), blocked, blocker_type="sso", status="needs_attention")
    score(DAY, fallen, score=65)
    score(DAY, silent, status="inactive", last_active=on(-14))
    score(DAY, without, first_pr_generated=False)
    assert counts(evaluate()) == (4, 0, 0)
    assert sorted(told()) == [
        ("blocked", "Blocked for 3 days: SSO", ""),
        ("fell", "Score fell by 15 points in 7 days, from 80 to 65", ""),
        ("inactive", "No activity for 14 days, since 26 Apr 2025", ""),
        ("no_first_pr", "No first PR 40 days after signup", ""),
    ]


@pytest.mark.parametrize(("signup", "words"), [(-40, "at least 3 days"), (-3, "3 days")])
def test_a_block_from_the_first_scored_date_on_may_be_longer(signup: int, words: str) -> None:
    AlertRule.objects.filter(kind="blocked").update(threshold=0)
    customer = make_customer(signup_date=on(signup))
    for days in (-3, 0):
        score(on(days), customer, blocker_type="sso", status="needs_attention")
    inputs = next(iter(inputs_of(Blocked(), AlertRule.objects.get(kind="blocked"), DAY)))
    assert (Blocked().value(inputs), str(Blocked().says(inputs))) == (3, f"Blocked for {words}: SSO")


def test_a_block_that_was_lifted_between_begins_anew() -> None:
    customer = make_customer(signup_date=on(-40))
    for days, blocker in ((-5, "sso"), (-4, "sso"), (-3, ""), (-2, "sso"), (0, "sso")):
        score(on(days), customer, blocker_type=blocker)
    assert counts(evaluate()) == (0, 0, 0)


def test_scores_of_different_policies_are_not_compared() -> None:
    customer = make_customer(signup_date=on(-40))
    score(on(-3), customer, score=90)
    score(DAY, customer, score=60)
    Snapshot.objects.filter(date=on(-3)).update(
        policy=ScoringPolicy.objects.create(name="old", effective_from="2020-01-01")
    )
    assert counts(evaluate()) == (0, 0, 0)


def test_a_fall_closes_when_the_score_stays_where_it_is(today_is: Callable[[date], None]) -> None:
    """From 80 to 60 on 10 May: 80 is within seven days until the 16th; the 17th to 19th are well."""
    AlertRule.objects.exclude(kind="fell").update(active=False)
    customer = make_customer(signup_date=on(-40))
    score(on(-1), customer, score=80)
    found = []
    for place in range(10):
        today_is(on(place))
        score(on(place), customer, score=60)
        found.append(counts(evaluate()))
    assert found == [(1, 0, 0), *[(0, 0, 0)] * 8, (0, 0, 1)]


def test_a_rule_that_is_off_raises_nothing_and_closes_what_it_raised() -> None:
    score(DAY, make_customer(signup_date=on(-30)), status="at_risk")
    evaluate()
    AlertRule.objects.filter(kind="at_risk").update(active=False)
    assert counts(evaluate()) == (0, 0, 1)
    assert Alert.objects.get().ending == "rule_off"
    assert counts(evaluate()) == (0, 0, 0)


def test_outside_a_night_the_alerts_of_feeds_stay_as_they_are() -> None:
    score(DAY, make_customer(signup_date=on(-30)), score=45, status="at_risk")
    ImportRun.objects.filter(feed="onboarding").update(started_at=datetime(2025, 5, 1, tzinfo=UTC))
    assert counts(evaluate(of_feeds=False)) == (1, 0, 0)
    assert Alert.objects.get().rule.kind == "at_risk"
    # It is late all the same, as the night says.
    evaluate()
    late = Alert.objects.get(rule__kind="feed")
    ImportRun.objects.filter(feed="onboarding").update(started_at=datetime(2025, 5, 10, tzinfo=UTC))
    assert counts(evaluate(of_feeds=False)) == (0, 0, 0)
    late.refresh_from_db()
    assert late.closed_on is None


# --- Dates that are scored again, or late -------------------------------------------------------------------------


def test_scoring_an_older_date_raises_nothing() -> None:
    customer = make_customer(signup_date=on(-30))
    score(DAY, customer)
    assert counts(evaluate()) == (0, 0, 0)
    score(on(-2), customer, status="at_risk", score=10)
    assert counts(evaluate()) == (0, 0, 0)


def test_what_an_undo_takes_from_the_newest_date_is_taken_back() -> None:
    customer = make_customer(signup_date=on(-30))
    score(DAY, customer, status="at_risk")
    evaluate()
    score(DAY, customer, status="healthy")
    assert counts(evaluate()) == (0, 0, 1)
    assert Alert.objects.get().ending == "withdrawn"


def test_a_customer_whom_an_undo_removes_takes_its_alerts_along() -> None:
    customer = make_customer(signup_date=on(-30))
    score(DAY, customer, status="at_risk")
    evaluate()
    run, undo = make_run(), make_run(deleted=1)
    RowChange.objects.create(run=undo, model="customer", key=customer.pk, before={"id": customer.pk}, after=None)
    follow_undo(run, undo)
    assert not Alert.objects.filter(customer=customer.pk).exists()


# --- Constant queries ---------------------------------------------------------------------------------------------


def test_the_queries_do_not_grow_with_the_alerts() -> None:
    def queries() -> tuple[int, int]:
        """Those that write nothing, of a first run and of a second one, which has nothing to write."""
        Alert.objects.all().delete()
        with CaptureQueriesContext(connection) as first:
            evaluate()
        with CaptureQueriesContext(connection) as second:
            evaluate()
        return sum(not one["sql"].startswith("INSERT") for one in first), len(second)

    customers = [make_customer(signup_date=on(-30)) for _ in range(10)]
    for customer in customers:
        score(DAY, customer, status="at_risk", first_pr_generated=False, blocker_type="sso")
    few = queries()
    assert Alert.objects.count() == 20
    fields = [field.attname for field in Snapshot._meta.concrete_fields if field.name not in {"id", "customer"}]
    image = {name: getattr(Snapshot.objects.first(), name) for name in fields}
    plain = Customer(email="a@b.example", organization="X", signup_date=on(-30), run_id=1, line=2)
    more = [Customer(**{**_values(plain), "id": f"n{number}"}) for number in range(490)]
    Customer.objects.bulk_create(more)
    Snapshot.objects.bulk_create(Snapshot(customer=customer, **image) for customer in more)
    assert queries() == few
    assert Alert.objects.count() == 1_000


def _values(customer: Customer) -> dict[str, Any]:
    names = ("email", "organization", "signup_date", "run_id", "line", "status")
    return {name: getattr(customer, name) for name in names}
