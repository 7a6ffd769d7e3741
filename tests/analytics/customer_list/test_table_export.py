"""The list of customers as a file: the same customers in the same order, and what it says of itself."""

import io
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from analytics.customer_list.columns import COLUMNS, TABLE_COLUMNS
from analytics.models import HealthStatus, Stage
from customers.models import CustomerCare
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import links, names, words
from tests.support.selection import examples_of_a_push
from tests.support.table_export import HEADER, D, content, download, read_csv, read_xlsx

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("manager")]

ACME = [
    *("c1", "Acme Inc.", "At risk", 45, "Declining", 80, "Initial adoption", date(2025, 5, 7), "VIP", "Zoe Quist"),
    *("SaaS", date(2025, 5, 3), 15, "john@acme.example", "GitHub permissions", 4, 1200, 8, 5, 63, 2, D, -10, None),
    *(date(2025, 5, 9), "Worse, was Healthy", None, 72, None, 9, "v1", None),
]
NEW = [
    *("c2", "Tide & Timber", "Healthy", 75, "Stable", 0, "Onboarding", None, None, None),
    *(None, date(2025, 5, 1), None, "ann@tide.example", None, 0, 0, 0, 0, None, 0, D, *[None] * 8, "v1", None),
]


# --- What is in the files ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("two")
def test_the_csv(manager: Client) -> None:
    response = download(manager, "csv")
    assert response["Content-Disposition"] == 'attachment; filename="customers_2025-05-10.zip"'
    rows, manifest = read_csv(response)
    assert rows == [
        HEADER,
        ["" if value is None else str(value) for value in ACME],
        ["" if value is None else str(value) for value in NEW],
    ]
    moment = datetime.fromisoformat(manifest.pop("exported_at"))
    assert abs(moment - datetime.now(tz=moment.tzinfo)) < timedelta(minutes=1)
    del manifest["files"]
    assert manifest == {
        "generator": "rsolv-customer-success",
        "as_of": "2025-05-10",
        "policy": "v1",
        "segment_policies": [],
        "customers": 2,
        "of_customers": 2,
        "sorted_by": "Status, ascending",
        "column_choice": "All",
        "exported_by": "zoe",
        "filters": [],
        "columns": HEADER,
        "score_changes_since": {"7 days": "2025-05-03", "30 days": None},
    }


@pytest.mark.usefixtures("two")
def test_the_workbook(manager: Client) -> None:
    response = download(manager, "xlsx")
    assert response["Content-Disposition"] == 'attachment; filename="customers_2025-05-10.xlsx"'
    body = content(response)
    book = load_workbook(io.BytesIO(body))
    sheet = book["Customers"]
    assert [[cell.value for cell in sheet[1]]] == [HEADER]
    kinds = [cell.data_type for cell in sheet[2]]
    assert "".join(kinds) == "sssnsnsdsssdnssnnnnnndnndsnnnnsn"
    assert {cell.number_format for cell in sheet[2] if cell.data_type == "d"} == {"yyyy-mm-dd"}
    assert (sheet.freeze_panes, sheet.auto_filter.ref, sheet.max_row) == ("C2", "A1:AF3", 3)
    about = dict(book["About"].iter_rows(values_only=True))
    moment = datetime.fromisoformat(about.pop("Exported at"))
    assert abs(moment - datetime.now(tz=moment.tzinfo)) < timedelta(minutes=1)
    assert about == {
        "As of": datetime(2025, 5, 10),
        "Customers": 2,
        "Of": "2 customers of that date",
        "Filters": "None",
        "Sorted by": "Status, ascending",
        "Columns": "All",
        "Score change, 7 days": "2025-05-03",
        "Score change, 30 days": "–",
        "Scoring policy": "v1",
        "Exported by": "zoe",
        "Made by": "rsolv-customer-success",
    }
    streamed = load_workbook(io.BytesIO(body), read_only=True)["Customers"]
    for rows in (sheet.iter_rows(values_only=True), streamed.iter_rows(values_only=True)):
        found = [[value.date() if isinstance(value, datetime) else value for value in row] for row in rows]
        assert [[*row, *[None] * (len(HEADER) - len(row))] for row in found[1:]] == [ACME, NEW]


@pytest.mark.usefixtures("two")
def test_filters_order_and_columns_are_those_of_the_page(manager: Client) -> None:
    asked: dict[str, object] = {"owner": "me", "score_min": 40, "sort": "-score", "columns": "owner,score"}
    rows, manifest = read_csv(download(manager, "csv", **asked))
    assert rows == [
        ["Customer id", "Name", "Score", "Owner", "As of"],
        ["c1", "Acme Inc.", "45", "Zoe Quist", "2025-05-10"],
    ]
    assert manifest["filters"] == [
        {"filter": "Owner", "value": "Me (Zoe Quist)"},
        {"filter": "Score from", "value": "40"},
    ]
    assert (manifest["sorted_by"], manifest["column_choice"]) == ("Score, descending", "Those chosen")
    assert (manifest["customers"], manifest["of_customers"]) == (1, 2)
    in_excel, about = read_xlsx(download(manager, "xlsx", **asked))
    assert in_excel == [rows[0], ["c1", "Acme Inc.", 45, "Zoe Quist", D]]
    assert (about["Filter: Owner"], about["Filter: Score from"]) == ("Me (Zoe Quist)", "40")


def test_the_date_of_the_page_is_the_date_of_the_file(manager: Client) -> None:
    customer = make_customer(id="c1")
    for day, score in ((date(2025, 5, 9), 10), (D, 20)):
        make_day(date=day, total=1)
        make_snapshot(customer, date=day, score=score)
    response = download(manager, "csv", as_of="2025-05-09", columns="score")
    assert response["Content-Disposition"] == 'attachment; filename="customers_2025-05-09.zip"'
    rows, manifest = read_csv(response)
    assert [row[2:] for row in rows[1:]] == [["10", "2025-05-09"]]
    assert manifest["as_of"] == "2025-05-09"


def test_every_column_of_the_table_can_be_exported() -> None:
    later = ["change_7", "change_30", "missing", "status_change_7", "status_change_30"]
    later += ["forecast_quiet", "forecast_first_pr", "days_to_value", "scoring_policy", "provisional_to"]
    names_of_table = [name for name in TABLE_COLUMNS if name not in later]
    assert [one.name for one in COLUMNS] == ["customer_id", *names_of_table, "date", *later]


HOSTILE = {
    "=1+1": "'=1+1",
    "=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0",
    "+44 20": "'+44 20",
    "-cmd": "'-cmd",
    "@SUM(A1)": "'@SUM(A1)",
    "#N/A": "#N/A",
    "-12.5": "-12.5",
    "007": "007",
    "TRUE": "TRUE",
    " two  blanks ": " two  blanks ",
    "<v>&amp;</v>": "<v>&amp;</v>",
    "]]>": "]]>",
    "line\nbreak\rand\ttab": "line\nbreak\rand\ttab",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe": "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "🚀 Söhne 株式会社": "🚀 Söhne 株式会社",
    "W" * 200: "W" * 200,
}
"""Texts, and the cells that they become."""


def test_hostile_text_is_text(manager: Client) -> None:
    make_day(total=len(HOSTILE))
    for number, text in enumerate(HOSTILE):
        customer = make_customer(id=f"c{number:02}", organization=text, cohort=text[:100], email=text)
        make_snapshot(customer, blocker_type=text[:100])
        owner = make_staff(username=f"user{number}", first_name=text[:100].replace("\r", ""))
        CustomerCare.objects.create(customer=customer, owner=owner)
    wanted: dict[str, object] = {"columns": "cohort,email,blocker_type,owner"}
    in_csv, _manifest = read_csv(download(manager, "csv", **wanted))
    assert [row[1] for row in in_csv[1:]] == list(HOSTILE.values())
    book = load_workbook(io.BytesIO(content(download(manager, "xlsx", **wanted))))
    texts = [row[1:6] for row in book["Customers"].iter_rows(min_row=2)]
    assert {cell.data_type for row in texts for cell in row} == {"s"}
    assert [row[0].value for row in texts] == list(HOSTILE.values())
    assert [row[4].value for row in texts] == [row[5] for row in in_csv[1:]]


def test_a_hostile_filter_is_text_in_the_manifest(manager: Client) -> None:
    make_day(total=1)
    make_snapshot(make_customer(cohort="=1+1"))
    body = content(download(manager, "xlsx", cohort="=1+1", q="=x"))
    about = load_workbook(io.BytesIO(body))["About"]
    found = {label.value: value for label, value in about.iter_rows()}
    assert (found["Filter: Cohort"].value, found["Filter: Cohort"].data_type) == ("'=1+1", "s")
    assert (found["Filter: Search"].value, found["Filter: Search"].data_type) == ("'=x", "s")


# --- The export is the list -------------------------------------------------------------------------------------


@pytest.fixture
def forty(zoe: User) -> None:
    """Forty customers who differ in everything by different turns."""
    make_day(total=40)
    for number in range(40):
        customer = make_customer(
            id=f"n{number:02}",
            organization=f"Name {number * 7 % 40:02}",
            cohort=["", "VIP", "Beta"][number % 3],
            industry=["", "Games"][number % 2],
        )
        make_snapshot(
            customer,
            status=HealthStatus.values[number % 5],
            stage=Stage.values[number % 4],
            score=number * 13 % 101,
            onboarded=number % 6 == 0,
            blocker_type="sso" if number % 7 == 0 else "",
            account_created=number % 2 == 0,
            last_active=None if number % 8 == 0 else D - timedelta(days=number),
        )
        if number % 4:
            CustomerCare.objects.create(customer=customer, owner=zoe if number % 4 == 1 else None)


def some(*values: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True)


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "q": st.sampled_from(["1", "name 2", "n0", "zz", ""]),
        "status": some(*HealthStatus.values),
        "stage": some(*Stage.values),
        "cohort": some(" ", "VIP", "Beta"),
        "industry": some(" ", "Games"),
        "owner": some("me", "nobody"),
        "lacks": some("account_created", "first_pr_generated"),
        "only": some("active", "onboarded", "blocked"),
        "last_active": st.sampled_from(["within_7", "over_14", "never"]),
        "score_min": st.integers(0, 50).map(str),
        "score_max": st.integers(50, 100).map(str),
        "sort": st.sampled_from([f"{sign}{name}" for name in TABLE_COLUMNS for sign in ("", "-")]),
    },
)


@settings(
    max_examples=examples_of_a_push(30),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(asked=FILTERS)
def test_what_is_exported_is_what_is_listed(manager: Client, forty: None, asked: dict[str, Any]) -> None:
    query = urlencode({"owner": "", **asked, "per_page": 100}, doseq=True)
    listed = names(manager.get(f"/admin/?{query}", follow=True))
    in_csv, _manifest = read_csv(download(manager, "csv", **asked))
    in_excel, _about = read_xlsx(download(manager, "xlsx", **asked))
    assert [row[1] for row in in_csv[1:]] == [row[1] for row in in_excel[1:]] == listed


def test_all_pages_are_in_the_file_whatever_page_is_shown(manager: Client, forty: None) -> None:
    rows, _manifest = read_csv(download(manager, "csv", page=2, per_page=25))
    assert len(rows) == 41


def test_the_page_leads_to_its_own_export(manager: Client, forty: None) -> None:
    response = manager.get("/admin/?cohort=VIP&columns=score&page=1&sort=score")
    assert links(response, "CSV") == ["/admin/export/customers/csv/?cohort=VIP&columns=score&sort=score"]
    assert "Export these 13 customers:" in words(response.text)
    assert "Export these 40 customers, all columns:" in words(manager.get("/admin/?owner=").text)
    assert links(manager.get("/admin/?q=zz"), "CSV") == []


def test_the_queries_do_not_grow(manager: Client, forty: None) -> None:
    manager.get("/admin/?owner=")
    counts = []
    for query in ("q=name 07", "q=name"):
        for kind in ("csv", "xlsx"):
            with CaptureQueriesContext(connection) as captured:
                content(manager.get(f"/admin/export/customers/{kind}/?{query}"))
            counts.append(len(captured))
    # Session, user, twice permissions; the badges, who is called alike, the count and the rows; the audit's entry.
    # The scored date, those to compare with and the filters' choices are known from the page.
    assert counts == [9, 9, 9, 9]
