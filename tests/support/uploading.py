"""Uploads a file as somebody in a browser does."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from openpyxl import Workbook
from pytest_django.fixtures import Settings

from customers.feeds.declarations import FEEDS
from customers.models import ImportRun, Upload
from tests.support.pages import main_part, said, words

FORM = "/admin/customers/importrun/upload/"


@pytest.fixture(autouse=True)
def fixed_day(today_is: Callable[[date], None]) -> None:
    today_is(date(2026, 1, 31))


@pytest.fixture(autouse=True)
def own_folders(settings: Settings, tmp_path: Path) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.ARCHIVE_DIR = tmp_path / "archive"


def csv_of(feed: str, *rows: Mapping[str, str]) -> bytes:
    """A feed's file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, FEEDS[feed].column_names)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def workbook(*rows: Sequence[Any], **other_sheets: Sequence[Sequence[Any]]) -> bytes:
    """An Excel workbook whose sheet in front has these rows."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    for title, others in other_sheets.items():
        sheet = book.create_sheet(title)
        for row in others:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def send(client: Client, feed: str, content: bytes, name: str = "") -> HttpResponse:
    """Send the form, and follow to the page that comes."""
    file = SimpleUploadedFile(name or f"{feed}.csv", content)
    return client.post(FORM, {"feed": feed, "file": file}, follow=True)


def uploaded(client: Client, feed: str, content: bytes, name: str = "") -> Upload:
    """Upload a file that is taken; returns it with its preview."""
    response = send(client, feed, content, name)
    upload = Upload.objects.latest("pk")
    assert response.redirect_chain == [(f"{FORM}{upload.pk}/", 302)], errors(response)
    return upload


def confirmed(client: Client, upload: Upload, **data: str) -> HttpResponse:
    """Confirm an upload as its preview was when it was read; returns the page that comes."""
    sent = {"sha256": upload.sha256, "seen": upload.seen, **data}
    return client.post(f"{FORM}{upload.pk}/confirm/", sent, follow=True)


def loaded(client: Client, upload: Upload, **data: str) -> ImportRun:
    """Confirm an upload that is loaded; returns its run."""
    response = confirmed(client, upload, **data)
    run = ImportRun.objects.latest("pk")
    assert response.redirect_chain == [(f"/admin/customers/importrun/{run.pk}/change/", 302)], said(response)
    assert run.status == "loaded"
    return run


def counts(of: Upload | ImportRun) -> dict[str, int]:
    """The counts of a preview or a run."""
    names = ("rows", "created", "updated", "unchanged", "quarantined", "retried")
    return {name: of.preview[name] if isinstance(of, Upload) else getattr(of, name) for name in names}


def errors(response: HttpResponse) -> list[str]:
    """What the form says of the file."""
    form = response.context and response.context.get("form")
    return [words(str(error)) for error in form.errors.get("file", [])] if form else []


def table(client: Client, upload: Upload, kind: str, page: int = 1) -> list[str]:
    """The words of each row of the preview's table."""
    response = client.get(f"{FORM}{upload.pk}/?rows={kind}&page={page}")
    [found] = re.findall(r'class="rsolv-table.*?</thead>(.*?)</table>', main_part(response), re.DOTALL)
    return [words(row) for row in re.findall(r"<tr>.*?</tr>", found, re.DOTALL)]


def files() -> list[str]:
    """The names of the files that uploads have left."""
    return [path.name for path in Path(project.UPLOAD_DIR).rglob("*") if path.is_file()]
