"""A second click, a reload or a resend of a form creates nothing a second time."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from customers.erasure.erase import erase
from customers.models import Note, Upload
from customers.models.form_submission import FormSubmission
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.forms import form_on
from tests.support.pages import words
from tests.support.races import race

pytestmark = pytest.mark.django_db

PAGE = "/admin/customer/c1/"
NOTES = f"{PAGE}notes/"
ALREADY = "You sent this form twice: it was stored once."


@pytest.fixture
def anna(client: Client) -> Client:
    make_day()
    make_snapshot(make_customer(id="c1", organization="Acme Ltd"))
    client.force_login(make_staff(username="anna", is_superuser=True))
    return client


def test_a_note_that_is_sent_twice_is_stored_once(anna: Client) -> None:
    sent = form_on(anna.get(PAGE), "text", text="Called him")
    first, second = anna.post(NOTES, sent), anna.post(NOTES, sent)
    assert (first.status_code, second.status_code) == (302, 302)
    assert first["Location"] == second["Location"]
    assert [note.text for note in Note.objects.all()] == ["Called him"]
    assert ALREADY in words(anna.get(second["Location"]).text)


def test_another_text_in_the_page_that_the_back_button_shows_is_another_note(anna: Client) -> None:
    sent = form_on(anna.get(PAGE), "text", text="First")
    anna.post(NOTES, sent)
    anna.post(NOTES, {**sent, "text": "Second"})
    assert {note.text for note in Note.objects.all()} == {"First", "Second"}


def test_the_same_words_from_another_page_are_another_note(anna: Client) -> None:
    for _number in range(2):
        anna.post(NOTES, form_on(anna.get(PAGE), "text", text="Called him"))
    assert Note.objects.count() == 2


def test_what_was_refused_may_be_sent_again(anna: Client) -> None:
    sent = form_on(anna.get(PAGE), "text", text="")
    assert anna.post(NOTES, sent).status_code == 422
    assert not FormSubmission.objects.exists()
    assert anna.post(NOTES, {**sent, "text": "x"}).status_code == 302


def test_a_form_without_a_key_is_known_again_for_some_seconds(anna: Client) -> None:
    for _number in range(2):
        anna.post(NOTES, {"text": "Called him"})
    assert Note.objects.count() == 1
    FormSubmission.objects.update(at=timezone.now() - timedelta(seconds=11))
    anna.post(NOTES, {"text": "Called him"})
    assert Note.objects.count() == 2


def test_a_form_without_a_key_is_stored_though_the_clock_was_ahead(anna: Client) -> None:
    anna.post(NOTES, {"text": "Called him"})
    FormSubmission.objects.update(at=timezone.now() + timedelta(days=30))
    anna.post(NOTES, {"text": "Called him"})
    assert Note.objects.count() == 2


def test_two_people_may_write_the_same(anna: Client) -> None:
    other = Client()
    other.force_login(make_staff(is_superuser=True))
    for client in (anna, other):
        client.post(NOTES, {"text": "Called him"})
    assert Note.objects.count() == 2


def test_what_is_older_than_a_page_may_lie_open_is_forgotten(anna: Client) -> None:
    anna.post(NOTES, {"text": "Called him"})
    FormSubmission.objects.update(at=timezone.now() - timedelta(days=3))
    anna.post(NOTES, {"text": "Called her"})
    assert FormSubmission.objects.count() == 1


def test_an_erased_customer_is_not_named_by_where_a_form_led(anna: Client) -> None:
    anna.post(NOTES, {"text": "Called him"})
    assert "c1" in FormSubmission.objects.get().location
    erase("c1", "anna")
    assert not FormSubmission.objects.exists()


ADDED: dict[str, dict[str, Any]] = {
    "analytics/recommendationrule": {
        "text": "Call",
        "kind": "call",
        "condition": "",
        "urgency": "5",
        "rest_days": "7",
    },
    "analytics/mailtemplate": {"name": "A", "situation": "check_in", "subject": "Hello", "body": "Hello\r\nthere"},
    "auth/group": {"name": "Night shift"},
    "auth/user": {"name": "Carl", "email": "carl@example.com", "role": "Viewer"},
    "customers/customercare": {"customer": "c1", "owner": "", "notes": "Called him"},
}


@pytest.mark.parametrize("kind", ADDED)
def test_what_the_admin_adds_is_added_once(anna: Client, kind: str) -> None:
    page, model = f"/admin/{kind}/add/", apps.get_model(kind.replace("/", "."))
    before = model.objects.count()
    sent = form_on(anna.get(page), "form_key", **ADDED[kind])
    if "condition" in sent:
        sent["condition"] = model._meta.get_field("condition").choices[0][0]
    if "role" in sent:
        sent["role"] = str(Group.objects.get(name=sent["role"]).pk)
    first = anna.post(page, sent)
    assert first.status_code == 302, words(first.text)
    second = anna.post(page, sent, follow=True)
    assert second.redirect_chain[0][0] == first["Location"]
    assert ALREADY in words(second.text)
    assert model.objects.count() == before + 1


def test_an_upload_that_is_sent_twice_waits_once(anna: Client) -> None:
    page = "/admin/customers/importrun/upload/"

    def send() -> Any:
        file = SimpleUploadedFile("customers.csv", b"id,email\n")
        return anna.post(page, {**sent, "feed": "customers", "file": file})

    sent = form_on(anna.get(page), "form_key")
    first, second = send(), send()
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"]
    assert Upload.objects.count() == 1
    sent = form_on(anna.get(page), "form_key")
    assert send()["Location"] != first["Location"]


def test_two_at_the_very_same_moment(migrated_database: str) -> None:
    assert race("note", migrated_database) == [[[302, 302], 1]] * 5
