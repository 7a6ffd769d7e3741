"""The dates of the steps, as the SQL measures them: events, sightings, engagement or signup."""

from datetime import date

import pytest

from analytics.models import ScoringPolicy
from analytics.scoring.score import health
from tests.factories import make_customer, make_engagement, make_event, make_onboarding, make_sighting
from tests.support.loading import STEPS
from tests.support.scoring import D, measured

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("step", STEPS)
def test_a_step_counts_only_where_its_flag_is_true(step: str) -> None:
    customer = make_customer(signup_date=date(2025, 5, 1))
    onboarding = make_onboarding(customer)
    make_event(customer, date(2025, 5, 4), step)
    make_engagement(customer, date(2025, 5, 4), issues_tagged=1, prs_generated=1)
    make_sighting(customer, step, date(2025, 5, 4))
    assert measured().step_dates == {}
    setattr(onboarding, step, True)
    onboarding.save()
    assert measured().step_dates == {step: date(2025, 5, 4)}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_nothing_dates_was_done_on_the_signup_date(step: str) -> None:
    customer = make_customer(signup_date=date(2025, 5, 1))
    make_onboarding(customer, **{step: True})
    assert measured().step_dates == {step: date(2025, 5, 1)}
    make_sighting(customer, step, None)  # true at the very first import
    assert measured().step_dates == {step: date(2025, 5, 1)}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_without_event_is_dated_by_the_run_that_saw_it(step: str) -> None:
    customer = make_customer(signup_date=date(2025, 5, 1))
    make_onboarding(customer, **{step: True})
    make_sighting(customer, step, date(2025, 5, 8))
    assert measured().step_dates == {step: date(2025, 5, 8)}


@pytest.mark.parametrize("step", STEPS)
def test_the_earliest_event_of_a_step_dates_it(step: str) -> None:
    customer = make_customer(signup_date=date(2025, 5, 1))
    make_onboarding(customer, **{step: True})
    make_sighting(customer, step, date(2025, 5, 2))
    make_engagement(customer, date(2025, 5, 2), issues_tagged=1, prs_generated=1)
    make_event(customer, date(2025, 5, 9), step)
    make_event(customer, date(2025, 5, 7), step)
    make_event(customer, date(2025, 5, 3), "note")
    assert measured().step_dates == {step: date(2025, 5, 7)}


@pytest.mark.parametrize(
    ("step", "first", "too_early"),
    [
        ("first_issue_tagged", {"issues_tagged": 1}, {"prs_generated": 1, "support_requests": 1}),
        ("first_pr_generated", {"prs_generated": 1}, {"issues_tagged": 1, "prs_merged": 1, "prs_rejected": 1}),
    ],
)
def test_the_first_engagement_dates_the_first_issue_and_pr(
    step: str, first: dict[str, int], too_early: dict[str, int]
) -> None:
    customer = make_customer(signup_date=date(2025, 5, 1))
    make_onboarding(customer, **{step: True})
    make_sighting(customer, step, date(2025, 5, 8))
    make_engagement(customer, date(2025, 5, 2), **too_early)
    make_engagement(customer, date(2025, 5, 5), **first)
    make_engagement(customer, date(2025, 5, 3))
    make_engagement(customer, date(2025, 5, 4), **first)
    assert measured().step_dates == {step: date(2025, 5, 4)}


@pytest.mark.parametrize("step", ["welcome_email_sent", "account_created", "github_action_installed"])
def test_engagement_dates_no_other_step(step: str) -> None:
    customer = make_customer(signup_date=date(2025, 5, 1))
    make_onboarding(customer, **{step: True})
    make_engagement(customer, date(2025, 5, 4), issues_tagged=1, prs_generated=1)
    assert measured().step_dates == {step: date(2025, 5, 1)}


def test_a_step_dated_after_the_date_is_not_done_yet() -> None:
    customer = make_customer(signup_date=date(2025, 5, 1))
    make_onboarding(
        customer,
        welcome_email_sent=True,
        account_created=True,
        first_issue_tagged=True,
        first_pr_generated=True,
    )
    make_event(customer, date(2025, 5, 11), "account_created")
    make_engagement(customer, date(2025, 5, 11), prs_generated=1)
    # The event decides, although engagement was earlier.
    make_engagement(customer, date(2025, 5, 4), issues_tagged=1)
    make_event(customer, date(2025, 5, 12), "first_issue_tagged")
    found = measured()
    assert found.step_dates == {
        "welcome_email_sent": date(2025, 5, 1),
        "account_created": date(2025, 5, 11),
        "first_issue_tagged": date(2025, 5, 12),
        "first_pr_generated": date(2025, 5, 11),
    }
    assert [step for step, done in health(found, ScoringPolicy(), D).steps.items() if done] == ["welcome_email_sent"]


def test_a_step_may_be_dated_before_the_signup() -> None:
    customer = make_customer(signup_date=date(2025, 5, 1))
    make_onboarding(customer, welcome_email_sent=True, first_issue_tagged=True)
    make_event(customer, date(2025, 4, 28), "welcome_email_sent")
    make_engagement(customer, date(2025, 4, 30), issues_tagged=1)
    assert measured().step_dates == {
        "welcome_email_sent": date(2025, 4, 28),
        "first_issue_tagged": date(2025, 4, 30),
    }


def test_events_add_to_no_counter() -> None:
    customer = make_customer()
    make_event(customer, D, "support_request")
    make_event(customer, D, "first_issue_tagged")
    make_event(customer, D, "first_pr_generated")
    found = measured()
    assert (found.support_requests, found.issues_tagged, found.prs_generated) == (0, 0, 0)
    assert (found.window_support_requests, found.days_active, found.last_active) == (0, 0, None)
