"""How a load can end other than well: dry runs, failures, interruptions, and who hears of it."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from customers.core.signals import run_loaded
from customers.feeds.declarations import Feed
from customers.imports import load as loader
from customers.imports.checks import cross_row as problems
from customers.models import (
    Engagement,
    ImportRun,
    Onboarding,
    QuarantinedRow,
    StepSighting,
)
from tests.factories import csv_row, write_feeds
from tests.support.loading import (
    EVERYTHING,
    customer_row,
    engagement_on,
    feed_tables,
    load,
    onboarding_row,
    states,
    write_bytes,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_10_may")]


# --- Dry runs, failures, listeners -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_leaves_nothing_and_says_what_would_happen(tmp_path: Path) -> None:
    outcomes = load(write_feeds(tmp_path, **EVERYTHING), dry_run=True)
    assert {name: states(outcome) for name, outcome in outcomes.items()} == {
        "customers": (2, 0, 0, 0),
        "onboarding": (2, 0, 0, 0),
        "engagement": (1, 0, 1, 2),
        "feedback": (1, 0, 0, 0),
        "events": (1, 0, 0, 0),
    }
    assert [problem["line"] for problem in outcomes["engagement"].problems] == [4, 5]
    assert {outcome.run for outcome in outcomes.values()} == {None}
    assert not any(feed_tables().values())
    for model in (ImportRun, QuarantinedRow, StepSighting):
        assert not model.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_reports_a_refusal_and_goes_on(tmp_path: Path) -> None:
    write_feeds(tmp_path, **EVERYTHING)
    write_bytes(tmp_path, "onboarding.csv", b"nothing\n")
    outcomes = load(tmp_path, dry_run=True)
    assert [outcome.status for outcome in outcomes.values()] == ["loaded", "refused", "loaded", "loaded", "loaded"]
    assert states(outcomes["engagement"]) == (1, 0, 1, 2)
    assert not ImportRun.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("dry_run", [False, True], ids=["real", "dry"])
def test_a_database_that_breaks_in_the_middle_is_our_failure(
    dry_run: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load(write_feeds(tmp_path, customers=[customer_row(1)]))
    merge = loader.merge

    def break_after_merge(feed: Feed, *where: Any, **options: Any) -> tuple[int, int]:
        counts = merge(feed, *where, **options)
        if feed.name == "onboarding":
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO no_such_table VALUES (1)")
        return counts

    monkeypatch.setattr(loader, "merge", break_after_merge)
    write_feeds(
        tmp_path,
        customers=[customer_row(1)],
        onboarding=[onboarding_row("o1", "c1"), onboarding_row("o2", "c9")],
        engagement=[engagement_on("2025-05-02")],
    )
    outcomes = load(tmp_path, force=True, dry_run=dry_run)
    assert [outcome.status for outcome in outcomes.values()] == ["loaded", "failed", "loaded"]
    assert "no_such_table" in str(outcomes["onboarding"].reason)
    assert outcomes["onboarding"].problems == []
    assert "failed" in caplog.text
    assert not Onboarding.objects.exists()
    assert not QuarantinedRow.objects.exists()
    assert Engagement.objects.count() == (0 if dry_run else 1)


@pytest.mark.django_db(transaction=True)
def test_a_row_that_only_the_commit_finds_wrong_leaves_no_problems_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Foreign keys are deferred: the error comes after everything was counted."""
    monkeypatch.setattr(problems, "_find_unknown_customers", lambda *_arguments: None)
    rows = [engagement_on("2025-05-02"), csv_row("engagement", id="e2", date="soon")]
    outcome = load(write_feeds(tmp_path, engagement=rows))["engagement"]
    assert outcome.status == "failed"
    assert outcome.problems == []
    assert not QuarantinedRow.objects.exists()


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_run_whose_process_died_is_called_interrupted(tmp_path: Path, dry_run: bool) -> None:
    run = ImportRun.objects.create(feed="customers", file="customers.csv", started_by="test")
    load(write_feeds(tmp_path), dry_run=dry_run)
    run.refresh_from_db()
    assert (run.status, run.finished_at is not None) == ("interrupted", True)
    assert run.reason == "the process ended before the run did; nothing of it was loaded"


@pytest.mark.django_db(transaction=True)
def test_listeners_hear_of_loaded_runs_after_the_commit_and_cannot_undo_it(tmp_path: Path) -> None:
    heard: list[str] = []

    def listen(run: ImportRun, **_rest: Any) -> None:
        if run.feed == "customers":
            heard.append(f"{run.feed} {run.status} {transaction.get_connection().in_atomic_block}")
        raise RuntimeError("the listener's own trouble")

    run_loaded.connect(listen)
    try:
        outcomes = load(write_feeds(tmp_path, customers=[customer_row(1)]))
        load(tmp_path)
        load(write_feeds(tmp_path, customers=[customer_row(1, cohort="New")]), dry_run=True)
        load(tmp_path)
    finally:
        run_loaded.disconnect(listen)
    assert outcomes["customers"].status == "loaded"
    assert heard == ["customers loaded False"] * 3
