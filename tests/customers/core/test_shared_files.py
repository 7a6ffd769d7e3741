"""Uploads, archive and exports in a bucket: what one machine took, another one shows, loads, redacts and removes."""

import gzip
import json
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.crm.pushing import push_to
from customers.archive import files
from customers.erasure.erase import erase
from customers.jobs.progress import noted, read_so_far
from customers.models import Customer, ImportRun, Upload
from customers.uploads.store import expire_uploads
from tests.factories import csv_row, make_run, make_staff, write_feed
from tests.support.commands import run
from tests.support.crm import make_destination, make_scored, score
from tests.support.loading import customer_row, load
from tests.support.nightly_files import watched
from tests.support.run_pages import file_of, page_of
from tests.support.s3 import FakeBucket, bucket, s3_server
from tests.support.uploading import confirmed, csv_of, loaded, send, table, uploaded

__all__ = ["bucket", "s3_server"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_files_here(
    bucket: FakeBucket, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Nothing is left on this machine, neither in the folders of one machine nor among temporary files."""
    here = tmp_path / "here"
    for name in ("temporary", "uploads", "archive", "exports"):
        (here / name).mkdir(parents=True)
    settings.UPLOAD_DIR, settings.ARCHIVE_DIR = here / "uploads", here / "archive"
    settings.EXPORT_DIR = here / "exports"
    monkeypatch.setattr(tempfile, "tempdir", str(here / "temporary"))
    yield
    assert [path for path in here.rglob("*") if path.parent != here] == []


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_staff("Program manager"))
    return client


def kinds(bucket: FakeBucket) -> set[str]:
    return {key.split("/")[1] for key in bucket.objects()}


# --- Uploads ------------------------------------------------------------------------------------------------------


def test_an_upload_is_shown_and_loaded_by_whoever_is_asked(manager: Client, bucket: FakeBucket) -> None:
    rows = [customer_row(number) for number in range(1, 121)]
    upload = uploaded(manager, "customers", csv_of("customers", *rows))
    assert f"cs/uploads/{upload.folder}/customers.csv" in bucket.objects()
    assert len(table(manager, upload, "created", page=3)) == 20
    assert table(manager, upload, "created", page=3)[0].startswith("102 c101")
    run = loaded(manager, upload)
    assert (run.created, Customer.objects.count(), kinds(bucket)) == (120, 120, {"archive"})


def test_an_upload_whose_file_is_another_one_now_is_not_loaded(manager: Client, bucket: FakeBucket) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    key = f"cs/uploads/{upload.folder}/customers.csv"
    for spoil in (lambda: bucket.put(key, b"else"), lambda: bucket.client.delete_object(Bucket=bucket.name, Key=key)):
        spoil()
        assert "The stored file is no longer the one that was uploaded" in confirmed(manager, upload).text
    assert not Customer.objects.exists()


def test_a_workbook_or_a_refused_file_leaves_nothing_half_done(manager: Client, bucket: FakeBucket) -> None:
    send(manager, "customers", b"PK\x03\x04 no workbook", "customers.xlsx")
    assert (bucket.objects(), Upload.objects.count()) == ({}, 0)


def test_uploads_that_nobody_names_go_after_a_day(
    manager: Client, bucket: FakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(f"cs/uploads/{'0' * 32}/customers.csv", b"of a killed process")
    bucket.put("cs/uploads/notes.txt", b"not ours")
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)))
    expire_uploads()
    assert len(bucket.objects()) == 11
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(hours=25))
    expire_uploads()
    assert list(bucket.objects()) == ["cs/uploads/notes.txt"]
    assert not Upload.objects.filter(pk=upload.pk).exists()


# --- The archive --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [False, True])
def test_an_imported_file_comes_back_byte_for_byte(manager: Client, drop: Path, compress: bool) -> None:
    path = write_feed(drop, "customers", [csv_row("customers")], compress=compress)
    load(drop, "customers")
    run = ImportRun.objects.get()
    response = manager.get(file_of(run))
    assert (response.getvalue(), int(response["Content-Length"])) == (path.read_bytes(), path.stat().st_size)
    assert "Download the file" in manager.get(page_of(run)).text


def test_the_next_nights_are_compared_with_the_archived_files(drop: Path, bucket: FakeBucket) -> None:
    write_feed(drop, "customers", [csv_row("customers", id="c1")])
    load(drop, "customers")
    rows = [csv_row("engagement", id=f"e{n}", customer_id="c1", date=f"2025-05-{n:02}") for n in range(1, 29)]
    contents = []
    with watched() as ways:
        for night in (rows[:20], rows[:28], [*rows[1:28], csv_row("engagement", id="e99", customer_id="c1")]):
            contents.append(write_feed(drop, "engagement", night).read_bytes())
            assert load(drop, "engagement")["engagement"].warnings == []
    assert ways == ["whole", "append", "diff"]
    assert set(contents) <= {gzip.decompress(content) for content in bucket.objects().values()}


def test_an_erasure_redacts_what_is_kept(manager: Client, drop: Path, bucket: FakeBucket) -> None:
    write_feed(drop, "customers", [customer_row(number) for number in (1, 2, 3)])
    load(drop, "customers")
    uploaded(manager, "customers", csv_of("customers", customer_row(2)))
    erase("c2", "ada")
    [(key, content)] = bucket.objects().items()
    text = gzip.decompress(content).decode()
    assert key.startswith("cs/archive/")
    assert ("c1," in text, "c2," in text, "c3," in text) == (True, False, True)
    response = manager.get(file_of(ImportRun.objects.get()))
    assert response.getvalue().decode() == text
    assert "redacted" in response["Content-Disposition"]


def test_what_is_kept_no_longer_goes(drop: Path, bucket: FakeBucket, settings: Settings) -> None:
    write_feed(drop, "customers", [customer_row(1)])
    load(drop, "customers")
    bucket.put("cs/archive/notes.txt", b"not ours")
    settings.ARCHIVE_DAYS = 400
    assert files.count_old() == 0
    ImportRun.objects.update(started_at=timezone.now() - timedelta(days=401))
    assert (files.count_old(), files.expire()) == (1, 1)
    assert list(bucket.objects()) == ["cs/archive/notes.txt"]


def test_how_far_an_import_is_can_be_seen_elsewhere(bucket: FakeBucket, tmp_path: Path) -> None:
    file, one = tmp_path / "customers.csv", make_run(status=ImportRun.Status.RUNNING)
    file.write_bytes(b"x" * 100)
    with noted(one.pk, file) as read:
        read(40)
        read(10)
        assert json.loads(bucket.get("cs/archive/progress.json")) == {"run": one.pk, "read": 40, "size": 100}
        read(50)
        found = read_so_far()
        assert found and found.percent == 100
    assert (read_so_far(), bucket.objects()) == (None, {})


# --- Exports ------------------------------------------------------------------------------------------------------


def test_the_nights_export_lies_in_the_bucket(bucket: FakeBucket, tmp_path: Path) -> None:
    make_scored(2)
    done = run("export_metrics")
    name = "rsolv_metrics_2025-05-10.zip"
    assert done.out == f"Exported 2 customers as of 10 May 2025 to s3://{bucket.name}/cs/exports/{name}.\n"
    with zipfile.ZipFile(BytesIO(bucket.get(f"cs/exports/{name}"))) as archive:
        assert "combined_metrics.csv" in archive.namelist()
    # Whoever names a folder means one of this machine.
    assert run("export_metrics", "--out", tmp_path / "own").code == 0
    assert (tmp_path / "own" / name).exists()


def test_the_file_of_a_push_is_downloaded_and_redacted(manager: Client, bucket: FakeBucket) -> None:
    make_scored(3)
    push = push_to(make_destination(), "ada")
    score("c1", 10)
    address = reverse("analytics:push-file", args=[push.pk])
    response = manager.get(address)
    content = response.getvalue()
    assert (content, int(response["Content-Length"])) == (bucket.get(f"cs/exports/{push.file_name}"), len(content))
    erase("c2", "ada")
    with zipfile.ZipFile(BytesIO(manager.get(address).getvalue())) as archive:
        assert archive.read("changed_rows.csv").decode().count("\n") == 3
    bucket.client.delete_object(Bucket=bucket.name, Key=f"cs/exports/{push.file_name}")
    assert manager.get(address).status_code == 404


def test_a_backup_says_where_the_files_are_that_it_has_not(bucket: FakeBucket, tmp_path: Path) -> None:
    assert run("backup", "--out", tmp_path / "backups").out.splitlines()[-1] == (
        f"Not in it: the imported files in s3://{bucket.name}/cs/archive, exports, uploads that wait."
    )
