"""The people at a customer whom staff keep: who may, which addresses, and where they stand."""

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.http import HttpResponse
from django.test import Client

from analytics.models import Contact, Message
from analytics.outreach import sending
from customers.models import AuditEntry, Customer, CustomerCare
from tests.factories import make_message, make_staff
from tests.support.contacting import ACME, preview, send
from tests.support.pages import links, main_part, notices, section, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "from_rsolv")]
PAGE = "/admin/customer/c1001/"
ADD = "/admin/analytics/contact/add/?customer=c1001"
ANN = {"customer": "c1001", "name": "Ann Lee", "email": "ann@acme.com", "role": "Team lead"}


def test_one_is_added_edited_and_deleted_from_the_customers_page(client: Client, sofia: User) -> None:
    assert links(client.get(PAGE), "Add contact") == [ADD]
    assert client.get(ADD).status_code == 200
    response = client.post(ADD, ANN, follow=True)
    assert response.redirect_chain == [(PAGE, 302)]
    assert "Contacts Add contact Ann Lee Team lead ann@acme.com Edit" in section(response, "details")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.customer, entry.changes["email"]) == ("add", "c1001", [None, "ann@acme.com"])
    [edit] = links(response, "Edit")
    response = client.post(edit, {"name": "Ann Li", "email": "ann@acme.com", "role": ""}, follow=True)
    assert "Ann Li ann@acme.com Edit" in section(response, "details")
    client.post(edit.replace("change", "delete"), {"post": "yes"})
    assert not Contact.objects.exists()
    assert AuditEntry.objects.latest("pk").changes["name"] == ["Ann Li", None]


@pytest.mark.parametrize(
    ("email", "reason"),
    [
        ("ann", "is not exactly one email address"),
        ("ann@acme.com, bob@acme.com", "is not exactly one email address"),
        ("Ann <ann@acme.com>", "is not exactly one email address"),
        ("John@ACME.com", "This customer has this address already."),
        ("bea@acme.com", "This customer has this address already."),
    ],
)
def test_an_address_that_is_none_or_is_there_is_refused(client: Client, sofia: User, email: str, reason: str) -> None:
    Contact.objects.create(customer_id="c1001", name="Bea", email="bea@acme.com")
    response = client.post(ADD, {**ANN, "email": email})
    assert response.status_code == 200
    assert reason in words(response.text)
    assert Contact.objects.count() == 1


def test_a_viewer_sees_the_contacts_and_changes_none(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    assert "Contacts" not in section(client.get(PAGE), "details")
    Contact.objects.create(customer_id="c1001", name="Bea", email="bea@acme.com")
    page = client.get(PAGE + "?activity=30")
    assert section(page, "details").endswith("Contacts Bea bea@acme.com")
    assert client.get(ADD).status_code == 403


# --- A mail to them ---------------------------------------------------------------------------------------------


@pytest.fixture
def ann() -> Contact:
    return Contact.objects.create(customer_id="c1001", name="Ann", email="ann@acme.com")


def both(client: Client, ann: Contact) -> HttpResponse:
    """Preview a mail to Ann, with a copy for the address of the feed."""
    return preview(client, to=str(ann.pk), cc="feed")


def test_an_address_of_the_feed_that_is_none_is_in_no_contacts_way(client: Client, sofia: User, ann: Contact) -> None:
    Customer.objects.filter(pk="c1001").update(email="jörg@acme.com")
    page = client.get(ACME)
    assert notices(page) == ["No email can go to the address in customers.csv: it goes to a contact."]
    assert "To Ann (ann@acme.com)" in words(main_part(page))
    assert "To Ann (ann@acme.com). {organization}" in words(main_part(client.get(PAGE)))
    # Whoever asks for the feed's address writes to whom emails go to by default.
    previewed = preview(client, to="feed", cc="feed")
    assert send(client, previewed).status_code == 302
    [sent] = mail.outbox
    assert (sent.to, sent.cc) == (["ann@acme.com"], [])
    CustomerCare.objects.create(customer_id="c1001", do_not_contact=True)
    assert send(client, preview(client)).status_code == 422


def test_a_mail_goes_to_a_contact_with_a_copy_to_another_address(client: Client, sofia: User, ann: Contact) -> None:
    assert f'<option value="{ann.pk}">Ann (ann@acme.com)</option>' in client.get(ACME).text
    previewed = both(client, ann)
    assert "To ann@acme.com Cc john@acme.com Subject" in section(previewed, "mail")
    response = send(client, previewed)
    [sent] = mail.outbox
    assert (sent.to, sent.cc) == (["ann@acme.com"], ["john@acme.com"])
    assert sent.recipients() == ["ann@acme.com", "john@acme.com"]
    message = Message.objects.get()
    assert (message.recipient, message.cc) == ("ann@acme.com", "john@acme.com")
    assert "Cc john@acme.com" in section(client.get(response.url), "mail")
    assert AuditEntry.objects.filter(text__startswith="to ann@acme.com, john@acme.com, ").exists()


def test_another_customers_contact_gets_nothing(client: Client, sofia: User) -> None:
    other = Contact.objects.create(customer_id="c1002", name="Mallory", email="eve@other.example")
    assert "Mallory" not in client.get(ACME).text
    send(client, preview(client, to=str(other.pk), cc=str(other.pk)))
    assert [one.recipients() for one in mail.outbox] == [["john@acme.com"]]


def test_a_recipient_changed_after_the_preview_stops_it(client: Client, sofia: User, ann: Contact) -> None:
    previewed = both(client, ann)
    Contact.objects.update(email="new@acme.com")
    assert send(client, previewed).status_code == 422
    previewed = both(client, ann)
    ann.delete()
    assert send(client, previewed).status_code == 422
    assert mail.outbox == []


def test_who_is_not_to_be_contacted_elsewhere_is_not_offered(client: Client, sofia: User, ann: Contact) -> None:
    closed = Customer.objects.get(pk="c1002")
    Customer.objects.filter(pk="c1002").update(email="Ann@acme.com")
    draft = sending.draft_email(Customer.objects.get(pk="c1001"), sofia, "s", "b", to=ann.email)
    CustomerCare.objects.create(customer=closed, do_not_contact=True)
    assert "Ann (" not in client.get(ACME).text
    with pytest.raises(sending.NotSent, match="One of its addresses"):
        sending.claim_draft(draft, "key", confirmed=True)


def test_a_mail_that_failed_is_sent_again_to_the_same_people(sofia: User, ann: Contact) -> None:
    acme, addresses = Customer.objects.get(pk="c1001"), {"recipient": ann.email, "cc": "john@acme.com"}
    message = make_message(acme, sofia, state="failed", reply_to=sofia.email, **addresses)
    assert sending.may_send_again(message, sofia) == ""
    ann.delete()
    assert sending.may_send_again(message, sofia) == "An address has changed since it was written."


# --- Whom it goes to by default, and copies -----------------------------------------------------------------------


def test_emails_go_to_the_primary_contact_unless_another_is_chosen(client: Client, sofia: User, ann: Contact) -> None:
    assert "To john@acme.com" in words(main_part(client.get(ACME)))
    Contact.objects.filter(pk=ann.pk).update(is_primary=True)
    assert "To Ann (ann@acme.com)" in words(main_part(client.get(ACME)))
    assert "To ann@acme.com Subject" in section(preview(client), "mail")
    assert "To john@acme.com Subject" in section(preview(client, to="feed"), "mail")
    assert "Ann Primary contact ann@acme.com" in section(client.get(PAGE), "details")
    CustomerCare.objects.create(customer_id="c1002", do_not_contact=True)
    Customer.objects.filter(pk="c1002").update(email=ann.email)
    assert "To john@acme.com Subject" in section(preview(client), "mail")


def test_a_customer_has_one_primary_contact(client: Client, sofia: User, ann: Contact) -> None:
    other = Contact.objects.create(customer_id="c1002", name="Zoe", email="zoe@other.example", is_primary=True)
    for name in ("bea", "cleo"):
        client.post(ADD, {**ANN, "name": name, "email": f"{name}@acme.com", "is_primary": "on"})
    primary = Contact.objects.filter(is_primary=True).values_list("name", flat=True)
    assert sorted(primary) == ["Zoe", "cleo"]
    assert other.customer_id == "c1002"
    entry = AuditEntry.objects.filter(model="analytics.contact", action="change").latest("pk")
    assert (entry.subject, entry.changes) == ("bea <bea@acme.com>", {"primary contact": [True, False]})


def test_colleagues_get_copies(client: Client, sofia: User) -> None:
    otto = make_staff("Viewer", first_name="Otto", last_name="Berg", email="otto@rsolv.example")
    make_staff("Viewer", first_name="Nobody", email="not an address")
    make_staff("Viewer", first_name="Gone", email="gone@rsolv.example", is_active=False)
    page = client.get(ACME)
    assert [one.name for one in page.context["colleagues"]] == ["Otto Berg", "Sofia Marchetti"]
    previewed = preview(client, cc=f"staff-{otto.pk}")
    assert "To john@acme.com Cc otto@rsolv.example Subject" in section(previewed, "mail")
    send(client, previewed)
    assert [one.recipients() for one in mail.outbox] == [["john@acme.com", "otto@rsolv.example"]]


def test_a_colleague_who_has_left_gets_no_copy(client: Client, sofia: User) -> None:
    otto = make_staff("Viewer", first_name="Otto", email="otto@rsolv.example")
    draft = sending.draft_email(Customer.objects.get(pk="c1001"), sofia, "s", "b", cc=[otto.email])
    User.objects.filter(pk=otto.pk).update(is_active=False)
    with pytest.raises(sending.NotSent, match="One of its addresses"):
        sending.claim_draft(draft, "key", confirmed=True)


def test_a_colleague_is_no_recipient(sofia: User) -> None:
    otto = make_staff("Viewer", first_name="Otto", email="otto@rsolv.example")
    draft = sending.draft_email(Customer.objects.get(pk="c1001"), sofia, "s", "b", to=otto.email)
    with pytest.raises(sending.NotSent, match="One of its addresses"):
        sending.claim_draft(draft, "key", confirmed=True)


def test_who_is_written_anew_goes_to_the_same_people(client: Client, sofia: User, ann: Contact) -> None:
    addresses = {"recipient": ann.email, "cc": "john@acme.com, sofia@rsolv.example, gone@acme.com"}
    message = make_message(Customer.objects.get(pk="c1001"), sofia, state="canceled", **addresses)
    page = client.get(f"{ACME}?message={message.pk}")
    assert (page.context["to"].email, page.context["cc"]) == (ann.email, ["feed", f"staff-{sofia.pk}"])


def test_contacts_of_who_is_not_to_be_contacted_are_closed_too(client: Client, sofia: User, ann: Contact) -> None:
    CustomerCare.objects.create(customer_id="c1001", do_not_contact=True)
    Customer.objects.filter(pk="c1002").update(email="Ann+sales@acme.com")
    reason = "The address Ann+sales@acme.com also belongs to Acme Inc. (c1001), marked “do not contact”."
    assert sending.why_closed(Customer.objects.get(pk="c1002")) == reason
    Contact.objects.create(customer_id="c1003", name="Ann", email="ann@acme.com")
    assert [one.email for one in sending.addressees(Customer.objects.get(pk="c1003"))] == [
        Customer.objects.get(pk="c1003").email
    ]
