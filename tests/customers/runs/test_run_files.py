"""The file of a run: it comes back byte for byte, under a safe name, to who may see it."""

import gzip
from pathlib import Path

import pytest
from django.http import StreamingHttpResponse
from django.test import Client

from customers.archive import files
from customers.feeds.declarations import FEEDS
from customers.models import ImportRun
from tests.factories import csv_row, make_run, make_staff, write_feed
from tests.support.loading import load, write_bytes
from tests.support.pages import links, notices
from tests.support.run_pages import file_of, page_of, two_nights
from tests.support.storage import on_disk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("folder")]


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
    place = on_disk(files.place_of(run.sha256))
    place.parent.mkdir(parents=True)
    place.write_bytes(gzip.compress(b"x"))
    assert manager.get(file_of(run))["Content-Disposition"] == safe.format(pk=run.pk)


def test_a_file_that_is_no_longer_kept_is_not_found_and_says_so(manager: Client, folder: Path) -> None:
    run, _second = two_nights(folder)
    on_disk(files.place_of(run.sha256)).unlink()
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
