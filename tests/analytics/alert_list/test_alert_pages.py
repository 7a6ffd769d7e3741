"""The list of alerts, the own ones, a customer's, and the rules."""

import re
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.alerts.recipients import alerts_waiting_for, is_manager, managers, told_to
from analytics.customer_page.timeline import TimelineFilter, timeline
from analytics.models import Alert, AlertRule
from customers.models import Customer
from tests.factories import make_alert, make_customer, make_staff
from tests.support.alerts import TODAY, of
from tests.support.pages import forget, links, main_part, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]


def names(response: HttpResponse) -> list[str]:
    """Whose alerts the list shows, in its order."""
    found = re.findall(r'class="alert-text">\s*<(?:a|strong)[^>]*>([^<]*)<', main_part(response))
    return [name.strip() for name in found]


# --- The list -----------------------------------------------------------------------------------------------------


def some(olga: User) -> dict[str, Alert]:
    """An alert in each state, and of different owners and rules."""
    other = make_staff("Success manager", username="other")
    now = timezone.now()
    return {
        "Old": make_alert(of(olga, organization="Old"), opened_on=date(2025, 5, 1)),
        "New": make_alert(of(olga, organization="New"), kind="blocked", text="Blocked for 3 days: sso"),
        "Seen": make_alert(of(olga, organization="Seen"), acknowledged_at=now, acknowledged_by="olga"),
        "Later": make_alert(of(other, organization="Later"), snoozed_until=date(2025, 5, 12)),
        "Awake": make_alert(of(other, organization="Awake"), snoozed_until=TODAY),
        "Nobody": make_alert(of(None, organization="Nobody")),
        "Feed: Engagement": make_alert(None, "feed", text="engagement.csv was refused"),
        "Over": make_alert(of(olga, organization="Over"), closed_on=TODAY, closed_at=now, ending="recovered"),
    }


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["New", "Old", "Seen"]),
        ("told=", ["New", "Nobody", "Old", "Feed: Engagement", "Seen", "Later", "Awake"]),
        ("q=nOB", ["Nobody"]),
        ("q=sso+new", ["New"]),
        ("q=refused", ["Feed: Engagement"]),
        ("q=sso+old", []),
        ("state=waiting", ["New", "Nobody", "Old", "Feed: Engagement", "Awake"]),
        ("state=acknowledged", ["Seen"]),
        ("state=snoozed", ["Later"]),
        ("state=closed", ["Over"]),
        ("rule=blocked", ["New"]),
        ("rule=feed", ["Feed: Engagement"]),
        ("severity=warning", ["New"]),
        ("severity=critical&owner=none", ["Nobody"]),
        ("owner=none", ["Nobody"]),
        ("owner={olga}", ["New", "Old", "Seen"]),
        ("mine=true", ["New", "Old", "Seen"]),
        ("mine=true&state=all", ["New", "Old", "Seen", "Over"]),
        ("owner=none&rule=blocked", []),
    ],
)
def test_the_filters(client: Client, olga: User, query: str, shown: list[str]) -> None:
    some(olga)
    response = client.get(f"/admin/alerts/?{query.format(olga=olga.pk)}", follow=True)
    assert sorted(names(response)) == sorted(shown)


def test_the_worst_comes_first(client: Client, olga: User) -> None:
    def alert(name: str, kind: str, value: int | None, **overrides: Any) -> None:
        make_alert(of(olga, organization=name), kind=kind, value=value, **overrides)

    now = timezone.now()
    AlertRule.objects.filter(kind="blocked").update(severity=AlertRule.Severity.INFO)
    alert("Zeta, over", "at_risk", 1, closed_on=TODAY, closed_at=now, ending="recovered")
    alert("Amber, snoozed", "at_risk", 2, snoozed_until=date(2025, 5, 12))
    alert("Beta, blocked", "blocked", 90)
    alert("Cleo, idle 14 days", "inactive", 14)
    alert("Dan, contract", "inactive", None)
    alert("Eve, idle 232 days", "inactive", 232)
    alert("Finn, idle but seen", "inactive", 900, acknowledged_at=now)
    alert("Gus, score 40", "at_risk", 40, opened_on=date(2025, 5, 9))
    alert("Hal, score 30", "at_risk", 30)
    alert("Ida, score 40 for longer", "at_risk", 40, opened_on=date(2025, 5, 1))
    alert("Jon, score 10 but seen", "at_risk", 10, acknowledged_at=now)
    assert names(client.get("/admin/alerts/?state=all")) == [
        "Hal, score 30",
        "Ida, score 40 for longer",
        "Gus, score 40",
        "Jon, score 10 but seen",
        "Eve, idle 232 days",
        "Cleo, idle 14 days",
        "Dan, contract",
        "Finn, idle but seen",
        "Beta, blocked",
        "Amber, snoozed",
        "Zeta, over",
    ]


def test_each_rule_begins_with_a_severity() -> None:
    assert dict(AlertRule.objects.values_list("kind", "severity")) == {
        "at_risk": 1,
        "feed": 1,
        "inactive": 2,
        "fell": 2,
        "blocked": 2,
        "vanished": 2,
        "quarantined": 2,
        "webhook": 2,
        "likely_quiet": 2,
        "no_first_pr": 3,
    }


def test_a_filter_that_does_not_exist_is_said(client: Client, olga: User) -> None:
    response = client.get("/admin/alerts/?state=great&owner=nobody&page=99")
    assert response.status_code == 200
    assert "State: Select a valid choice." in words(main_part(response))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("kind=blocked&state=all", "There is no filter 'kind'."),
        ("mine=perhaps", "Mine: 'perhaps' is neither true nor false."),
        ("page=last", "'last' is not the number of a page."),
        ("rule=great", "Rule: Select a valid choice."),
        ("mine=True&page=1&owner=&rule=", ""),
    ],
)
def test_what_is_not_understood_is_said(client: Client, olga: User, query: str, sentence: str) -> None:
    page = words(main_part(client.get(f"/admin/alerts/?{query}", follow=True)))
    assert sentence in page
    assert any(word in page for word in ("There is no", "neither", "not the number", "valid choice")) == bool(sentence)


def test_pages_keep_the_filters(client: Client, olga: User) -> None:
    for _ in range(26):
        make_alert()
    response = client.get("/admin/alerts/?rule=at_risk")
    assert "1–25 of 26" in words(main_part(response))
    assert links(response, "Next") == ["?rule=at_risk&page=2"]
    assert len(names(client.get("/admin/alerts/?rule=at_risk&page=2"))) == 1


def test_an_empty_list_says_so(client: Client, olga: User) -> None:
    assert "No open alerts. The nightly run raises one where an alert rule applies." in words(
        main_part(client.get("/admin/alerts/"))
    )
    assert "No alert matches these filters." in words(main_part(client.get("/admin/alerts/?rule=feed")))


def test_hostile_text_is_only_text(client: Client, olga: User) -> None:
    make_alert(of(olga, organization="<b>x</b>"), text="<script>1</script>", note="<img src=x>", snoozed_by="<i>")
    html = main_part(client.get("/admin/alerts/?told="))
    assert not re.search(r"<(b|script|img|i)>", html)


def test_the_queries_do_not_grow_with_the_alerts(client: Client, olga: User) -> None:
    def queries() -> int:
        forget()
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/admin/alerts/?told=").status_code == 200
        return len(captured)

    for _ in range(10):
        make_alert(of(olga))
    few = queries()
    customers = Customer.objects.bulk_create(
        Customer(id=f"n{n}", email="a@b.example", organization="X", signup_date=TODAY, run_id=1, line=2)
        for n in range(990)
    )
    rule = AlertRule.objects.get(kind="at_risk")
    Alert.objects.bulk_create(Alert(rule=rule, customer=one, opened_on=TODAY, text="At risk") for one in customers)
    assert queries() == few


# --- Mine, and a customer's ---------------------------------------------------------------------------------------


def test_the_managers_are_the_members_of_the_role() -> None:
    manager = make_staff("Program manager")
    make_staff("Success manager")
    assert list(managers()) == [manager]


def waiting_for(user: User) -> int:
    return alerts_waiting_for(user, timezone.localdate(), manager=is_manager(user)).count()


def test_what_is_mine(olga: User) -> None:
    AlertRule.objects.filter(kind="at_risk").update(audience="owner")
    manager = make_staff("Program manager")
    gone = make_staff("Success manager", is_active=False)
    alerts = {
        "olga's": make_alert(of(olga)),
        "of both": make_alert(of(olga), kind="inactive"),
        "gone's": make_alert(of(gone)),
        "nobody's": make_alert(),
        "feed": make_alert(None, "feed"),
    }
    AlertRule.objects.filter(kind="inactive").update(audience="both")

    def found(user: User) -> set[str]:
        keys = set(Alert.objects.filter(told_to(user)).values_list("pk", flat=True))
        return {name for name, alert in alerts.items() if alert.pk in keys}

    assert found(olga) == {"olga's", "of both"}
    assert found(manager) == {"of both", "gone's", "nobody's", "feed"}
    assert waiting_for(olga) == 2
    act_on = alerts["of both"]
    act_on.acknowledged_at = timezone.now()
    act_on.save()
    assert [waiting_for(one) for one in (olga, manager)] == [1, 3]


def test_the_sidebar_counts_what_waits(client: Client, olga: User) -> None:
    make_alert(of(olga))
    [badge] = [
        item.get("badge")
        for group in client.get("/admin/alerts/?told=").context["sidebar_navigation"]
        for item in group["items"]
        if item["title"] == "Alerts"
    ]
    assert badge == "1"


def test_a_customers_alerts_as_they_were_then() -> None:
    customer = make_customer()
    make_alert()
    make_alert(customer, closed_on=date(2025, 5, 12), ending_text="Healthy with a score of 75")
    make_alert(customer, kind="blocked", opened_on=date(2025, 5, 11), text="Blocked for 3 days: sso")

    def shown(day: int) -> list[str]:
        return [alert.text for alert in customer.alerts.open_on(date(2025, 5, day))]

    assert shown(9) == []
    assert shown(10) == ["At risk with a score of 45"]
    assert shown(11) == ["Blocked for 3 days: sso", "At risk with a score of 45"]
    assert shown(12) == ["Blocked for 3 days: sso"]
    entries = timeline(customer, date(2025, 5, 12), chosen=TimelineFilter.HEALTH).entries
    assert [(entry.day, entry.kind, entry.text) for entry in entries] == [
        (date(2025, 5, 12), "alert", "Alert resolved: Healthy with a score of 75"),
        (date(2025, 5, 11), "alert", "Alert: Blocked for 3 days: sso"),
        (date(2025, 5, 10), "alert", "Alert: At risk with a score of 45"),
    ]
    assert len(timeline(customer, date(2025, 5, 11)).entries) == 2
    assert timeline(customer, date(2025, 5, 12), chosen=TimelineFilter.STAFF).entries == []
    html = render_to_string(
        "analytics/customer_page/alerts.html",
        {"alerts": customer.alerts.open_on(date(2025, 5, 11)), "today": TODAY},
    )
    assert words(html).startswith("Alerts Blocked for 3 days: sso Warning since 11 May 2025")
    assert "<form" not in html, "without the permission"
    assert words(render_to_string("analytics/customer_page/alerts.html", {"alerts": []})) == ""


def test_a_built_in_rule_is_tuned_by_a_manager_and_not_deleted(client: Client) -> None:
    client.force_login(make_staff("Program manager"))
    rule = AlertRule.objects.get(kind="fell")
    address = f"/admin/analytics/alertrule/{rule.pk}/change/"
    data = {"threshold": "20", "recovery": "2", "cooldown": "0", "audience": "both", "active": "on", "severity": "1"}
    assert client.post(address, data).status_code == 302
    rule.refresh_from_db()
    assert (str(rule), rule.recovery, rule.audience, rule.severity) == (
        "Score fell by 20 points in 7 days",
        2,
        "both",
        1,
    )
    assert "This rule needs its N." in client.post(address, {**data, "threshold": ""}).text
    assert "greater than or equal to 1" in client.post(address, {**data, "recovery": "0"}).text
    assert client.get(f"/admin/analytics/alertrule/{rule.pk}/delete/").status_code == 403
    assert client.get("/admin/analytics/digest/").status_code == 200


@pytest.mark.parametrize(("kind", "has_one"), [("fell", True), ("blocked", True), ("at_risk", False), ("feed", False)])
def test_only_a_rule_with_an_n_asks_for_it(client: Client, kind: str, has_one: bool) -> None:
    client.force_login(make_staff("Program manager"))
    address = f"/admin/analytics/alertrule/{AlertRule.objects.get(kind=kind).pk}/change/"
    assert ('name="threshold"' in client.get(address).text) == has_one
    if not has_one:
        data = {"recovery": "2", "cooldown": "0", "audience": "owner", "active": "on", "severity": "3"}
        assert client.post(address, data).status_code == 302
