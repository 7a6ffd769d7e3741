"""What keeps somebody from writing to a customer, or warns: the text, the wish, the address, three days, old data."""

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.http import HttpResponse
from django.test import Client, override_settings
from django.utils import timezone

from analytics.models import Message
from analytics.outreach import sending
from customers.models import Customer, CustomerCare
from tests.factories import make_customer, make_message, make_run, make_staff
from tests.support.contacting import ACME, TEXTS, draft, preview, send
from tests.support.pages import links, main_part, notices, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "from_rsolv")]


@pytest.fixture
def twin() -> Customer:
    """Another customer of the mailbox of Acme, whose address is john@acme.com."""
    return make_customer(id="twin", email="John+billing@ACME.com", organization="Acme Two")


def reasons(response: HttpResponse) -> list[str]:
    return [words(one) for one in re.findall(r'<ul class="reasons".*?</ul>', main_part(response), re.DOTALL)]


# --- What is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"subject": ""}, "This field is required."),
        ({"body": " \n "}, "This field is required."),
        ({"subject": "{nobody}"}, "There is no placeholder {nobody}: use one of the list"),
        ({"body": "{organization.__class__}"}, "There is no placeholder {organization.__class__}"),
        ({"body": "Hello {organization"}, "Line 1 has a “{” without its other brace."),
        ({"body": "{success_rate}"}, "There is no {success_rate} for Acme Inc.: write something else in its place."),
        ({"subject": "a\nBcc: x@y.example"}, "The subject is one line, without hidden characters."),
        ({"subject": "a\0b"}, "Null characters are not allowed."),
        ({"body": "a\0b"}, "Null characters are not allowed."),
        ({"body": "a\x1bb"}, "The text has a control character."),
        ({"subject": "x" * 201}, "Ensure this value has at most 200 characters (it has 201)."),
        (
            {"subject": "{sender}" * 12 + "x" * 22},
            "The subject has 202 characters when it is filled, at most 200 are allowed.",
        ),
        ({"body": "x" * 20_001}, "Ensure this value has at most 20000 characters"),
    ],
)
def test_a_text_that_cannot_be_sent(client: Client, sofia: User, data: dict[str, str], reason: str) -> None:
    response = preview(client, **data)
    assert response.status_code == 422
    assert reason in reasons(response)[0]
    assert send(client, response).status_code == 422
    assert Message.objects.count() == 0


def obstacles(response: HttpResponse) -> list[str]:
    return [text.removeprefix("Nothing can be sent. ") for text in notices(response)]


def test_do_not_contact(client: Client, sofia: User) -> None:
    CustomerCare.objects.create(customer_id="c1001", do_not_contact=True)
    page = client.get("/admin/customer/c1001/")
    assert links(page, "Contact customer") == []
    assert links(page, "john@acme.com") == []
    assert "Do not contact. Nobody can write to this customer from here." in notices(page)
    response = client.get(ACME)
    assert obstacles(response) == ["This customer is marked “do not contact”."]
    assert "<textarea" not in main_part(response)
    assert preview(client).status_code == 422


def test_do_not_contact_that_was_set_after_the_preview(client: Client, sofia: User) -> None:
    previewed = preview(client)
    CustomerCare.objects.create(customer_id="c1001", do_not_contact=True)
    response = send(client, previewed)
    assert response.status_code == 422
    assert "This customer is marked “do not contact”." in obstacles(response)
    assert (Message.objects.count(), mail.outbox) == (0, [])


def test_do_not_contact_that_is_set_in_the_last_moment(client: Client, sofia: User) -> None:
    draft = sending.draft_email(Customer.objects.get(pk="c1001"), sofia, "s", "b")
    CustomerCare.objects.create(customer_id="c1001", do_not_contact=True)
    with pytest.raises(sending.NotSent, match="do not contact"):
        sending.claim_draft(draft, "key", confirmed=True)
    assert Message.objects.count() == 0


@pytest.mark.parametrize(
    ("email", "obstacle"),
    [
        ("a@x.example,b@x.example", "'a@x.example,b@x.example' is not exactly one email address."),
        ("a@x.example\nBcc: b@x.example", "'a@x.example\\nBcc: b@x.example' is not exactly one email address."),
        ("jörg@x.example", "'jörg@x.example' has letters before the @ that are not ASCII"),
    ],
)
def test_a_customer_whose_address_is_none(client: Client, sofia: User, email: str, obstacle: str) -> None:
    Customer.objects.filter(pk="c1001").update(email=email)
    [found] = obstacles(client.get(ACME))
    assert found.startswith(f"The address of Acme Inc.: {obstacle}")
    assert preview(client).status_code == 422


def test_somebody_without_an_address(client: Client, sofia: User) -> None:
    User.objects.filter(pk=sofia.pk).update(email="")
    assert obstacles(client.get(ACME)) == ["Your address is not known: ask an administrator to add it."]
    assert preview(client).status_code == 422


def test_without_a_mail_server(client: Client, sofia: User) -> None:
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend"):
        assert obstacles(client.get(ACME)) == ["Email is switched off: an administrator turns it on with EMAIL_URL."]


def test_an_ended_contract_and_a_missing_customer_are_warnings(client: Client, sofia: User) -> None:
    Customer.objects.filter(pk="c1001").update(status="churned", missing_since=make_run())
    assert notices(client.get(ACME)) == [
        "This customer's account has ended (churned).",
        "This customer is missing from customers.csv: the address may be out of date.",
    ]
    assert send(client, preview(client)).status_code == 302


# --- Three days -------------------------------------------------------------------------------------------------


def test_the_mailbox_of_a_customer_who_is_not_to_be_contacted(client: Client, sofia: User, twin: Customer) -> None:
    previewed = preview(client)
    CustomerCare.objects.create(customer=twin, do_not_contact=True)
    reason = "The address john@acme.com also belongs to Acme Two (twin), marked “do not contact”."
    response = send(client, previewed)
    assert (response.status_code, obstacles(response)) == (422, [reason])
    assert obstacles(client.get(ACME)) == [reason]
    page = client.get("/admin/customer/c1001/")
    assert (links(page, "Contact customer"), links(page, "john@acme.com")) == ([], [])
    assert f"Do not contact. {reason}" in notices(page)
    assert (Message.objects.count(), mail.outbox) == (0, [])
    with pytest.raises(sending.NotSent, match="Acme Two"):
        sending.claim_draft(
            sending.draft_email(Customer.objects.get(pk="c1001"), sofia, "s", "b"), "key", confirmed=True
        )


def test_a_mail_that_failed_is_not_tried_again_once_its_mailbox_is_closed(
    client: Client, sofia: User, twin: Customer
) -> None:
    message = make_message(Customer.objects.get(pk="c1001"), sofia, state="failed", recipient="john@acme.com")
    CustomerCare.objects.create(customer=twin, do_not_contact=True)
    assert "marked “do not contact”" in main_part(client.get(f"/admin/messages/{message.pk}/"))
    client.post(f"/admin/messages/{message.pk}/", {"action": "again"})
    message.refresh_from_db()
    assert (message.state, mail.outbox) == ("failed", [])


def test_the_quiet_days_hold_for_the_mailbox(client: Client, sofia: User, twin: Customer) -> None:
    make_message(twin, sofia, recipient=twin.email, attempted_at=timezone.now() - timedelta(days=1))
    previewed = preview(client)
    assert "wrote to this address, for Acme Two ," in " ".join(notices(previewed))
    assert send(client, previewed).status_code == 422
    assert send(client, previewed, confirmed="yes").status_code == 302
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    ("overrides", "ago", "asked"),
    [
        ({}, timedelta(days=3) - timedelta(minutes=1), True),
        ({}, timedelta(days=3), False),
        ({"state": "sending"}, timedelta(hours=1), True),
        ({"state": "failed"}, timedelta(hours=1), False),
    ],
)
def test_who_was_written_to_within_three_days(
    client: Client, sofia: User, overrides: dict[str, str], ago: timedelta, asked: bool
) -> None:
    make_message(Customer.objects.get(pk="c1001"), attempted_at=timezone.now() - ago, **overrides)
    previewed = preview(client)
    assert ('name="confirmed"' in previewed.text) is asked
    assert send(client, previewed).status_code == (422 if asked else 302)
    assert len(mail.outbox) == (0 if asked else 1)
    if asked:
        assert send(client, previewed, confirmed="yes").status_code == 302
        assert len(mail.outbox) == 1


def test_who_wrote_and_when(client: Client, sofia: User) -> None:
    author = make_staff(first_name="Jonas", last_name="Weber")
    when = timezone.now() - timedelta(days=1)
    make_message(Customer.objects.get(pk="c1001"), author, attempted_at=when)
    [notice] = notices(client.get(ACME))
    assert notice == (
        f"Jonas Weber wrote to this customer on {when:%-d %b %Y, %H:%M}, less than 3 days ago: How is it going? ."
    )
    author.delete()
    assert notices(client.get(ACME))[0].startswith(f"{author.username} wrote")


# --- Old data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "days"), [(date(2025, 5, 12), None), (date(2025, 5, 13), 3), (date(2025, 8, 16), 98)]
)
def test_old_data_are_said_before_it_goes_out(
    client: Client, sofia: User, today_is: Callable[[date], None], today: date, days: int | None
) -> None:
    today_is(today)
    page = client.get(ACME)
    for response in (page, client.post(ACME, {**draft(page), **TEXTS, "action": "preview"})):
        said = f"Data through 10 May 2025, {days} days old: check before you write about activity."
        assert [one for one in notices(response) if "days old" in one] == ([said] if days else [])
