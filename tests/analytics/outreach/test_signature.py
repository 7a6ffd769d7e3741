"""A person's own signature below the mails to customers; and the task that a sent mail may have done."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from analytics.models import Message, Preferences, Task
from customers.models import Customer
from tests.factories import make_message, make_staff
from tests.support.contacting import preview, send
from tests.support.pages import section, words
from tests.support.tasks import make_task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "from_rsolv")]
PAGE = "/admin/preferences/"


def test_it_is_kept_in_the_preferences_and_stands_below_each_mail(client: Client, sofia: User) -> None:
    client.post(PAGE, {"signature": "Sofia Marchetti\r\nCustomer Success {RSOLV}"})
    previewed = preview(client)
    assert section(previewed, "mail").endswith(
        "How do you do? Sofia Marchetti -- Sofia Marchetti Customer Success {RSOLV}"
    )
    send(client, previewed)
    expected = "How do you do?\n\nSofia Marchetti\n\n-- \nSofia Marchetti\nCustomer Success {RSOLV}"
    assert [one.body for one in mail.outbox] == [expected]
    assert Message.objects.get().body == expected


def test_a_mail_that_is_written_anew_has_it_once(client: Client, sofia: User) -> None:
    Preferences.objects.create(user=sofia, signature="Sofia")
    previewed = preview(client, body="Hello\n\n-- \nSofia")
    assert section(previewed, "mail").endswith("Hello -- Sofia")


@pytest.mark.parametrize("signature", ["", " \n"])
def test_without_one_nothing_is_added(client: Client, sofia: User, signature: str) -> None:
    Preferences.objects.create(user=sofia, signature=signature)
    assert section(preview(client), "mail").endswith("How do you do? Sofia Marchetti")


def test_a_preview_from_before_the_signature_changed_is_not_sent(client: Client, sofia: User) -> None:
    previewed = preview(client)
    Preferences.objects.create(user=sofia, signature="Sofia")
    assert send(client, previewed).status_code == 422
    assert mail.outbox == []


@pytest.mark.parametrize("signature", ["x" * 501, "a\x07b"])
def test_what_is_no_signature_is_refused(client: Client, sofia: User, signature: str) -> None:
    assert client.post(PAGE, {"signature": signature}).status_code == 422
    assert not Preferences.objects.exists()


def test_who_writes_to_no_customer_has_none(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    assert "Email signature" not in client.get(PAGE).text
    client.post(PAGE, {"signature": "x"})
    assert Preferences.objects.get().signature == ""


# --- The task that it may have done -----------------------------------------------------------------------------

ASKED = "Did this complete your task?"


def make_email_task(**values: Any) -> Task:
    return make_task(Customer.objects.get(pk="c1001"), **{"kind": "email", **values})


def test_a_mail_for_no_task_asks_about_ones_own_task_to_write(client: Client, sofia: User) -> None:
    task = make_task(
        Customer.objects.get(pk="c1001"), kind="email", owner=sofia, what="Write to them", due=date(2025, 5, 12)
    )
    page = client.get(f"/admin/messages/{make_message(task.customer, sender=sofia, state='sent').pk}/")
    assert f"{ASKED} “Write to them”, due 12 May 2025" in words(page.text)


@pytest.mark.parametrize(
    "other", [{"kind": "call"}, {"owner": None}, {"state": "done", "closed_at": timezone.now(), "closed_by": "sofia"}]
)
def test_about_other_tasks_it_does_not_ask(client: Client, sofia: User, other: dict[str, object]) -> None:
    task = make_email_task(**{"owner": sofia, **other})
    page = client.get(f"/admin/messages/{make_message(task.customer, sender=sofia, state='sent').pk}/")
    assert ASKED not in words(page.text)


def test_nor_about_a_task_of_after_the_mail(client: Client, sofia: User) -> None:
    task = make_email_task(owner=sofia)
    sent = make_message(task.customer, sender=sofia, state="sent", attempted_at=task.created_at - timedelta(days=1))
    assert ASKED not in words(client.get(f"/admin/messages/{sent.pk}/").text)
