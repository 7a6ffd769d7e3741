"""Writing to one customer and to several in German: pages, refusals and what is told; what is stored stays English."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.models import MailTemplate, Message, Task
from analytics.outreach.scheduled import cancel
from tests.factories import make_staff
from tests.support.contacting import ACME, preview, send
from tests.support.german import english_left, reads_german
from tests.support.pages import said, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "from_rsolv", "in_german")]

TO_CUSTOMERS = ["First PR"]
"""What a placeholder stands for is English, since no template says yet in which language it is."""
LETTER = {"customer": ["c1001", "c1002"], "subject": "Hello {organization}", "body": "Since {signup_date}.\r\n"}


@pytest.fixture
def in_german(sofia: User, settings: Settings) -> None:
    """Sofia reads German."""
    reads_german(sofia, settings)


def test_the_way_to_a_sent_email_is_german(client: Client) -> None:
    assert english_left(client.get(ACME)) == TO_CUSTOMERS
    shown = preview(client, body="Since {signup_date}.")
    assert english_left(shown) == []
    assert "Since 3 May 2025." in shown.text
    sent = send(client, shown)
    assert sent.status_code == 302
    assert said(client.get(sent["Location"])) == [f"Gesendet an {Message.objects.get().recipient}."]
    assert len(mail.outbox) == 1
    page = client.get(sent["Location"])
    assert english_left(page) == []


def test_a_refusal_is_german(client: Client) -> None:
    refused = preview(client, subject="Hi {no_such}", body="{blocker} {success_rate} {last_active}")
    assert refused.status_code == 422
    assert english_left(refused) == TO_CUSTOMERS


def test_what_becomes_of_an_email_is_stored_in_english(sofia: User, client: Client) -> None:
    send_at = datetime(2025, 6, 1, 9, tzinfo=UTC)
    message = Message.objects.create(
        customer_id="c1001",
        sender=sofia,
        sent_by="sofia",
        recipient="john@acme.com",
        subject="Hi",
        body="Hi",
        reply_to="sofia@rsolv.example",
        message_id="<1@x>",
        state=Message.State.SCHEDULED,
        send_at=send_at,
    )
    assert cancel(message, sofia)
    message.refresh_from_db()
    assert message.error == "Canceled by sofia."
    page = client.get(f"/admin/messages/{message.pk}/")
    assert "abgebrochen am" in words(page.text)


def test_a_message_to_several_is_german(client: Client) -> None:
    for action in ("", "preview"):
        page = client.post("/admin/bulk/message/", {**LETTER, "action": action})
        assert page.status_code == 200
        assert english_left(page) == []


def test_an_act_on_several_is_german_and_can_be_undone(client: Client) -> None:
    asked = client.post("/admin/bulk/task/", {"customer": ["c1001", "c1002"]})
    assert english_left(asked) == []
    assert "Aufgabe anlegen: 2 Kunden" in words(asked.text)
    form = {"customer": ["c1001", "c1002"], "expected": "2", "what": "Ask how it goes", "due": "2025-05-20"}
    done = client.post("/admin/bulk/task/", form)
    assert said(client.get(done["Location"])) == ["2 Aufgaben angelegt. Fällig am 20. Mai 2025."]
    again = client.post("/admin/bulk/task/", form)
    assert said(client.get(again["Location"])) == ["2 Kunden übersprungen: Diese Aufgabe ist dort schon offen."]
    assert Task.objects.filter(what="Ask how it goes").count() == 2


def test_a_templates_form_says_what_is_deleted_as_german_does(client: Client, settings: Settings) -> None:
    manager = make_staff("Program manager")
    reads_german(manager, settings)
    client.force_login(manager)
    template = MailTemplate.objects.get(situation="check_in")
    page = words(client.get(f"/admin/analytics/mailtemplate/{template.pk}/change/").text)
    assert "E-Mail-Vorlage löschen" in page
    assert "Speichern und weiter bearbeiten" in page
    assert "Löschen E-Mail-Vorlage" not in page
