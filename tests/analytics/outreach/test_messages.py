"""Mails after they were sent, or not: what a failure leaves, where a mail is found again, and the templates."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.customer_page.timeline import TimelineFilter, timeline
from analytics.mail import outbox
from analytics.models import MailTemplate, Message
from customers.models import Customer
from tests.factories import make_customer, make_message, make_staff
from tests.support.contacting import ACME, preview, send
from tests.support.pages import links, main_part, notices, section, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "from_rsolv")]

PAGE_QUERIES = 12
"""Session, user and twice permissions; customer, scored date, snapshot, templates; do not contact, the same of a
former key, the newest mail; ``missing_since`` and care come with the customer; the badges."""


# --- Failures ---------------------------------------------------------------------------------------------------


def test_a_failure_keeps_the_text_and_can_be_tried_again(
    client: Client, sofia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "open", refuse)
        response = send(client, preview(client))
    page = client.get(response.url)
    assert "This was not sent. The mail server cannot be reached: no route. Its text is kept here." in notices(page)
    assert "How do you do?" in section(page, "mail")
    assert client.post(response.url, {"action": "again"}).url == response.url
    assert Message.objects.get().state == "sent"
    assert client.post(response.url, {"action": "again"}).status_code == 302
    assert len(mail.outbox) == 1


def refuse(_backend: EmailBackend) -> None:
    raise OSError("no route")


def test_a_kill_between_sending_and_recording_leaves_it_open(
    client: Client, sofia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    previewed = preview(client)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(outbox, "record", interrupt)
        send(client, previewed)
    message = Message.objects.get()
    assert (message.state, len(mail.outbox)) == ("sending", 1)
    address = send(client, previewed).url
    assert "It is being sent. Load this page again in a moment." in notices(client.get(address))
    assert client.post(address, {"action": "again"}).status_code == 302
    assert len(mail.outbox) == 1

    Message.objects.update(attempted_at=timezone.now() - timedelta(minutes=11))
    page = client.get(address)
    assert notices(page)[0].startswith("Nobody can know whether this was sent. The server stopped before")
    assert "Send it again" in page.text
    client.post(address, {"action": "sent"})
    message.refresh_from_db()
    assert (message.state, message.error) == ("sent", "Marked as sent by sofia.")
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("ahead", [timedelta(minutes=11), timedelta(days=30)])
def test_a_mail_that_was_tried_while_the_clock_was_ahead_is_settled_too(
    client: Client, sofia: User, ahead: timedelta
) -> None:
    tried = timezone.now() + ahead
    message = make_message(Customer.objects.get(pk="c1001"), sofia, state="sending", attempted_at=tried)
    address = f"/admin/messages/{message.pk}/"
    assert notices(client.get(address))[0].startswith("Nobody can know whether this was sent.")
    client.post(address, {"action": "failed"})
    message.refresh_from_db()
    assert message.state == "failed"


def interrupt(*_arguments: Any) -> None:
    raise KeyboardInterrupt


def test_what_was_perhaps_sent_is_marked_as_not_sent_and_tried_again(client: Client, sofia: User) -> None:
    message = make_message(
        Customer.objects.get(pk="c1001"),
        sofia,
        state="sending",
        error="The mail server gave no answer.",
        recipient="john@acme.com",
        reply_to=sofia.email,
    )
    address = f"/admin/messages/{message.pk}/"
    client.post(address, {"action": "failed"})
    assert notices(client.get(address)) == [
        "This was not sent. Marked as not sent by sofia. Its text is kept here.",
    ]
    client.post(address, {"action": "again"})
    assert [sent.extra_headers["Message-ID"] for sent in mail.outbox] == [message.message_id]


def test_a_sent_message_is_marked_as_nothing_else(client: Client, sofia: User) -> None:
    message = make_message()
    client.post(f"/admin/messages/{message.pk}/", {"action": "failed"})
    assert Message.objects.get().state == "sent"


def test_who_did_not_write_it_begins_anew_with_its_text(client: Client, sofia: User) -> None:
    message = make_message(Customer.objects.get(pk="c1001"), state="failed", error="no")
    page = client.get(f"/admin/messages/{message.pk}/")
    assert "Only who wrote it can send it as it is." in words(main_part(page))
    [address] = links(page, "Write anew with this text")
    assert 'value="How is it going?"' in client.get(address).text
    assert client.get(f"/admin/customer/c1002/contact/?message={message.pk}").status_code == 404


# --- Where it is found again ------------------------------------------------------------------------------------


def test_the_entries_of_the_timeline() -> None:
    customer = make_customer()
    now = timezone.now()
    old = make_message(customer, attempted_at=now - timedelta(days=2), subject="Old")
    new = make_message(customer, attempted_at=now, subject="New", state="failed")
    make_message()
    day, before = timezone.localtime(now).date(), timezone.localtime(now - timedelta(days=2)).date()
    entries = timeline(customer, day, chosen=TimelineFilter.STAFF).entries
    assert [(one.day, one.who, one.text, one.address) for one in entries] == [
        (day, "sofia", "Email “New” (not sent)", f"/admin/messages/{new.pk}/"),
        (before, "sofia", "Email “Old”", f"/admin/messages/{old.pk}/"),
    ]
    then = timeline(customer, before, is_newest=False).entries
    assert [one.text for one in then] == ["Email “Old”"]


def test_a_viewer_reads_a_message_and_cannot_act(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    message = make_message(state="failed", error="no")
    page = client.get(f"/admin/messages/{message.pk}/")
    assert "how is it going?" in section(page, "mail")
    assert "<form" not in main_part(page)
    assert client.post(f"/admin/messages/{message.pk}/", {"action": "again"}).status_code == 403


@pytest.mark.parametrize("key", ["0", "999999", "99999999999999999999"])
def test_a_message_that_is_not_there(client: Client, sofia: User, key: str) -> None:
    assert client.get(f"/admin/messages/{key}/").status_code == 404


def test_the_list_of_messages(client: Client, sofia: User) -> None:
    message = make_message(subject="Found")
    make_message(state="failed", subject="Other")
    response = client.get("/admin/analytics/message/?q=found&state__exact=sent")
    assert [one.pk for one in response.context["cl"].result_list] == [message.pk]
    assert client.get(f"/admin/analytics/message/{message.pk}/change/").url == f"/admin/messages/{message.pk}/"
    assert client.get("/admin/analytics/message/x/change/").status_code == 302


# --- Templates in the admin -------------------------------------------------------------------------------------


def test_a_template_is_shown_for_a_customer_whom_it_fits(client: Client) -> None:
    client.force_login(make_staff("Program manager", first_name="Paula"))
    template = MailTemplate.objects.get(situation="blocker")
    address = f"/admin/analytics/mailtemplate/{template.pk}/change/"
    response = client.get(address)
    assert response.context["sample"].pk == "c1001"
    assert response.context["sample_body"].startswith(
        "Hello Acme Inc. team,\n\nIt looks like your RSOLV setup is stuck on one thing: GitHub permissions."
    )
    other = client.get(f"{address}?sample=c1003")
    assert (other.context["sample"].pk, other.context["sample_lacks"]) == ("c1003", ["blocker"])
    assert client.get(f"{address}?sample=%00").status_code == 200
    assert client.get(f"{address}?sample=nobody").context["sample"].pk == "c1001"


def test_a_template_with_a_fault_is_not_saved(client: Client) -> None:
    client.force_login(make_staff("Program manager"))
    data = {"name": "New", "situation": "check_in", "subject": "Hello {nobody}", "body": "Hello {", "active": "on"}
    data["language"] = "en"
    response = client.post("/admin/analytics/mailtemplate/add/", data)
    assert response.status_code == 200
    assert "There is no placeholder {nobody}" in response.text
    assert "without its other brace" in response.text
    right = {**data, "subject": "Hello {organization}", "body": "Hello"}
    assert client.post("/admin/analytics/mailtemplate/add/", right).status_code == 302


# --- What it costs ----------------------------------------------------------------------------------------------


def count(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_the_number_of_queries_does_not_grow(client: Client, sofia: User) -> None:
    customer = Customer.objects.get(pk="c1001")
    message = make_message(customer)
    pages = {
        address: count(client, address)
        for address in (ACME, f"/admin/messages/{message.pk}/", "/admin/analytics/message/")
    }
    assert pages[ACME] == PAGE_QUERIES
    for _ in range(20):
        make_message(customer, make_staff())
        MailTemplate.objects.create(name=f"t{_}", situation="check_in", subject="s", body="b")
    assert {address: count(client, address) for address in pages} == pages
