"""The command and the page of an undo: who may, what they show, and that they do what they show."""

from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from customers.models import CustomerCare, Engagement, ImportRun, RowChange
from customers.runs import undo as undo_module
from customers.runs.undo import preview_undo
from tests.factories import make_run, make_staff, write_feed
from tests.support.commands import held_elsewhere, run
from tests.support.loading import load
from tests.support.pages import notices, section
from tests.support.undoing import CHANGED, UNDONE, counts, customer_rows, data, engagement_rows, newest, undo_newest

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fixed_day")]


# --- The command and the page -------------------------------------------------------------------------------------


def test_the_command_undoes_and_lists_what_it_left(drop: Path) -> None:
    write_feed(drop, "customers", customer_rows(1, 2, 3, 4))
    load(drop, "customers")
    loaded = newest("customers")
    CustomerCare.objects.create(customer_id="c3")
    ran = run("undo_import", loaded.pk)
    assert (ran.code, ran.err) == (0, "")
    assert ran.lines == [
        "  left: customer c3: still has assignments",
        f"Run {loaded.pk} (customers.csv) is undone by run {newest('customers').pk}: "
        "1 deleted, 0 put back, 0 created again, 1 left.",
    ]
    ran = run("undo_import", loaded.pk)
    assert (ran.code, ran.err) == (2, f"Run {loaded.pk} is undone already, by run {newest('customers').pk}.\n")


@pytest.mark.parametrize("number", [0, 999_999, 10**30])
def test_the_command_needs_a_run(number: int) -> None:
    ran = run("undo_import", number)
    assert (ran.code, ran.err) == (2, f"There is no run {number}.\n")


def test_the_command_says_that_an_undo_failed(drop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo_module, "insert_row_json", lambda *_arguments: 1 / 0)
    ran = run("undo_import", newest("events").pk)
    assert (ran.code, ran.lines[-1]) == (
        1,
        f"Run {newest('events').undoes_id} was not undone: ZeroDivisionError: division by zero",
    )


def test_busy(drop: Path, client: Client) -> None:
    loaded = newest("events")
    client.force_login(make_staff("Program manager"))
    with held_elsewhere("import"):
        assert run("undo_import", loaded.pk).code == 75
        answers = [client.get(page(loaded), follow=True), client.post(page(loaded), follow=True)]
    for answer in answers:
        assert "An import is running; try again when it has ended." in answer.text
    assert newest("events") == loaded


def page(loaded: ImportRun) -> str:
    return f"/admin/customers/importrun/{loaded.pk}/undo/"


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (None, False),
        ("Viewer", False),
        ("Success manager", False),
        ("Program manager", True),
        ("Administrator", True),
    ],
)
def test_who_may_undo(drop: Path, client: Client, role: str | None, may: bool) -> None:
    loaded = newest("engagement")
    client.force_login(make_staff(role))
    if role:
        text = client.get(f"/admin/customers/importrun/{loaded.pk}/change/").text
        assert ("Undo this import" in text) == may
    asked = client.get(page(loaded))
    assert asked.status_code == (200 if may else 403)
    assert Engagement.objects.count() == 2
    sent = client.post(page(loaded))
    assert sent.status_code == (302 if may else 403)
    assert Engagement.objects.count() == (0 if may else 2)


def test_a_visitor_is_led_to_the_login(drop: Path, client: Client) -> None:
    response = client.post(page(newest("engagement")))
    assert (response.status_code, response.url) == (302, f"/admin/login/?next={page(newest('engagement'))}")
    assert Engagement.objects.count() == 2


def test_the_page_asks_with_the_counts_then_undoes(drop: Path, client: Client) -> None:
    write_feed(drop, "engagement", engagement_rows(1, 2, 3, 4, issues_tagged="7"))
    load(drop, "engagement")
    loaded = newest("engagement")
    write_feed(drop, "engagement", engagement_rows(4, issues_tagged="8"))
    load(drop, "engagement")
    client.force_login(make_staff("Program manager", username="pat"))
    before = (data(), ImportRun.objects.count(), RowChange.objects.count())
    response = client.get(page(loaded))
    why = f"changed since by run {newest('engagement').pk}"
    assert section(response, "expected") == (
        "What will happen Rows deleted 1 Rows put back as they were 2 Rows created again 0 Rows left 1"
    )
    assert notices(response) == [f"1 engagement row left: {why} (e4)"]
    assert (data(), ImportRun.objects.count(), RowChange.objects.count()) == before
    response = client.post(page(loaded), follow=True)
    undoing = newest("engagement")
    assert response.redirect_chain == [(f"/admin/customers/importrun/{undoing.pk}/change/", 302)]
    said = f"Run {loaded.pk} is undone: 1 deleted, 2 put back, 0 created again, 1 left."
    assert said in response.text
    assert (undoing.started_by, counts(undoing)) == ("pat", {"updated": 2, "unchanged": 1, "deleted": 1})
    again = client.get(page(loaded), follow=True)
    assert f"Run {loaded.pk} is undone already, by run {undoing.pk}." in again.text
    assert "Undo this import" not in again.text
    assert "Undo this import" in client.get(f"/admin/customers/importrun/{undoing.pk}/change/").text


def test_a_run_that_is_not_there(client: Client) -> None:
    client.force_login(make_staff("Administrator"))
    assert client.get("/admin/customers/importrun/999999/undo/").status_code == 404


def test_preview_is_what_undo_does(drop: Path) -> None:
    write_feed(drop, "onboarding", CHANGED["onboarding"])
    load(drop, "onboarding")
    expected = preview_undo(newest("onboarding"))
    assert counts(expected) == counts(undo_newest("onboarding")) == UNDONE["onboarding"]


# --- A database that fails ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_page_does_not_repeat_what_the_database_says(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_given: Any) -> None:
        raise OperationalError('connection to "10.1.2.3" failed\nDETAIL: Key (email)=(someone@firm.example) is there')

    monkeypatch.setattr("customers.runs.undo_views.preview_undo", fail)
    client.force_login(make_staff("Program manager"))
    response = client.get(f"/admin/customers/importrun/{make_run().pk}/undo/", follow=True)
    text = response.text
    assert "The database cannot be used. Tell the operator: the log says why." in text
    assert "10.1.2.3" not in text
    assert "firm.example" not in text
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [OperationalError]
