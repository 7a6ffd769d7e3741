"""The admin's exports: a feed's columns with all rows, as stored, safe in spreadsheets."""

import csv
import io
from datetime import date
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from customers.models import Customer, Engagement, Event, Feedback, Onboarding
from tests.factories import make_customer, make_engagement
from tests.support import ROOT
from tests.support.admin import FEEDS, export, of_models

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program")]

COLUMNS: dict[type[Model], list[str]] = {
    Customer: [
        "id",
        "email",
        "organization",
        "github_username",
        "signup_date",
        "cohort",
        "industry",
        "team_size",
        "status",
    ],
    Onboarding: [
        "id",
        "customer_id",
        "welcome_email_sent",
        "account_created",
        "github_action_installed",
        "first_issue_tagged",
        "first_pr_generated",
        "completed_date",
        "days_to_complete",
        "blocker_type",
        "notes",
    ],
    Engagement: [
        "id",
        "customer_id",
        "date",
        "issues_tagged",
        "prs_generated",
        "prs_merged",
        "prs_rejected",
        "support_requests",
    ],
    Feedback: ["id", "customer_id", "date", "nps", "csat", "comment"],
    Event: ["id", "customer_id", "date", "kind", "detail"],
}


def as_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def as_xlsx(content: bytes) -> list[list[Any]]:
    sheet = load_workbook(io.BytesIO(content)).active
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    return [list(row) for row in sheet.iter_rows(values_only=True)]


@of_models(FEEDS)
def test_an_export_has_the_feeds_columns_and_all_its_rows(superuser: Client, model: type[Model]) -> None:
    fixture = ROOT / "fixtures" / f"{apps.get_model(model._meta.label)._meta.model_name}.csv"
    fixture = {Customer: fixture.with_name("customers.csv"), Event: fixture.with_name("events.csv")}.get(
        model, fixture
    )
    with fixture.open(encoding="utf-8", newline="") as file:
        expected = {row["id"] for row in csv.DictReader(file)}
    header, *rows = as_csv(export(superuser, model, "csv"))
    assert header == COLUMNS[model]
    assert {row[0] for row in rows} == expected
    header, *rows = as_xlsx(export(superuser, model, "xlsx"))
    assert header == COLUMNS[model]
    assert {row[0] for row in rows} == expected


def test_an_export_says_what_is_stored(superuser: Client) -> None:
    rows = {row[0]: row for row in as_csv(export(superuser, Customer, "csv"))}
    assert rows["c1001"] == [
        "c1001",
        "john@acme.com",
        "Acme Inc.",
        "acme-dev",
        "2025-05-03",
        "VIP",
        "SaaS",
        "15",
        "active",
    ]
    rows = {row[0]: row for row in as_csv(export(superuser, Onboarding, "csv"))}
    assert rows["o1003"][1:9] == ["c1003", "true", "true", "true", "true", "true", "2025-03-13", "3"]
    assert rows["o1012"][1:] == [
        "c1012",
        *["false"] * 5,
        "",
        "",
        "",
        "Signed up by phone on Friday afternoon; welcome call planned for Monday.",
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(superuser: Client, start: str) -> None:
    hostile = f"{start}cmd|' /C calc'!A0"
    make_customer(id="evil", organization=hostile, industry=hostile)
    for content in (as_csv(export(superuser, Customer, "csv")), as_xlsx(export(superuser, Customer, "xlsx"))):
        [row] = [row for row in content if row[0] == "evil"]
        assert str(row[2]).startswith("'")
        assert str(row[2]).replace("_x000D_", "\r").replace("\n", "\r") == f"'{hostile}".replace("\n", "\r")


def test_an_export_holds_what_is_filtered(superuser: Client) -> None:
    _header, *rows = as_csv(export(superuser, Customer, "csv", query="status__exact=paused"))
    assert [row[0] for row in rows] == ["c1011"]


def test_an_export_costs_the_same_however_many_rows_it_has(superuser: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            export(superuser, Engagement, "csv")
        return len(captured)

    few = count()
    for number in range(50):
        make_engagement(Customer.objects.get(pk="c1001"), date(2025, 4, 1), id=f"more{number}")
    assert count() == few
