"""Own alert rules: raised by the filters of the customer table, closed by recovery, and never for everybody."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.alerts.evaluate import evaluate
from analytics.alerts.own_rules.kind import broken_rules
from analytics.alerts.own_rules.preview import preview
from analytics.models import Alert, AlertRule, PortfolioDay, Snapshot
from analytics.segments.segment import Segment
from customers.models import Customer, CustomerCare
from tests.factories import make_customer, make_day, make_engagement, make_run, make_snapshot, make_staff
from tests.support.selection import examples_of_a_push

pytestmark = pytest.mark.django_db

DAY = date(2025, 5, 10)
LOW = "score_max=40&status=at_risk&status=needs_attention"


@pytest.fixture(autouse=True)
def today(today_is: Callable[[date], None]) -> None:
    today_is(DAY)


@pytest.fixture(autouse=True)
def only_own_rules() -> None:
    """The three required feeds are loaded; the built-in rules are off."""
    for feed in ("customers", "onboarding", "engagement"):
        make_run(feed=feed, file=f"{feed}.csv", started_at=datetime(2025, 5, 10, 2, 30, tzinfo=UTC))
    AlertRule.objects.update(active=False)


def own(query: str = LOW, **overrides: Any) -> AlertRule:
    return AlertRule.objects.create(**{"kind": "custom", "name": "Low", "query": query, "recovery": 2, **overrides})


def on(days: int) -> date:
    return DAY + timedelta(days=days)


def score(day: date, customer: Customer, value: int, **overrides: Any) -> None:
    """A date is scored with this of the customer; its engagement reaches the date."""
    if not PortfolioDay.objects.filter(date=day).exists():
        make_day(date=day)
        make_engagement(customer, day, issues_tagged=1)
    Snapshot.objects.filter(date=day, customer=customer).delete()
    status = "at_risk" if value <= 40 else "healthy"
    make_snapshot(customer, date=day, **{"score": value, "status": status, **overrides})


def told() -> list[tuple[str, int | None, str]]:
    return list(Alert.objects.order_by("pk").values_list("text", "value", "ending_text"))


# --- What becomes of its alerts -----------------------------------------------------------------------------------


def test_it_is_raised_grows_worse_recovers_and_is_raised_again() -> None:
    acme = make_customer(organization="Acme", signup_date=date(2025, 1, 1))
    own()

    def night(days: int, value: int) -> tuple[int, int, int]:
        score(on(days - 7), acme, value)
        found = evaluate()
        return found.raised, found.worse, found.closed

    words = "Low (Status: At risk or Needs attention; Score to: 40), At risk with a score of {}"
    assert night(0, 40) == (1, 0, 0)
    assert told() == [(words.format(40), 40, "")]
    assert night(1, 36) == (0, 0, 0), "4 points less are not told again"
    assert night(2, 35) == (0, 1, 0)
    assert told() == [(words.format(35), 35, "")]
    assert night(3, 60) == (0, 0, 0), "one date of two"
    assert night(4, 40) == (0, 0, 0), "so it does not flap"
    assert night(5, 60) == (0, 0, 0)
    assert night(6, 70) == (0, 0, 1)
    assert told() == [(words.format(35), 35, "The conditions no longer hold: Healthy with a score of 70")]
    assert night(7, 30) == (1, 0, 0)
    assert [text for text, _value, _ending in told()] == [words.format(35), words.format(30)]


def test_during_its_cooldown_it_is_not_raised_again() -> None:
    acme = make_customer(signup_date=date(2025, 1, 1))
    own(recovery=1, cooldown=3)
    raised = []
    for days, value in enumerate([40, 80, 40, 40, 40, 40]):
        score(on(days - 5), acme, value)
        raised.append(evaluate().raised)
    assert raised == [1, 0, 0, 0, 1, 0], "closed on the second date, and quiet until three days after that"


def test_a_date_that_is_scored_again_takes_it_back() -> None:
    acme = make_customer(signup_date=date(2025, 1, 1))
    own()
    score(DAY, acme, 40)
    assert evaluate().raised == 1
    score(DAY, acme, 90)
    assert evaluate().closed == 1
    assert Alert.objects.get().ending == "withdrawn"


def test_first_days_and_contracts_that_are_over_raise_nothing() -> None:
    own()
    make_day(date=DAY)
    for name, overrides in {
        "new": {"signup_date": date(2025, 5, 4)},
        "settled": {"signup_date": date(2025, 5, 3)},
        "churned": {"signup_date": date(2025, 1, 1), "status": "churned"},
    }.items():
        customer = make_customer(pk=name, **overrides)
        make_engagement(customer, DAY, issues_tagged=1)
        make_snapshot(customer, date=DAY, score=30, status="at_risk")
    assert evaluate().raised == 1
    assert Alert.objects.get().customer_id == "settled"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("fell_7=20", ["a"]),
        ("only=blocked", ["b"]),
        ("cohort=2025-Q1&score_max=50", ["b"]),
        ("owner=nobody", ["b", "c"]),
        ("last_active=never", ["a", "b", "c"]),
        ("lacks=first_pr_generated&status=at_risk", ["b"]),
        ("q=acme", ["a"]),
    ],
)
def test_any_filter_of_the_table_is_a_condition(query: str, found: list[str]) -> None:
    a, b, c = (
        make_customer(pk=key, organization=name, cohort=cohort, signup_date=date(2025, 1, 1))
        for key, name, cohort in [("a", "Acme", ""), ("b", "Beta", "2025-Q1"), ("c", "Ceta", "2025-Q1")]
    )
    CustomerCare.objects.create(customer=a, owner=make_staff())
    own(query)
    for customer, before, now in [(a, 90, 70), (b, 60, 50), (c, 60, 80)]:
        score(on(-7), customer, before)
        state = {"blocker_type": "sso", "status": "at_risk"} if customer == b else {"first_pr_generated": True}
        score(DAY, customer, now, **state)
    evaluate()
    assert found == sorted(Alert.objects.values_list("customer", flat=True))


# --- What is not understood ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "Choose at least one condition"),
        ("status=", "Status: Select a valid choice."),
        ("status=great", "Status: Select a valid choice."),
        ("score_max=40&mood=bad", "There is no filter “mood”."),
        ("score_max=' OR 1=1 --", "Score to: Enter a whole number."),
        ("owner=me", "nobody is “me” here"),
        ("owner=999999", "somebody whose account was deleted"),
        ("q=%00", "Null characters are not allowed."),
        ("score_min=50&score_max=20", "20 is below the lowest score asked for, 50."),
    ],
)
def test_a_rule_that_is_not_understood_raises_nothing_and_is_reported(query: str, reason: str) -> None:
    acme = make_customer(signup_date=date(2025, 1, 1))
    rule = own()
    score(on(-2), acme, 30)
    assert evaluate().raised == 1
    AlertRule.objects.filter(pk=rule.pk).update(query=query)
    score(on(-1), acme, 90)
    score(DAY, make_customer(signup_date=date(2025, 1, 1)), 10)
    found = evaluate()
    assert (found.raised, found.closed) == (0, 0), "it neither raises nor closes"
    assert Segment(query, DAY).snapshots.count() == 0
    [broken] = broken_rules()
    assert broken.startswith("Alert rule “Low” raises nothing: ")
    assert reason in broken
    out = StringIO()
    call_command("send_alerts", stdout=out)
    assert broken in out.getvalue()
    AlertRule.objects.filter(pk=rule.pk).update(active=False)
    assert broken_rules() == []


def test_each_built_in_kind_has_one_rule_and_own_ones_as_many_as_wanted() -> None:
    own()
    own(name="Low, too")
    with pytest.raises(IntegrityError), transaction.atomic():
        AlertRule.objects.create(kind="at_risk")


def test_the_alerts_of_a_deleted_rule_are_closed_and_kept() -> None:
    acme, beta = (make_customer(signup_date=date(2025, 1, 1)) for _ in range(2))
    rule = own(recovery=1)
    score(on(-1), beta, 30)
    evaluate()
    score(DAY, acme, 30)
    score(DAY, beta, 90)
    evaluate()
    closed = Alert.objects.get(customer=beta)
    rule.delete()
    ended = Alert.objects.get(customer=acme)
    assert (ended.rule, ended.ending, ended.ending_text, ended.closed_on) == (
        None,
        "rule_off",
        "The rule was deleted",
        DAY,
    )
    assert ended.text.startswith("Low (Status:")
    kept = Alert.objects.get(pk=closed.pk)
    assert (kept.rule, kept.ending, kept.closed_at) == (None, "recovered", closed.closed_at)


def test_the_queries_do_not_grow_with_the_customers() -> None:
    own(f"{LOW}&fell_7=1")

    def queries(day: date) -> int:
        with CaptureQueriesContext(connection) as captured:
            evaluate()
        return len(captured)

    def scored(day: date, names: range) -> None:
        for number in names:
            customer, _new = Customer.objects.get_or_create(
                pk=f"n{number}",
                defaults={"email": "a@b.example", "organization": "X", "signup_date": DAY, "run_id": 1, "line": 2},
            )
            Customer.objects.filter(pk=customer.pk).update(signup_date=date(2025, 1, 1))
            score(day, customer, 30)

    for day in (on(-8), on(-7)):
        scored(day, range(2))
    few = queries(on(-7))
    scored(on(-1), range(60))
    assert queries(on(-1)) == few


# --- The preview --------------------------------------------------------------------------------------------------


def test_the_preview_counts_by_hand() -> None:
    a, b, c, d = (make_customer(pk=key, organization=key, signup_date=date(2025, 1, 1)) for key in "abcd")
    scores = {a: 30, b: 90, c: 20, d: 90}
    for customer, value in scores.items():
        score(DAY, customer, value)
    rule = AlertRule(kind="custom", name="Low", query=LOW, recovery=2)
    found = preview(rule, Segment(LOW, DAY))
    assert (found.day, found.total, found.matches, found.raises) == (DAY, 4, 2, 2)
    assert [one.customer_id for one in found.first] == ["c", "a"], "the lowest score first"
    assert not found.cries_wolf
    assert preview(rule, Segment("score_max=100", DAY)).cries_wolf
    assert not preview(rule, Segment("score_max=30", DAY)).cries_wolf, "exactly half"


@settings(
    max_examples=examples_of_a_push(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    customers=st.lists(
        st.tuples(
            st.lists(st.integers(20, 60), min_size=4, max_size=4),
            st.sampled_from([0, 6, 7, 60]),
            st.sampled_from(["active", "churned"]),
        ),
        min_size=1,
        max_size=4,
    ),
    recovery=st.integers(1, 2),
    cooldown=st.sampled_from([0, 1, 3]),
)
def test_the_preview_counts_what_the_next_evaluation_raises(
    customers: list[tuple[list[int], int, str]], recovery: int, cooldown: int
) -> None:
    with transaction.atomic():
        rule = own("score_max=40", recovery=recovery, cooldown=cooldown)
        made = [(make_customer(signup_date=on(-days), status=status), scores) for scores, days, status in customers]
        for number in range(4):
            for customer, scores in made:
                score(on(number - 3), customer, scores[number])
            foreseen = preview(rule, Segment(rule.query, on(number - 3)))
            assert foreseen.raises == evaluate().raised
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("query", "raised"),
    [
        ("only=got_worse", ["Five down", "Status down"]),
        ("status_change_7=worse", ["Status down"]),
        ("status_change_7=changed&trend=declining", []),
        ("signup_from=2025-05-01&team_size_max=20", ["Five down", "Status down"]),
    ],
)
def test_filters_of_changes_make_a_rule(query: str, raised: list[str]) -> None:
    """Of three customers one lost 5 points, one kept its score and became At risk, and one of 30 people lost 4."""
    then_and_now = {"Five down": (80, 75, 20), "Status down": (40, 40, 10), "Four down": (80, 76, 30)}
    for name, (then, now, team_size) in then_and_now.items():
        customer = make_customer(organization=name, team_size=team_size)
        score(on(-7), customer, then, status="healthy")
        score(DAY, customer, now)
    own(query)
    evaluate()
    assert sorted(Alert.objects.values_list("customer__organization", flat=True)) == raised
