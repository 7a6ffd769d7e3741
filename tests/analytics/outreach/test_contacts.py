"""The people at a customer whom staff keep: who may, which addresses, and where they stand."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from analytics.models import Contact
from customers.models import AuditEntry
from tests.factories import make_staff
from tests.support.pages import links, section, words

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
        ("ann", "is not exactly one e-mail address"),
        ("ann@acme.com, bob@acme.com", "is not exactly one e-mail address"),
        ("Ann <ann@acme.com>", "is not exactly one e-mail address"),
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
