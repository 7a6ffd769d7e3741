"""The admin's site: what each page of it has, and what it does without."""

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.test import Client

from rsolv_cs import navigation
from tests.factories import make_staff

pytestmark = pytest.mark.django_db


def active(client: Client, address: str) -> list[str]:
    """The entries of the sidebar that a page belongs to."""
    groups = client.get(address).context["sidebar_navigation"]
    return [item["title"] for group in groups for item in group["items"] if item["active"]]


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(make_staff(is_superuser=True))
    return client


@pytest.mark.parametrize(
    ("address", "title"),
    [
        ("/admin/", "Dashboard"),
        ("/admin/?sort=-score", "Dashboard"),
        ("/admin/alerts/?state=all", "Alerts"),
        ("/admin/tasks/new/", "My tasks"),
        ("/admin/customers/customer/", "Customers"),
        ("/admin/customers/customercare/", "Assignments"),
        ("/admin/analytics/alertrule/add/", "Alert rules"),
    ],
)
def test_a_page_belongs_to_the_entry_whose_address_it_is_below(admin: Client, address: str, title: str) -> None:
    assert active(admin, address) == [title]


def test_a_page_of_no_entry_has_none(admin: Client) -> None:
    assert active(admin, "/admin/preferences/") == []


def test_models_are_listed_on_an_apps_own_page_alone(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    page = admin.get("/admin/customers/")
    assert {"Customers", "Quarantined rows"} <= {model["name"] for model in page.context["app_list"][0]["models"]}
    assert admin.get("/admin/contenttypes/").status_code == 404
    monkeypatch.setattr(AdminSite, "_build_app_dict", lambda *_: pytest.fail("nobody reads that list"))
    for address in ("/admin/", "/admin/customers/event/", "/admin/cohorts/"):
        assert admin.get(address).status_code == 200


@pytest.mark.parametrize("role", [None, "Viewer", "Success manager", "Program manager", "Administrator"])
def test_the_keys_lead_to_the_pages_of_the_menu(role: str | None) -> None:
    user: User = make_staff(role)
    there = {page.key: page.address for page in navigation.pages(user) if page.key}
    assert navigation.addresses_of_keys(user) == there
    assert ("d" in there) == (role is not None)
