"""No way in brings anything of an erased customer back: files, tails, differences, undo, uploads, backups."""

import gzip
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from customers.archive import files
from customers.audit import trail
from customers.erasure.erase import erase
from customers.feeds.declarations import FEEDS
from customers.imports.fixes import fix
from customers.imports.load import replay_chosen
from customers.models import Customer, Engagement, Erasure, Fix, ImportRun, QuarantinedRow
from customers.runs.undo import undo
from tests.factories import csv_row, make_customer, make_staff, write_feeds
from tests.support.commands import run
from tests.support.erasing import KEY, ONE, OTHERS, THEIRS, contents, night, traces
from tests.support.loading import HEADER, load, write_bytes
from tests.support.pages import words
from tests.support.storage import on_disk
from tests.support.uploading import csv_of, loaded, uploaded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_folders")]


def test_a_file_that_goes_on_is_read_whole_after_an_erasure(two: Path, settings: Settings) -> None:
    night(two, f"{HEADER}\n{ONE}")
    erase(KEY, "x")
    more = "".join(f"b{n},c1,2025-05-02,1,0,0,0,0\nd{n},{KEY},2025-05-02,1,0,0,0,0\n" for n in range(50))
    one = night(two, f"{HEADER}\n{ONE}{more}")
    assert (one.rows, one.created, one.unchanged, one.left_out, one.quarantined) == (102, 50, 52, 51, 0)
    assert traces(settings) == set()
    # And again: the last file is no base, because it has lines of theirs.
    one = night(two, f"{HEADER}\n{ONE}{more}a3,c1,2025-05-03,1,0,0,0,0\n")
    assert (one.rows, one.created, one.left_out) == (103, 1, 51)
    assert traces(settings) == set()


def test_their_rows_in_a_tail_are_left_out_and_not_archived(two: Path, settings: Settings) -> None:
    erase(KEY, "x")
    first = HEADER + "\n" + "".join(f"b{n},c1,2025-05-02,1,0,0,0,0\n" for n in range(100))
    assert night(two, first).left_out == 0
    one = night(two, f"{first}{ONE}")
    assert (one.rows, one.created, one.unchanged, one.left_out) == (102, 1, 101, 1)
    assert traces(settings) == set()


def test_their_rows_among_the_differences_are_left_out(two: Path, settings: Settings) -> None:
    erase(KEY, "x")
    lines = [f"b{n},c1,2025-05-02,1,0,0,0,0\n" for n in range(100)]
    night(two, HEADER + "\n" + "".join(lines))
    one = night(two, HEADER + "\n" + "".join([*lines[:50], f"x1,{KEY},2025-05-02,1,0,0,0,0\n", *lines[50:99]]))
    assert (one.rows, one.created, one.unchanged, one.left_out) == (100, 0, 100, 1)
    assert traces(settings) == set()


def test_a_redacted_file_is_no_base_for_the_differences(two: Path) -> None:
    lines = [f"b{n},c1,2025-05-02,1,0,0,0,0\n" for n in range(100)]
    night(two, HEADER + "\n" + "".join([*lines, ONE]))
    erase(KEY, "x")
    one = night(two, HEADER + "\n" + "".join([*lines[1:], ONE, "z1,c1,2025-05-03,1,0,0,0,0\n"]))
    assert (one.rows, one.created, one.unchanged, one.left_out) == (102, 1, 101, 1)


def test_a_refused_file_is_archived_without_them(two: Path, settings: Settings) -> None:
    erase(KEY, "x")
    bad = "".join(f"b{n},c1,soon,1,0,0,0,0\n" for n in range(50))
    write_bytes(two, "engagement.csv", f"{HEADER}\n{ONE}{bad}".encode())
    assert load(two, "engagement")["engagement"].status == "refused"
    assert traces(settings) == set()
    one = ImportRun.objects.latest("pk")
    assert (
        gzip.decompress(on_disk(files.find(one)).read_bytes()) == f"{HEADER}\n{ONE.splitlines()[0]}\n\n{bad}".encode()
    )
    # One that is no CSV at all is not kept where it names them.
    write_bytes(two, "engagement.csv", f"{HEADER}\n{ONE}".encode("utf-16"))
    assert load(two, "engagement")["engagement"].status == "refused"
    assert files.find(ImportRun.objects.latest("pk")) is None
    assert traces(settings) == set()


def test_a_compressed_file_is_archived_without_them(two: Path, settings: Settings) -> None:
    content = f"{HEADER}\n{ONE}".encode()
    write_bytes(two, "engagement.csv.gz", gzip.compress(content))
    load(two, "engagement")
    erase(KEY, "x")
    assert traces(settings) == set()
    place = on_disk(files.find(ImportRun.objects.latest("pk")))
    twice = gzip.decompress(gzip.decompress(place.read_bytes()))
    assert twice == content.replace(ONE.splitlines()[1].encode(), b"")
    load(two, "engagement")
    assert traces(settings) == set()


def test_a_numeric_id_blanks_no_one_elses_counters(tmp_path: Path) -> None:
    make_customer(id="1")
    make_customer(id="5")
    night(tmp_path, f"{HEADER}\n5,1,2025-05-01,5,5,5,5,5\n6,5,2025-05-01,1,1,1,1,1\n")
    erase("5", "x")
    assert list(Engagement.objects.values_list("pk", flat=True)) == ["5"]
    one = ImportRun.objects.latest("pk")
    assert gzip.decompress(on_disk(files.find(one)).read_bytes()) == f"{HEADER}\n5,1,2025-05-01,5,5,5,5,5\n\n".encode()


def test_an_undo_brings_nobody_back(drop: Path, settings: Settings) -> None:
    run("nightly")
    write_feeds(drop, **{**OTHERS, "onboarding": OTHERS["onboarding"]})
    run("nightly")
    runs = list(ImportRun.objects.filter(status="loaded").order_by("-pk"))
    erase(KEY, "x")
    for one in runs:
        undoing = undo(one, "x")
        assert undoing.status == "loaded", undoing.reason
        assert traces(settings) == set()
    assert Customer.objects.count() == 0
    for undoing in ImportRun.objects.exclude(undoes=None).order_by("-pk"):
        assert undo(undoing, "x").status == "loaded"
    assert traces(settings) == set()
    assert Customer.objects.count() == 30


def test_a_preview_and_an_upload_leave_them_out(two: Path, settings: Settings, client: Client) -> None:
    erase(KEY, "x")
    client.force_login(make_staff("Program manager"))
    mine = csv_row("feedback", id="f1", customer_id="c1")
    upload = uploaded(client, "feedback", csv_of("feedback", *THEIRS["feedback"], mine))
    assert {name: upload.preview[name] for name in ("rows", "created", "unchanged", "quarantined")} == {
        "rows": 2, "created": 1, "unchanged": 1, "quarantined": 0,
    }  # fmt: skip
    preview_files = [content for name, content in contents(settings.UPLOAD_DIR) if "/preview/" in name]
    assert preview_files
    assert not any(KEY.encode() in content for content in preview_files)
    assert loaded(client, upload).left_out == 1
    assert traces(settings) == set()


def test_corrections_and_replays_do_not_bring_them_back(two: Path, settings: Settings, client: Client) -> None:
    one = night(two, f"{HEADER}\na1,nobody,2025-05-01,1,0,0,0,0\na2,no one,2025-05-01,1,0,0,0,0\n")
    rows = list(one.quarantined_rows.order_by("line"))
    erase(KEY, "x")
    client.force_login(make_staff("Program manager"))
    cells = dict(
        zip(FEEDS["engagement"].column_names, ["a2", KEY, "2025-05-01", "1", "0", "0", "0", "0"], strict=True)
    )
    page = client.post(f"/admin/customers/quarantinedrow/{rows[1].pk}/fix/", cells)
    assert "This customer was erased" in words(page.content.decode())
    assert not Fix.objects.exists()
    # Somebody has made the fix a moment before the erasure.
    with trail.suspended():
        fix(rows[1], list(cells.values()), "x")
    [outcome] = replay_chosen(QuarantinedRow.objects.filter(pk=rows[1].pk), "x")
    assert (outcome.rows, outcome.unchanged, outcome.quarantined) == (1, 1, 0)
    assert traces(settings) == set()
    text = io_csv([*cells, "reasons", "quarantined_row"], [*cells.values(), "x", str(rows[0].pk)])
    upload = uploaded(client, "engagement", text)
    assert upload.preview["scope"] == "corrections"
    assert loaded(client, upload).left_out == 1
    assert traces(settings) == set()


def io_csv(*rows: list[str]) -> bytes:
    return "".join(",".join(row) + "\n" for row in rows).encode()


def test_a_restored_backup_has_them_erased_again(drop: Path, settings: Settings, tmp_path: Path) -> None:
    run("nightly")
    assert run("backup", "--out", tmp_path / "backups").code == 0
    [backup] = (tmp_path / "backups").iterdir()
    erase(KEY, "ada")
    done = run("restore", backup, "--replace")
    assert (done.code, done.err) == (0, "")
    assert "1 customer who was erased since was in it, and is erased again." in done.lines[-1]
    assert traces(settings) == set()
    assert Erasure.objects.values_list("erased_by", "state").get() == ("ada", "done")
    assert run("nightly").code == 0
    assert traces(settings) == set()
