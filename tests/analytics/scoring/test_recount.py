"""A few customers are counted again by themselves; where that may not be exact, everybody is."""

from datetime import date

import pytest

from analytics.models import CohortDay, PortfolioDay
from analytics.scoring.components import STEPS
from analytics.scoring.snapshots import score_customers, score_day
from analytics.scoring.tally import Tally, can_recount
from customers.core.sql import Row
from customers.models import Customer
from tests.factories import make_customer, make_engagement, make_onboarding, make_run
from tests.support.reporting import report_counters, report_step
from tests.support.scoring import D

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]

TODAY = date(2025, 5, 12)


@pytest.fixture
def portfolio() -> PortfolioDay:
    """Six customers of April in two cohorts, scored."""
    for number in range(6):
        one = make_customer(id=f"c{number}", cohort="AB"[number % 2], signup_date=date(2025, 4, 10))
        make_onboarding(one)
        make_engagement(one, date(2025, 5, 9), issues_tagged=1)
    return score_day(D)


def read(monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """The stored snapshots that are read from now on."""
    found: list[Row] = []
    add = Tally.add_stored

    def noted(self: Tally, row: Row) -> None:
        found.append(row)
        add(self, row)

    monkeypatch.setattr(Tally, "add_stored", noted)
    return found


def test_nobody_else_is_read(portfolio: PortfolioDay, monkeypatch: pytest.MonkeyPatch) -> None:
    report_counters(Customer.objects.get(pk="c0"), TODAY, issues_tagged=1, prs_generated=2, prs_merged=2)
    rows = read(monkeypatch)
    score_customers(D, ["c0"])
    assert len(rows) == 2
    portfolio.refresh_from_db()
    assert (portfolio.total, portfolio.prs_merged, portfolio.active_today, portfolio.so_far) == (6, 2, 1, 1)
    assert dict(CohortDay.objects.values_list("name", "prs_merged")) == {"": 2, "A": 2, "B": 0, "2025-04": 2}


def report_all_steps(key: str, day: date) -> None:
    for step in STEPS:
        report_step(Customer.objects.get(pk=key), day, step)
    score_customers(D, [key])


def test_the_median_of_the_days_to_value_is_that_of_all(portfolio: PortfolioDay) -> None:
    """10 April to 10 May, on which what is reported since counts, are 30 days; an earlier one moves the middle."""
    for key in ("c0", "c2"):
        report_all_steps(key, TODAY)
    report_all_steps("c1", date(2025, 4, 30))
    counted = CohortDay.objects.values_list("name", "days_known", "middle_days")
    found = {name: (known, middle) for name, known, middle in counted}
    score_day(D)
    assert found == {name: (known, middle) for name, known, middle in counted.all()}
    assert found == {"": (3, 60), "A": (2, 60), "B": (1, 40), "2025-04": (3, 60)}


def test_everybody_is_counted_where_the_counts_may_be_of_others(portfolio: PortfolioDay) -> None:
    assert can_recount(portfolio, 3)
    assert not can_recount(portfolio, 4)  # most of them
    make_run(feed="engagement")
    assert can_recount(portfolio, 1)
    portfolio.erased = 1
    assert not can_recount(portfolio, 1)
    portfolio.erased = 0
    # By the API: those before the last ingest are counted, as everybody was then.
    portfolio.last_api_run = make_run(feed="customers", scope="partial").pk
    assert can_recount(portfolio, 1)
    portfolio.last_api_run -= 1
    assert not can_recount(portfolio, 1)


def test_a_customer_who_has_another_cohort_since_is_counted_there(
    portfolio: PortfolioDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(feed="customers")
    Customer.objects.filter(pk="c0").update(cohort="B")
    rows = read(monkeypatch)
    score_customers(D, ["c2"])
    assert len(rows) == 6
    sizes = dict(CohortDay.objects.values_list("name", "size"))
    assert sizes == {"": 6, "A": 2, "B": 4, "2025-04": 6}
