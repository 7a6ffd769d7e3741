"""A run of events goes with the events that it loaded, unless anything names it."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from customers.core.roles import Role
from customers.inbox.forget import delete_batches, delete_runs, old_runs
from customers.inbox.ingest import ingest
from customers.jobs.lock import job_lock
from customers.models import Batch, Engagement, ImportRun, RowChange
from customers.runs.undo import undo
from tests.factories import csv_row, make_customer, make_staff, write_feed
from tests.support.inbox import event, reported
from tests.support.loading import load
from tests.support.pages import words

pytestmark = pytest.mark.django_db
AT, DAY = "2026-11-20T10:00:00Z", date(2026, 11, 20)


def one_ingest(customer: str = "c1", at: str = AT) -> ImportRun:
    reported(event(customer, occurred_at=at))
    with job_lock("import") as lock:
        [run] = ingest("test", lock)
    return run


def file_says(folder: Path, **columns: str) -> ImportRun:
    """The file with a row of this customer and day; the run that loaded it."""
    write_feed(folder, "engagement", [csv_row("engagement", **{"customer_id": "c1", "date": str(DAY), **columns})])
    return ImportRun.objects.get(pk=load(folder, "engagement")["engagement"].run)


def let_pass(days: int) -> None:
    """Make everything so many days older."""
    then = timezone.now() - timedelta(days=days)
    ImportRun.objects.filter(scope="events").update(started_at=then, finished_at=then)
    Batch.objects.update(received_at=then)


def test_runs_go_with_their_events_and_journals_once_a_file_has_their_rows(tmp_path: Path, settings: Settings) -> None:
    make_customer(id="c1")
    first, second = one_ingest(), one_ingest()
    loaded = file_says(tmp_path)
    let_pass(91)
    assert list(old_runs()) == []  # the events say by which run they were loaded
    assert delete_batches() == 2
    settings.INBOX_DAYS = 0
    assert delete_runs() == 0
    settings.INBOX_DAYS = 92
    assert delete_runs() == 0
    settings.INBOX_DAYS = 90
    assert RowChange.objects.filter(run=second).exists()
    assert set(old_runs()) == {first, second}
    assert delete_runs() == 2
    assert set(ImportRun.objects.all()) == {loaded}
    assert set(RowChange.objects.values_list("run", flat=True)) == {loaded.pk}


def test_a_run_stays_as_long_as_a_row_an_undo_or_the_quarantine_names_it(tmp_path: Path) -> None:
    for key in ("c1", "c2"):
        make_customer(id=key)
    of_a_row, unknown, undone = one_ingest("c2"), one_ingest("c9"), one_ingest("c1", "2026-11-21T10:00:00Z")
    undoing = undo(undone, "test")
    let_pass(91)
    delete_batches()
    assert delete_runs() == 0
    assert set(ImportRun.objects.filter(scope="events")) == {of_a_row, unknown, undone}
    assert ImportRun.objects.filter(pk=undoing.pk).exists()


def test_an_undo_brings_back_a_row_whose_run_is_gone(tmp_path: Path, client: Client) -> None:
    make_customer(id="c1")
    one_ingest()
    loaded = file_says(tmp_path)
    let_pass(91)
    delete_batches()
    assert delete_runs() == 1
    undoing = undo(loaded, "test")
    [row] = Engagement.objects.all()
    assert (row.pk, row.provisional, row.issues_tagged) == (f"~{DAY}~c1", True, 1)
    client.force_login(make_staff(Role.VIEWER))
    page = client.get(f"/admin/customers/engagement/{quote(row.pk)}/change/")
    assert page.status_code == 200
    assert "Issues tagged 1" in words(page.text)
    assert undo(undoing, "test").status == "loaded"
    assert not Engagement.objects.filter(provisional=True).exists()
