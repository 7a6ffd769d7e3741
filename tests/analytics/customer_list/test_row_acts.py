"""What can be done from a row of the customer table, by forms that lead back to it: assign an owner, create a task."""

from datetime import date
from html import unescape
from re import findall
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Task
from customers.models import AuditEntry, CustomerCare
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import main_part, rows, said

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
HOSTILE = 'A"><script>x</script>&next=//evil.example'


@pytest.fixture
def browser(client: Client) -> Client:
    """A success manager's, who owns nobody; of two customers, one is Max Moss's."""
    make_day(date=D, total=2)
    max_moss = make_staff("Success manager", username="max", first_name="Max", last_name="Moss")
    for key, name in (("c1", "Alpha"), ("c2:x.y", HOSTILE)):
        make_snapshot(make_customer(id=key, organization=name), date=D)
    CustomerCare.objects.create(customer_id="c1", owner=max_moss)
    client.force_login(make_staff("Success manager", username="zoe", first_name="Zoe"))
    return client


def owner_links(browser: Client, query: str = "") -> dict[str, tuple[str, str]]:
    """By the customer, where the link in the owner's cell leads and where it goes back to."""
    page = main_part(browser.get(f"/admin/?columns=owner{query}"))
    found = {}
    for address in findall(r'<a class="owner-link" href="([^"]*)"', page):
        parts = urlsplit(unescape(address))
        assert not parts.fragment
        [back] = parse_qs(parts.query, strict_parsing=True)["next"]
        found[parts.path.split("/")[3]] = (parts.path, back)
    return found


def test_the_owner_leads_to_the_form_and_back_to_the_row(browser: Client) -> None:
    found = owner_links(browser, "&q=a&status=healthy&status=at_risk")
    address = "/admin/?columns=owner&q=a&status=healthy&status=at_risk"
    assert found["c1"] == ("/admin/customer/c1/act/assign/", f"{address}#customer-c1")
    assert {path for path, _back in owner_links(browser).values()} == {
        "/admin/customer/c1/act/assign/",
        "/admin/customer/c2:x.y/act/assign/",
    }


def test_a_new_owner_is_kept_and_stands_in_the_table_at_once(browser: Client) -> None:
    assert sorted(row[1] for row in rows(browser.get("/admin/?columns=owner"))) == ["Max Moss", "–"]
    path, back = owner_links(browser)["c2:x.y"]
    sent = {"next": back, "owner": CustomerCare.objects.get().owner_id, "form_key": "1"}
    assert browser.get(path, {"next": back}).status_code == 200
    response = browser.post(path, sent)
    assert response["Location"] == "/admin/?columns=owner#customer-c2%3Ax.y"
    page = browser.get(response["Location"])
    assert [row[1] for row in rows(page)] == ["Max Moss", "Max Moss"]
    assert len(said(page)) == 1
    assert "toast-undo" in page.text
    assert AuditEntry.objects.filter(customer="c2:x.y", model="customers.customercare").exists()


def task_links(browser: Client, query: str = "") -> dict[str, str]:
    """By the customer, where the link to a new task leads."""
    page = main_part(browser.get(f"/admin/?columns=owner{query}"))
    found = findall(r'<a class="row-act" href="([^"]*)" title="Create task" aria-label="([^"]*)"', page)
    return {unescape(label): unescape(address) for address, label in found}


def test_a_task_is_created_from_the_row_and_leads_back_to_it(browser: Client) -> None:
    found = task_links(browser, "&status=healthy&q=a")
    assert set(found) == {"Create task for Alpha", f"Create task for {HOSTILE}"}
    address = found["Create task for Alpha"]
    assert urlsplit(address).path == "/admin/customer/c1/act/task/"
    [back] = parse_qs(urlsplit(address).query, strict_parsing=True)["next"]
    assert back == "/admin/?columns=owner&status=healthy&q=a#customer-c1"
    assert "Create task" in browser.get(address).text
    owner = CustomerCare.objects.get().owner_id
    sent = {"next": back, "what": "Ask how it goes", "due": "2030-05-20", "owner": owner, "form_key": "1"}
    response = browser.post(address, sent)
    assert response["Location"] == back
    assert [(one.customer_id, one.what) for one in Task.objects.all()] == [("c1", "Ask how it goes")]
    page = browser.get(response["Location"])
    assert said(page) == ["Alpha: Task created, due 20 May 2030."]
    assert "toast-undo" in page.text


def test_who_may_not_create_tasks_has_no_way_to_one(browser: Client) -> None:
    assert len(task_links(browser)) == 2
    browser.force_login(make_staff("Viewer", username="vic"))
    assert task_links(browser) == {}


def test_outside_text_stays_text(browser: Client) -> None:
    page = browser.get("/admin/?columns=owner").text
    assert "<script>x" not in page


def test_who_may_not_assign_reads_the_name_alone(browser: Client) -> None:
    assert len(owner_links(browser)) == 2
    browser.force_login(make_staff("Viewer", username="vic"))
    assert owner_links(browser) == {}
    assert sorted(row[1] for row in rows(browser.get("/admin/?columns=owner"))) == ["Max Moss", "–"]


def test_the_links_ask_the_database_nothing(browser: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            browser.get("/admin/?columns=owner&sort=customer")
        return len(asked)

    as_manager = queries()
    browser.force_login(make_staff("Viewer", username="vic"))
    assert queries() == as_manager
