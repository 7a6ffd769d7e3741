"""Staff are called by their names, and two of one name by name and login, wherever somebody reads or sorts them."""

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers.core.people import by_name, name_of, name_of_login
from customers.models import CustomerCare, Note
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import main_part, names, words

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


@pytest.fixture
def muellers() -> tuple[User, User]:
    """Two Success managers of one name, each with a customer."""
    both = tuple(
        make_staff("Success manager", username=f"t.mueller{n}", first_name="Thomas", last_name="Müller")
        for n in (1, 2)
    )
    make_day(total=3)
    for number, owner in enumerate(both, start=1):
        customer = make_customer(id=f"c{number}", organization=f"Acme {number}")
        make_snapshot(customer)
        CustomerCare.objects.create(customer=customer, owner=owner)
    make_snapshot(make_customer(id="c3", organization="Acme 3"))
    return both


def test_a_name_that_occurs_twice_has_its_login(muellers: tuple[User, User]) -> None:
    first, second = muellers
    assert [name_of(first), name_of(second)] == ["Thomas Müller (t.mueller1)", "Thomas Müller (t.mueller2)"]
    # Letters of another case or form are read as the same name.
    second.first_name = "THOMAS"
    second.save()
    assert name_of(first) == "Thomas Müller (t.mueller1)"
    second.first_name = "Thora"
    second.save()
    assert [name_of(first), name_of(second)] == ["Thomas Müller", "Thora Müller"]
    assert [name_of(User(username="x")), name_of(None)] == ["x", "nobody"]


def test_a_login_is_called_by_its_users_name(muellers: tuple[User, User]) -> None:
    make_staff("Viewer", username="mira", first_name="Mira", last_name="Lind")
    make_staff("Viewer", username="plain", first_name="", last_name="")
    logins = ["mira", "t.mueller2", "plain", "left", ""]
    assert list(map(name_of_login, logins)) == ["Mira Lind", "Thomas Müller (t.mueller2)", "plain", "left", ""]


@pytest.mark.parametrize(
    "path",
    [
        "/admin/?owner=",
        "/admin/alerts/",
        "/admin/tasks/new/?customer=c1",
        "/admin/customers/customercare/",
        "/admin/customers/customercare/c1/change/",
        "/admin/customer/c1/",
        "/admin/reports/save/?status=at_risk",
    ],
)
def test_pages_tell_two_of_one_name_apart(path: str, muellers: tuple[User, User], client: Client) -> None:
    client.force_login(make_staff("Program manager", username="mira"))
    page = words(client.get(path).text)
    assert "Thomas Müller (t.mueller1)" in page
    assert page.count("Thomas Müller") == page.count("Thomas Müller (t.mueller")


def test_messages_chips_and_notes_tell_them_apart(muellers: tuple[User, User], client: Client) -> None:
    first, _second = muellers
    client.force_login(first)
    page = words(main_part(client.get(f"/admin/?owner={first.pk}")))
    assert "Thomas Müller (t.mueller1)" in page
    sent = {"customer": "c3", "owner": str(first.pk), "expected": "1"}
    response = client.post("/admin/assign/", sent, follow=True)
    assert "Thomas Müller (t.mueller1) now looks after 1 more customer." in words(response.text)
    client.post("/admin/customer/c1/notes/", {"text": "Called."})
    assert Note.objects.get().author == "Thomas Müller (t.mueller1)"


def test_owners_are_sorted_as_they_are_read(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    make_day(total=4)
    people: list[tuple[str, dict[str, Any]]] = [
        ("Zoë's", {"username": "a", "first_name": "Zoë"}),
        ("Ann's", {"username": "z", "first_name": "Ann"}),
        ("Özil's", {"username": "b", "first_name": "", "last_name": "Özil"}),
        ("olga's", {"username": "olga"}),
    ]
    for name, person in people:
        customer = make_customer(id=name[0], organization=name)
        make_snapshot(customer)
        CustomerCare.objects.create(customer=customer, owner=make_staff(**person))
    assert names(client.get("/admin/?sort=owner&owner=")) == ["Ann's", "olga's", "Özil's", "Zoë's"]
    assert names(client.get("/admin/?sort=-owner&owner=")) == ["Zoë's", "Özil's", "olga's", "Ann's"]
    listed = User.objects.filter(username__in=["a", "z", "b", "olga"]).order_by(*by_name(""))
    assert [one.username for one in listed] == ["z", "olga", "b", "a"]


def test_a_page_asks_once_who_is_called_alike(
    muellers: tuple[User, User], client: Client, django_assert_max_num_queries: Any
) -> None:
    client.force_login(muellers[0])
    with django_assert_max_num_queries(21) as asked:
        client.get("/admin/?owner=")
    assert sum("first_name" in one["sql"] and "WHERE" not in one["sql"] for one in asked.captured_queries) <= 1
