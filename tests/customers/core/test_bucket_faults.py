"""A bucket that is gone, slow, closed or full of holes: a clear word for each, and nothing half done."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.crm.pushing import push_to
from customers.core.storage import areas, s3
from customers.core.storage.area import StorageUnavailable, StoredFile
from customers.erasure.erase import erase
from customers.imports.load import ImportRun
from customers.models import Customer, Erasure, Upload
from rsolv_cs.web import health
from tests.factories import make_staff, write_feed
from tests.support.commands import run
from tests.support.crm import make_destination, make_scored
from tests.support.loading import customer_row, load
from tests.support.metrics import scraped, scraper
from tests.support.processes import environment
from tests.support.run_pages import file_of, page_of
from tests.support.s3 import Door, FakeBucket, bucket, door, failing, forget, s3_server, use
from tests.support.uploading import csv_of, errors, loaded, said, send, uploaded

__all__ = ["bucket", "door", "s3_server"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_staff("Program manager"))
    return client


def write(area_name: str, content: bytes) -> StoredFile:
    stored = StoredFile(areas.archive(), area_name)
    with stored.new() as file:
        file.write(content)
    return stored


# --- Words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("AccessDenied", ": access is denied ({code})"),
        ("InternalError", " answers with an error ({code})"),
        ("SlowDown", " answers with an error ({code})"),
        ("slow", " cannot be reached, or does not answer"),
    ],
)
def test_each_fault_is_told_by_what_it_is(
    door: Door, bucket: FakeBucket, monkeypatch: pytest.MonkeyPatch, settings: Settings, fault: str, words: str
) -> None:
    stored = write("one", b"old")
    monkeypatch.setattr(s3, "ANSWER_SECONDS", 0.3)
    use(settings, bucket.url(door.url))
    with failing(door, fault):
        for act in (stored.open, stored.size, stored.remove, lambda: list(areas.archive().names("*"))):
            forget()
            with pytest.raises(StorageUnavailable) as refused:
                act()
            code = {"InternalError": "500", "SlowDown": "500", "AccessDenied": "403"}.get(fault, "")
            by_status = f"s3://{bucket.name}{words.format(code=code)}"
            assert str(refused.value) in (by_status, f"s3://{bucket.name}{words.format(code=fault)}")
        with pytest.raises(StorageUnavailable), stored.new() as file:
            file.write(b"new")
    assert bucket.objects() == {"cs/archive/one": b"old"}


def test_a_bucket_that_is_gone_is_no_file_that_is_gone(bucket: FakeBucket) -> None:
    stored = write("one", b"x")
    stored.remove()
    bucket.client.delete_bucket(Bucket=bucket.name)
    for act in (stored.open, stored.size, stored.is_there):
        with pytest.raises(StorageUnavailable, match="there is no such bucket"):
            act()
    with pytest.raises(StorageUnavailable, match="there is no such bucket"), stored.new():
        pass


def test_a_server_that_is_gone_is_left_alone_for_a_while(
    bucket: FakeBucket, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = write("one", b"x")
    use(settings, bucket.url("http://127.0.0.1:9"))
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        stored_there().open()
    use_without_forgetting(settings, bucket)
    began = time.perf_counter()
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        stored_there().open()
    assert time.perf_counter() - began < 0.1
    later = time.monotonic() + 6
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert stored_there().size() == stored.size() == 1


def stored_there() -> StoredFile:
    return StoredFile(areas.archive(), "one")


def use_without_forgetting(settings: Settings, bucket: FakeBucket) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.support.s3.forget", lambda: None)
        use(settings, bucket.url())


def test_a_stream_that_is_cut_is_no_whole_file(door: Door) -> None:
    stored = write("one", b"x" * 3_000_000)
    with failing(door, "cut", "GET"), pytest.raises(StorageUnavailable), stored.open() as file:
        file.read()
    with failing(door, "cut", "GET"), pytest.raises(StorageUnavailable), stored.local():
        pytest.fail("nobody gets half of it")
    with stored.open() as file:
        assert len(file.read()) == 3_000_000


def test_a_file_that_is_replaced_while_it_is_read_is_not_mixed_with_the_new_one(bucket: FakeBucket) -> None:
    stored = write("one", b"a" * 1_000_000)
    with stored.open() as file:
        file.read(10)
        bucket.put("cs/archive/one", b"b" * 1_000_000)
        file.seek(900_000)
        with pytest.raises(StorageUnavailable, match="written anew while it was read"):
            file.read(10)


# --- Pages and jobs -----------------------------------------------------------------------------------------------


def test_an_upload_that_cannot_be_stored_is_told_and_leaves_nothing(
    manager: Client, door: Door, bucket: FakeBucket
) -> None:
    with failing(door, "AccessDenied", "PUT"):
        response = send(manager, "customers", csv_of("customers", customer_row(1)))
        assert errors(response) == [
            f"The file cannot be stored here: s3://{bucket.name}: access is denied (AccessDenied). Tell the operator."
        ]
    assert (bucket.objects(), Upload.objects.count()) == ({}, 0)


def test_an_upload_that_cannot_be_read_is_neither_loaded_nor_lost(
    manager: Client, door: Door, bucket: FakeBucket
) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    with failing(door, "InternalError", "HEAD"):
        for response in (
            manager.get(f"/admin/customers/importrun/upload/{upload.pk}/"),
            manager.post(
                f"/admin/customers/importrun/upload/{upload.pk}/confirm/",
                {"sha256": upload.sha256, "seen": upload.seen},
            ),
        ):
            assert (response.status_code, response["Retry-After"]) == (503, "30")
            assert "The files cannot be reached" in response.text
        manager.post(f"/admin/customers/importrun/upload/{upload.pk}/preview/")
    why = f"s3://{bucket.name} answers with an error (500)"
    page = manager.get(f"/admin/customers/importrun/upload/{upload.pk}/")
    assert said(page) == [f"The preview cannot be stored: {why}. Tell the operator."]
    assert not Customer.objects.exists()
    assert loaded(manager, upload).created == 1


def test_a_file_that_cannot_be_archived_is_loaded_with_a_warning(
    tmp_path: Path, door: Door, bucket: FakeBucket
) -> None:
    write_feed(tmp_path, "customers", [customer_row(1)])
    with failing(door, "InternalError", "PUT"):
        outcome = load(tmp_path, "customers")["customers"]
    assert (outcome.created, outcome.warnings) == (
        1,
        [f"the file is not archived: s3://{bucket.name} answers with an error (InternalError)"],
    )
    assert bucket.objects() == {}
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(2)])
    assert load(tmp_path, "customers")["customers"].warnings == []


def test_a_run_whose_file_cannot_be_reached_says_so_and_not_that_it_is_gone(
    manager: Client, tmp_path: Path, door: Door
) -> None:
    write_feed(tmp_path, "customers", [customer_row(1)])
    load(tmp_path, "customers")
    one = ImportRun.objects.get()
    with failing(door, "InternalError"):
        assert [manager.get(address).status_code for address in (page_of(one), file_of(one))] == [503, 503]
    assert [manager.get(address).status_code for address in (page_of(one), file_of(one))] == [200, 200]


def test_an_erasure_is_completed_when_the_bucket_is_back(tmp_path: Path, door: Door, bucket: FakeBucket) -> None:
    write_feed(tmp_path, "customers", [customer_row(1), customer_row(2)])
    load(tmp_path, "customers")
    with failing(door, "AccessDenied", "PUT"):
        assert erase("c2", "ada").state == Erasure.State.FILES
    assert run("expire", "--force").code == 0
    assert Erasure.objects.get().state == Erasure.State.DONE
    assert erase("c1", "ada").state == Erasure.State.DONE


def test_an_export_and_a_push_say_why_they_stop(door: Door, bucket: FakeBucket) -> None:
    make_scored(2)
    there = make_destination()
    why = f"s3://{bucket.name}: access is denied (AccessDenied)"
    with failing(door, "AccessDenied", "PUT"):
        done = run("export_metrics")
        assert (done.code, done.err) == (1, f"s3://{bucket.name}/cs/exports: {why}\n")
        assert why in push_to(there, "ada").reason
    assert bucket.objects() == {}
    assert run("export_metrics").code == 0
    assert push_to(there, "ada").reason == ""


# --- Whether it can be written ------------------------------------------------------------------------------------


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [time.monotonic()]
    monkeypatch.setattr(areas.time, "monotonic", lambda: now[0])

    def later(seconds: float) -> None:
        now[0] += seconds

    return later


def test_it_is_tried_now_and_then_whether_the_bucket_can_be_written(
    client: Client, door: Door, moment: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    def ready() -> str:
        found: str = client.get("/readyz").json()["storage"]
        return found

    assert [ready(), ready()] == ["ok", "ok"]
    assert len([one for one in door.asked if one.startswith("PUT")]) == 1
    door.fault, door.only = "AccessDenied", "PUT"
    assert ready() == "ok"
    moment(31)
    assert (ready(), scraped(scraper())["rsolv_storage_writable",]) == ("failing", 0)
    assert "access is denied" in caplog.text
    door.fault = ""
    assert ready() == "failing"
    moment(31)
    assert (ready(), scraped(scraper())["rsolv_storage_writable",]) == ("ok", 1)


def test_a_folder_that_cannot_be_written_is_not_ready(
    client: Client, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXPORT_DIR = tmp_path / "one" / "exports"
    forget()
    assert (areas.problem(), list(tmp_path.iterdir())) == ("", [])

    def full(**_where: object) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    forget()
    response = client.get("/readyz")
    assert (response.status_code, response.json()["storage"]) == (503, health.FAILING)
    assert f"{tmp_path}/one/exports: No space left on device" in areas.problem()
    forget()


# --- Killed -------------------------------------------------------------------------------------------------------

WRITING = """
import os, signal, sys
import django
django.setup()
from customers.core.storage import areas
from storages.backends.s3 import S3Storage
client = S3Storage.connection.fget
parts = 0
def counted(request, **_more):
    global parts
    if "partNumber=" in request.url:
        parts += 1
        if parts == 3:
            os.kill(os.getpid(), signal.SIGKILL)
from django.core.files.storage import storages
storages["shared"].connection.meta.client.meta.events.register("before-send.s3", counted)
with areas.archive().new_file("one") as file:
    file.write(os.urandom(40 * 2**20))
"""
READING = """
import sys
import django
django.setup()
from customers.core.storage import areas
with areas.archive().local("one") as path:
    print(path, flush=True)
    sys.stdin.read()
"""
LARGE = """
import gzip, hashlib, resource, sys
import django
django.setup()
from customers.core.storage import areas
area = areas.archive()
with area.new_file("small") as file:
    file.write(b"x")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
block = bytes(2**20)
with area.new_file("large") as file:
    for _ in range(100):
        file.write(block)
read = 0
with area.open("large") as file:
    while chunk := file.read(2**18):
        read += len(chunk)
with area.local("large") as path:
    assert path.stat().st_size == read == 100 * 2**20
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def start(code: str, bucket: FakeBucket, tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that has the same bucket, and its own temporary files."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=project.BASE_DIR,
        env=environment(
            f"sqlite:///{tmp_path}/x.sqlite3", STORAGE_URL=bucket.url(), TMPDIR=str(tmp_path), PYTHONWARNINGS="ignore"
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_writer_that_is_killed_leaves_the_old_file_and_no_parts_for_long(
    bucket: FakeBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("one", b"old")
    with start(WRITING, bucket, tmp_path) as process:
        _out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (-signal.SIGKILL, "")
    assert (bucket.objects(), len(bucket.uploads())) == ({"cs/archive/one": b"old"}, 1)
    assert [path.name for path in tmp_path.iterdir() if path.name != "x.sqlite3"] == []
    # All of them began in 2010 there.
    with monkeypatch.context() as patch:
        patch.setattr("customers.core.storage.bucket._LEFT_AFTER", timedelta(days=36_500))
        areas.archive().remove_half_done("*")
    assert len(bucket.uploads()) == 1
    areas.archive().remove_half_done("*")
    assert (bucket.objects(), bucket.uploads()) == ({"cs/archive/one": b"old"}, [])


def test_copies_of_a_killed_process_go_with_the_next_one(
    bucket: FakeBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("one", b"of a customer")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with start(READING, bucket, tmp_path) as process:
        assert process.stdout
        copy = Path(process.stdout.readline().strip())
        assert copy.read_bytes() == b"of a customer"
        with areas.archive().local("one"):
            # It is at work.
            assert copy.exists()
        process.kill()
        process.communicate()
    assert copy.exists()
    with areas.archive().local("one") as path:
        assert not copy.exists()
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"of a customer", 0o600)
    assert list(tmp_path.glob("rsolv-files-*")) == []


def test_a_large_file_takes_no_more_memory_than_a_small_one(bucket: FakeBucket, tmp_path: Path) -> None:
    with start(LARGE, bucket, tmp_path) as process:
        out, err = process.communicate(timeout=240)
    assert (process.returncode, err[-3000:]) == (0, "")
    assert int(out) < 40
