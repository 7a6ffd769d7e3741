"""The cohorts page: what is counted of a date by cohort and by signup month, and how the page shows it."""

from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from analytics.insights.cohorts import Cohorts, cohort_comparison
from analytics.models import CohortDay, HealthStatus, PortfolioDay, Snapshot
from analytics.scoring.cohort_days import Member, cohort_days
from analytics.scoring.snapshots import score_day
from customers.models import Customer, Engagement, Step
from tests.factories import make_customer, make_day, make_engagement, make_onboarding, make_staff
from tests.support.pages import forget, links, main_part, names, notices, table, words
from tests.support.selection import examples_of_a_push

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
ALL, COHORT, MONTH = CohortDay.By


@pytest.fixture
def viewer(client: Client, today_is: Callable[[date], None]) -> Client:
    today_is(D)
    client.force_login(make_staff("Viewer"))
    return client


def days_before(days: int) -> date:
    """D - days."""
    return D - timedelta(days=days)


def read(by: CohortDay.By = COHORT, weeks: int = 12, page: str | None = None) -> Cohorts:
    """What the page shows of D."""
    found = cohort_comparison(D, by, weeks, page)
    assert found is not None
    return found


def triangle(by: CohortDay.By = COHORT, weeks: int = 12) -> dict[str, list[tuple[int, int] | None]]:
    """The cells of D: how many of how many, by the row's label."""
    return {row.label: [cell and (cell.active, cell.size) for cell in row.cells] for row in read(by, weeks).retention}


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


def member(**overrides: Any) -> Member:
    """A member who signed up 20 days before D, so that two weeks have ended."""
    values = {
        "cohort": "VIP",
        "signup_date": days_before(20),
        "score": 75,
        "status": HealthStatus.HEALTHY,
        "days": None,
        "generated": 0,
        "merged": 0,
        "weeks": 0,
        **overrides,
    }
    ended = min(((D - values["signup_date"]).days + 1) // 7, 52)
    values["weeks"] &= 2**ended - 1
    return Member(**{"onboarded": values["days"] is not None, "ended": ended, **values})


def test_everyone_each_cohort_and_each_month_has_a_row() -> None:
    rows = cohort_days(
        D,
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
    CohortDay.objects.bulk_create(cohort_days(D, members))
    total = read().total
    assert (total.onboarded, total.onboarding_rate) == (4, 80)
    assert (total.median_days, total.mean_days, total.days_known) == ("5.5d", "5.5d", "of 2 of 4 onboarded")
    CohortDay.objects.all().delete()
    CohortDay.objects.bulk_create(cohort_days(D, members[2:]))
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
    [everyone, _cohort, _month] = cohort_days(D, [member(signup_date=days_before(days_ago), weeks=1)])
    assert everyone.weeks == [1, *[0] * (ended - 1)][:ended]


def test_of_nobody_nothing_is_kept() -> None:
    assert cohort_days(D, []) == []


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
    CohortDay.objects.bulk_create(cohort_days(D, [member(), *(member(days=one) for one in days)]))
    total = read().total
    assert (total.median_days, total.mean_days) == (median, mean)


@pytest.mark.parametrize(
    ("merged", "generated", "rate"), [(0, 0, None), (1, 8, 13), (1, 3, 33), (9, 10, 90), (11, 10, 100)]
)
def test_the_success_rate(merged: int, generated: int, rate: int | None) -> None:
    CohortDay.objects.bulk_create(cohort_days(D, [member(generated=generated, merged=merged)]))
    assert read().total.success_rate == rate


def test_percentages_and_the_mean_score_are_rounded_half_up() -> None:
    members = [member(score=score, days=days) for score, days in [(70, 1), *[(71, None)] * 7]]
    CohortDay.objects.bulk_create(cohort_days(D, [*members[:2], *members[2:]]))
    total = read().total
    assert (total.onboarding_rate, total.mean_score) == (13, 71)  # 12.5 and 70.875
    CohortDay.objects.all().delete()
    CohortDay.objects.bulk_create(cohort_days(D, [member(score=70), member(score=71)]))
    assert read().total.mean_score == 71


def test_cohorts_come_by_name_and_those_without_one_last() -> None:
    members = [member(cohort=cohort) for cohort in ("beta", "", "VIP", "Alpha", "Åse")]
    CohortDay.objects.bulk_create(cohort_days(D, members))
    assert [row.label for row in read().comparison] == ["Alpha", "beta", "VIP", "Åse", "No cohort"]


def test_months_come_in_their_order() -> None:
    members = [member(signup_date=day) for day in (date(2025, 2, 28), date(2024, 12, 31), date(2025, 1, 1))]
    CohortDay.objects.bulk_create(cohort_days(D, members))
    assert [row.label for row in read(MONTH).comparison] == ["Dec 2024", "Jan 2025", "Feb 2025"]


def test_the_triangle_has_a_cell_where_the_week_has_ended_for_anybody() -> None:
    members = [
        member(cohort="Old", signup_date=days_before(27), weeks=0b1011),
        member(cohort="Old", signup_date=days_before(20), weeks=0b001),
        member(cohort="New", signup_date=days_before(6), weeks=0b0),
        member(cohort="Newest", signup_date=days_before(5), weeks=0b1),
    ]
    CohortDay.objects.bulk_create(cohort_days(D, members))
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
    CohortDay.objects.bulk_create(cohort_days(D, members))
    [cell, *_more] = read().overall.cells
    assert cell is not None
    assert cell.shade == shade


# --- The page ---------------------------------------------------------------------------------------------------


def test_the_two_filters_are_there_on_request_only(viewer: Client) -> None:
    make_engagement(make_customer(organization="April", signup_date=date(2025, 4, 30)), D, issues_tagged=1)
    make_customer(organization="May", signup_date=date(2025, 5, 1))
    make_customer(organization="Also May", signup_date=date(2025, 5, 10))
    score_day(D)
    assert "Signup month" not in viewer.get("/admin/").text
    assert set(names(viewer.get("/admin/?signup=2025-05"))) == {"May", "Also May"}
    assert names(viewer.get("/admin/?signup=2025-04&quiet_week=0")) == ["April"]
    assert names(viewer.get("/admin/?signup=2025-04&quiet_week=1")) == []
    for wrong in ("2025-13", "May", "0000-01", "2025-5", "2025-05-01", "%00"):
        page = viewer.get(f"/admin/?signup={wrong}")
        assert page.status_code == 200
        assert "Write a month as 2025-05." in page.text or "Null characters" in page.text
    for wrong in ("-1", "52", "1.5", "x", "99999999999999999999", "NaN"):
        page = viewer.get(f"/admin/?quiet_week={wrong}")
        assert page.status_code == 200
        assert any(notice.startswith("Not active in week:") for notice in notices(page))


def test_without_customers_or_scores_the_page_says_what_to_do(viewer: Client) -> None:
    assert "No customers yet Run manage.py nightly" in words(main_part(viewer.get("/admin/cohorts/")))
    make_customer()
    assert "Nothing is scored yet" in words(main_part(viewer.get("/admin/cohorts/")))
    make_day(total=1)
    forget()
    assert "Run manage.py score --as-of 2025-05-10 to count them." in words(main_part(viewer.get("/admin/cohorts/")))
    PortfolioDay.objects.update(total=0, scored_at=timezone.now())
    forget()
    assert "Nobody had signed up by this date" in words(main_part(viewer.get("/admin/cohorts/")))


def test_one_customer_without_a_cohort(viewer: Client) -> None:
    make_customer(signup_date=D)
    score_day(D)
    html = main_part(viewer.get("/admin/cohorts/"))
    assert [row[:4] for row in table(html, "comparison")] == [
        ["No cohort", "1", "0%", "–"],
        ["All customers", "1", "0%", "–"],
    ]
    assert "No week after signup has ended yet" in html
    assert len(names(viewer.get("/admin/?cohort=+"))) == 1


def test_hostile_and_long_names_stay_text(viewer: Client) -> None:
    hostile = [
        "<script>x</script>",
        "C" * 100,
        "شركة النخيل",
        "a&status=at_risk",
        'q"q',
        "\N{RIGHT-TO-LEFT OVERRIDE}abc",
    ]
    for name in hostile:
        make_customer(cohort=name, signup_date=days_before(10))
    score_day(D)
    page = viewer.get("/admin/cohorts/")
    shown = [row[0] for row in table(main_part(page), "comparison")]
    assert set(shown) == {*hostile, "All customers"}
    assert "<script>x" not in page.text
    for address in links(page, "1"):
        assert len(names(viewer.get(address))) == 1, address


def test_two_hundred_cohorts_have_pages(viewer: Client) -> None:
    CohortDay.objects.bulk_create(cohort_days(D, [member(cohort=f"Cohort {number:03}") for number in range(200)]))
    make_day(total=200)
    page = viewer.get("/admin/cohorts/?page=2")
    shown = table(main_part(page), "comparison")
    assert (len(shown), shown[0][0], shown[-1][:2]) == (51, "Cohort 050", ["All customers", "200"])
    assert "51–100 of 200 Previous Next" in words(main_part(page))
    assert links(page, "Next") == ["?page=3"]


def test_the_number_of_queries_does_not_grow(viewer: Client) -> None:
    counts = []
    for number in (1, 30):
        for one in range(number):
            make_engagement(make_customer(cohort=f"{number} {one}", signup_date=days_before(30 * one)), D)
        score_day(D)
        viewer.get("/admin/cohorts/")
        with CaptureQueriesContext(connection) as queries:
            assert viewer.get("/admin/cohorts/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15


# --- The same by loops ------------------------------------------------------------------------------------------


def half_up(number: Fraction) -> int:
    return (2 * number + 1).numerator // (2 * number + 1).denominator // 2 if number >= 0 else -half_up(-number)


def naive(members: list[Customer], day: date) -> dict[str, Any]:
    """The figures of some customers, by loops over the rows."""
    snapshots = [customer.snapshots.get(date=day) for customer in members]
    rows = [row for customer in members for row in customer.engagement_set.all() if row.date <= day]
    days = sorted((one.completed_on - one.customer.signup_date).days for one in snapshots if one.completed_on)
    generated, merged = sum(row.prs_generated for row in rows), sum(row.prs_merged for row in rows)
    cells = []
    for week in range(52):
        spans = {
            one.pk: (one.signup_date + timedelta(7 * week), one.signup_date + timedelta(7 * week + 6))
            for one in members
        }
        spans = {key: (first, last) for key, (first, last) in spans.items() if last <= day}
        if not spans:
            break
        active = {
            row.customer_id
            for row in rows
            if row.customer_id in spans
            and spans[row.customer_id][0] <= row.date <= spans[row.customer_id][1]
            and any(getattr(row, name) > 0 for name in Engagement.COUNTERS)
        }
        cells.append((len(active), len(spans)))
    middle = [days[(len(days) - 1) // 2], days[len(days) // 2]] if days else []
    return {
        "size": len(members),
        "onboarding_rate": half_up(Fraction(100 * sum(one.onboarded for one in snapshots), len(members))),
        "median": float(Fraction(sum(middle), 2)) if days else None,
        "mean": half_up(Fraction(10 * sum(days), len(days))) / 10 if days else None,
        "mean_score": half_up(Fraction(sum(one.score for one in snapshots), len(members))),
        "health": {status: sum(1 for one in snapshots if one.status == status) for status in HealthStatus.values},
        "success_rate": min(half_up(Fraction(100 * merged, generated)), 100) if generated else None,
        "cells": cells,
    }


def shown(found: Cohorts) -> dict[str, dict[str, Any]]:
    """What the page's rows say, by label, in the words of ``naive``."""

    def number(text: str | None) -> float | None:
        return None if text is None else float(text.removesuffix("d"))

    return {
        row.label: {
            "size": row.size,
            "onboarding_rate": row.onboarding_rate,
            "median": number(row.median_days),
            "mean": number(row.mean_days),
            "mean_score": row.mean_score,
            "health": {share.key: share.count for share in row.health},
            "success_rate": row.success_rate,
            "cells": [(cell.active, cell.size) for cell in cells.cells if cell],
        }
        for row, cells in zip(found.comparison, found.retention, strict=True)
    }


counters = st.integers(0, 3)
activity = st.tuples(st.integers(-9, 80), counters, counters, counters, st.sampled_from([0, 0, 1]))
UNKNOWN = -1
people = st.tuples(
    st.sampled_from(["", "VIP", "vip", "Beta"]),
    st.integers(0, 75),
    st.none() | st.just(UNKNOWN) | st.integers(0, 40),
    st.lists(activity, max_size=6),
)


@hypothesis_settings(
    max_examples=examples_of_a_push(40),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(program=st.lists(people, min_size=1, max_size=7))
def test_the_page_agrees_with_loops_over_the_rows(program: list[Any]) -> None:
    with transaction.atomic():
        for cohort, signed_up_ago, completed_after, rows in program:
            customer = make_customer(cohort=cohort, signup_date=days_before(signed_up_ago))
            known = completed_after not in (None, UNKNOWN)
            completed = customer.signup_date + timedelta(days=completed_after) if known else None
            flags = dict.fromkeys(Step.values, completed_after == UNKNOWN)
            make_onboarding(customer, completed_date=completed, **flags)
            for after, issues, generated, merged, support in rows:
                day = customer.signup_date + timedelta(days=after)
                values = {"issues_tagged": issues, "prs_generated": generated, "prs_merged": merged}
                make_engagement(customer, day, **values, support_requests=support)
        score_day(D)
        everyone = list(Customer.objects.all())
        by_cohort: dict[str, list[Customer]] = {}
        by_month: dict[str, list[Customer]] = {}
        for customer in everyone:
            by_cohort.setdefault(customer.cohort or "No cohort", []).append(customer)
            by_month.setdefault(f"{customer.signup_date:%b %Y}", []).append(customer)
        for by, groups in ((COHORT, by_cohort), (MONTH, by_month)):
            found = read(by, weeks=52)
            assert shown(found) == {name: naive(members, D) for name, members in groups.items()}
            assert found.total.size == len(everyone)
        transaction.set_rollback(True)
