"""What changed since an earlier snapshot: the difference of the score over data, passing time and policy, by hand."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.customer_page.history import first_blocked, may_be_blocked_longer, recent_snapshots
from analytics.customer_page.what_changed import Change, signed, what_changed
from analytics.models import Snapshot
from analytics.scoring.snapshots import score_day
from customers.models import Customer
from tests.factories import (
    make_customer,
    make_engagement,
    make_event,
    make_feedback,
    make_onboarding,
    make_sighting,
    make_snapshot,
)
from tests.support.changed_scores import NOW, THEN, compare, make_policy, scored

pytestmark = pytest.mark.django_db


def causes(change: Change) -> dict[str, tuple[int, int, int]]:
    """Data, time and policy of each component that moved."""
    return {part.label: (part.data, part.time, part.policy) for part in change.parts if not part.is_still}


def why(change: Change) -> list[str]:
    return [reason for part in change.parts for reason in part.why]


# --- One cause --------------------------------------------------------------------------------------------------


def test_nothing_happened(customer: Customer) -> None:
    change = scored(customer)
    assert causes(change) == {}
    assert why(change) == []
    assert (change.total.then, change.total.now, change.total.causes) == (15, 15, ["0", "0", "0"])


def test_passing_time_alone_lets_active_days_leave_the_week(customer: Customer) -> None:
    for day in (date(2025, 4, 28), date(2025, 5, 3)):  # Both in 27 April to 3 May, neither in 4 to 10 May.
        make_engagement(customer, day, issues_tagged=1)
    change = scored(customer)
    assert causes(change) == {"Activity level": (0, -10, 0)}
    assert why(change) == ["−10: 2 active days passed out of the 7-day window"]
    assert change.total.change == -10


def test_new_rows_alone_are_data(customer: Customer) -> None:
    make_onboarding(customer, account_created=True, first_pr_generated=True)
    make_event(customer, date(2025, 2, 1), "account_created")
    make_engagement(customer, date(2025, 5, 5), prs_generated=4, prs_merged=3)
    make_engagement(customer, date(2025, 5, 6), support_requests=2)
    make_feedback(customer, date(2025, 5, 6), nps=9)
    change = scored(customer)
    assert causes(change) == {
        "Activity level": (10, 0, 0),  # two days
        "PR success rate": (19, 0, 0),  # 25 x 3/4 = 18.75
        "Feature adoption": (5, 0, 0),
        "Support satisfaction": (-5, 0, 0),
        "NPS score": (9, 0, 0),
    }
    assert why(change) == [
        "+10: 2 new active days",
        "+19: merged PRs from 0 of 0 to 3 of 4 with the new days",
        "+5: First PR done",
        "−5: 2 new support requests",
        "+9: a new answer, 9",
    ]
    assert (change.total.then, change.total.now, change.total.data) == (20, 58, 38)


def test_another_policy_alone(customer: Customer) -> None:
    make_onboarding(customer, account_created=True)
    make_sighting(customer, "account_created", date(2025, 2, 1))
    for day in (date(2025, 5, 2), date(2025, 5, 9)):
        make_engagement(customer, day, issues_tagged=1)
    make_policy(activity_max=10, activity_points_per_day=2, adoption_points_per_step=10)
    change = scored(customer)
    # The day of the week before passed out (-5) and another one came (+5); then 5 points a day became 2.
    assert causes(change) == {"Activity level": (5, -5, -3), "Feature adoption": (0, 0, 5)}
    assert why(change) == [
        "−5: 1 active day passed out of the 7-day window",
        "+5: 1 new active day",
        "−3: policy v1 became v2",
        "+5: policy v1 became v2",
    ]
    assert change.total.change == 2


def test_a_policy_of_wider_windows_is_no_new_data(customer: Customer) -> None:
    make_engagement(customer, date(2025, 5, 1), issues_tagged=1)
    make_policy(activity_days=14)
    # By v1 the day is out of the week (-5); by v2 it is in the fortnight again (+5): the score is the same.
    change = scored(customer)
    assert causes(change) == {"Activity level": (0, -5, 5)}
    assert change.total.change == 0


# --- Several causes, and rules that take over from each other ----------------------------------------------------


def test_time_and_data_of_one_component(customer: Customer) -> None:
    for day in (1, 2, 3):
        make_engagement(customer, date(2025, 5, day), issues_tagged=1)
    make_engagement(customer, date(2025, 5, 10), issues_tagged=1)
    change = scored(customer)
    assert causes(change) == {"Activity level": (5, -15, 0)}
    assert change.parts[0].causes == ["+5", "−15", "0"]


def test_an_nps_answer_expires(customer: Customer) -> None:
    make_feedback(customer, THEN - timedelta(days=179), nps=8)
    change = scored(customer)
    assert causes(change) == {"NPS score": (0, -8, 0)}
    assert why(change) == ["−8: the answer 8 passed out of the 180-day window"]
    assert [(part.then, part.now) for part in change.parts][-1] == (8, None)


def test_a_newer_nps_answer_stands_in_for_an_older_one(customer: Customer) -> None:
    make_feedback(customer, date(2025, 5, 1), nps=8)
    make_feedback(customer, date(2025, 5, 9), nps=3)
    assert why(scored(customer)) == ["−5: a new answer, 3 in place of 8"]


def test_when_the_last_csat_answer_expires_the_requests_count(customer: Customer) -> None:
    make_feedback(customer, THEN - timedelta(days=89), csat=5)
    make_engagement(customer, date(2025, 4, 20), support_requests=4)
    make_engagement(customer, date(2025, 5, 8), support_requests=1)
    change = scored(customer)
    # 15 by CSAT; 15 - 4 x 2.5 = 5 once it is gone; the fifth request makes it 2.5, so 3.
    assert causes(change)["Support satisfaction"] == (-2, -10, 0)
    assert why(change)[1:] == [
        "−10: 1 CSAT answer passed out of the 90-day window, so support requests count",
        "−2: 1 new support request",
    ]


def test_a_first_csat_answer_takes_over_from_the_requests(customer: Customer) -> None:
    make_engagement(customer, date(2025, 4, 20), support_requests=4)
    make_feedback(customer, date(2025, 5, 8), csat=3)
    change = scored(customer)
    # 15 - 4 x 2.5 = 5; then 15 x 2/4 = 7.5, so 8.
    assert causes(change) == {"Support satisfaction": (3, 0, 0)}
    assert why(change) == ["+3: 1 new CSAT answer, so support requests no longer count"]


def test_pr_success_by_time(customer: Customer) -> None:
    make_engagement(customer, date(2025, 4, 5), prs_generated=2, prs_merged=2)
    make_engagement(customer, date(2025, 4, 30), prs_generated=2)
    change = scored(customer)
    # 2 of 4 is 12.5, so 13; without 5 April it is 0 of 2.
    assert causes(change)["PR success rate"] == (0, -13, 0)
    assert "−13: merged PRs from 2 of 4 to 0 of 2, as days passed out of the 30-day window" in why(change)


# --- What came late ---------------------------------------------------------------------------------------------


def test_a_late_row_of_a_day_that_was_scored_already_is_data(customer: Customer) -> None:
    score_day(THEN)
    make_engagement(customer, date(2025, 4, 10), prs_generated=1, prs_merged=1)
    score_day(NOW)
    change = compare(customer)
    # Had it been known on 3 May it had counted, 25; by 10 May it has passed out of the 30 days. Neither score has it.
    assert causes(change) == {"PR success rate": (25, -25, 0)}
    assert "+25: rows of days already scored came or changed later" in why(change)
    assert change.total.change == 0


def test_a_late_row_that_still_counts(customer: Customer) -> None:
    score_day(THEN)
    make_engagement(customer, date(2025, 4, 20), prs_generated=1, prs_merged=1)
    score_day(NOW)
    change = compare(customer)
    assert causes(change) == {"PR success rate": (25, 0, 0)}
    assert why(change) == ["+25: rows of days already scored came or changed later"]


def test_rows_that_came_after_both_scores_change_nothing(customer: Customer) -> None:
    score_day(THEN)
    score_day(NOW)
    make_engagement(customer, date(2025, 5, 9), issues_tagged=1)
    change = compare(customer)
    assert causes(change) == {}
    assert why(change) == []


def test_a_step_that_is_dated_between_is_data_even_where_the_flag_is_old(customer: Customer) -> None:
    make_onboarding(customer, first_issue_tagged=True)
    make_engagement(customer, date(2025, 5, 4), issues_tagged=1)
    assert causes(scored(customer))["Feature adoption"] == (5, 0, 0)


# --- What else changed -----------------------------------------------------------------------------------------


def test_status_stage_trend_steps_and_blocker(customer: Customer) -> None:
    make_snapshot(customer, date=THEN, blocker_type="github")
    make_snapshot(
        customer,
        date=NOW,
        status="at_risk",
        stage="initial_adoption",
        trend="declining",
        first_issue_tagged=True,
        score=40,
    )
    facts = [(fact.label, fact.then, fact.now) for fact in compare(customer).facts]
    assert facts == [
        ("Status", "Healthy", "At risk"),
        ("Activity trend", "Stable", "Declining"),
        ("Stage", "Onboarding", "Initial adoption"),
        ("Blocker", "GitHub", "none"),
        ("First Issue", "not done", "done"),
    ]


def test_since_when_a_customer_is_blocked(customer: Customer) -> None:
    for day, blocker in ((5, "github"), (6, ""), (7, "github"), (9, "github")):
        make_snapshot(customer, date=date(2025, 5, day), blocker_type=blocker)
    first = first_blocked(recent_snapshots(customer, NOW))
    assert first is not None
    assert first.date == date(2025, 5, 7)
    assert first_blocked(recent_snapshots(customer, date(2025, 5, 6))) is None


@pytest.mark.parametrize(
    ("signup", "first", "blocker", "longer"),
    [
        (date(2025, 1, 1), date(2025, 5, 3), "github", True),
        (date(2025, 5, 3), date(2025, 5, 3), "github", False),
        (date(2025, 1, 1), date(2025, 5, 3), "", False),
        (date(2025, 1, 1), date(2025, 1, 5), "github", True),  # before the 90 days that are looked at
    ],
)
def test_a_block_is_at_least_as_long_as_the_history(signup: date, first: date, blocker: str, longer: bool) -> None:
    customer = make_customer(signup_date=signup)
    make_snapshot(customer, date=first, blocker_type=blocker)
    for day in (date(2025, 5, 9), NOW):
        make_snapshot(customer, date=day, blocker_type="github")
    assert may_be_blocked_longer(customer, recent_snapshots(customer, NOW)) is longer


@pytest.mark.parametrize(("points", "text"), [(5, "+5"), (0, "0"), (-12, "−12")])
def test_points_have_their_sign(points: int, text: str) -> None:
    assert signed(points) == text


# --- Cost -------------------------------------------------------------------------------------------------------


def test_one_query_by_one_policy_or_two(customer: Customer) -> None:
    make_policy()
    score_day(THEN)
    score_day(NOW)
    then, now = Snapshot.objects.select_related("policy").filter(customer=customer).order_by("date")
    with CaptureQueriesContext(connection) as captured:
        what_changed(customer, then, now)
    assert len(captured) == 1
