"""The pages of the feeds, the audit, the inbox and of what staff do with a customer, in German."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.models import ScoringPolicy
from customers.models import AuditEntry, Customer, CustomerCare, Erasure, KeyChange, Note
from tests.factories import (
    make_customer,
    make_engagement,
    make_event,
    make_feedback,
    make_onboarding,
    make_run,
    make_staff,
)
from tests.support.forms import form_on
from tests.support.german import english_left, reads_german
from tests.support.inbox import event, new_token, reported
from tests.support.pages import main_part, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer")]


@pytest.fixture
def ada(client: Client, settings: Settings) -> User:
    """An administrator who reads German, logged in."""
    user = make_staff("Administrator", username="ada", is_superuser=True)
    reads_german(user, settings)
    client.force_login(user)
    return user


@pytest.fixture
def customer(ada: User) -> Customer:
    """A customer of whom each table has a row."""
    customer = make_customer(id="c1", organization="Acme")
    make_onboarding(customer)
    make_engagement(customer, "2025-05-01")
    make_feedback(customer, "2025-05-01")
    make_event(customer, "2025-05-01", "note")
    CustomerCare.objects.create(customer=customer, owner=ada, do_not_contact=True)
    Note.objects.create(customer=customer, author="Ada", text="x")
    KeyChange.objects.create(customer=customer, former=make_customer(id="c0"), run=make_run(), same_address=True)
    Erasure.objects.create(salt="aa", digest="bb", erased_by="ada", counts={"notes": 2, "rows in quarantine": 1})
    reported(event("c1", "pr_merged"), event("c2", "page_view"), token=new_token(username="action")[0])
    return customer


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("customers/customer/", "Organisation"),
        ("customers/customer/c1/change/", "Woher diese Zeile kommt"),
        ("customers/customer/c1/erase/", "Das lässt sich nicht rückgängig machen."),
        ("customers/customer/?run=1", "Nur diese Zeilen: zuletzt geändert von Lauf 1."),
        ("customers/onboarding/", "fehlt im Feed"),
        ("customers/engagement/?date__gte=2025-05-01", "Nur diese Zeilen: Datum ab 1. Mai 2025."),
        ("customers/feedback/", "Kommentar"),
        ("customers/event/", "Einzelheit"),
        ("customers/customercare/", "Nicht anschreiben"),
        ("customers/customercare/c1/change/", "Zuständigkeit für c1"),
        ("customers/note/", "Notizen"),
        ("customers/keychange/", "dieselbe E-Mail-Adresse und Organisation"),
        ("customers/erasure/", "Notizen: 2, Zeilen in Quarantäne: 1"),
        ("customers/batch/", "nicht geladen"),
        ("customers/inboxevent/", "PR gemergt"),
        ("auth/group/add/", "Kunden endgültig löschen"),
        ("analytics/scoringpolicy/", "In Kraft"),
        ("analytics/scoringpolicy/add/", "Höchstpunkte"),
    ],
)
def test_a_page_is_german(client: Client, address: str, said: str) -> None:
    page = client.get(f"/admin/{address}")
    assert page.status_code == 200
    assert said.casefold() in words(page.text).replace("\u00a0", " ").casefold()
    assert english_left(page) == []


def test_the_page_of_two_keys_is_german(client: Client) -> None:
    pair = KeyChange.objects.get()
    page = client.get(f"/admin/customers/keychange/{pair.pk}/decide/")
    assert "Ist c0 jetzt c1?" in words(main_part(page))
    assert english_left(page) == []


def test_an_owner_is_assigned_in_german_and_written_down_in_english(client: Client, ada: User) -> None:
    bob = make_staff("Success manager", username="bob", first_name="Bob")
    sent = {"action": "assign_owner", "_selected_action": ["c1"]}
    page = client.post("/admin/customers/customer/", sent)
    assert "Zuständige Person für Acme festlegen" in words(main_part(page))
    assert english_left(page) == []
    done = client.post(
        "/admin/customers/customer/",
        {**sent, "owner": bob.pk, "expected": 1, "seen": page.context["seen"]},
        follow=True,
    )
    assert "Bob betreut jetzt 1 weiteren Kunden." in words(done.text)
    entry = AuditEntry.objects.latest("pk")
    assert (entry.subject, entry.text) == ("Assignment of c1", "owner: ada → bob")
    history = words(client.get("/admin/customers/customercare/c1/history/").text)
    assert "Owner: Bob (before: ada)." in history


def test_the_audit_is_german_around_what_it_says(client: Client) -> None:
    page = words(client.get("/admin/customers/auditentry/").text).replace("\u00a0", " ")
    for said in ("Audit-Protokoll", "Einzelheiten", "Angelegt", "Alles Angezeigte exportieren"):
        assert said in page
    entry = AuditEntry.objects.filter(action="add").latest("pk")
    page = words(client.get(f"/admin/customers/auditentry/{entry.pk}/change/").text)
    for said in ("Vorher Nachher", "Alle Einträge dieser Anfrage"):
        assert said in page


def test_a_conflict_is_told_in_german(client: Client, ada: User) -> None:
    address = "/admin/customers/customercare/c1/change/"
    sent = form_on(client.get(address), notes="mine")
    CustomerCare.objects.update(notes="theirs")
    answer = client.post(address, sent)
    text = words(answer.text)
    assert "Das hat sich inzwischen geändert" in text
    assert "Behalten, was jemand gespeichert hat" in text
    assert english_left(answer) == []


def test_whoever_finds_a_row_gone_is_told_in_german(client: Client, ada: User) -> None:
    address = "/admin/analytics/scoringpolicy/add/"
    made = form_on(client.get(address), "name", name="Mine")
    client.post(address, made)
    draft = ScoringPolicy.objects.latest("pk")
    address = f"/admin/analytics/scoringpolicy/{draft.pk}/change/"
    sent = form_on(client.get(address), name="Other")
    client.post(f"/admin/analytics/scoringpolicy/{draft.pk}/delete/", {"post": "yes"})
    answer = client.post(address, sent)
    assert "Regelwerk: nicht mehr vorhanden" in words(answer.text)
    assert "Sie haben Mine gerade eben gelöscht. Es wurde nichts gespeichert." in words(answer.text)
