"""What is stored of the worklist is what its rule says, whatever was scored, forecast or removed, in any order."""

from collections.abc import Callable
from datetime import date, timedelta
from types import SimpleNamespace
from typing import TypeAlias, cast

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from analytics.forecast.evidence import Evidence
from analytics.forecast.forecasting import TARGETS, Forecaster, Forecasts
from analytics.forecast.store import store_day
from analytics.models import Forecast, PortfolioDay, ReachedMilestones, Snapshot, UrgentCustomer
from analytics.page_cache.version import DataVersion
from analytics.portfolio.comparison import comparison_day
from analytics.portfolio.milestones import BITS, Milestone, counts_of_week
from analytics.retention import delete_dates
from analytics.scoring.measure_sql import CONCERNED
from analytics.scoring.signals import health_stored
from analytics.scoring.snapshots import score_customers, score_day
from analytics.urgency.stored import KEPT, keep_newest, urgent_rows
from customers.core.sql import fetch
from customers.erasure.erase import erase
from customers.models import Customer, Engagement, Onboarding
from tests.factories import make_customer, make_day, make_engagement, make_onboarding, make_snapshot
from tests.support.reporting import report_counters
from tests.support.scoring import D, make_acme
from tests.support.selection import examples_of_a_push
from tests.support.urgency import assert_stored_as_the_rule_says, stored

pytestmark = pytest.mark.django_db
KEYS = ("c1001", "c2", "c3", "c4")
DAYS = st.sampled_from([0, 1, 6, 7, 8, 10]).map(lambda days: D - timedelta(days=days))
Step: TypeAlias = Callable[[], object]


@pytest.fixture(autouse=True)
def all_days_are_past(today_is: Callable[[date], None]) -> None:
    today_is(D + timedelta(days=3))


def customers() -> None:
    """One at risk, one away, one in its first days on a later date, and one who is blocked."""
    make_acme()
    for key, days in (("c2", 60), ("c3", 10), ("c4", 60)):
        made = make_customer(id=key, signup_date=D - timedelta(days=days))
        make_onboarding(made, blocker_type="sso_login" if key == "c4" else "")


def forecast(day: date, chances: dict[str, float]) -> None:
    """Store that customers go quiet with such probabilities, and nothing of the other target."""
    keys = sorted(chances.keys() & set(Customer.objects.values_list("pk", flat=True)))
    nothing = Evidence(0, 0, None)
    said = [Forecasts(TARGETS[0], None, nothing, keys, [[1.0]] * len(keys), [chances[key] for key in keys])]
    said += [Forecasts(target, None, nothing, (), (), ()) for target in TARGETS[1:]]
    store_day(cast("Forecaster", SimpleNamespace(forecast=lambda _day: said)), day, D)


def stored_milestones() -> dict[str, list[Milestone]]:
    rows = ReachedMilestones.objects.values_list("customer_id", "reached")
    return {key: [one for one, bit in BITS.items() if reached & bit] for key, reached in rows}


def score_some(day: date, keys: set[str]) -> None:
    if PortfolioDay.objects.filter(pk=day).exists():
        score_customers(day, keys & set(Customer.objects.values_list("pk", flat=True)))


def expire(day: date) -> None:
    newest = PortfolioDay.objects.newest()
    older = PortfolioDay.objects.filter(date=day, date__lt=newest.date if newest else day)
    delete_dates(list(older.values_list("date", flat=True)))


def work(key: str, day: date) -> None:
    """Work that lifts the score, on a day of which there is no row yet."""
    for customer in Customer.objects.filter(pk=key):
        if not Engagement.objects.filter(customer=customer, date=day).exists():
            make_engagement(customer, day, prs_generated=2, prs_merged=2, issues_tagged=3)


def leave(key: str) -> None:
    if Customer.objects.filter(pk=key).exists():
        erase(key, "ada")


STEPS: st.SearchStrategy[Step] = st.one_of(
    DAYS.map(lambda day: lambda: score_day(day)),
    st.tuples(DAYS, st.sets(st.sampled_from(KEYS))).map(lambda drawn: lambda: score_some(*drawn)),
    st.tuples(DAYS, st.dictionaries(st.sampled_from(KEYS), st.sampled_from([0.2, 0.494, 0.5, 0.9]))).map(
        lambda drawn: lambda: forecast(*drawn)
    ),
    st.tuples(st.sampled_from(KEYS), DAYS).map(lambda drawn: lambda: work(*drawn)),
    st.sampled_from(KEYS).map(lambda key: lambda: leave(key)),
    DAYS.map(lambda day: lambda: expire(day)),
)


@hypothesis_settings(
    max_examples=examples_of_a_push(40), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(STEPS, min_size=2, max_size=7))
def test_after_whatever_was_stored_in_whatever_order(steps: list[Step]) -> None:
    with transaction.atomic():
        customers()
        for step in steps:
            step()
            assert_stored_as_the_rule_says()
        transaction.set_rollback(True)


def test_who_is_likely_to_go_quiet_comes_in_with_the_forecast() -> None:
    customers()
    score_day(D)
    work("c3", D)
    score_day(D)
    keys = [key for key, *_rest in stored()]
    quiet = sorted(set(KEYS) - set(keys))[0]
    forecast(D, {quiet: 0.5})
    assert [(row[0], row[2]) for row in assert_stored_as_the_rule_says() if row[0] not in keys] == [(quiet, 4)]


def test_an_older_date_is_worked_out_and_does_not_change_what_is_stored() -> None:
    customers()
    score_day(D)
    newest = stored()
    assert newest
    older = score_day(D - timedelta(days=3))
    assert stored() == newest
    assert urgent_rows(older, None).model is Snapshot
    assert urgent_rows(older, None).count() > 0


def test_a_date_to_compare_with_that_is_scored_late_counts_at_once() -> None:
    """70 by the work of a week ago, which is 15 or more above the score of now: dropped, severity 2 or worse."""
    customers()
    score_day(D)
    day = PortfolioDay.objects.get(pk=D)
    assert (day.urgency_stored, day.urgency_before) == (True, None)
    work("c1001", D - timedelta(days=7))
    score_day(D - timedelta(days=7))
    assert_stored_as_the_rule_says()
    day.refresh_from_db()
    assert day.urgency_before == D - timedelta(days=7)


def test_without_the_date_it_was_made_against_it_is_worked_out() -> None:
    customers()
    week_ago = score_day(D - timedelta(days=7))
    score_day(D)
    newest = PortfolioDay.objects.get(pk=D)
    assert urgent_rows(newest, week_ago).model is UrgentCustomer
    delete_dates([week_ago.date])
    assert comparison_day(D) is None
    assert urgent_rows(newest, None).model is Snapshot


def test_a_database_of_before_is_worked_out_until_it_is_scored() -> None:
    customers()
    score_day(D)
    made = stored()
    UrgentCustomer.objects.all().delete()
    PortfolioDay.objects.update(urgency_stored=False, urgency_before=None, milestones_stored=False)
    assert list(urgent_rows(PortfolioDay.objects.get(pk=D), None)) == made
    score_customers(D, ["c2"])
    assert assert_stored_as_the_rule_says() == [*stored()]
    assert {row[0] for row in stored()} == {row[0] for row in made}


def test_what_was_reached_before_counts_also_where_it_is_scored_later() -> None:
    """c2 is a Champion, of whom the week says that this is new until a date before it is scored."""
    customers()
    score_day(D - timedelta(days=7))
    score_day(D)
    Snapshot.objects.filter(customer="c2", date=D).update(status="champion")
    keep_newest(KEPT)
    assert stored_milestones() == {"c1001": [Milestone.FIRST_ISSUE], "c2": [Milestone.CHAMPION]}
    champion = ReachedMilestones.objects.filter(customer="c2")
    older = make_day(date=D - timedelta(days=20))
    make_snapshot(Customer.objects.get(pk="c2"), date=older.date, status="champion")
    health_stored.send(sender=Forecast, day=older.date, customers=None)
    assert champion.exists()
    health_stored.send(sender=Snapshot, day=older.date, customers=["c3"])
    assert champion.exists()
    health_stored.send(sender=Snapshot, day=older.date, customers=["c2"])
    assert not champion.exists()


def test_who_was_a_champion_on_expired_dates_alone_is_a_new_one() -> None:
    customers()
    older = make_day(date=D - timedelta(days=20))
    make_snapshot(Customer.objects.get(pk="c2"), date=older.date, status="champion")
    score_day(D - timedelta(days=7))
    score_day(D)
    Snapshot.objects.filter(customer="c2", date=D).update(status="champion")
    keep_newest(KEPT)
    assert "c2" not in stored_milestones()
    delete_dates([older.date])
    assert stored_milestones()["c2"] == [Milestone.CHAMPION]


def test_a_database_whose_worklist_alone_is_stored_is_counted_by_the_rule_until_it_is_scored() -> None:
    customers()
    score_day(D - timedelta(days=7))
    work("c2", D)
    score_day(D)
    said = {"c1001": [Milestone.FIRST_ISSUE], "c2": [Milestone.FIRST_MERGED]}
    assert stored_milestones() == said
    ReachedMilestones.objects.all().delete()
    PortfolioDay.objects.update(milestones_stored=False)
    version = DataVersion(1, "", 1)
    counts = counts_of_week(version, PortfolioDay.objects.get(pk=D))
    assert {one for one, count in counts.items() if count} == {Milestone.FIRST_ISSUE, Milestone.FIRST_MERGED}
    score_customers(D, ["c3"])
    assert stored_milestones() == said


def test_a_new_date_after_reports_is_stored_once() -> None:
    """Who counted so far on the date before is scored again there, which stores nothing of everybody again."""
    customers()
    score_day(D - timedelta(days=6))
    report_counters(Customer.objects.get(pk="c2"), D + timedelta(days=1), issues_tagged=3)
    score_day(D)
    assert PortfolioDay.objects.get(pk=D).so_far == 1
    with CaptureQueriesContext(connection) as queries:
        score_day(D + timedelta(days=1))
    stores = [one["sql"] for one in queries if one["sql"].startswith("INSERT INTO analytics_reachedmilestones")]
    assert [f"SELECT id FROM {CONCERNED}" in sql for sql in stores] == [False, True]


def test_all_of_a_customers_milestones_are_stored_together() -> None:
    """c2 merged its first PR and signed up this week; c1001 tagged its first issue five days ago, c4 both today."""
    customers()
    score_day(D - timedelta(days=7))
    assert stored_milestones() == {}
    Customer.objects.filter(pk="c2").update(signup_date=D - timedelta(days=1))
    Snapshot.objects.filter(customer="c2").delete()
    work("c2", D)
    Onboarding.objects.filter(customer="c4").update(first_issue_tagged=True, first_pr_generated=True)
    score_day(D)
    assert stored_milestones() == {
        "c1001": [Milestone.FIRST_ISSUE],
        "c2": [Milestone.FIRST_MERGED],
        "c4": [Milestone.FIRST_ISSUE, Milestone.FIRST_PR],
    }


def test_some_customers_cost_as_many_queries_as_one() -> None:
    customers()
    score_day(D)
    asked = []
    for keys in (KEYS[:1], KEYS):
        with CaptureQueriesContext(connection) as queries:
            score_customers(D, keys)
        asked.append(sum("urgentcustomer" in one["sql"] for one in queries))
    assert asked == [2, 2]


def test_a_scoring_asks_once_which_dates_are_compared() -> None:
    for day in (D - timedelta(days=7), D):
        make_day(date=day)
    with CaptureQueriesContext(connection) as asked:
        health_stored.send(sender=Snapshot, day=D, customers=None)
    days = f'FROM "{PortfolioDay._meta.db_table}"'
    # The newest one, which are near, and that which it is compared with.
    assert len([one for one in asked if days in one["sql"]]) == 3


def test_sqlite_stores_in_the_order_of_customers_without_sorting() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL joins by hashes")
    make_day(date=D)
    with CaptureQueriesContext(connection) as asked:
        keep_newest(KEPT)
    statements = [one["sql"] for one in asked if one["sql"].startswith("INSERT INTO")]
    assert len(statements) == len(KEPT)
    for statement in statements:
        plan = " ".join(row[-1] for row in fetch(f"EXPLAIN QUERY PLAN {statement}"))
        assert "SEARCH analytics_snapshot USING INDEX sqlite_autoindex_analytics_snapshot_1 (date=?)" in plan
        assert "TEMP B-TREE" not in plan
