"""Folders that others write to: no link in them is followed, neither to read nor to write."""

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.portfolio.metrics_export import archive_name, export_to
from customers.archive import files
from customers.core.files import NotRegular, create_file, is_file, move, open_file, open_to_lock, remove
from customers.core.storage import areas
from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.models import Customer, ImportRun, Upload
from customers.uploads import store
from rsolv_cs.operations import backups
from tests.factories import csv_row, make_day, make_staff, write_feed, write_feeds
from tests.support.commands import run
from tests.support.loading import load
from tests.support.storage import on_disk, upload_folder_on_disk, upload_on_disk
from tests.support.uploading import csv_of, uploaded

pytestmark = pytest.mark.django_db

SECRET = b"SECRET_KEY=0123456789\nDATABASE_URL=postgres://rsolv:hunter2@db/rsolv\n"


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> None:
    for name in ("CSV_DIR", "ARCHIVE_DIR", "UPLOAD_DIR", "EXPORT_DIR", "BACKUP_DIR"):
        folder = tmp_path / name.lower()
        folder.mkdir()
        setattr(settings, name, folder)


@pytest.fixture
def secret(tmp_path: Path) -> Iterator[Path]:
    """A file that nobody else is to see or to change, whatever happens in the test."""
    path = tmp_path / "environment"
    path.write_bytes(SECRET)
    yield path
    assert path.read_bytes() == SECRET


def refused(folder: Path) -> str | None:
    outcome = import_folder(folder, ["customers"], Options(started_by="test"))[0]
    assert (outcome.status, outcome.sha256) == ("refused", None)
    return outcome.reason


# --- One file -----------------------------------------------------------------------------------------------------


def test_a_file_is_read_written_moved_and_removed(tmp_path: Path) -> None:
    path, other = tmp_path / "one", tmp_path / "other"
    with create_file(path, 0o600) as file:
        file.write(b"1")
    assert path.stat().st_mode & 0o777 == 0o600
    with open_file(path) as file:
        assert file.read() == b"1"
    with create_file(path) as file:
        file.write(b"2")
    move(path, other)
    assert (is_file(path), is_file(other), other.read_bytes()) == (False, True, b"2")
    remove(other)
    remove(other)
    assert not is_file(other)
    with pytest.raises(FileNotFoundError):
        open_file(other)


def make_what(path: Path, what: str, secret: Path) -> Any:
    """Put something there that is no regular file; a socket is returned, for it must live."""
    match what:
        case "link":
            path.symlink_to(secret)
        case "dangling link":
            path.symlink_to(secret.with_name("nowhere"))
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case "socket":
            here = os.open(path.parent, os.O_RDONLY)
            there = socket.socket(socket.AF_UNIX)
            # Its address may have 108 bytes at most.
            there.bind(f"/proc/self/fd/{here}/{path.name}")
            os.close(here)
            return there
    return None


@pytest.mark.parametrize("what", ["link", "dangling link", "pipe", "folder", "device", "socket"])
def test_what_is_no_regular_file_is_neither_opened_nor_waited_for(tmp_path: Path, secret: Path, what: str) -> None:
    path = tmp_path / "customers.csv"
    alive = make_what(path, what, secret)
    with pytest.raises(NotRegular) as refusal:
        open_file(path)
    wrong = "a symbolic link, which is not followed: put the file itself there"
    is_link = what in ("link", "dangling link", "device")
    assert refusal.value.strerror == f"customers.csv is {wrong if is_link else 'not a regular file'}"
    assert not is_file(path)
    if alive:
        alive.close()


def test_the_device_itself_is_no_file_either() -> None:
    with pytest.raises(NotRegular, match="zero is not a regular file"):
        open_file(Path("/dev/zero"))


def test_a_new_file_takes_the_place_of_a_link_and_not_what_it_leads_to(tmp_path: Path, secret: Path) -> None:
    path = tmp_path / "out"
    path.symlink_to(secret)
    with create_file(path) as file:
        file.write(b"ours")
    assert (path.is_symlink(), path.read_bytes()) == (False, b"ours")


def test_a_link_put_there_in_the_last_moment_is_not_written_through(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    unlink = os.unlink

    def slow(name: str, **where: Any) -> None:
        try:
            unlink(name, **where)
        finally:
            path.symlink_to(secret)

    monkeypatch.setattr("customers.core.files.os.unlink", slow)
    with pytest.raises(OSError, match="File exists"):
        create_file(path)


def test_a_lock_is_not_made_where_a_link_leads(tmp_path: Path, secret: Path) -> None:
    path = tmp_path / "db.import.lock"
    path.symlink_to(tmp_path / "made by us")
    with pytest.raises(NotRegular):
        open_to_lock(path)
    assert not (tmp_path / "made by us").exists()
    path.unlink()
    open_to_lock(path).close()
    open_to_lock(path).close()
    assert path.read_bytes() == b""


def test_the_configured_folder_may_be_a_link_and_none_below_it(tmp_path: Path, settings: Settings) -> None:
    real = tmp_path / "real"
    (real / "ab").mkdir(parents=True)
    settings.ARCHIVE_DIR = tmp_path / "linked"
    settings.ARCHIVE_DIR.symlink_to(real)
    with create_file(settings.ARCHIVE_DIR / "ab" / "one") as file:
        file.write(b"1")
    assert (real / "ab" / "one").read_bytes() == b"1"
    (real / "cd").symlink_to(real / "ab")
    for use in (open_file, create_file, remove):
        with pytest.raises(NotRegular) as refusal:
            use(settings.ARCHIVE_DIR / "cd" / "one")
        assert refusal.value.strerror == "cd is a link, or no folder: put a folder there"
    assert not is_file(settings.ARCHIVE_DIR / "cd" / "one")
    assert (real / "ab" / "one").read_bytes() == b"1"


# --- The drop folder ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["customers.csv", "customers.csv.gz"])
@pytest.mark.parametrize("feed", [False, True])
def test_a_link_in_the_drop_folder_is_refused_and_not_archived(
    settings: Settings, tmp_path: Path, secret: Path, name: str, feed: bool
) -> None:
    """Even one that leads to a feed: who wrote the link need not be who may read the file."""
    target = secret
    if feed:
        (tmp_path / "elsewhere").mkdir()
        target = write_feed(tmp_path / "elsewhere", "customers", [csv_row("customers")], compress=name.endswith(".gz"))
    (settings.CSV_DIR / name).symlink_to(target)
    assert refused(settings.CSV_DIR) == (
        f"{name} is a symbolic link, which is not followed: put the file itself there"
    )
    assert not Customer.objects.exists()
    assert list(files.all_archives()) == []


def test_the_drop_folder_itself_may_be_a_link(settings: Settings, tmp_path: Path) -> None:
    write_feed(settings.CSV_DIR, "customers", [csv_row("customers")])
    linked = tmp_path / "linked"
    linked.symlink_to(settings.CSV_DIR)
    assert load(linked, "customers")["customers"].created == 1
    settings.CSV_DIR = linked
    assert load(linked, "customers")["customers"].unchanged == 1


def test_a_link_that_takes_a_files_place_while_it_is_read_is_a_change(
    settings: Settings, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_feed(settings.CSV_DIR, "customers", [csv_row("customers")])
    there = path.with_name("there")

    def replace(*_arguments: Any) -> int:
        path.replace(there)
        path.symlink_to(there)
        return 0

    monkeypatch.setattr("customers.imports.load.find_problems", replace)
    outcome = import_folder(settings.CSV_DIR, ["customers"], Options(started_by="test"))[0]
    assert outcome.reason == "the file changed while it was read; import it again once it is complete"
    assert outcome.warnings == [
        "the file is not archived: customers.csv is a symbolic link, which is not followed: put the file itself there"
    ]


def test_a_manifest_that_is_a_link_vouches_for_nothing(settings: Settings, tmp_path: Path) -> None:
    path = write_feed(settings.CSV_DIR, "customers", [csv_row("customers", organization="'=One")])
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = tmp_path / "theirs"
    manifest.write_text(
        json.dumps({"generator": "rsolv-customer-success", "files": {"customers.csv": {"sha256": sha256}}})
    )
    (settings.CSV_DIR / "manifest.json").symlink_to(manifest)
    load(settings.CSV_DIR, "customers")
    assert Customer.objects.get().organization == "'=One"


# --- The archive --------------------------------------------------------------------------------------------------


def test_a_link_where_the_archive_would_write_is_replaced(settings: Settings, secret: Path) -> None:
    path = write_feed(settings.CSV_DIR, "customers", [csv_row("customers")])
    place = on_disk(files.place_of(hashlib.sha256(path.read_bytes()).hexdigest()))
    place.parent.mkdir()
    place.symlink_to(secret)
    place.with_name(f"{place.name}.partial").symlink_to(secret)
    assert load(settings.CSV_DIR, "customers")["customers"].warnings == []
    assert [one.name for one in place.parent.iterdir()] == [place.name]
    assert is_file(place)


def test_a_linked_folder_in_the_archive_is_not_written_to(settings: Settings, tmp_path: Path) -> None:
    path = write_feed(settings.CSV_DIR, "customers", [csv_row("customers")])
    place = on_disk(files.place_of(hashlib.sha256(path.read_bytes()).hexdigest()))
    (tmp_path / "theirs").mkdir()
    place.parent.symlink_to(tmp_path / "theirs")
    assert load(settings.CSV_DIR, "customers")["customers"].warnings == [
        f"the file is not archived: {place.parent.name} is a link, or no folder: put a folder there"
    ]
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_link_in_the_archive_is_neither_downloaded_nor_expired_nor_redacted(
    settings: Settings, tmp_path: Path, secret: Path, client: Client
) -> None:
    write_feed(settings.CSV_DIR, "customers", [csv_row("customers")])
    load(settings.CSV_DIR, "customers")
    one = ImportRun.objects.get()
    place = on_disk(files.place_of(one.sha256))
    there = tmp_path / "theirs"
    there.mkdir()
    (there / place.name).write_bytes(place.read_bytes())
    place.unlink()
    place.symlink_to(secret)
    other = settings.ARCHIVE_DIR / ("ff" if place.parent.name != "ff" else "fe")
    other.symlink_to(there)
    client.force_login(make_staff("Success manager"))
    assert client.get(f"/admin/customers/importrun/{one.pk}/file/").status_code == 404
    assert list(files.all_archives()) == []
    settings.ARCHIVE_DAYS = 1
    ImportRun.objects.update(started_at="2020-01-01T00:00Z")
    files.expire()
    assert (there / place.name).exists()


# --- Uploads, exports, backups ------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["file", "folder"])
def test_an_upload_that_became_a_link_is_not_loaded(
    settings: Settings, tmp_path: Path, client: Client, which: str
) -> None:
    client.force_login(make_staff("Program manager"))
    upload = uploaded(client, "customers", csv_of("customers", csv_row("customers")))
    path = upload_on_disk(upload) if which == "file" else upload_folder_on_disk(upload)
    path.rename(tmp_path / "theirs")
    path.symlink_to(tmp_path / "theirs")
    client.post(
        f"/admin/customers/importrun/upload/{upload.pk}/confirm/", {"sha256": upload.sha256, "seen": upload.seen}
    )
    assert not Customer.objects.exists()
    if which == "folder":
        client.post(f"/admin/customers/importrun/upload/{upload.pk}/preview/")
        assert "is a link" in Upload.objects.get().preview["reason"]


def test_an_upload_folder_that_is_a_link_is_removed_and_not_what_it_leads_to(settings: Settings, secret: Path) -> None:
    link = settings.UPLOAD_DIR / ("0" * 32)
    link.symlink_to(secret.parent)
    os.utime(link, (1, 1), follow_symlinks=False)
    store.expire_uploads()
    assert list(settings.UPLOAD_DIR.iterdir()) == []


def test_an_export_takes_the_place_of_a_link(settings: Settings, secret: Path) -> None:
    portfolio = make_day()
    (settings.EXPORT_DIR / archive_name(portfolio.date)).symlink_to(secret)
    path = on_disk(export_to(areas.exports(), portfolio))
    assert not path.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_backup_is_not_written_through_a_link_nor_read_through_one(settings: Settings, secret: Path) -> None:
    path = settings.BACKUP_DIR / "one.zip"
    path.symlink_to(secret)
    path.with_name("one.zip.partial").symlink_to(secret)
    backups.write(path)
    assert is_file(path)
    link = settings.BACKUP_DIR / "link.zip"
    link.symlink_to(path)
    assert "link.zip is a symbolic link, which is not followed: put the file itself there" in run("restore", link).err


def test_links_are_no_backups_that_older_ones_make_room_for(settings: Settings, secret: Path) -> None:
    (settings.BACKUP_DIR / "rsolv-backup-99999999-000000-000000.zip").symlink_to(secret)
    for _night in range(3):
        assert run("backup", "--keep", 1, "--out", settings.BACKUP_DIR).code == 0
    assert len(list(filter(is_file, settings.BACKUP_DIR.iterdir()))) == 1


def test_a_night_with_a_link_for_a_feed_says_so(settings: Settings, secret: Path) -> None:
    write_feeds(settings.CSV_DIR, customers=[csv_row("customers")], engagement=[])
    (settings.CSV_DIR / "onboarding.csv").unlink()
    (settings.CSV_DIR / "onboarding.csv").symlink_to(secret)
    ran = run("import_csvs", "--dir", settings.CSV_DIR)
    assert ran.code == 1
    assert (
        "onboarding.csv: refused: onboarding.csv is a symbolic link, which is not followed: put the file itself there"
        in ran.out.splitlines()
    )
