"""Notes: who may add one, who may delete one, and that nobody changes one."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from django.test import Client

from customers.imports.folder import import_folder
from customers.imports.interface import Options
from customers.models import Customer, ImportRun, Note
from customers.runs.undo import undo
from tests.factories import csv_row, make_customer, make_day, make_snapshot, make_staff, write_feeds
from tests.support.pages import main_part, section, words

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
ROLES = ["Viewer", "Success manager", "Program manager", "Administrator"]
MAY_ADD = ROLES[1:]


@pytest.fixture
def customer(today_is: Callable[[date], None]) -> Customer:
    today_is(D)
    make_day()
    customer = make_customer(id="c1")
    make_snapshot(customer)
    return customer


@pytest.fixture
def success(client: Client) -> Client:
    client.force_login(make_staff("Success manager", first_name="Sofia", last_name="Marchetti"))
    return client


ADDRESS = "/admin/customer/c1/"


def add(client: Client, text: str, query: str = "") -> int:
    return client.post(f"{ADDRESS}notes/{query}", {"text": text}).status_code


# --- Adding -----------------------------------------------------------------------------------------------------


def test_a_note_is_on_the_timeline_with_its_author_and_time(success: Client, customer: Customer) -> None:
    response = success.post(f"{ADDRESS}notes/", {"text": "  Called John.\nHe waits for IT. "}, follow=True)
    [note] = Note.objects.all()
    assert (note.customer, note.author, note.text) == (customer, "Sofia Marchetti", "Called John.\nHe waits for IT.")
    assert f"Called John. He waits for IT. Sofia Marchetti , {note.created_at:%H:%M}" in section(response, "timeline")
    assert "Note added to the history." in response.text


def test_afterwards_the_page_keeps_the_filters_and_goes_to_the_newest_date(
    success: Client, customer: Customer
) -> None:
    query = "?status=at_risk&told=imports&timeline=2&activity=30&as_of=2025-05-09"
    response = success.post(f"{ADDRESS}notes/{query}", {"text": "Hello"})
    assert response.status_code == 302
    assert response["Location"] == f"{ADDRESS}?status=at_risk#timeline"


@pytest.mark.parametrize("role", ROLES)
def test_who_may_add(client: Client, customer: Customer, role: str) -> None:
    client.force_login(make_staff(role))
    may = role in MAY_ADD
    assert ("Add a note" in client.get(ADDRESS).text) is may
    assert add(client, "Hello") == (302 if may else 403)
    assert Note.objects.count() == may


def test_somebody_without_a_login_is_sent_to_it(client: Client, customer: Customer) -> None:
    assert add(client, "Hello") == 302
    assert not Note.objects.exists()


def test_a_form_of_elsewhere_is_refused(customer: Customer) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_staff("Success manager"))
    assert add(client, "Hello") == 403
    assert not Note.objects.exists()


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2001, "a\0b"])
def test_what_is_no_note_is_said_and_kept_for_another_try(success: Client, customer: Customer, text: str) -> None:
    response = success.post(f"{ADDRESS}notes/", {"text": text})
    assert response.status_code == 422
    assert not Note.objects.exists()
    assert 'role="alert"' in main_part(response)
    if len(text) > 2000:
        assert text in response.text


def test_a_customer_that_is_not_there(success: Client, customer: Customer) -> None:
    assert success.post("/admin/customer/nobody/notes/", {"text": "Hello"}).status_code == 404


def test_the_forms_own_address_leads_to_the_form(success: Client, customer: Customer) -> None:
    """As after a login that came in between: once this was a blank page."""
    response = success.get(f"{ADDRESS}notes/", follow=True)
    assert response.redirect_chain == [(f"{ADDRESS}#composer", 302)]
    assert "Nothing was saved by opening that address." in words(response.text)
    assert success.put(f"{ADDRESS}notes/").status_code == 405


def test_markup_in_a_note_stays_text(success: Client, customer: Customer) -> None:
    add(success, "<script>alert(1)</script>")
    page = success.get(ADDRESS)
    assert "<script>alert(1)" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


# --- Staying ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_nobody_changes_a_note(client: Client, customer: Customer, role: str) -> None:
    client.force_login(make_staff(role, username="author"))
    note = Note.objects.create(customer=customer, author="author", text="As it was")
    address = f"/admin/customers/note/{note.pk}/change/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"text": "Otherwise"}).status_code == 403
    assert client.get("/admin/customers/note/add/").status_code == 403
    note.refresh_from_db()
    assert note.text == "As it was"


def test_the_list_of_notes_is_narrowed_to_calls(success: Client, customer: Customer) -> None:
    Note.objects.create(customer=customer, author="Bo", text="Only noted")
    Note.objects.create(customer=customer, author="Bo", text="Rang them", kind=Note.Kind.CALL)
    found = success.get("/admin/customers/note/?kind__exact=call").text
    assert "Rang them" in found
    assert "Only noted" not in found


@pytest.mark.parametrize("role", ROLES)
def test_an_administrator_alone_deletes_one(client: Client, customer: Customer, role: str) -> None:
    client.force_login(make_staff(role))
    note = Note.objects.create(customer=customer, author="Bo", text="Wrong customer")
    response = client.post(f"/admin/customers/note/{note.pk}/delete/", {"post": "yes"})
    may = role == "Administrator"
    assert response.status_code == (302 if may else 403)
    assert Note.objects.exists() is not may


def test_a_note_outlives_its_author(success: Client, customer: Customer) -> None:
    add(success, "Hello")
    user = make_staff("Viewer")
    success.force_login(user)
    type(user).objects.exclude(pk=user.pk).delete()
    assert "Hello Sofia Marchetti" in section(success.get(ADDRESS), "timeline")


def test_a_note_survives_the_next_import_and_keeps_its_customer_from_an_undo(tmp_path: Path) -> None:
    write_feeds(tmp_path, customers=[csv_row("customers")])
    import_folder(tmp_path, None, Options(started_by="test"))
    Note.objects.create(customer_id="c2001", author="Bo", text="Kept")
    write_feeds(tmp_path, customers=[csv_row("customers", organization="Renamed")])
    import_folder(tmp_path, None, Options(started_by="test"))
    assert Note.objects.get().customer.organization == "Renamed"
    for run in ImportRun.objects.filter(feed="customers", undoes=None).order_by("-pk"):
        undoing = undo(run, "test")
    assert undoing.warnings == ["1 customer row left: still has notes (c2001)"]
    assert Note.objects.get().text == "Kept"
