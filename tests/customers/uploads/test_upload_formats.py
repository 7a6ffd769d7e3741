"""What an upload may be: CSV, plain or gzipped, and Excel workbooks, by their content and size; every trap is told."""

import gzip
import io
import re
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import load_workbook
from pytest_django.fixtures import Settings

from customers.models import Customer, Engagement, ImportRun, Onboarding, Upload
from customers.uploads import formats
from tests.factories import csv_row, make_customer, make_staff
from tests.support.loading import customer_row
from tests.support.pages import section
from tests.support.storage import upload_on_disk
from tests.support.uploading import (
    FORM,
    counts,
    csv_of,
    errors,
    fixed_day,
    loaded,
    own_folders,
    send,
    uploaded,
    workbook,
)

__all__ = ["fixed_day", "own_folders"]

pytestmark = pytest.mark.django_db

ENGAGEMENT = ["id", "customer_id", "date", "issues_tagged", "prs_generated", "prs_merged", "prs_rejected"]
ENGAGEMENT += ["support_requests"]


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_staff("Program manager", username="mary"))
    make_customer(id="c1")
    return client


def repacked(content: bytes, **members: bytes) -> bytes:
    """A workbook with some of its members replaced, by the end of their names."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            end = Path(info.filename).name.split(".")[0].strip("[]")
            new.writestr(info.filename, members.get(end, old.read(info)))
    return file.getvalue()


def converted(client: Client, *rows: list[Any]) -> list[str]:
    """The lines of the CSV that a workbook becomes."""
    upload = uploaded(client, "engagement", workbook(*rows), "a.xlsx")
    return upload_on_disk(upload).read_text(encoding="utf-8").split("\n")


# --- Workbooks --------------------------------------------------------------------------------------------------


def test_a_workbook_is_loaded_like_its_csv(manager: Client) -> None:
    rows = [
        ENGAGEMENT,
        ["e1", "c1", date(2025, 5, 1), 3.0, 2, 1, None, 0],
        ["e2", "c1", "2025-05-02", "4", 0, 0, 0, 0],
    ]
    upload = uploaded(manager, "engagement", workbook(*rows, Other=[["x"]]), "May.XLSX")
    assert upload.file == "May.XLSX.csv"
    page = section(manager.get(f"{FORM}{upload.pk}/"), "decide")
    assert "The sheet 'Sheet' was converted to CSV: hash, size and line numbers are those of the CSV." in page
    assert "Only that sheet is read, not 'Other'." in page
    run = loaded(manager, upload)
    assert counts(run) == counts(upload)
    assert (run.created, run.quarantined, run.file) == (2, 0, "May.XLSX.csv")
    assert list(Engagement.objects.order_by("pk").values_list("pk", "date", "issues_tagged", "prs_rejected")) == [
        ("e1", date(2025, 5, 1), 3, 0),
        ("e2", date(2025, 5, 2), 4, 0),
    ]
    download = b"".join(manager.get(f"/admin/customers/importrun/{run.pk}/file/"))
    assert download.decode().split("\n")[:2] == [",".join(ENGAGEMENT), "e1,c1,2025-05-01,3,2,1,,0"]


def test_ids_that_excel_shows_with_zeros_have_them(manager: Client, tmp_path: Path) -> None:
    rows = [csv_row("customers", id=key, organization="Größe") for key in ("00123", "00124")]
    loaded(manager, uploaded(manager, "customers", csv_of("customers", *rows)))
    book = load_workbook(io.BytesIO(workbook(list(rows[0]), *(list(row.values()) for row in rows))))
    for place, number in ((2, 123), (3, 124)):
        book.active.cell(place, 1).value = number
        book.active.cell(place, 1).number_format = "00000"
    file = io.BytesIO()
    book.save(file)
    upload = uploaded(manager, "customers", file.getvalue(), "a.xlsx")
    assert (counts(upload)["unchanged"], counts(upload)["created"], upload.preview["missing"]) == (2, 0, 0)


def test_true_and_false_are_the_feeds_own(manager: Client) -> None:
    steps = ["welcome_email_sent", "account_created", "github_action_installed", "first_issue_tagged"]
    header = ["id", "customer_id", *steps, "first_pr_generated", "completed_date", "days_to_complete", "blocker_type"]
    row = ["o1", "c1", True, False, "yes", 1, None, None, None, "legal"]
    loaded(manager, uploaded(manager, "onboarding", workbook([*header, "notes"], row), "o.xlsx"))
    [found] = Onboarding.objects.values_list(*steps, "first_pr_generated", "blocker_type")
    assert found == (True, False, True, True, False, "legal")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (3.0, "3"),
        (-2.0, "-2"),
        (0.5, "0.5"),
        (2_147_483_647.0, "2147483647"),
        (Decimal("7.00"), "7"),
        (True, "true"),
        (False, "false"),
        (datetime(2025, 5, 1), "2025-05-01"),
        (datetime(2025, 5, 1, 12, 30), "2025-05-01T12:30:00"),
        (date(2025, 5, 1), "2025-05-01"),
        ("007", "007"),
        ("a,b", '"a,b"'),
        ('say "hi"', '"say ""hi"""'),
        ("two\nlines", '"two'),
        ("Größe \U0001f600", "Größe \U0001f600"),
        ("'=1+1", "'=1+1"),
    ],
)
def test_each_kind_of_cell_becomes_the_feeds_text(value: object, text: str, manager: Client) -> None:
    lines = converted(manager, ENGAGEMENT, [value, "c1"])
    assert lines[1].startswith(text if "\n" in str(value) else f"{text},c1")


def test_blank_rows_and_columns_are_nothing_and_lines_are_the_sheets(manager: Client) -> None:
    bad = ["e2", "c1", "soon", 1, 0, 0, 0, 0, None, "  "]
    rows = [[*ENGAGEMENT, None, None], [], ["e1", "c1", "2025-05-01", 1, None], [None, None], [], bad, [], ["", None]]
    upload = uploaded(manager, "engagement", workbook(*rows), "a.xlsx")
    assert (counts(upload)["rows"], counts(upload)["created"]) == (2, 1)
    assert upload_on_disk(upload).read_text() == (
        f"{','.join(ENGAGEMENT)}\n\ne1,c1,2025-05-01,1,,,,\n\n\ne2,c1,soon,1,0,0,0,0,,  \n"
    )


def test_a_cell_beside_the_table_makes_its_row_ragged_and_no_other(manager: Client) -> None:
    rows = [ENGAGEMENT, ["e1", "c1", "2025-05-01", 1], ["e2", "c1", "2025-05-01", 1, 0, 0, 0, 0, None, "a remark"]]
    upload = uploaded(manager, "engagement", workbook(*rows), "a.xlsx")
    assert (counts(upload)["created"], counts(upload)["quarantined"]) == (1, 1)


def test_a_formula_is_never_taken_for_a_value(manager: Client) -> None:
    content = workbook(ENGAGEMENT, ["e1", "c1", "2025-05-01", "=1+1"])
    assert errors(send(manager, "engagement", content, "a.xlsx")) == [
        "Cell D2 is a formula, and what it gives may differ from what you see: "
        "copy the cells and paste them as values, or save the sheet as CSV."
    ]
    assert (Upload.objects.count(), list(Path(project.UPLOAD_DIR).iterdir())) == (0, [])


def test_an_error_in_a_cell_is_told(manager: Client) -> None:
    content = workbook(ENGAGEMENT, ["e1", "c1", "#N/A"])
    assert errors(send(manager, "engagement", content, "a.xlsx")) == [
        "Cell C2 is the error #N/A: put it right, or clear it."
    ]


def test_the_sheet_in_front_is_read(manager: Client) -> None:
    book = load_workbook(io.BytesIO(workbook(["x"], Good=[ENGAGEMENT, ["e1", "c1", "2025-05-01"]])))
    book.active = book["Good"]
    file = io.BytesIO()
    book.save(file)
    upload = uploaded(manager, "engagement", file.getvalue(), "a.xlsx")
    assert counts(upload)["created"] == 1
    assert upload.notes[0].startswith("The sheet 'Good' was")


def test_an_empty_sheet_is_an_empty_file(manager: Client) -> None:
    assert uploaded(manager, "engagement", workbook(), "a.xlsx").preview["reason"] == "the file is empty"


def test_a_sheet_that_lies_about_its_size_is_read_to_its_end(manager: Client) -> None:
    content = workbook(ENGAGEMENT, ["e1", "c1", "2025-05-01"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    for claim in (b"A1:A1", b"A1:XFD1048576"):
        lying = repacked(content, sheet1=sheet.replace(b"A1:H2", claim))
        assert counts(uploaded(manager, "engagement", lying, "a.xlsx"))["created"] == 1


def test_a_sheet_without_an_end_is_refused(manager: Client) -> None:
    content = workbook(ENGAGEMENT, ["e1", "c1", "2025-05-01"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    far = repacked(content, sheet1=sheet.replace(b'r="2"', b'r="999999999999"'))
    assert errors(send(manager, "engagement", far, "a.xlsx")) == [
        "The sheet has more than 1,048,576 rows, the most that Excel takes."
    ]


# --- What is no such file -----------------------------------------------------------------------------------------

DAMAGED = "The workbook is damaged: open it in Excel, save it again, or save it as CSV."
BOMB = b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]><x>&b;</x>"


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (
            csv_of("engagement"),
            "a.xlsx",
            "The name of 'a.xlsx' ends in .xlsx, but by its content it is text: if that is right, let its name end "
            "in .csv.",
        ),
        (
            workbook(ENGAGEMENT),
            "a.csv",
            "The name of 'a.csv' ends in .csv, but by its content it is an Excel workbook: if that is right, let its "
            "name end in .xlsx.",
        ),
        (
            csv_of("engagement"),
            "a.csv.gz",
            "The name of 'a.csv.gz' ends in .csv.gz, but by its content it is text: if that is right, let its name "
            "end in .csv.",
        ),
        (
            b"%PDF-1.7",
            "a.pdf",
            "'a.pdf' is no file for this page: its name ends in none of .csv, .xlsx, .csv.gz.",
        ),
        (
            bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600,
            "a.xlsx",
            "This is an old Excel file (.xls), or one with a password: "
            "save it as .xlsx without a password, or as CSV.",
        ),
        (b"PK\x03\x04" + b"rubbish" * 99, "a.xlsx", DAMAGED),
        (workbook(ENGAGEMENT)[:-400], "a.xlsx", DAMAGED),
        (repacked(workbook(ENGAGEMENT), sheet1=b"<worksheet"), "a.xlsx", DAMAGED),
        (repacked(workbook(ENGAGEMENT), workbook=b"<x/>"), "a.xlsx", DAMAGED),
        (
            repacked(workbook(ENGAGEMENT), sheet1=BOMB),
            "a.xlsx",
            "The workbook declares entities, which no spreadsheet does: it is not read.",
        ),
        (
            repacked(workbook(ENGAGEMENT), Content_Types=b"application/vnd.ms-excel.sheet.binary.macroEnabled.main"),
            "a.xlsx",
            "This is an Excel binary workbook (.xlsb), not an Excel workbook: save it as .xlsx or as CSV.",
        ),
        (
            repacked(workbook(ENGAGEMENT), Content_Types=b"<Types/>"),
            "a.xlsx",
            "This is a ZIP archive, not an Excel workbook: unpack it, and upload its files one by one.",
        ),
    ],
)
def test_what_cannot_be_taken_says_why(content: bytes, name: str, message: str, manager: Client) -> None:
    assert errors(send(manager, "engagement", content, name)) == [message]
    assert Upload.objects.count() == 0
    assert list(Path(project.UPLOAD_DIR).iterdir()) == []


@pytest.mark.parametrize("where", ["xlsx", "gz", "repeated"])
def test_a_small_file_that_unpacks_to_a_large_one_is_refused(
    where: str, manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "MAX_UNPACKED_MB", 1)
    if where == "xlsx":
        content = repacked(workbook(ENGAGEMENT), styles=b"<x>" + b" " * 2**20)
    elif where == "gz":
        content = gzip.compress(csv_of("engagement") + b"\n" * 2**20)
    else:
        # One shared text of 64 KB, named by many cells, is a CSV of megabytes.
        content = workbook(ENGAGEMENT, *(["x" * 32_000] for _row in range(64)))
    [error] = errors(send(manager, "engagement", content, "a.csv.gz" if where == "gz" else "a.xlsx"))
    assert error == "The file holds more than 1 MB when it is unpacked: import it by import_csvs."
    assert list(Path(project.UPLOAD_DIR).iterdir()) == []


# --- Size ---------------------------------------------------------------------------------------------------


def test_a_file_that_is_too_large_is_refused_with_what_to_do(manager: Client, settings: Settings) -> None:
    settings.UPLOAD_MAX_MB = 1
    head = csv_of("customers", customer_row(1))
    assert uploaded(manager, "customers", head + b" " * (2**20 - len(head)))
    for over in (1, 2**19):
        response = send(manager, "customers", head + b" " * (2**20 + over - len(head)))
        [error] = errors(response)
        assert re.fullmatch(
            r"The file has 1\.\d MB; up to 1 MB can be uploaded here\. Ask the operator to put it into the drop "
            r"folder, for the nightly run or import_csvs, which takes any size\.",
            error,
        )
    assert Upload.objects.count() == 1
    assert "up to 1 MB" in section(response, "choose")


def test_nothing_of_a_too_large_file_is_stored(manager: Client, settings: Settings, tmp_path: Path) -> None:
    settings.UPLOAD_MAX_MB = 1
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "none"
    # A file beyond the announced size would fail here, where there is no folder for it.
    assert errors(send(manager, "customers", b"x" * (4 * 2**20)))


def test_without_a_file_or_with_a_blank_one_the_form_says_so(manager: Client) -> None:
    assert errors(manager.post(FORM, {"feed": "customers"})) == ["This field is required."]
    assert errors(send(manager, "customers", b"")) == ["The submitted file is empty."]
    response = manager.post(FORM, {"feed": "nothing", "file": SimpleUploadedFile("a.csv", b"x")})
    assert (response.status_code, Upload.objects.count()) == (200, 0)


# --- CSV --------------------------------------------------------------------------------------------------------


def test_a_gzipped_csv_is_loaded_as_it_is(manager: Client) -> None:
    content = gzip.compress(csv_of("customers", customer_row(1), customer_row(2)))
    upload = uploaded(manager, "customers", content, "Customers.CSV.GZ")
    run = loaded(manager, upload)
    assert (run.created, run.updated, run.sha256, run.file) == (1, 1, upload.sha256, "Customers.CSV.GZ")
    assert b"".join(manager.get(f"/admin/customers/importrun/{run.pk}/file/")) == content


def test_a_broken_gzip_file_is_refused_by_the_loader(manager: Client) -> None:
    content = gzip.compress(csv_of("customers", customer_row(1)))[:-4]
    upload = uploaded(manager, "customers", content, "customers.csv.gz")
    assert upload.preview["reason"].startswith("customers.csv.gz is a broken gzip file: ")


def test_a_leading_apostrophe_is_text_in_an_upload(manager: Client) -> None:
    loaded(manager, uploaded(manager, "customers", csv_of("customers", customer_row(1, organization="'=1"))))
    assert Customer.objects.get().organization == "'=1"


def test_a_long_name_keeps_its_end(manager: Client) -> None:
    upload = uploaded(manager, "customers", csv_of("customers", customer_row(1)), "n" * 250 + ".csv")
    assert loaded(manager, upload).file == upload.file
    assert upload.file.endswith("n.csv")
    assert len(upload.file) <= 255
    assert ImportRun.objects.count() == 1
