"""A program whose every text wants to be more than text: nothing of it runs, breaks out or paints a terminal."""

import csv
import io
import json
import logging
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from openpyxl import load_workbook
from pytest_django import Settings

from analytics.models import Board, BoardTile, Contact, Deferral, Report, Task
from analytics.scoring.snapshots import score_day
from customers.models import Customer, CustomerCare, ImportRun, Note, QuarantinedRow, Upload
from customers.models.key_change import KeyChange
from customers.text.cells import plain_cell
from tests.factories import csv_row, make_alert, make_message, make_staff, write_feeds
from tests.support.access import leads_to_view
from tests.support.commands import run
from tests.support.walking import addresses

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
MARK = "zqx"
TEXTS = [
    f"<script>window.{MARK}=1</script>",
    f'"><img src={MARK} onerror=window.{MARK}=1>',
    f"' onmouseover='window.{MARK}=1",
    f"{{{{7*7}}}}{MARK}{{% debug %}}${{7*7}}",
    f"=cmd|' /C calc'!{MARK}",
    f"+{MARK}",
    f"-2+3+{MARK}",
    f"@SUM({MARK})",
    f"</script></title></textarea><svg onload=window.{MARK}=1>",
    f"\N{RIGHT-TO-LEFT OVERRIDE}{MARK}\N{POP DIRECTIONAL FORMATTING}\N{ZERO WIDTH SPACE}",
    f"{MARK}\r\nBcc: everybody@evil.example\r\n\r\n<b>{MARK}",
    f"\t=1+1 {MARK}\N{LINE SEPARATOR}x",
    f"javascript:window.{MARK}=1",
    f"x{MARK}" + "W" * 190,
]
CONTROLS = ["\x1b[2J\x1b]0;owned\x07", "\x08\x08\x08", "\x7f", "\x9b31m", "\x01"]


def fitting(text: str, longest: int) -> str:
    return text[:longest].strip()


def hostile_rows() -> dict[str, list[dict[str, str]]]:
    """A customer for each text, and one for each control character, which belong into the quarantine."""
    rows: dict[str, list[dict[str, str]]] = {
        name: [] for name in ("customers", "onboarding", "engagement", "feedback", "events")
    }
    for number, text in enumerate([*TEXTS, *CONTROLS]):
        customer, name = f"h{number}", {"customer_id": f"h{number}"}
        rows["customers"].append(
            csv_row(
                "customers",
                id=customer,
                email=f'"<img/src={MARK}/onerror=1>{number}"@evil.example',
                organization=fitting(text, 200),
                github_username=fitting(text, 39),
                cohort=fitting(text, 100),
                industry=fitting(text, 100),
            )
        )
        blocker = {"blocker_type": fitting(text, 100), "notes": text}
        rows["onboarding"].append(csv_row("onboarding", id=f"o{number}", **name, **blocker))
        rows["engagement"].append(csv_row("engagement", id=f"e{number}", **name))
        rows["feedback"].append(csv_row("feedback", id=f"f{number}", **name, nps="1", comment=text))
        rows["events"].append(csv_row("events", id=f"v{number}", **name, detail=text))
    # What is wrong in a cell is repeated by the reason against it.
    rows["customers"].append(
        csv_row("customers", id="h99", team_size=TEXTS[0], signup_date=CONTROLS[0], status=TEXTS[8])
    )
    return rows


def no_controls(text: str) -> bool:
    """Whether a terminal shows this as it stands: lines of printable text, read in their order."""
    return not any(unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} and char != "\n" for char in text)


@pytest.fixture
def output(tmp_path: Path, caplog: pytest.LogCaptureFixture, settings: Settings) -> Iterator[list[str]]:
    """The hostile program, imported and scored; what commands said about it, and at the end the log."""
    settings.SITE_URL = "https://cs.example.com"
    caplog.set_level(logging.INFO)
    folder = write_feeds(tmp_path, **hostile_rows())
    said = [run("import_csvs", "--dir", folder, "--force"), run("import_csvs", "--dir", folder, "--force", "--json")]
    score_day(D)
    yield [text for done in said for text in (done.out, done.err)]
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    for record in caplog.records:
        if not record.exc_info:
            assert no_controls(formatter.format(record)), record


@pytest.fixture
def everything(output: list[str]) -> User:
    """Rows of every kind about it, and a superuser whose own name is hostile."""
    user = make_staff(is_superuser=True, first_name=TEXTS[1][:150], last_name=TEXTS[8][:150], email="a@example.com")
    for number, text in enumerate(TEXTS):
        customer = Customer.objects.get(pk=f"h{number}")
        CustomerCare.objects.create(customer=customer, owner=user, notes=text)
        make_alert(customer, text=text[:200])
        Note.objects.create(customer=customer, author=text[:100], text=text)
        make_message(customer, subject=re.sub(r"\s", " ", text)[:100], body=text)
        Task.objects.create(customer=customer, what=text[:100], due=D, owner=user)
        Contact.objects.create(customer=customer, name=text[:100], email=f"{number}@x.example", role=text[:100])
        Deferral.objects.create(customer=customer, reason="other", text=text[:500], created_by=text[:150])
        report = Report.objects.create(name=text[:100], owner=user, shared=True, query=f"q={MARK}")
        board = Board.objects.create(name=text[:100], owner=user, shared=True)
        BoardTile.objects.create(board=board, report=report, kind=BoardTile.Kind.values[number % 4])
    Upload.objects.create(
        feed="customers", file=f"{TEXTS[1]}.csv", folder="0" * 32, stored_name="customers.csv", size=1
    )
    ImportRun.objects.filter(pk=ImportRun.objects.latest("pk").pk).update(file=TEXTS[8], reason=TEXTS[0])
    last = ImportRun.objects.latest("pk")
    Customer.objects.filter(pk="h1").update(missing_since=last)
    KeyChange.objects.create(customer_id="h0", former_id="h1", run=last, same_address=True)
    return user


def test_the_hostile_program_is_taken_where_it_is_text_and_quarantined_where_it_is_not(output: list[str]) -> None:
    assert Customer.objects.count() == len(TEXTS)
    assert QuarantinedRow.objects.filter(feed="customers").values("line").distinct().count() == len(CONTROLS) + 1
    assert {row.organization for row in Customer.objects.all()} == {fitting(text, 200) for text in TEXTS}


# --- Terminals --------------------------------------------------------------------------------------------------


def test_commands_print_nothing_that_steers_a_terminal(output: list[str], tmp_path: Path) -> None:
    said = [*output]
    for command in (
        ["score", "--as-of", "2025-05-10"],
        ["export_metrics", "--out", tmp_path],
        ["send_alerts"],
        ["undo_import", "999"],
    ):
        done = run(*command)
        said += [done.out, done.err]
    assert any("U+001B" in text for text in said)
    for text in said:
        assert no_controls(text), text


# --- Pages ------------------------------------------------------------------------------------------------------

EVALUATED = re.compile(r"x-|@|:|hx-(on|vals|vars|headers|trigger)")
LEADING = {"href", "src", "action", "formaction", "hx-get", "hx-post", "data", "poster"}


class Page(HTMLParser):
    """Reads a page as a browser does, and notes what would run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.json: list[str] = []
        self._script: dict[str, str | None] | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            self._script = given
        if tag in {"svg", "img"} and any(value and MARK in value for value in given.values()):
            self.wrong.append(f"<{tag} {given}>")
        for name, value in attrs:
            if name.startswith("on") or (value and EVALUATED.match(name) and MARK in value):
                self.wrong.append(f"{tag} {name}={value}")
            if name in LEADING and value and not re.match(r"(/|\.\./|\?|#|mailto:|https?://[a-z.]+(/|$))", value):
                self.wrong.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        if self._script is None:
            if f"49{MARK}" in data:
                self.wrong.append(data)
        elif self._script.get("type") == "application/json":
            self.json.append(data)
        elif data.strip():
            self.wrong.append(f"<script>{data[:80]}")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None


@pytest.mark.sqlite_is_enough
def test_no_page_lets_a_text_out(client: Client, everything: User) -> None:
    client.force_login(everything)
    wrong, shown, seen = {}, 0, 0
    pages = [page for number in range(len(TEXTS)) for page in (f"/admin/customer/h{number}/", f"/admin/?q=h{number}")]
    walked = [address for address in addresses("h0") if "logout" not in address]
    pages += [f"/admin/my-day/?owner=&tab={tab}" for tab in ("todo", "waiting", "done")]
    for address in [*walked, *pages, f"/admin/?q=<script>{MARK}&cohort={TEXTS[1]}", f"/admin/alerts/?q={TEXTS[8]}"]:
        response = client.get(address)
        if leads_to_view(response, address):
            response = client.get(response.url)
        assert response.status_code < 500, address
        body = content(response)
        for name, value in response.headers.items():
            assert no_controls(value), (address, name)
        if response.status_code == 200 and response.headers["Content-Type"].startswith("text/html"):
            text = body.decode()
            page = Page(text)
            for block in page.json:
                json.loads(block)
            seen += 1
            shown += MARK in text
            if page.wrong:
                wrong[address] = page.wrong[:3]
    assert wrong == {}
    assert seen > 100
    assert shown > 40


# --- Files ------------------------------------------------------------------------------------------------------


def formulas(workbook: bytes) -> list[str]:
    sheets = load_workbook(io.BytesIO(workbook)).worksheets
    return [cell.value for sheet in sheets for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]


def content(response: HttpResponse) -> bytes:
    """All of it, at whose end a file closes itself."""
    return response.getvalue()


def test_no_cell_of_a_spreadsheet_is_a_formula_and_the_way_back_is_kept(client: Client, everything: User) -> None:
    client.force_login(everything)
    names = {fitting(text, 200) for text in TEXTS}
    [archive] = [content(client.get("/admin/export/"))]
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        for name in files.namelist():
            if name.endswith(".csv"):
                rows = list(csv.reader(io.StringIO(files.read(name).decode("utf-8-sig"), newline="")))
                assert_no_formula(rows)
                if name == "customers.csv":
                    place = rows[0].index("organization")
                    assert {plain_cell(row[place]) for row in rows[1:]} == names
    table = content(client.get("/admin/export/customers/csv/"))
    with zipfile.ZipFile(io.BytesIO(table)) as files:
        for name in files.namelist():
            if name.endswith(".csv"):
                assert_no_formula(csv.reader(io.StringIO(files.read(name).decode("utf-8-sig"), newline="")))
    assert formulas(content(client.get("/admin/export/customers/xlsx/"))) == []
    for model in ("customer", "onboarding", "feedback", "event"):
        for number, is_book in ((0, False), (1, True)):
            sent = client.post(f"/admin/customers/{model}/export/", {"format": str(number), "resource": "0"})
            assert sent.status_code == 200
            data = content(sent)
            if data[:2] == b"PK":
                assert formulas(data) == [], model
            elif not is_book:
                assert_no_formula(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def assert_no_formula(rows: Any) -> None:
    for row in rows:
        for cell in row:
            assert not re.match(r"[=+@\t\r]|-(?![0-9.]+$)", cell), cell


def test_file_names_are_of_plain_characters(client: Client, everything: User) -> None:
    client.force_login(everything)
    for report in Report.objects.all():
        response = client.get(f"/admin/reports/{report.pk}/export/csv/")
        assert response.status_code == 200
        said = response.headers["Content-Disposition"]
        content(response)
        assert said.startswith("attachment; ")
        assert no_controls(said)
        name = re.fullmatch(r'attachment; filename(?:="([^"]*)"|\*=utf-8\'\'([A-Za-z0-9%._~-]*))', said)
        assert name, said
        assert not set(name[1] or "") & set("/\\<>|:*?")


# --- Mails ------------------------------------------------------------------------------------------------------


def test_mails_have_one_line_subjects_their_own_recipients_and_escaped_bodies(
    everything: User, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    everything.groups.clear()
    Report.objects.update(schedule="daily", format="csv")
    Board.objects.update(schedule="daily")
    for board in Board.objects.all():
        board.recipients.add(everything)
    for report in Report.objects.all():
        report.recipients.add(everything)
    run("send_alerts")
    run("send_reports")
    assert mail.outbox
    for sent in mail.outbox:
        message = sent.message()
        assert message["Bcc"] is None
        assert sent.recipients() == [everything.email]
        assert "\n" not in sent.subject
        assert "\r" not in sent.subject
        for name, value in message.items():
            assert "\nBcc" not in value, name
        for body, kind in getattr(sent, "alternatives", []):
            if kind == "text/html":
                assert Page(body).wrong == []


# --- Uploads ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("customers.csv", b"\x89PNG\r\n\x1a\n" + b"\0" * 40),
        ("customers.csv", b"MZ\x90\0" + b"\0" * 60),
        ("customers.csv", b"<html><script>alert(1)</script></html>"),
        ("customers.csv", b"PK\x03\x04" + b"\0" * 40),
        ("customers.csv.gz", b"\x1f\x8b\x08" + b"\0" * 40),
        ("customers.workbooks.writer", b"id,email\n"),
        ("customers.workbooks.writer", b"PK\x03\x04" + b"\0" * 40),
        ("customers.exe", b"id,email\n"),
        ("../../etc/customers.csv", b"%PDF-1.4\n"),
    ],
)
def test_uploads_are_judged_by_what_is_in_them(
    client: Client, settings: Settings, tmp_path: Path, name: str, data: bytes
) -> None:
    settings.UPLOAD_DIR = tmp_path / "uploads"
    client.force_login(make_staff("Program manager"))
    sent = {"feed": "customers", "file": SimpleUploadedFile(name, data)}
    response = client.post("/admin/customers/importrun/upload/", sent, follow=True)
    assert response.status_code < 500
    for upload in Upload.objects.all():
        client.post(f"/admin/customers/importrun/upload/{upload.pk}/preview/")
        assert client.post(f"/admin/customers/importrun/upload/{upload.pk}/confirm/").status_code < 500
    assert not Customer.objects.exists()
    assert [path for path in tmp_path.rglob("*") if path.name in {"etc"}] == []
