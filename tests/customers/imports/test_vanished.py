"""Rows that are gone from a full feed: counted wherever a run is told of, and listed by name."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from django.test import Client

from analytics.models import Report
from customers.models import Customer, ImportRun, Onboarding
from customers.runs.undo import undo
from tests.factories import make_staff, write_feed, write_feeds
from tests.support.commands import run
from tests.support.field_nights import NIGHTS, deliver, drop, on_28_november
from tests.support.loading import customer_row, load, onboarding_row
from tests.support.pages import links, names, rows, section
from tests.support.uploading import FORM, csv_of, loaded, own_folders, uploaded

__all__ = ["drop", "on_28_november", "own_folders"]

pytestmark = pytest.mark.django_db

PARTIAL = NIGHTS / "partial_feed"
"""30 customers in the first night; in the second one the first 17 of them, where the file was cut off."""
GONE = sorted(f"c{number}" for number in range(18, 31))
CUSTOMERS = "/admin/customers/customer/"


def people_of(night: str) -> list[dict[str, str]]:
    return list(csv.DictReader((PARTIAL / night / "customers.csv").read_text().splitlines()))


@pytest.fixture
def two_nights(drop: Path) -> ImportRun:
    """Both nights are loaded and scored; the run that missed 13 customers."""
    for night in ("night1", "night2"):
        deliver(drop, PARTIAL / night)
        assert run("nightly").code == 0
    return ImportRun.objects.filter(feed="customers").first()


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_staff("Program manager"))
    return client


# --- Counted ----------------------------------------------------------------------------------------------------


def test_a_night_says_how_many_are_gone(drop: Path, manager: Client) -> None:
    deliver(drop, PARTIAL / "night1")
    assert "missing" not in run("nightly").out
    deliver(drop, PARTIAL / "night2")
    ran = run("nightly")
    assert ran.lines[0] == (
        "customers.csv: loaded 17 rows: 0 created, 0 updated, 17 unchanged, 0 quarantined; "
        "13 newly missing from the file"
    )
    summary = (
        "3 of 3 feeds loaded: 0 created, 0 updated, 18 unchanged, 0 quarantined; 13 newly missing from customers.csv."
    )
    assert summary in ran.lines
    night = manager.get("/admin/analytics/night/")
    assert night.status_code == 200
    last = night.context["cl"].result_list[0]
    assert last.steps[0]["message"] == summary


def test_the_command_counts_them_once_and_those_who_come_back(drop: Path) -> None:
    deliver(drop, PARTIAL / "night1")
    run("import_csvs")
    deliver(drop, PARTIAL / "night2")
    told = [json.loads(run("import_csvs", "--json").out)["feeds"][0] for _time in range(2)]
    assert [(one["missing"], one["returned"]) for one in told] == [(13, 0), (0, 0)]
    write_feed(drop, "customers", people_of("night1")[:20])
    ran = run("import_csvs", "--feed", "customers")
    assert ran.lines[0].endswith("20 unchanged, 0 quarantined; 3 back in the file")
    assert list(ImportRun.objects.filter(feed="customers").values_list("missing", "returned")) == [
        (0, 3),
        (0, 0),
        (13, 0),
        (0, 0),
    ]


def test_a_dry_run_counts_them_and_marks_nobody(drop: Path) -> None:
    deliver(drop, PARTIAL / "night1")
    run("import_csvs")
    deliver(drop, PARTIAL / "night2")
    told = json.loads(run("import_csvs", "--json", "--dry-run").out)["feeds"][0]
    assert (told["missing"], Customer.objects.exclude(missing_since=None).count()) == (13, 0)


def test_onboarding_counts_its_own(tmp_path: Path) -> None:
    people = [customer_row(1), customer_row(2)]
    both = [onboarding_row("o1", "c1"), onboarding_row("o2", "c2")]
    load(write_feeds(tmp_path, customers=people, onboarding=both))
    told = load(write_feeds(tmp_path, customers=people, onboarding=both[:1]))
    assert {feed: one.missing for feed, one in told.items()} == {"customers": 0, "onboarding": 1, "engagement": 0}
    # A row of another id takes the place of its customer's old one, which is not missing.
    told = load(write_feeds(tmp_path, customers=people, onboarding=[onboarding_row("o9", "c1")]))
    assert told["onboarding"].missing == 0
    assert list(Onboarding.objects.exclude(missing_since=None).values_list("pk", flat=True)) == ["o2"]
    assert sorted(Onboarding.objects.values_list("pk", flat=True)) == ["o2", "o9"]


def test_a_refused_file_misses_nobody(tmp_path: Path) -> None:
    people = [customer_row(number) for number in range(30)]
    write_feed(tmp_path, "customers", people)
    load(tmp_path, "customers")
    write_feed(tmp_path, "customers", people[:10])
    outcome = load(tmp_path, "customers")["customers"]
    assert (outcome.status, outcome.missing) == ("refused", 0)
    assert load(tmp_path, "customers", force=True)["customers"].missing == 20


def test_corrected_rows_miss_nobody_and_bring_back(manager: Client, tmp_path: Path) -> None:
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(2)])
    load(tmp_path, "customers")
    write_feed(tmp_path, "customers", [customer_row(1)])
    load(tmp_path, "customers")
    content = csv_of("customers", customer_row(2)).replace(b"status\r\n", b"status,reasons\r\n", 1)
    content = content.replace(b"active\r\n", b"active,\r\n")
    done = loaded(manager, uploaded(manager, "customers", content))
    assert (done.scope, done.missing, done.returned) == ("corrections", 0, 1)


# --- Listed -----------------------------------------------------------------------------------------------------


def test_the_run_leads_to_exactly_those(two_nights: ImportRun, manager: Client) -> None:
    page = manager.get(f"/admin/customers/importrun/{two_nights.pk}/change/")
    assert "Newly missing 13 there before, but not in this file Back 0" in section(page, "rows")
    [address] = links(page, "13")
    listed = manager.get(address)
    assert sorted(row.pk for row in listed.context["cl"].result_list) == GONE
    assert f"missing since run {two_nights.pk}" in listed.content.decode()
    assert listed.content.decode().count(f">since {two_nights.started_at:%-d %b %Y}</a>") == 13
    assert manager.get("/admin/customers/importrun/").context["cl"].result_list[2].missing == 13


def test_the_admin_filters_by_it(two_nights: ImportRun, manager: Client) -> None:
    for wanted, expected in (("yes", 13), ("no", 17), ("perhaps", 30)):
        assert manager.get(f"{CUSTOMERS}?missing={wanted}").context["cl"].result_count == expected
    assert manager.get("/admin/customers/onboarding/?missing=yes").context["cl"].result_count == 0


def test_the_table_has_a_filter_a_column_and_an_order(two_nights: ImportRun, manager: Client) -> None:
    started = f"{two_nights.started_at:%-d %b %Y}"
    shown = manager.get("/admin/?only=missing&columns=missing&per_page=50")
    assert sorted(row[-1] for row in rows(shown)) == [f"{started}, run {two_nights.pk}"] * 13
    everybody = manager.get("/admin/?columns=missing&sort=missing&per_page=50")
    assert [row[-1] for row in rows(everybody)] == [f"{started}, run {two_nights.pk}"] * 13 + ["–"] * 17
    assert len(names(everybody)) == 30
    assert everybody.content.decode().count('title="Missing from customers.csv">missing<') == 13


def test_the_exports_have_it_where_it_was(two_nights: ImportRun, manager: Client) -> None:
    body = b"".join(manager.get("/admin/export/customers/csv/?only=missing").streaming_content)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        text = archive.read("customer_table.csv").decode()
        manifest = json.loads(archive.read("manifest.json"))
    table = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    # What came later stands behind it: columns of an export keep their places.
    newer = ["Status change, 7 days", "Status change, 30 days", "forecast_quiet", "forecast_first_pr"]
    newer += ["Time to value in days", "scoring_policy", "provisional_to"]
    assert list(table[0])[-8:] == ["Missing from the feed since", *newer]
    assert {row["Missing from the feed since"] for row in table} == {f"{two_nights.started_at:%Y-%m-%d}"}
    assert sorted(row["Customer id"] for row in table) == GONE
    assert manifest["filters"] == [{"filter": "Quick filters", "value": "Missing from the feed"}]


def test_a_saved_report_keeps_the_filter(two_nights: ImportRun, manager: Client) -> None:
    view = {"name": "Gone", "query": "only=missing&columns=missing&per_page=50"}
    manager.post("/admin/reports/save/", {**view, "as_of": "newest", "schedule": "", "format": "csv"})
    opened = manager.get(f"/admin/reports/{Report.objects.get(name='Gone').pk}/", follow=True)
    assert len(names(opened)) == 13


# --- Undone and uploaded ----------------------------------------------------------------------------------------


def test_an_undo_brings_them_back_and_the_run_no_longer_leads_to_them(two_nights: ImportRun, manager: Client) -> None:
    undo(two_nights, "test")
    assert Customer.objects.exclude(missing_since=None).count() == 0
    page = manager.get(f"/admin/customers/importrun/{two_nights.pk}/change/")
    assert "Newly missing 13" in section(page, "rows")
    assert links(page, "13") == []


def test_an_upload_is_counted_like_a_night(two_nights: ImportRun, manager: Client) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", *people_of("night2")[:15]))
    assert upload.preview["missing"] == 2
    assert "No longer in the file 2" in section(manager.get(f"{FORM}{upload.pk}/"), "counts")
    assert loaded(manager, upload).missing == 2
