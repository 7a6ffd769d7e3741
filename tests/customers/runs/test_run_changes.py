"""What a run changed: each cell before and after, by pages, with undone runs."""

import re
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from customers.models import Customer, ImportRun, RowChange
from tests.factories import csv_row, make_customer, make_run, write_feed
from tests.support.loading import load
from tests.support.pages import links, notices, section, words
from tests.support.run_pages import page_of, two_nights

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("folder")]


def changes(client: Client, run: ImportRun, query: str = "") -> list[list[str]]:
    [table] = re.findall(
        r'<table class="rsolv-table changes">.*?</table>', client.get(page_of(run) + query).text, re.S
    )
    lines = re.findall(r"<tr>(.*?)</tr>", table, re.S)[1:]
    return [[words(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", line, re.S)] for line in lines]


def test_each_changed_cell_before_and_after(manager: Client, folder: Path) -> None:
    first, second = two_nights(folder)
    assert changes(manager, second) == [
        ["customer c1", "Updated", "cohort", "VIP", "Beta"],
        ["team_size", "12", ""],
    ]
    response = manager.get(page_of(second))
    assert links(response, "customer c1") == ["/admin/customers/customer/c1/change/"]
    assert links(response, "the 1 row that its file created") == [f"/admin/customers/customer/?run={second.pk}"]
    assert "Not in this table: the 1 row that its file created" in section(response, "changes")
    assert section(manager.get(page_of(first)), "changes") == (
        "What it changed Not in this table: the 2 rows that its file created"
    )


def test_a_run_that_changed_nothing_says_so(manager: Client, folder: Path) -> None:
    two_nights(folder)
    load(folder, "customers")
    assert section(manager.get(page_of(ImportRun.objects.first())), "changes") == "What it changed Nothing."


def test_a_row_that_changed_again_says_by_which_run(manager: Client, folder: Path) -> None:
    _first, second = two_nights(folder)
    write_feed(folder, "customers", [csv_row("customers", id="c1", cohort="Gamma")])
    third = load(folder, "customers")["customers"].run
    assert changes(manager, second)[0] == [
        "customer c1",
        f"Updated changed again by run {third}",
        "cohort",
        "VIP",
        "Beta",
    ]


def test_what_can_happen_to_a_row(manager: Client) -> None:
    run = make_run(updated=1)
    customer = make_customer(id="c1", run_id=3, line=9)
    image = {"id": "c1", "cohort": "A", "run_id": 3, "line": 9}
    for key, before, after, reason in (
        ("c1", {**image, "cohort": "B"}, image, ""),
        ("c2", image, None, ""),
        ("c3", None, {**image, "id": "c3"}, ""),
        ("c4", image, None, "changed since by run 5"),
        ("c5", image, {**image, "line": 4}, ""),
    ):
        RowChange.objects.create(run=run, model="customer", key=key, before=before, after=after, reason=reason)
    make_customer(id="c5", run_id=3, line=4)
    assert changes(manager, run) == [
        ["customer c1", "Updated", "cohort", "B", "A"],
        ["customer c2", "Deleted", "cohort", "A", ""],
        ["customer c3", "Created removed since", "cohort", "", "A"],
        ["customer c4", "Skipped changed since by run 5", ""],
        ["customer c5", "Updated", "the same values, from another line"],
    ]
    Customer.objects.filter(pk=customer.pk).update(run_id=3, line=10)
    assert changes(manager, run)[0][1] == "Updated changed again by run 3"
    RowChange.objects.filter(key="c1").update(before={**image, "line": 10, "cohort": "B"})
    assert changes(manager, run)[0][1] == "Updated reverted since"


def test_changes_come_in_pages_at_a_constant_cost(manager: Client) -> None:
    run = make_run(updated=120)

    def cost(query: str = "") -> int:
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(page_of(run) + query).status_code == 200
        return len(captured)

    RowChange.objects.create(
        run=run, model="customer", key="c000", before={"line": 1}, after={"cohort": "x", "run_id": 1, "line": 2}
    )
    few = cost()
    RowChange.objects.bulk_create(
        RowChange(
            run=run, model="customer", key=f"c{number:03}", before={}, after={"cohort": "x", "run_id": 1, "line": 2}
        )
        for number in range(1, 120)
    )
    assert cost() == cost("?page=3") == few
    assert few < 15
    assert len(changes(manager, run)) == 50
    assert [row[0] for row in changes(manager, run, "?page=3")] == [
        f"customer c{number}" for number in range(100, 120)
    ]
    assert [row[0] for row in changes(manager, run, "?page=99")][:1] == ["customer c100"]
    assert "101–120 of 120" in section(manager.get(page_of(run) + "?page=3"), "changes")


def test_an_undone_run_and_its_undo_name_each_other(manager: Client) -> None:
    run = make_run(created=2)
    undo = make_run(undoes=run, deleted=2, updated=1, unchanged=3, file="")
    ImportRun.objects.filter(pk=run.pk).update(undone_by=undo)
    response = manager.get(page_of(run))
    assert links(response, f"run {undo.pk}") == [page_of(undo)]
    assert "/admin/customers/customer/?run=" not in response.text
    assert section(response, "changes") == "What it changed What its file created was undone."
    assert f"Undone by run {undo.pk} : what this run did no longer counts." in notices(response)[0]
    response = manager.get(page_of(undo))
    assert links(response, f"run {run.pk}") == [page_of(run)]
    assert section(response, "rows") == (
        "Results Restored 0 Reverted 1 Removed 2 Skipped 3 changed since by another run"
    )
