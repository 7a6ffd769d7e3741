"""What the palette finds, for whom and in which order; its page, its part, and the list of keys."""

import re
from datetime import date
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Board, Preferences, Report, Task
from analytics.page_cache.version import DataVersion
from customers.models import CustomerCare
from rsolv_cs.palette.find import find
from tests.factories import make_customer, make_day, make_policy, make_snapshot, make_staff
from tests.support.crm import make_destination
from tests.support.pages import forget, main_part, words
from tests.support.playbooks import make_playbook
from tests.support.policies import make_draft
from tests.support.webhook_events import listen

pytestmark = pytest.mark.django_db
ROLES = [None, "Viewer", "Success manager", "Program manager", "Administrator"]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    forget()


def found(user: User, text: str) -> dict[str, list[str]]:
    """The titles of what a text finds, by group."""
    forget()
    return {group.label: [one.title for one in group.results] for group in find(user, text, DataVersion(1, "", 1))}


def hints(user: User, text: str) -> list[str]:
    forget()
    return [one.hint for group in find(user, text, DataVersion(1, "", 1)) for one in group.results]


def make_task(what: str, name: str, **values: object) -> Task:
    return Task.objects.create(
        customer=make_customer(organization=name), what=what, **{"due": date(2025, 5, 12), **values}
    )


# --- What is found ----------------------------------------------------------------------------------------------


def test_everything_of_a_name_is_found_in_its_group() -> None:
    sofia = make_staff("Program manager", first_name="Sofia", last_name="Marchetti")
    acme = make_customer(id="c7", organization="Acme Inc.", email="john@acme.example")
    make_day()
    make_snapshot(acme, status="at_risk")
    CustomerCare.objects.create(customer=acme, owner=sofia)
    Report.objects.create(name="All of Acme", owner=sofia)
    Report.objects.create(name="Acme, shared", owner=make_staff(username="max"), shared=True)
    Report.objects.create(name="Acme, of another", owner=User.objects.get(username="max"))
    Board.objects.create(name="Acme's board", owner=sofia)
    Board.objects.create(name="Shared board of Acme", owner=User.objects.get(username="max"), shared=True)
    Board.objects.create(name="Acme's board of another", owner=User.objects.get(username="max"))
    Board.objects.create(name="Acme, by mail", owner=User.objects.get(username="max")).recipients.set([sofia])
    Task.objects.create(customer=acme, what="Call them", due="2025-05-12", owner=sofia)
    Task.objects.create(customer=acme, what="Done long ago", due="2025-05-12", state="done")
    assert found(sofia, "acme") == {
        "Customers": ["Acme Inc."],
        "Reports": ["Acme, shared", "All of Acme"],
        "Boards": ["Acme's board", "Acme, by mail", "Shared board of Acme"],
        "Open tasks": ["Call them"],
    }
    assert hints(sofia, "acme") == [
        "c7 · At risk · Sofia Marchetti",
        "by max",
        "",
        "",
        "by max",
        "by max",
        "Acme Inc. · due 12 May 2025 · Sofia Marchetti",
    ]
    assert hints(sofia, "john")[0] == "john@acme.example · At risk · Sofia Marchetti"


def test_the_best_match_comes_first_in_each_group() -> None:
    user = make_staff("Administrator")
    # Starts of titles in the order of the sidebar, then "Users", in whose midst it is.
    assert found(user, "se")["Pages"] == ["Sessions", "Users"]
    assert found(user, "upload") == {"Actions": ["Upload a file"]}
    assert found(user, "rep") == {"Pages": ["Reports"], "Actions": ["New report"]}
    # One of what a page is called after many.
    assert found(user, "policy")["Pages"] == ["Policy lab", "Scoring policies"]
    assert found(user, "scoring policy") == {"Pages": ["Scoring policies"]}
    make_task("Recall", "A")
    make_task("Please call", "B")
    make_task("Call", "C", due=date(2025, 5, 14))
    make_task("Call", "D", due=date(2025, 5, 13))
    assert found(user, "call")["Open tasks"] == ["Call", "Call", "Please call", "Recall"]
    assert [hint.split(" · ")[0] for hint in hints(user, "call")] == ["D", "C", "B", "A"]


def test_a_draft_leads_to_the_lab_and_a_published_policy_to_its_form() -> None:
    user = make_staff("Program manager")
    published = make_policy("Activity first", effective_from=date(2025, 5, 1))
    draft = make_draft("Activity above all")
    make_draft("Another one")
    [group] = [group for group in find(user, "activity", DataVersion(1, "", 1)) if group.label == "Scoring policies"]
    assert [(one.title, one.address, one.hint) for one in group.results] == [
        ("Activity above all", f"/admin/policy-lab/{draft.pk}/", "Draft"),
        ("Activity first", f"/admin/analytics/scoringpolicy/{published.pk}/change/", "from 1 May 2025"),
    ]
    assert "Scoring policies" not in found(make_staff(), "activity")


def test_no_more_than_a_handful_of_each_kind() -> None:
    user = make_staff("Administrator")
    for number in range(12):
        task = make_task(f"Alert {number:02}", f"Alert customer {number:02}")
        Report.objects.create(name=f"Alert {number:02}", owner=user)
        Board.objects.create(name=f"Alert {number:02}", owner=user)
    assert {label: len(titles) for label, titles in found(user, "alert").items()} == {
        "Customers": 8,
        "Pages": 2,
        "Reports": 5,
        "Boards": 5,
        "Open tasks": 5,
    }
    assert found(user, f"alert {task.customer_id}")["Customers"] == ["Alert customer 11"]


def test_nothing_asked_shows_pages_and_actions() -> None:
    shown = found(make_staff("Success manager"), "")
    assert list(shown) == ["Pages", "Actions"]
    assert shown["Pages"][:3] == ["My day", "Dashboard", "My tasks"]
    assert shown["Actions"] == ["Create task", "New report", "Export"]


# --- Who finds what ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_everybody_finds_only_what_they_may_open(role: str | None, client: Client) -> None:
    user = make_staff(role)
    make_task("Export aeiou", "Export aeiou")
    Report.objects.create(name="Export aeiou", owner=make_staff(username="other"), shared=True)
    board = Board.objects.create(name="Export aeiou", owner=User.objects.get(username="other"), shared=True)
    make_day()
    client.force_login(user)
    forget()
    addresses = {
        one.address
        for text in ("", *"aeiou", "export", "aeiou", "preferences")
        for group in find(user, text, DataVersion(1, "", 1))
        for one in group.results
    }
    assert "/admin/preferences/" in addresses
    assert ("/admin/customers/customer/" in addresses) == (role is not None)
    assert (f"/admin/board/{board.pk}/" in addresses) == (role is not None)
    refused = []
    for address in addresses:
        response = client.get(address, follow=True)
        if response.streaming:
            # To its end, where it closes its file.
            b"".join(response)
        if response.status_code != 200:
            refused.append((address, response.status_code))
    assert refused == []


def test_who_has_no_role_finds_no_customer_report_board_or_task() -> None:
    make_task("Call Acme", "Acme")
    Report.objects.create(name="Acme", owner=make_staff(username="other"), shared=True)
    Board.objects.create(name="Acme", owner=User.objects.get(username="other"), shared=True)
    assert found(make_staff(), "acme") == {}
    viewer = make_staff("Viewer")
    assert list(found(viewer, "acme")) == ["Customers", "Reports", "Boards", "Open tasks"]
    # Who may see no boards finds none, whatever is shared.
    sees_some = make_staff(username="some")
    sees_some.user_permissions.set(Permission.objects.filter(codename__in=["view_customer", "view_report"]))
    assert list(found(sees_some, "acme")) == ["Customers", "Reports"]
    assert found(make_staff("Viewer", username="v"), "upload") == {}


# --- The page and its part --------------------------------------------------------------------------------------


def test_the_page_and_the_part_show_the_same(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    make_customer(id="c7", organization="Acme Inc.")
    page, part = client.get("/admin/search/?q=acme"), client.get("/admin/search/?q=acme&part=1")
    for response in (page, part):
        assert 'href="/admin/customer/c7/"' in response.text
    assert "1 result" in words(main_part(page))
    assert part.text.count('role="option"') == 1 and "<html" not in part.text
    nothing = client.get("/admin/search/?q=zzz&part=1")
    assert 'data-said="No results for “zzz”"' in nothing.text and "option" not in nothing.text
    assert "No results for “zzz”" in words(main_part(client.get("/admin/search/?q=zzz")))
    assert client.get("/admin/search/?q=%00").status_code == 200


def test_hostile_names_are_text(client: Client) -> None:
    hostile = '"><img src=x onerror=alert(1)>'
    client.force_login(make_staff("Administrator"))
    make_task(hostile, hostile)
    Report.objects.create(name=hostile, owner=make_staff(username="other"), shared=True)
    Board.objects.create(name=hostile, owner=User.objects.get(username="other"), shared=True)
    for part in ("", "&part=1"):
        forget()
        text = client.get(f"/admin/search/?q=%22%3E%3Cimg{part}").text
        assert "<img src=x" not in text
        assert unescape(text).count(hostile) >= 4
    assert "<b>" not in client.get("/admin/search/?q=<b>&part=1").text


def test_as_many_queries_whatever_is_found(client: Client) -> None:
    user = make_staff("Administrator")
    client.force_login(user)
    make_task("Acme 0", "Acme 0")
    client.get("/admin/search/?q=acme&part=1")

    def count() -> int:
        forget()
        client.get("/admin/search/?q=acme&part=1")
        with CaptureQueriesContext(connection) as queries:
            client.get("/admin/search/?q=acme&part=1")
        return len(queries)

    few = count()
    for number in range(1, 10):
        task = make_task(f"Acme {number}", f"Acme {number}", owner=user)
        CustomerCare.objects.create(customer=task.customer, owner=user)
        Report.objects.create(name=f"Acme {number}", owner=user)
        Board.objects.create(name=f"Acme {number}", owner=user)
    # Session, user and rights, the version, two of customers, and one of each other kind.
    assert count() == few <= 14


# --- The keys ---------------------------------------------------------------------------------------------------


def test_each_page_has_the_button_the_palette_and_the_keys_of_its_visitor(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    for address in ("/admin/cohorts/", "/admin/customers/customer/"):
        text = client.get(address).text
        assert 'id="find-open" href="/admin/search/"' in text
        [go_to] = re.findall(r'data-go-to="([^"]*)"', text)
        assert '"a": "/admin/alerts/"' in unescape(go_to)
        assert "opencommand" not in text
    client.force_login(make_staff(username="nobody"))
    assert 'data-go-to="{}"' in client.get("/admin/preferences/").text


def test_keys_are_listed_and_can_be_turned_off(client: Client) -> None:
    user = make_staff("Viewer")
    client.force_login(user)
    listed = words(main_part(client.get("/admin/shortcuts/")))
    for line in ("Go to Dashboard g d", "Go to Alerts g a", "Search everything Ctrl K"):
        assert line in listed
    assert "data-shortcuts" in client.get("/admin/cohorts/").text
    client.post("/admin/preferences/", {"time_zone": "", "default_view": ""})
    assert Preferences.objects.get(user=user).shortcuts is False
    assert "data-shortcuts" not in client.get("/admin/cohorts/").text


def test_destinations_playbooks_and_webhooks_are_found_by_whom_they_concern() -> None:
    there = make_destination(name="Warehouse")
    playbook = make_playbook(name="Warehouse rescue")
    endpoint = listen(name="Warehouse hook")
    of_all = {
        "Playbooks": ["Warehouse rescue"],
        "CRM": ["Preview and push: Warehouse"],
        "Webhooks": ["Warehouse hook"],
    }
    for role, kinds in (("Viewer", 1), ("Program manager", 2), ("Administrator", 3)):
        assert found(make_staff(role), "warehouse") == dict(list(of_all.items())[:kinds]), role
    administrator = make_staff("Administrator", username="ada")
    leads = [one.address for group in find(administrator, "warehouse", DataVersion(1, "", 1)) for one in group.results]
    assert leads == [
        f"/admin/playbooks/{playbook.pk}/",
        f"/admin/destinations/{there.pk}/",
        f"/admin/analytics/webhookendpoint/{endpoint.pk}/change/",
    ]
    assert "Preview and push: Warehouse" in found(administrator, "push ware")["CRM"]
