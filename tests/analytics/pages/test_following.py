"""Pages that follow what changes: what each asks for again, and what it costs where nothing is new."""

import re
from datetime import date

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from analytics.models import Night
from analytics.scoring.snapshots import score_day
from customers.audit import trail
from customers.models import ImportRun
from tests.factories import make_customer, make_engagement, make_run
from tests.support.pages import Elements

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
ANSWERING = ("/admin/", "/admin/customer/one/", "/admin/alerts/?told=", "/admin/tasks/?whose=everybody")
"""Those that answer nothing where nothing is new."""


@pytest.fixture(autouse=True)
def a_program() -> None:
    make_engagement(make_customer(id="one"), D, issues_tagged=1)
    make_run(pk=7, status=ImportRun.Status.RUNNING)
    Night.objects.create(pk=8, started_by="cron", state=Night.State.RUNNING)
    score_day(D)


def regions_of(page: str) -> list[str]:
    [regions] = re.findall(r'data-regions="([^"]+)"', page)
    return regions.split(" | ")


@pytest.mark.parametrize(
    "address",
    [
        *ANSWERING,
        "/admin/customers/importrun/",
        "/admin/customers/importrun/7/change/",
        "/admin/analytics/night/",
        "/admin/analytics/night/8/change/",
    ],
)
def test_a_page_that_follows_has_what_it_asks_for(admin_client: Client, address: str, settings: Settings) -> None:
    page = admin_client.get(address).content.decode()
    assert page.count('id="refresh"') == 1
    assert 'id="live-mark"' not in page
    assert "live.js" not in page
    ids = set(Elements(page).attributes("id"))
    named = {selector.removeprefix("#") for selector in regions_of(page) if selector.startswith("#")}
    # A block of the dashboard is not there without anything to say.
    assert named - ids <= {"disagreements-part"}
    settings.LIVE = True
    page = admin_client.get(address).content.decode()
    assert 'id="live-mark" data-socket="/ws/state"' in page
    assert page.count("live.js") == 1


def refresh(client: Client, address: str, tag: str) -> HttpResponse:
    return client.get(address, headers={"HX-Request": "true", "If-None-Match": tag})


@pytest.mark.parametrize("address", ANSWERING)
def test_where_nothing_is_new_it_is_answered_with_nothing(admin_client: Client, address: str) -> None:
    [tag] = [tag for tag in Elements(admin_client.get(address).content.decode()).attributes("data-tag") if tag]
    with CaptureQueriesContext(connection) as asked:
        response = refresh(admin_client, address, tag)
    assert (response.status_code, response.content, len(asked)) == (304, b"", 3)
    trail.record(trail.Action.CHANGE, "something")
    assert refresh(admin_client, address, tag).status_code == 200


@pytest.mark.parametrize("address", ANSWERING)
def test_who_is_logged_out_is_led_to_the_login(client: Client, address: str) -> None:
    assert refresh(client, address, '"a"').status_code == 302


def test_a_page_asks_more_often_only_while_an_import_goes_on(admin_client: Client) -> None:
    address = "/admin/customers/importrun/7/change/"
    assert 'data-seconds="2"' in admin_client.get(address).content.decode()
    ImportRun.objects.update(status=ImportRun.Status.LOADED)
    assert 'data-seconds="60"' in admin_client.get(address).content.decode()
