"""An email that waits for approval: previewed, changed, sent once, or skipped."""

import re

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.http import HttpResponse
from django.test import Client

from analytics.models import Deferral, MailTemplate, Message, PlaybookStepRun
from analytics.playbooks.end import stop
from customers.models import AuditEntry, Customer, CustomerCare
from tests.analytics.playbooks.conftest import Passes
from tests.factories import make_message, make_staff
from tests.support.pages import main_part, notices, said, section, words
from tests.support.playbooks import AT_RISK, email, emails, look, make_playbook, own, run_of, steps_of, task

pytestmark = pytest.mark.django_db
MY_DAY = "/admin/my-day/"


@pytest.fixture
def sofia(client: Client, passes: Passes) -> User:
    """The owner of a customer for whom an email waits, logged in."""
    make_playbook(email(), task(30))
    passes(0, c1=AT_RISK)
    owner: User = own("c1")
    look()
    client.force_login(owner)
    return owner


def address() -> str:
    return f"/admin/playbooks/emails/{PlaybookStepRun.objects.get(state='waiting').pk}/"


def sent(response: HttpResponse, action: str, **changed: str) -> dict[str, str]:
    """What a button of the page sends."""
    token = re.search(r'name="token" value="([^"]*)"', response.text)
    form = response.context["form"]
    said = {"subject": form["subject"].value(), "body": form["body"].value(), "token": token[1] if token else ""}
    return {**said, "action": action, **changed}


def test_it_stands_on_my_day_and_on_the_customers_page(client: Client, sofia: User) -> None:
    mine = section(client.get(f"{MY_DAY}?owner={sofia.pk}"), "approvals")
    assert mine == "Emails to approve 1 Company c1 Email: Hello Playbook Rescue · since 12 May 2025 Review"
    assert 'id="approvals"' not in client.get(f"{MY_DAY}?owner=nobody").text
    assert 'id="approvals"' in client.get(f"{MY_DAY}?owner=").text
    assert "Email: Hello Waits for approval Review" in section(client.get("/admin/customer/c1/"), "playbooks")


def test_it_is_previewed_and_sent_once(client: Client, sofia: User) -> None:
    here = address()
    page = client.get(here)
    shown = words(main_part(page))
    assert "Subject Hello Company c1" in shown and "How are you? Sofia" in shown
    data = sent(page, "send")
    response = client.post(here, data, follow=True)
    to = Customer.objects.get(pk="c1").email
    assert said(response) == [f"Sent to {to}."]
    [one] = mail.outbox
    assert (one.to, one.subject, one.body, one.reply_to) == (
        [to],
        "Hello Company c1",
        "How are you?\n\nSofia",
        ["sofia@rsolv.example"],
    )
    again = client.post(here, data, follow=True)
    assert "This email no longer waits" in " ".join(said(again))
    assert (len(mail.outbox), emails()) == (1, [("sent", "Hello Company c1")])
    done = PlaybookStepRun.objects.get()
    assert (done.state, done.done_by, done.message) == ("done", "sofia", Message.objects.get())
    entry = AuditEntry.objects.filter(model="analytics.playbooksteprun").latest("pk")
    assert (entry.actor, entry.customer) == ("sofia", "c1")
    assert entry.changes["state"] == ["Waits for approval", "Done"]


def test_changed_words_are_shown_before_they_are_sent(client: Client, sofia: User) -> None:
    page = client.get(address())
    asked = client.post(address(), sent(page, "send", subject="Another {organization}"))
    assert asked.status_code == 422 and mail.outbox == []
    assert "the text has changed. This is how it reads now." in words(main_part(asked))
    assert "Subject Another Company c1" in words(main_part(asked))
    client.post(address(), sent(asked, "send"))
    assert [one.subject for one in mail.outbox] == ["Another Company c1"]


def test_a_placeholder_without_a_value_is_told_and_can_be_replaced(client: Client, sofia: User) -> None:
    MailTemplate.objects.filter(name="Hello").update(body="Blocked by {blocker}")
    page = client.get(address())
    assert "There is no {blocker} for Company c1" in words(main_part(page))
    assert ">Send</button>" not in page.text
    shown = client.post(address(), sent(page, "preview", body="Hello there"))
    assert "Hello there" in words(main_part(shown)) and shown.status_code == 200


def test_skipped_it_is_not_sent(client: Client, sofia: User) -> None:
    response = client.post(address(), {"action": "skip"}, follow=True)
    assert said(response) == ["Skipped: Email: Hello."]
    assert (steps_of(), mail.outbox) == ([("Email: Hello", "skipped", "")], [])
    assert PlaybookStepRun.objects.get().done_by == "sofia"


def test_do_not_contact_in_the_middle_leaves_only_skipping(client: Client, sofia: User) -> None:
    page = client.get(address())
    CustomerCare.objects.filter(pk="c1").update(do_not_contact=True)
    refused = client.post(address(), sent(page, "send"))
    assert refused.status_code == 422 and mail.outbox == []
    assert "This customer is marked “do not contact”." in " ".join(notices(refused))
    assert ">Send</button>" not in refused.text and "Skip this email" in refused.text


def test_who_was_written_to_meanwhile_is_asked_for(client: Client, sofia: User) -> None:
    make_message(Customer.objects.get(pk="c1"))
    page = client.get(address())
    assert client.post(address(), sent(page, "send")).status_code == 422
    assert (mail.outbox, PlaybookStepRun.objects.get().state) == ([], "waiting")
    client.post(address(), sent(page, "send", confirmed="yes"))
    assert len(mail.outbox) == 1


def test_a_stop_in_the_middle_sends_nothing(client: Client, sofia: User) -> None:
    here = address()
    data = sent(client.get(here), "send")
    stop(run_of(), make_staff("Success manager"))
    assert "This email no longer waits" in " ".join(said(client.post(here, data, follow=True)))
    assert mail.outbox == []


def test_a_viewer_neither_opens_nor_sends_it(client: Client, sofia: User) -> None:
    client.force_login(make_staff("Viewer"))
    assert client.get(address()).status_code == 403
    shown = client.get("/admin/playbooks/").text
    assert "Emails to approve" in shown and ">Review<" not in shown


def test_an_email_whose_template_went_in_the_middle_is_written_by_hand(client: Client, sofia: User) -> None:
    MailTemplate.objects.filter(name="Hello").delete()
    page = client.get(address())
    assert "This field is required." in words(main_part(page))
    shown = client.post(address(), sent(page, "preview", subject="Hi", body="Hello there"))
    client.post(address(), sent(shown, "send"))
    assert [one.subject for one in mail.outbox] == ["Hi"]


def test_a_snooze_in_the_middle_is_told(client: Client, sofia: User) -> None:
    Deferral.objects.create(customer_id="c1", until="2025-05-20", created_by="sofia")
    assert "Snoozed until 20 May 2025, by Sofia." in notices(client.get(address()))
