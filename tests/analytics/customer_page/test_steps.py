"""The dates of the onboarding steps with how we know them."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.customer_page.steps import steps
from customers.models import Customer, Step
from tests.factories import make_customer, make_engagement, make_event, make_sighting

pytestmark = pytest.mark.django_db

ALL_DONE = dict.fromkeys(Step.values, True)


@pytest.fixture
def customer() -> Customer:
    return make_customer()


def known(customer: Customer, done: dict[str, bool] = ALL_DONE) -> dict[str, tuple[bool, date | None, str]]:
    return {step.label: (step.done, step.day, step.source) for step in steps(customer, done)[0]}


def test_the_five_steps_in_their_order(customer: Customer) -> None:
    assert list(known(customer)) == ["Welcome Email", "Account Setup", "GitHub Action", "First Issue", "First PR"]


def test_a_step_that_is_not_done_has_no_date(customer: Customer) -> None:
    for step in Step.values:
        make_event(customer, date(2025, 5, 3), step)
    make_engagement(customer, date(2025, 5, 3), issues_tagged=1, prs_generated=1)
    assert set(known(customer, dict.fromkeys(Step.values, False)).values()) == {(False, None, "")}


def test_the_earliest_event_dates_a_step(customer: Customer) -> None:
    for day in (6, 4, 5):
        make_event(customer, date(2025, 5, day), "first_issue_tagged")
    make_engagement(customer, date(2025, 5, 3), issues_tagged=1)
    make_sighting(customer, "first_issue_tagged", date(2025, 5, 2))
    assert known(customer)["First Issue"] == (True, date(2025, 5, 4), "event")


def test_else_the_first_engagement_that_has_one(customer: Customer) -> None:
    make_engagement(customer, date(2025, 5, 1), support_requests=1)
    make_engagement(customer, date(2025, 5, 5), issues_tagged=1)
    make_engagement(customer, date(2025, 5, 3), issues_tagged=1)
    make_engagement(customer, date(2025, 5, 7), prs_generated=1)
    make_engagement(customer, date(2025, 5, 6), prs_merged=1)
    make_sighting(customer, "first_issue_tagged", date(2025, 5, 2))
    make_sighting(customer, "account_created", date(2025, 5, 2))
    assert known(customer) == {
        "Welcome Email": (True, None, "before the first import"),
        "Account Setup": (True, date(2025, 5, 2), "first seen on"),
        "GitHub Action": (True, None, "before the first import"),
        "First Issue": (True, date(2025, 5, 3), "first engagement"),
        "First PR": (True, date(2025, 5, 7), "first engagement"),
    }


def test_else_the_night_that_first_saw_it(customer: Customer) -> None:
    make_sighting(customer, "first_pr_generated", date(2025, 5, 8))
    assert known(customer)["First PR"] == (True, date(2025, 5, 8), "first seen on")


def test_else_it_was_there_before_the_first_import(customer: Customer) -> None:
    make_sighting(customer, "github_action_installed", None)
    assert known(customer)["GitHub Action"] == (True, None, "before the first import")


def test_one_query_whatever_dates_them(customer: Customer) -> None:
    with CaptureQueriesContext(connection) as captured:
        steps(customer, ALL_DONE)
    assert len(captured) == 1


def test_which_steps_have_an_event(customer: Customer) -> None:
    make_event(customer, date(2025, 5, 3), "account_created")
    make_event(customer, date(2025, 5, 3), "note")
    make_engagement(customer, date(2025, 5, 3), issues_tagged=1)
    assert steps(customer, ALL_DONE)[1] == {"account_created"}
