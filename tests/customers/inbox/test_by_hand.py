"""Events of unknown customers in quarantine: given the right customer, or rejected, by hand."""

import json

import pytest
from django.test import Client
from playwright.sync_api import expect

from customers.core.roles import Role
from customers.erasure.erase import erase
from customers.inbox.forget import delete_batches, old_batches
from customers.inbox.ingest import has_work, ingest
from customers.jobs.lock import job_lock
from customers.models import AuditEntry, Engagement, Event, ImportRun, InboxEvent, QuarantinedRow
from customers.runs.undo import undo
from tests.factories import make_customer, make_staff
from tests.support.browsing import EVERY_LOOK, Opened, look, looks_alike
from tests.support.commands import held_elsewhere
from tests.support.inbox import event, new_token, reported
from tests.support.pages import main_part, said, words

pytestmark = pytest.mark.django_db

AT = "2026-11-20T10:00:00+00:00"
LIST = "/admin/customers/quarantinedrow/"
PR = {"pr_url": "https://x/2"}


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_staff(Role.PROGRAM_MANAGER, username="ann"))
    return client


def load_events() -> list[ImportRun]:
    with job_lock("import") as lock:
        return ingest("test", lock)


def in_quarantine(*events: dict[str, object]) -> list[QuarantinedRow]:
    """Events of an unknown customer, after an ingest, as the quarantine has them."""
    make_customer(id="c1")
    reported(*events)
    load_events()
    return list(QuarantinedRow.objects.order_by("pk"))


def page_of(row: QuarantinedRow) -> str:
    return f"{LIST}{row.pk}/event/"


def send(client: Client, row: QuarantinedRow, **sent: str) -> list[str]:
    """Send the page, and return what is said on the list that it leads to."""
    answer = client.post(page_of(row), {"named": row.customer_key, "do": "save", **sent}, follow=True)
    assert answer.status_code == 200
    return said(answer)


def refused(client: Client, row: QuarantinedRow, **sent: str) -> str:
    answer = client.post(page_of(row), {"named": row.customer_key, "do": "save", **sent})
    assert answer.status_code == 422
    return words(main_part(answer))


def test_the_page_of_its_row_says_its_index_and_no_line(manager: Client) -> None:
    [row] = in_quarantine(event("C-1", metadata=PR, occurred_at=AT))
    page = words(manager.get(f"{LIST}{row.pk}/change/").text)
    assert "Index 0" in page and "Line 0" not in page


def test_an_event_that_gets_the_right_customer_is_loaded_by_the_next_ingest(manager: Client) -> None:
    [row] = in_quarantine(event("C-1", metadata=PR, occurred_at=AT))
    assert f'href="{page_of(row)}"' in manager.get(LIST).text
    page = words(main_part(manager.get(page_of(row))))
    assert "there is no customer C-1" in page and "by pm" not in page and "https://x/2" in page
    assert "Do the same" not in page
    assert not has_work()
    assert send(manager, row, customer_id=" c1 ") == ["1 event: customer c1. The next ingest loads it."]
    row.refresh_from_db()
    assert (row.status, row.customer_key, row.cells[1]) == ("open", "c1", "c1")
    assert json.loads(row.raw)["customer_id"] == "c1"
    entry = AuditEntry.objects.get(action="fix")
    assert (entry.actor, entry.customer, entry.changes) == ("ann", "c1", {"customer_id": ["C-1", "c1"]})
    assert has_work()
    [run] = load_events()
    assert (run.rows, run.created, run.retried) == (1, 1, 1)
    row.refresh_from_db()
    assert (row.status, row.resolved_by) == ("loaded", run)
    assert list(Engagement.objects.values_list("pk", "prs_generated")) == [("~2026-11-20~c1", 1)]
    assert InboxEvent.objects.get().state == "loaded"
    # An undo of that run puts it back into quarantine, as of the right customer.
    undo(run, "ann")
    row.refresh_from_db()
    assert (row.status, row.customer_key, Engagement.objects.count()) == ("open", "c1", 0)


def test_all_events_of_the_same_customer_can_be_dealt_with_at_once(manager: Client) -> None:
    step = "onboarding_step_account_created"
    rows = in_quarantine(*(event(key, step, occurred_at=AT) for key in ("C-1", "C-1", "C-2", "C-1")))
    page = words(main_part(manager.get(page_of(rows[0]))))
    assert "Do the same with 2 other events of customer C-1 that wait here" in page
    assert send(manager, rows[0], customer_id="c1", all_alike="on") == [
        "3 events: customer c1. The next ingest loads them."
    ]
    [run] = load_events()
    assert (run.rows, run.created, run.unchanged) == (3, 1, 2)
    assert list(Event.objects.values_list("pk", flat=True)) == ["~account_created~c1"]
    assert [row.customer_key for row in QuarantinedRow.objects.filter(status="open")] == ["C-2"]


def test_a_rejected_event_is_invalid_for_good_and_may_be_reported_again(manager: Client) -> None:
    token, _secret = new_token()
    make_customer(id="c1")
    reported(event("C-1", metadata=PR, event_id="a"), token=token)
    load_events()
    row = QuarantinedRow.objects.get()
    assert send(manager, row, do="reject", customer_id="") == ["1 event rejected."]
    row.refresh_from_db()
    [rejected] = InboxEvent.objects.all()
    assert (row.status, rejected.state, rejected.reason, rejected.metadata) == (
        *("rejected", "invalid", "rejected by hand"),
        {},
    )
    make_customer(id="C-1")
    assert not has_work()
    assert [again.state for again in reported(event("c1", event_id="a"), token=token)] == ["waiting"]
    assert said(manager.get(page_of(row), follow=True)) == ["This event is no longer in quarantine: rejected."]
    assert said(manager.post(page_of(row), {"do": "save"}, follow=True)) == [
        "This event is no longer in quarantine: rejected."
    ]


def test_whoever_is_no_customer_is_not_taken(manager: Client) -> None:
    [row] = in_quarantine(event("C-1", occurred_at=AT))
    make_customer(id="gone")
    erase("gone", "ann")
    assert "There is no customer c7." in refused(manager, row, customer_id="c7")
    assert "is not an id" in refused(manager, row, customer_id="<b>")
    assert "is not an id" in refused(manager, row, customer_id="")
    assert "This customer was erased" in refused(manager, row, customer_id="gone")
    assert "Null characters" in refused(manager, row, customer_id="c\0")
    assert manager.post(page_of(row), {"named": "C-1", "do": "x"}).status_code == 422
    assert QuarantinedRow.objects.get().customer_key == "C-1"


def test_two_people_do_not_overwrite_each_other(manager: Client) -> None:
    [row] = in_quarantine(event("C-1", occurred_at=AT))
    make_customer(id="c2")
    send(manager, row, customer_id="c1")
    assert send(manager, row, customer_id="c2") == ["Somebody has given it customer c1 meanwhile. Look at it again."]
    assert QuarantinedRow.objects.get().customer_key == "c1"
    with held_elsewhere("import"):
        row.refresh_from_db()
        assert send(manager, row, customer_id="c2") == ["An import is running; try again when it has ended."]


def test_the_former_customer_is_named_nowhere_after_its_erasure(manager: Client) -> None:
    """As long as it is the event's customer, its erasure takes the row; afterwards it names the right one alone."""
    rows = in_quarantine(event("C-1", occurred_at=AT), event("C-2", occurred_at=AT))
    send(manager, rows[0], customer_id="c1")
    erase("C-2", "ann")
    [row] = QuarantinedRow.objects.all()
    assert "C-1" not in row.raw + str(row.cells) + str(row.reasons) + row.key
    erase("c1", "ann")
    assert not QuarantinedRow.objects.exists()
    assert set(InboxEvent.objects.values_list("state", "customer_key")) == {("refused", "")}


def test_an_event_in_quarantine_is_kept_however_old_it_is(manager: Client) -> None:
    """Its customer may come yet: without it, each ingest would look for it in vain."""
    [row] = in_quarantine(event("C-1", occurred_at=AT), event("c1", occurred_at=AT))
    batch = InboxEvent.objects.first().batch  # type: ignore[union-attr]
    batch.received_at = batch.received_at.replace(year=2020)
    batch.save()
    assert delete_batches() == 0
    send(manager, row, do="reject")
    assert list(old_batches()) == [batch]


def test_a_row_of_a_file_and_an_event_each_have_a_page_of_their_own(manager: Client) -> None:
    [row] = in_quarantine(event("C-1", occurred_at=AT))
    answer = manager.get(f"{LIST}{row.pk}/fix/")
    assert (answer.status_code, answer.headers["Location"]) == (302, page_of(row))
    row.run.scope = "whole"
    row.run.save()
    answer = manager.get(page_of(row))
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{LIST}{row.pk}/fix/")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite_is_enough
@looks_alike
def test_in_a_browser_an_event_is_led_to_given_its_customer_and_another_rejected(open_page: Opened) -> None:
    rows = in_quarantine(*(event(key, occurred_at=AT, metadata={"a": "x" * 300}) for key in ("C-1", "C-1", "C-" * 30)))
    page = open_page(LIST, role="Program manager")
    page.get_by_role("link", name="Fix index 0").click()
    assert look(page, EVERY_LOOK) == []
    page.get_by_label("customer_id").fill("c1")
    page.get_by_label("Do the same with 1 other event of customer C-1").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("2 events: customer c1. The next ingest loads them.")).to_be_visible()
    page.goto(page_of(rows[2]))
    assert look(page, EVERY_LOOK) == []
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("1 event rejected.")).to_be_visible()
    found = QuarantinedRow.objects.order_by("pk").values_list("status", "customer_key")
    assert list(found) == [("open", "c1"), ("open", "c1"), ("rejected", "C-" * 30)]
