"""Tasks: taken once, listed by urgency, closed and opened again, whoever owned them."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from html import unescape
from threading import Barrier, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.customer_page.timeline import TimelineFilter, timeline
from analytics.models import RecommendationRule, Task
from analytics.tasks import workflow
from customers.models import Customer, CustomerCare
from tests.factories import make_customer, make_day, make_message, make_snapshot, make_staff
from tests.support.pages import Elements, links, main_part, said, section, words

D = date(2025, 5, 10)
TODAY = date(2025, 5, 12)
UTC = ZoneInfo("UTC")


@pytest.fixture(autouse=True)
def the_day(request: pytest.FixtureRequest, today_is: Callable[[date], None]) -> None:
    if "transaction" not in request.keywords:
        today_is(TODAY)


@pytest.fixture
def sofia(db: None) -> User:
    return make_staff("Success manager", username="sofia", first_name="Sofia", last_name="Marchetti")


@pytest.fixture
def acme(db: None) -> Customer:
    """A champion whom nobody looks after."""
    make_day()
    customer = make_customer(id="acme", organization="Acme Inc.")
    make_snapshot(customer, status="champion", score=91, last_active=D)
    return customer


def rule(text: str = "Ask for a testimonial") -> RecommendationRule:
    return RecommendationRule.objects.get(text=text)


def make_task(customer: Customer, **overrides: Any) -> Task:
    return Task.objects.create(**{"customer": customer, "what": "Call them", "due": TODAY, **overrides})


def count_queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


# --- From a recommendation to a task ----------------------------------------------------------------------------


def test_a_recommendation_leads_to_a_prefilled_task(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    page = client.get("/admin/customer/acme/")
    address = links(page, "Take action")[0]
    form = client.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    # Urgency 70: in two weeks.
    assert values == {
        "what": "Ask for a testimonial",
        "kind": "testimonial",
        "owner": sofia.pk,
        "due": date(2025, 5, 26),
        "note": "",
    }
    done = client.post(address, {**values, "note": "By phone", "due": "2025-05-20"}, follow=True)
    assert said(done) == ["Taken on: Ask for a testimonial. Due 20 May 2025."]
    task = Task.objects.get()
    assert (task.customer, task.rule, task.kind, task.owner) == (acme, rule(), "testimonial", sofia)
    assert (task.reason, task.due, task.note, task.created_by) == (
        "Champion, score 91",
        date(2025, 5, 20),
        "By phone",
        "sofia",
    )
    assert section(done, "actions") == "Recommended actions Discuss expansion Champion, score 91 Take action"
    assert "Ask for a testimonial due Tue, 20 May 2025 · Sofia Marchetti" in section(done, "tasks")


@pytest.mark.parametrize(
    ("urgency", "due"),
    [(0, 13), (19, 13), (20, 15), (39, 15), (40, 19), (59, 19), (60, 26)],
)
def test_the_more_urgent_the_sooner(urgency: int, due: int) -> None:
    assert workflow.due_date(urgency, TODAY) == date(2025, 5, due)


def test_it_is_for_the_customers_owner_who_can_do_it(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    address = f"/admin/tasks/new/?customer=acme&rule={rule().pk}"
    care = CustomerCare.objects.create(customer=acme, owner=make_staff("Success manager"))
    assert client.get(address).context["form"]["owner"].value() == care.owner.pk
    for somebody in (make_staff("Viewer"), make_staff("Success manager", is_active=False)):
        CustomerCare.objects.update(owner=somebody)
        assert client.get(address).context["form"]["owner"].value() == sofia.pk


def test_a_double_click_and_a_second_person_are_told_who_has_it(client: Client, sofia: User, acme: Customer) -> None:
    address = f"/admin/tasks/new/?customer=acme&rule={rule().pk}"
    sent = {"what": "Ask for a testimonial", "kind": "testimonial", "owner": sofia.pk, "due": "2025-05-20"}
    client.force_login(sofia)
    client.post(address, sent)
    again = client.post(address, sent, follow=True)
    assert said(again)[-1] == "You have taken this on already: Ask for a testimonial, due 20 May 2025."
    client.force_login(make_staff("Success manager"))
    for response in (client.get(address, follow=True), client.post(address, sent, follow=True)):
        assert said(response) == ["Sofia Marchetti has taken this on already: Ask for a testimonial, due 20 May 2025."]
        assert response.redirect_chain == [(f"/admin/tasks/{Task.objects.get().pk}/", 302)]
    assert Task.objects.count() == 1


def test_between_the_look_and_the_click_somebody_takes_it(
    client: Client, sofia: User, acme: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_task(acme, rule=rule(), owner=sofia)
    client.force_login(make_staff("Success manager"))
    # As if it had not been there yet when the form was read.
    monkeypatch.setattr(workflow, "open_task", lambda customer, rule: None)
    sent = {"what": "Ask", "kind": "testimonial", "owner": "", "due": "2025-05-20"}
    response = client.post(f"/admin/tasks/new/?customer=acme&rule={rule().pk}", sent, follow=True)
    assert said(response) == ["Sofia Marchetti has taken this on already: Call them, due 12 May 2025."]
    assert Task.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_people_take_the_same_action_at_once() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("The tests' SQLite is in memory and knows one connection only.")
    customer, asked = make_customer(), rule()
    people = [make_staff("Success manager", username=name) for name in ("a", "b", "c", "d")]
    start, ends = Barrier(len(people)), []

    def take(user: User) -> None:
        try:
            start.wait(60)
            task = Task(customer=customer, rule=asked, what="Ask", owner=user, due=TODAY)
            ends.append(("took", workflow.take(task, user).owner.username))
        except workflow.TakenError as error:
            ends.append(("told", error.task.owner.username))
        finally:
            connection.close()

    threads = [Thread(target=take, args=[user]) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    [winner] = [name for how, name in ends if how == "took"]
    assert sorted(ends) == [*[("told", winner)] * 3, ("took", winner)]
    assert Task.objects.get().owner.username == winner


def test_a_task_of_ones_own_and_its_double_click(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    [address] = links(client.get("/admin/customer/acme/"), "New task")
    sent = {"what": "Send the contract", "kind": "other", "owner": sofia.pk, "due": "2025-05-20", "note": ""}
    client.post(address, sent)
    again = client.post(address, sent, follow=True)
    assert said(again)[-1] == "You have taken this on already: Send the contract, due 20 May 2025."
    client.post(address, {**sent, "due": "2025-05-21"})
    assert list(Task.objects.values_list("rule", "due")) == [(None, date(2025, 5, 20)), (None, date(2025, 5, 21))]


def test_a_new_task_asks_for_the_customer_first(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    assert links(client.get("/admin/tasks/new/?q=CME"), "Acme Inc.") == ["/admin/tasks/new/?customer=acme"]
    assert "No customer is called so." in words(main_part(client.get("/admin/tasks/new/?q=nobody")))


@pytest.mark.parametrize(
    "query", ["customer=nobody", "customer=acme%00", "customer=acme&rule=0", "customer=acme&rule=%C2%B2", "q=%00"]
)
def test_what_does_not_exist_is_no_page(client: Client, sofia: User, acme: Customer, query: str) -> None:
    client.force_login(sofia)
    assert client.get(f"/admin/tasks/new/?{query}").status_code == 404


@pytest.mark.parametrize("away", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "evil"])
def test_nobody_is_led_away(client: Client, sofia: User, acme: Customer, away: str) -> None:
    client.force_login(sofia)
    task = make_task(acme)
    response = client.post(f"/admin/tasks/{task.pk}/?next={away}", {"do": "dropped"})
    assert response.url.startswith(f"/admin/tasks/{task.pk}/")


def test_a_task_needs_its_text_and_its_day(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    response = client.post("/admin/tasks/new/?customer=acme", {"what": " ", "kind": "other", "due": "soon"})
    assert response.status_code == 422
    assert {name: errors[0] for name, errors in response.context["form"].errors.items()} == {
        "what": "This field is required.",
        "due": "Enter a valid date.",
    }


# --- What becomes of it -----------------------------------------------------------------------------------------


def test_done_with_its_outcome(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    task = make_task(acme, rule=rule(), owner=sofia)
    address = f"/admin/tasks/{task.pk}/?next=/admin/tasks/"
    refused = client.post(address, {"do": "done"})
    assert refused.status_code == 422
    assert "Choose what came of it." in words(main_part(refused))
    assert client.post(address, {"do": "done", "outcome": "not_needed"}).status_code == 422
    response = client.post(address, {"do": "done", "outcome": "solved", "outcome_note": "It works."})
    assert (response.status_code, response.url) == (302, "/admin/tasks/")
    task.refresh_from_db()
    assert (task.state, task.outcome, task.outcome_note, task.closed_by) == ("done", "solved", "It works.", "sofia")
    # The date of the data, not of the day.
    assert task.closed_on == D
    again = client.post(address, {"do": "dropped"}, follow=True)
    assert said(again)[-1] == "sofia has closed this task already: done."
    assert [entry.change_message for entry in workflow.task_history(task)] == ["Done."]


def test_dropped_and_opened_again(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    task = make_task(acme, rule=rule())
    address = f"/admin/tasks/{task.pk}/"
    client.post(address, {"do": "dropped", "outcome_note": "No budget"})
    task.refresh_from_db()
    assert (task.state, task.outcome, task.closed_on) == ("dropped", "", D)
    client.post(address, {"do": "reopen"})
    task.refresh_from_db()
    assert (task.state, task.closed_at, task.closed_on, task.closed_by) == ("open", None, None, "")
    client.post(address, {"do": "dropped"})
    newer = make_task(acme, rule=rule(), what="Ask again")
    response = client.post(address, {"do": "reopen"}, follow=True)
    assert said(response)[-1].endswith("taken this on already: Ask again, due 12 May 2025.")
    assert response.redirect_chain[-1][0] == f"/admin/tasks/{newer.pk}/"


def test_two_people_close_it(sofia: User, acme: Customer) -> None:
    task = make_task(acme)
    assert workflow.close(task, sofia, "done", "reached", "") is True
    assert workflow.close(task, make_staff("Success manager"), "dropped", "", "") is False
    task.refresh_from_db()
    assert (task.state, task.closed_by) == ("done", "sofia")


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
    address = f"/admin/tasks/new/?customer=acme&rule={rule('Send a re-engagement e-mail').pk}"
    assert "Take action and write the e-mail" in words(main_part(client.get(address)))
    sent = {"what": "Write", "kind": "email", "owner": sofia.pk, "due": "2025-05-20", "note": "", "then": "write"}
    response = client.post(address, sent)
    task = Task.objects.get()
    write = f"/admin/customer/acme/contact/?task={task.pk}"
    assert response.url == write
    assert links(client.get(f"/admin/tasks/{task.pk}/"), "Write the e-mail") == [write]
    assert links(client.get("/admin/customer/acme/"), "Write the e-mail") == [write]
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


# --- My tasks ---------------------------------------------------------------------------------------------------


def shown(client: Client, query: str = "") -> list[str]:
    """The headings and the tasks of the list, in its order."""
    page = main_part(client.get(f"/admin/tasks/{query}", follow=True))
    found = re.findall(r'<th scope="rowgroup"[^>]*>(.*?)</th>|<a class="what"[^>]*>(.*?)</a>', page)
    return [heading.upper() or what for heading, what in found]


def test_overdue_first_then_today_next_and_later(client: Client, sofia: User, acme: Customer) -> None:
    for what, days in (("h", 8), ("g", 7), ("a", -30), ("c", 0), ("f", 1), ("b", -1), ("d", 0)):
        make_task(acme, what=what, due=TODAY + timedelta(days=days), owner=sofia)
    make_task(acme, what="nobody's")
    make_task(acme, what="another's", owner=make_staff("Success manager"))
    closed = {"closed_at": datetime(2025, 5, 11, tzinfo=UTC), "closed_on": D, "owner": sofia}
    make_task(acme, what="done", state="done", outcome="reached", **closed)
    make_task(acme, what="dropped", state="dropped", **closed)
    client.force_login(sofia)
    assert shown(client) == ["OVERDUE", "a", "b", "TODAY", "c", "d", "NEXT 7 DAYS", "f", "g", "LATER", "h"]
    assert shown(client, "?whose=unassigned") == ["TODAY", "nobody&#x27;s"]
    assert shown(client, "?state=done") == ["done"]
    assert shown(client, "?state=dropped&whose=everybody") == ["dropped"]
    assert shown(client, "?sort=-what") == ["h", "g", "f", "d", "c", "b", "a"]
    assert shown(client, "?whose=&state=great&page=x&sort=y") == shown(client)
    assert len(shown(client, "?whose=everybody")) == 13
    page = client.get("/admin/tasks/", follow=True)
    assert [(one.label, one.count) for one in page.context["whose"]] == [
        ("Mine", 7),
        ("Everybody’s", 9),
        ("Unassigned", 1),
    ]
    [badge] = [
        item.get("badge")
        for group in page.context["sidebar_navigation"]
        for item in group["items"]
        if item["title"] == "My tasks"
    ]
    # Overdue or due today.
    assert badge == "4"


def test_an_empty_list_says_what_to_do(client: Client, sofia: User) -> None:
    client.force_login(sofia)
    assert "A customer’s page recommends what to take on." in words(
        main_part(client.get("/admin/tasks/", follow=True))
    )


def test_the_list_takes_the_same_queries_however_long_it_is(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    make_task(acme, owner=sofia, what="first")
    few = count_queries(client, "/admin/tasks/?whose=everybody")
    for number in range(60):
        owner = make_staff("Success manager") if number < 5 else sofia
        make_task(make_customer(), owner=owner, what=f"Task {number}")
    many = count_queries(client, "/admin/tasks/?whose=everybody")
    # Session, user, twice permissions, the badge; the three counts, the pages, the rows, who is called alike.
    assert (few, many) == (9, 9)


# --- On the customer's page -------------------------------------------------------------------------------------


def test_tasks_on_the_timeline(sofia: User, acme: Customer) -> None:
    at = {"created_by": "sofia", "created_at": datetime(2025, 5, 9, 12, tzinfo=UTC)}
    open_one = make_task(acme, what="Call", **at)
    closed = {"closed_at": datetime(2025, 5, 11, tzinfo=UTC), "closed_on": D, "closed_by": "gone", **at}
    done = make_task(acme, what="Write", state="done", outcome="no_answer", outcome_note="Twice", **closed)
    dropped = make_task(acme, what="Visit", state="dropped", **closed)
    make_task(make_customer(), what="Another's", **at)

    def told(day: date, *, is_newest: bool) -> list[tuple[date, str, str, str]]:
        page = timeline(acme, day, is_newest=is_newest, chosen=TimelineFilter.STAFF)
        return [(entry.day, entry.who, entry.text, entry.address) for entry in page.entries]

    taken = [
        (date(2025, 5, 9), "Sofia Marchetti", f"Took on: {task.what}", f"/admin/tasks/{task.pk}/")
        for task in (dropped, done, open_one)
    ]
    assert told(date(2025, 5, 8), is_newest=False) == []
    assert told(D, is_newest=False) == taken
    assert told(D, is_newest=True) == [
        (date(2025, 5, 11), "gone", "Dropped: Visit", f"/admin/tasks/{dropped.pk}/"),
        (date(2025, 5, 11), "gone", "Done: Write (no answer): Twice", f"/admin/tasks/{done.pk}/"),
        *taken,
    ]
    assert timeline(acme, D, chosen=TimelineFilter.HEALTH).entries == []


def test_on_an_earlier_date_there_is_nothing_to_take(client: Client, sofia: User, acme: Customer) -> None:
    make_day(date=D - timedelta(days=1))
    make_snapshot(acme, status="champion", score=90, date=D - timedelta(days=1))
    client.force_login(sofia)
    assert "Take action" not in client.get("/admin/customer/acme/?as_of=2025-05-09").text


def test_who_may_only_look_is_offered_nothing(client: Client, acme: Customer) -> None:
    task = make_task(acme)
    client.force_login(make_staff("Viewer"))
    text = client.get("/admin/customer/acme/").text + client.get("/admin/tasks/", follow=True).text
    assert "Call them" in text
    for offer in ("Take action", "New task", "Assign owner"):
        assert offer not in text
    page = main_part(client.get(f"/admin/tasks/{task.pk}/"))
    assert "<form" not in page
    for do in ("done", "dropped", "reopen", "change"):
        assert client.post(f"/admin/tasks/{task.pk}/", {"do": do}).status_code == 403


HOSTILE = '<script>alert("x")</script>{{ 7|add:7 }}\N{RIGHT-TO-LEFT OVERRIDE}'


def test_hostile_texts_stay_texts(client: Client, sofia: User) -> None:
    make_day()
    customer = make_customer(id="a.b_c:d-e", organization=HOSTILE)
    make_snapshot(customer, status="at_risk", blocker_type=f"github {HOSTILE}"[:100])
    User.objects.filter(pk=sofia.pk).update(first_name=HOSTILE[:150])
    client.force_login(sofia)
    task = make_task(customer, what=HOSTILE, reason=HOSTILE, note=HOSTILE, owner=sofia, created_by=HOSTILE)
    rule_key = rule("Share the documentation on repository permissions").pk
    query = "customer=a.b_c:d-e"
    pages = [
        "/admin/tasks/",
        "/admin/tasks/new/?q=script",
        f"/admin/tasks/new/?{query}&rule={rule_key}",
        f"/admin/tasks/{task.pk}/",
        f"/admin/assign/?{query}",
    ]
    for address in pages:
        response = client.get(address, follow=True)
        assert response.status_code == 200, address
        assert "<script>alert" not in response.text
        assert "&lt;script&gt;alert" in response.text
        assert "{{ 7|add:7 }}" in response.text
    for address in links(
        client.get("/admin/tasks/new/?q=script"), words(HOSTILE.replace("<script>", "").replace("</script>", ""))
    ):
        assert client.get(address).status_code == 200
    client.post(f"/admin/tasks/{task.pk}/", {"do": "done", "outcome": "reached", "outcome_note": HOSTILE})
    assert "<script>alert" not in client.get(f"/admin/tasks/{task.pk}/", follow=True).text
