"""The dashboard with its list of customers, the summary and the columns in German; its files stay English."""

import re
from typing import Literal

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client
from django.utils.translation import override
from pytest_django.fixtures import Settings

from analytics.portfolio.cards import KpiCard, KpiChange
from tests.factories import make_staff
from tests.support.german import english_left, reads_german
from tests.support.pages import links, main_part, notices, rows, section, words
from tests.support.table_export import HEADER, download, read_csv

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "the_day_after")]

EVERY_COLUMN = (
    "status,status_change_7,score,change_7,trend,steps_done,stage,last_active,cohort,owner,industry,signup_date,"
    "blocker_type,success_rate,missing,forecast_quiet,days_to_value,scoring_policy,provisional_to"
)


@pytest.fixture
def manager(client: Client, settings: Settings) -> User:
    """A program manager who reads German, logged in."""
    user = make_staff("Program manager")
    reads_german(user, settings)
    client.force_login(user)
    return user


@pytest.mark.usefixtures("manager")
def test_every_page_is_german(client: Client) -> None:
    for address in (
        "/admin/?owner=",
        f"/admin/?owner=&columns={EVERY_COLUMN}",
        "/admin/?as_of=2025-05-09&compare=30",
        "/admin/?status=at_risk&lacks=first_pr_generated&score_min=80&score_max=20&fell_7=2&last_active=never",
        "/admin/summary/",
        "/admin/columns/",
        "/admin/score/",
    ):
        page = client.get(address)
        assert page.status_code == 200
        assert english_left(page) == [], address


@pytest.mark.usefixtures("manager")
def test_the_words_are_those_of_the_list_and_its_filters(client: Client) -> None:
    page = client.get("/admin/?owner=&status=at_risk&score_max=50")
    assert "2 von 12 Kunden" in section(page, "customers")
    assert "Status: Gefährdet , entfernen" in words(main_part(page))
    assert "Score bis: 50" in words(main_part(page))
    assert rows(page)[0][1] == "⚠ Gefährdet"
    refused = client.get("/admin/?owner=&score_min=80&score_max=20")
    assert "Score bis: 20 liegt unter dem niedrigsten gewählten Score, 80." in notices(refused)


@pytest.mark.usefixtures("manager")
def test_a_file_is_english_and_a_refusal_of_one_is_not(client: Client) -> None:
    table, manifest = read_csv(download(client, "csv", status="at_risk", sort="-score"))
    assert table[0] == HEADER
    assert {row[2] for row in table[1:]} == {"At risk"}
    assert manifest["filters"] == [{"filter": "Status", "value": "At risk"}]
    assert manifest["sorted_by"] == "Score, descending"
    refused = client.get("/admin/export/customers/csv/?score_min=x", follow=True)
    assert "weil ein Filter nicht verstanden wurde" in words(refused.text)
    assert links(client.get("/admin/?owner="), "CSV") != []


@pytest.mark.parametrize(("meaning", "said"), [("better", "↑ +2 in 7 Tagen, besser"), ("", "↑ +2 in 7 Tagen")])
def test_a_card_says_in_german_whether_a_change_is_good(meaning: Literal["better", ""], said: str) -> None:
    card = KpiCard("Heute aktiv", "8", KpiChange("+2 in 7 Tagen", "↑", meaning))
    with override("de"):
        html = render_to_string("analytics/dashboard/card.html", {"card": card})
    [change] = re.findall(r"<small.*?</small>", html)
    assert words(change) == said
    assert ('class="change is-better"' in change) == bool(meaning)  # as the styles know it
