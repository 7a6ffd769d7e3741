"""Alert rules in the admin: own ones are made of the table's filters, previewed, and refused where not understood."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import Alert, AlertRule, Report
from tests.factories import make_alert, make_customer, make_day, make_snapshot, make_staff
from tests.support.forms import form_on
from tests.support.pages import links, names, words

pytestmark = pytest.mark.django_db

DAY = date(2025, 5, 10)
ADD = "/admin/analytics/alertrule/add/"
LIST = "/admin/analytics/alertrule/"


@pytest.fixture(autouse=True)
def today(today_is: Callable[[date], None]) -> None:
    today_is(DAY)


@pytest.fixture(autouse=True)
def scored() -> None:
    """Four customers, with scores of 20, 40, 60 and 80."""
    make_day(date=DAY)
    for value in (20, 40, 60, 80):
        customer = make_customer(pk=f"s{value}", organization=f"Score {value}", signup_date=date(2025, 1, 1))
        make_snapshot(customer, date=DAY, score=value, status="at_risk" if value < 50 else "healthy")


@pytest.fixture
def pia(client: Client) -> User:
    user = make_staff("Program manager", username="pia")
    client.force_login(user)
    return user


def send(client: Client, address: str = ADD, **data: Any) -> HttpResponse:
    rule = {"name": "Low", "severity": "1", "recovery": "2", "cooldown": "0", "audience": "owner", "active": "on"}
    return client.post(address, {**rule, **data})


def change(rule: AlertRule) -> str:
    return f"/admin/analytics/alertrule/{rule.pk}/change/"


def own(**overrides: Any) -> AlertRule:
    return AlertRule.objects.create(**{"kind": "custom", "name": "Low", "query": "score_max=40", **overrides})


def test_a_manager_adds_changes_and_deletes_a_rule(client: Client, pia: User) -> None:
    response = send(client, score_max="40", status=["at_risk", "inactive"], q="")
    assert response.status_code == 302
    rule = AlertRule.objects.get(kind="custom")
    assert (rule.name, rule.query, rule.severity) == ("Low", "status=at_risk&status=inactive&score_max=40", 1)
    assert send(client, change(rule), name="Lower", score_max="30").status_code == 302
    rule.refresh_from_db()
    assert (rule.name, rule.query) == ("Lower", "score_max=30")
    make_alert(rule=rule)
    assert client.post(f"{LIST}{rule.pk}/delete/", {"post": "yes"}).status_code == 302
    assert Alert.objects.get().ending == "rule_off"


def test_the_form_shows_the_conditions_as_chosen(client: Client, pia: User) -> None:
    page = client.get(change(own(query="score_max=40&status=at_risk"))).text
    assert 'name="score_max" value="40"' in page
    assert '<input type="checkbox" name="status" value="at_risk" checked>' in page
    assert '<input type="checkbox" name="status" value="healthy">' in page


def test_the_table_leads_to_a_rule_of_its_filters(client: Client, pia: User) -> None:
    [link] = links(client.get("/admin/?owner=&score_max=40&sort=-score"), "Create alert rule")
    page = client.get(link).text
    assert 'name="score_max" value="40"' in page
    client.force_login(make_staff("Success manager"))
    assert links(client.get("/admin/?owner=&score_max=40"), "Create alert rule") == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Choose at least one condition"),
        ({"status": "great"}, "Status: Select a valid choice."),
        ({"owner": "me"}, "nobody is “me” here"),
        ({"conditions_address": "https://cs.example/admin/?mood=bad"}, "There is no filter “mood”."),
        ({"conditions_address": "/admin/?sort=-score"}, "Choose at least one condition"),
        ({"conditions_address": "/admin/reports/999/"}, "Choose at least one condition"),
        ({"score_max": "40", "name": " "}, "Give the rule a name."),
        ({"score_max": "40", "name": "Taken"}, "Another rule has this name."),
        ({"score_max": "40", "conditions_address": "\0"}, "Choose at least one condition"),
    ],
)
def test_what_is_not_understood_is_refused(client: Client, pia: User, data: dict[str, str], said: str) -> None:
    own(name="Taken")
    response = send(client, **data)
    assert response.status_code in {200, 422}
    assert said in words(response.text)
    assert AlertRule.objects.filter(kind="custom").count() == 1


@pytest.mark.parametrize(
    ("address", "query"),
    [
        ("https://cs.example/admin/?score_max=40&sort=-score&page=2&columns=cohort#customers", "score_max=40"),
        ("/admin/?status=at_risk&q=a+b", "status=at_risk&q=a+b"),
        ("score_max=40", "score_max=40"),
        ("/admin/reports/{mine}/", "status=at_risk&owner={pia}"),
        ("https://cs.example/admin/reports/{shared}/", "score_max=30"),
    ],
)
def test_an_address_can_be_pasted(client: Client, pia: User, address: str, query: str) -> None:
    other = make_staff("Program manager")
    keys = {
        "mine": Report.objects.create(name="a", owner=pia, query="status=at_risk&owner=me").pk,
        "shared": Report.objects.create(name="b", owner=other, shared=True, query="score_max=30").pk,
        "pia": pia.pk,
    }
    assert send(client, conditions_address=address.format(**keys), score_max="99").status_code == 302
    assert AlertRule.objects.get(kind="custom").query == query.format(**keys)


def test_another_persons_report_is_none(client: Client, pia: User) -> None:
    private = Report.objects.create(name="c", owner=make_staff("Program manager"), query="score_max=30")
    assert "Choose at least one" in words(send(client, conditions_address=f"/admin/reports/{private.pk}/").text)


def test_a_preview_says_whom_it_means_and_saves_nothing(client: Client, pia: User) -> None:
    response = send(client, score_max="50", _preview="1")
    page = words(response.text)
    assert "Preview: nothing is saved yet Score to: 50 2 of 4 customers match as of 10 May 2025." in page
    assert "The next evaluation would raise 2 alerts." in page
    assert "Score 20 At risk, 20 Score 40 At risk, 40" in page
    assert "cries wolf" not in page
    assert '<a href="/admin/customer/s20/" dir="auto">Score 20</a>' in response.text
    [leads_to] = re.findall(r'<a href="([^"]*)#customers" aria-label="2 of 4 match', response.text)
    assert names(client.get(unescape(leads_to))) == ["Score 20", "Score 40"]
    assert not AlertRule.objects.filter(kind="custom").exists()
    assert "cries wolf" in words(send(client, score_max="60", _preview="1").text), "3 of 4"
    assert "2 of 4 customers match" in words(client.get(change(own())).text), "and of what is stored"


def test_a_form_and_its_preview_ask_about_the_newest_date_alone(client: Client, pia: User) -> None:
    """However many dates are scored; what the rule would have done on them is asked for by its own button."""
    stored = own()

    def asked(send_it: Callable[[], HttpResponse]) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert "What would it have raised?" in words(send_it().text)
        return sum("analytics_snapshot" in query["sql"] for query in captured.captured_queries)

    def both() -> list[int]:
        new = partial(send, client, name="New", score_max="50", _preview="1")
        return [asked(lambda: client.get(change(stored))), asked(new)]

    before = both()
    for number in range(1, 6):
        make_day(date=date(2025, 5, 10) - timedelta(days=number))
    assert both() == before


def test_a_rule_that_is_no_longer_understood_says_so(client: Client, pia: User) -> None:
    page = words(client.get(change(own(query="score_max=40&mood=<b>bad</b>"))).text)
    assert "This rule raises nothing. Its conditions are no longer understood: There is no filter “mood”." in page
    assert "Preview: nothing" not in page


def test_hostile_conditions_are_only_text(client: Client, pia: User) -> None:
    rule = own(name="<b>x</b>", query=f"cohort={quote('<script>1</script>')}&q={quote('<img src=x>')}")
    page = client.get(change(rule)).text
    assert "<script>1" not in page
    assert "<img src=x>" not in page
    assert "<b>x</b>" not in page


def test_the_list_says_how_often_each_rule_fired(client: Client, pia: User) -> None:
    rule, now = own(), timezone.now()
    make_alert(rule=rule, acknowledged_at=now)
    make_alert(rule=rule, raised_at=now - timedelta(days=29))
    make_alert(rule=rule, raised_at=now - timedelta(days=31), closed_on=DAY, closed_at=now)
    make_alert(rule=rule, raised_at=now - timedelta(days=91), closed_on=DAY, closed_at=now, acknowledged_at=now)
    response = client.get(LIST)
    assert "Low Warning On The customer's owner 2 3 1 2" in words(response.text)
    assert f'href="/admin/alerts/?told=&amp;rule={rule.pk}"' in response.text
    own(name="Old", query="mood=bad")
    assert "Old Warning On, but not understood: raises nothing" in words(client.get(LIST).text)
    assert len(client.get(f"/admin/alerts/?told=&rule={rule.pk}").context["page"].object_list) == 2


def test_a_built_in_rule_is_not_deleted_and_has_no_conditions(client: Client, pia: User) -> None:
    rule = AlertRule.objects.get(kind="at_risk")
    page = client.get(change(rule)).text
    assert 'name="score_max"' not in page
    assert "_preview" not in page
    assert client.post(f"{LIST}{rule.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = [rule.pk, own().pk]
    client.post(LIST, {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})
    assert AlertRule.objects.filter(pk__in=chosen).count() == 2, "none where one of them must stay"


def test_two_managers_who_change_conditions_at_once_are_told(client: Client, pia: User) -> None:
    rule = own()
    data = form_on(client.get(change(rule)))
    other = Client()
    other.force_login(make_staff("Program manager", username="otto"))
    assert other.post(change(rule), {**data, "score_max": "30"}).status_code == 302
    response = client.post(change(rule), {**data, "score_max": "20"})
    assert response.status_code == 409
    assert "score_max=30" in words(response.text)
    rule.refresh_from_db()
    assert rule.query == "score_max=30"


@pytest.mark.parametrize("role", ["Viewer", "Success manager"])
def test_others_look_at_a_rule_and_change_nothing(client: Client, role: str) -> None:
    rule = own()
    client.force_login(make_staff(role))
    assert client.get(change(rule)).status_code == 200
    assert send(client, score_max="40").status_code == 403
    assert send(client, change(rule), score_max="10").status_code == 403
    assert client.post(f"{LIST}{rule.pk}/delete/", {"post": "yes"}).status_code == 403


def test_who_may_not_see_customers_sees_none_in_a_preview(client: Client) -> None:
    user = make_staff()
    user.user_permissions.add(Permission.objects.get(codename="view_alertrule"))
    client.force_login(user)
    response = client.get(change(own()))
    assert response.status_code == 200
    assert "Score 20" not in response.text
