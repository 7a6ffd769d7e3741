"""What the product reported gives way to the rows of a file in any order, and comes back by an undo."""

import datetime as dt
from pathlib import Path

import pytest

from customers.feeds.cell_types import valid_key
from customers.feeds.declarations import ENGAGEMENT
from customers.imports.provisional import provisional_key
from customers.imports.strategies.base_run import find_base_run, rules_fingerprint
from customers.models import Engagement, Event, ImportRun, data_date
from customers.runs.undo import undo
from tests.factories import csv_row, make_customer, make_run, write_feed, write_feeds
from tests.support.loading import load
from tests.support.undoing import left

pytestmark = pytest.mark.django_db

DAY = dt.date(2025, 5, 10)


def report(customer: str, day: dt.date, **counters: int) -> None:
    """What an ingest of the product's events leaves behind for a customer and a day."""
    run = make_run(feed="engagement", scope="events", file="events", created=1, rows=1)
    key = provisional_key(customer, day.isoformat())
    Engagement.objects.create(id=key, customer_id=customer, date=day, provisional=True, run=run, line=0, **counters)


def rows() -> list[tuple[str, int, bool]]:
    """Key, issues and whether it is provisional, of all engagement."""
    return list(Engagement.objects.order_by("pk").values_list("pk", "issues_tagged", "provisional"))


def file_with(folder: Path, *engagement: dict[str, str]) -> None:
    """The customers c1 and c2 with this engagement."""
    people = [csv_row("customers", id=key) for key in ("c1", "c2")]
    steps = [csv_row("onboarding", id=f"o-{key}", customer_id=key) for key in ("c1", "c2")]
    write_feeds(folder, customers=people, onboarding=steps, engagement=list(engagement))


def on(key: str, customer: str, day: str, issues: int) -> dict[str, str]:
    return csv_row("engagement", id=key, customer_id=customer, date=day, issues_tagged=str(issues))


REPORTED = ("~2025-05-10~c1", 2, True)


def test_no_file_can_have_the_key_of_a_provisional_row() -> None:
    assert provisional_key("c1", "2025-05-10") == "~2025-05-10~c1"
    assert valid_key(provisional_key("c1", "2025-05-10")) == ""
    longest = [provisional_key("c" * 63 + end, "github_action_installed") for end in "ab"]
    assert len(set(longest)) == 2
    assert all(len(key) <= 64 for key in longest)


def test_a_file_with_the_customer_and_day_takes_the_place_of_what_was_reported(tmp_path: Path) -> None:
    file_with(tmp_path, on("e1", "c1", "2025-05-09", 1))
    load(tmp_path)
    report("c1", DAY, issues_tagged=2)
    report("c2", DAY, issues_tagged=7)
    assert data_date(DAY) == dt.date(2025, 5, 9)
    file_with(tmp_path, on("e1", "c1", "2025-05-09", 1), on("e2", "c1", "2025-05-10", 5))
    outcome = load(tmp_path)["engagement"]
    assert rows() == [("e1", 1, False), ("e2", 5, False), ("~2025-05-10~c2", 7, True)]
    run = ImportRun.objects.get(pk=outcome.run)
    assert (run.rows, run.created, run.unchanged, run.deleted) == (2, 1, 1, 1)
    assert list(run.changes.values_list("key", "after")) == [("~2025-05-10~c1", None)]
    assert data_date(DAY) == DAY


def test_an_undo_of_the_file_brings_back_what_was_reported(tmp_path: Path) -> None:
    file_with(tmp_path, on("e1", "c1", "2025-05-09", 1))
    load(tmp_path)
    report("c1", DAY, issues_tagged=2)
    before = rows()
    file_with(tmp_path, on("e1", "c1", "2025-05-09", 1), on("e2", "c1", "2025-05-10", 5))
    loaded = load(tmp_path)["engagement"]
    undoing = undo(ImportRun.objects.get(pk=loaded.run), "test")
    assert (undoing.status, undoing.created, undoing.deleted) == ("loaded", 1, 1)
    assert rows() == before == [("e1", 1, False), REPORTED]
    again = undo(undoing, "test")
    assert (again.status, again.created, again.deleted) == ("loaded", 1, 1)
    assert rows() == [("e1", 1, False), ("e2", 5, False)]


def test_what_was_reported_stays_away_while_another_file_has_its_day(tmp_path: Path) -> None:
    file_with(tmp_path, on("e1", "c1", "2025-05-09", 1))
    load(tmp_path)
    report("c1", DAY, issues_tagged=2)
    file_with(tmp_path, on("e2", "c1", "2025-05-10", 5))
    first = load(tmp_path)["engagement"]
    file_with(tmp_path, on("e2", "c1", "2025-05-10", 5), on("e3", "c1", "2025-05-10", 1))
    load(tmp_path)
    undoing = undo(ImportRun.objects.get(pk=first.run), "test")
    assert rows() == [("e1", 1, False), ("e3", 1, False)]
    assert left(undoing) == [("engagement", REPORTED[0], "a file has it")]


def test_an_undone_undo_takes_away_what_was_reported_in_between(tmp_path: Path) -> None:
    file_with(tmp_path, on("e1", "c1", "2025-05-10", 5))
    loaded = load(tmp_path)["engagement"]
    undoing = undo(ImportRun.objects.get(pk=loaded.run), "test")
    assert rows() == []
    report("c1", DAY, issues_tagged=2)
    again = undo(undoing, "test")
    assert rows() == [("e1", 5, False)]
    assert (again.created, again.deleted) == (1, 1)
    assert undo(again, "test").status == "loaded"
    assert rows() == [REPORTED]


def test_a_row_out_of_quarantine_takes_the_place_too(tmp_path: Path) -> None:
    file_with(tmp_path, on("e1", "c1", "2025-05-09", 1), on("e3", "c3", "2025-05-10", 4))
    load(tmp_path)
    make_customer(id="c3")
    report("c3", DAY, issues_tagged=2)
    write_feed(tmp_path, "customers", [csv_row("customers", id=key) for key in ("c1", "c2", "c3")])
    outcome = load(tmp_path, "customers")["customers"]
    assert outcome.retried == 1
    assert rows() == [("e1", 1, False), ("e3", 4, False)]


def test_an_event_of_a_file_takes_the_place_of_the_reported_step(tmp_path: Path) -> None:
    file_with(tmp_path, on("e1", "c1", "2025-05-09", 1))
    load(tmp_path)
    run = make_run(feed="events", scope="events", file="events")
    for step in ("first_issue_tagged", "account_created"):
        key = provisional_key("c1", step)
        Event.objects.create(id=key, customer_id="c1", date=DAY, kind=step, provisional=True, run=run, line=0)
    kickoff = csv_row("events", id="v1", customer_id="c1", date="2025-05-02", kind="account_created")
    write_feed(tmp_path, "events", [kickoff])
    loaded = load(tmp_path, "events")["events"]
    assert ImportRun.objects.get(pk=loaded.run).deleted == 1
    assert set(Event.objects.values_list("pk", flat=True)) == {"v1", "~first_issue_tagged~c1"}
    undo(ImportRun.objects.get(pk=loaded.run), "test")
    assert set(Event.objects.values_list("pk", flat=True)) == {"~account_created~c1", "~first_issue_tagged~c1"}


def test_what_was_reported_leaves_the_short_way_open_to_the_next_file(tmp_path: Path) -> None:
    file_with(tmp_path, on("e1", "c1", "2025-05-09", 1))
    loaded = load(tmp_path)["engagement"]
    report("c1", DAY, issues_tagged=2)
    rules = rules_fingerprint(ENGAGEMENT, {}, unquote=False)
    base = find_base_run(ENGAGEMENT, tmp_path / "engagement.csv", rules)
    assert base is not None
    assert base.pk == loaded.run


def test_without_any_file_the_reported_days_are_all_there_is() -> None:
    make_customer(id="c1")
    assert data_date(DAY) == DAY
    report("c1", DAY - dt.timedelta(days=3), issues_tagged=2)
    assert data_date(DAY) == DAY - dt.timedelta(days=3)
