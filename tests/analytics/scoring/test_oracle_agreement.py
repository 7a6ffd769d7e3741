"""The scores agree, field for field, with the naive reference calculation of ``tests/support/oracle.py``."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from analytics.models import CohortDay, PortfolioDay, Snapshot
from analytics.portfolio.figures import health_distribution, onboarding_progress
from analytics.portfolio.kpis import summary
from analytics.portfolio.score_change import ScoreChanges
from analytics.scoring.snapshots import score_day
from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.models import Customer, Engagement, Event, Feedback, Onboarding
from tests.factories import make_run, make_sighting
from tests.support import oracle
from tests.support.databases import examples
from tests.support.oracle_feeds import read_feeds

pytestmark = pytest.mark.django_db

FIXTURES = settings.BASE_DIR / "fixtures"
D = date(2025, 5, 10)
COUNTERS = oracle.COUNTERS
SUMMARY = ("total_customers", "active_today", "at_risk", "onboarding_rate", "success_rate", "avg_time_to_value")
SUMMARY += ("onboarded", "onboarding_day_known")
NOT_COMPARED = {"id", "date", "customer", "policy", "provisional_to"}
SAME_IN_BOTH = {
    "score",
    "status",
    "trend",
    "stage",
    "activity",
    "pr_success",
    "adoption",
    "support",
    "nps",
    "steps_done",
    "onboarded",
    "completed_on",
    "days_to_complete",
    "blocker_type",
    "issues_tagged",
    "prs_generated",
    "prs_merged",
    "support_requests",
    "days_active",
    "last_active",
}


# --- What is compared -------------------------------------------------------------------------------------------


def expected_snapshot(feeds: oracle.Feeds, key: str, day: date, figures: oracle.Row) -> oracle.Row:
    """A snapshot's fields by the oracle's figures, and the inputs of the score by its loops."""
    all_rows = oracle.rows_of(feeds.engagement, key, None, day)
    month = oracle.rows_in_days(feeds.engagement, key, day, 30)
    week = oracle.rows_in_days(feeds.engagement, key, day, 7)
    week_before = oracle.rows_in_days(feeds.engagement, key, oracle.days_before(day, 7), 7)
    answers = oracle.rows_in_days(feeds.feedback, key, day, 90)
    [signup] = [row["signup_date"] for row in feeds.customers if row["id"] == key]
    weeks = {(one - signup).days // 7 for one in oracle.active_days(all_rows) if one >= signup}
    ratings = [row["csat"] for row in answers if row["csat"] is not None]
    return {
        **{name: figures[name] for name in SAME_IN_BOTH},
        **figures["steps"],
        "prs_rejected": oracle.total_of(all_rows, "prs_rejected"),
        "active_weeks": sum(2**week for week in weeks if week < 52),
        "active_days": len(oracle.active_days(week)),
        "window_prs_generated": oracle.total_of(month, "prs_generated"),
        "window_prs_merged": oracle.total_of(month, "prs_merged"),
        "window_support_requests": oracle.total_of(month, "support_requests"),
        "csat_sum": sum(ratings),
        "csat_count": len(ratings),
        "trend_now": oracle.without_support_requests(week),
        "trend_before": oracle.without_support_requests(week_before),
    }


def expected_portfolio(feeds: oracle.Feeds, day: date, measured: dict[str, oracle.Row]) -> oracle.Row:
    """The fields of a scored date that the oracle's figures add up to."""
    customers = measured.values()
    today = [row for row in feeds.engagement if row["date"] == day and row["customer_id"] in measured]
    return {
        "total": len(measured),
        "active_today": sum(row["last_active"] == day for row in customers),
        "onboarded": sum(row["onboarded"] for row in customers),
        "days_to_value": sum(row["days_to_complete"] or 0 for row in customers),
        "days_known": len([row for row in customers if row["days_to_complete"] is not None]),
        "prs_generated": oracle.total_of(list(customers), "prs_generated"),
        "prs_merged": oracle.total_of(list(customers), "prs_merged"),
        **{step: sum(row["steps"][step] for row in customers) for step in oracle.STEPS},
        **{status: sum(row["status"] == status for row in customers) for status in oracle.STATUSES},
        **{f"day_{name}": oracle.total_of(today, name) for name in COUNTERS if name != "prs_rejected"},
    }


def assert_agreement(feeds: oracle.Feeds, day: date, sightings: oracle.Sightings) -> None:
    """Score ``day`` and compare each snapshot, the portfolio's row and the figures that pages show."""
    portfolio = score_day(day)
    measured = oracle.measure_all(feeds, day, sightings)
    found = {snapshot.customer_id: snapshot for snapshot in Snapshot.objects.filter(date=day)}
    assert sorted(found) == sorted(measured)
    for key, figures in measured.items():
        expected = expected_snapshot(feeds, key, day, figures)
        assert {name: getattr(found[key], name) for name in expected} == expected, f"{key} on {day}"
        assert found[key].onboarding_percent == figures["onboarding_percent"]
        assert found[key].success_rate == figures["success_rate"]

    expected = expected_portfolio(feeds, day, measured)
    assert {name: getattr(portfolio, name) for name in expected} == expected, day

    expected = oracle.summary(feeds, day, sightings)
    assert summary(portfolio) == {
        "total_customers": expected["total"],
        **{name: expected[name] for name in SUMMARY if name != "total_customers"},
    }
    progress = onboarding_progress(portfolio)
    assert (progress.total, progress.percent) == (expected["total"], expected["overall_percent"])
    assert {step.key: (step.count, step.percent) for step in progress.steps} == expected["steps"]
    shares = health_distribution(portfolio)
    assert {status.key: (status.count, status.percent) for status in shares} == expected["statuses"]

    for row in CohortDay.objects.filter(date=day):
        members = [one for one in feeds.customers if one["signup_date"] <= day and of_group(row, one)]
        cells = oracle.retention(feeds, members, day)[:52]
        assert list(zip(row.weeks, row.old_enough, strict=True)) == cells, f"{row} on {day}"
        days = [measured[one["id"]]["days_to_complete"] for one in members]
        known = [one for one in days if one is not None]
        assert (row.size, row.days_known, row.days_to_value) == (len(members), len(known), sum(known))
        assert row.onboarded == len([one for one in members if measured[one["id"]]["onboarded"]])


def of_group(row: CohortDay, customer: oracle.Row) -> bool:
    """Whether a row of cohorts or months counts the customer."""
    if row.by == "all":
        return True
    return row.name == (customer.get("cohort", "") if row.by == "cohort" else f"{customer['signup_date']:%Y-%m}")


def assert_changes(feeds: oracle.Feeds, scored: list[date], day: date, sightings: oracle.Sightings) -> None:
    """Compare the score's changes of a date, where these dates are scored."""
    for one in ScoreChanges(day).beside(Snapshot.objects.on(day)):
        expected = [oracle.score_change(feeds, one.customer_id, scored, day, days, sightings) for days in (7, 30)]
        assert [one.change_7, one.change_30] == expected, f"{one} with {scored}"


def test_every_field_is_compared() -> None:
    nobody = oracle.Feeds(customers=[{"id": "c1", "signup_date": D}])
    figures = oracle.measure_all(nobody, D)
    fields = {field.name for field in Snapshot._meta.fields}
    assert set(expected_snapshot(nobody, "c1", D, figures["c1"])) == fields - NOT_COMPARED
    fields = {field.name for field in PortfolioDay._meta.fields}
    how_it_was_scored = {"date", "policy", "segment_policies", "scored_at", "backfilled", "stale", "erased"}
    how_it_was_scored |= {"last_run", "last_api_run", "so_far"}
    how_it_was_scored |= {"urgency_stored", "urgency_before", "milestones_stored"}
    assert set(expected_portfolio(nobody, D, figures)) == fields - how_it_was_scored


# --- The demo program -------------------------------------------------------------------------------------------


def test_the_demo_program_on_each_of_its_days() -> None:
    outcomes = import_folder(FIXTURES, None, Options(started_by="test"))
    assert [(outcome.loaded, outcome.quarantined) for outcome in outcomes] == [(True, 0)] * 5
    feeds = read_feeds(FIXTURES)
    day = min(row["signup_date"] for row in feeds.customers)
    last = max(row["date"] for row in feeds.engagement)
    assert (day, last) == (date(2025, 3, 10), D)
    scored: list[date] = []
    while day <= last:
        assert_agreement(feeds, day, {})
        scored.append(day)
        if day >= last - timedelta(days=3):
            assert_changes(feeds, scored, day, {})
        day += timedelta(days=1)
    # The mock-up's list of customers, and its Acme.
    acme = Snapshot.objects.get(date=D, customer="c1001")
    assert (acme.score, acme.status, acme.trend) == (45, "at_risk", "declining")


def test_steps_that_turn_true_from_night_to_night(tmp_path: Path) -> None:
    """Flags without an event are dated by the data date of the night that first shows them."""
    nights = (
        (date(2025, 5, 4), "true,false,false"),
        (date(2025, 5, 6), "true,true,false"),
        (date(2025, 5, 9), "true,true,true"),
    )
    customers = "id,email,organization,github_username,signup_date,cohort,industry,team_size,status\n"
    customers += "c1,a@b.example,One,,2025-05-01,,,,\n"
    onboarding = f"id,customer_id,{','.join(oracle.STEPS)},completed_date,days_to_complete,blocker_type,notes\n"
    engagement = f"id,customer_id,date,{','.join(COUNTERS)}\n"
    (tmp_path / "customers.csv").write_text(customers)
    for number, (day, flags) in enumerate(nights):
        engagement += f"e{number},c1,{day},0,0,0,0,1\n"
        (tmp_path / "onboarding.csv").write_text(f"{onboarding}o1,c1,{flags},false,false,,,,\n")
        (tmp_path / "engagement.csv").write_text(engagement)
        outcomes = import_folder(tmp_path, None, Options(started_by="test"))
        assert all(outcome.loaded for outcome in outcomes)
    feeds = read_feeds(tmp_path)
    sightings = {
        ("c1", "account_created"): date(2025, 5, 6),
        ("c1", "github_action_installed"): date(2025, 5, 9),
    }
    done = []
    for number in range(10):
        day = date(2025, 5, 1) + timedelta(days=number)
        assert_agreement(feeds, day, sightings)
        done.append(Snapshot.objects.get(date=day).steps_done)
    assert done == [1, 1, 1, 1, 1, 2, 2, 2, 3, 3]


# --- Random programs --------------------------------------------------------------------------------------------

BORDERS = [-181, -180, -179, -90, -89, -30, -29, -15, -14, -13, -12, -8, -7, -6, -5, -1, 0, 1, 2]
BORDER_DAYS = st.sampled_from(BORDERS).map(lambda days: D + timedelta(days=days))
RECENT_DAYS = st.integers(-14, 1).map(lambda days: D + timedelta(days=days))
LAST_DAYS = st.integers(-2, 1).map(lambda days: D + timedelta(days=days))
COUNTS = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3, 10, 2_147_483_647])
KEYS = st.integers(1, 150).map(lambda number: f"k{number}")


def distinct(most: int, **columns: Any) -> st.SearchStrategy[list[oracle.Row]]:
    """Rows with distinct ids."""
    row = st.fixed_dictionaries({"id": KEYS, **columns})
    return st.lists(row, max_size=most, unique_by=lambda found: found["id"])


@st.composite
def programs(draw: st.DrawFn) -> tuple[oracle.Feeds, dict[tuple[str, str], date]]:
    """A few customers whose dates lie close to the windows' borders, and when runs saw their steps."""
    statuses = st.sampled_from(["active"] * 6 + ["trial", "paused", "inactive", "churned"])
    flags = dict.fromkeys(oracle.STEPS, st.sampled_from([True, True, True, False]))
    customers, onboarding = [], []
    for key in ["c1", "c10", "c2"][: draw(st.integers(1, 3))]:
        signup = draw(BORDER_DAYS | RECENT_DAYS)
        cohort = draw(st.sampled_from(["", "VIP"]))
        customers.append({"id": key, "signup_date": signup, "status": draw(statuses), "cohort": cohort})
        if draw(st.integers(0, 4)):
            row = {name: draw(flag) for name, flag in flags.items()}
            row["completed_date"] = draw(st.none() | BORDER_DAYS)
            row["blocker_type"] = draw(st.sampled_from(["", "github_config"]))
            onboarding.append({"id": f"o{key}", "customer_id": key, **row})
    keys = st.sampled_from([customer["id"] for customer in customers])
    engagement = distinct(30, customer_id=keys, date=BORDER_DAYS | RECENT_DAYS, **dict.fromkeys(COUNTERS, COUNTS))
    feedback = distinct(
        10,
        customer_id=keys,
        date=BORDER_DAYS | LAST_DAYS,
        nps=st.none() | st.integers(0, 10),
        csat=st.none() | st.integers(1, 5),
    )
    kinds = st.sampled_from([*oracle.STEPS, "support_request", "note"])
    events = distinct(10, customer_id=keys, date=RECENT_DAYS, kind=kinds)
    sightings = st.dictionaries(st.tuples(keys, st.sampled_from(oracle.STEPS)), RECENT_DAYS, max_size=8)
    return oracle.Feeds(customers, onboarding, draw(engagement), draw(feedback), draw(events)), draw(sightings)


def loaded(model: type, rows: list[oracle.Row]) -> None:
    """The rows as the loader would have stored them."""
    model.objects.bulk_create(model(**row, run_id=1, line=2) for row in rows)


def load(feeds: oracle.Feeds, sightings: oracle.Sightings) -> None:
    """Store a program; the steps without a sighting were true at the first import."""
    loaded(Customer, feeds.customers)
    loaded(Onboarding, feeds.onboarding)
    loaded(Engagement, feeds.engagement)
    loaded(Feedback, feeds.feedback)
    loaded(Event, feeds.events)
    run = make_run(feed="onboarding")
    for customer in feeds.customers:
        for step in oracle.STEPS:
            seen_on = sightings.get((customer["id"], step))
            make_sighting(Customer(id=customer["id"]), step, seen_on, run=run)


@hypothesis_settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs(), st.lists(st.sampled_from([6, 7, 8, 14, 15, 29, 30, 37, 38]), max_size=3, unique=True))
def test_any_program(program: tuple[oracle.Feeds, dict[tuple[str, str], date]], scored_before: list[int]) -> None:
    feeds, sightings = program
    with transaction.atomic():
        load(feeds, sightings)
        assert_agreement(feeds, D, sightings)
        scored = [D - timedelta(days=days) for days in scored_before]
        for day in scored:
            score_day(day)
        assert_changes(feeds, [*scored, D], D, sightings)
        transaction.set_rollback(True)
