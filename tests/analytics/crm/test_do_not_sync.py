"""Whether a customer is pushed, as its page shows it and staff change it there."""

import pytest
from django.test import Client

from analytics.crm.pushing import push_to
from customers.models import AuditEntry, Customer, CustomerCare
from tests.factories import make_staff
from tests.support.crm import counts, make_destination, make_scored
from tests.support.pages import said, section

pytestmark = pytest.mark.django_db
PAGE = "/admin/customer/c1/"


@pytest.fixture
def manager(client: Client) -> Client:
    make_scored(1)
    client.force_login(make_staff("Success manager", username="sofia", first_name="Sofia"))
    return client


def test_the_page_says_nothing_of_crms_where_there_are_none(manager: Client) -> None:
    assert "CRM" not in section(manager.get(PAGE), "details")


def test_it_is_held_back_and_let_go_again(manager: Client) -> None:
    there = make_destination()
    assert "CRM Synced Do not sync" in section(manager.get(PAGE), "details")
    response = manager.post(f"{PAGE}sync/", {"sync": "no"}, follow=True)
    assert said(response) == ["Org 1 is not pushed to any CRM any more."]
    assert "CRM Do not sync Sync again" in section(response, "details")
    assert counts(push_to(there, "ada")) == {"held_back": 1}
    entry = AuditEntry.objects.filter(customer="c1", model="customers.customercare").latest("pk")
    assert (entry.actor, entry.changes) == ("sofia", {"do not sync": [False, True]})
    assert "Assignment: CRM: Do not sync. Sofia" in section(manager.get(PAGE, {"told": "owner"}), "timeline")
    response = manager.post(f"{PAGE}sync/", {"sync": "yes"}, follow=True)
    assert said(response) == ["Org 1 is pushed to the CRM again, from the next push on."]
    assert counts(push_to(there, "ada")) == {"new": 1}


def test_what_is_so_already_is_not_done_again(manager: Client) -> None:
    make_destination()
    assert said(manager.post(f"{PAGE}sync/", {"sync": "yes"}, follow=True)) == []
    assert not CustomerCare.objects.exists()
    for _twice in range(2):
        manager.post(f"{PAGE}sync/", {"sync": "no"})
    assert AuditEntry.objects.filter(customer="c1", action="change").count() == 1


def test_who_only_reads_sees_it_and_may_not_change_it(client: Client) -> None:
    make_scored(1)
    CustomerCare.objects.create(customer=Customer.objects.get(), do_not_sync=True)
    client.force_login(make_staff("Viewer"))
    details = section(client.get(PAGE), "details")
    assert "CRM Do not sync" in details and "Sync again" not in details
    assert client.post(f"{PAGE}sync/", {"sync": "yes"}).status_code == 403
    assert CustomerCare.objects.get().do_not_sync
