"""Whose alerts the page shows, and what is done to many of them at once."""

import re
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.alert_list import forms
from analytics.models import Alert, AlertRule, Task
from customers.models import AuditEntry
from tests.factories import make_alert, make_customer, make_staff
from tests.support.alerts import TODAY, of
from tests.support.pages import Elements, links, main_part, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]


def messages(response: HttpResponse) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def shown(client: Client, address: str) -> list[str]:
    html = main_part(client.get(address, follow=True))
    return sorted(re.findall(r'class="alert-name"[^>]*>([^<]+)<', html.replace("&#x27;", "'")))


def act(client: Client, query: str = "", **data: Any) -> HttpResponse:
    return client.post(f"/admin/alerts/act/{query}", data, follow=True)


# --- Whose --------------------------------------------------------------------------------------------------------


def test_who_owns_customers_sees_their_alerts_first(client: Client, olga: User) -> None:
    make_alert(of(olga, organization="Olga's"))
    make_alert(of(make_staff("Success manager"), organization="Another's"))
    make_alert(of(None, organization="Nobody's"))
    everybody = ["Another's", "Nobody's", "Olga's"]
    response = client.get("/admin/alerts/?page=1")
    assert (response.status_code, response.url) == (302, f"/admin/alerts/?page=1&told={olga.pk}")
    assert shown(client, "/admin/alerts/") == ["Olga's"]
    page = client.get("/admin/alerts/", follow=True)
    [mine], [team], [unassigned] = (links(page, label) for label in ("Mine", "Team", "Unassigned"))
    assert shown(client, mine) == ["Olga's"]
    assert shown(client, team) == everybody
    assert shown(client, unassigned) == ["Nobody's"]
    assert '<a href="/admin/alerts/?told=" aria-current="true">Team</a>' in client.get(team).text
    assert shown(client, "/admin/alerts/?state=open") == everybody, "what asks is left as it is"


def test_who_owns_none_sees_the_teams(client: Client, olga: User) -> None:
    make_alert(of(make_staff("Success manager"), organization="Another's"))
    assert client.get("/admin/alerts/").status_code == 200
    assert shown(client, "/admin/alerts/") == ["Another's"]


def test_the_switch_keeps_the_other_filters(client: Client, olga: User) -> None:
    page = client.get("/admin/alerts/?told=&severity=critical&q=a&page=2&owner=7")
    assert links(page, "Unassigned") == ["/admin/alerts/?owner=none&severity=critical&q=a"]


# --- Many at once -------------------------------------------------------------------------------------------------


def test_all_that_match_are_those_of_the_filters(client: Client, olga: User) -> None:
    for number in range(60):
        make_alert(of(olga, organization=f"Acme {number}"))
    other = make_alert(of(olga, organization="Beta"))
    page = client.get(f"/admin/alerts/?told={olga.pk}&q=acme")
    assert "All 60 that match" in words(main_part(page))
    response = act(client, f"?told={olga.pk}&q=acme", all="1", action="acknowledge", alert=other.pk)
    assert messages(response) == ["60 alerts acknowledged."]
    assert Alert.objects.waiting(TODAY).get() == other
    entries = AuditEntry.objects.filter(model="analytics.alert", action=AuditEntry.Action.CHANGE)
    assert (entries.count(), {entry.actor for entry in entries}) == (60, {"olga"})


@pytest.mark.parametrize("query", ["?mood=bad", "?state=great", "?told=&rule=x"])
def test_where_the_filters_are_not_understood_nothing_matches(client: Client, olga: User, query: str) -> None:
    alert = make_alert()
    assert "that match" not in words(main_part(client.get(f"/admin/alerts/{query}")))
    act(client, query, all="1", action="acknowledge")
    alert.refresh_from_db()
    assert alert.acknowledged_at is None


def test_too_many_are_refused(client: Client, olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MAX_MATCHING", 1)
    make_alert()
    make_alert()
    response = act(client, "?told=", all="1", action="acknowledge")
    assert messages(response) == ["These are more than 1 alerts; select fewer."]


def test_a_note_is_added_to_what_is_there(client: Client, olga: User) -> None:
    first, second = make_alert(note="Called"), make_alert()
    full = make_alert(note="n" * 4_999)
    keys = [first.pk, second.pk, full.pk]
    response = act(client, alert=keys, action="add_note", added_note=" At the fair \n")
    assert messages(response) == ["2 alerts noted.", "1 alert skipped: resolved, or noted already."]
    assert [alert.note for alert in Alert.objects.order_by("pk")] == [
        "Called\n\nAt the fair",
        "At the fair",
        "n" * 4_999,
    ]
    assert messages(act(client, alert=keys, action="add_note", added_note=" ")) == ["Write a note."]


def test_each_customer_gets_one_task(client: Client, olga: User) -> None:
    acme, other = of(olga), make_staff("Success manager", username="otto")
    alerts = [
        make_alert(acme),
        make_alert(acme, "blocked", text="Blocked for 3 days: SSO"),
        make_alert(of(other)),
        make_alert(of(None)),
        make_alert(of(make_staff("Viewer"))),
        make_alert(None, "feed"),
    ]
    keys = [alert.pk for alert in alerts]
    task = {"alert": keys, "action": "task", "what": "Call them", "due": "2025-05-14"}
    assert messages(act(client, **task)) == ["4 tasks created. Due 14 May 2025."]
    made = Task.objects.order_by("pk").values_list("owner__username", "what", "reason", "created_by")
    reason = "At risk with a score of 45"
    assert sorted(made) == sorted(
        ("otto" if name == "otto" else "olga", "Call them", reason, "olga") for name in ("olga", "otto", "", "")
    )
    assert messages(act(client, **task)) == ["4 customers skipped: this task is open for them already."]
    assert messages(act(client, **{**task, "alert": keys[-1:]})) == ["None of these alerts is about a customer."]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"what": ""}, ["Give the task a title."]),
        ({"due": ""}, ["Choose a due date from today on."]),
        ({"due": "2025-05-10"}, ["Choose a due date from today on."]),
        ({"due": "soon"}, ["Enter a valid date."]),
        ({"action": ""}, ["Choose an action."]),
    ],
)
def test_a_task_that_lacks_something_is_not_created(
    client: Client, olga: User, data: dict[str, str], said: list[str]
) -> None:
    task = {"alert": make_alert().pk, "action": "task", "what": "Call", "due": "2025-05-14", **data}
    assert messages(act(client, **task)) == said
    assert not Task.objects.exists()


def test_more_tasks_than_a_hundred_are_refused(client: Client, olga: User) -> None:
    for _ in range(101):
        make_alert()
    response = act(client, "?told=", all="1", action="task", what="Call", due="2025-05-14")
    assert messages(response) == ["At most 100 tasks are created at once; select fewer alerts."]


def test_the_actions_of_an_alert_lead_to_its_customer(client: Client, olga: User) -> None:
    acme = of(olga)
    make_alert(acme)
    make_alert(None, "feed")
    page = client.get("/admin/alerts/?told=")
    back = f"%2Fadmin%2Fcustomer%2F{acme.pk}%2F%3Flist%3Dalerts%253Ftold%253D%26at%3D0"
    assert links(page, "Write email") == [f"/admin/customer/{acme.pk}/contact/?back={back}"]
    [way] = links(client.get(*links(page, "Write email")), f"← Back to {acme.organization}")
    assert links(client.get(way), "← Back to the alerts") == ["/admin/alerts/?told="]
    assert links(page, "Create task") == [f"/admin/tasks/new/?customer={acme.pk}&next=%2Fadmin%2Falerts%2F%3Ftold%3D"]
    assert links(page, "Open customer") == [f"/admin/customer/{acme.pk}/?list=alerts%3Ftold%3D&at=0"]
    client.force_login(make_staff("Viewer"))
    page = client.get("/admin/alerts/?told=")
    assert [links(page, label) for label in ("Write email", "Create task", "Open customer")] == [[], [], []]
    assert not [
        one for tag, one in Elements(main_part(page)).found if tag == "input" and one.get("type") == "checkbox"
    ]


def test_the_queries_of_a_bulk_change_do_not_grow(client: Client, olga: User) -> None:
    rule = AlertRule.objects.get(kind="at_risk")

    def queries(many: int) -> int:
        customers = [make_customer() for _ in range(many)]
        Alert.objects.bulk_create(Alert(rule=rule, customer=one, opened_on=TODAY, text="At risk") for one in customers)
        with CaptureQueriesContext(connection) as captured:
            client.post("/admin/alerts/act/?told=&state=waiting", {"all": "1", "action": "acknowledge"})
        assert Alert.objects.filter(acknowledged_at=None).count() == 0
        return len(captured)

    assert queries(40) == queries(3)


def test_words_are_those_of_everybody(client: Client, olga: User) -> None:
    make_alert(of(olga), snoozed_until=date(2025, 5, 20), snoozed_by="olga")
    make_alert(of(olga), acknowledged_at=timezone.now(), closed_on=TODAY, closed_at=timezone.now())
    page = words(main_part(client.get("/admin/alerts/?told=&state=all")))
    for said in ("Acknowledge selected", "Snooze selected", "Unsnooze", "snoozed until 20 May 2025", "resolved on"):
        assert said in page
    for old in ("Put off", "put off", "Take the acknowledgement back", "chosen", "over on", "Act on"):
        assert old not in page


def test_what_was_typed_for_many_alerts_and_refused_is_shown_again_once(client: Client, olga: User) -> None:
    first, second = make_alert(of(olga)), make_alert(of(olga))
    note, page = "They wait for <IT>", "/admin/alerts/?told="
    sent = {"action": "add_note", "added_note": note, "what": "Call them", "until": "2024-01-01", "next": page}
    again = client.post("/admin/alerts/act/?told=", {**sent, "alert": [first.pk]}, follow=True)
    assert "Choose a future date within a year." in words(again.text)
    assert "They wait for &lt;IT&gt;</textarea>" in again.text
    assert 'value="Call them"' in again.text and 'name="until" value="2024-01-01"' in again.text
    checked = re.findall(r'name="alert" value="(\d+)" form="bulk" checked', again.text)
    assert checked == [str(first.pk)]
    assert second.note == "" and "They wait" not in client.get(page).text
    # What is done leaves nothing behind.
    client.post("/admin/alerts/act/", {**sent, "until": "", "alert": [first.pk, second.pk]})
    assert 'value="Call them"' not in client.get(page).text
