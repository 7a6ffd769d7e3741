"""A scoring tells what the newest scored date says anew of customers, once, and with as many queries as for one."""

from collections.abc import Callable
from datetime import date, timedelta
from itertools import product

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from analytics.models import EventKind, PortfolioDay, Snapshot, WebhookEndpoint, WebhookEvent
from analytics.scoring.snapshots import score_customers, score_day
from analytics.scoring.telling import BEFORE, CHANGED, OF_SCORES, telling
from customers.core.sql import fetch
from customers.models import Customer, Engagement, Onboarding
from tests.factories import make_customer, make_engagement, make_onboarding
from tests.support.scoring import D, make_acme
from tests.support.webhook_events import listen, newest_data, told

pytestmark = pytest.mark.django_db
NEXT = D + timedelta(days=1)
STATUS, AT_RISK = "customer.status_changed", "customer.at_risk"
STEP, ONBOARDED = "customer.step_completed", "customer.onboarding_completed"


@pytest.fixture(autouse=True)
def all_days_are_past(today_is: Callable[[date], None]) -> None:
    today_is(D + timedelta(days=30))


@pytest.fixture
def acme() -> Customer:
    """A customer at risk with a score of 45 on the newest scored date, and an endpoint that listens."""
    acme = make_acme()
    score_day(D)
    listen()
    return acme


def complete(customer: Customer) -> None:
    """The first PR, and PRs that were all merged: 45 + 5 for the step + 25 for the PRs + 5 for the active day = 80."""
    Onboarding.objects.filter(customer=customer).update(first_pr_generated=True, blocker_type="")
    make_engagement(customer, D, prs_generated=2, prs_merged=2)


def test_what_changed_of_a_customer_is_told_by_the_newest_date_scored_again(acme: Customer) -> None:
    complete(acme)
    score_day(D)
    assert told() == [
        (STATUS, "c1001", "at_risk", "healthy"),
        (STEP, "c1001", False, True),
        (ONBOARDED, "c1001", False, True),
    ]
    status, step, onboarded = WebhookEvent.objects.all()
    assert status.data == {"old": "at_risk", "new": "healthy", "score": 80, "organization": "Acme Inc."}
    assert step.data["step"] == "first_pr_generated"
    assert onboarded.data["completed_on"] is None
    assert {one.as_of for one in (status, step, onboarded)} == {D}


def test_a_newer_date_is_compared_with_the_one_before(acme: Customer) -> None:
    complete(acme)
    score_day(NEXT)
    assert [kind for kind, *_rest in told()] == [STATUS, STEP, ONBOARDED]
    assert set(WebhookEvent.objects.values_list("as_of", flat=True)) == {NEXT}
    Engagement.objects.all().delete()
    score_day(NEXT + timedelta(days=1))
    assert told()[3:] == [(STATUS, "c1001", "healthy", "at_risk"), (AT_RISK, "c1001", "healthy", "at_risk")]
    # Nothing for activity and PRs; 20 for the steps and 15 without a support request.
    assert newest_data() == {"old": "healthy", "new": "at_risk", "score": 35}


def test_the_day_of_a_completed_onboarding_is_told_where_it_is_known(acme: Customer) -> None:
    complete(acme)
    Onboarding.objects.update(completed_date=date(2025, 5, 8))
    score_day(D)
    assert newest_data() == {"old": False, "new": True, "completed_on": "2025-05-08"}


@pytest.mark.usefixtures("acme")
def test_the_same_date_without_a_change_tells_nothing() -> None:
    score_day(D)
    score_customers(D, ["c1001"])
    assert told() == []


def test_an_older_date_tells_nothing(acme: Customer) -> None:
    complete(acme)
    score_day(D - timedelta(days=1))
    score_day(D - timedelta(days=1))
    assert told() == []


def test_the_first_scoring_of_a_program_tells_nothing() -> None:
    listen()
    make_acme()
    score_day(D)
    assert told() == []


def test_a_new_customer_tells_its_risk_and_its_steps_and_no_change_of_status(acme: Customer) -> None:
    new = make_customer(id="c9", signup_date=date(2025, 5, 8))
    make_onboarding(new, welcome_email_sent=True, account_created=True)
    done = make_customer(id="c8", signup_date=date(2025, 5, 8))
    make_onboarding(done, **dict.fromkeys(("welcome_email_sent", "account_created", "first_pr_generated"), True))
    score_day(NEXT)
    assert told() == [
        (AT_RISK, "c8", None, "at_risk"),
        *[(STEP, "c8", False, True)] * 3,
        (AT_RISK, "c9", None, "at_risk"),
        *[(STEP, "c9", False, True)] * 2,
    ]
    steps = [one.data["step"] for one in WebhookEvent.objects.filter(kind=STEP)]
    assert steps == [
        "welcome_email_sent",
        "account_created",
        "first_pr_generated",
        "welcome_email_sent",
        "account_created",
    ]
    score_day(NEXT)
    score_day(NEXT + timedelta(days=1))
    assert len(told()) == 7
    assert acme.pk not in {customer for _kind, customer, *_rest in told()}


def test_a_partial_scoring_tells_of_its_customers_alone(acme: Customer) -> None:
    other = make_customer(id="c9", signup_date=date(2025, 5, 8))
    complete(acme)
    score_customers(D, [other.pk])
    assert told() == [(AT_RISK, "c9", None, "at_risk")]
    score_customers(D, [acme.pk, "nobody"])
    assert [(kind, customer) for kind, customer, *_rest in told()[1:]] == [
        (STATUS, "c1001"),
        (STEP, "c1001"),
        (ONBOARDED, "c1001"),
    ]


def test_only_the_kinds_that_are_listened_to_are_stored() -> None:
    acme = make_acme()
    score_day(D)
    listen(EventKind.ONBOARDING_COMPLETED)
    complete(acme)
    score_day(D)
    assert told() == [(ONBOARDED, "c1001", False, True)]


def test_nothing_is_compared_while_nobody_listens_to_customers(acme: Customer) -> None:
    def comparisons() -> int:
        complete(acme)
        with CaptureQueriesContext(connection) as captured:
            score_day(D)
        return len([one for one in captured.captured_queries if BEFORE in one["sql"]])

    assert comparisons() > 0
    WebhookEndpoint.objects.update(kinds=[kind for kind in EventKind if kind not in OF_SCORES])
    assert comparisons() == 0


def test_many_customers_take_as_many_queries_as_one(acme: Customer) -> None:
    def queries(day: date, number: int) -> int:
        for _customer in range(number):
            make_onboarding(make_customer(signup_date=date(2025, 5, 8)), account_created=True)
        with CaptureQueriesContext(connection) as captured:
            score_day(day)
        return len(captured)

    days = [D + timedelta(days=number) for number in range(1, 4)]
    assert acme.pk
    queries(days[0], 1)
    assert queries(days[1], 1) == queries(days[2], 40)


@pytest.mark.usefixtures("acme")
def test_no_customer_is_looked_for_in_all_of_the_table() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL joins by hashes")
    with transaction.atomic(), telling(D):
        plan = fetch("EXPLAIN QUERY PLAN " + CHANGED.format(among="IS NOT NULL"), [D])
    assert [step for *_numbers, step in plan if step.startswith("SCAN")] == []


# --- Any order ----------------------------------------------------------------------------------------------------


def _newest() -> date:
    return PortfolioDay.objects.latest("date").date


def _flip(customer: Customer) -> None:
    """Days with PRs, or none: what moves the status."""
    theirs = Engagement.objects.filter(customer=customer, prs_generated__gt=0)
    if theirs.exists():
        theirs.delete()
    else:
        for days in range(5):
            make_engagement(customer, _newest() - timedelta(days=days), prs_generated=3, prs_merged=3)


def _part(customer: Customer) -> None:
    score_customers(_newest(), [customer.pk])


def _whole(_customer: Customer) -> None:
    score_day(_newest())


def _next_day(_customer: Customer) -> None:
    score_day(_newest() + timedelta(days=1))


def _older_day(_customer: Customer) -> None:
    score_day(D - timedelta(days=2))


SCORINGS = (_part, _whole, _next_day, _older_day)


@pytest.mark.parametrize(
    "order", list(product(SCORINGS, repeat=2)), ids=lambda order: "-".join(one.__name__ for one in order)
)
def test_in_any_order_whoever_keeps_what_is_told_knows_what_the_pages_say(
    order: tuple[Callable[[Customer], None], ...], acme: Customer
) -> None:
    known = {acme.pk: "at_risk"}
    for scoring in (*order, _whole):
        _flip(acme)
        scoring(acme)
        scoring(acme)
    for _kind, customer, old, new in told(STATUS):
        assert known[customer] == old
        known[customer] = new
    assert known == dict(Snapshot.objects.filter(date=_newest()).values_list("customer", "status"))
    assert told(STATUS)
