"""A file that was delivered before, when a newer one was loaded since: refused, unless somebody insists."""

import gzip
from pathlib import Path

import pytest
from django.test import Client

from customers.models import Customer, ImportRun
from customers.runs.undo import undo
from tests.factories import csv_row, make_staff, write_feed, write_feeds
from tests.support.commands import run
from tests.support.field_nights import NIGHTS, deliver, drop, on_28_november
from tests.support.loading import customer_row, load
from tests.support.pages import notices
from tests.support.uploading import FORM, confirmed, own_folders, uploaded

__all__ = ["drop", "on_28_november", "own_folders"]

pytestmark = pytest.mark.django_db

OLD = NIGHTS / "old_delivery"
"""A, and the newer B: c1 has churned, c2 has another address, c3 is new."""


def newest() -> ImportRun:
    return ImportRun.objects.filter(feed="customers").first()


def load_customers(drop: Path, which: str, **options: object) -> ImportRun:
    """Load A's or B's customers; the run of it."""
    deliver(drop, OLD / which)
    load(drop, "customers", **options)
    return newest()


def people() -> dict[str, tuple[str, str, bool]]:
    return {one.pk: (one.status, one.email, one.missing_since_id is None) for one in Customer.objects.all()}


NEWEST = {
    "c1": ("churned", "ops@c1.example", True),
    "c2": ("active", "new@c2.example", True),
    "c3": ("active", "ops@c3.example", True),
}


def words_of(old: ImportRun, newer: ImportRun) -> str:
    return (
        f"it is the file that run {old.pk} of {old.started_at:%-d %b %Y, %H:%M} has loaded ('{old.file}'), "
        f"and a newer one was loaded since, by run {newer.pk} of {newer.started_at:%-d %b %Y, %H:%M}"
    )


def test_yesterdays_file_fails_the_night_and_changes_nothing(drop: Path) -> None:
    runs = []
    for which in ("A", "B"):
        deliver(drop, OLD / which)
        assert run("nightly").code == 0
        runs.append(newest())
    deliver(drop, OLD / "A")
    ran = run("nightly")
    assert ran.code == 1
    assert ran.lines[0] == f"customers.csv: refused: {words_of(*runs)}"
    assert (newest().status, newest().missing) == ("refused", 0)
    assert people() == NEWEST


def test_force_loads_it_and_the_one_between_is_then_the_old_one(drop: Path) -> None:
    a, b = load_customers(drop, "A"), load_customers(drop, "B")
    forced = load_customers(drop, "A", force=True)
    assert (forced.status, forced.forced_by) == ("loaded", "test")
    assert forced.warnings == [f"forced by test: {words_of(a, b)}"]
    assert people()["c1"][0] == "active"
    again = load_customers(drop, "B")
    assert (again.status, again.reason) == ("refused", words_of(b, forced))


def test_the_newest_file_again_is_no_old_one(drop: Path) -> None:
    load_customers(drop, "A")
    for _time in range(3):
        one = load_customers(drop, "B")
        assert one.status == "loaded"
    assert (one.created, one.updated, one.unchanged, one.missing) == (0, 0, 3, 0)
    assert people() == NEWEST


def test_after_an_undo_the_file_before_is_the_newest(drop: Path) -> None:
    load_customers(drop, "A")
    b = load_customers(drop, "B")
    undo(b, "test")
    assert load_customers(drop, "A").status == "loaded"
    assert load_customers(drop, "B").status == "loaded"


def test_an_undone_undo_counts_again(drop: Path) -> None:
    a, b = load_customers(drop, "A"), load_customers(drop, "B")
    undo(undo(b, "test"), "test")
    assert load_customers(drop, "A").reason == words_of(a, b)


def test_it_is_known_when_packed(drop: Path) -> None:
    a, b = load_customers(drop, "A"), load_customers(drop, "B")
    content = (OLD / "A" / "customers.csv").read_bytes()
    (drop / "customers.csv").unlink()
    (drop / "customers.csv.gz").write_bytes(gzip.compress(content))
    outcome = load(drop, "customers")["customers"]
    assert (outcome.status, outcome.reason) == ("refused", words_of(a, b))


def test_a_dry_run_says_so_and_keeps_no_run(drop: Path) -> None:
    a, b = load_customers(drop, "A"), load_customers(drop, "B")
    deliver(drop, OLD / "A")
    outcome = load(drop, "customers", dry_run=True)["customers"]
    assert (outcome.status, outcome.reason) == ("refused", words_of(a, b))
    assert newest() == b


def test_the_preview_of_an_upload_says_so_and_a_person_may_insist(drop: Path, client: Client) -> None:
    a, b = load_customers(drop, "A"), load_customers(drop, "B")
    client.force_login(make_staff("Program manager", username="mary"))
    upload = uploaded(client, "customers", (OLD / "A" / "customers.csv").read_bytes())
    page = client.get(f"{FORM}{upload.pk}/")
    assert notices(page)[0] == f"Refused: {words_of(a, b)}"
    assert (upload.preview["forceable"], upload.preview["updated"], upload.preview["missing"]) == (True, 2, 1)
    confirmed(client, upload)
    assert newest() == b
    confirmed(client, upload, force="on")
    assert (newest().status, newest().forced_by, newest().missing) == ("loaded", "mary", 1)


def test_an_older_history_takes_nothing_away_and_is_a_warning(tmp_path: Path) -> None:
    history = [csv_row("engagement", id=f"e{number}", customer_id="c1") for number in range(3)]
    write_feeds(tmp_path, customers=[customer_row(1)], engagement=history[:2])
    load(tmp_path)
    older = ImportRun.objects.get(feed="engagement")
    write_feed(tmp_path, "engagement", history)
    load(tmp_path, "engagement")
    newer = ImportRun.objects.filter(feed="engagement").first()
    write_feed(tmp_path, "engagement", history[:2])
    again = load(tmp_path, "engagement")["engagement"]
    assert (again.status, again.unchanged, again.warnings) == (
        "loaded",
        2,
        [f"an old delivery: {words_of(older, newer)}"],
    )


def test_onboarding_is_guarded_too(tmp_path: Path) -> None:
    steps = csv_row("onboarding", id="o1", customer_id="c1")
    for change in ({}, {"blocker_type": "sso"}):
        write_feeds(tmp_path, customers=[customer_row(1)], onboarding=[steps | change])
        load(tmp_path)
    write_feed(tmp_path, "onboarding", [steps])
    assert load(tmp_path, "onboarding")["onboarding"].status == "refused"
