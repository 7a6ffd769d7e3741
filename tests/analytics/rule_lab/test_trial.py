"""What a rule would have done: by hand on planted programs, and as it was raised night by night."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.alerts.evaluate import evaluate
from analytics.models import Alert, AlertRule, PortfolioDay, RecommendationRule, Snapshot
from analytics.rule_lab import trial
from analytics.rule_lab.trial import ShownTrial, Trial, Tried
from analytics.rule_lab.tried_rules import TriedAlertRule, TriedRecommendation
from customers.models import AuditEntry, Customer
from tests.factories import make_alert, make_customer, make_day, make_engagement, make_run, make_snapshot
from tests.support.selection import examples_of_a_push

pytestmark = pytest.mark.django_db

DAY = date(2025, 5, 10)
OLD = date(2025, 1, 1)


@pytest.fixture(autouse=True)
def today(today_is: Callable[[date], None]) -> None:
    today_is(DAY)


def on(days: int) -> date:
    return DAY + timedelta(days=days)


def score(days: int, customer: Customer, value: int, **overrides: Any) -> None:
    """A date, so many days from the newest, is scored with this of the customer."""
    if not PortfolioDay.objects.filter(date=on(days)).exists():
        make_day(date=on(days))
    status = "at_risk" if value <= 40 else "healthy"
    make_snapshot(customer, date=on(days), **{"score": value, "status": status, **overrides})


def tried_alerts(rule: AlertRule) -> Trial:
    """A rule of alerts, tried on all dates."""
    tried = TriedAlertRule.of(rule)
    assert tried
    return finished(tried)


def finished(tried: Tried) -> Trial:
    """A trial that was carried from request to request until it was over."""
    carried = ""
    while True:
        found = Trial.begun(tried, carried)
        if found.is_over:
            return found
        found.go_on(tried)
        carried = found.carried


def raised(found: Trial) -> list[int]:
    return [day.raised for day in found.days]


@pytest.fixture
def four() -> None:
    """Four customers on five dates."""
    scores = {"a": [30, 30, 90, 90, 30], "b": [30, 90, 30, 90, 90], "c": [90, 90, 90, 90, 20], "d": [90] * 5}
    for key, values in scores.items():
        customer = make_customer(pk=key, organization=key, signup_date=OLD)
        for days, value in enumerate(values, start=-4):
            score(days, customer, value)


@pytest.mark.parametrize("seconds", [0, 60])
@pytest.mark.parametrize("kind", ["custom", "at_risk"])
@pytest.mark.parametrize(
    ("recovery", "cooldown", "by_date"),
    [
        # a twice, as two dates in a row were well; b once, as one was; c once.
        (2, 0, [2, 0, 0, 0, 2]),
        # b recovers on the second date, and is raised on the third.
        (1, 0, [2, 0, 1, 0, 2]),
        # b is closed on the second date, a on the third: within 5 days neither is raised again.
        (1, 5, [2, 0, 0, 0, 1]),
        # Within 2 days of its end none is raised: a's ended two days before.
        (1, 2, [2, 0, 0, 0, 2]),
        (3, 0, [2, 0, 0, 0, 1]),
    ],
)
@pytest.mark.usefixtures("four")
def test_alerts_by_hand(
    kind: str, recovery: int, cooldown: int, by_date: list[int], seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "SECONDS_A_PART", seconds)
    query = "score_max=40" if kind == "custom" else ""
    found = tried_alerts(AlertRule(kind=kind, name="Low", query=query, recovery=recovery, cooldown=cooldown))
    assert found.dates == [on(days) for days in range(-4, 1)]
    assert raised(found) == by_date
    assert found.days[0].first == ["a", "b"]
    assert ShownTrial(found, {}).customers == 3


@pytest.mark.usefixtures("four")
def test_what_is_stored_is_neither_looked_at_nor_changed() -> None:
    rule = AlertRule.objects.get(kind="at_risk")
    make_alert(Customer.objects.get(pk="a"), opened_on=on(-4))
    make_alert(Customer.objects.get(pk="b"), opened_on=on(-9), closed_on=on(-5), ending="recovered")
    rule.cooldown = 30
    before = list(Alert.objects.order_by("pk").values()), AuditEntry.objects.count()
    assert raised(tried_alerts(rule)) == [2, 0, 0, 0, 1], "as if the rule had begun on the first date"
    assert (list(Alert.objects.order_by("pk").values()), AuditEntry.objects.count()) == before
    rule.refresh_from_db()
    assert rule.cooldown == 0


def test_first_days_ended_contracts_and_only_the_last_sixty_dates() -> None:
    make_customer(pk="new", signup_date=on(-7))
    make_customer(pk="gone", signup_date=OLD, status="churned")
    old = make_customer(pk="old", signup_date=OLD)
    for days in range(-60, 1):
        score(days, old, 30 if days == -60 else 90)
    for days in (-1, 0):
        for key in ("new", "gone"):
            score(days, Customer.objects.get(pk=key), 30)
    found = tried_alerts(AlertRule.objects.get(kind="at_risk"))
    assert (len(found.dates), found.dates[0]) == (60, on(-59))
    assert raised(found) == [0] * 59 + [1], "new, on its seventh day"
    assert found.days[-1].first == ["new"]


def test_silences_by_hand() -> None:
    """Of three on a date 30 days ago one went quiet, one came back, one was new; a fourth is of yesterday."""
    active = {"quiet": [-70, -31], "back": [-70, -31, -5], "new": [-31], "late": [-70, -2]}
    for key, days in active.items():
        customer = make_customer(pk=key, organization=key, signup_date=OLD)
        for day in days:
            make_engagement(customer, on(day), issues_tagged=1)
        score(-30, customer, 90 if key == "late" else 30)
        score(-1, customer, 30)
        score(0, customer, 30)
    found = tried_alerts(AlertRule.objects.get(kind="at_risk"))
    assert [tuple(day) for day in found.days] == [
        (3, 2, 1, ["quiet", "back", "new"]),
        (1, None, 0, ["late"]),
        (0, None, 0, []),
    ]
    shown = ShownTrial(found, {key: key.title() for key in active})
    assert (shown.raised, shown.customers, shown.on_first) == (4, 4, 3)
    assert (shown.known, shown.quiet, shown.quiet_percent, shown.open, shown.none) == (2, 1, 50, 1, 1)
    assert [(day.date, day.share, day.others) for day in shown.days] == [(on(-1), 33, 0), (on(-30), 100, 0)]


def test_a_rule_that_means_too_many_is_not_tried_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MAX_REMEMBERED", 2)
    for key in "abc":
        customer = make_customer(pk=key, signup_date=OLD)
        for days in (-2, -1, 0):
            score(days, customer, 30 if days > -2 else 90)
    found = tried_alerts(AlertRule.objects.get(kind="at_risk"))
    assert (raised(found), found.is_too_broad) == ([0, 3], True)


@pytest.mark.parametrize(
    ("rest_days", "by_date"),
    [
        (0, [1, 1, 0, 1, 1]),
        (1, [1, 0, 0, 1, 0]),
        (2, [1, 0, 0, 1, 0]),
        (3, [1, 0, 0, 0, 1]),
        (14, [1, 0, 0, 0, 0]),
    ],
)
def test_recommended_actions_by_hand(rest_days: int, by_date: list[int]) -> None:
    """At risk on all of five dates in a row but the third: it comes again so many days after it was done."""
    customer = make_customer(pk="a", signup_date=OLD)
    for days, value in enumerate([30, 30, 90, 30, 30], start=-4):
        score(days, customer, value)
    rule = RecommendationRule(condition="at_risk", rest_days=rest_days)
    assert raised(finished(TriedRecommendation(rule))) == by_date


# --- As it was raised night by night ------------------------------------------------------------------------------

STATES = st.tuples(st.sampled_from([20, 35, 41, 60, 75]), st.booleans(), st.sampled_from(["", "sso"]))


@settings(
    max_examples=examples_of_a_push(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    customers=st.lists(
        st.tuples(
            st.lists(STATES, min_size=6, max_size=6),
            st.sampled_from([4, 8, 60]),
            st.sampled_from(["active", "active", "churned"]),
        ),
        min_size=1,
        max_size=4,
    ),
    recovery=st.integers(1, 3),
    cooldown=st.sampled_from([0, 1, 3]),
    gap=st.integers(1, 2),
)
def test_it_is_what_every_night_would_have_raised(
    customers: list[tuple[list[tuple[int, bool, str]], int, str]], recovery: int, cooldown: int, gap: int
) -> None:
    """Of all kinds of rules on customers, with random scores, steps and blockers."""
    with transaction.atomic():
        for feed in ("customers", "onboarding", "engagement"):
            make_run(feed=feed, file=f"{feed}.csv", started_at=datetime(2025, 5, 10, 2, 30, tzinfo=UTC))
        AlertRule.objects.filter(kind__in=["feed", "quarantined", "vanished", "webhook", "likely_quiet"]).delete()
        AlertRule.objects.create(kind="custom", name="Low", query="score_max=40&only=blocked")
        AlertRule.objects.update(recovery=recovery, cooldown=cooldown, active=True)
        AlertRule.objects.filter(kind__in=["fell", "blocked", "no_first_pr"]).update(threshold=5)
        made = [(make_customer(signup_date=on(-days), status=status), own) for own, days, status in customers]
        for number in range(6):
            days = gap * (number - 5)
            for customer, states in made:
                value, has_pr, blocker = states[number]
                status = "inactive" if value == 20 or customer.status == "churned" else None
                state = {
                    "first_pr_generated": has_pr,
                    "blocker_type": blocker,
                    **({"status": status} if status else {}),
                }
                score(days, customer, value, **state)
                make_engagement(customer, on(days), issues_tagged=1)
            evaluate()
        for rule in AlertRule.objects.all():
            told = Alert.objects.filter(rule=rule)
            nightly = [
                set(told.filter(opened_on=on(gap * (number - 5))).values_list("customer", flat=True))
                for number in range(6)
            ]
            found = tried_alerts(rule)
            assert [set(day.first) for day in found.days] == nightly, str(rule)
            assert raised(found) == [len(some) for some in nightly]
        transaction.set_rollback(True)


def test_a_date_takes_the_same_queries_however_many_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SECONDS_A_PART", 0)
    rules = {rule.kind: rule for rule in AlertRule.objects.all()}
    own = AlertRule(kind="custom", name="Low", query="score_max=40&fell_7=1", recovery=2)
    of_alerts = [rules[kind] for kind in ("at_risk", "inactive", "fell", "blocked", "no_first_pr", "likely_quiet")]

    def filled(names: range) -> None:
        for number in names:
            customer = make_customer(pk=f"n{number}", signup_date=OLD)
            for days, value in ((-45, 90), (-40, 30), (0, 30)):
                score(days, customer, value)

    def queries() -> list[int]:
        tried = [TriedAlertRule.of(rule) for rule in (*of_alerts, own)]
        tried.append(TriedRecommendation(RecommendationRule(condition="at_risk", rest_days=7)))
        counts = []
        for one in tried:
            assert one
            begun = Trial.begun(one, "")
            begun.go_on(one)
            with CaptureQueriesContext(connection) as captured:
                begun.go_on(one)
            assert len(begun.days) == 2
            counts.append(len(captured))
        return counts

    filled(range(2))
    few = queries()
    filled(range(2, 60))
    assert queries() == few
    assert Snapshot.objects.count() == 180
