"""The ledger in the admin: the list of runs, each run's page, and the rows behind its counts."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from customers.models import QuarantinedRow, RowChange
from tests.factories import csv_row, make_customer, make_run, make_staff, write_feed
from tests.support.loading import load
from tests.support.pages import main_part, notices, section, words
from tests.support.run_pages import ESCAPED, HOSTILE, page_of, two_nights

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("folder")]


def keys(client: Client, address: str) -> list[str]:
    response = client.get(address)
    assert response.status_code == 200
    return sorted(str(row.pk) for row in response.context["cl"].result_list)


# --- The page ---------------------------------------------------------------------------------------------------


def test_a_run_without_a_file_says_nothing_of_one(manager: Client) -> None:
    run = make_run(feed="feedback", file="rows by CI", scope="partial", rows=2, created=2)
    response = manager.get(page_of(run))
    assert section(response, "file") == "Source Feed Feedback Name rows by CI Rows 2"
    assert "Not in this table" not in section(response, "changes")


def test_a_run_says_what_it_read_and_what_became_of_it(manager: Client, settings: Settings) -> None:
    settings.UNDO_DAYS = 0
    run = make_run(
        feed="engagement",
        file="engagement.csv.gz",
        sha256="ab" * 32,
        size=12_345,
        rows=1_010,
        created=1_000,
        updated=4,
        unchanged=1,
        quarantined=5,
        retried=2,
        warnings=["unknown columns are ignored: x", "another"],
        started_by="nightly-cron",
        forced_by="Ann",
        started_at=datetime(2025, 5, 11, 2, 30, tzinfo=UTC),
        finished_at=datetime(2025, 5, 11, 2, 31, 5, tzinfo=UTC),
    )
    response = manager.get(page_of(run))
    text = words(main_part(response))
    assert text.startswith(
        f"← All import runs Run {run.pk}: engagement.csv.gz "
        "Loaded 1,010 rows read · 11 May 2025, 02:30 · 1 min 5 s · by nightly-cron"
    )
    assert section(response, "rows") == (
        "Results Created 1,000 Updated 4 Unchanged 1 Quarantined 5 "
        "Retried 2 rows of earlier files that left the quarantine"
    )
    assert section(response, "warnings") == "Warnings unknown columns are ignored: x another"
    assert section(response, "file") == (
        f"File Feed Engagement Name engagement.csv.gz Size 12,345 bytes Rows 1,010 SHA-256 {'ab' * 32}"
    )
    assert section(response, "run") == (
        "Run Started 11 May 2025, 02:30:00 Finished 11 May 2025, 02:31:05 Duration 1 min 5 s "
        "Started by nightly-cron Guardrails forced by Ann Status Loaded"
    )
    assert notices(response) == [
        "The file itself is not kept, or no longer; its SHA-256 below tells whether a copy is the same."
    ]


@pytest.mark.parametrize(
    ("status", "words_of_it"),
    [
        ("refused", "⚠ Refused nothing of it was loaded"),
        ("failed", "⚠ Failed nothing of it was loaded"),
        ("interrupted", "Interrupted nothing of it was loaded"),
        ("running", "Running not done yet"),
    ],
)
def test_a_run_that_did_not_load_says_so_and_why(manager: Client, status: str, words_of_it: str) -> None:
    run = make_run(status=status, reason="line 3: no UTF-8")
    response = manager.get(page_of(run))
    assert f"customers.csv {words_of_it} ·" in words(main_part(response))
    assert notices(response) == [f"{status.capitalize()}: line 3: no UTF-8"]
    assert "What it changed" not in response.text
    assert "– the file was not read" in section(response, "file")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.04, "< 0.1 s"), (0.25, "0.2 s"), (59.9, "59.9 s"), (60, "1 min 0 s"), (3_725, "1 h 2 min"), (-5, "< 0.1 s")],
)
def test_the_duration_in_words(manager: Client, seconds: float, expected: str) -> None:
    start = datetime(2025, 5, 11, 2, 30, tzinfo=UTC)
    run = make_run(started_at=start, finished_at=datetime.fromtimestamp(start.timestamp() + seconds, UTC))
    assert f"Duration {expected}" in section(manager.get(page_of(run)), "run")


def test_nothing_that_a_file_or_a_user_says_becomes_part_of_the_page(manager: Client) -> None:
    run = make_run(
        status="refused", file=HOSTILE, reason=HOSTILE, warnings=[HOSTILE], started_by=HOSTILE, forced_by=HOSTILE
    )
    make_customer(id="c1", run_id=run.pk)
    QuarantinedRow.objects.create(run=run, feed="customers", line=2, raw=HOSTILE, reasons=[HOSTILE])
    loaded = make_run(file=HOSTILE, updated=1)
    RowChange.objects.create(
        run=loaded,
        model="customer",
        key="c1",
        before={"cohort": "a", "run_id": 1, "line": 1},
        after={"cohort": HOSTILE, "run_id": 1, "line": 2},
    )
    for address in (
        page_of(run),
        page_of(loaded),
        "/admin/customers/importrun/",
        f"/admin/customers/quarantinedrow/?run={run.pk}",
        "/admin/customers/customer/c1/change/",
    ):
        text = manager.get(address).text
        assert ESCAPED in text or ESCAPED.replace("&quot;", "&#34;") in text, address
        assert "<script>alert" not in text, address


def test_there_is_nothing_to_send_to_a_run(client: Client) -> None:
    client.force_login(make_staff(is_superuser=True))
    assert client.post(page_of(make_run()), {"status": "loaded"}).status_code == 403


@pytest.mark.parametrize("key", ["0", "999999", "9" * 30, "x", "1_2F2"])
def test_an_unknown_run_is_not_found(manager: Client, key: str) -> None:
    assert manager.get(f"/admin/customers/importrun/{key}/change/").status_code == 404
    assert manager.get(f"/admin/customers/importrun/{key}/file/").status_code == 404


# --- The rows behind the counts ---------------------------------------------------------------------------------


def test_the_counts_lead_to_their_rows(manager: Client, folder: Path) -> None:
    _first, second = two_nights(folder)
    response = manager.get(page_of(second))
    assert section(response, "rows").startswith("Results Created 1 Updated 1 Unchanged 1 Quarantined 1 Retried 0")
    created, updated, quarantined = re.findall(r'<dd><a href="([^"]*)">', main_part(response))
    assert created == updated == f"/admin/customers/customer/?run={second.pk}"
    assert keys(manager, created) == ["c1", "c3"]
    assert quarantined == f"/admin/customers/quarantinedrow/?run={second.pk}"
    [row] = QuarantinedRow.objects.all()
    assert keys(manager, quarantined) == [str(row.pk)]


def test_retried_rows_are_those_that_the_run_resolved(manager: Client, folder: Path) -> None:
    write_feed(folder, "customers", [csv_row("customers", id="c1")])
    write_feed(folder, "engagement", [csv_row("engagement", id="e1", customer_id="late")])
    load(folder, "customers", "engagement")
    write_feed(folder, "customers", [csv_row("customers", id="c1"), csv_row("customers", id="late")])
    (folder / "engagement.csv").unlink()
    outcome = load(folder, "customers")["customers"]
    assert outcome.retried == 1
    response = manager.get(page_of(outcome.run))
    [address] = re.findall(r'href="(/admin/customers/quarantinedrow[^"]*)"', main_part(response))
    assert address == f"/admin/customers/quarantinedrow/?resolved_by={outcome.run}&amp;status__exact=loaded"
    [row] = QuarantinedRow.objects.all()
    assert keys(manager, address.replace("&amp;", "&")) == [str(row.pk)]


@pytest.mark.parametrize("feed", ["customer", "onboarding", "engagement", "feedback", "event"])
def test_a_narrowed_list_says_to_what(manager: Client, feed: str) -> None:
    text = words(manager.get(f"/admin/customers/{feed}/?run=7").text)
    assert "Only these rows: last changed by run 7. Show all" in text
    assert "Only these rows" not in manager.get(f"/admin/customers/{feed}/").text
    # What makes no sense is refused by the list as ever, and never an error.
    for query in ("run=x", "run__id__exact=1&nothing=2", "run__nothing=1", "p=0&q=a&o=1"):
        assert manager.get(f"/admin/customers/{feed}/?{query}").status_code in {200, 302, 400}


def test_a_narrowed_list_escapes_what_it_repeats(manager: Client) -> None:
    text = manager.get("/admin/customers/engagement/", {"customer__id__exact": HOSTILE}).text
    assert f"customer {ESCAPED}" in text.replace("&#34;", "&quot;")
    assert "<script>alert" not in text


# --- The list ---------------------------------------------------------------------------------------------------


def test_the_list_has_a_line_for_each_run(manager: Client) -> None:
    run = make_run(
        feed="engagement",
        file="engagement.csv",
        sha256="0123456789abcdef" * 4,
        status="refused",
        rows=10,
        created=1,
        updated=2,
        unchanged=3,
        quarantined=4,
        retried=5,
        started_by="nightly-cron",
        started_at=datetime(2025, 5, 11, 2, 30, tzinfo=UTC),
        finished_at=datetime(2025, 5, 11, 2, 30, 1, tzinfo=UTC),
    )
    text = words(manager.get("/admin/customers/importrun/").text)
    assert (
        f"{run.pk} 11 May 2025, 02:30 Engagement Refused 1 2 3 4 5 1.0 s engagement.csv 0123456789ab nightly-cron"
        in text
    )


# --- The list ---------------------------------------------------------------------------------------------------


def test_the_list_shows_the_runs_of_files_unless_it_is_asked_for_what_was_reported(manager: Client) -> None:
    whole, events, rows = (make_run(feed="engagement", scope=scope) for scope in ("whole", "events", "partial"))
    address = "/admin/customers/importrun/"
    assert keys(manager, address) == keys(manager, f"{address}?source=x") == [str(whole.pk)]
    assert keys(manager, f"{address}?feed__exact=engagement&status__exact=loaded") == [str(whole.pk)]
    assert keys(manager, f"{address}?source=reported") == sorted([str(events.pk), str(rows.pk)])
    assert len(keys(manager, f"{address}?source=all")) == 3
    assert "Reported by the API" in manager.get(address).text
