"""What we write for people opens right in a spreadsheet: its letters, long texts, and characters that XML has not."""

import csv
import io
import zipfile
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from tests.factories import make_customer, make_day, make_onboarding, make_run, make_snapshot, make_staff
from tests.support.uploading import fixed_day, own_folders

__all__ = ["fixed_day", "own_folders"]

pytestmark = pytest.mark.django_db

BOM = b"\xef\xbb\xbf"
NAME = "Größe ＝1 \U0001f980"  # noqa: RUF001
FORMATS = {"csv": "0", "xlsx": "1", "tsv": "2"}


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root", "root@example.com", "x"))
    return client


def member(content: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name)


def exported(client: Client, model: str, file_format: str, query: str = "") -> Any:
    return client.post(f"/admin/customers/{model}/export/{query}", {"format": FORMATS[file_format], "resource": "0"})


def bad_row() -> None:
    make_run(feed="customers").quarantined_rows.create(
        feed="customers", line=2, raw=f"c9,nowhere,{NAME}", cells=["c9", "nowhere", NAME, *[""] * 6], reasons=["x: y"]
    )


FILES: dict[str, Callable[[Client], bytes]] = {
    "quarantine": lambda client: client.get("/admin/customers/quarantinedrow/download/customers/").content,
    "table": lambda client: member(client.get("/admin/export/customers/csv/").getvalue(), "customer_table.csv"),
    "audit": lambda client: member(client.get("/admin/customers/auditentry/export/").getvalue(), "audit.csv"),
    "feed": lambda client: exported(client, "customer", "csv").content,
    "feed, by tabs": lambda client: exported(client, "customer", "tsv").content,
}


@pytest.mark.parametrize("which", FILES)
def test_excel_on_windows_sees_that_a_csv_for_people_is_utf_8(which: str, admin: Client) -> None:
    customer = make_customer(id="c1", organization=NAME)
    make_snapshot(customer)
    make_day()
    bad_row()
    content = FILES[which](admin)
    assert content.startswith(BOM)
    assert content.count(BOM) == 1
    if which != "audit":
        assert NAME.encode() in content


def test_what_programs_read_by_contract_has_no_byte_order_mark(admin: Client) -> None:
    make_snapshot(make_customer(id="c1", organization=NAME))
    make_day()
    archive = admin.get("/admin/export/").getvalue()
    assert member(archive, "combined_metrics.csv").startswith(b"customer_id,organization")
    assert member(archive, "customers.csv").startswith(b"id,email")


# --- The admin's workbooks --------------------------------------------------------------------------------------


def cells(content: bytes) -> list[str]:
    """Each text of a workbook's sheet as its XML has it; raises where a part is not well-formed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            fromstring(archive.read(name))  # noqa: S314 - our own
        sheet = fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314
    return [node.text or "" for node in sheet.iter("{http://schemas.openxmlformats.org/spreadsheetml/2006/main}t")]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("A\uffffB", "A_xFFFF_B"),
        ("A\ufffeB", "A_xFFFE_B"),
        ("_x0041_", "_x005F_x0041_"),
        ("_x41_", "_x41_"),
        ("one\r\ntwo\rthree\n", "one\r\ntwo\rthree\n"),
        (" spaced ", " spaced "),
        ("=1+1", "'=1+1"),
        ("x" * 32_766, "x" * 32_766),
        ("\U0001f980" * 16_383, "\U0001f980" * 16_383),
    ],
)
def test_an_exported_workbook_says_what_is_stored(text: str, written: str, admin: Client) -> None:
    make_onboarding(make_customer(id="c1"), notes=text)
    assert written in cells(exported(admin, "onboarding", "xlsx").content)


@pytest.mark.parametrize("text", ["W" * 40_000, "\U0001f980" * 16_384])
def test_what_a_cell_cannot_hold_is_refused_by_its_place(text: str, admin: Client) -> None:
    make_onboarding(make_customer(id="c1"), notes=text)
    response = exported(admin, "onboarding", "xlsx")
    assert "Content-Disposition" not in response
    size = len(text.encode("utf-16-le")) // 2
    assert [str(one) for one in response.context["messages"]] == [
        f"A text of {size:,} characters does not fit into a cell of Excel, which takes 32,767 (cell K2). "
        "Nothing was exported: export fewer rows, or CSV."
    ]
    content = exported(admin, "onboarding", "csv").content
    assert text in [row[-1] for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))]


# --- Addresses of exports ---------------------------------------------------------------------------------------

NONSENSE = ["?anything=1", "?id__in=" + "9" * 30, "?run=" + "9" * 30, "?id=%00", "?address=searched-for-jane-doe"]
NONSENSE += ["?at__gte=searched-for-jane-doe", "?e=1", "?o=9.9", "?p=x", "?q=%00", "?_to_field=x", "?id__foo=1"]


@pytest.mark.parametrize("query", NONSENSE)
@pytest.mark.parametrize("model", ["customer", "onboarding", "engagement", "feedback", "event", "auditentry"])
def test_no_parameter_fails_an_export_or_stands_in_the_log(
    model: str, query: str, admin: Client, caplog: pytest.LogCaptureFixture
) -> None:
    admin.raise_request_exception = False
    page = f"/admin/customers/{model}/export/{query}"
    response = admin.get(page)
    assert response.status_code in {200, 400}
    # At its end a file closes itself.
    response.getvalue()
    if model != "auditentry":
        assert exported(admin, model, "csv", query).status_code in {200, 400}
    assert not connection.needs_rollback
    assert "jane-doe" not in caplog.text


def test_no_parameter_fails_the_quarantines_download(client: Client) -> None:
    client.force_login(make_staff("Program manager"))
    client.raise_request_exception = False
    for query in NONSENSE:
        response = client.get(f"/admin/customers/quarantinedrow/download/customers/{query}")
        assert response.status_code in {200, 400}, query
