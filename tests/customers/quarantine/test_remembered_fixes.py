"""Fixes that are remembered: an undo takes them along, and the lists of open rows and of fixes."""

from hashlib import sha256
from pathlib import Path

import pytest
from django.test import Client

from customers.models import Customer, Fix, ImportRun, QuarantinedRow
from customers.quarantine.views import fix_address
from customers.runs.undo import undo
from tests.factories import make_customer, make_staff
from tests.support.corrections import QUARANTINE, as_csv, bad, bad_lines, download, night, with_email
from tests.support.loading import HEADER, customer_row
from tests.support.uploading import FORM, fixed_day, loaded, own_folders, uploaded

__all__ = ["fixed_day", "own_folders"]
pytestmark = pytest.mark.django_db

FIXES = "/admin/customers/fix/"


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
    assert again.warnings == ["2 fixes are restored: the next file that has these rows is read by them"]
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
    for words in ("Open (2)", "Replaced (1)", "All (3)", "Not an email address", "Too many or too few cells"):
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
    assert upload.preview["reason"] == "line 1: the header is missing nps; unknown in it: 'rating'"


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
