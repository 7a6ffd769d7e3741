"""The form of a task: its details and outcome together, two people at it, and its letter."""

import re
from datetime import date
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from analytics.models import Task
from analytics.tasks import workflow
from customers.models import Customer
from tests.factories import make_message, make_staff
from tests.support.pages import Elements, links, main_part, said, section, words
from tests.support.tasks import make_task, rule

pytestmark = pytest.mark.usefixtures("the_day")

# --- One form ---------------------------------------------------------------------------------------------------


def shown_form(response: HttpResponse) -> dict[str, str]:
    """What the form of a task's page would send, without its buttons."""
    [form] = re.findall(r'<form method="post" class="whole-task".*?</form>', main_part(response), re.DOTALL)
    sent = {}
    for tag, one in Elements(form).found:
        if tag == "input" and one.get("type") not in {"radio"}:
            sent[one["name"]] = one.get("value") or ""
    for name, text in re.findall(r'<textarea name="([^"]*)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL):
        sent[name] = unescape(text)
    for name, options in re.findall(r'<select name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.findall(r'value="([^"]*)" selected', options)
        sent[name] = chosen[0] if chosen else ""
    return sent


def test_done_saves_what_was_changed_beside_it(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    task = make_task(acme, owner=sofia)
    address = f"/admin/tasks/{task.pk}/"
    typed = {"due": "2025-05-30", "note": "Ann is back on Monday", "outcome_note": "She will call"}
    refused = client.post(address, {**shown_form(client.get(address)), **typed, "do": "done"})
    assert refused.status_code == 422
    sent = shown_form(refused)
    assert {name: sent[name] for name in typed} == typed
    response = client.post(address, {**sent, "outcome": "reached", "do": "done"})
    assert response.status_code == 302
    task.refresh_from_db()
    assert (task.state, task.outcome, task.outcome_note) == ("done", "reached", "She will call")
    assert (task.due, task.note) == (date(2025, 5, 30), "Ann is back on Monday")


def test_a_wrong_detail_keeps_the_task_open_and_the_text(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    task = make_task(acme, owner=sofia)
    address = f"/admin/tasks/{task.pk}/"
    typed = {"due": "soon", "note": "N", "outcome": "solved", "outcome_note": "O"}
    response = client.post(address, {**shown_form(client.get(address)), **typed, "do": "done"})
    assert response.status_code == 422
    assert "Enter a valid date." in words(main_part(response))
    assert shown_form(response).items() >= typed.items()
    task.refresh_from_db()
    assert (task.state, task.note) == ("open", "")


def test_saving_the_details_drops_nothing_of_the_outcome(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    task = make_task(acme, owner=sofia)
    address = f"/admin/tasks/{task.pk}/?next=/admin/alerts/"
    typed = {"note": "N", "outcome": "no_answer", "outcome_note": "O"}
    response = client.post(address, {**shown_form(client.get(address)), **typed, "do": "change"}, follow=True)
    assert said(response) == ["The task is saved."]
    assert shown_form(response).items() >= typed.items()
    assert response.context["back"] == "/admin/alerts/"
    task.refresh_from_db()
    assert (task.state, task.outcome, task.outcome_note, task.note) == ("open", "", "O", "N")


def test_two_people_change_one_task(client: Client, sofia: User, acme: Customer) -> None:
    """No mixture: what only one changed is taken, what both changed is shown with both texts, and nothing stored."""
    task = make_task(acme, owner=sofia, note="Old")
    address = f"/admin/tasks/{task.pk}/"
    client.force_login(sofia)
    mine = shown_form(client.get(address))
    other = Client()
    other.force_login(make_staff("Program manager", username="otto", first_name="Otto", last_name="Ott"))
    other.post(address, {**shown_form(other.get(address)), "kind": "email", "note": "Otto wrote", "do": "change"})
    refused = client.post(address, {**mine, "note": "I called", "outcome": "reached", "do": "done"})
    assert refused.status_code == 409
    page = words(main_part(refused))
    assert "Otto wrote" in page
    assert "I called" in page
    task.refresh_from_db()
    assert (task.note, task.kind, task.state) == ("Otto wrote", "email", "open")
    [mark] = re.findall(r'name="conflict-note" value="mine:(\w+)"', refused.text)
    sent = {**shown_form(refused), "conflict-note": f"mine:{mark}", "outcome": "reached", "do": "done"}
    assert client.post(address, sent).status_code == 302
    task.refresh_from_db()
    assert (task.note, task.kind, task.state) == ("I called", "email", "done")


def test_a_text_about_a_task_that_was_closed_meanwhile_is_shown(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    task = make_task(acme, owner=sofia)
    address = f"/admin/tasks/{task.pk}/"
    sent = shown_form(client.get(address))
    workflow.close(task, make_staff("Program manager", username="otto"), "done", "solved", "Fixed")
    response = client.post(address, {**sent, "outcome": "reached", "outcome_note": "She called back", "do": "done"})
    assert response.status_code == 409
    page = words(main_part(response))
    assert "otto has closed this task already: done." in page
    assert "She called back" in page
    task.refresh_from_db()
    assert (task.outcome, task.outcome_note) == ("solved", "Fixed")


def test_a_note_on_a_task_that_somebody_took_first_comes_back(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(make_staff("Success manager"))
    address = f"/admin/tasks/new/?customer=acme&rule={rule().pk}"
    client.get(address)
    taken = make_task(acme, rule=rule(), owner=sofia)
    sent = {"what": "Ask", "kind": "testimonial", "owner": "", "due": "2025-05-20", "note": "Ask Ann, not Bob"}
    response = client.post(address, sent)
    assert response.status_code == 409
    assert "Sofia Marchetti has this task already: Call them , due 12 May 2025." in words(main_part(response))
    assert "Ask Ann, not Bob" in response.text
    assert list(Task.objects.values_list("pk", flat=True)) == [taken.pk]


# --- From a task to its letter, and back ------------------------------------------------------------------------


def test_an_e_mail_task_leads_to_its_letter_and_the_letter_closes_it(
    client: Client, sofia: User, acme: Customer
) -> None:
    client.force_login(sofia)
    address = f"/admin/tasks/new/?customer=acme&rule={rule('Send a re-engagement email').pk}"
    assert "Create task and write the email" in words(main_part(client.get(address)))
    sent = {"what": "Write", "kind": "email", "owner": sofia.pk, "due": "2025-05-20", "note": "", "then": "write"}
    response = client.post(address, sent)
    task = Task.objects.get()
    write = f"/admin/customer/acme/contact/?task={task.pk}"
    assert response.url == write
    assert links(client.get(f"/admin/tasks/{task.pk}/"), "Write the email") == [write]
    # From the customer's page with the way back to it.
    back = f"{write}&back=%2Fadmin%2Fcustomer%2Facme%2F"
    assert links(client.get("/admin/customer/acme/"), "Write the email") == [back]
    message = make_message(acme, task=task, sender=sofia, state="sent", subject="Are you there?")
    page = main_part(client.get(f"/admin/messages/{message.pk}/"))
    assert "Its task is still open" in words(page)
    form = re.findall(r"<form.*?</form>", page, re.DOTALL)[-1]
    closing = {one["name"]: one["value"] for tag, one in Elements(form).found if tag == "input"}
    response = client.post(f"/admin/tasks/{task.pk}/?next=/admin/messages/{message.pk}/", {**closing, "do": "done"})
    assert response.url == f"/admin/messages/{message.pk}/"
    task.refresh_from_db()
    assert (task.state, task.outcome, task.outcome_note) == ("done", "reached", "Wrote “Are you there?”.")
    assert "Its task is still open" not in client.get(response.url).text


def test_who_may_not_close_it_or_before_it_is_sent_is_not_asked(client: Client, sofia: User, acme: Customer) -> None:
    task = make_task(acme)
    unsent = make_message(acme, task=task, sender=sofia, state="failed")
    sent = make_message(acme, task=task, sender=sofia, state="sent")
    client.force_login(sofia)
    assert "still open" not in client.get(f"/admin/messages/{unsent.pk}/").text
    client.force_login(make_staff("Viewer"))
    assert "still open" not in client.get(f"/admin/messages/{sent.pk}/").text


def test_it_can_be_given_to_somebody_else(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    other = make_staff("Program manager", first_name="Paula", last_name="Mendes")
    task = make_task(acme, owner=sofia)
    sent = {"do": "change", "what": "Call them", "kind": "call", "owner": other.pk, "due": "2025-05-13", "note": ""}
    client.post(f"/admin/tasks/{task.pk}/", sent)
    task.refresh_from_db()
    assert (task.owner, task.kind, task.due) == (other, "call", date(2025, 5, 13))
    [entry] = workflow.task_history(task)
    assert entry.change_message == "Changed kind, owner, due. Owner: Paula Mendes."
    viewer = make_staff("Viewer")
    assert client.post(f"/admin/tasks/{task.pk}/", {**sent, "owner": viewer.pk}).status_code == 422


def test_a_deleted_owner_leaves_the_task_to_be_seen(client: Client, sofia: User, acme: Customer) -> None:
    task = make_task(acme, rule=rule(), owner=sofia, created_by="sofia")
    sofia.delete()
    client.force_login(make_staff("Success manager"))
    page = client.get("/admin/tasks/?whose=unassigned")
    assert links(page, "Call them") == [f"/admin/tasks/{task.pk}/?next=%2Fadmin%2Ftasks%2F%3Fwhose%3Dunassigned"]
    assert "Nobody" in words(main_part(client.get("/admin/tasks/?whose=everybody")))
    assert client.get(f"/admin/tasks/{task.pk}/").status_code == 200
    assert "due today · nobody’s" in section(client.get("/admin/customer/acme/"), "tasks")
    # It still hides its rule.
    assert "Ask for a testimonial" not in section(client.get("/admin/customer/acme/"), "actions")
