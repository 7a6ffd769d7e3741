"""The audit is told together with its change or not at all, and nobody can change it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.test import Client

from analytics.models import Alert
from customers.audit import trail
from customers.audit.trail import Action
from customers.models import AuditEntry, CustomerCare, Note
from tests.factories import make_alert, make_customer, make_staff
from tests.support.audit import LIST, entries, entry_of, newest

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_folders")]


# --- With what it tells, or not at all --------------------------------------------------------------------------


def test_what_is_rolled_back_leaves_no_entry() -> None:
    newest_before = AuditEntry.objects.count()
    customer = make_customer()
    with transaction.atomic():
        Note.objects.create(customer=customer, author="x", text="x")
        assert AuditEntry.objects.count() == newest_before + 1
        transaction.set_rollback(True)
    assert AuditEntry.objects.count() == newest_before


def test_what_cannot_be_recorded_is_not_done(client: Client, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    alert = make_alert(make_customer())
    CustomerCare.objects.create(customer=alert.customer)
    client.raise_request_exception = False

    def fail(*_args: Any) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(trail, "record_all", fail)
    address = f"/admin/customers/customercare/{alert.customer_id}/change/"
    answers = [
        client.post("/admin/alerts/act/", {"alert": alert.pk, "action": "acknowledge"}),
        client.post(address, {"notes": "x"}),
        client.post(f"/admin/customer/{alert.customer_id}/notes/", {"text": "x"}),
        client.post(
            f"/admin/auth/user/{ada.pk}/password/", {"password1": "quite a long", "password2": "quite a long"}
        ),
    ]
    assert [answer.status_code for answer in answers] == [500] * 4
    assert Alert.objects.get().acknowledged_at is None
    assert CustomerCare.objects.get().notes == ""
    assert not Note.objects.exists()
    assert User.objects.get(pk=ada.pk).check_password("a long password")


# --- Append-only ------------------------------------------------------------------------------------------------


def test_the_database_refuses_to_change_or_delete_an_entry() -> None:
    trail.record(Action.EXPORT, "x")
    attempts: list[Callable[[], Any]] = [
        lambda: AuditEntry.objects.update(actor="somebody else"),
        lambda: newest().delete(),
        lambda: AuditEntry.objects.all().delete(),
    ]
    if connection.vendor == "postgresql":
        attempts.append(lambda: connection.cursor().execute("TRUNCATE customers_auditentry"))
    for attempt in attempts:
        with pytest.raises(DatabaseError, match="the audit is append-only"), transaction.atomic():
            attempt()
    assert newest().subject == "x"


def test_the_seal_is_closed_again() -> None:
    with pytest.raises(ValueError, match="x"), trail.writable():
        raise ValueError("x")
    with trail.writable():
        AuditEntry.objects.all().delete()
    trail.record(Action.EXPORT, "x")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.all().delete()


def test_an_erased_customer_leaves_what_was_done_but_no_text() -> None:
    erased, other = make_customer(id="c1", organization="Acme"), make_customer(id="c2", organization="Globex")
    for customer in (erased, other):
        Note.objects.create(customer=customer, author="x", text="Their mother is ill")
    CustomerCare.objects.create(customer=erased, do_not_contact=True)
    before = len(entries())
    assert trail.anonymise("c1") == 2
    assert not entries(customer="c1")
    note, care = entries(subject="erased")
    assert (note.action, note.subject, note.text) == ("add", "erased", "erased")
    assert note.changes["text"] == [None, "erased"]
    assert care.changes["do not contact"] == [None, True]
    assert entry_of("add", customer="c2", model="customers.note").changes["text"] == [None, "Their mother is ill"]
    assert len(entries()) == before


def test_nobody_edits_it_in_the_admin(client: Client) -> None:
    client.force_login(make_staff(is_superuser=True))
    entry = newest()
    address = f"{LIST}{entry.pk}/"
    assert client.get(f"{address}change/").status_code == 200
    for page in (f"{address}change/", f"{address}delete/", f"{LIST}add/"):
        assert client.post(page, {"actor": "x", "post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": entry.pk, "post": "yes"})
    assert AuditEntry.objects.filter(pk=entry.pk, actor=entry.actor).exists()
