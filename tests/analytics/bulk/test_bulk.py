"""What is done to many customers at once, and undone: tasks, snoozes, owners; to those selected, or to all found."""

import time
from collections.abc import Callable
from datetime import date
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.bulk import views
from analytics.models import Deferral, Task
from analytics.tasks import workflow
from customers.models import AuditEntry, CustomerCare
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import main_part, said, words

pytestmark = pytest.mark.django_db

D, T = date(2025, 5, 10), date(2025, 5, 12)
TASK = {"what": "Ask how it goes", "due": "2025-05-20"}


@pytest.fixture
def sofia() -> User:
    """A success manager."""
    return make_staff("Success manager", username="sofia", first_name="Sofia", last_name="Marin")


@pytest.fixture
def bela() -> User:
    """Another one, who looks after the second customer."""
    return make_staff("Success manager", username="bela", first_name="Bela", last_name="Nagy")


@pytest.fixture
def browser(sofia: User) -> Client:
    """Sofia's."""
    client = Client()
    client.force_login(sofia)
    return client


@pytest.fixture(autouse=True)
def three(today_is: Callable[[date], None], bela: User) -> None:
    """Acme and Beta, at risk, the latter Bela's; Tide, healthy."""
    today_is(T)
    make_day(date=D, total=3)
    for number, name in enumerate(("Acme", "Beta", "Tide"), 1):
        customer = make_customer(id=f"c{number}", organization=name)
        make_snapshot(customer, date=D, status="healthy" if name == "Tide" else "at_risk", score=45)
    CustomerCare.objects.create(customer_id="c2", owner=bela)


def press_undo(browser: Client) -> HttpResponse:
    """Press the Undo button of the message on the page that comes next, and show where that leads."""
    page = browser.get("/admin/reports/").text
    token = page.partition('name="undo" value="')[2].partition('"')[0]
    assert token, "no Undo button"
    return browser.post("/admin/undo/", {"undo": token, "next": "/admin/reports/"}, follow=True)


def standing() -> set[str]:
    return set(Deferral.objects.standing().values_list("customer", flat=True))


# --- Asked, then done ---------------------------------------------------------------------------------------------


def test_selected_customers_are_asked_about_and_get_tasks(browser: Client, sofia: User, bela: User) -> None:
    asked = browser.post("/admin/bulk/task/?status=at_risk&owner=", {"customer": ["c1", "c2"]})
    assert "Create task: 2 customers" in words(main_part(asked))
    assert "Acme , Beta" in words(main_part(asked))
    assert not Task.objects.exists()
    done = browser.post("/admin/bulk/task/?status=at_risk&owner=", {"customer": ["c1", "c2"], "expected": "2", **TASK})
    assert done["Location"] == "/admin/?status=at_risk&owner=#customers"
    tasks = Task.objects.order_by("customer")
    assert [(one.customer_id, one.what, one.due, one.owner) for one in tasks] == [
        ("c1", "Ask how it goes", date(2025, 5, 20), sofia),
        ("c2", "Ask how it goes", date(2025, 5, 20), bela),
    ]
    assert said(browser.get("/admin/reports/")) == ["2 tasks created. Due 20 May 2025."]
    again = browser.post("/admin/bulk/task/", {"customer": ["c1", "c3"], "expected": "2", **TASK})
    assert again.status_code == 302
    assert said(browser.get("/admin/reports/")) == [
        "1 task created. Due 20 May 2025.",
        "1 customer skipped: this task is open for them already.",
    ]


def test_all_that_the_filters_leave_are_snoozed(browser: Client) -> None:
    asked = browser.post("/admin/bulk/snooze/?status=at_risk&owner=", {"all": "1", "customer": "c3"})
    assert "Snooze: 2 customers" in words(main_part(asked))
    browser.post("/admin/bulk/snooze/?status=at_risk&owner=", {"all": "1", "expected": "2", "days": "7"})
    assert standing() == {"c1", "c2"}
    assert {one.until for one in Deferral.objects.all()} == {date(2025, 5, 19)}
    assert said(browser.get("/admin/reports/")) == ["2 customers snoozed until 19 May 2025."]


@pytest.mark.parametrize(
    ("address", "sent", "status", "words_of_it"),
    [
        ("snooze/", {"expected": "2", "days": "1"}, 200, "The customers are not as many as before: look again."),
        ("snooze/", {"expected": "1"}, 422, "Choose a date."),
        ("task/", {"expected": "1", "what": "", "due": "2025-05-20"}, 422, "This field is required."),
        ("task/", {"expected": "1", "what": "x", "due": "2025-05-11"}, 422, "Choose a due date from today on."),
    ],
)
def test_what_is_not_clear_is_asked_again(
    browser: Client, address: str, sent: dict[str, str], status: int, words_of_it: str
) -> None:
    answer = browser.post(f"/admin/bulk/{address}", {"customer": "c1", **sent})
    assert (answer.status_code, words_of_it in words(answer.text)) == (status, True)
    assert not Task.objects.exists() and not Deferral.objects.exists()


def test_nobody_too_many_and_filters_that_are_not_understood(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert browser.post("/admin/bulk/task/?q=x", {})["Location"] == "/admin/?q=x#customers"
    assert said(browser.get("/admin/reports/")) == ["No customer is selected."]
    assert browser.post("/admin/bulk/task/?score_min=low", {"all": "1", "expected": "3"}).status_code == 400
    assert browser.post("/admin/bulk/nothing/", {"customer": "c1"}).status_code == 404
    monkeypatch.setattr(views, "MAX_ROWS", 2)
    full = browser.post("/admin/bulk/task/?owner=", {"all": "1", "expected": "3", **TASK})
    assert "At most 2 customers at once: narrow the list, or select some." in words(main_part(full))
    assert not Task.objects.exists()


def test_the_table_offers_what_one_may(browser: Client) -> None:
    page = words(main_part(browser.get("/admin/?owner=", follow=True)))
    assert "All 3 found Assign owner Create task Snooze" in page
    viewer = Client()
    viewer.force_login(make_staff("Viewer", username="victor"))
    assert "Assign owner" not in words(main_part(viewer.get("/admin/?owner=", follow=True)))


# --- Undone -------------------------------------------------------------------------------------------------------


def test_tasks_are_taken_back_unless_somebody_touched_them(browser: Client, bela: User) -> None:
    browser.post("/admin/bulk/task/", {"customer": ["c1", "c2"], "expected": "2", **TASK})
    touched = Task.objects.get(customer="c2")
    touched.what = "Ask again"
    workflow.change(touched, bela, ["what"])
    assert said(press_undo(browser)) == ["Undone.", "1 of 2 changed since: not undone."]
    assert list(Task.objects.values_list("customer", flat=True)) == ["c2"]


def test_a_snooze_is_undone_and_what_it_replaced_stands_again(browser: Client, bela: User) -> None:
    before = Deferral.objects.create(customer_id="c1", until=date(2025, 6, 1), created_by="bela")
    browser.post("/admin/bulk/snooze/", {"customer": ["c1", "c2"], "expected": "2", "days": "1"})
    assert standing() == {"c1", "c2"}
    newest = AuditEntry.objects.latest("pk").pk
    assert said(press_undo(browser)) == ["Undone."]
    assert list(Deferral.objects.standing()) == [before]
    assert AuditEntry.objects.filter(pk__gt=newest, actor="sofia").count() == 3


def test_owners_are_given_back_unless_assigned_since(browser: Client, sofia: User, bela: User) -> None:
    asked = browser.post("/admin/assign/", {"customer": ["c1", "c2", "c3"]}).text
    seen = asked.partition('name="seen" value="')[2].partition('"')[0]
    sent = {"customer": ["c1", "c2", "c3"], "expected": "3", "seen": seen, "owner": str(sofia.pk)}
    browser.post("/admin/assign/", sent)
    assert set(CustomerCare.objects.values_list("pk", "owner")) == {(f"c{number}", sofia.pk) for number in (1, 2, 3)}
    CustomerCare.objects.filter(pk="c3").update(owner=bela)
    assert said(press_undo(browser)) == ["Undone.", "1 of 3 changed since: not undone."]
    assert set(CustomerCare.objects.values_list("pk", "owner")) == {("c1", None), ("c2", bela.pk), ("c3", bela.pk)}


def test_an_act_in_place_is_undone_too_and_only_once(browser: Client) -> None:
    browser.post("/admin/customer/c1/act/snooze/", {"days": "3"})
    token = browser.get("/admin/reports/").text.partition('name="undo" value="')[2].partition('"')[0]
    assert said(browser.post("/admin/undo/", {"undo": token, "next": "/admin/reports/"}, follow=True)) == ["Undone."]
    again = browser.post("/admin/undo/", {"undo": token, "next": "/admin/reports/"}, follow=True)
    assert said(again) == ["1 of 1 changed since: not undone."]


def test_an_undo_is_its_users_alone(browser: Client, bela: User) -> None:
    browser.post("/admin/customer/c1/act/snooze/", {"days": "3"})
    token = browser.get("/admin/reports/").text.partition('name="undo" value="')[2].partition('"')[0]
    other = Client()
    other.force_login(bela)
    for who, sent in ((other, token), (browser, token[:-1]), (browser, "")):
        answer = who.post("/admin/undo/", {"undo": sent, "next": "/admin/reports/"}, follow=True)
        assert said(answer) == ["This can no longer be undone."]
    assert standing() == {"c1"}


def test_an_undo_lasts_an_hour(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(key: str, seconds: int) -> list[str]:
        browser.post(f"/admin/customer/{key}/act/snooze/", {"days": "3"})
        token = browser.get("/admin/reports/").text.partition('name="undo" value="')[2].partition('"')[0]
        now = time.time()
        with monkeypatch.context() as later:
            # The clock of the signatures alone: the session has a longer one.
            later.setattr(signing, "time", SimpleNamespace(time=lambda: now + seconds))
            return said(browser.post("/admin/undo/", {"undo": token, "next": "/admin/reports/"}, follow=True))

    assert press("c1", 59 * 60) == ["Undone."]
    assert press("c2", 61 * 60) == ["This can no longer be undone."]
    assert standing() == {"c2"}


def test_who_has_lost_the_right_undoes_nothing(browser: Client, sofia: User) -> None:
    browser.post("/admin/customer/c1/act/snooze/", {"days": "3"})
    token = browser.get("/admin/reports/").text.partition('name="undo" value="')[2].partition('"')[0]
    sofia.groups.set([make_staff("Viewer").groups.get()])
    assert browser.post("/admin/undo/", {"undo": token}).status_code == 403
    assert standing() == {"c1"}


def test_asking_about_many_costs_no_more_queries(browser: Client) -> None:
    def count(keys: list[str]) -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.post("/admin/bulk/snooze/", {"customer": keys})
        return len(queries)

    assert count(["c1"]) == count(["c1", "c2", "c3"])
