"""What is reported outlives a backup, a join of two customers and an erasure, wherever each event stands by then."""

from pathlib import Path

import pytest

from customers.erasure.erase import erase
from customers.models import Batch, Customer, Engagement, ImportRun, InboxEvent, KeyChange, QuarantinedRow, RowChange
from customers.same_customer.join import join, part
from rsolv_cs.operations import backups
from tests.factories import csv_row, make_customer, write_feed
from tests.support.commands import run
from tests.support.inbox import event, new_token, reported
from tests.support.key_changes import after, named
from tests.support.loading import load

pytestmark = pytest.mark.django_db

DAY = "2026-11-20"
AT = f"{DAY}T10:00:00+00:00"
LATER = "2026-11-21T10:00:00+00:00"


def counted() -> dict[str, int]:
    """How many issues were tagged, by customer and day."""
    rows = Engagement.objects.order_by("pk").values_list("customer", "date", "issues_tagged")
    return {f"{customer} {day}": number for customer, day, number in rows}


def states() -> list[str]:
    return list(InboxEvent.objects.order_by("batch__received_at", "position").values_list("state", flat=True))


def some_of_each() -> None:
    """Loaded, waiting, quarantined, superseded by none: an event of each state that ingest brings about."""
    make_customer(id="c1")
    token, _secret = new_token()
    reported(event("c1", occurred_at=AT, event_id="a"), event("c9", occurred_at=AT), token=token)
    assert run("ingest").code == 0
    reported(event("c1", occurred_at=AT, event_id="b"), event("c1", occurred_at=AT, event_id="a"), token=token)
    assert states() == ["loaded", "quarantined", "waiting", "duplicate"]


def test_a_restored_backup_goes_on_where_it_was_made(tmp_path: Path) -> None:
    some_of_each()
    backups.write(tmp_path / "backup.zip")
    # What happens after it is gone with the restore.
    assert run("ingest").code == 0
    make_customer(id="c9")
    reported(event("c1", occurred_at=LATER))
    assert run("restore", tmp_path / "backup.zip", "--replace").code == 0
    assert states() == ["loaded", "quarantined", "waiting", "duplicate"]
    assert counted() == {f"c1 {DAY}": 1}
    assert Engagement.objects.get().provisional
    make_customer(id="c9")
    done = run("ingest")
    assert (done.code, counted()) == (0, {f"c1 {DAY}": 2, f"c9 {DAY}": 1})
    # Keys go on behind those that came back, and an id is still known.
    token = Batch.objects.exclude(token=None).order_by("received_at").first().token  # type: ignore[union-attr]
    assert [row.state for row in reported(event("c1", event_id="b"), token=token)] == ["duplicate"]


def test_a_restore_erases_again_whom_events_of_the_backup_are_about(tmp_path: Path) -> None:
    some_of_each()
    backups.write(tmp_path / "backup.zip")
    for customer in ("c1", "c9"):
        erase(customer, "ann")
    assert run("restore", tmp_path / "backup.zip", "--replace").code == 0
    assert states() == ["refused"] * 4
    nothing_of("c1", "c9")
    assert run("ingest").code == 0
    assert counted() == {}


def nothing_of(*customers: str) -> None:
    """No row that a customer's events left is there."""
    assert not InboxEvent.objects.filter(customer_key__in=customers).exists()
    assert not Engagement.objects.filter(customer__in=customers).exists()
    assert not QuarantinedRow.objects.filter(customer_key__in=customers).exists()
    for change in RowChange.objects.all():
        assert not {change.key.rpartition("~")[2], change.key} & {*customers}
    assert InboxEvent.objects.exclude(metadata={}).count() == 0


def test_an_erasure_takes_provisional_rows_their_journal_and_events_that_wait() -> None:
    some_of_each()
    assert run("ingest").code == 0  # The row is updated, and the journal has what it was.
    reported(event("c1", occurred_at=LATER), event("c1", "onboarding_step_account_created", occurred_at=LATER))
    assert RowChange.objects.exists()
    erase("c1", "ann")
    nothing_of("c1")
    assert run("ingest").code == 0
    assert counted() == {}
    assert states() == ["refused", "quarantined", *["refused"] * 4]
    assert ImportRun.objects.filter(scope="events").count() == 2


def test_what_is_reported_of_a_joined_customer_stays_with_the_key_that_it_names(tmp_path: Path) -> None:
    """As the feeds' own rows do; a file that has the day takes the place of the provisional row there."""
    assert after(tmp_path, [named("c1")], []) == []
    reported(event("c1", occurred_at=AT))
    assert run("ingest").code == 0
    assert after(tmp_path, [named("c1")], [named("c2")]) == ["c1 → c2"]
    reported(event("c1", occurred_at=AT), event("c2", occurred_at=AT))
    pair = KeyChange.objects.get()
    join(pair.pk, "ann")
    assert run("ingest").code == 0
    assert counted() == {f"c1 {DAY}": 2, f"c2 {DAY}": 1}
    write_feed(tmp_path, "engagement", [csv_row("engagement", id="e1", customer_id="c2", date=DAY, issues_tagged="5")])
    load(tmp_path, "engagement")
    assert counted() == {f"c2 {DAY}": 5, f"c1 {DAY}": 2}
    assert part(pair.pk, "ann").left == []
    assert set(Customer.objects.values_list("pk", flat=True)) == {"c1", "c2"}
    assert not InboxEvent.objects.waiting().exists()
