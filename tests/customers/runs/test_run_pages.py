"""The ledger in the admin: the list of runs, each run's page, the rows behind its counts, and its file."""

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from customers.archive import files
from customers.feeds.declarations import FEEDS
from customers.models import Customer, ImportRun, QuarantinedRow, RowChange
from tests.factories import csv_row, make_customer, make_run, make_staff, write_feed
from tests.support.loading import load, write_bytes
from tests.support.pages import links, main_part, notices, section, words

pytestmark = pytest.mark.django_db

HOSTILE = '<script>alert("x")</script>\u202e'
ESCAPED = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;"


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    """The drop folder; the archive is the test's own."""
    settings.ARCHIVE_DIR = tmp_path / "archive"
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_staff("Success manager"))
    return client


def page_of(run: ImportRun | int) -> str:
    return f"/admin/customers/importrun/{run.pk if isinstance(run, ImportRun) else run}/change/"


def file_of(run: ImportRun) -> str:
    return f"/admin/customers/importrun/{run.pk}/file/"


def keys(client: Client, address: str) -> list[str]:
    response = client.get(address)
    assert response.status_code == 200
    return sorted(str(row.pk) for row in response.context["cl"].result_list)


def two_nights(folder: Path) -> tuple[ImportRun, ImportRun]:
    """Two runs of the customers: c1 and c2 are created; then c1 changes, c3 comes, and a row is bad."""
    first = [csv_row("customers", id="c1"), csv_row("customers", id="c2")]
    write_feed(folder, "customers", first)
    load(folder, "customers")
    second = [
        csv_row("customers", id="c1", cohort="Beta", team_size=""),
        csv_row("customers", id="c2"),
        csv_row("customers", id="c3"),
        csv_row("customers", id="c4", email="nowhere"),
    ]
    write_feed(folder, "customers", second)
    load(folder, "customers")
    newest, oldest = ImportRun.objects.all()
    return oldest, newest


# --- The page ---------------------------------------------------------------------------------------------------


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
        "What became of its rows Created 1,000 Updated 4 Unchanged 1 Quarantined 5 "
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
    assert section(response, "rows").startswith(
        "What became of its rows Created 1 Updated 1 Unchanged 1 Quarantined 1 Retried 0"
    )
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


# --- What it changed --------------------------------------------------------------------------------------------


def changes(client: Client, run: ImportRun, query: str = "") -> list[list[str]]:
    [table] = re.findall(
        r'<table class="rsolv-table changes">.*?</table>', client.get(page_of(run) + query).text, re.S
    )
    lines = re.findall(r"<tr>(.*?)</tr>", table, re.S)[1:]
    return [[words(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", line, re.S)] for line in lines]


def test_each_changed_cell_before_and_after(manager: Client, folder: Path) -> None:
    first, second = two_nights(folder)
    assert changes(manager, second) == [
        ["customer c1", "Updated", "cohort", "VIP", "Beta"],
        ["team_size", "12", ""],
    ]
    response = manager.get(page_of(second))
    assert links(response, "customer c1") == ["/admin/customers/customer/c1/change/"]
    assert links(response, "the 1 row that its file created") == [f"/admin/customers/customer/?run={second.pk}"]
    assert "Not in this table: the 1 row that its file created" in section(response, "changes")
    assert section(manager.get(page_of(first)), "changes") == (
        "What it changed Not in this table: the 2 rows that its file created"
    )


def test_a_run_that_changed_nothing_says_so(manager: Client, folder: Path) -> None:
    two_nights(folder)
    load(folder, "customers")
    assert section(manager.get(page_of(ImportRun.objects.first())), "changes") == "What it changed Nothing."


def test_a_row_that_changed_again_says_by_which_run(manager: Client, folder: Path) -> None:
    _first, second = two_nights(folder)
    write_feed(folder, "customers", [csv_row("customers", id="c1", cohort="Gamma")])
    third = load(folder, "customers")["customers"].run
    assert changes(manager, second)[0] == [
        "customer c1",
        f"Updated changed again by run {third}",
        "cohort",
        "VIP",
        "Beta",
    ]


def test_what_can_happen_to_a_row(manager: Client) -> None:
    run = make_run(updated=1)
    customer = make_customer(id="c1", run_id=3, line=9)
    image = {"id": "c1", "cohort": "A", "run_id": 3, "line": 9}
    for key, before, after, reason in (
        ("c1", {**image, "cohort": "B"}, image, ""),
        ("c2", image, None, ""),
        ("c3", None, {**image, "id": "c3"}, ""),
        ("c4", image, None, "changed since by run 5"),
        ("c5", image, {**image, "line": 4}, ""),
    ):
        RowChange.objects.create(run=run, model="customer", key=key, before=before, after=after, reason=reason)
    make_customer(id="c5", run_id=3, line=4)
    assert changes(manager, run) == [
        ["customer c1", "Updated", "cohort", "B", "A"],
        ["customer c2", "Deleted", "cohort", "A", ""],
        ["customer c3", "Created removed since", "cohort", "", "A"],
        ["customer c4", "Left as it is changed since by run 5", ""],
        ["customer c5", "Updated", "the same values, from another line"],
    ]
    Customer.objects.filter(pk=customer.pk).update(run_id=3, line=10)
    assert changes(manager, run)[0][1] == "Updated changed again by run 3"
    RowChange.objects.filter(key="c1").update(before={**image, "line": 10, "cohort": "B"})
    assert changes(manager, run)[0][1] == "Updated put back since"


def test_changes_come_in_pages_at_a_constant_cost(manager: Client) -> None:
    run = make_run(updated=120)

    def cost(query: str = "") -> int:
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(page_of(run) + query).status_code == 200
        return len(captured)

    RowChange.objects.create(
        run=run, model="customer", key="c000", before={"line": 1}, after={"cohort": "x", "run_id": 1, "line": 2}
    )
    few = cost()
    RowChange.objects.bulk_create(
        RowChange(
            run=run, model="customer", key=f"c{number:03}", before={}, after={"cohort": "x", "run_id": 1, "line": 2}
        )
        for number in range(1, 120)
    )
    assert cost() == cost("?page=3") == few
    assert few < 15
    assert len(changes(manager, run)) == 50
    assert [row[0] for row in changes(manager, run, "?page=3")] == [
        f"customer c{number}" for number in range(100, 120)
    ]
    assert [row[0] for row in changes(manager, run, "?page=99")][:1] == ["customer c100"]
    assert "101–120 of 120" in section(manager.get(page_of(run) + "?page=3"), "changes")


def test_an_undone_run_and_its_undo_name_each_other(manager: Client) -> None:
    run = make_run(created=2)
    undo = make_run(undoes=run, deleted=2, updated=1, unchanged=3, file="")
    ImportRun.objects.filter(pk=run.pk).update(undone_by=undo)
    response = manager.get(page_of(run))
    assert links(response, f"run {undo.pk}") == [page_of(undo)]
    assert "/admin/customers/customer/?run=" not in response.text
    assert section(response, "changes") == "What it changed What its file created was undone."
    assert f"Undone by run {undo.pk} : what this run did no longer counts." in notices(response)[0]
    response = manager.get(page_of(undo))
    assert links(response, f"run {run.pk}") == [page_of(run)]
    assert section(response, "rows") == (
        "What became of its rows There again 0 As before 1 Removed 2 Left as they are 3 changed since by another run"
    )


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


# --- The file ---------------------------------------------------------------------------------------------------


def download(client: Client, run: ImportRun) -> bytes:
    response = client.get(file_of(run))
    assert (response.status_code, isinstance(response, StreamingHttpResponse)) == (200, True)
    content = response.getvalue()
    assert int(response["Content-Length"]) == len(content)
    assert response["X-Content-Type-Options"] == "nosniff"
    return content


@pytest.mark.parametrize("compress", [False, True])
def test_the_file_comes_back_byte_for_byte(manager: Client, folder: Path, compress: bool) -> None:
    path = write_feed(folder, "customers", [csv_row("customers")], compress=compress)
    load(folder, "customers")
    run = ImportRun.objects.get()
    assert download(manager, run) == path.read_bytes()
    assert links(manager.get(page_of(run)), "Download the file") == [file_of(run)]


def test_a_refused_file_can_be_looked_at(manager: Client, folder: Path) -> None:
    header = ",".join(FEEDS["customers"].column_names).encode()
    content = header + b"\n" + bytes(range(256)) * 5_000
    write_bytes(folder, "customers.csv", content)
    assert load(folder, "customers")["customers"].status == "refused"
    assert download(manager, ImportRun.objects.get()) == content


def test_what_is_no_feed_at_all_can_be_looked_at_by_nobody(manager: Client, folder: Path) -> None:
    write_bytes(folder, "customers.csv", b"SECRET_KEY=0123\n")
    assert load(folder, "customers")["customers"].status == "refused"
    run = ImportRun.objects.get()
    response = manager.get(page_of(run))
    assert links(response, "Download the file") == []
    assert notices(response) == [
        f"Refused: {run.reason}",
        "The file itself is not kept, or no longer: a refused file is kept only if it has the columns of its feed; "
        "its SHA-256 below tells whether a copy is the same.",
    ]
    assert manager.get(file_of(run)).status_code == 404


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("customers.csv", 'attachment; filename="run-{pk}-customers.csv"'),
        ('a"b\r\nX-Evil: 1/../..\\é.csv', 'attachment; filename="run-{pk}-a_b_X-Evil_1_.._.._.csv"'),
        ("", 'attachment; filename="run-{pk}-"'),
    ],
)
def test_the_name_of_a_download_is_safe(manager: Client, name: str, safe: str) -> None:
    run = make_run(file=name, sha256="0" * 64, size=1)
    place = files.path_of(run.sha256)
    place.parent.mkdir(parents=True)
    place.write_bytes(gzip.compress(b"x"))
    assert manager.get(file_of(run))["Content-Disposition"] == safe.format(pk=run.pk)


def test_a_file_that_is_no_longer_kept_is_not_found_and_says_so(manager: Client, folder: Path) -> None:
    run, _second = two_nights(folder)
    files.path_of(run.sha256).unlink()
    response = manager.get(file_of(run))
    assert response.status_code == 404
    assert notices(response) == [
        "The file itself is not kept, or no longer; its SHA-256 below tells whether a copy is the same."
    ]
    assert links(response, "Download the file") == []
    assert manager.get(file_of(make_run())).status_code == 404


@pytest.mark.parametrize(
    ("role", "page", "file"),
    [
        ("Viewer", 200, 403),
        ("Success manager", 200, 200),
        ("Program manager", 200, 200),
        ("Administrator", 200, 200),
        (None, 403, 403),
    ],
)
def test_who_may_see_a_run_and_who_its_file(
    client: Client, folder: Path, role: str | None, page: int, file: int
) -> None:
    run, _second = two_nights(folder)
    client.force_login(make_staff(role))
    response = client.get(page_of(run))
    assert response.status_code == page
    assert client.get(file_of(run)).status_code == file
    if page == 200:
        assert len(links(response, "Download the file")) == (file == 200)


def test_whoever_is_nobody_is_sent_to_the_login(client: Client) -> None:
    run = make_run()
    for address in (page_of(run), file_of(run)):
        assert client.get(address).url == f"/admin/login/?next={address}"
