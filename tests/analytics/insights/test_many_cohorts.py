"""The cohorts page of any program: filters, empty, hostile, many; and that it agrees with loops over the rows."""

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

from analytics.models import CohortDay, HealthStatus, PortfolioDay
from analytics.scoring.snapshots import score_day
from customers.models import Customer, Engagement, Step
from tests.factories import make_customer, make_day, make_engagement, make_onboarding, make_staff
from tests.support.cohorts import COHORT, MONTH, cohort_days, member, read, shown
from tests.support.pages import forget, links, main_part, names, notices, table, words
from tests.support.scoring import D, days_before
from tests.support.selection import examples_of_a_push

pytestmark = pytest.mark.django_db


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
    assert "No customers yet They appear here after the first import." in words(
        main_part(viewer.get("/admin/cohorts/"))
    )
    make_customer()
    assert "Nothing is scored yet" in words(main_part(viewer.get("/admin/cohorts/")))
    make_day(total=1)
    forget()
    assert "earlier version. Choose a later one." in words(main_part(viewer.get("/admin/cohorts/")))
    viewer.force_login(make_staff("Program manager"))
    said = "On the server, run manage.py score --as-of 2025-05-10 to count them."
    assert said in words(main_part(viewer.get("/admin/cohorts/")))
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
    CohortDay.objects.bulk_create(cohort_days([member(cohort=f"Cohort {number:03}") for number in range(200)]))
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
