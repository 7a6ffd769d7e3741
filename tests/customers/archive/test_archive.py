"""What is kept of each file that an import read, and for how long."""

import errno
import gzip
import hashlib
import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from customers.archive import files
from customers.models import Customer, ImportRun
from tests.factories import csv_row, make_customer, make_run, write_feed
from tests.support.loading import load, write_bytes
from tests.support.storage import on_disk

pytestmark = pytest.mark.django_db

HEADER = b"id,email,organization,github_username,signup_date,cohort,industry,team_size,status"
GOOD = HEADER + b'\r\nc1,a@b.example,"One, Ltd",,2025-05-01,,,,\r\n'
OLD = "0" * 64


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    """An archive of the test's own; the drop folder is ``tmp_path / "in"``."""
    (tmp_path / "in").mkdir()
    settings.ARCHIVE_DIR = tmp_path / "archive"
    return tmp_path / "archive"


def kept(folder: Path) -> dict[str, bytes]:
    """Everything in the archive: names, and contents decompressed."""
    return {
        str(path.relative_to(folder)): gzip.decompress(path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def name_of(content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    return f"{sha256[:2]}/{sha256}.csv.gz"


# --- What is kept -----------------------------------------------------------------------------------------------


def test_a_loaded_file_is_kept_byte_for_byte_under_its_hash(tmp_path: Path, folder: Path) -> None:
    write_bytes(tmp_path / "in", "customers.csv", GOOD)
    outcome = load(tmp_path / "in", "customers")["customers"]
    sha256 = "a033215aa7c5bbe673114fb10eaefac7377e72fe7ddf61010ea088980d412aa9"
    assert (outcome.created, outcome.warnings) == (1, [])
    assert kept(folder) == {f"{sha256[:2]}/{sha256}.csv.gz": GOOD}
    assert on_disk(files.find(ImportRun.objects.get())) == folder / sha256[:2] / f"{sha256}.csv.gz"


def test_a_compressed_file_is_kept_as_it_came(tmp_path: Path, folder: Path) -> None:
    path = write_bytes(tmp_path / "in", "customers.csv.gz", gzip.compress(GOOD))
    assert load(tmp_path / "in", "customers")["customers"].created == 1
    assert kept(folder) == {name_of(path.read_bytes()): path.read_bytes()}


@pytest.mark.parametrize(
    "rest", [b'\nc1,"never ends\n' + b"x" * 1_000_000, b"\r\nc1,M\xfcller\r\n", b"\n\0\n", b"\r\0"]
)
def test_a_refused_feed_is_kept_for_a_look_at_it(tmp_path: Path, folder: Path, rest: bytes) -> None:
    content = HEADER + rest
    write_bytes(tmp_path / "in", "customers.csv", content)
    assert load(tmp_path / "in", "customers")["customers"].status == "refused"
    assert kept(folder) == {name_of(content): content}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("customers.csv", b"\xff\xfe not utf-8"),
        ("customers.csv", b""),
        ("customers.csv", b"SECRET_KEY=0123\nDATABASE_URL=postgres://rsolv:hunter2@db/rsolv\n"),
        ("customers.csv", b"id,customer_id,date\ne1,c1,2025-05-01\n"),
        ("customers.csv", b"SQLite format 3\0" + b"pbkdf2_sha256$1000000$" * 100),
        ("customers.csv.gz", b"no gzip at all"),
    ],
)
def test_what_is_not_recognised_as_the_feed_is_not_kept(
    tmp_path: Path, folder: Path, name: str, content: bytes
) -> None:
    write_bytes(tmp_path / "in", name, content)
    assert load(tmp_path / "in", "customers")["customers"].status == "refused"
    assert kept(folder) == {}
    assert ImportRun.objects.get().sha256 == hashlib.sha256(content).hexdigest()


def test_a_failed_run_keeps_its_file(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("customers.imports.load.merge", fail)
    write_bytes(tmp_path / "in", "customers.csv", GOOD)
    assert load(tmp_path / "in", "customers")["customers"].status == "failed"
    assert kept(folder) == {name_of(GOOD): GOOD}


def test_of_a_missing_file_nothing_is_kept(tmp_path: Path, folder: Path) -> None:
    outcome = load(tmp_path / "in", "customers")["customers"]
    assert (outcome.status, outcome.warnings) == ("refused", [])
    assert kept(folder) == {}
    assert files.find(ImportRun.objects.get()) is None


def test_a_dry_run_keeps_nothing_and_removes_nothing(tmp_path: Path, folder: Path) -> None:
    old = on_disk(files.place_of(OLD))
    old.parent.mkdir(parents=True)
    old.write_bytes(gzip.compress(b"old"))
    write_bytes(tmp_path / "in", "customers.csv", GOOD)
    load(tmp_path / "in", "customers", dry_run=True)
    assert kept(folder) == {f"00/{OLD}.csv.gz": b"old"}


def test_the_same_content_is_written_once(tmp_path: Path, folder: Path) -> None:
    write_bytes(tmp_path / "in", "customers.csv", GOOD)
    load(tmp_path / "in", "customers")
    [path] = [path for path in folder.rglob("*") if path.is_file()]
    before = path.stat()
    load(tmp_path / "in", "customers")
    load(tmp_path / "in", "customers", force=True)
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert kept(folder) == {name_of(GOOD): GOOD}


def test_two_nights_keep_two_files(tmp_path: Path, folder: Path) -> None:
    first = write_feed(tmp_path / "in", "customers", [csv_row("customers")]).read_bytes()
    load(tmp_path / "in", "customers")
    second = write_feed(tmp_path / "in", "customers", [csv_row("customers", cohort="Beta")]).read_bytes()
    load(tmp_path / "in", "customers")
    assert kept(folder) == {name_of(first): first, name_of(second): second}


# --- What goes wrong --------------------------------------------------------------------------------------------


def test_a_full_disk_is_a_warning_and_leaves_no_half_file(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("customers.archive.files.os.fsync", full)
    write_bytes(tmp_path / "in", "customers.csv", GOOD)
    with caplog.at_level(logging.CRITICAL):
        outcome = load(tmp_path / "in", "customers")["customers"]
    assert (outcome.status, outcome.created) == ("loaded", 1)
    assert outcome.warnings == ["the file is not archived: No space left on device"]
    assert ImportRun.objects.get().warnings == outcome.warnings
    assert Customer.objects.count() == 1
    assert kept(folder) == {}


def test_an_archive_that_cannot_be_made_is_a_warning(tmp_path: Path, folder: Path) -> None:
    folder.write_text("in the way")
    write_bytes(tmp_path / "in", "customers.csv", GOOD)
    outcome = load(tmp_path / "in", "customers")["customers"]
    assert (outcome.status, outcome.warnings) == ("loaded", ["the file is not archived: Not a directory"])


def test_a_file_that_changed_since_is_not_kept(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = files.store

    def overwritten(path: Path, *of_run: ImportRun | None) -> None:
        path.write_bytes(GOOD + b"c2,c@d.example,Two,,2025-05-01,,,,\n")
        keep(path, *of_run)
        path.write_bytes(GOOD)

    monkeypatch.setattr("customers.archive.files.store", overwritten)
    write_bytes(tmp_path / "in", "customers.csv", GOOD)
    outcome = load(tmp_path / "in", "customers")["customers"]
    assert (outcome.status, outcome.created) == ("loaded", 1)
    assert outcome.warnings == ["the file is not archived: it has changed since it was read"]
    assert kept(folder) == {}


# --- A file that goes on where the last one ended ----------------------------------------------------------------

NIGHTS = [b"id,customer_id,date,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests\n"]
NIGHTS += [NIGHTS[-1] + b"".join(b"e%d,c1,2025-05-01,%d,0,0,0,0\n" % (n, n) for n in range(1, 40_001))]
NIGHTS += [NIGHTS[-1] + b"e50000,c1,2025-05-02,1,0,0,0,0\n"]
NIGHTS += [NIGHTS[-1] + b"e50001,c1,2025-05-03,1,0,0,0,0\n"]


def night(folder: Path, number: int) -> ImportRun:
    write_bytes(folder, "engagement.csv", NIGHTS[number])
    load(folder, "engagement")
    run = ImportRun.objects.latest("pk")
    assert (run.status, run.size, run.warnings) == ("loaded", len(NIGHTS[number]), [])
    return run


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes went through the compressor, a file at a time."""
    sizes: list[int] = []
    write = gzip.GzipFile.write

    def counted(self: gzip.GzipFile, data: bytes) -> int:
        sizes.append(len(data))
        return write(self, data)

    monkeypatch.setattr(gzip.GzipFile, "write", counted)
    make_customer(id="c1")
    return sizes


def test_of_a_file_that_goes_on_the_rest_alone_is_compressed(
    tmp_path: Path, folder: Path, compressed: list[int]
) -> None:
    night(tmp_path / "in", 1)
    compressed.clear()
    night(tmp_path / "in", 2)
    night(tmp_path / "in", 3)
    assert compressed == [len(b"e50000,c1,2025-05-02,1,0,0,0,0\n")] * 2
    assert kept(folder) == {name_of(content): content for content in NIGHTS[1:]}


@pytest.mark.parametrize("damage", ["gone", "cut off", "empty", "one byte", "in the seal", "no seal", "a folder"])
def test_an_archive_that_cannot_be_copied_is_made_anew(
    damage: str, tmp_path: Path, folder: Path, compressed: list[int]
) -> None:
    before = on_disk(files.place_of(night(tmp_path / "in", 1).sha256))
    content = before.read_bytes()
    before.unlink()
    if damage == "a folder":
        before.mkdir()
    elif damage != "gone":
        middle = len(content) // 2
        before.write_bytes(
            {
                "cut off": content[:-1000],
                "empty": b"",
                "one byte": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
                "in the seal": content[:-20] + b"?" + content[-19:],
                "no seal": gzip.compress(NIGHTS[1]),
            }[damage]
        )
    compressed.clear()
    place = on_disk(files.place_of(night(tmp_path / "in", 2).sha256))
    assert sum(compressed) == len(NIGHTS[2])
    assert gzip.decompress(place.read_bytes()) == NIGHTS[2]


def change_once_read(monkeypatch: pytest.MonkeyPatch, changed: bytes) -> None:
    """Let a file that goes on be another one from when it is read until it is archived."""
    ahead, keep = files.store_ahead, files.store

    def overwritten(path: Path, *of_run: Any) -> Any:
        path.write_bytes(changed)
        return ahead(path, *of_run)

    def put_back(path: Path, *of_run: Any) -> str:
        assert path.read_bytes() == changed
        said = keep(path, *of_run)
        path.write_bytes(NIGHTS[2])
        return said

    monkeypatch.setattr("customers.archive.files.store_ahead", overwritten)
    monkeypatch.setattr("customers.archive.files.store", put_back)


def test_a_rest_that_changed_since_it_was_read_is_not_kept(
    tmp_path: Path, folder: Path, compressed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    night(tmp_path / "in", 1)
    change_once_read(monkeypatch, NIGHTS[2].replace(b"2025-05-02", b"2025-05-03"))
    write_bytes(tmp_path / "in", "engagement.csv", NIGHTS[2])
    outcome = load(tmp_path / "in", "engagement")["engagement"]
    assert outcome.warnings == ["the file is not archived: it has changed since it was read"]
    assert kept(folder) == {name_of(NIGHTS[1]): NIGHTS[1]}


def test_the_beginning_is_kept_as_it_was_read_whatever_became_of_it(
    tmp_path: Path, folder: Path, compressed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    night(tmp_path / "in", 1)
    change_once_read(monkeypatch, NIGHTS[2].replace(b"e1,", b"e0,"))
    write_bytes(tmp_path / "in", "engagement.csv", NIGHTS[2])
    assert load(tmp_path / "in", "engagement")["engagement"].warnings == []
    assert kept(folder) == {name_of(content): content for content in NIGHTS[1:3]}


def test_a_file_that_goes_on_is_archived_while_its_rows_are_loaded(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_customer(id="c1")
    night(tmp_path / "in", 1)
    there: list[dict[str, bytes]] = []
    keep = files.store
    monkeypatch.setattr("customers.archive.files.store", lambda *run: (there.append(kept(folder)), keep(*run))[1])
    night(tmp_path / "in", 2)
    assert there == [{name_of(content): content for content in NIGHTS[1:3]}]


def test_a_rest_that_was_not_archived_meanwhile_is_archived_at_the_end(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_customer(id="c1")
    night(tmp_path / "in", 1)
    copy, tried = files._copy, []

    def fails_first(*of_file: Any) -> bool:
        tried.append(of_file)
        if len(tried) == 1:
            raise OSError(errno.EIO, "Input/output error")
        return copy(*of_file)

    monkeypatch.setattr("customers.archive.files._copy", fails_first)
    night(tmp_path / "in", 2)
    assert len(tried) == 2
    assert kept(folder) == {name_of(content): content for content in NIGHTS[1:3]}


def test_a_disk_that_is_full_half_way_through_the_copy_is_a_warning(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_customer(id="c1")
    night(tmp_path / "in", 1)
    monkeypatch.setattr("customers.core.files.os.fdopen", on_a_full_disk)
    write_bytes(tmp_path / "in", "engagement.csv", NIGHTS[2])
    outcome = load(tmp_path / "in", "engagement")["engagement"]
    assert (outcome.created, outcome.warnings) == (1, ["the file is not archived: No space left on device"])
    assert kept(folder) == {name_of(NIGHTS[1]): NIGHTS[1]}


_fdopen = os.fdopen


def on_a_full_disk(descriptor: int, mode: str, *buffering: int) -> BinaryIO:
    """What is opened for writing is the device that is always full."""
    if "w" in mode:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, descriptor)
        os.close(full)
    return _fdopen(descriptor, mode, *buffering)


# --- For how long -----------------------------------------------------------------------------------------------


def archived(content: bytes, days_ago: float) -> str:
    """The name of a file that an import of so long ago kept."""
    sha256 = hashlib.sha256(content).hexdigest()
    make_run(sha256=sha256, started_at=timezone.now() - timedelta(days=days_ago))
    place = on_disk(files.place_of(sha256))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(gzip.compress(content))
    return name_of(content)


def test_what_no_run_of_the_last_days_names_is_removed(tmp_path: Path, folder: Path, settings: Settings) -> None:
    settings.ARCHIVE_DAYS = 30
    archived(b"old", 30.1)
    young = archived(b"young", 29.9)
    archived(b"read again", 300)
    again = archived(b"read again", 1)
    for foreign in ("notes.txt", "00/notes.txt", f"00/{OLD}.csv.gz.bak"):
        (folder / foreign).parent.mkdir(exist_ok=True)
        (folder / foreign).write_bytes(gzip.compress(b"not ours"))
    write_bytes(tmp_path / "in", "customers.csv", GOOD)
    load(tmp_path / "in", "customers")
    assert kept(folder) == {
        young: b"young",
        again: b"read again",
        name_of(GOOD): GOOD,
        "notes.txt": b"not ours",
        "00/notes.txt": b"not ours",
        f"00/{OLD}.csv.gz.bak": b"not ours",
    }


def test_zero_days_keep_for_ever(tmp_path: Path, folder: Path, settings: Settings) -> None:
    settings.ARCHIVE_DAYS = 0
    old = archived(b"old", 10_000)
    half = on_disk(files.place_of(OLD)).with_name(f"{OLD}.csv.gz.partial")
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"of a killed import")
    write_bytes(tmp_path / "in", "customers.csv", GOOD)
    load(tmp_path / "in", "customers")
    assert kept(folder) == {old: b"old", name_of(GOOD): GOOD}


def test_an_import_in_which_nothing_loads_removes_too(tmp_path: Path, folder: Path) -> None:
    archived(b"old", 401)
    load(tmp_path / "in", "customers")
    assert kept(folder) == {}
