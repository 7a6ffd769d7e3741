"""One message to several customers: composed, shown for each, and sent once to each that was shown."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.bulk import message_views
from analytics.models import Contact, MailTemplate, Message, Preferences
from customers.models import Customer, CustomerCare
from tests.factories import make_customer, make_message, make_staff
from tests.support.contacting import draft, make_sofia, typed_into
from tests.support.pages import Elements, main_part, said, words

pytestmark = pytest.mark.django_db

PAGE = "/admin/bulk/message/"
TEXTS = {"subject": "Hello {organization}", "body": "Your name on GitHub is {github_username}.\r\n\r\n{sender}"}
BOTH = {"customer": ["m1", "m2"]}


@pytest.fixture(autouse=True)
def from_rsolv(settings: Settings) -> None:
    """Mails have a sender."""
    settings.DEFAULT_FROM_EMAIL = "RSOLV <success@rsolv.example>"


@pytest.fixture
def sofia(client: Client) -> User:
    """Somebody who can be answered, logged in."""
    user = make_sofia()
    client.force_login(user)
    return user


@pytest.fixture(autouse=True)
def two(sofia: User) -> list[Customer]:
    """Acme and Beta, each with an address and a name on GitHub."""
    return [
        make_customer(
            id=key, organization=name, email=f"{name.lower()}@example.com", github_username=f"{name.lower()}-dev"
        )
        for key, name in (("m1", "Acme"), ("m2", "Beta"))
    ]


def preview(client: Client, **data: object) -> HttpResponse:
    return client.post(PAGE, {**BOTH, **TEXTS, "action": "preview", **data})


def fields(page: HttpResponse) -> dict[str, list[str]]:
    """What the form of the previews would send, without its buttons."""
    form = re.findall(r'<form method="post".*?</form>', main_part(page), re.DOTALL)[-1]
    found: dict[str, list[str]] = {}
    for tag, one in Elements(form).found:
        if tag == "input":
            found.setdefault(str(one["name"]), []).append(unescape(one.get("value") or ""))
    return found


def send(client: Client, page: HttpResponse, **changed: object) -> HttpResponse:
    return client.post(PAGE, {**fields(page), "action": "send", **changed})


def test_the_words_are_asked_for_first(client: Client) -> None:
    page = client.post(f"{PAGE}?q=e", BOTH)
    assert "Message 2 customers" in words(main_part(page))
    template = MailTemplate.objects.filter(active=True).first()
    chosen = client.post(PAGE, {**BOTH, "action": "template", "choose": template.pk})
    assert chosen.context["form"]["body"].value() == template.body
    wrong = client.post(PAGE, {**BOTH, "action": "preview", "subject": "", "body": "{nonsense}"})
    assert wrong.status_code == 422
    assert "There is no placeholder {nonsense}" in words(main_part(wrong))


def test_each_is_shown_then_sent_once(client: Client, sofia: User) -> None:
    page = preview(client)
    text = words(main_part(page))
    assert "Send 2 emails?" in text
    assert "Subject Hello Acme Your name on GitHub is acme-dev." in text
    assert "Subject Hello Beta Your name on GitHub is beta-dev." in text
    assert mail.outbox == []
    assert send(client, page).status_code == 302
    assert [(one.to, one.subject, one.body) for one in mail.outbox] == [
        (["acme@example.com"], "Hello Acme", "Your name on GitHub is acme-dev.\n\nSofia Marchetti"),
        (["beta@example.com"], "Hello Beta", "Your name on GitHub is beta-dev.\n\nSofia Marchetti"),
    ]
    assert set(Message.objects.values_list("customer", "state", "sender")) == {
        ("m1", "sent", sofia.pk),
        ("m2", "sent", sofia.pk),
    }
    assert said(client.get("/admin/reports/")) == ["2 messages sent."]
    assert send(client, page).status_code == 302
    assert said(client.get("/admin/reports/")) == ["They were sent or scheduled before."]
    assert len(mail.outbox) == 2 and Message.objects.count() == 2


def test_who_cannot_be_written_to_is_named_with_the_reason(client: Client, two: list[Customer]) -> None:
    CustomerCare.objects.create(customer=two[0], do_not_contact=True)
    page = words(main_part(preview(client)))
    assert "Send 1 email?" in page
    assert "Not sent to Acme : This customer is marked “do not contact”." in page
    Customer.objects.filter(pk="m2").update(github_username="")
    page = words(main_part(preview(client)))
    assert "Nobody can get this email" in page
    assert "Beta : There is no {github_username} for Beta: write something else in its place." in page


def test_who_was_written_to_lately_gets_no_second_mail(client: Client) -> None:
    send(client, preview(client, customer="m1"))
    page = preview(client)
    assert "Not sent to Acme : Somebody wrote to them within the last 3 days." in words(main_part(page))
    send(client, page)
    assert [one.to for one in mail.outbox] == [["acme@example.com"], ["beta@example.com"]]


def test_one_that_is_unchecked_is_left_out(client: Client) -> None:
    page = preview(client)
    sent = fields(page)
    del sent["token-m1"]
    client.post(PAGE, {**sent, "action": "send"})
    assert [one.to for one in mail.outbox] == [["beta@example.com"]]


def test_what_changed_since_the_preview_is_not_sent(client: Client, two: list[Customer]) -> None:
    page = preview(client)
    CustomerCare.objects.create(customer=two[0], do_not_contact=True)
    Customer.objects.filter(pk="m2").update(email="other@example.com")
    again = send(client, page)
    assert mail.outbox == []
    assert said(again) == [
        "Acme: This customer is marked “do not contact”.",
        "Beta: It was not sent: something has changed since the preview.",
    ]


def test_where_nothing_was_sent_the_words_are_not_lost(client: Client, two: list[Customer]) -> None:
    page = preview(client)
    Customer.objects.filter(pk="m2").update(email="other@example.com")
    again = send(client, page, **{"token-m1": "stale"})
    assert (mail.outbox, "Send 2 emails?" in words(main_part(again))) == ([], True)
    assert send(client, again).status_code == 302
    assert [one.to for one in mail.outbox] == [["acme@example.com"], ["other@example.com"]]


def test_a_template_does_not_take_the_place_of_own_words_for_good(client: Client) -> None:
    check_in = MailTemplate.objects.get(name="Check-in")
    own = {"subject": "My own", "body": "Two\r\nlines of my own"}
    page = client.post(PAGE, {**BOTH, **own, "action": "template", "choose": check_in.pk})
    assert typed_into(page) == (check_in.subject, check_in.body)
    assert "Your own words are kept. My own: Two lines of my own" in words(main_part(page))
    # They stay through a preview and back.
    page = client.post(PAGE, {**BOTH, **draft(page), "action": "preview"})
    page = client.post(PAGE, {**fields(page), "action": "edit"})
    page = client.post(PAGE, {**BOTH, **draft(page), "action": "own"})
    assert typed_into(page) == ("My own", "Two\nlines of my own")


def test_each_goes_to_the_primary_contact_with_the_signature(client: Client, sofia: User) -> None:
    Contact.objects.create(customer_id="m1", name="Ann", email="ann@example.com", is_primary=True)
    Contact.objects.create(customer_id="m2", name="Bea", email="bea@example.com")
    Preferences.objects.update_or_create(user=sofia, defaults={"signature": "RSOLV"})
    send(client, preview(client))
    assert [one.to for one in mail.outbox] == [["ann@example.com"], ["beta@example.com"]]
    assert {one.body.partition("\n\n-- \n")[2] for one in mail.outbox} == {"RSOLV"}


def test_for_whom_an_email_is_scheduled_is_left_out(client: Client, two: list[Customer]) -> None:
    make_message(two[0], state="scheduled", send_at=timezone.now())
    assert "Not sent to Acme : An email to them is scheduled." in words(main_part(preview(client)))


def test_each_is_scheduled_once_and_none_is_sent(client: Client) -> None:
    page = preview(client)
    assert send(client, page, action="later", at="2020-01-01T09:00").status_code == 422
    at = timezone.localtime(timezone.now() + timedelta(days=1)).replace(second=0, microsecond=0)
    for _twice in range(2):
        assert send(client, page, action="later", at=f"{at:%Y-%m-%dT%H:%M}").status_code == 302
    assert said(client.get("/admin/reports/"))[0] == f"2 messages scheduled for {at:%-d %b %Y, %H:%M}."
    assert mail.outbox == []
    assert list(Message.objects.order_by("customer").values_list("customer", "state", "send_at")) == [
        ("m1", "scheduled", at),
        ("m2", "scheduled", at),
    ]


def test_other_words_than_those_shown_are_not_sent(client: Client) -> None:
    page = preview(client)
    send(client, page, body="Something else")
    tokens = fields(page)
    send(client, page, **{"token-m1": tokens["token-m2"], "token-m2": ""})
    assert mail.outbox == []


def test_two_with_one_mailbox_get_one_mail(client: Client) -> None:
    Customer.objects.filter(pk="m2").update(email="acme@example.com")
    send(client, preview(client))
    assert len(mail.outbox) == 1
    assert said(client.get("/admin/reports/"))[0] == "1 message sent."


def test_edit_leads_back_to_the_same_words(client: Client) -> None:
    page = client.post(PAGE, {**fields(preview(client)), "action": "edit"})
    assert (page.status_code, page.context["form"]["subject"].value()) == (200, "Hello {organization}")


def test_no_more_than_fifty(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert message_views.MAX_LETTERS == 50
    monkeypatch.setattr(message_views, "MAX_LETTERS", 1)
    for action in ("", "preview", "send"):
        page = client.post(PAGE, {**BOTH, **TEXTS, "action": action})
        assert "At most 1 customers at once" in words(main_part(page))
        assert (action == "") or "{github_username}" in page.text.partition("<textarea")[2], "typed words stay"
    assert mail.outbox == []


def test_a_viewer_may_not(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    assert preview(client).status_code == 403
