"""Owners: assigned to one customer, to those ticked, or to all that the filters leave; each change on record."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from customers.models import Customer, CustomerCare
from customers.owners.assign import Assigned, assign
from tests.factories import make_customer, make_snapshot, make_staff
from tests.support.owners import CARE, hidden, owners
from tests.support.pages import links, main_part, words

pytestmark = pytest.mark.django_db


def test_only_what_changes_is_written_and_logged(sofia: User, three: list[Customer]) -> None:
    CustomerCare.objects.create(customer=three[1], owner=sofia)
    assert assign(Customer.objects.all(), sofia, sofia) == Assigned(changed=2, same=1)
    assert set(owners().values()) == {"sofia"}
    assert CustomerCare.objects.get(customer=three[0]).notes == "Kept"
    logged = LogEntry.objects.order_by("object_id").values_list("object_id", "user__username", "change_message")
    assert list(logged) == [
        ("x1", "sofia", "Owner: Sofia Marchetti (before: victor)."),
        ("x3", "sofia", "Owner: Sofia Marchetti (before: nobody)."),
    ]
    assert assign(Customer.objects.filter(pk="x1"), None, sofia) == Assigned(changed=1, same=0)
    assert owners()["x1"] is None


def test_without_an_owner_nobody_gets_a_row(sofia: User, three: list[Customer]) -> None:
    assert assign(Customer.objects.filter(pk="x3"), None, sofia) == Assigned(changed=0, same=1)
    assert not CustomerCare.objects.filter(customer="x3").exists()


def test_many_customers_take_a_few_queries(sofia: User) -> None:
    for _number in range(30):
        make_customer()
    with CaptureQueriesContext(connection) as captured:
        assign(Customer.objects.all(), sofia, sofia)
    # Begin and end; the keys, those known, who is called alike, the new ones, the update, the log and its kind.
    assert len(captured) <= 10


def test_ticked_ones_are_asked_about_and_then_assigned(client: Client, sofia: User, three: list[Customer]) -> None:
    client.force_login(sofia)
    asked = client.post("/admin/assign/?status=at_risk", {"customer": ["x1", "x2"]})
    text = words(main_part(asked))
    assert "Assign an owner to 2 customers" in text
    assert "1 of them has an owner, who would change." in text
    assert "Firm 1 , Firm 2" in text
    assert owners() == {"x1": "victor", "x2": None, "x3": None}
    sent = {"customer": ["x1", "x2"], "expected": "2", "owner": str(sofia.pk)}
    done = client.post("/admin/assign/?status=at_risk", sent)
    assert (done.status_code, done.url) == (302, "/admin/?status=at_risk#customers")
    assert owners() == {"x1": "sofia", "x2": "sofia", "x3": None}


def test_all_that_the_filters_leave(client: Client, sofia: User, three: list[Customer]) -> None:
    client.force_login(sofia)
    asked = client.post("/admin/assign/?status=at_risk", {"all": "1"})
    assert hidden(asked)["all"] == "1"
    assert hidden(asked)["expected"] == "2"
    # Meanwhile another one is at risk: it asks again.
    make_snapshot(make_customer(id="x4"), status="at_risk")
    sent = {"all": "1", "expected": "2", "owner": str(sofia.pk)}
    again = client.post("/admin/assign/?status=at_risk", sent)
    assert "Assign an owner to 3 customers" in words(main_part(again))
    assert owners()["x2"] is None
    client.post("/admin/assign/?status=at_risk", {**sent, "expected": "3"})
    assert owners() == {"x1": "sofia", "x2": "sofia", "x3": None, "x4": "sofia"}


def test_a_filter_that_is_not_understood_assigns_nobody(client: Client, sofia: User, three: list[Customer]) -> None:
    client.force_login(sofia)
    sent = {"all": "1", "expected": "3", "owner": str(sofia.pk)}
    assert client.post("/admin/assign/?status=great", sent).status_code == 400
    assert owners() == {"x1": "victor", "x2": None, "x3": None}


def test_one_customer_from_its_page(client: Client, sofia: User, three: list[Customer]) -> None:
    client.force_login(sofia)
    [address] = links(client.get("/admin/customer/x1/"), "Assign owner")
    asked = client.get(address)
    assert "Assign an owner to Firm 1" in words(main_part(asked))
    form = asked.context["form"]
    # The owner whom it has comes chosen; the user is the first.
    assert form["owner"].value() == str(User.objects.get(username="victor").pk)
    assert form.fields["owner"].choices[0] == (str(sofia.pk), "Sofia Marchetti (me)")
    done = client.post(address, {"customer": "x1", "expected": "1", "owner": "nobody"})
    assert (done.url, owners()["x1"]) == ("/admin/customer/x1/", None)


@pytest.mark.parametrize("owner", ["", "0", "x", "999999"])
def test_an_owner_who_is_none_is_refused(client: Client, sofia: User, three: list[Customer], owner: str) -> None:
    client.force_login(sofia)
    response = client.post("/admin/assign/", {"customer": "x1", "expected": "1", "owner": owner})
    assert (response.status_code, owners()["x1"]) == (422, "victor")


def test_those_who_left_cannot_be_chosen(client: Client, sofia: User, three: list[Customer]) -> None:
    gone = make_staff("Success manager", is_active=False)
    client.force_login(sofia)
    response = client.post("/admin/assign/", {"customer": "x1", "expected": "1", "owner": str(gone.pk)})
    assert response.status_code == 422


def test_who_may_not_act_cannot_be_chosen(client: Client, sofia: User, three: list[Customer]) -> None:
    walt = make_staff("Viewer", username="walt")
    client.force_login(sofia)
    for customer in ("x1", "x2"):
        sent = {"customer": customer, "expected": "1", "owner": str(walt.pk)}
        assert client.post("/admin/assign/", sent).status_code == 422
        offered = [
            name
            for _key, name in client.get(f"/admin/assign/?customer={customer}").context["form"]["owner"].field.choices
        ]
        assert "walt" not in offered
        assert client.post(f"{CARE}add/", {"customer": "x3", "owner": walt.pk}).status_code == 200
    assert owners() == {"x1": "victor", "x2": None, "x3": None}


def test_an_owner_who_may_not_act_any_more_is_kept_and_marked(
    client: Client, sofia: User, three: list[Customer]
) -> None:
    victor = User.objects.get(username="victor")
    client.force_login(sofia)
    offered = dict(client.get("/admin/assign/?customer=x1").context["form"]["owner"].field.choices)
    assert offered[str(victor.pk)] == "victor (may not act)"
    sent = {"customer": "x1", "expected": "1", "owner": str(victor.pk)}
    assert client.post("/admin/assign/", sent).status_code == 302
    # Together with others, all would become theirs.
    both = {"customer": ["x1", "x2"], "expected": "2", "owner": str(victor.pk)}
    assert client.post("/admin/assign/", both).status_code == 422
    page = client.get(f"{CARE}x1/change/").text
    assert "victor (may not act)" in page
    assert client.post(f"{CARE}x1/change/", {"owner": victor.pk, "notes": "y"}).status_code == 302
    assert CustomerCare.objects.get(pk="x1").notes == "y"
    assert owners() == {"x1": "victor", "x2": None, "x3": None}


def test_the_list_of_owners_has_names(client: Client, sofia: User, three: list[Customer]) -> None:
    CustomerCare.objects.create(customer=three[1], owner=sofia)
    CustomerCare.objects.create(customer=three[2])
    client.force_login(sofia)
    text = words(client.get(CARE).text)
    assert "victor (may not act)" in text
    assert "By owner All Sofia Marchetti victor" in text.replace("  ", " ")
    found = client.get(f"{CARE}?owner__id__exact={sofia.pk}")
    assert [care.pk for care in found.context["cl"].result_list] == ["x2"]
    assert client.get(f"{CARE}?owner__id__exact=%00").status_code == 400
    assert [name for _key, name in client.get(f"{CARE}add/").context["adminform"].form["owner"].field.choices] == [
        "Select value",
        "Sofia Marchetti",
    ]


def test_nobody_ticked_leads_back(client: Client, sofia: User, three: list[Customer]) -> None:
    client.force_login(sofia)
    assert client.post("/admin/assign/?q=a", {}).url == "/admin/?q=a#customers"
    assert "No customer is selected." in words(client.get("/admin/").content.decode())
    page = main_part(client.post("/admin/assign/", {"customer": ["nobody", "\0"]}))
    assert "No customer selected" in words(page)


def test_from_the_data_list_in_the_admin(client: Client, sofia: User, three: list[Customer]) -> None:
    client.force_login(sofia)
    address = "/admin/customers/customer/?status__exact=active"
    chosen = {"action": "assign_owner", "_selected_action": ["x2", "x3"], "select_across": "0"}
    asked = client.post(address, chosen)
    assert "Assign an owner to 2 customers" in words(main_part(asked))
    done = client.post(address, {**chosen, "expected": "2", "owner": str(sofia.pk)})
    assert done.url == address
    assert owners() == {"x1": "victor", "x2": "sofia", "x3": "sofia"}
    # All on all pages of the list.
    everybody = {"action": "assign_owner", "_selected_action": ["x2"], "select_across": "1", "owner": str(sofia.pk)}
    client.post(address, {**everybody, "expected": "3"})
    assert set(owners().values()) == {"sofia"}


@pytest.mark.parametrize("role", ["Viewer", None])
def test_who_may_not(client: Client, three: list[Customer], role: str | None) -> None:
    client.force_login(make_staff(role))
    for response in (client.get("/admin/assign/?customer=x1"), client.post("/admin/assign/", {"all": "1"})):
        assert response.status_code == 403
    sent = {"action": "assign_owner", "_selected_action": "x1", "expected": "1", "owner": "nobody"}
    client.post("/admin/customers/customer/", sent)
    assert owners()["x1"] == "victor"


def test_the_list_of_owners_says_in_words_who_may_not_be_contacted(client: Client, three: list[Customer]) -> None:
    CustomerCare.objects.update_or_create(customer=three[0], defaults={"do_not_contact": True})
    CustomerCare.objects.update_or_create(customer=three[1], defaults={"do_not_contact": False})
    client.force_login(make_staff("Program manager"))
    listed = client.get(CARE).text.split('id="result_list"')[1]
    assert listed.count("Do not contact") == 2  # The heading, and the one.
    assert "cancel" not in listed
