"""The export of the list, and what is read of it."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.test import Client
from openpyxl import load_workbook

D = date(2025, 5, 10)
HEADER_LINE = (
    "Customer id,Name,Status,Score,Activity trend,Progress %,Stage,Last active,Cohort,Owner,Industry,Signed up,Team,"
    "E-mail,Blocker,Days active,Issues tagged,PRs generated,PRs merged,Success rate %,Support requests,As of,"
    "Score change; 7 days,Score change; 30 days,Missing from the feed since,"
    "Status change; 7 days,Status change; 30 days,forecast_quiet,forecast_first_pr,Time to value in days,"
    "scoring_policy,provisional_to"
)
HEADER = [name.replace(";", ",") for name in HEADER_LINE.split(",")]


def download(client: Client, kind: str, **parameters: object) -> HttpResponse:
    """Export the list by its address."""
    asked = {"owner": "", **parameters}  # of everybody, not of the visitor's own customers alone
    return client.get(f"/admin/export/customers/{kind}/?{urlencode(asked, doseq=True)}")


def content(response: HttpResponse) -> bytes:
    """The bytes of a download."""
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def read_csv(response: HttpResponse) -> tuple[list[list[str]], dict[str, Any]]:
    """The CSV's rows with the header, and the manifest, which must vouch for them."""
    with zipfile.ZipFile(io.BytesIO(content(response))) as archive:
        assert archive.namelist() == ["customer_table.csv", "manifest.json"]
        table, manifest = archive.read("customer_table.csv"), json.loads(archive.read("manifest.json"))
    rows = list(csv.reader(io.StringIO(table.decode("utf-8-sig"), newline="")))
    file = manifest["files"]["customer_table.csv"]
    assert file == {"rows": len(rows) - 1, "sha256": hashlib.sha256(table).hexdigest()}
    assert manifest["customers"] == len(rows) - 1
    return rows, manifest


def read_xlsx(response: HttpResponse) -> tuple[list[list[Any]], dict[str, Any]]:
    """The first sheet's rows with the header, and the second sheet, which must count them."""
    book = load_workbook(io.BytesIO(content(response)))
    assert book.sheetnames == ["Customers", "About"]
    assert book.active.title == "Customers"
    rows = [
        [value.date() if isinstance(value, datetime) else value for value in row]
        for row in book["Customers"].iter_rows(values_only=True)
    ]
    about = dict(book["About"].iter_rows(values_only=True))
    assert about["Customers"] == len(rows) - 1
    return rows, about
