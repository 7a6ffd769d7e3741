"""Stage and onboarding by metrics.md: every rule at its borders, worked out by hand, without a database."""

from datetime import date

import pytest

from analytics.models import Stage
from tests.support.loading import STEPS
from tests.support.measures import LONG_AGO, scored, steps_on
from tests.support.scoring import D, days_before


@pytest.mark.parametrize(
    ("steps", "stage"),
    [
        ((), "new_signup"),
        (("welcome_email_sent",), "new_signup"),
        (("first_pr_generated",), "new_signup"),
        (("account_created",), "onboarding"),
        (("github_action_installed",), "onboarding"),
        (("first_issue_tagged",), "initial_adoption"),
        (STEPS[:4], "initial_adoption"),
        (STEPS, "regular_usage"),
    ],
)
def test_the_stage_follows_the_steps(steps: tuple[str, ...], stage: str) -> None:
    assert scored(step_dates=steps_on(D, *steps)).stage == stage


def test_a_completed_customer_uses_regularly_whatever_the_steps_say() -> None:
    assert scored(completed_date=D).stage == Stage.REGULAR_USAGE
    assert scored(completed_date=days_before(-1)).stage == Stage.NEW_SIGNUP


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ("first_issue_tagged", "onboarding", "initial_adoption"),
        ("first_pr_generated", "initial_adoption", "regular_usage"),
    ],
)
def test_a_stage_begins_on_the_day_of_its_step(step: str, before: str, after: str) -> None:
    done = steps_on(LONG_AGO, *STEPS[: STEPS.index(step)])
    assert scored(step_dates={**done, step: date(2025, 5, 11)}).stage == before
    assert scored(step_dates={**done, step: date(2025, 5, 10)}).stage == after


def test_the_steps_that_count_are_those_done_by_the_date() -> None:
    step_dates = {
        "welcome_email_sent": LONG_AGO,
        "account_created": date(2025, 5, 10),
        "github_action_installed": date(2025, 5, 11),
    }
    assert scored(step_dates=step_dates).steps == {
        "welcome_email_sent": True,
        "account_created": True,
        "github_action_installed": False,
        "first_issue_tagged": False,
        "first_pr_generated": False,
    }


LAST_STEP_TODAY = {**steps_on(date(2025, 5, 2), *STEPS), "account_created": D}
LAST_STEP_TOMORROW = {**steps_on(date(2025, 5, 2), *STEPS), "account_created": date(2025, 5, 11)}


@pytest.mark.parametrize(
    ("completed_date", "step_dates", "completed_on", "days"),
    [
        (None, {}, None, None),
        (None, steps_on(date(2025, 5, 2), *STEPS[:4]), None, None),
        (date(2025, 5, 10), {}, date(2025, 5, 10), 9),
        (date(2025, 5, 11), {}, None, None),
        (date(2025, 5, 1), {}, date(2025, 5, 1), 0),
        (None, LAST_STEP_TODAY, date(2025, 5, 10), 9),
        (None, LAST_STEP_TOMORROW, None, None),
        (date(2025, 5, 4), LAST_STEP_TODAY, date(2025, 5, 4), 3),  # the stated date goes before the steps'
        (date(2025, 5, 4), LAST_STEP_TOMORROW, date(2025, 5, 4), 3),
        (date(2025, 5, 11), LAST_STEP_TODAY, date(2025, 5, 10), 9),  # the stated date is still to come
    ],
)
def test_onboarded_by_the_stated_date_or_by_the_last_step(
    completed_date: date | None, step_dates: dict[str, date], completed_on: date | None, days: int | None
) -> None:
    signed_up = date(2025, 5, 1)
    health_ = scored(signup_date=signed_up, completed_date=completed_date, step_dates=step_dates)
    assert (health_.completed_on, health_.days_to_complete) == (completed_on, days)
    assert health_.onboarded is (completed_on is not None)


@pytest.mark.parametrize(
    ("completed_date", "steps", "onboarded", "completed_on"),
    [
        (None, STEPS, True, None),
        (None, STEPS[:4], False, None),
        (date(2025, 5, 4), STEPS, True, date(2025, 5, 4)),  # stated, so it is known
        (date(2025, 5, 11), STEPS, True, None),
    ],
)
def test_the_day_is_not_known_where_nothing_dates_a_step(
    completed_date: date | None, steps: tuple[str, ...], onboarded: bool, completed_on: date | None
) -> None:
    health_ = scored(
        signup_date=date(2025, 5, 1),
        completed_date=completed_date,
        step_dates=steps_on(date(2025, 5, 1), *steps),
        all_dated=False,
    )
    assert (health_.onboarded, health_.completed_on) == (onboarded, completed_on)
    assert (health_.days_to_complete is None) is (completed_on is None)
    assert health_.stage == ("regular_usage" if onboarded else "initial_adoption")
