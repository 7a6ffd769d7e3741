"""Tasks and notes: read, created once, closed, undone; audited as the pages' are."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import RecommendationRule, Task
from customers.core.roles import Role
from customers.erasure.erase import erase
from customers.models import AuditEntry, Customer, CustomerCare, FormSubmission, Note
from tests.factories import make_customer, make_day, make_staff
from tests.support.api import get, refused, send, walk
from tests.support.tasks import make_task
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


@pytest.fixture
def sofia() -> User:
    return make_staff(Role.SUCCESS_MANAGER, username="sofia", first_name="Sofia", last_name="Marchetti")


@pytest.fixture
def client(sofia: User) -> Client:
    return token_client(make_token(sofia, "read", "write"))


@pytest.fixture
def acme() -> Customer:
    return make_customer(id="c1", organization="Acme Inc.")


def acts() -> list[tuple[str, str, str]]:
    """Who did what to which kind of row, in order."""
    found = AuditEntry.objects.exclude(model="customers.apitoken").order_by("pk")
    return [(one.actor, one.action, one.model) for one in found if one.actor == "sofia"]


# --- Tasks --------------------------------------------------------------------------------------------------------


def test_a_task_is_created_as_the_page_proposes_it(client: Client, acme: Customer, sofia: User) -> None:
    response = send(client, "tasks", {"customer": "c1", "what": "Call them", "note": "About the trial"})
    told = response.json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"/api/v1/tasks/{told['id']}"
    assert told == get(client, f"tasks/{told['id']}")
    assert told | {"id": 0, "created_at": ""} == {
        "id": 0,
        "customer": "c1",
        "organization": "Acme Inc.",
        "what": "Call them",
        "kind": "other",
        "reason": "",
        "rule": None,
        "owner": {"id": sofia.pk, "username": "sofia", "name": "Sofia Marchetti"},
        "due": (timezone.localdate() + timedelta(days=3)).isoformat(),
        "note": "About the trial",
        "state": "open",
        "outcome": "",
        "outcome_note": "",
        "created_at": "",
        "created_by": "sofia",
        "closed_at": None,
        "closed_by": "",
    }
    assert acts() == [("sofia", "add", "analytics.task")]


def test_a_rule_fills_the_task_in_and_the_customers_owner_has_it(client: Client, acme: Customer) -> None:
    paul = make_staff(Role.SUCCESS_MANAGER, username="paul")
    CustomerCare.objects.create(customer=acme, owner=paul)
    rule = RecommendationRule.objects.get(text="Ask for a testimonial")
    told = send(client, "tasks", {"customer": "c1", "rule": rule.pk}).json()
    assert (told["what"], told["kind"], told["rule"]) == ("Ask for a testimonial", "testimonial", rule.pk)
    assert told["owner"]["username"] == "paul"
    again = send(client, "tasks", {"customer": "c1", "rule": rule.pk, "note": "Other words"})
    assert again.status_code == 409
    assert again.json()["detail"].startswith(f"paul has taken this on already: task {told['id']}, due ")


def test_what_is_sent_twice_is_created_once(client: Client, acme: Customer) -> None:
    body = {"customer": "c1", "what": "Call them", "due": "2025-05-12", "note": "One\r\ntwo"}
    first, second = (send(client, "tasks", body) for _time in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert Task.objects.count() == 1
    assert send(client, "tasks", {**body, "note": "Other"}).status_code == 409


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["#/customer"]),
        ([], ["#"]),
        ({"customer": "c1"}, ["#/what"]),
        ({"customer": "c9", "what": "x"}, ["#/customer"]),
        ({"customer": "c1", "what": "x", "rule": 10**30}, ["#/rule"]),
        ({"customer": "c1", "what": "x", "owner": 10**6}, ["#/owner"]),
        ({"customer": "c1", "what": "x" * 201}, ["#/what"]),
        ({"customer": "c1", "what": "x", "due": "tomorrow", "kind": "x"}, ["#/kind", "#/due"]),
        ({"customer": "c1", "what": "x", "state": "done"}, ["#/state"]),
        ({"customer": ["c1"], "what": {"a": 1}}, ["#/customer", "#/what"]),
        ({"customer": "c\x001", "what": "x"}, ["#/customer"]),
    ],
)
def test_what_is_not_valid_is_pointed_to(client: Client, acme: Customer, body: object, pointers: list[str]) -> None:
    assert list(refused(send(client, "tasks", body))) == pointers
    assert not Task.objects.exists()


def test_a_task_is_closed_once_opened_again_and_closed_otherwise(client: Client, acme: Customer) -> None:
    task = make_task(acme)
    assert refused(send(client, f"tasks/{task.pk}/close")) == {"#/outcome": "Choose an outcome."}
    told = send(client, f"tasks/{task.pk}/close", {"outcome": "reached", "outcome_note": "All is well"}).json()
    assert (told["state"], told["outcome"], told["outcome_note"]) == ("done", "reached", "All is well")
    assert told["closed_by"] == "sofia"
    again = send(client, f"tasks/{task.pk}/close", {"outcome": "solved"})
    assert (again.status_code, again.json()["detail"]) == (409, "sofia has closed this task already: done.")
    assert send(client, f"tasks/{task.pk}/reopen").json()["state"] == "open"
    assert send(client, f"tasks/{task.pk}/reopen").status_code == 409
    assert send(client, f"tasks/{task.pk}/close", {"state": "dropped"}).json()["state"] == "dropped"
    assert acts() == [("sofia", "change", "analytics.task")] * 3


def test_a_task_cannot_be_opened_beside_the_same(client: Client, acme: Customer) -> None:
    closed = make_task(acme, state="done")
    same = make_task(acme)
    response = send(client, f"tasks/{closed.pk}/reopen")
    assert response.status_code == 409
    assert f"task {same.pk}" in response.json()["detail"]


def test_creating_is_undone_as_long_as_nobody_has_touched_it(client: Client, acme: Customer) -> None:
    first = send(client, "tasks", {"customer": "c1", "what": "Call them"}).json()["id"]
    touched = send(client, "tasks", {"customer": "c1", "what": "Write to them"}).json()["id"]
    theirs = make_task(acme, what="Something else", created_by="paul").pk
    send(client, f"tasks/{touched}/close", {"state": "dropped"})
    assert client.delete(f"/api/v1/tasks/{first}").status_code == 204
    for pk in (touched, theirs):
        assert client.delete(f"/api/v1/tasks/{pk}").status_code == 409
    assert client.delete(f"/api/v1/tasks/{first}").status_code == 404
    assert set(Task.objects.values_list("pk", flat=True)) == {touched, theirs}


def test_whose_tasks_in_which_state(client: Client, acme: Customer, sofia: User) -> None:
    make_day(date=D)
    mine = make_task(acme, what="Mine", owner=sofia)
    nobodys = make_task(acme, what="Nobody’s")
    done = make_task(make_customer(id="c2"), what="Done", state="done", owner=sofia)

    def keys(**asked: object) -> list[int]:
        return [row["id"] for row in walk(client, "tasks", per_page=1, **asked)]

    assert keys() == [nobodys.pk, mine.pk]
    assert keys(whose="everybody", state="all") == [done.pk, nobodys.pk, mine.pk]
    assert keys(whose=sofia.pk) == [mine.pk]
    assert keys(whose="unassigned", sort="due", page=1) == [nobodys.pk]
    assert keys(state="done") == keys(customer="c2", state="all") == [done.pk]
    assert refused(client.get("/api/v1/tasks?whose=me")) == {
        "#/whose": "Allowed: the key of an account, everybody or unassigned."
    }
    assert refused(client.get("/api/v1/tasks?customer=%00")) == {"#/customer": "Allowed: the id of a customer."}
    assert refused(client.get("/api/v1/tasks?state=x")) == {"#/state": "Allowed: open, done, dropped, all."}


def test_tasks_as_of_a_date_are_those_that_were_open_at_its_end(client: Client, acme: Customer) -> None:
    make_day(date=D)

    def made(what: str, created: str, closed: str | None) -> int:
        state = "done" if closed else "open"
        return make_task(acme, what=what, created_at=created, closed_at=closed, state=state).pk

    made("Closed before", "2025-05-01T12:00:00Z", "2025-05-10T23:59:59Z")
    made("Made after", "2025-05-11T00:00:00Z", None)
    still = made("Closed after", "2025-05-10T23:59:59Z", "2025-05-11T00:00:00Z")
    assert [row["id"] for row in walk(client, "tasks", as_of=D)] == [still]


def test_queries_do_not_grow_with_tasks(client: Client) -> None:
    counts = []
    for _time in range(2):
        for _number in range(3):
            make_task(make_customer(), owner=make_staff())
        with CaptureQueriesContext(connection) as queries:
            get(client, "tasks")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12


# --- Notes --------------------------------------------------------------------------------------------------------


def test_a_note_is_stored_as_the_page_stores_it(client: Client, acme: Customer) -> None:
    response = send(client, "notes", {"customer": "c1", "kind": "call", "text": "  They are happy. \r\n"})
    assert response.status_code == 201
    note = Note.objects.get()
    assert (note.customer_id, note.kind, note.text, note.author) == (
        "c1",
        "call",
        "They are happy.",
        "Sofia Marchetti",
    )
    assert response.json() | {"created_at": ""} == {
        "id": note.pk,
        "customer": "c1",
        "kind": "call",
        "text": "They are happy.",
        "author": "Sofia Marchetti",
        "created_at": "",
    }
    assert acts() == [("sofia", "add", "customers.note")]
    assert "They are happy." in get(client, "customers/c1/timeline")["results"][0]["text"]


def test_a_note_that_is_sent_twice_is_stored_once(client: Client, acme: Customer) -> None:
    body = {"customer": "c1", "text": "Called"}
    first, second = (send(client, "notes", body) for _time in range(2))
    assert (first.status_code, second.status_code, second.json()) == (201, 200, first.json())
    keyed = [send(client, "notes", body, **{"Idempotency-Key": key}) for key in ("a", "b", "a")]
    assert [response.status_code for response in keyed] == [201, 201, 200]
    assert keyed[0].json() == keyed[2].json()
    assert send(client, "notes", {**body, "text": "Other"}, **{"Idempotency-Key": "a"}).status_code == 201
    assert Note.objects.count() == 4


def test_later_the_same_words_are_another_note(client: Client, acme: Customer) -> None:
    body = {"customer": "c1", "text": "Called"}
    send(client, "notes", body)
    FormSubmission.objects.update(at=timezone.now() - timedelta(seconds=11))
    assert send(client, "notes", body).status_code == 201


def test_a_refused_note_can_be_sent_again(client: Client, acme: Customer) -> None:
    for _time in range(2):
        said = refused(send(client, "notes", {"customer": "c1", "text": "x" * 2_001}, **{"Idempotency-Key": "a"}))
        assert list(said) == ["#/text"]
    assert list(refused(send(client, "notes", {"customer": "c9", "text": ""}))) == ["#/text"]
    assert list(refused(send(client, "notes", {"customer": "c9", "text": "x"}))) == ["#/customer"]
    assert not FormSubmission.objects.exists()


def test_an_erasure_forgets_that_something_was_sent(client: Client, acme: Customer) -> None:
    send(client, "notes", {"customer": "c1", "text": "Called"}, **{"Idempotency-Key": "a"})
    erase("c1", "sofia")
    assert not FormSubmission.objects.exists()


# --- Who may ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["tasks", "tasks/1/close", "tasks/1/reopen", "notes"])
def test_nobody_writes_without_the_scope_and_the_permission(acme: Customer, path: str) -> None:
    may_read = token_client(make_token(role=Role.ADMINISTRATOR))
    viewer = token_client(make_token(None, "read", "write", role=Role.VIEWER))
    for client in (may_read, viewer):
        assert send(client, path, {"customer": "c1", "what": "x", "text": "x"}).status_code == 403
    assert not Task.objects.exists()
    assert not Note.objects.exists()
