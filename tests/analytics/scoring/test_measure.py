"""What the SQL measures of a customer: who is measured, the exact borders of every window, feedback and day totals."""

from datetime import date
from typing import Any

import pytest

from analytics.models import ScoringPolicy
from analytics.scoring import measure as measuring
from analytics.scoring.components import Measures
from analytics.scoring.measure import View, day_totals, measure, measure_one
from analytics.scoring.measure_sql import Whom, measure_sql
from customers.core.sql import execute, fetch, group_in_memory, is_postgres, table_of
from customers.models import Customer, Engagement, Event, Feedback, Onboarding
from tests.factories import make_customer, make_engagement, make_event, make_feedback, make_onboarding
from tests.support.scoring import LONG_AGO, D, days_before, measured, old_customer

pytestmark = pytest.mark.django_db


# --- Who is measured --------------------------------------------------------------------------------------------


def test_a_customer_with_nothing_at_all() -> None:
    make_customer(id="c7", signup_date=date(2025, 5, 1), status="trial")
    assert measured() == Measures(
        customer_id="c7",
        csv_status="trial",
        cohort="",
        signup_date=date(2025, 5, 1),
        completed_date=None,
        blocker_type="",
        step_dates={},
        issues_tagged=0,
        prs_generated=0,
        prs_merged=0,
        prs_rejected=0,
        support_requests=0,
        days_active=0,
        last_active=None,
        active_days=0,
        window_prs_generated=0,
        window_prs_merged=0,
        window_support_requests=0,
        csat_sum=0,
        csat_count=0,
        nps_answer=None,
        trend_now=0,
        trend_before=0,
        trend_moment=0,
    )


def test_customers_are_those_signed_up_by_the_date_in_the_order_of_their_keys() -> None:
    for key, signed_up in (("c9", D), ("c10", days_before(1)), ("C9", LONG_AGO), ("c8", days_before(-1))):
        make_customer(id=key, signup_date=signed_up)
    assert [found.customer_id for found in measure(D, ScoringPolicy())] == ["C9", "c10", "c9"]


def test_without_any_customer_nothing_is_measured() -> None:
    assert list(measure(D, ScoringPolicy())) == []


def test_each_customer_has_its_own_rows() -> None:
    one, other = old_customer(id="c1"), old_customer(id="c2")
    make_engagement(one, D, issues_tagged=1)
    make_engagement(other, D, issues_tagged=20)
    make_feedback(other, D, nps=3, csat=2)
    make_onboarding(one, account_created=True)
    make_event(other, D, "account_created")
    first, second = measure(D, ScoringPolicy())
    assert (first.issues_tagged, first.nps_answer, first.csat_count) == (1, None, 0)
    assert first.step_dates == {"account_created": LONG_AGO}
    assert (second.issues_tagged, second.nps_answer, second.csat_sum, second.csat_count) == (20, 3, 2, 1)
    assert second.step_dates == {}


def test_several_engagement_and_feedback_rows_and_events_do_not_multiply_each_other() -> None:
    customer = old_customer()
    make_onboarding(customer, account_created=True, blocker_type="sso_login", completed_date=date(2025, 5, 12))
    for _ in range(3):
        make_engagement(customer, D, prs_generated=2, prs_merged=1, support_requests=1)
        make_feedback(customer, D, nps=9, csat=4)
        make_event(customer, D, "account_created")
    found = measured()
    assert (found.prs_generated, found.prs_merged, found.support_requests) == (6, 3, 3)
    assert (found.csat_sum, found.csat_count, found.nps_answer) == (12, 3, 9)
    assert (found.blocker_type, found.completed_date) == ("sso_login", date(2025, 5, 12))


# --- Windows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "inside"), [(-1, False), (0, True), (1, True), (6, True), (7, False), (8, False)])
def test_active_days_are_of_the_7_days_to_the_date(days: int, inside: bool) -> None:
    make_engagement(old_customer(), days_before(days), issues_tagged=1)
    assert measured().active_days == int(inside)


@pytest.mark.parametrize(("days", "inside"), [(-1, False), (0, True), (29, True), (30, False)])
def test_prs_are_of_the_30_days_to_the_date(days: int, inside: bool) -> None:
    make_engagement(old_customer(), days_before(days), prs_generated=5, prs_merged=3)
    found = measured()
    assert (found.window_prs_generated, found.window_prs_merged) == ((5, 3) if inside else (0, 0))


@pytest.mark.parametrize(("days", "inside"), [(-1, False), (0, True), (29, True), (30, False)])
def test_support_requests_are_of_the_30_days_to_the_date(days: int, inside: bool) -> None:
    make_engagement(old_customer(), days_before(days), support_requests=4)
    assert measured().window_support_requests == (4 if inside else 0)


@pytest.mark.parametrize(("days", "inside"), [(-1, False), (0, True), (89, True), (90, False)])
def test_csat_is_of_the_90_days_to_the_date(days: int, inside: bool) -> None:
    make_feedback(old_customer(), days_before(days), csat=4)
    found = measured()
    assert (found.csat_sum, found.csat_count) == ((4, 1) if inside else (0, 0))


@pytest.mark.parametrize(("days", "inside"), [(-1, False), (0, True), (179, True), (180, False)])
def test_nps_is_of_the_180_days_to_the_date(days: int, inside: bool) -> None:
    make_feedback(old_customer(), days_before(days), nps=8)
    assert measured().nps_answer == (8 if inside else None)


@pytest.mark.parametrize(
    ("days", "now", "before"),
    [(-1, 0, 0), (0, 10, 0), (6, 10, 0), (7, 0, 10), (13, 0, 10), (14, 0, 0)],
)
def test_the_trend_compares_7_days_with_the_7_before(days: int, now: int, before: int) -> None:
    make_engagement(
        old_customer(),
        days_before(days),
        issues_tagged=1,
        prs_generated=2,
        prs_merged=3,
        prs_rejected=4,
        support_requests=5,
    )
    found = measured()
    assert (found.trend_now, found.trend_before) == (now, before)


@pytest.mark.parametrize(
    ("days", "weight"), [(-1, 0), (0, 6), (1, 4), (2, 2), (3, 0), (4, -2), (5, -4), (6, -6), (7, 0)]
)
def test_the_moment_weighs_each_day_by_its_distance_from_the_middle(days: int, weight: int) -> None:
    make_engagement(old_customer(), days_before(days), issues_tagged=1, support_requests=9)
    assert measured().trend_moment == weight


def test_engagement_before_signup_counts_0_in_the_slope_and_there_alone() -> None:
    customer = make_customer(signup_date=date(2025, 5, 6))
    make_engagement(customer, date(2025, 5, 5), issues_tagged=7)
    make_engagement(customer, date(2025, 5, 6), issues_tagged=1)
    found = measured()
    assert found.trend_moment == -2
    assert (found.issues_tagged, found.active_days, found.trend_now) == (8, 2, 8)


@pytest.mark.parametrize(("signup", "moment"), [(date(2025, 5, 4), -42), (date(2025, 5, 5), 0)])
def test_the_slope_begins_with_the_signup_where_it_is_in_the_window(signup: date, moment: int) -> None:
    """The seven days begin on 4 May, whose weight is -6."""
    customer = make_customer(signup_date=signup)
    make_engagement(customer, date(2025, 5, 4), issues_tagged=7)
    view = View(D, ScoringPolicy.objects.get(), D)
    assert [one.trend_moment for one in (measured(), *measure_one(customer, [view]))] == [moment, moment]


def test_without_engagement_since_signup_the_slope_is_0() -> None:
    make_engagement(make_customer(signup_date=date(2025, 5, 6)), date(2025, 5, 5), issues_tagged=7)
    assert (measured().trend_moment, measured().trend_now) == (0, 7)


@pytest.mark.parametrize(
    ("policy", "days", "name", "default", "longer"),
    [
        ("activity_days", 7, "active_days", 0, 1),
        ("pr_days", 30, "window_prs_generated", 0, 5),
        ("pr_days", 30, "window_prs_merged", 0, 3),
        ("support_days", 30, "window_support_requests", 0, 2),
        ("csat_days", 90, "csat_sum", 0, 4),
        ("csat_days", 90, "csat_count", 0, 1),
        ("nps_days", 180, "nps_answer", None, 8),
        ("trend_days", 7, "trend_now", 0, 8),
        ("trend_days", 14, "trend_before", 0, 8),
    ],
)
def test_the_policy_sets_the_windows(policy: str, days: int, name: str, default: Any, longer: int) -> None:
    customer = old_customer()
    make_engagement(customer, days_before(days), prs_generated=5, prs_merged=3, support_requests=2)
    make_feedback(customer, days_before(days), nps=8, csat=4)
    one_more = getattr(ScoringPolicy(), policy) + 1
    assert getattr(measured(), name) == default
    assert getattr(measured(**{policy: one_more}), name) == longer


@pytest.mark.parametrize(("days", "weight"), [(0, 4), (2, 0), (4, -4), (5, 0)])
def test_the_policy_sets_the_days_of_the_slope(days: int, weight: int) -> None:
    make_engagement(old_customer(), days_before(days), issues_tagged=1)
    assert measured(trend_days=5).trend_moment == weight


# --- Feedback ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "nps"),
    [
        ([("f2", 1, 3), ("f1", 0, 8)], 8),  # the newer day, whatever the ids
        ([("f101", 0, 3), ("f99", 0, 8)], 8),  # of one day the greatest id, byte by byte: "9" is after "1"
        ([("f99", 0, 8), ("f101", 0, 3)], 8),
        ([("fZ", 0, 3), ("fa", 0, 8)], 8),  # small letters come after all capital ones
        ([("f1", 0, 3), ("f10", 0, 8)], 8),
        ([("f-1", 0, 3), ("f.1", 0, 8), ("F2", 0, 4)], 8),
        ([("f1", 0, 0), ("f0", 3, 8)], 0),
    ],
)
def test_the_newest_nps_counts(answers: list[tuple[str, int, int]], nps: int) -> None:
    customer = old_customer()
    for key, days, answer in answers:
        make_feedback(customer, days_before(days), id=key, nps=answer)
    assert measured().nps_answer == nps


def test_an_answer_without_nps_hides_no_older_one_and_adds_to_csat_alone() -> None:
    customer = old_customer()
    make_feedback(customer, days_before(60), nps=9)
    make_feedback(customer, days_before(50), csat=2)
    make_feedback(customer, days_before(40), nps=7, csat=5)
    make_feedback(customer, days_before(30), csat=4)
    found = measured()
    assert found.nps_answer == 7
    assert (found.csat_sum, found.csat_count) == (11, 3)


def test_an_nps_after_the_date_does_not_hide_the_one_before() -> None:
    customer = old_customer()
    make_feedback(customer, days_before(-1), nps=1)
    make_feedback(customer, D, nps=9)
    assert measured().nps_answer == 9


# --- The portfolio's day ----------------------------------------------------------------------------------------


def test_the_day_totals_are_of_that_day_alone() -> None:
    one, other = old_customer(), make_customer(signup_date=D)
    to_come = make_customer(signup_date=days_before(-1))
    for day in (days_before(1), D, days_before(-1)):
        make_engagement(one, day, issues_tagged=1, prs_generated=2, prs_merged=3, prs_rejected=4, support_requests=5)
    make_engagement(other, D, issues_tagged=10)
    make_engagement(to_come, D, issues_tagged=100)
    assert day_totals(D) == {
        "issues_tagged": 11,
        "prs_generated": 2,
        "prs_merged": 3,
        "prs_rejected": 4,
        "support_requests": 5,
    }


def test_a_day_without_engagement_has_totals_of_0() -> None:
    assert set(day_totals(D).values()) == {0}


@pytest.mark.django_db
def test_a_table_that_seems_empty_is_not_joined_row_by_row() -> None:
    """As after a first load, where the planner has last looked at the tables when they were empty."""
    if not is_postgres():
        pytest.skip("SQLite's planner keeps no statistics")
    for model in (Customer, Engagement, Onboarding, Feedback, Event):
        execute(f"ANALYZE {table_of(model)}")
    policy = ScoringPolicy.objects.get()
    group_in_memory()
    plan = fetch(f"EXPLAIN {measure_sql(policy)}", measuring._parameters(D, policy, D))
    joins = [line for (line,) in plan if "Join" in line or "Nested Loop" in line]
    assert joins
    assert not [line for line in joins if "Nested Loop" in line]


@pytest.mark.django_db
@pytest.mark.parametrize("whom", [Whom.EVERYBODY, Whom.RANGE])
def test_engagement_is_grouped_by_an_index_alone(whom: Whom) -> None:
    """Where PostgreSQL sorts what it groups: with one more column of engagement it would sort all of its rows."""
    if not is_postgres():
        pytest.skip("SQLite's plans are tested with its pages")
    policy = ScoringPolicy.objects.get()
    execute("SET LOCAL enable_hashagg = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    parameters = {**measuring._parameters(D, policy, D), "first": "a", "last": "c"}
    plan = "\n".join(line for (line,) in fetch(f"EXPLAIN {measure_sql(policy, whom)}", parameters))
    assert "Index Only Scan using engagement_customer_date on customers_engagement e " in plan
    assert "Sort Key: e.customer_id" not in plan
