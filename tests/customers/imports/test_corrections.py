"""Quarantined rows that are downloaded, corrected in a spreadsheet and uploaded; and the fixes that are remembered."""

import csv
import io
from collections.abc import Callable
from hashlib import sha256
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
from tests.factories import csv_row, make_customer, make_run, make_staff, write_feed
from tests.support.loading import customer_row, load, states
from tests.support.pages import section
from tests.support.selection import examples_of_a_push
from tests.support.uploading import FORM, counts, fixed_day, loaded, own_folders, uploaded, workbook

__all__ = ["fixed_day", "own_folders"]

pytestmark = pytest.mark.django_db

QUARANTINE = "/admin/customers/quarantinedrow/"
FIXES = "/admin/customers/fix/"


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_staff("Program manager", username="mary"))
    return client


def bad(number: int, **overrides: str) -> dict[str, str]:
    """A customer without a valid e-mail address."""
    return customer_row(number, **overrides) | {"email": "nowhere"}


def night(folder: Path, *rows: dict[str, str]) -> Any:
    """Tonight's customers."""
    write_feed(folder, "customers", rows)
    return load(folder, "customers", force=True)["customers"]


def download(client: Client, feed: str = "customers") -> list[list[str]]:
    """The download of open rows, as a spreadsheet shows it."""
    return list(
        csv.reader(io.StringIO(client.get(f"{QUARANTINE}download/{feed}/").content.decode("utf-8-sig"), newline=""))
    )


def as_csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def as_workbook(rows: list[list[str]]) -> bytes:
    return workbook(*rows)


def with_email(rows: list[list[str]], text: str = "mended@example.com") -> list[list[str]]:
    """The rows corrected."""
    return [[text if cell == "nowhere" else cell for cell in row] for row in rows]


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


# --- Bad rows stay bad by themselves -----------------------------------------------------------------------------

HEADER = "id,customer_id,date,issues_tagged,prs_generated,prs_merged,prs_rejected,support_requests"


def bad_lines(folder: Path, *lines: str) -> Any:
    (folder / "engagement.csv").write_text("\n".join([HEADER, *lines, ""]), newline="")
    return load(folder, "engagement", force=True)["engagement"]


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


# --- An undo takes the fixes with it ------------------------------------------------------------------------------


def test_an_undo_of_corrections_takes_their_fixes_with_it(tmp_path: Path, manager: Client) -> None:
    night(tmp_path, customer_row(1), bad(2), bad(3))
    run = loaded(manager, uploaded(manager, "customers", as_csv(with_email(download(manager)))))
    fixes = list(Fix.objects.order_by("sha256").values("feed", "raw", "sha256", "cells", "made_by", "made_at"))
    assert len(fixes) == 2
    warning = "2 fixes go with it: the next file that has these rows leaves them in quarantine"
    assert warning in manager.get(f"/admin/customers/importrun/{run.pk}/undo/").text
    assert Fix.objects.count() == 2
    undoing = undo(run, "mary")
    assert (Fix.objects.count(), undoing.warnings) == (0, [warning])
    again = undo(undoing, "mary")
    assert list(Fix.objects.order_by("sha256").values(*fixes[0])) == fixes
    assert again.warnings == ["2 fixes are there again: the next file that has these rows is read by them"]
    undo(again, "mary")
    assert Fix.objects.count() == 0
    outcome = night(tmp_path, customer_row(1), bad(2), bad(3))
    assert (outcome.created, outcome.quarantined, Customer.objects.count()) == (0, 2, 1)


def test_an_undo_of_a_replay_takes_the_fix_of_the_form_with_it(tmp_path: Path, manager: Client) -> None:
    night(tmp_path, customer_row(1), bad(2))
    row = QuarantinedRow.objects.get()
    sent = {**customer_row(2), "email": "mended@example.com"}
    manager.post(fix_address(row), sent)
    assert (Customer.objects.count(), Fix.objects.count()) == (2, 1)
    undo(ImportRun.objects.latest("pk"), "mary")
    row.refresh_from_db()
    assert (Customer.objects.count(), Fix.objects.count(), row.status, row.cells[1]) == (1, 0, "open", "nowhere")
    assert night(tmp_path, customer_row(1), bad(2)).quarantined == 1


def test_an_undo_of_a_whole_file_leaves_fixes_alone(tmp_path: Path, manager: Client) -> None:
    night(tmp_path, customer_row(1), bad(2))
    loaded(manager, uploaded(manager, "customers", as_csv(with_email(download(manager)))))
    night(tmp_path, customer_row(1), bad(2), customer_row(3))
    assert undo(ImportRun.objects.latest("pk"), "mary").warnings == []
    assert Fix.objects.count() == 1


# --- The list, and the page of an upload ---------------------------------------------------------------------------


def listed(client: Client, query: str = "") -> list[int]:
    return sorted(row.pk for row in client.get(f"{QUARANTINE}?{query}").context["cl"].result_list)


def test_the_list_shows_what_is_open_and_counts_the_rest(tmp_path: Path, manager: Client) -> None:
    night(tmp_path, customer_row(1), bad(2))
    night(tmp_path, customer_row(1), bad(2), bad(3))
    [old] = QuarantinedRow.objects.filter(status="superseded")
    new = sorted(QuarantinedRow.objects.filter(status="open").values_list("pk", flat=True))
    assert listed(manager) == new
    assert listed(manager, "status__exact=superseded") == [old.pk]
    assert listed(manager, "status__exact=all") == [old.pk, *new]
    assert listed(manager, f"run={old.run_id}") == [old.pk]
    text = manager.get(QUARANTINE).text
    for words in ("Open (2)", "Superseded (1)", "All (3)", "Not an e-mail address", "Too many or too few cells"):
        assert words in text
    assert "?reason=addresses&amp;status__exact=open" in text
    assert listed(manager, "status__exact=open&reason=addresses") == new
    assert listed(manager, "reason=cells") == []


def test_a_row_with_a_blank_id_is_closed_once_its_fix_is_loaded(tmp_path: Path, manager: Client) -> None:
    night(tmp_path, customer_row(1), customer_row(2) | {"id": ""})
    row = QuarantinedRow.objects.get()
    cells = list(customer_row(2).values())
    Fix.objects.create(feed="customers", raw=row.raw, sha256=sha256(row.raw.encode()).hexdigest(), cells=cells)
    outcome = night(tmp_path, customer_row(1), customer_row(2) | {"id": ""}, customer_row(3))
    assert outcome.created == 2
    row.refresh_from_db()
    assert (row.status, row.resolved_by_id) == ("superseded", outcome.run)


def test_a_file_of_another_feed_or_with_unknown_columns_says_so(manager: Client) -> None:
    upload = uploaded(manager, "customers", f"{HEADER}\ne1,c1,2025-05-01,1,2,3,4,5\n".encode())
    assert upload.preview["reason"].endswith("; it looks like engagement")
    page = manager.get(f"{FORM}{upload.pk}/").text
    assert "Upload a corrected file" in page
    assert f"{FORM}?feed=customers" in page
    upload = uploaded(manager, "feedback", b"id,customer_id,date,rating,csat,comment\n")
    assert upload.preview["reason"] == "line 1: the header lacks nps; unknown in it: 'rating'"


def test_the_upload_of_a_correction_begins_with_its_feed(tmp_path: Path, manager: Client) -> None:
    make_customer(id="c1")
    bad_lines(tmp_path, "e1,c1,soon,1,2,3,4,5")
    assert f"{FORM}?feed=engagement" in manager.get(QUARANTINE).text
    assert '<option value="engagement" selected>' in manager.get(f"{FORM}?feed=engagement").text
    assert manager.get(f"{FORM}?feed=nonsense").status_code == 200


# --- The list of fixes ------------------------------------------------------------------------------------------


def test_a_fix_can_be_looked_at_and_forgotten(tmp_path: Path, manager: Client) -> None:
    night(tmp_path, customer_row(1), bad(2, organization="<b>Two</b>"))
    loaded(manager, uploaded(manager, "customers", as_csv(with_email(download(manager)))))
    fix = Fix.objects.get()
    text = manager.get(FIXES).text
    assert "id: c2; email: mended@example.com; organization: &lt;b&gt;Two&lt;/b&gt;" in text
    assert "<b>Two</b>" not in text
    assert manager.post(f"{FIXES}{fix.pk}/change/", {"raw": "x"}).status_code == 403
    assert manager.post(f"{FIXES}{fix.pk}/delete/", {"post": "yes"}).status_code == 302
    assert Fix.objects.count() == 0
    assert night(tmp_path, customer_row(1), bad(2)).quarantined == 1


def test_a_fix_of_other_columns_is_shown_as_it_stands(manager: Client) -> None:
    Fix.objects.create(feed="events", raw="v1,c1", sha256="0", cells=["v1", "c1"], made_by="mary")
    assert "1: v1; 2: c1" in manager.get(FIXES).text


def test_who_may_not_forget_a_fix_is_not_offered_it(client: Client) -> None:
    fix = Fix.objects.create(feed="events", raw="v1,c1", sha256="0", cells=["v1", "c1"], made_by="mary")
    client.force_login(make_staff("Success manager"))
    assert f"{FIXES}{fix.pk}/delete/" not in client.get(f"{FIXES}{fix.pk}/change/").text
    assert client.post(FIXES, {"action": "delete_selected", "_selected_action": [fix.pk]}).status_code in {200, 302}
    assert Fix.objects.count() == 1
