"""The tour of three steps: by what somebody may do, until they close it for good."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from analytics.models import Preferences
from analytics.pages.tour import tour_of
from customers.models import AuditEntry
from tests.factories import make_customer, make_day, make_staff
from tests.support.pages import main_part, words

pytestmark = pytest.mark.django_db
TITLE = "Three things to know"
CLOSE = "/admin/preferences/close-tour/"


@pytest.mark.parametrize(
    ("role", "first"),
    [("Viewer", "Summary"), ("Success manager", "My day"), ("Program manager", "Import runs")],
)
def test_the_first_step_is_where_a_role_begins(client: Client, role: str, first: str) -> None:
    make_day(total=1)
    user = make_staff(role, username="new")
    assert [step.title for step in tour_of(User.objects.get(pk=user.pk))] == [first, "Dashboard", "Find anything"]
    client.force_login(user)
    assert TITLE in client.get("/admin/").text
    for step in tour_of(user):
        assert client.get(step.address, follow=True).status_code == 200, step.title


def test_once_closed_it_stays_closed_for_that_person_alone(client: Client) -> None:
    make_day(total=1)
    new, other = (make_staff("Success manager", username=name) for name in ("new", "other"))
    client.force_login(new)
    day = reverse("analytics:my-day") + "?owner=any"
    assert TITLE in client.get(day, follow=True).text
    refreshed = client.get("/admin/", headers={"HX-Request": "true"})["ETag"]

    assert client.get(CLOSE).status_code == 405
    assert client.post(CLOSE, {"next": day})["Location"] == day
    closed_at = Preferences.objects.get(user=new).tour_closed_at
    assert closed_at is not None
    assert TITLE not in client.get(day, follow=True).text
    assert TITLE not in client.get("/admin/").text
    # A page that was open elsewhere asks for itself again, and must not be told that nothing is new.
    assert client.get("/admin/", headers={"HX-Request": "true", "If-None-Match": refreshed}).status_code == 200
    entry = AuditEntry.objects.latest("pk")
    assert (entry.actor, "closed the tour" in entry.changes) == ("new", True)

    client.post(CLOSE)
    assert Preferences.objects.get(user=new).tour_closed_at == closed_at
    client.force_login(other)
    assert TITLE in client.get("/admin/").text


def test_what_else_somebody_prefers_stays(client: Client) -> None:
    user = make_staff("Viewer", username="new")
    Preferences.objects.create(user=user, time_zone="Asia/Kolkata")
    client.force_login(user)
    assert client.post(CLOSE, {"next": "https://elsewhere.example/"})["Location"] == "/admin/"
    assert Preferences.objects.get().time_zone == "Asia/Kolkata"


@pytest.mark.parametrize(
    "address", ["/admin/", "/admin/my-day/", "/admin/summary/", "/admin/cohorts/"], ids=lambda address: address
)
def test_an_empty_tool_leads_each_to_their_first_step(client: Client, address: str) -> None:
    people = {name: make_staff(name) for name in ("Viewer", "Success manager", "Program manager", "Administrator")}

    def said(role: str) -> str:
        client.force_login(people[role])
        return words(main_part(client.get(address, follow=True)))

    ask = "No customers yet They appear here after the first import. Ask a program manager to upload the CSV files."
    for role in ("Viewer", "Success manager"):
        assert ask in said(role)
        assert "manage.py" not in said(role)
    assert "No customers yet Upload a CSV file First customers.csv" in said("Program manager")
    assert "Invite your colleagues" not in said("Program manager")
    assert "Invite your colleagues and assign customers" in said("Administrator")
    assert "manage.py nightly --dir FOLDER" in said("Administrator")

    make_customer()
    assert "The customers are loaded. Their scores appear after the next nightly run" in said("Success manager")
    assert "The customers are loaded. Score now , or run manage.py score" in said("Program manager")
