"""Whose customers the list shows: the own ones first, and how many have no owner."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.customer_list.first_view import first_view, unassigned
from analytics.page_cache.version import DataVersion, StateVersion
from customers.models import Customer, CustomerCare
from customers.owners.assign import assign
from tests.factories import make_day, make_snapshot
from tests.support.owners import FILTERS, listed
from tests.support.pages import Elements, links, main_part, words

pytestmark = pytest.mark.django_db


# --- Whose customers come first ---------------------------------------------------------------------------------


def test_the_own_ones_come_first_for_who_has_some(sofia: User, three: list[Customer]) -> None:
    assert first_view(QueryDict("sort=name"), FILTERS, owns=False).urlencode() == "sort=name"
    assert first_view(QueryDict("sort=name"), FILTERS, owns=True).urlencode() == "sort=name&owner=me"
    for asked in ("owner=", "owner=nobody", "q=x", "status="):
        assert first_view(QueryDict(asked), FILTERS, owns=True).urlencode() == asked


def test_the_list_begins_with_the_own_ones_and_leads_to_all(
    client: Client, sofia: User, three: list[Customer]
) -> None:
    client.force_login(sofia)
    assert listed(client.get("/admin/", follow=True)) == ["x1", "x2", "x3"]
    CustomerCare.objects.create(customer=three[1], owner=sofia)
    page = client.get("/admin/?sort=customer", follow=True)
    assert listed(page) == ["x2"]
    assert "Your customers. Show all customers" in words(main_part(page))
    assert page.context["list_query"] == f"sort=customer&owner={sofia.pk}"
    assert links(page, "Show all customers") == ["/admin/?owner=#customers"]
    [without] = [chip.without for chip in page.context["chips"]]
    assert without == page.context["cleared_query"] == "owner=&sort=customer"
    page = client.get(f"/admin/?{without}", follow=True)
    assert (listed(page), page.context["list_query"]) == (["x1", "x2", "x3"], "owner=&sort=customer")
    # What a filter left empty asks for stays what it is, in the export and in assigning to all.
    page = client.get("/admin/?q=&status=", follow=True)
    assert (listed(page), page.context["list_query"]) == (["x1", "x2", "x3"], "owner=")
    assert not page.context["is_first_view"]


def test_rows_can_be_ticked_by_who_may_assign(client: Client, sofia: User, three: list[Customer]) -> None:
    def ticks(user: User) -> list[str]:
        client.force_login(user)
        found = Elements(main_part(client.get("/admin/", follow=True))).found
        return [str(attrs["value"]) for _tag, attrs in found if attrs.get("form") == "bulk" and "value" in attrs]

    assert ticks(sofia) == ["x1", "x2", "x3", "1"]
    assert ticks(User.objects.get(username="victor")) == []


def test_a_filter_that_is_not_understood_offers_no_assigning_to_all(
    client: Client, sofia: User, three: list[Customer]
) -> None:
    client.force_login(sofia)
    assert "All 3 found Assign owner" in words(main_part(client.get("/admin/?owner=", follow=True)))
    page = words(main_part(client.get("/admin/?status=great", follow=True)))
    assert "Assign owner" in page
    assert "All 3 found" not in page and " found Assign owner" not in page


def test_the_dashboard_says_how_many_have_no_owner(client: Client, sofia: User, three: list[Customer]) -> None:
    client.force_login(sofia)
    page = client.get("/admin/", follow=True)
    assert links(page, "2 customers") == ["/admin/?owner=nobody#customers"]
    assert listed(client.get("/admin/?owner=nobody", follow=True)) == ["x2", "x3"]


def version(newest: int) -> StateVersion:
    return StateVersion(newest, "", 0, DataVersion(0, "", 0))


def test_how_many_have_no_owner(sofia: User, three: list[Customer]) -> None:
    day = make_day(date="2025-05-09")
    assert unassigned(make_day(date="2025-05-11"), version(0)) == 0
    make_snapshot(three[0], date=day.date)
    assert unassigned(day, version(1)) == 0
    today = type(day).objects.get(date="2025-05-10")
    assert unassigned(today, version(2)) == 2
    CustomerCare.objects.create(customer=three[1], owner=sofia)
    assert unassigned(today, version(3)) == 1
    sofia.delete()
    assert unassigned(today, version(4)) == 2


def test_the_dashboard_keeps_its_numbers_no_longer_than_they_are_true(
    client: Client, sofia: User, three: list[Customer]
) -> None:
    client.force_login(sofia)
    assert links(client.get("/admin/", follow=True), "2 customers")
    assert "2 of 3 customers" in words(main_part(client.get("/admin/?owner=nobody", follow=True)))
    CustomerCare.objects.create(customer=three[1], owner=sofia)
    assert links(client.get("/admin/", follow=True), "1 customer")
    assert "1 of 3 customers" in words(main_part(client.get("/admin/?owner=nobody", follow=True)))
    assign(Customer.objects.filter(pk=three[1].pk), None, sofia)
    assert links(client.get("/admin/", follow=True), "2 customers")
    with CaptureQueriesContext(connection) as again:
        assert links(client.get("/admin/", follow=True), "2 customers")
    assert not any(query["sql"].startswith("SELECT COUNT(*)") for query in again)


# --- A link is a view -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["", "?sort=-score", "?owner=me", "?owner=me&owner=nobody&page=1", "?report=x"])
def test_the_address_says_whose_customers_it_shows(
    asked: str, client: Client, sofia: User, three: list[Customer]
) -> None:
    """Who opens another one's link sees the same customers, whoever looks after some."""
    victor = User.objects.get(username="victor")
    for customer, owner in zip(three, (sofia, victor, None), strict=True):
        CustomerCare.objects.update_or_create(customer=customer, defaults={"owner": owner})
    client.force_login(sofia)
    response = client.get(f"/admin/{asked}", follow=True)
    address = response.request["QUERY_STRING"]
    assert f"owner={sofia.pk}" in address
    assert "owner=me" not in address
    hers = listed(response)
    assert "x1" in hers and "x2" not in hers
    client.force_login(victor)
    again = client.get(f"/admin/?{address}")
    assert (again.status_code, listed(again)) == (200, hers)


def test_a_search_among_the_own_ones_says_how_many_others_match(
    client: Client, sofia: User, three: list[Customer]
) -> None:
    CustomerCare.objects.update_or_create(customer=three[0], defaults={"owner": sofia})
    client.force_login(sofia)
    Customer.objects.filter(pk="x2").update(organization="Celery")
    other = "celery"
    page = client.get("/admin/", {"owner": str(sofia.pk), "q": other, "sort": "customer"})
    assert listed(page) == []
    assert "None of these customers match. 1 other customer does" in words(main_part(page))
    [address] = links(page, "1 other customer does")
    assert listed(client.get(address)) == ["x2"]
    page = client.get("/admin/", {"owner": str(sofia.pk), "q": "nobody at all"})
    assert "No customer matches these filters. Show all customers" in words(main_part(page))
