"""A link is a view: what one sees is in the address, and means the same to everybody who may see it."""

from datetime import date
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from openpyxl import load_workbook

from analytics.models import Report, Task
from customers.models import Customer, CustomerCare
from tests.factories import make_alert, make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import links, main_part, words

pytestmark = pytest.mark.django_db

DAY = date(2025, 5, 10)


def make_task(customer: Customer, **values: Any) -> Task:
    return Task.objects.create(**{"customer": customer, "due": DAY, **values})


@pytest.fixture
def sofia() -> User:
    return make_staff("Success manager", username="sofia", first_name="Sofia", last_name="Marin")


@pytest.fixture
def paula() -> User:
    return make_staff("Program manager", username="paula", first_name="Paula")


@pytest.fixture
def two(sofia: User, paula: User) -> list[Customer]:
    """A customer at risk of Sofia's, and one of Paula's."""
    make_day(total=2)
    customers = [make_customer(id=key, organization=name) for key, name in (("c1", "Hers"), ("c2", "Others"))]
    for customer, owner in zip(customers, (sofia, paula), strict=True):
        CustomerCare.objects.create(customer=customer, owner=owner)
        make_snapshot(customer, status="at_risk", score=20)
    return customers


def as_sent(client: Client, person: User, other: User, address: str) -> tuple[str, HttpResponse, HttpResponse]:
    """Where an address leads somebody, what is there, and what another sees who is sent the link."""
    client.force_login(person)
    response = client.get(address, follow=True)
    place = f"{response.request['PATH_INFO']}?{response.request['QUERY_STRING']}"
    client.force_login(other)
    return place, response, client.get(place)


def who_needs(response: HttpResponse) -> list[str]:
    return [item.snapshot.customer_id for item in response.context["items"]]


@pytest.mark.parametrize("asked", ["", "?whose=mine", "?whose=&state=open", "?whose=me"])
def test_tasks(asked: str, client: Client, sofia: User, paula: User, two: list[Customer]) -> None:
    make_task(two[0], what="Call her", owner=sofia)
    make_task(two[1], what="Call others", owner=paula)
    place, hers, again = as_sent(client, sofia, paula, f"/admin/tasks/{asked}")
    assert f"whose={sofia.pk}" in place
    for response in (hers, again):
        assert response.status_code == 200
        assert "Call her" in words(main_part(response)) and "Call others" not in words(main_part(response))
    assert "My tasks" in words(main_part(hers))
    assert "Tasks: Sofia Marin" in words(main_part(again))
    assert [(one.label, one.count, one.chosen) for one in again.context["whose"]] == [
        ("Mine", 1, False),
        ("Team", 2, False),
        ("Unassigned", 0, False),
        ("Sofia Marin", 1, True),
    ]


def test_the_tasks_of_who_is_gone_are_nobodys(client: Client, sofia: User) -> None:
    client.force_login(sofia)
    page = words(main_part(client.get("/admin/tasks/?whose=999999")))
    assert "Somebody whose account was deleted" in page
    assert "No tasks match." in page


@pytest.mark.parametrize("asked", ["mine=true", "mine=1&state=all", "mine=TRUE&page=1"])
def test_alerts(asked: str, client: Client, sofia: User, paula: User, two: list[Customer]) -> None:
    for customer in two:
        make_alert(customer, text=f"About {customer.organization}")
    place, hers, again = as_sent(client, sofia, paula, f"/admin/alerts/?{asked}")
    assert f"told={sofia.pk}" in place and "mine" not in place
    for response in (hers, again):
        assert response.status_code == 200
        assert "About Hers" in words(main_part(response)) and "About Others" not in words(main_part(response))


def test_the_alerts_of_who_is_gone_are_nobodys(client: Client, paula: User, two: list[Customer]) -> None:
    make_alert(two[0])
    client.force_login(paula)
    page = words(main_part(client.get("/admin/alerts/?told=999999")))
    assert "No alert matches these filters." in page and "Somebody whose account was deleted" in page
    assert "Told to: Select a valid choice." in words(main_part(client.get("/admin/alerts/?told=everyone")))


@pytest.mark.parametrize("asked", ["my-day/", "my-day/?owner=me", "needs/?owner=me"])
def test_my_day(asked: str, client: Client, sofia: User, paula: User, two: list[Customer]) -> None:
    place, hers, again = as_sent(client, sofia, paula, f"/admin/{asked}")
    assert place == f"/admin/my-day/?owner={sofia.pk}"
    for response in (hers, again):
        assert who_needs(response) == ["c1"]
    everybody = client.get("/admin/needs/", follow=True)
    assert who_needs(everybody) == ["c1", "c2"]
    assert links(everybody, "Mine 1") == [f"?owner={paula.pk}"]
    assert links(again, "Team 2") == ["?owner="]
    nobody = client.get("/admin/my-day/?owner=x")
    assert not nobody.context["items"] and "no customer on this list needs action today" in words(nobody.text)


def test_a_report_whose_owner_is_gone_is_about_nobody(
    client: Client, sofia: User, paula: User, two: list[Customer]
) -> None:
    gone = make_staff("Success manager", username="gone")
    report = Report.objects.create(owner=gone, name="Mine", query="owner=me", shared=True)
    gone.delete()
    client.force_login(sofia)
    shown = client.get(f"/admin/reports/{report.pk}/", follow=True)
    page = words(main_part(shown))
    assert "0 of 2 customers" in page
    assert "Its filter “Me” is nobody, because the report’s owner has been deleted." in page
    assert "Owner: Somebody whose account was deleted" in page
    client.force_login(paula)
    ticked = client.post(f"/admin/assign/?report={report.pk}&owner=me", {"all": "1"})
    assert "2 customers" not in words(ticked.text) and "1 customer " not in words(ticked.text)


def test_a_report_about_everybody_is_exported_as_it_is_shown(client: Client, sofia: User, two: list[Customer]) -> None:
    """Who looks after customers of her own still gets what the report shows, under the report's name."""
    report = Report.objects.create(owner=sofia, name="All of them", query="sort=-score")
    client.force_login(sofia)
    shown = client.get(f"/admin/reports/{report.pk}/", follow=True)
    assert links(shown, "Hers") and links(shown, "Others")
    response = client.get(links(shown, "Excel")[0])
    assert response["Content-Disposition"] == 'attachment; filename="all-of-them_2025-05-10.xlsx"'
    sheet = load_workbook(BytesIO(b"".join(response)))["Customers"]
    assert sorted(row[1] for row in sheet.iter_rows(min_row=2, values_only=True)) == ["Hers", "Others"]


def test_show_all_customers_keeps_the_search(client: Client, sofia: User, two: list[Customer]) -> None:
    client.force_login(sofia)
    none = client.get(f"/admin/?owner={sofia.pk}&q=others&status=healthy")
    [address] = links(none, "Show all customers")
    assert "q=others" in address and "status" not in address
    assert links(client.get(address), "Others") and not links(client.get(address), "Hers")
    [address] = links(client.get("/admin/?q=zzz"), "Show all customers")
    assert "q=" not in address


def test_tasks_are_sorted_by_what_is_shown(client: Client, sofia: User, two: list[Customer]) -> None:
    """By names and words as they are read, not by keys, codes or the order of letters' numbers."""
    Customer.objects.filter(pk="c1").update(organization="özil Ltd")
    Customer.objects.filter(pk="c2").update(organization="Zoo")
    zoe = make_staff("Success manager", username="aaa", first_name="Zoë")
    ann = make_staff("Success manager", username="zzz", first_name="ann")
    for what, owner, kind, customer in (
        ("beta", zoe, "email", two[1]),
        ("Alpha", ann, "call", two[0]),
        ("Ähre", None, "other", two[0]),
        ("gamma", sofia, "docs", two[1]),
    ):
        make_task(customer, what=what, owner=owner, kind=kind)
    client.force_login(sofia)

    def order(sort: str) -> list[str]:
        return [task.what for task in client.get(f"/admin/tasks/?whose=everybody&sort={sort}").context["table"].page]

    assert order("what") == ["Ähre", "Alpha", "beta", "gamma"]
    assert order("-what") == ["gamma", "beta", "Alpha", "Ähre"]
    assert order("owner") == ["Alpha", "gamma", "beta", "Ähre"]
    assert order("-owner") == ["beta", "gamma", "Alpha", "Ähre"]
    assert order("customer")[:2] == ["Alpha", "Ähre"]
    kinds = [Task(kind=kind).get_kind_display() for kind in ("email", "call", "other", "docs")]
    by_words = [what for _words, what in sorted(zip(kinds, ("beta", "Alpha", "Ähre", "gamma"), strict=True))]
    assert order("kind") == by_words


def test_blockers_are_sorted_by_their_words(client: Client, paula: User) -> None:
    make_day(total=5)
    for key, blocker in (("a", "sso_login"), ("b", "Budget"), ("c", ""), ("d", "github_permissions"), ("e", "ärger")):
        make_snapshot(make_customer(id=key, organization=key.upper()), blocker_type=blocker)
    client.force_login(paula)

    def order(sort: str) -> list[str]:
        page = client.get(f"/admin/?owner=&columns=blocker_type&sort={sort}")
        found = {name: main_part(page).index(f'id="customer-{name}"') for name in "abcde"}
        return sorted(found, key=found.__getitem__)

    assert order("blocker_type") == ["e", "b", "d", "a", "c"]
    assert order("-blocker_type") == ["a", "d", "b", "e", "c"]
