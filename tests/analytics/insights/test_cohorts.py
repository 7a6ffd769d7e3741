"""Cohorts: what is counted of a date by cohort and by signup month, and the figures made of it."""

from datetime import date

import pytest
from django.test import Client

from analytics.models import CohortDay, HealthStatus, Snapshot
from analytics.scoring.snapshots import score_day
from customers.models import Customer
from tests.factories import make_customer, make_engagement
from tests.support.cohorts import COHORT, MONTH, cohort_days, member, read, triangle
from tests.support.pages import links, main_part, names, table
from tests.support.scoring import D, days_before

pytestmark = pytest.mark.django_db


# --- The weeks of a customer ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days_after_signup", "weeks"),
    [([0], 0b1), ([6], 0b1), ([7], 0b10), ([13, 14], 0b110), ([-1], 0), ([-7, 0, 3, 21], 0b1001)],
)
def test_a_week_is_seven_days_from_the_signup_on(days_after_signup: list[int], weeks: int) -> None:
    customer = make_customer(signup_date=days_before(40))
    for days in days_after_signup:
        make_engagement(customer, days_before(40 - days), support_requests=1)
    make_engagement(customer, days_before(5))  # nothing was counted: no active day
    make_engagement(customer, days_before(-1), issues_tagged=1)  # after D
    score_day(D)
    assert Snapshot.objects.get().active_weeks == weeks


@pytest.mark.parametrize(
    ("days", "weeks"), [(363, 1 << 51), (364, 0), (7 * 62, 0), (7 * 63, 0), (7 * 64, 0), (7 * 65, 0)]
)
def test_the_first_year_is_kept(days: int, weeks: int) -> None:
    customer = make_customer(signup_date=days_before(500))
    make_engagement(customer, days_before(500 - days), prs_merged=1)
    score_day(D)
    assert Snapshot.objects.get().active_weeks == weeks


def test_many_rows_and_days_of_one_week_are_one_active_week() -> None:
    customer = make_customer(signup_date=days_before(20))
    for days in (20, 20, 19, 18, 9, 8):
        make_engagement(customer, days_before(days), issues_tagged=2)
    score_day(D)
    assert Snapshot.objects.get().active_weeks == 0b11


# --- What is counted --------------------------------------------------------------------------------------------


def test_everyone_each_cohort_and_each_month_has_a_row() -> None:
    rows = cohort_days(
        [
            member(score=80, days=3, generated=10, merged=9, weeks=0b111),
            member(score=45, status=HealthStatus.AT_RISK, weeks=0b001, signup_date=date(2025, 5, 1)),
            member(cohort="", score=90, status=HealthStatus.CHAMPION, days=6, generated=5, merged=1, weeks=0b010),
        ],
    )
    counted = [(row.by, row.name, row.size, row.onboarded, row.days_to_value, row.middle_days) for row in rows]
    assert counted == [
        ("all", "", 3, 2, 9, 9),
        ("cohort", "", 1, 1, 6, 12),
        ("cohort", "VIP", 2, 1, 3, 6),
        ("month", "2025-04", 2, 2, 9, 9),
        ("month", "2025-05", 1, 0, 0, None),
    ]
    assert [(row.score_sum, row.prs_generated, row.prs_merged) for row in rows] == [
        (215, 15, 10),
        (90, 5, 1),
        (125, 10, 9),
        (170, 15, 10),
        (45, 0, 0),
    ]
    assert [(row.champion, row.healthy, row.needs_attention, row.at_risk, row.inactive) for row in rows] == [
        (1, 1, 0, 1, 0),
        (1, 0, 0, 0, 0),
        (0, 1, 0, 1, 0),
        (1, 1, 0, 0, 0),
        (0, 0, 0, 1, 0),
    ]
    # Of whoever signed up on 1 May, ten days with D, one week has ended; of those of 20 April, 21 days, three.
    assert [row.weeks for row in rows] == [[2, 2, 1], [0, 1, 0], [2, 1, 1], [1, 2, 1], [1]]
    assert [row.old_enough for row in rows] == [[3, 2, 2], [1, 1, 1], [2, 1, 1], [2, 2, 2], [1]]


def test_a_day_that_is_not_known_is_in_no_time_to_value() -> None:
    members = [member(days=4), member(days=7), member(onboarded=True), member(onboarded=True), member()]
    CohortDay.objects.bulk_create(cohort_days(members))
    total = read().total
    assert (total.onboarded, total.onboarding_rate) == (4, 80)
    assert (total.median_days, total.mean_days, total.days_known) == ("5.5d", "5.5d", "of 2 of 4 onboarded")
    CohortDay.objects.all().delete()
    CohortDay.objects.bulk_create(cohort_days(members[2:]))
    total = read().total
    assert (total.median_days, total.mean_days, total.days_known) == (None, None, "of 0 of 2 onboarded")


def test_a_week_that_has_not_ended_is_in_no_cell_of_its_cohort() -> None:
    old, new = (make_customer(cohort="VIP", signup_date=days_before(days)) for days in (20, 8))
    for customer in (old, new):
        for days in (8, 0):  # of the new one in week 0, and in week 1, which has not ended
            make_engagement(customer, days_before(days), issues_tagged=1)
    score_day(D)
    # Of the old one the days 12 and 20 after the signup: weeks 1 and 2.
    assert triangle() == {"VIP": [(1, 2), (1, 1), (1, 1)]}


def test_a_cell_leads_to_those_old_enough_who_were_not_active(viewer: Client) -> None:
    make_customer(organization="Old", cohort="VIP", signup_date=days_before(13))
    make_customer(organization="New", cohort="VIP", signup_date=days_before(12))
    score_day(D)
    page = viewer.get("/admin/cohorts/")
    assert table(main_part(page), "retention") == [["VIP", "2", "0%", "0% of 1"]]
    first, second = links(page, "0%")[-1:], links(page, "0% of 1")
    assert names(viewer.get(*second)) == ["Old"]
    assert sorted(names(viewer.get(*first))) == ["New", "Old"]


@pytest.mark.parametrize(("days_ago", "ended"), [(0, 0), (5, 0), (6, 1), (12, 1), (13, 2), (363, 52), (400, 52)])
def test_a_week_counts_once_its_last_day_is_d(days_ago: int, ended: int) -> None:
    [everyone, _cohort, _month] = cohort_days([member(signup_date=days_before(days_ago), weeks=1)])
    assert everyone.weeks == [1, *[0] * (ended - 1)][:ended]


def test_of_nobody_nothing_is_kept() -> None:
    assert cohort_days([]) == []


def test_scoring_again_replaces_what_was_kept_of_that_date_only() -> None:
    customer = make_customer(signup_date=days_before(30), cohort="VIP")
    for day in (days_before(1), D):
        score_day(day)
    Customer.objects.update(cohort="Beta")
    make_customer(signup_date=days_before(1), cohort="Beta")
    score_day(D)
    kept = CohortDay.objects.filter(by=COHORT).order_by("date").values_list("date", "name", "size")
    assert list(kept) == [(days_before(1), "VIP", 1), (D, "Beta", 2)]
    assert customer.snapshots.count() == 2


# --- What is shown ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "median", "mean"),
    [
        ([], None, None),
        ([3], "3.0d", "3.0d"),
        ([3, 4], "3.5d", "3.5d"),
        ([1, 2, 9], "2.0d", "4.0d"),
        ([9, 1, 2, 2], "2.0d", "3.5d"),
        ([1, 1, 2, 3, 3, 3], "2.5d", "2.2d"),  # 13 / 6 is 2.17
        ([0, 0, 0, 1], "0.0d", "0.3d"),  # 0.25, half up
        ([-2, -1], "-1.5d", "-1.5d"),  # completed before the signup
    ],
)
def test_the_median_and_the_mean(days: list[int], median: str | None, mean: str | None) -> None:
    CohortDay.objects.bulk_create(cohort_days([member(), *(member(days=one) for one in days)]))
    total = read().total
    assert (total.median_days, total.mean_days) == (median, mean)


@pytest.mark.parametrize(
    ("merged", "generated", "rate"), [(0, 0, None), (1, 8, 13), (1, 3, 33), (9, 10, 90), (11, 10, 100)]
)
def test_the_success_rate(merged: int, generated: int, rate: int | None) -> None:
    CohortDay.objects.bulk_create(cohort_days([member(generated=generated, merged=merged)]))
    assert read().total.success_rate == rate


def test_percentages_and_the_mean_score_are_rounded_half_up() -> None:
    members = [member(score=score, days=days) for score, days in [(70, 1), *[(71, None)] * 7]]
    CohortDay.objects.bulk_create(cohort_days([*members[:2], *members[2:]]))
    total = read().total
    assert (total.onboarding_rate, total.mean_score) == (13, 71)  # 12.5 and 70.875
    CohortDay.objects.all().delete()
    CohortDay.objects.bulk_create(cohort_days([member(score=70), member(score=71)]))
    assert read().total.mean_score == 71


def test_cohorts_come_by_name_and_those_without_one_last() -> None:
    members = [member(cohort=cohort) for cohort in ("beta", "", "VIP", "Alpha", "Åse")]
    CohortDay.objects.bulk_create(cohort_days(members))
    assert [row.label for row in read().comparison] == ["Alpha", "beta", "VIP", "Åse", "No cohort"]


def test_months_come_in_their_order() -> None:
    members = [member(signup_date=day) for day in (date(2025, 2, 28), date(2024, 12, 31), date(2025, 1, 1))]
    CohortDay.objects.bulk_create(cohort_days(members))
    assert [row.label for row in read(MONTH).comparison] == ["Dec 2024", "Jan 2025", "Feb 2025"]


def test_the_triangle_has_a_cell_where_the_week_has_ended_for_anybody() -> None:
    members = [
        member(cohort="Old", signup_date=days_before(27), weeks=0b1011),
        member(cohort="Old", signup_date=days_before(20), weeks=0b001),
        member(cohort="New", signup_date=days_before(6), weeks=0b0),
        member(cohort="Newest", signup_date=days_before(5), weeks=0b1),
    ]
    CohortDay.objects.bulk_create(cohort_days(members))
    assert triangle() == {
        "New": [(0, 1), None, None, None],
        "Newest": [None, None, None, None],
        "Old": [(2, 2), (1, 2), (0, 2), (1, 1)],
    }
    overall = [(cell.active, cell.size, cell.percent) for cell in read().overall.cells if cell]
    assert overall == [(2, 3, 67), (1, 2, 50), (0, 2, 0), (1, 1, 100)]
    assert triangle(weeks=1)["Old"] == [(2, 2)]


@pytest.mark.parametrize(("active", "size", "shade"), [(0, 9, 0), (1, 1, 10), (1, 2, 5), (1, 20, 1), (19, 20, 10)])
def test_the_shade_of_a_cell(active: int, size: int, shade: int) -> None:
    members = [member(weeks=int(number < active)) for number in range(size)]
    CohortDay.objects.bulk_create(cohort_days(members))
    [cell, *_more] = read().overall.cells
    assert cell is not None
    assert cell.shade == shade
