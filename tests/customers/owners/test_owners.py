"""Owners: assigned to one customer, to those ticked, or to all that the filters leave; each change on record."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.customer_list.first_view import first_view, unassigned
from analytics.models import RecommendationRule, Task
from analytics.page_cache.version import DataVersion, StateVersion
from customers.models import Customer, CustomerCare
from customers.owners.assign import Assigned, assign
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import Elements, links, main_part, words

pytestmark = pytest.mark.django_db
FILTERS = ("q", "status", "owner")
CARE = "/admin/customers/customercare/"


@pytest.fixture
def sofia() -> User:
    return make_staff("Success manager", username="sofia", first_name="Sofia", last_name="Marchetti")


@pytest.fixture
def three() -> list[Customer]:
    """Three customers with a score, two of them at risk; the first has an owner."""
    day = make_day(total=3)
    made = [make_customer(id=f"x{number}", organization=f"Firm {number}") for number in (1, 2, 3)]
    for customer, status in zip(made, ("at_risk", "at_risk", "healthy"), strict=True):
        make_snapshot(customer, status=status, date=day.date)
    CustomerCare.objects.create(customer=made[0], owner=make_staff("Viewer", username="victor"), notes="Kept")
    return made


def owners() -> dict[str, str | None]:
    return dict(Customer.objects.order_by("pk").values_list("pk", "care__owner__username"))


def hidden(response: Any) -> dict[str, str]:
    return {
        str(attrs["name"]): str(attrs.get("value"))
        for tag, attrs in Elements(main_part(response)).found
        if tag == "input" and attrs.get("type") == "hidden"
    }


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
    assert "No customer was ticked." in words(client.get("/admin/").content.decode())
    page = main_part(client.post("/admin/assign/", {"customer": ["nobody", "\0"]}))
    assert "No customer is meant" in words(page)


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


# --- Whose customers come first ---------------------------------------------------------------------------------


def test_the_own_ones_come_first_for_who_has_some(sofia: User, three: list[Customer]) -> None:
    assert first_view(QueryDict("sort=name"), FILTERS, owns=False).urlencode() == "sort=name"
    assert first_view(QueryDict("sort=name"), FILTERS, owns=True).urlencode() == "sort=name&owner=me"
    for asked in ("owner=", "owner=nobody", "q=x", "status="):
        assert first_view(QueryDict(asked), FILTERS, owns=True).urlencode() == asked


def listed(response: Any) -> list[str]:
    return re.findall(r'<tr id="customer-(\w+)">', response.text)


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
        return [str(attrs["value"]) for _tag, attrs in found if attrs.get("form") == "assign" and "value" in attrs]

    assert ticks(sofia) == ["x1", "x2", "x3", "1"]
    assert ticks(User.objects.get(username="victor")) == []


def test_a_filter_that_is_not_understood_offers_no_assigning_to_all(
    client: Client, sofia: User, three: list[Customer]
) -> None:
    client.force_login(sofia)
    assert "Assign owner to all 3" in words(main_part(client.get("/admin/?owner=", follow=True)))
    page = words(main_part(client.get("/admin/?status=great", follow=True)))
    assert "Assign owner to the ticked" in page
    assert "Assign owner to all" not in page


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


# --- The rules in the admin -------------------------------------------------------------------------------------

RULE = {"text": "Call", "kind": "call", "condition": "at_risk", "urgency": "5", "rest_days": "7", "active": "on"}
RULES = "/admin/analytics/recommendationrule/"


@pytest.fixture
def paula(client: Client) -> User:
    user = make_staff("Program manager")
    client.force_login(user)
    return user


def test_the_list_says_how_many_each_rule_matches(client: Client, paula: User, three: list[Customer]) -> None:
    page = client.get(RULES).text
    found = re.findall(r"field-condition_in_words[^>]*>(.*?)</td>.*?field-matches[^>]*>(.*?)</td>", page, re.DOTALL)
    told = {words(condition): words(matches) for condition, matches in found}
    assert told["Status is At risk"] == "2 customers"
    assert told["Status is Healthy"] == "1 customer"
    assert told["Status is Champion"] == "0 customers"


def test_the_list_takes_the_same_queries_however_many_rules(
    client: Client, paula: User, three: list[Customer]
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(RULES).status_code == 200
        return len(captured)

    few = count()
    for number in range(20):
        RecommendationRule.objects.create(
            text=f"Do {number}", kind="call", condition="silent", threshold=number + 1, urgency=1
        )
    assert count() == few


def test_a_preview_counts_what_is_typed_and_saves_nothing(client: Client, paula: User, three: list[Customer]) -> None:
    before = RecommendationRule.objects.count()
    response = client.post(f"{RULES}add/", {**RULE, "_preview": "1"})
    assert response.status_code == 200
    text = words(response.text)
    assert "“Status is At risk” matches 2 customers on 10 May 2025. Nothing is saved yet." in text
    assert RecommendationRule.objects.count() == before
    changed = {**RULE, "condition": "score_below", "threshold": "76", "_preview": "1"}
    rule = RecommendationRule.objects.get(urgency=30)
    response = client.post(f"{RULES}{rule.pk}/change/", changed)
    assert "“Score below 76” matches 3 customers" in words(response.text)
    rule.refresh_from_db()
    assert rule.condition == "at_risk"


@pytest.mark.parametrize("n", ["", "0"])
def test_a_condition_without_its_n_is_refused(client: Client, paula: User, three: list[Customer], n: str) -> None:
    for extra in ({}, {"_preview": "1"}):
        sent = {**RULE, "condition": "silent", "threshold": n, **extra}
        response = client.post(f"{RULES}add/", sent)
        assert response.status_code == 200
        assert response.context["errors"]
    assert not RecommendationRule.objects.filter(condition="silent").exists()


def test_a_rule_can_be_changed_but_not_deleted_from_under_its_tasks(
    client: Client, paula: User, three: list[Customer]
) -> None:
    client.post(f"{RULES}add/", {**RULE, "condition": "silent", "threshold": "3"})
    rule = RecommendationRule.objects.get(condition="silent")
    Task.objects.create(customer=three[0], rule=rule, what="x", due="2025-05-10")
    client.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"})
    assert RecommendationRule.objects.filter(pk=rule.pk).exists()
    Task.objects.all().delete()
    client.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"})
    assert not RecommendationRule.objects.filter(pk=rule.pk).exists()


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


def test_the_list_of_owners_says_in_words_who_may_not_be_contacted(client: Client, three: list[Customer]) -> None:
    CustomerCare.objects.update_or_create(customer=three[0], defaults={"do_not_contact": True})
    CustomerCare.objects.update_or_create(customer=three[1], defaults={"do_not_contact": False})
    client.force_login(make_staff("Program manager"))
    listed = client.get(CARE).text.split('id="result_list"')[1]
    assert listed.count("Do not contact") == 2  # The heading, and the one.
    assert "cancel" not in listed
