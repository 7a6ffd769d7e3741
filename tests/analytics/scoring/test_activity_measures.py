"""What the SQL measures of a customer's activity: active days, counters and the last day."""

import pytest

from analytics.scoring.measure import day_totals
from tests.factories import make_customer, make_engagement
from tests.support.scoring import D, days_before, measured, old_customer

pytestmark = pytest.mark.django_db

LARGEST = 2_147_483_647


def test_the_rows_of_a_day_are_summed_and_the_day_counts_once() -> None:
    customer = old_customer()
    make_engagement(customer, D, issues_tagged=1, prs_generated=2)
    make_engagement(customer, D, issues_tagged=3, prs_merged=1)
    make_engagement(customer, D)
    make_engagement(customer, days_before(1), prs_rejected=1)
    make_engagement(customer, days_before(40), support_requests=1)
    found = measured()
    assert (found.issues_tagged, found.prs_generated, found.prs_merged) == (4, 2, 1)
    assert (found.prs_rejected, found.support_requests) == (1, 1)
    assert (found.active_days, found.days_active, found.last_active) == (2, 3, D)
    assert found.trend_now == 8
    assert found.trend_moment == 7 * 6 + 1 * 4


@pytest.mark.parametrize(
    "counter", ["issues_tagged", "prs_generated", "prs_merged", "prs_rejected", "support_requests"]
)
def test_any_counter_makes_a_day_active(counter: str) -> None:
    make_engagement(old_customer(), days_before(2), **{counter: 1})
    found = measured()
    assert (found.active_days, found.days_active, found.last_active) == (1, 1, days_before(2))
    assert (getattr(found, counter), found.trend_now) == (1, 0 if counter == "support_requests" else 1)


def test_a_row_of_zeros_is_no_activity() -> None:
    customer = old_customer()
    make_engagement(customer, D)
    make_engagement(customer, days_before(3), issues_tagged=1)
    found = measured()
    assert (found.active_days, found.days_active, found.last_active) == (1, 1, days_before(3))


def test_rows_after_the_date_are_ignored() -> None:
    customer = old_customer()
    make_engagement(customer, days_before(20), issues_tagged=1, prs_generated=1)
    make_engagement(
        customer,
        days_before(-1),
        issues_tagged=1,
        prs_generated=1,
        prs_merged=1,
        prs_rejected=1,
        support_requests=1,
    )
    found = measured()
    assert (found.issues_tagged, found.prs_generated, found.prs_merged) == (1, 1, 0)
    assert (found.prs_rejected, found.support_requests) == (0, 0)
    assert (found.days_active, found.last_active) == (1, days_before(20))


def test_totals_go_back_to_the_first_row() -> None:
    customer = old_customer()
    for days in (0, 31, 400):
        make_engagement(customer, days_before(days), prs_generated=2, prs_merged=1)
    found = measured()
    assert (found.prs_generated, found.prs_merged, found.days_active) == (6, 3, 3)
    assert (found.window_prs_generated, found.window_prs_merged) == (2, 1)


def test_active_days_are_told_apart_over_a_long_time() -> None:
    customer = make_customer(signup_date=days_before(364))
    for days in (3, 58, 59, 60, 61, 119, 120, 179, 180, 363, 364, 365):
        make_engagement(customer, days_before(days), issues_tagged=1)
        make_engagement(customer, days_before(days), prs_merged=1)
    found = measured()
    assert (found.days_active, found.active_days, found.last_active) == (12, 1, days_before(3))
    assert [week for week in range(52) if found.active_weeks >> week & 1] == [0, 26, 34, 35, 43, 51]


def test_large_counters_do_not_overflow() -> None:
    customer = old_customer()
    for _ in range(3):
        make_engagement(
            customer,
            D,
            issues_tagged=LARGEST,
            prs_generated=LARGEST,
            prs_merged=LARGEST,
            prs_rejected=LARGEST,
            support_requests=LARGEST,
        )
    make_engagement(customer, days_before(7), issues_tagged=LARGEST, support_requests=LARGEST)
    found = measured()
    assert (found.prs_generated, found.prs_merged, found.prs_rejected) == (6_442_450_941,) * 3
    assert (found.issues_tagged, found.support_requests) == (8_589_934_588,) * 2
    assert (found.window_prs_generated, found.window_prs_merged) == (6_442_450_941,) * 2
    assert found.window_support_requests == 8_589_934_588
    assert (found.trend_now, found.trend_before) == (4 * 3 * LARGEST, LARGEST)
    assert found.trend_moment == 6 * 4 * 3 * LARGEST
    assert day_totals(D)["prs_rejected"] == 6_442_450_941
