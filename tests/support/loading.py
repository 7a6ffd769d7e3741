"""Runs an import and checks the ledger of every feed, whatever the test is about."""

import hashlib
from pathlib import Path
from typing import Any

from django.db.models import Model

from customers.feeds.declarations import FEEDS
from customers.imports.folder import import_folder
from customers.imports.interface import Options, Outcome
from customers.models import ImportRun, QuarantinedRow
from tests.factories import csv_row

STEPS = (
    "welcome_email_sent",
    "account_created",
    "github_action_installed",
    "first_issue_tagged",
    "first_pr_generated",
)
HEADER = "id,customer_id,date,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests"
"""Of engagement.csv."""
NO_STEPS = dict.fromkeys(STEPS, "false")
ALL_STEPS = dict.fromkeys(STEPS, "true")


def write_bytes(folder: Path, name: str, content: bytes) -> Path:
    """A file with exactly these bytes; returns its path."""
    path = folder / name
    path.write_bytes(content)
    return path


def load(folder: Path, *names: str, dry_run: bool = False, **options: Any) -> dict[str, Outcome]:
    """Import a folder, or the feeds named, and check each one's ledger; returns the outcomes by feed."""
    outcomes = import_folder(folder, names or None, Options(**{"started_by": "test", **options}), dry_run=dry_run)
    for outcome in outcomes:
        assert_ledger(outcome, folder)
    return {outcome.feed: outcome for outcome in outcomes}


def assert_ledger(outcome: Outcome, folder: Path) -> None:
    """Every data row is in exactly one state, and the run's record and the quarantine say the same."""
    assert outcome.created + outcome.updated + outcome.unchanged + outcome.quarantined == outcome.rows
    assert len(outcome.problems) == outcome.quarantined
    assert [problem["line"] for problem in outcome.problems] == sorted(
        {problem["line"] for problem in outcome.problems}
    )
    assert all(problem["reasons"] for problem in outcome.problems)
    if outcome.loaded:
        assert outcome.reason is None
        assert outcome.sha256 == hashlib.sha256((folder / outcome.file).read_bytes()).hexdigest()
    else:
        assert outcome.reason
        assert (outcome.rows, outcome.retried) == (0, 0)
    if outcome.run:
        run = ImportRun.objects.get(pk=outcome.run)
        counts = ("rows", "created", "updated", "unchanged", "quarantined", "retried", "missing", "returned")
        for name in ("feed", "file", "status", *counts):
            assert getattr(run, name) == getattr(outcome, name), name
        assert (run.sha256 or None, run.reason or None) == (outcome.sha256, outcome.reason)
        assert run.finished_at is not None
        kept = QuarantinedRow.objects.filter(run=run, feed=outcome.feed).order_by("line")
        assert list(kept.values("line", "reasons")) == outcome.problems


def states(outcome: Outcome) -> tuple[int, int, int, int]:
    """How many rows were created, updated, unchanged and quarantined."""
    return outcome.created, outcome.updated, outcome.unchanged, outcome.quarantined


def customer_row(number: int, **overrides: str) -> dict[str, str]:
    """A customer of that number, as its feed has it."""
    return csv_row("customers", **{"id": f"c{number}", "email": f"someone@c{number}.example", **overrides})


def onboarding_row(key: str, customer: str, **overrides: str) -> dict[str, str]:
    """A customer's onboarding, as its feed has it."""
    return csv_row("onboarding", id=key, customer_id=customer, **overrides)


def engagement_on(day: str) -> dict[str, str]:
    """A row of engagement of c1 on a day, as its feed has it."""
    return csv_row("engagement", id=f"e-{day}", customer_id="c1", date=day)


EVERYTHING = {
    "customers": [customer_row(1), customer_row(2, team_size="", status="", cohort="")],
    "onboarding": [
        csv_row("onboarding", id="o1", customer_id="c1", completed_date="2025-05-04", days_to_complete="9"),
        csv_row("onboarding", id="o2", customer_id="c2", notes="two\nlines"),
    ],
    "engagement": [
        csv_row("engagement", id="e1", customer_id="c1"),
        csv_row("engagement", id="e1", customer_id="c1"),
        csv_row("engagement", id="e2", customer_id="c9"),
        csv_row("engagement", id="e3", customer_id="c2", date="soon"),
    ],
    "feedback": [csv_row("feedback", id="f1", customer_id="c1", nps="")],
    "events": [csv_row("events", id="v1", customer_id="c2", kind="account_created")],
}
"""All five feeds, with a row in each state."""


def feed_tables() -> dict[type[Model], list[dict[str, Any]]]:
    """Every row of every feed's table."""
    return {feed.model: list(feed.model.objects.order_by("pk").values()) for feed in FEEDS.values()}
