"""What can be done in place on My day: a call, a task, an owner, a snooze, a dismissal; each once."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from analytics.models import Alert, Deferral, Task
from customers.models import CustomerCare, Note
from tests.factories import make_alert
from tests.support.my_day import T, act, customer, listed
from tests.support.pages import said

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("the_same_day")]


def test_log_a_call(client: Client, sofia: User) -> None:
    customer("c1")
    page = act(client, "c1", "call", {"kind": "call", "text": "They wait for SSO"})
    assert (said(page), listed(page)) == (["Customer c1: Call logged."], [])
    note = Note.objects.get()
    assert (note.customer_id, note.kind, note.author, note.text) == ("c1", "call", "Sofia Marin", "They wait for SSO")


def test_create_the_recommended_task(client: Client, sofia: User) -> None:
    customer("c1", sofia)
    form = client.get("/admin/customer/c1/act/task/")
    said_by_form = {field.name: field.value() for field in form.context["form"]}
    assert said_by_form["what"] == "Schedule a technical call"
    page = act(client, "c1", "task", {key: value for key, value in said_by_form.items() if value is not None})
    task = Task.objects.get()
    assert said(page) == [f"Customer c1: Task created, due {task.due:%-d %b %Y}."]
    assert (task.what, task.kind, task.owner, task.rule and task.rule.text) == (
        "Schedule a technical call",
        "call",
        sofia,
        "Schedule a technical call",
    )
    again = act(client, "c1", "task", {key: value for key, value in said_by_form.items() if value is not None})
    assert said(again) == ["Customer c1: Sofia Marin has this task: Schedule a technical call."]


def test_complete_a_task(client: Client, sofia: User) -> None:
    one = customer("c1", status="healthy", score=75)
    task = Task.objects.create(customer=one, what="Call", due=T, owner=sofia)
    wrong = act(client, "c1", "complete", {"task": task.pk})
    assert wrong.status_code == 422 and "This field is required." in wrong.text
    page = act(client, "c1", "complete", {"task": task.pk, "outcome": "reached"})
    assert (said(page), listed(page)) == (["Customer c1: Task completed: Call."], [])
    task.refresh_from_db()
    assert (task.state, task.outcome, task.closed_by) == ("done", "reached", "sofia")


def test_acknowledge_all_alerts_of_a_customer(client: Client, sofia: User) -> None:
    one = customer("c1", status="healthy", score=75)
    for kind in ("blocked", "fell"):
        make_alert(one, kind=kind)
    page = act(client, "c1", "acknowledge")
    assert (said(page), listed(page)) == (["Customer c1: 2 alerts acknowledged."], [])
    assert {alert.acknowledged_by for alert in Alert.objects.all()} == {"sofia"}
    assert said(act(client, "c1", "acknowledge")) == ["Customer c1: There is no alert to acknowledge any more."]


def test_assign_an_owner(client: Client, sofia: User) -> None:
    customer("c1")
    page = act(client, "c1", "assign", {"owner": str(sofia.pk)})
    assert said(page) == ["Customer c1: Assigned to Sofia Marin."]
    assert CustomerCare.objects.get().owner == sofia


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({}, "Choose a date."),
        ({"until": "2025-05-12"}, "Choose a future date within a year."),
        ({"until": "2026-05-14"}, "Choose a future date within a year."),
        ({"until": "soon"}, "Enter a valid date."),
        ({"days": "400"}, "Choose a date."),
    ],
)
def test_a_snooze_ends_on_a_future_date(client: Client, sofia: User, data: dict[str, str], fault: str) -> None:
    customer("c1")
    page = act(client, "c1", "snooze", data)
    assert (page.status_code, fault in page.text) == (422, True)
    assert not Deferral.objects.exists()


def test_a_dismissal_has_a_reason(client: Client, sofia: User) -> None:
    customer("c1")
    assert act(client, "c1", "dismiss", {"text": "So"}).status_code == 422
    assert act(client, "c1", "dismiss", {"reason": "because"}).status_code == 422
    assert not Deferral.objects.exists()


def test_the_script_asks_for_the_form_alone(client: Client, sofia: User) -> None:
    customer("c1")
    fragment = client.get("/admin/customer/c1/act/snooze/?next=/admin/my-day/", headers={"HX-Request": "true"})
    assert fragment.text.lstrip().startswith("<form")
    assert 'value="/admin/my-day/"' in fragment.text
    assert "<main" in client.get("/admin/customer/c1/act/snooze/").text
    assert 'value="/admin/my-day/"' in client.get("/admin/customer/c1/act/snooze/?next=//evil.example").text


def test_a_form_sent_twice_is_done_once(client: Client, sofia: User) -> None:
    customer("c1")
    for _time in range(2):
        act(client, "c1", "call", {"kind": "call", "text": "Once", "form_key": "k"})
    assert Note.objects.count() == 1


def test_what_is_no_act_and_who_is_no_customer(client: Client, sofia: User) -> None:
    customer("c1")
    assert client.get("/admin/customer/c1/act/sing/").status_code == 404
    assert client.post("/admin/customer/nobody/act/snooze/", {"days": "1"}).status_code == 404
