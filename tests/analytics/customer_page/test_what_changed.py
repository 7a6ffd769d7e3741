"""What changed since an earlier snapshot: the difference of the score over data, passing time and policy, by hand."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from analytics.customer_page.history import blocked_since, may_be_blocked_longer, recent_snapshots
from analytics.customer_page.what_changed import Change, signed, what_changed
from analytics.models import ScoringPolicy, Snapshot
from analytics.scoring.snapshots import score_day
from customers.models import Customer, Engagement, Event, Feedback, Onboarding, Step
from tests.factories import (
    make_customer,
    make_engagement,
    make_event,
    make_feedback,
    make_onboarding,
    make_run,
    make_sighting,
    make_snapshot,
)
from tests.support import oracle
from tests.support.databases import examples

pytestmark = pytest.mark.django_db

THEN, NOW = date(2025, 5, 3), date(2025, 5, 10)
NOTHING = (0, 0, 0)


@pytest.fixture
def customer() -> Customer:
    return make_customer(signup_date=date(2025, 1, 1))


def compare(customer: Customer, then: date = THEN, now: date = NOW) -> Change:
    """The change between two stored snapshots."""
    stored = Snapshot.objects.select_related("policy").filter(customer=customer)
    return what_changed(customer, stored.get(date=then), stored.get(date=now))


def scored(customer: Customer) -> Change:
    """Score both dates with all that is there, and compare them."""
    score_day(THEN)
    score_day(NOW)
    return compare(customer)


def causes(change: Change) -> dict[str, tuple[int, int, int]]:
    """Data, time and policy of each component that moved."""
    return {part.label: (part.data, part.time, part.policy) for part in change.parts if not part.is_still}


def why(change: Change) -> list[str]:
    return [reason for part in change.parts for reason in part.why]


def make_policy(effective_from: date = NOW, **overrides: Any) -> ScoringPolicy:
    return ScoringPolicy.objects.create(**{"name": "v2", "effective_from": effective_from, **overrides})


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
    first = blocked_since(recent_snapshots(customer, NOW))
    assert first is not None
    assert first.date == date(2025, 5, 7)
    assert blocked_since(recent_snapshots(customer, date(2025, 5, 6))) is None


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


# --- Whatever the rows are, the parts add up, and agree with the oracle ------------------------------------------

FIRST, LAST = THEN - timedelta(days=185), NOW
_days = st.integers(0, (LAST - FIRST).days).map(lambda number: FIRST + timedelta(days=number))
_recent = st.integers(0, 45).map(lambda number: NOW - timedelta(days=number))
_any_day = st.one_of(_days, _recent)
_few = st.integers(0, 3)
_engagement = st.lists(st.tuples(_any_day, _few, _few, _few, _few), max_size=12)
_feedback = st.lists(st.tuples(_any_day, st.none() | st.integers(0, 10), st.none() | st.integers(1, 5)), max_size=5)
_events = st.lists(st.tuples(_any_day, st.sampled_from(Step.values)), max_size=4)
_flags = st.lists(st.booleans(), min_size=5, max_size=5)


@st.composite
def _stories(draw: st.DrawFn) -> oracle.Feeds:
    """A customer's rows; ``late`` ones come when the first date has been scored."""
    names = ("issues_tagged", "prs_generated", "prs_merged", "support_requests")
    return oracle.Feeds(
        customers=[{"id": "c", "signup_date": FIRST, "status": "active"}],
        onboarding=[{"id": "o", "customer_id": "c", **dict(zip(oracle.STEPS, draw(_flags), strict=True))}],
        engagement=[
            {"id": f"e{place}", "customer_id": "c", "date": day, **dict(zip(names, counts, strict=True))}
            for place, (day, *counts) in enumerate(draw(_engagement))
        ],
        feedback=[
            {"id": f"f{place}", "customer_id": "c", "date": day, "nps": nps, "csat": csat}
            for place, (day, nps, csat) in enumerate(draw(_feedback))
        ],
        events=[
            {"id": f"v{place}", "customer_id": "c", "date": day, "kind": kind}
            for place, (day, kind) in enumerate(draw(_events))
        ],
    )


def _load(feeds: oracle.Feeds) -> Customer:
    run = make_run()
    line = {"run_id": run.pk, "line": 2}
    customer = make_customer(**feeds.customers[0], **line)
    for model, rows in (
        (Onboarding, feeds.onboarding),
        (Engagement, feeds.engagement),
        (Feedback, feeds.feedback),
        (Event, feeds.events),
    ):
        model.objects.bulk_create(model(**row, **line) for row in rows)
    return customer


def _cut(feeds: oracle.Feeds, known_to: date) -> oracle.Feeds:
    """The rows dated up to a day; a flag is there where its step is dated by then."""
    steps = oracle.dated_steps(feeds, feeds.customers[0], known_to, {})
    return oracle.Feeds(
        customers=feeds.customers,
        onboarding=[{"id": "o", "customer_id": "c", **{step: step in steps for step in oracle.STEPS}}],
        engagement=[row for row in feeds.engagement if row["date"] <= known_to],
        feedback=[row for row in feeds.feedback if row["date"] <= known_to],
        events=[row for row in feeds.events if row["date"] <= known_to],
    )


def _points(feeds: oracle.Feeds, known_to: date, day: date) -> list[int]:
    figures = oracle.measure_customer(_cut(feeds, known_to), "c", day)
    return [figures[name] or 0 for name in ("activity", "pr_success", "adoption", "support", "nps")]


@hypothesis_settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(feeds=_stories())
def test_the_split_is_the_oracles_on_the_cut_data(feeds: oracle.Feeds) -> None:
    with transaction.atomic():
        change = scored(_load(feeds))
        transaction.set_rollback(True)
    before, aged, fresh = (_points(feeds, known_to, day) for known_to, day in ((THEN, THEN), (THEN, NOW), (NOW, NOW)))
    assert [part.time for part in change.parts] == [b - a for a, b in zip(before, aged, strict=True)]
    assert [part.data for part in change.parts] == [c - b for b, c in zip(aged, fresh, strict=True)]
    assert [part.policy for part in change.parts] == [0] * 5
    assert (change.total.then, change.total.now) == (sum(before), sum(fresh))
    assert_adds_up(change)


def assert_adds_up(change: Change) -> None:
    for part in [*change.parts, change.total]:
        assert part.data + part.time + part.policy == part.change
        assert part.change == (part.now or 0) - (part.then or 0)
    assert sum(part.change for part in change.parts) == change.total.change


@hypothesis_settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(feeds=_stories(), late=_engagement, days=st.integers(1, 40), points=st.integers(0, 9))
def test_the_parts_add_up_with_late_rows_and_another_policy(
    feeds: oracle.Feeds, late: list[tuple[date, int, int, int, int]], days: int, points: int
) -> None:
    with transaction.atomic():
        customer = _load(feeds)
        score_day(THEN)
        for day, *counts in late:
            names = ("issues_tagged", "prs_generated", "prs_merged", "support_requests")
            make_engagement(customer, day, **dict(zip(names, counts, strict=True)))
        make_policy(activity_days=days, pr_days=days, support_days=days, nps_days=days, activity_points_per_day=points)
        score_day(NOW)
        assert_adds_up(compare(customer))
        transaction.set_rollback(True)
