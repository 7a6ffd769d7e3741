"""What the product reported counts as the oracle says, whether everybody is scored or those concerned alone."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from analytics.models import CohortDay, PortfolioDay, Snapshot
from analytics.scoring import snapshots
from analytics.scoring.snapshots import score_customers, score_day
from customers.feeds.declarations import FEEDS
from customers.imports.provisional import SAME_BY, provisional_key, supersede_provisional
from customers.models import Engagement, Event, ImportRun
from tests.analytics.scoring.test_oracle_agreement import COUNTS, D, assert_agreement, load, programs
from tests.factories import make_run
from tests.support import oracle
from tests.support.databases import examples
from tests.support.oracle_reported import through, with_reported
from tests.support.scoring import rows_of
from tests.support.selection import examples_of_a_push

pytestmark = pytest.mark.django_db

TODAY = D + timedelta(days=2)
"""As the fixture ``today`` has it."""
DAYS = st.integers(-2, 4).map(lambda days: D + timedelta(days=days))
Reports = tuple[list[oracle.Row], list[oracle.Row]]


@st.composite
def reports(draw: st.DrawFn) -> Reports:
    """Counters, one row for each customer and day, and steps, one for each customer and step."""
    keys = st.sampled_from(["c1", "c10", "c2"])
    counters = st.fixed_dictionaries({"customer_id": keys, "date": DAYS, **dict.fromkeys(oracle.COUNTERS, COUNTS)})
    steps = st.fixed_dictionaries({"customer_id": keys, "date": DAYS, "kind": st.sampled_from(oracle.STEPS)})
    return (
        draw(st.lists(counters, max_size=6, unique_by=lambda row: (row["customer_id"], row["date"]))),
        draw(st.lists(steps, max_size=5, unique_by=lambda row: (row["customer_id"], row["kind"]))),
    )


def store(model: type[Engagement | Event], rows: list[oracle.Row], run: ImportRun, same_by: str) -> None:
    """The rows as an ingest would have stored them, before it looks at the files."""
    model._default_manager.bulk_create(
        model(id=provisional_key(row["customer_id"], str(row[same_by])), provisional=True, run=run, line=0, **row)
        for row in rows
    )


def report(counters: list[oracle.Row], steps: list[oracle.Row]) -> None:
    """Store what was reported; what a file has gives way."""
    run = make_run(feed="engagement", scope="events", file="events")
    store(Engagement, counters, run, "date")
    store(Event, steps, run, "kind")
    for name in SAME_BY:
        supersede_provisional(FEEDS[name], make_run(feed=name))


def stored(day: date) -> list[dict[str, Any]]:
    """All that a scored date has, but when and after which run it was scored."""
    rows = [*rows_of(day), *PortfolioDay.objects.filter(date=day).values()]
    rows += CohortDay.objects.filter(date=day).order_by("by", "name").values()
    aside = {"id", "scored_at", "last_run", "last_api_run", "backfilled"}
    return [{name: value for name, value in row.items() if name not in aside} for row in rows]


NO_COUNTS = dict.fromkeys(oracle.COUNTERS, 0)
STEP_OF_TOMORROW = (
    (oracle.Feeds([{"id": "c1", "signup_date": D, "status": "active", "cohort": ""}], [], [], [], []), {}),
    (
        [{"customer_id": "c1", "date": TODAY, **NO_COUNTS, "prs_generated": 1}],
        [{"customer_id": "c1", "date": TODAY + timedelta(days=1), "kind": "first_pr_generated"}],
    ),
)
"""The event dates the step, though engagement of today speaks of it."""


@pytest.mark.usefixtures("today")
@hypothesis_settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(programs(), reports())
@example(*STEP_OF_TOMORROW)
def test_any_reports(program: tuple[oracle.Feeds, dict[tuple[str, str], date]], reported: Reports) -> None:
    feeds, sightings = program
    keys = {customer["id"] for customer in feeds.customers}
    counters, steps = ([row for row in rows if row["customer_id"] in keys] for rows in reported)
    with transaction.atomic():
        load(feeds, sightings)
        score_day(D)
        report(counters, steps)
        score_customers(D, {row["customer_id"] for row in (*counters, *steps)})
        of_some = stored(D)
        assert_agreement(with_reported(feeds, counters, steps, D, TODAY, newest=True), D, sightings)
        assert of_some == stored(D)
        for customer in feeds.customers:
            last = through(feeds, counters, steps, customer, D, TODAY)
            for snapshot in Snapshot.objects.filter(date=D, customer=customer["id"]):
                assert snapshot.provisional_to == last
        following = D + timedelta(days=1)
        assert_agreement(with_reported(feeds, counters, steps, following, TODAY, newest=True), following, sightings)
        finalised = stored(D)
        assert_agreement(with_reported(feeds, counters, steps, D, TODAY, newest=False), D, sightings)
        assert finalised == stored(D)
        transaction.set_rollback(True)


@pytest.mark.usefixtures("today")
@hypothesis_settings(
    max_examples=examples_of_a_push(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(programs(), reports(), st.sets(st.sampled_from(["c1", "c10", "c2"])))
def test_counting_some_gives_what_counting_everybody_does(
    program: tuple[oracle.Feeds, dict[tuple[str, str], date]], reported: Reports, more: set[str]
) -> None:
    """Also where they are counted twice, and what was added is taken out again, and on a finalised date."""
    feeds, sightings = program
    keys = {customer["id"] for customer in feeds.customers}
    counters, steps = ([row for row in rows if row["customer_id"] in keys] for rows in reported)
    ways = []
    for by_itself in (True, False):
        with transaction.atomic(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(snapshots, "can_recount", lambda _day, _customers, way=by_itself: way)
            load(feeds, sightings)
            score_day(D)
            report(counters, steps)
            concerned = {row["customer_id"] for row in (*counters, *steps)}
            score_customers(D, concerned)
            score_customers(D, concerned | (more & keys))
            found = stored(D)
            score_day(D + timedelta(days=1))
            ways.append((found, stored(D)))
            transaction.set_rollback(True)
    assert ways[0] == ways[1]
