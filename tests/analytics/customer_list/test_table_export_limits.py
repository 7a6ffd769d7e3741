"""The list of customers that is not exported, or not cut: refusals, what a workbook holds, and large lists."""

import io
import re

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from analytics.customer_list import export
from analytics.models import ExportFormat
from customers.models import Customer
from customers.text.cells import safe_cell
from customers.workbooks import writer
from customers.workbooks.writer import TooLarge, write_workbook
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import links, notices, words
from tests.support.selection import examples_of_a_push
from tests.support.table_export import HEADER, D, download, read_csv, read_xlsx

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("manager")]


@pytest.mark.usefixtures("two")
def test_who_may_not_export_neither_does_nor_is_offered_it(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    for kind in ("csv", "xlsx"):
        assert download(client, kind).status_code == 403
    assert links(client.get("/admin/"), "CSV") == []
    client.logout()
    assert download(client, "csv")["Location"].startswith("/admin/login/")


@pytest.mark.usefixtures("two")
def test_there_is_no_other_format(manager: Client) -> None:
    assert download(manager, "pdf").status_code == 404


@pytest.mark.usefixtures("two")
def test_nothing_is_exported_where_a_filter_is_not_understood(manager: Client) -> None:
    response = download(manager, "csv", status="great", sort="score", page=2)
    assert response["Location"] == "/admin/?status=great&sort=score#customers"
    page = manager.get(response["Location"])
    assert "Nothing was exported, because a filter was not understood." in words(page.text)
    assert "Status: Select a valid choice. great is not one of the available choices." in notices(page)


def test_nothing_is_exported_where_nothing_is_scored(manager: Client) -> None:
    response = download(manager, "xlsx")
    assert response["Location"] == "/admin/#customers"
    assert "Nothing is scored yet" in words(manager.get("/admin/").text)


@pytest.mark.usefixtures("two")
def test_an_export_of_nobody_is_an_empty_table(manager: Client) -> None:
    assert read_csv(download(manager, "csv", q="zz"))[0] == [HEADER]
    assert read_xlsx(download(manager, "xlsx", q="zz"))[0] == [HEADER]


@pytest.mark.usefixtures("two")
def test_more_rows_than_a_sheet_holds_are_refused_and_not_cut(
    manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_ROWS", 2)
    response = download(manager, "xlsx", sort="score")
    assert response["Location"] == "/admin/?owner=&sort=score#customers"
    assert "2 rows do not fit into a sheet of Excel, which has 2. Export fewer customers, or export CSV." in words(
        manager.get("/admin/?owner=").text
    )
    assert len(read_csv(download(manager, "csv"))[0]) == 3
    assert len(read_xlsx(download(manager, "xlsx", q="acme"))[0]) == 2


def test_a_text_longer_than_a_cell_holds_is_refused_and_not_cut() -> None:
    about = [("As of", D)]
    for longest, fits in ((32_766, True), (32_767, False)):
        file = io.BytesIO()
        rows = [["x", "W" * longest]]
        if fits:
            write_workbook(file, about, "Rows", ["a", "b"], rows, 1)
            assert load_workbook(file)["Rows"]["B2"].value == "W" * longest
        else:
            with pytest.raises(TooLarge, match=re.escape("A text of 32,767 characters does not fit into a cell")):
                write_workbook(file, about, "Rows", ["a", "b"], rows, 1)


def test_a_row_too_few_is_noticed() -> None:
    with pytest.raises(RuntimeError, match="1 rows were written, and 2 counted"):
        write_workbook(io.BytesIO(), [("As of", D)], "Rows", ["a"], [["x"]], 2)


TEXTS = st.text(max_size=50) | st.text(alphabet="'=+-@\t\r\n_x01ADF<&>\ufffe\x01 ", max_size=20)


@settings(max_examples=examples_of_a_push(60))
@given(texts=st.lists(TEXTS, min_size=1, max_size=8))
def test_any_text_comes_back_from_the_workbook(texts: list[str]) -> None:
    file = io.BytesIO()
    write_workbook(file, [("As of", D)], "Rows", ["text"], [[text] for text in texts], len(texts))
    sheet = load_workbook(file)["Rows"]
    for place, text in enumerate(texts, 2):
        cell = sheet.cell(place, 1)
        assert cell.data_type == ("s" if text else "n")
        # Excel reads _x005F_ as _, openpyxl leaves it to us.
        found = re.sub("_x([0-9A-F]{4})_", lambda code: chr(int(code[1], 16)), cell.value or "")
        assert found == safe_cell(text)


def test_a_large_list_comes_out_whole(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "FETCH_SIZE", 500)
    make_day(total=2500)
    first = make_snapshot(make_customer(id="first", organization="0"))
    row = {"run_id": 1, "line": 2, "email": "a@b.example", "signup_date": D}
    customers = [Customer(id=f"m{number:04}", organization=f"{number:04}", **row) for number in range(2499)]
    Customer.objects.bulk_create(customers)
    values = {field.name: getattr(first, field.attname) for field in first._meta.concrete_fields if field.name != "id"}
    values = {name: value for name, value in values.items() if name not in {"customer", "policy"}}
    type(first).objects.bulk_create(
        type(first)(customer=customer, policy_id=first.policy_id, **values) for customer in customers
    )
    expected = ["0", *(f"{number:04}" for number in range(2499))]
    assert [row[1] for row in read_csv(download(manager, "csv", sort="customer"))[0][1:]] == expected
    assert [row[1] for row in read_xlsx(download(manager, "xlsx", sort="customer"))[0][1:]] == expected


def test_each_format_is_declared_with_its_file_and_has_a_writer() -> None:
    assert [(one.value, one.label, one.extension, one.content_type) for one in ExportFormat] == [
        ("csv", "CSV", "zip", "application/zip"),
        ("xlsx", "Excel", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ]
    assert set(export.WRITERS) == set(ExportFormat)
