"""Any order of events, files and ingests ends in the same rows."""

import itertools
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.feeds.declarations import FEEDS
from customers.imports.interface import Options
from customers.imports.load import load_file
from customers.inbox.ingest import ingest
from customers.jobs.lock import job_lock
from customers.models import Engagement, Event, ImportRun, InboxEvent, QuarantinedRow
from tests.factories import csv_row, write_feed
from tests.support.databases import examples
from tests.support.inbox import event, new_token, reported

pytestmark = pytest.mark.django_db

CUSTOMERS = ("c1", "c2")
DAYS = ("2026-11-19", "2026-11-20", "2026-11-21")
STEPS = ("account_created", "first_issue_tagged")
COUNTER_OF = {"pr_merged": "prs_merged", "pr_rejected": "prs_rejected", "support_request": "support_requests"}
COUNTERS = ("issues_tagged", "prs_generated", "prs_merged", "prs_rejected", "support_requests")
Told = tuple[str, str, str, bool]
"""Type, customer, day, and whether there was a PR."""
Story = list[tuple[str, Any]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Events one by one, files of engagement and of events that grow, the file of customers, and ingests."""
    types = ("issue_resolution", *COUNTER_OF, *(f"onboarding_step_{step}" for step in STEPS))
    told = st.tuples(*map(st.sampled_from, (types, CUSTOMERS, DAYS)), st.booleans())
    story: Story = [("event", one) for one in draw(st.lists(told, max_size=8))]
    story += [("ingest", None)] * draw(st.integers(0, 4))
    places = st.lists(st.tuples(st.sampled_from(CUSTOMERS), st.sampled_from(DAYS)), max_size=3, unique=True)
    story += [("engagement", places_of) for places_of in draw(st.lists(places, max_size=2))]
    kinds = st.lists(st.tuples(st.sampled_from(CUSTOMERS), st.sampled_from(STEPS)), max_size=2, unique=True)
    story += [("events", kinds_of) for kinds_of in draw(st.lists(kinds, max_size=1))]
    story += [("customers", None)]
    return draw(st.permutations(story))


def expected(story: Story) -> tuple[dict[str, tuple[int, ...]], dict[str, date]]:
    """The provisional rows by their keys, worked out from all that was said, in whatever order."""
    days = {place for what, places in story if what == "engagement" for place in places}
    steps = {place for what, places in story if what == "events" for place in places}
    rows: dict[str, list[int]] = {}
    dates: dict[str, date] = {}
    for kind, customer, day, has_pr in (one for what, one in story if what == "event"):
        if kind.startswith("onboarding_step_"):
            step = kind.removeprefix("onboarding_step_")
            if (customer, step) not in steps:
                key = f"~{step}~{customer}"
                dates[key] = min(dates.get(key, date.max), date.fromisoformat(day))
        elif (customer, day) not in days:
            row = rows.setdefault(f"~{day}~{customer}", [0] * 5)
            row[COUNTERS.index(COUNTER_OF.get(kind, "issues_tagged"))] += 1
            row[1] += kind == "issue_resolution" and has_pr
    return {key: tuple(row) for key, row in rows.items()}, dates


def tell(story: Story, folder: Path) -> None:
    """Let it all happen in this order, and then whatever is still needed: the files once more, and an ingest."""
    token, _secret = new_token()
    lines: dict[str, list[dict[str, str]]] = {"engagement": [], "events": []}
    numbers = itertools.count(1)

    def one_event(told: Told) -> None:
        kind, customer, day, has_pr = told
        metadata = {"pr_url": "https://x" if has_pr else None}
        reported(event(customer, kind, metadata=metadata, occurred_at=f"{day}T10:00:00+00:00"), token=token)

    def one_file(feed: str, column: str) -> Callable[[Any], None]:
        def load(places: list[tuple[str, str]]) -> None:
            for customer, value in places:
                row = {"id": f"x{next(numbers)}", "customer_id": customer, column: value}
                lines[feed].append(csv_row(feed, **row))
            load_feed(folder, feed, lines[feed])

        return load

    steps = {
        "event": one_event,
        "engagement": one_file("engagement", "date"),
        "events": one_file("events", "kind"),
        "customers": lambda _none: load_feed(
            folder, "customers", [csv_row("customers", id=customer) for customer in CUSTOMERS]
        ),
        "ingest": lambda _none: ingest_now(),
    }
    for what, how in story:
        steps[what](how)
    ingest_now()


def ingest_now() -> None:
    with job_lock("import") as lock:
        assert all(run.status == "loaded" for run in ingest("test", lock))


def load_feed(folder: Path, feed: str, rows: list[dict[str, str]]) -> None:
    path = write_feed(folder, feed, rows)
    with job_lock("import") as lock:
        run = load_file(FEEDS[feed], path, path.name, Options(started_by="test"), lock, keep=True)
    assert run.status == ImportRun.Status.LOADED, run.reason


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(stories())
def test_any_order_ends_in_the_same_rows(story: Story) -> None:
    with transaction.atomic(), TemporaryDirectory() as folder:
        tell(story, Path(folder))
        rows = {row[0]: row[1:] for row in Engagement.objects.filter(provisional=True).values_list("pk", *COUNTERS)}
        dates = dict(Event.objects.filter(provisional=True).values_list("pk", "date"))
        assert (rows, dates) == expected(story)
        assert not InboxEvent.objects.filter(state__in=["waiting", "quarantined"]).exists()
        assert not QuarantinedRow.objects.filter(status="open", run__scope="events").exists()
        in_files = sum(len(places) for what, places in story if what == "engagement")
        assert Engagement.objects.filter(provisional=False).count() == in_files
        transaction.set_rollback(True)
