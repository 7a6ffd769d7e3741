"""The preview as a file: everybody, and nothing that a spreadsheet would run."""

import csv
import hashlib
import io
import json
import zipfile

import pytest
from django.test import Client
from openpyxl import load_workbook

from analytics.models import RecommendationRule
from analytics.scoring.snapshot_rows import stored_digest
from analytics.scoring.snapshots import score_day
from customers.models import AuditEntry, Customer
from tests.factories import make_alert
from tests.support.pages import said
from tests.support.policies import make_draft
from tests.support.policy_lab import MORE_ACTIVITY, D, plant, publish
from tests.support.table_export import content

pytestmark = pytest.mark.django_db

HEADER_LINE = (
    "customer_id,organization,status_before,status_after,score_before,score_after,score_change,"
    "activity_before,activity_after,pr_success_before,pr_success_after,adoption_before,adoption_after,"
    "support_before,support_after,nps_before,nps_after,"
    "alerts_opened,alerts_closed,actions_added,actions_dropped,scoring_policy_before,scoring_policy_after,"
    "alerts_worse"
)
ROWS = """\
bob,Bob,healthy,needs_attention,70,50,-20,0,0,25,5,20,20,15,15,10,10,,,Check in,,v1,Draft,
cyd,Cyd,needs_attention,at_risk,50,30,-20,0,0,25,5,10,10,15,15,,,Became at risk,,Call; Write,Check in,v1,Draft,
ann,Ann,at_risk,needs_attention,45,65,20,30,50,0,0,0,0,15,15,,,,,Check in,Call; Write,v1,Draft,
dan,Dan,at_risk,at_risk,25,35,10,10,20,0,0,0,0,15,15,,,,,,,v1,Draft,
eve,Eve,inactive,inactive,15,15,0,0,0,0,0,0,0,15,15,,,,,,,v1,Draft,"""


@pytest.fixture(autouse=True)
def few_rules() -> None:
    RecommendationRule.objects.all().delete()
    rules = [("Call", "at_risk"), ("Write", "at_risk"), ("Check in", "needs_attention")]
    for urgency, (text, condition) in enumerate(rules):
        RecommendationRule.objects.create(text=text, condition=condition, urgency=urgency)


def read_csv(client: Client, key: int) -> tuple[list[list[str]], dict[str, object]]:
    response = client.get(f"/admin/policy-lab/{key}/export/csv/")
    with zipfile.ZipFile(io.BytesIO(content(response))) as archive:
        assert archive.namelist() == ["policy_preview.csv", "manifest.json"]
        table, manifest = archive.read("policy_preview.csv"), json.loads(archive.read("manifest.json"))
    rows = list(csv.reader(io.StringIO(table.decode("utf-8-sig"), newline="")))
    file = {"rows": len(rows) - 1, "sha256": hashlib.sha256(table).hexdigest()}
    assert manifest["files"] == {"policy_preview.csv": file}
    return rows, manifest


def test_everybody_is_in_the_csv_the_worst_first(manager: Client) -> None:
    plant()
    draft = make_draft(**MORE_ACTIVITY)
    rows, manifest = read_csv(manager, draft.pk)
    assert rows[0] == HEADER_LINE.split(",") == manifest["columns"]
    assert [",".join(row) for row in rows[1:]] == ROWS.splitlines()
    assert (manifest["draft"], manifest["as_of"], manifest["customers"]) == ("Draft", "2025-05-10", "5")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.subject) == ("export", "preview of “Draft”")
    assert entry.text == "5 customers as of 10 May 2025"
    publish(draft, D)
    score_day(D)
    assert manifest["digest"] == stored_digest(D)


def test_whose_alert_would_grow_worse_is_in_the_last_column(manager: Client) -> None:
    plant()
    make_alert(Customer.objects.get(pk="dan"), opened_on=D, value=25)
    rows, _manifest = read_csv(manager, make_draft(activity_points_per_day=2).pk)
    assert {row[0]: row[-1] for row in rows[1:]} == {
        "dan": "Became at risk",  # From 25 points to 19.
        **dict.fromkeys(["ann", "bob", "cyd", "eve"], ""),
    }


def test_the_workbook_says_the_same(manager: Client) -> None:
    plant()
    draft = make_draft(**MORE_ACTIVITY)
    book = load_workbook(io.BytesIO(content(manager.get(f"/admin/policy-lab/{draft.pk}/export/xlsx/"))))
    assert book.sheetnames == ["Preview", "About"]
    rows = [["" if cell is None else str(cell) for cell in row] for row in book["Preview"].values]
    assert rows == [line.split(",") for line in [HEADER_LINE, *ROWS.splitlines()]]
    about = dict(book["About"].values)
    assert (about["Draft"], about["Customers"], about["Change status"]) == ("Draft", 5, 3)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_names_are_no_formulas(manager: Client, kind: str) -> None:
    plant()
    hostile = '=HYPERLINK("http://x")'
    Customer.objects.update(organization=hostile)
    RecommendationRule.objects.update(text=hostile)
    draft = make_draft(hostile, **MORE_ACTIVITY)
    if kind == "csv":
        rows, _manifest = read_csv(manager, draft.pk)
    else:
        book = load_workbook(io.BytesIO(content(manager.get(f"/admin/policy-lab/{draft.pk}/export/xlsx/"))))
        rows = [list(row) for row in book["Preview"].values]
        assert "f" not in {cell.data_type for row in book["Preview"].rows for cell in row}
    cells = {cell for row in rows[1:] for cell in row if isinstance(cell, str)}
    assert f"'{hostile}" in cells
    assert not [cell for cell in cells if cell.startswith("=")]


def test_what_cannot_be_exported_says_why(manager: Client) -> None:
    draft = make_draft()
    response = manager.get(f"/admin/policy-lab/{draft.pk}/export/csv/", follow=True)
    assert said(response) == ["There is no preview to export. Nothing was exported."]
    assert manager.get(f"/admin/policy-lab/{draft.pk}/export/pdf/").status_code == 404
    assert manager.get("/admin/policy-lab/999/export/csv/").status_code == 404
