"""The part of a rule's form that tries it: with the values as typed, date by date, and for those who may save it."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client

from analytics.models import AlertRule, PortfolioDay, RecommendationRule
from analytics.rule_lab import trial
from customers.models import AuditEntry, Customer
from tests.factories import make_customer, make_day, make_forecast_case, make_snapshot, make_staff
from tests.support.forms import form_on
from tests.support.pages import words

pytestmark = pytest.mark.django_db

DAY = date(2025, 5, 10)
ALERT, RECOMMENDATION = "/admin/rule-lab/alert/", "/admin/rule-lab/recommendation/"
OWN = {"name": "Low", "severity": "1", "recovery": "2", "cooldown": "0", "audience": "owner", "active": "on"}
CALL = {
    "text": "Call",
    "kind": "call",
    "condition": "score_below",
    "threshold": "50",
    "urgency": "5",
    "rest_days": "7",
}
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def today(today_is: Callable[[date], None]) -> None:
    today_is(DAY)


@pytest.fixture(autouse=True)
def scored() -> None:
    """Two customers on three dates: one falls below 40 on the second, one is at 45."""
    low, other = (make_customer(pk=key, organization=name, signup_date=date(2025, 1, 1)) for key, name in NAMES)
    for days, score in ((-2, 80), (-1, 30), (0, 30)):
        day = DAY + timedelta(days=days)
        make_day(date=day)
        make_snapshot(low, date=day, score=score, status="at_risk" if score < 50 else "healthy")
        make_snapshot(other, date=day, score=45, status="needs_attention")


NAMES = [("low", "<b>Low & Co</b>"), ("other", "Other")]


@pytest.fixture
def pia(client: Client) -> User:
    user = make_staff("Program manager", username="pia")
    client.force_login(user)
    return user


def ask(client: Client, address: str = ALERT, **data: Any) -> HttpResponse:
    return client.post(address, data, headers=HTMX)


def carried(response: HttpResponse) -> dict[str, str]:
    """What the page asks for next, by itself; '' where it asks for nothing."""
    [vals] = re.findall(r"hx-vals='\{\"tried_rule\": \"(.*?)\", \"tried_so_far\": \"(.*?)\"\}'", response.text)
    return {"tried_rule": vals[0], "tried_so_far": unescape(vals[1])}


def test_a_new_own_rule_is_tried_and_not_saved(client: Client, pia: User) -> None:
    before = AuditEntry.objects.count(), AlertRule.objects.count()
    response = ask(client, **OWN, score_max="40", tried_rule="")
    page = words(response.text)
    assert "On 3 scored dates from 8 May 2025: 1 alert for 1 customer. No outcome is known yet." in page
    assert "Of 1 the outcome is open: the 30 days are not over." in page
    assert "On 2 of the dates, nothing." in page
    assert "9 May 2025 100% 1 Open <b>Low & Co</b>" in page
    assert '<a href="/admin/customer/low/" dir="auto">&lt;b&gt;Low &amp; Co&lt;/b&gt;</a>' in response.text
    assert "<html" not in response.text, "a part alone"
    wider = words(ask(client, **OWN, score_max="45", tried_rule="").text)
    assert "2 alerts for 2 customers. 1 came on the first date, when everybody counts who met it already." in wider
    assert (AuditEntry.objects.count(), AlertRule.objects.count()) == before


def test_a_built_in_rule_is_tried_with_what_its_form_says(client: Client, pia: User) -> None:
    rule = AlertRule.objects.get(kind="fell")
    page = client.get(f"/admin/analytics/alertrule/{rule.pk}/change/")
    assert 'formaction="/admin/rule-lab/alert/" hx-post="/admin/rule-lab/alert/"' in page.text
    sent = form_on(page, tried_rule=str(rule.pk))
    assert "1 alert for 1 customer" in words(ask(client, **{**sent, "threshold": "50"}).text)
    assert "0 alerts for 0 customers" in words(ask(client, **{**sent, "threshold": "51"}).text)
    stored, rule = rule.threshold, AlertRule.objects.get(pk=rule.pk)
    assert rule.threshold == stored


@pytest.mark.parametrize("kind", ["feed", "quarantined", "vanished"])
def test_a_rule_of_feeds_cannot_be_tried(client: Client, pia: User, kind: str) -> None:
    rule = AlertRule.objects.get(kind=kind)
    page = client.get(f"/admin/analytics/alertrule/{rule.pk}/change/")
    assert "rule-lab" not in page.text
    assert "There is nothing to try" in words(ask(client, **form_on(page, tried_rule=str(rule.pk))).text)


def test_date_by_date_each_part_asks_for_the_next(client: Client, pia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SECONDS_A_PART", 0)
    sent = {**OWN, "score_max": "40"}
    first = ask(client, **sent, tried_rule="")
    assert "1 of 3 dates" in words(first.text)
    second = ask(client, **sent, **carried(first))
    assert "2 of 3 dates" in words(second.text)
    assert "1 alert for 1 customer" in words(second.text)
    assert "1 of 3 dates" in words(ask(client, **{**sent, "score_max": "39"}, **carried(second)).text), "begun anew"
    bent = {**carried(second), "tried_so_far": carried(second)["tried_so_far"][:-1] + "~"}
    assert "1 of 3 dates" in words(ask(client, **sent, **bent).text), "nobody else's figures"
    third = ask(client, **sent, **carried(second))
    assert "of 3 dates" not in words(third.text)
    assert "On 3 scored dates from 8 May 2025: 1 alert for 1 customer" in words(third.text)
    assert "hx-vals" not in third.text
    assert "aria-busy" not in third.text


def test_without_a_script_a_button_goes_on(client: Client, pia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SECONDS_A_PART", 0)
    page = client.post(ALERT, {**OWN, "score_max": "40", "status": ["at_risk", "inactive"], "tried_rule": ""})
    for number in (1, 2):
        assert f"{number} of 3 dates Go on" in words(page.text)
        sent = form_on(page, "tried_so_far")
        assert sent["status"] == ["at_risk", "inactive"]
        page = client.post(ALERT, sent)
    assert "1 alert for 1 customer" in words(page.text)
    assert "Go on" not in words(page.text)
    assert not AlertRule.objects.filter(kind="custom").exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Conditions: Choose at least one condition"),
        ({"score_max": "' OR 1=1 --"}, "Score to: Enter a whole number."),
        ({"score_max": "40", "recovery": "99999999999999999999"}, "Ensure this value is less than or equal to 30."),
        ({"score_max": "40", "cooldown": "-1"}, "Ensure this value is greater than or equal to 0."),
        ({"score_max": "40", "name": "\0"}, "Null characters are not allowed."),
        ({"score_max": "40", "severity": "<script>1</script>"}, "is not one of the available choices."),
        ({"q": "\0"}, "Null characters are not allowed."),
    ],
)
@pytest.mark.parametrize("headers", [HTMX, {}])
def test_hostile_values_are_answered_with_the_forms_errors(
    client: Client, pia: User, data: dict[str, str], said: str, headers: dict[str, str]
) -> None:
    response = client.post(ALERT, {**OWN, "tried_rule": "", **data}, headers=headers)
    assert response.status_code == 200
    assert "Correct the form first:" in words(response.text)
    assert said in words(response.text)
    assert "<script>1" not in response.text


def test_a_recommendation_is_tried_with_what_its_form_says(client: Client, pia: User) -> None:
    rule, before = RecommendationRule.objects.get(urgency=30), AuditEntry.objects.count()
    page = client.get(f"/admin/analytics/recommendationrule/{rule.pk}/change/")
    assert 'formaction="/admin/rule-lab/recommendation/"' in page.text
    found = words(ask(client, RECOMMENDATION, **CALL, tried_rule=str(rule.pk)).text)
    assert "On 3 scored dates from 8 May 2025: 2 recommendations for 2 customers. 1 came on the first date" in found
    daily = words(ask(client, RECOMMENDATION, **{**CALL, "rest_days": "0"}, tried_rule="").text)
    assert "5 recommendations for 2 customers" in daily
    refused = words(ask(client, RECOMMENDATION, **{**CALL, "threshold": "0"}, tried_rule="").text)
    assert "N: N is at least 1." in refused
    assert (AuditEntry.objects.count(), RecommendationRule.objects.get(pk=rule.pk)) == (before, rule)


def test_nothing_is_scored_yet(client: Client, pia: User) -> None:
    PortfolioDay.objects.all().delete()
    assert "no date is scored" in words(ask(client, **OWN, score_max="40", tried_rule="").text)
    assert "no date is scored" in words(ask(client, RECOMMENDATION, **CALL, tried_rule="").text)


@pytest.mark.parametrize("role", ["Viewer", "Success manager"])
def test_others_see_no_part_and_get_no_answer(client: Client, role: str) -> None:
    client.force_login(make_staff(role))
    for model, address in ((AlertRule, ALERT), (RecommendationRule, RECOMMENDATION)):
        key = model.objects.first().pk
        form = client.get(f"/admin/analytics/{model._meta.model_name}/{key}/change/")
        assert form.status_code == 200
        assert "rule-lab" not in form.text
        assert ask(client, address, tried_rule=str(key)).status_code == 403


def test_no_rule_has_this_key(client: Client, pia: User) -> None:
    assert ask(client, **OWN, tried_rule="999999").status_code == 404


def test_it_says_how_many_have_an_outcome_how_many_wait_and_of_how_many_there_is_no_forecast() -> None:
    days = [trial.TriedDay(5, 2, 1, []), trial.TriedDay(4, 3, 0, []), trial.TriedDay(3, None, 0, [])]
    tried = trial.Trial([DAY - timedelta(days=40), DAY - timedelta(days=39), DAY], "", days, {"a": (0, None)})
    shown = trial.ShownTrial(tried, {})
    assert (shown.raised, shown.known, shown.quiet, shown.open, shown.outside) == (12, 5, 1, 3, 4)
    page = words(render_to_string("analytics/rule_lab/found.html", {"trial": tried, "shown": shown, "is_alert": True}))
    assert "Of 5 whose outcome is known, 1 (20%) came before a silence. Of 3 the outcome is open" in page
    assert "4 have none: the forecast of going quiet was not about the customers." in page


def test_it_says_how_many_of_everybody_went_quiet_to_compare_with(client: Client, pia: User) -> None:
    for key, quiet in (("low", True), ("other", False)):
        make_forecast_case(Customer.objects.get(pk=key), date=DAY - timedelta(days=40), came_true=quiet)
    PortfolioDay.objects.filter(date=DAY - timedelta(days=2)).update(date=DAY - timedelta(days=40))
    make_snapshot(Customer.objects.get(pk="low"), date=DAY - timedelta(days=40), score=30, status="at_risk")
    text = words(ask(client, **OWN, score_max="40", tried_rule="").text)
    assert "Of 1 whose outcome is known, 1 (100%) came before a silence." in text
    assert "To compare: of everybody on 31 Mar 2025, 1 of 2 (50%) went quiet." in text
