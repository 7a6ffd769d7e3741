"""Tasks: taken once, whoever takes them, closed and opened again."""

from datetime import date
from threading import Barrier, Thread

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from analytics.models import Task
from analytics.tasks import workflow
from customers.models import Customer, CustomerCare
from tests.factories import make_customer, make_staff
from tests.support.pages import links, main_part, said, section, words
from tests.support.scoring import D
from tests.support.tasks import TODAY, make_task, rule

pytestmark = pytest.mark.usefixtures("the_day")

# --- From a recommendation to a task ----------------------------------------------------------------------------


def test_a_recommendation_leads_to_a_prefilled_task(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    page = client.get("/admin/customer/acme/")
    address = links(page, "Create task")[0]
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
    assert said(done) == ["Task created: Ask for a testimonial. Due 20 May 2025."]
    task = Task.objects.get()
    assert (task.customer, task.rule, task.kind, task.owner) == (acme, rule(), "testimonial", sofia)
    assert (task.reason, task.due, task.note, task.created_by) == (
        "Champion, score 91",
        date(2025, 5, 20),
        "By phone",
        "sofia",
    )
    assert section(done, "actions") == "Recommended actions Discuss expansion Champion, score 91 Create task"
    assert "Ask for a testimonial due 20 May 2025 · Sofia Marchetti" in section(done, "tasks")


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
    *_of_recommendations, address = links(client.get("/admin/customer/acme/"), "Create task")
    sent = {"what": "Send the contract", "kind": "other", "owner": sofia.pk, "due": "2025-05-20", "note": ""}
    client.post(address, sent)
    again = client.post(address, sent, follow=True)
    assert said(again)[-1] == "You have taken this on already: Send the contract, due 20 May 2025."
    client.post(address, {**sent, "due": "2025-05-21"})
    assert list(Task.objects.values_list("rule", "due")) == [(None, date(2025, 5, 20)), (None, date(2025, 5, 21))]


def test_a_new_task_asks_for_the_customer_first(client: Client, sofia: User, acme: Customer) -> None:
    client.force_login(sofia)
    assert links(client.get("/admin/tasks/new/?q=CME"), "Acme Inc.") == ["/admin/tasks/new/?customer=acme"]
    assert "No customer matches." in words(main_part(client.get("/admin/tasks/new/?q=nobody")))


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
    assert "Choose an outcome." in words(main_part(refused))
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
