"""Undo, copy, export and upload, killed at one point after another: the next run settles all that is left.

Each test has a database of its own; for imports see ``test_faults``.
"""

import fcntl
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from customers.core.leftovers import EXPORT, private_folder, remove_leftovers
from customers.erasure import erase
from customers.jobs.lock import job_lock
from customers.models import Customer, Erasure, ImportRun, Upload
from customers.uploads import store
from customers.uploads.uploads import confirm, make_preview
from rsolv_cs.operations import backups
from tests.factories import csv_row, make_customer, make_day, make_staff, write_feed
from tests.support.commands import run
from tests.support.loading import customer_row, load
from tests.support.own_databases import COMMIT, SECONDS, own, signalled, unblocked, url, wait_until_alone
from tests.support.processes import manage
from tests.support.uploading import send

__all__ = ["own", "unblocked", "url"]

NOTHING_BACK = "the process ended before the run did; nothing of it was put back"
NOTHING_LOADED = "the process ended before the run did; nothing of it was loaded"


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> None:
    settings.EXPORT_DIR, settings.BACKUP_DIR = tmp_path / "exports", tmp_path / "backups"
    settings.UPLOAD_DIR = tmp_path / "uploads"


def kill(url: str, function: str, nth: int, *command: Any, **variables: str) -> None:
    """Run a command that is killed as the ``nth`` call of ``function`` begins."""
    with signalled(url, "SIGKILL", function, nth, *command, **variables) as process:
        _out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (-signal.SIGKILL, ""), err
    wait_until_alone()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


# --- Undo ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "nth", "next_one"),
    [
        ("customers.runs.undo:UndoPlan._plan_changed", 1, "expire"),
        ("customers.runs.undo:execute", 5, "undo"),
        ("customers.runs.undo:UndoPlan._put_back_quarantine", 1, "import"),
        ("customers.runs.undo:UndoPlan._finish", 1, "lock"),
        (COMMIT, 1, "expire"),
    ],
)
def test_a_killed_undo_is_settled_by_whoever_has_the_lock_next(
    url: str, tmp_path: Path, function: str, nth: int, next_one: str
) -> None:
    write_feed(tmp_path, "customers", [customer_row(1)])
    load(tmp_path, "customers")
    first = ImportRun.objects.get()
    kill(url, function, nth, "undo_import", first.pk)
    killed = ImportRun.objects.latest("pk")
    assert (killed.status, killed.undoes, Customer.objects.count()) == ("running", first, 1)
    if next_one == "expire":
        assert run("expire").code == 0
    elif next_one == "import":
        load(tmp_path, "customers", dry_run=True)
    elif next_one == "lock":
        with job_lock("import"):
            pass
    if next_one != "undo":
        killed.refresh_from_db()
        assert (killed.status, killed.reason) == ("interrupted", NOTHING_BACK)
        assert killed.finished_at is not None
    assert run("undo_import", first.pk).code == 0
    killed.refresh_from_db()
    assert (killed.status, Customer.objects.count()) == ("interrupted", 0)
    assert not ImportRun.objects.filter(status="running").exists()


# --- Export -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "nth", "next_one"),
    [
        ("analytics.portfolio.metrics_export:write_archive", 1, "export_metrics"),
        ("customers.feeds.exports:write_csv", 3, "expire"),
        ("customers.audit.export:record", 1, "erase"),
        ("customers.core.leftovers:move", 1, "export_metrics"),
    ],
)
def test_what_a_killed_export_leaves_goes_with_the_next_command(
    url: str, tmp_path: Path, settings: Settings, function: str, nth: int, next_one: str
) -> None:
    make_customer(id="c1", organization="Acme Ltd")
    day = make_day()
    kill(url, function, nth, "export_metrics", "--out", settings.EXPORT_DIR)
    [left] = names(settings.EXPORT_DIR)
    assert left.startswith(EXPORT)
    if next_one == "export_metrics":
        assert run("export_metrics", "--out", settings.EXPORT_DIR).code == 0
        assert names(settings.EXPORT_DIR) == [f"rsolv_metrics_{day.date}.zip"]
        return
    if next_one == "expire":
        assert run("expire").code == 0
    else:
        assert erase.erase("c1", "x").state == Erasure.State.DONE
    assert names(settings.EXPORT_DIR) == []


# --- Copy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "nth", "left", "next_one"),
    [
        ("rsolv_cs.operations.backups:_begun_manifest", 1, ["copy.zip.partial"], "backup"),
        ("rsolv_cs.operations.backups:table_of", 9, ["copy.zip.partial"], "expire"),
        ("rsolv_cs.management.commands.copy_database:_restore", 1, ["copy.zip"], "erase"),
        ("rsolv_cs.management.commands.copy_database:_restore", 1, ["copy.zip"], "copy_database"),
    ],
)
def test_what_a_killed_copy_leaves_goes_with_the_next_command(
    url: str, migrated_database: str, settings: Settings, function: str, nth: int, left: list[str], next_one: str
) -> None:
    make_customer(id="c1")
    room = str(settings.BACKUP_DIR)
    kill(url, function, nth, "copy_database", migrated_database, BACKUP_DIR=room)
    [folder] = settings.BACKUP_DIR.iterdir()
    assert names(folder) == left
    if next_one == "copy_database":
        done = manage(url, "copy_database", migrated_database, BACKUP_DIR=room)
        assert (done.returncode, done.stderr) == (0, "")
    elif next_one == "backup":
        assert run("backup", "--out", settings.BACKUP_DIR).code == 0
        assert len(names(settings.BACKUP_DIR)) == 1
        assert not folder.exists()
        return
    elif next_one == "expire":
        assert run("expire").code == 0
    else:
        assert erase.erase("c1", "x").state == Erasure.State.DONE
    assert names(settings.BACKUP_DIR) == []


MIGRATING = 300
"""So many seconds a busy machine may take for all migrations."""


def kill_and_copy_again(url: str, other: str, file: Path, function: str, nth: int) -> None:
    """Kill what a copy runs on the other database, then copy once more; and another time, which is refused."""
    make_customer(id="c1")
    backups.write(file)
    with signalled(other, "SIGKILL", function, nth, "restore", file) as process:
        process.communicate(timeout=MIGRATING)
    assert process.returncode == -signal.SIGKILL
    room = str(file.parent)
    done = manage(url, "copy_database", other, seconds=MIGRATING, BACKUP_DIR=room)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("The other database has the same rows.")
    assert manage(url, "copy_database", other, BACKUP_DIR=room).returncode == 2


@pytest.mark.full_run
@pytest.mark.parametrize(
    ("function", "nth"),
    [
        ("rsolv_cs.operations.backups:fill", 1),
        ("rsolv_cs.operations.backups:copy_rows", 5),
        ("customers.erasure.erase:erase_again", 1),
    ],
)
def test_a_database_that_a_killed_copy_was_filling_takes_the_next_one(
    url: str, migrated_database: str, tmp_path: Path, function: str, nth: int
) -> None:
    kill_and_copy_again(url, migrated_database, tmp_path / "copy.zip", function, nth)


@pytest.mark.full_run
@pytest.mark.parametrize("nth", [1, 40])
def test_a_database_that_a_killed_copy_was_migrating_takes_the_next_one(
    url: str, own_database: str, tmp_path: Path, nth: int
) -> None:
    function = "django.db.migrations.executor:MigrationExecutor.apply_migration"
    kill_and_copy_again(url, own_database, tmp_path / "copy.zip", function, nth)


# --- Upload -------------------------------------------------------------------------------------------------------

UPLOADING = """
from django.core.files.uploadedfile import SimpleUploadedFile
from customers.uploads import uploads
from customers.feeds.declarations import FEEDS
upload = uploads.receive(FEEDS["customers"], SimpleUploadedFile("customers.csv", {content!r}), "mary")
uploads.make_preview(upload, "mary")
uploads.confirm(upload.pk, upload.sha256, upload.seen, "mary", force=False)
"""


@pytest.mark.parametrize(
    ("function", "nth", "there", "running"),
    [
        ("customers.uploads.uploads:format_of", 1, 0, 0),
        ("customers.uploads.uploads:trail.record", 1, 0, 0),
        ("customers.imports.load:merge", 1, 1, 0),
        ("customers.uploads.preview:_Writer.add", 1, 1, 0),
        ("customers.uploads.uploads:is_file", 1, 1, 0),
        ("customers.imports.load:merge", 2, 1, 1),
        ("customers.imports.load:supersede", 2, 1, 1),
        ("customers.uploads.uploads:store.remove_folder", 1, 1, 0),
    ],
)
def test_a_killed_upload_leaves_a_whole_one_or_none_and_can_be_loaded(
    url: str, tmp_path: Path, settings: Settings, function: str, nth: int, there: int, running: int
) -> None:
    content = write_feed(tmp_path, "customers", [csv_row("customers", id="c1")]).read_bytes()
    code = UPLOADING.format(content=content)
    kill(url, function, nth, "shell", "-c", code, UPLOAD_DIR=str(settings.UPLOAD_DIR))
    assert Upload.objects.count() == there
    assert ImportRun.objects.filter(status="running").count() == running
    assert len(names(settings.UPLOAD_DIR)) == 1
    upload = Upload.objects.first()
    if upload and not upload.run:
        assert not Customer.objects.exists()
        make_preview(upload, "mary")
        assert confirm(upload.pk, upload.sha256, upload.seen, "mary", force=False).created == 1
        assert names(settings.UPLOAD_DIR) == []
    interrupted = ImportRun.objects.exclude(status="loaded").values_list("status", "reason")
    assert list(interrupted) == [("interrupted", NOTHING_LOADED)] * running
    # An erasure takes what nobody knows of any more.
    make_customer(id="c2")
    assert erase.erase("c2", "x").state == Erasure.State.DONE
    assert names(settings.UPLOAD_DIR) == []


# --- What is at work ----------------------------------------------------------------------------------------------


def test_what_is_at_work_or_of_others_stays(settings: Settings, tmp_path: Path) -> None:
    for folder in (settings.EXPORT_DIR, settings.BACKUP_DIR):
        folder.mkdir()
    (settings.BACKUP_DIR / "tmpabcd1234").mkdir()
    (settings.BACKUP_DIR / "tmpabcd1234" / "thesis.doc").touch()
    (settings.BACKUP_DIR / ".copy-").mkdir()
    (settings.BACKUP_DIR / ".copy-abcd1234").symlink_to(tmp_path)
    (settings.EXPORT_DIR / "rsolv_metrics_2025-05-02.zip").touch()
    (settings.EXPORT_DIR / ".export-notes.txt").touch()
    at_work = settings.EXPORT_DIR / ".export-abcd1234"
    before = names(settings.EXPORT_DIR), names(settings.BACKUP_DIR)
    with at_work.open("wb") as file, private_folder(settings.BACKUP_DIR) as folder:
        fcntl.flock(file, fcntl.LOCK_EX)
        (folder / "copy.zip").touch()
        remove_leftovers()
        assert at_work.exists()
        assert names(folder) == ["copy.zip"]
    remove_leftovers()
    assert (names(settings.EXPORT_DIR), names(settings.BACKUP_DIR)) == before


def test_an_upload_in_a_request_has_no_name_on_the_disk(
    client: Any, settings: Settings, tmp_path: Path, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is killed in the middle of it leaves nothing in the folder for temporary files."""
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "temporary")
    Path(settings.FILE_UPLOAD_TEMP_DIR).mkdir()
    seen: list[list[str]] = []
    write: Callable[..., None] = store.write

    def watched(path: Path, chunks: Any) -> None:
        seen.append(names(Path(settings.FILE_UPLOAD_TEMP_DIR)))
        write(path, chunks)

    monkeypatch.setattr(store, "write", watched)
    client.force_login(make_staff("Program manager"))
    large = write_feed(tmp_path, "customers", [customer_row(1, organization="A" * 200)] * 20_000).read_bytes()
    assert len(large) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE
    send(client, "customers", large)
    assert seen == [[]]
    assert Upload.objects.get().size == len(large)
