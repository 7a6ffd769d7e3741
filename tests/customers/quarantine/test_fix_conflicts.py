"""Two people fix one quarantined row: one is first, the other is told, and keeps what was typed."""

from pathlib import Path

import pytest

from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.models import Customer, Fix, QuarantinedRow
from customers.quarantine import views
from tests.factories import csv_row, make_staff, write_feeds
from tests.support.commands import held_elsewhere
from tests.support.forms import as_, form_on
from tests.support.pages import notices, words
from tests.support.races import race

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(tmp_path: Path) -> str:
    for name in ("Anna Ahlers", "Bea Berg"):
        first, last = name.split()
        make_staff("Program manager", username=first.lower(), first_name=first, last_name=last)
    write_feeds(tmp_path, customers=[csv_row("customers", id="c1", email="wrong")])
    import_folder(tmp_path, None, Options(started_by="test"))
    return f"/admin/customers/quarantinedrow/{QuarantinedRow.objects.get().pk}/fix/"


def test_the_second_one_is_told_and_keeps_the_text(page: str) -> None:
    anna, bea = as_("anna"), as_("bea")
    open_form = bea.get(page)
    assert anna.post(page, form_on(anna.get(page), email="anna@example.com")).status_code == 302
    answer = bea.post(page, form_on(open_form, email="bea@example.com"))
    row = QuarantinedRow.objects.get()
    assert answer.status_code == 409
    assert notices(answer) == [
        f"Anna Ahlers fixed this row just now. Run {row.resolved_by_id} took it out of quarantine. "
        "Nothing of yours was stored."
    ]
    assert "bea@example.com" in answer.text
    assert Fix.objects.get().cells[1] == row.cells[1] == Customer.objects.get().email == "anna@example.com"


def test_two_fixes_of_a_row_that_is_still_bad_are_merged(page: str) -> None:
    anna, bea = as_("anna"), as_("bea")
    open_form, another = bea.get(page), bea.get(page)
    anna.post(page, form_on(anna.get(page), email="still wrong", cohort="Anna’s"))
    answer = bea.post(page, form_on(open_form, email="bea@example.com"))
    assert answer.status_code == 409
    assert "Anna Ahlers changed this just now, after you opened the form." in words(answer.text)
    assert "still wrong" in answer.text
    assert not Customer.objects.exists()
    assert Fix.objects.get().cells[1] == "still wrong"
    [mine] = {value for value in form_on(answer).values() if value == "bea@example.com"}
    assert mine
    # A field that Anna has not changed is no conflict, and hers stay.
    bea.post(page, form_on(another, organization="Renamed Ltd"))
    assert QuarantinedRow.objects.get().cells[1:3] == ["still wrong", "Renamed Ltd"]
    assert QuarantinedRow.objects.get().cells[5] == "Anna’s"


def test_while_an_import_runs_nothing_is_stored_and_the_text_is_kept(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "SECONDS_TO_WAIT", 0)
    anna = as_("anna")
    sent = form_on(anna.get(page), email="anna@example.com")
    with held_elsewhere("import"):
        answer = anna.post(page, sent)
    assert answer.status_code == 409
    assert "An import is running: nothing is saved yet. Try again when it has ended." in words(answer.text)
    assert form_on(answer)["email"] == "anna@example.com"
    assert not Fix.objects.exists()
    assert anna.post(page, form_on(answer)).status_code == 302
    assert Customer.objects.get().email == "anna@example.com"


def test_at_the_very_same_moment_one_is_first(migrated_database: str) -> None:
    for codes, *stored in race("fix", migrated_database):
        assert sorted(codes) == [302, 409]
        first = ["anna", "bea"][codes.index(302)]
        assert stored == [f"{first}@example.com"] * 3
