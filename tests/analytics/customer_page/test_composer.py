"""The box of a customer's page: a note, a call, a meeting, or an email that is previewed."""

import re
from collections.abc import Iterator

import pytest
from django.core import mail
from django.test import Client, override_settings

from analytics.models import Contact, Message
from customers.models import CustomerCare, Note
from tests.factories import make_staff
from tests.support.contacting import make_sofia, send
from tests.support.pages import notices, section, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "the_day_after")]

ACME = "/admin/customer/c1001/"
BOX = f"{ACME}notes/"
EMAIL = {"kind": "email", "subject": "About the permissions", "text": "Hello {organization},\r\n\r\n{sender}"}


@pytest.fixture(autouse=True)
def from_rsolv() -> Iterator[None]:
    with override_settings(DEFAULT_FROM_EMAIL="RSOLV <success@rsolv.example>"):
        yield


@pytest.fixture
def sofia(client: Client) -> Client:
    client.force_login(make_sofia())
    return client


@pytest.mark.parametrize(
    ("kind", "said", "told"),
    [
        ("note", "Note added to the history.", "They wait for IT"),
        ("call", "Call added to the history.", "Call: They wait for IT"),
        ("meeting", "Meeting added to the history.", "Meeting: They wait for IT"),
    ],
)
def test_it_adds_each_kind(sofia: Client, kind: str, said: str, told: str) -> None:
    response = sofia.post(BOX, {"kind": kind, "text": "They wait for IT"}, follow=True)
    assert Note.objects.get().kind == kind
    assert said in words(response.text)
    assert f"{told} Sofia Marchetti" in section(response, "timeline")


@pytest.mark.parametrize("sent", [{}, {"kind": ""}])
def test_without_a_kind_it_is_a_note(sofia: Client, sent: dict[str, str]) -> None:
    sofia.post(BOX, {"text": "They wait for IT", **sent})
    assert Note.objects.get().kind == "note"


def test_another_kind_is_refused_and_the_text_is_kept(sofia: Client) -> None:
    response = sofia.post(BOX, {"kind": "fax", "text": "They wait for IT"})
    assert response.status_code == 422
    assert not Note.objects.exists()
    assert "They wait for IT</textarea>" in response.text


def test_the_kind_that_was_chosen_stays_chosen_when_the_text_lacks(sofia: Client) -> None:
    response = sofia.post(BOX, {"kind": "meeting", "text": " "})
    assert response.status_code == 422
    assert 'value="meeting" checked' in response.text
    assert "This field is required." in notices(response)


def test_an_email_is_previewed_and_sent_once_from_there(sofia: Client) -> None:
    previewed = sofia.post(BOX, {**EMAIL, "draft": "0123456789abcdef"})
    assert section(previewed, "mail") == (
        "Preview From Sofia Marchetti via RSOLV <success@rsolv.example> Reply to sofia@rsolv.example "
        "To john@acme.com Subject About the permissions Hello Acme Inc., Sofia Marchetti"
    )
    assert (Message.objects.count(), Note.objects.count(), mail.outbox) == (0, 0, [])
    response = send(sofia, previewed)
    assert response.url == f"/admin/messages/{Message.objects.get().pk}/"
    assert [one.subject for one in mail.outbox] == ["About the permissions"]
    # The draft of the box has arrived, too.
    assert response.cookies["sent-0123456789abcdef"].value == "1"


def test_an_email_goes_to_the_contact_that_is_chosen(sofia: Client) -> None:
    assert 'name="to"' not in section_of_box(sofia)
    ann = Contact.objects.create(customer_id="c1001", name="Ann", email="ann@acme.com")
    Contact.objects.create(customer_id="c1001", name="Bea", email="bea@acme.com", is_primary=True)
    options = re.findall(r'<option value="(.*?)">(.*?)</option>', section_of_box(sofia))
    assert [label for _key, label in options] == ["To Bea (bea@acme.com)", "To Ann (ann@acme.com)", "To john@acme.com"]
    assert "To bea@acme.com Subject" in section(sofia.post(BOX, EMAIL), "mail")
    assert "To ann@acme.com Subject" in section(sofia.post(BOX, {**EMAIL, "to": str(ann.pk)}), "mail")


def section_of_box(client: Client) -> str:
    """The markup of the box."""
    return client.get(ACME).text.partition('id="composer"')[2].partition("</form>")[0]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"subject": ""}, "This field is required."), ({"text": "{nonsense}"}, "There is no placeholder {nonsense}")],
)
def test_an_email_that_cannot_be_previewed_is_shown_to_be_mended(
    sofia: Client, wrong: dict[str, str], reason: str
) -> None:
    response = sofia.post(BOX, {**EMAIL, **wrong})
    assert response.status_code == 422
    assert "Write to Acme Inc." in words(response.text)
    assert reason in words(response.text)


def test_who_may_not_write_to_customers_is_not_offered_it(client: Client) -> None:
    user = make_staff("Success manager")
    client.force_login(user)
    assert 'value="email"' in client.get(ACME).text
    CustomerCare.objects.create(customer_id="c1001", do_not_contact=True)
    response = client.get(ACME)
    assert 'value="call"' in response.text
    assert 'value="email"' not in response.text
    refused = client.post(BOX, EMAIL)
    assert refused.status_code == 422
    assert "This customer is marked “do not contact”." in words(refused.text)


def test_a_viewer_sees_no_box_and_sends_none(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    assert 'id="composer"' not in client.get(ACME).text
    assert client.post(BOX, EMAIL).status_code == 403
