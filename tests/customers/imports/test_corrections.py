"""Quarantined rows that are downloaded, corrected in a spreadsheet and uploaded; bad ones stay bad."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.models import Customer, Engagement, Fix, ImportRun, Onboarding, QuarantinedRow
from customers.quarantine.views import fix_address
from customers.runs.undo import undo
from tests.factories import csv_row, make_customer, make_run, write_feed
from tests.support.corrections import as_csv, bad, bad_lines, download, night, with_email
from tests.support.loading import HEADER, customer_row, load, states
from tests.support.pages import section
from tests.support.selection import examples_of_a_push
from tests.support.uploading import FORM, counts, fixed_day, loaded, own_folders, uploaded, workbook

__all__ = ["fixed_day", "own_folders"]
pytestmark = pytest.mark.django_db


def as_workbook(rows: list[list[str]]) -> bytes:
    return workbook(*rows)


def statuses() -> dict[str, tuple[str, int | None]]:
    return {row.key: (row.status, row.resolved_by_id) for row in QuarantinedRow.objects.filter(run=first_run())}


def first_run() -> ImportRun:
    return ImportRun.objects.earliest("pk")


@pytest.mark.parametrize(("name", "write"), [("corrected.csv", as_csv), ("corrected.xlsx", as_workbook)])
def test_the_download_corrected_is_uploaded_as_it_is(
    name: str, write: Callable[[list[list[str]]], bytes], tmp_path: Path, manager: Client
) -> None:
    night(tmp_path, customer_row(1), bad(2, organization="=1+1", cohort="'-x"), customer_row(3))
    content = write(with_email(download(manager)))
    upload = uploaded(manager, "customers", content, name)
    page = manager.get(f"{FORM}{upload.pk}/")
    assert "Customers · Corrected rows, 1 row" in page.text
    assert (counts(upload)["created"], upload.preview["missing"], upload.preview["warnings"]) == (1, 0, [])
    assert (Fix.objects.count(), statuses()) == (0, {"c2": ("open", None)})
    run = loaded(manager, upload)
    assert (counts(run), run.scope) == (counts(upload), "corrections")
    customer = Customer.objects.get(pk="c2")
    assert (customer.email, customer.organization, customer.cohort) == ("mended@example.com", "=1+1", "'-x")
    assert statuses() == {"c2": ("superseded", run.pk)}
    assert Customer.objects.exclude(missing_since=None).count() == 0
    assert "Quarantined 0" in section(manager.get(f"/admin/customers/importrun/{run.pk}/change/"), "rows")


def test_the_correction_is_remembered_for_the_next_night(tmp_path: Path, manager: Client) -> None:
    rows = [customer_row(1), bad(2)]
    night(tmp_path, *rows)
    raw = QuarantinedRow.objects.get().raw
    loaded(manager, uploaded(manager, "customers", as_csv(with_email(download(manager)))))
    fix = Fix.objects.get()
    assert (fix.feed, fix.raw, fix.made_by, fix.cells[:2]) == ("customers", raw, "mary", ["c2", "mended@example.com"])
    outcome = night(tmp_path, *rows)
    assert (states(outcome), outcome.warnings) == ((0, 0, 2, 0), ["1 row read as fixed in quarantine, not as written"])
    assert Customer.objects.get(pk="c2").email == "mended@example.com"


def test_a_row_whose_key_was_corrected_is_closed_too(tmp_path: Path, manager: Client) -> None:
    night(tmp_path, customer_row(0) | {"id": "-"})
    rows = download(manager)
    rows[1][rows[0].index("id")] = "c7"
    run = loaded(manager, uploaded(manager, "customers", as_csv(rows)))
    assert (run.created, statuses()) == (1, {"": ("superseded", run.pk)})
    assert states(night(tmp_path, customer_row(0) | {"id": "-"})) == (0, 0, 1, 0)


def test_a_row_that_could_not_be_split_is_mended(tmp_path: Path, manager: Client) -> None:
    make_customer(id="c1")
    header = "id,customer_id,date,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests"
    (tmp_path / "engagement.csv").write_text(f"{header}\ne1,c1,2025-05-01,1,2,3,4,5,6\n")
    load(tmp_path, "engagement")
    rows = download(manager, "engagement")
    rows[1][7] = "6"
    loaded(manager, uploaded(manager, "engagement", as_csv(rows)))
    assert Engagement.objects.get().support_requests == 6
    assert states(load(tmp_path, "engagement")["engagement"]) == (0, 0, 1, 0)


def test_uploading_it_again_does_nothing(tmp_path: Path, manager: Client) -> None:
    night(tmp_path, customer_row(1), bad(2))
    content = as_csv(with_email(download(manager)))
    first = loaded(manager, uploaded(manager, "customers", content))
    before = (statuses(), list(Fix.objects.values()), list(Customer.objects.order_by("pk").values()))
    second = loaded(manager, uploaded(manager, "customers", content))
    assert (first.created, second.created, second.updated, second.unchanged) == (1, 0, 0, 1)
    assert (statuses(), list(Fix.objects.values()), list(Customer.objects.order_by("pk").values())) == before


def test_what_is_still_bad_takes_the_place_of_its_original(tmp_path: Path, manager: Client) -> None:
    night(tmp_path, *(bad(number) for number in range(1, 25)))
    upload = uploaded(manager, "customers", as_csv(download(manager)))
    assert (upload.preview["reason"], counts(upload)["quarantined"]) == ("", 24)
    run = loaded(manager, upload)
    assert set(statuses().values()) == {("superseded", run.pk)}
    assert QuarantinedRow.objects.filter(status="open", run=run).count() == 24
    assert Fix.objects.count() == 0


def test_an_uncorrected_row_that_only_waited_leaves_no_fix(tmp_path: Path, manager: Client) -> None:
    header = "id,customer_id,date,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests"
    (tmp_path / "engagement.csv").write_text(f"{header}\ne1,c1,2025-05-01,1,2,3,4,5\n")
    load(tmp_path, "engagement")
    rows = download(manager, "engagement")
    make_customer(id="c1")
    run = loaded(manager, uploaded(manager, "engagement", as_csv(rows)))
    assert (run.retried, run.unchanged, Fix.objects.count()) == (1, 1, 0)


@pytest.mark.parametrize("number", ["", "x", "-1", "1e3", "9" * 30, "٣"])
def test_a_number_that_names_no_row_is_no_harm(number: str, tmp_path: Path, manager: Client) -> None:
    night(tmp_path, bad(2))
    rows = with_email(download(manager))
    rows[1][-1] = number
    run = loaded(manager, uploaded(manager, "customers", as_csv(rows)))
    assert (run.created, Fix.objects.count(), statuses()) == (1, 0, {"c2": ("superseded", run.pk)})


def test_a_row_of_another_feed_is_left_alone(tmp_path: Path, manager: Client) -> None:
    other = QuarantinedRow.objects.create(
        run=make_run(feed="events"), feed="events", line=2, raw="x", cells=[], reasons=["id: bad"]
    )
    night(tmp_path, bad(2))
    rows = with_email(download(manager))
    rows[1][-1] = str(other.pk)
    loaded(manager, uploaded(manager, "customers", as_csv(rows)))
    other.refresh_from_db()
    assert (other.status, Fix.objects.count()) == ("open", 0)


def test_an_undo_opens_the_rows_again(tmp_path: Path, manager: Client) -> None:
    night(tmp_path, customer_row(1), bad(2))
    run = loaded(manager, uploaded(manager, "customers", as_csv(with_email(download(manager)))))
    assert undo(run, "mary").status == "loaded"
    assert (statuses(), Customer.objects.count()) == ({"c2": ("open", None)}, 1)


def test_many_corrections_are_remembered_each(tmp_path: Path, manager: Client) -> None:
    night(tmp_path, *(bad(number) for number in range(1, 1_102)))
    run = loaded(manager, uploaded(manager, "customers", as_csv(with_email(download(manager)))))
    assert (run.created, Fix.objects.count()) == (1_101, 1_101)
    assert set(statuses().values()) == {("superseded", run.pk)}


@pytest.mark.parametrize("as_file", [as_csv, as_workbook])
@pytest.mark.parametrize(
    "line",
    [
        "e1,c1,2025-05-01,1,2,3,4,5,9,9",
        "e1,c1,2025-05-01,1,2,3,4",
        "e1,c1,2025-05-01,1,2,3,4,",
        'e1,c1,2025-05-01,1,2,3,4,"5"x',
        "00123,c1,2025-05-01,1,2,3,4",
        "e1",
        "e1,c1,2025-05-01,1,2,3,4,5,",
    ],
)
def test_a_bad_row_uploaded_as_it_was_downloaded_stays(
    line: str, as_file: Any, tmp_path: Path, manager: Client
) -> None:
    make_customer(id="c1")
    outcome = bad_lines(tmp_path, line, "e2,c1,soon,0,0,0,0,0")
    before = {row.raw: row.reasons for row in QuarantinedRow.objects.filter(status="open")}
    assert outcome.quarantined == 2 if line[-2:] != "4," else outcome.created == 1
    for _time in range(2):
        name = "a.csv" if as_file is as_csv else "a.xlsx"
        run = loaded(manager, uploaded(manager, "engagement", as_file(download(manager, "engagement")), name))
        assert (run.created, run.updated, run.quarantined) == (0, 0, len(before))
        now = {row.raw: row.reasons for row in QuarantinedRow.objects.filter(status="open")}
        assert sorted(now.values()) == sorted(before.values())
        assert Fix.objects.count() == 0
        assert Engagement.objects.count() == outcome.created


CELL = st.text('ab1,"\n x=', max_size=4) | st.sampled_from(["e1", "c1", "2025-05-01", "00123", "TRUE", "1E5"])


@settings(
    max_examples=examples_of_a_push(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cells=st.lists(CELL, min_size=1, max_size=12), quote=st.booleans(), in_excel=st.booleans())
def test_any_bad_row_stays_bad(cells: list[str], quote: bool, in_excel: bool, tmp_path: Path, manager: Client) -> None:
    with transaction.atomic():
        make_customer(id="c1")
        line = ",".join(f'"{cell}"' if quote else cell.replace('"', "").replace("\n", "") for cell in cells)
        outcome = bad_lines(tmp_path, line)
        if outcome.loaded and outcome.quarantined:
            rows = download(manager, "engagement")
            content = as_workbook(rows) if in_excel else as_csv(rows)
            run = loaded(manager, uploaded(manager, "engagement", content, "a.xlsx" if in_excel else "a.csv"))
            assert (run.created, run.updated, run.quarantined) == (0, 0, outcome.quarantined)
        transaction.set_rollback(True)


def test_who_empties_the_raw_text_takes_the_guess(tmp_path: Path, manager: Client) -> None:
    make_customer(id="c1")
    bad_lines(tmp_path, "e1,c1,2025-05-01,1,2,3,4")
    rows = download(manager, "engagement")
    assert rows[0][-1] == "raw_text"
    assert rows[1][-1] == "e1,c1,2025-05-01,1,2,3,4"
    rows[1][-1] = ""
    assert loaded(manager, uploaded(manager, "engagement", as_csv(rows))).created == 1


def test_the_fix_form_keeps_what_no_column_is_for_and_takes_no_guess(tmp_path: Path, manager: Client) -> None:
    make_customer(id="c1")
    bad_lines(tmp_path, "e1,c1,2025-05-01,1,2,3,4,5,nine,ten")
    row = QuarantinedRow.objects.get()
    address = fix_address(row)
    page = manager.get(address)
    assert "<code>nine</code>" in page.text
    assert "<code>ten</code>" in page.text
    sent = dict(zip(HEADER.split(","), ["e1", "c1", "2025-05-01", "1", "2", "3", "4", "5"], strict=True))
    assert "these are a guess" in manager.post(address, sent).text
    assert (Engagement.objects.count(), Fix.objects.count()) == (0, 0)
    manager.post(address, {**sent, "compared": "on"})
    assert (Engagement.objects.count(), Fix.objects.count()) == (1, 1)


def test_a_second_row_does_not_take_the_firsts_place_by_itself(tmp_path: Path, manager: Client) -> None:
    make_customer(id="c1")
    rows = [csv_row("onboarding", id=f"o{number}", customer_id="c1") for number in (1, 2)]
    write_feed(tmp_path, "onboarding", rows)
    load(tmp_path, "onboarding")
    run = loaded(manager, uploaded(manager, "onboarding", as_csv(download(manager, "onboarding"))))
    assert (run.created, run.updated, run.quarantined) == (0, 0, 1)
    assert Onboarding.objects.get().pk == "o1"
