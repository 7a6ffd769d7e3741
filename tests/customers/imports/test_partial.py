"""Rows that come without a file: each is judged like a file's, and nothing is said of those that do not come."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from customers.erasure.erase import erase
from customers.feeds.declarations import FEEDS
from customers.imports.load import load_rows
from customers.jobs.lock import job_lock
from customers.models import Customer, Engagement, ImportRun, Onboarding, QuarantinedRow
from customers.runs.undo import undo
from tests.factories import csv_row, write_feeds
from tests.support.loading import load
from tests.support.undoing import data

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def loaded(tmp_path: Path) -> None:
    """Twenty-four customers, the first with onboarding and a row of engagement."""
    write_feeds(
        tmp_path,
        customers=[csv_row("customers", id=f"c{number}") for number in range(1, 25)],
        onboarding=[csv_row("onboarding", id="o1", customer_id="c1")],
        engagement=[csv_row("engagement", id="e1", customer_id="c1")],
    )
    load(tmp_path)


def send(feed: str, *rows: dict[str, str]) -> tuple[ImportRun, dict[int, str]]:
    """Load rows of a feed, numbered from 0."""
    cells: Sequence[tuple[int, Sequence[str]]] = [
        (number, [row[name] for name in FEEDS[feed].column_names]) for number, row in enumerate(rows)
    ]
    with job_lock("import") as lock:
        run, states = load_rows(FEEDS[feed], cells, name="api", started_by="token", lock=lock)
    assert run.created + run.updated + run.unchanged + run.quarantined == run.rows
    return run, states


def test_each_row_is_told_what_became_of_it() -> None:
    run, states = send(
        "engagement",
        csv_row("engagement", id="e1", customer_id="c1", issues_tagged="7"),
        csv_row("engagement", id="e2", customer_id="c2"),
        csv_row("engagement", id="e3", customer_id="c2", date="soon"),
        csv_row("engagement", id="e4", customer_id="c99"),
        csv_row("engagement", id="e2", customer_id="c2"),
    )
    assert states == {0: "updated", 1: "created", 2: "quarantined", 3: "quarantined", 4: "unchanged"}
    assert (run.scope, run.status, run.rows) == ("partial", "loaded", 5)
    assert (run.created, run.updated, run.unchanged, run.quarantined) == (1, 1, 1, 2)
    assert dict(Engagement.objects.values_list("pk", "issues_tagged")) == {"e1": 7, "e2": 5}
    waiting = list(QuarantinedRow.objects.order_by("line").values_list("line", "key", "reasons", "waits_for_customer"))
    assert waiting == [
        (2, "e3", ["date: 'soon' is not a date of the form YYYY-MM-DD"], False),
        (3, "e4", ["customer_id: there is no customer c99"], True),
    ]
    assert QuarantinedRow.objects.get(line=3).raw == "e4,c99,2025-05-02,5,3,2,1,1"


def test_nobody_goes_missing_and_no_guardrail_of_files_is_tripped() -> None:
    # Of 24 customers the batch has one, and its other 20 rows are bad.
    bad = [csv_row("customers", id=f"n{number}", email="nowhere") for number in range(20)]
    run, states = send("customers", csv_row("customers", id="c1", organization="New name"), *bad)
    assert (run.status, run.missing, run.quarantined, states[0]) == ("loaded", 0, 20, "updated")
    assert Customer.objects.filter(missing_since=None).count() == 24
    assert Customer.objects.get(pk="c1").organization == "New name"


def test_a_customer_brings_the_rows_that_waited_for_it() -> None:
    send("engagement", csv_row("engagement", id="e4", customer_id="c99"))
    run, states = send("customers", csv_row("customers", id="c99"))
    assert (states, run.retried) == ({0: "created"}, 1)
    assert Engagement.objects.filter(pk="e4").exists()


def test_onboarding_replaces_the_customers_row() -> None:
    run, states = send("onboarding", csv_row("onboarding", id="o1-new", customer_id="c1", first_issue_tagged="yes"))
    assert states == {0: "updated"}
    assert (run.created, run.updated) == (0, 1)
    assert list(Onboarding.objects.values_list("pk", "first_issue_tagged")) == [("o1-new", True)]


@pytest.mark.parametrize(
    ("feed", "changes"),
    [
        ("engagement", [{"id": "e1", "customer_id": "c1", "issues_tagged": "7"}, {"id": "e2", "customer_id": "c2"}]),
        ("onboarding", [{"id": "o1", "customer_id": "c1", "notes": "x"}, {"id": "o2", "customer_id": "c2"}]),
        ("customers", [{"id": "c1", "organization": "x"}, {"id": "c30"}]),
    ],
)
def test_an_undo_puts_everything_back(feed: str, changes: list[dict[str, str]]) -> None:
    before = data()
    run, states = send(feed, *(csv_row(feed, **change) for change in changes))
    assert states == {0: "updated", 1: "created"}
    after = data()
    undoing = undo(run, "test")
    assert (undoing.status, undoing.updated, undoing.deleted) == ("loaded", 1, 1)
    assert data() == before
    assert undo(undoing, "test").status == "loaded"
    assert data() == after


def test_a_row_of_an_erased_customer_is_refused_and_not_kept() -> None:
    erase("c2", "test")
    run, states = send(
        "engagement",
        csv_row("engagement", id="e2", customer_id="c2"),
        csv_row("engagement", id="e3", customer_id="c3"),
    )
    assert states == {0: "refused", 1: "created"}
    assert (run.unchanged, run.left_out) == (1, 1)
    assert not QuarantinedRow.objects.exists()


def test_the_next_file_is_still_compared_with_the_last_file(tmp_path: Path) -> None:
    """A batch of one customer is no file: the guardrail of a full feed that shrinks compares with the file before."""
    send("customers", csv_row("customers", id="c1", organization="New name"))
    write_feeds(tmp_path, customers=[csv_row("customers", id="c1")])
    assert "more than half are gone" in str(load(tmp_path, "customers")["customers"].reason)
