"""What was accepted is there, each event once by its id; erased customers leave nothing but a count."""

import os
import threading
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.models import Night
from customers.core.roles import Role
from customers.core.sql import is_postgres
from customers.erasure.erase import erase, preview_erasure
from customers.inbox import spool, store
from customers.inbox.forget import delete_batches, old_batches
from customers.inbox.ingest import has_work
from customers.models import Batch, InboxEvent
from tests.factories import make_customer, make_staff, write_feeds
from tests.support.inbox import event, new_token, reported, write_lock
from tests.support.own_databases import own, unblocked, url
from tests.support.pages import words
from tests.support.processes import manage

__all__ = ["own", "unblocked", "url"]


def states(*rows: InboxEvent) -> list[str]:
    return [row.state for row in rows]


@pytest.mark.django_db
def test_a_batch_has_every_event_in_its_place() -> None:
    token, _secret = new_token()
    receipt = store.accept([event("c2"), {}, event("c1", metadata={"pr_url": "x"})], token)
    batch = Batch.objects.get()
    assert (batch.pk, batch.token, batch.kind, batch.entries) == (receipt.batch.pk, token, "events", 3)
    found = list(batch.events.order_by("position"))
    assert states(*found) == ["waiting", "invalid", "waiting"]
    assert [row.customer_key for row in found] == ["c2", "", "c1"]
    assert found[2].metadata == {"pr_url": "x"}
    assert receipt.invalid == [found[1]]
    assert set(InboxEvent.objects.waiting()) == {found[0], found[2]}


@pytest.mark.django_db
def test_an_event_id_counts_once_for_a_token() -> None:
    token, _secret = new_token()
    first = reported(event(event_id="a"), event(event_id="b"), event(event_id="a"), event(), token=token)
    assert states(*first) == ["waiting", "waiting", "duplicate", "waiting"]
    again = reported(event("c2", event_id="b", metadata={"who": "c2"}), event(event_id="c"), event(), token=token)
    assert states(*again) == ["duplicate", "waiting", "waiting"]
    assert (again[0].reason, again[0].metadata) == ("event_id: was reported before", {})
    assert states(*reported(event(event_id="a"))) == ["waiting"]  # another token


@pytest.mark.django_db
def test_an_invalid_event_does_not_use_up_its_id() -> None:
    token, _secret = new_token()
    assert states(*reported(event(event_id="a", event_type="x"), token=token)) == ["invalid"]
    assert states(*reported(event(event_id="a"), token=token)) == ["waiting"]


@pytest.mark.django_db(transaction=True)
def test_two_who_report_the_same_events_at_once_count_once() -> None:
    if not is_postgres():
        pytest.skip("SQLite has one writer at a time")
    token, _secret = new_token()
    names = [f"e{number}" for number in range(200)]
    start = threading.Barrier(4)

    def report(order: list[str]) -> None:
        start.wait()
        try:
            store.accept([event(event_id=name) for name in order], token)
        finally:
            connection.close()

    threads = [threading.Thread(target=report, args=(names[::step],)) for step in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Batch.objects.count() == 4
    assert InboxEvent.objects.waiting().count() == 200
    assert InboxEvent.objects.filter(state="duplicate").count() == 600


# --- Erasure and expiry ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_erasure_takes_the_customer_out_of_the_events() -> None:
    make_customer(id="c1")
    first = reported(event("c1", event_id="c1-7", metadata={"issue_url": "c1"}), event("c2", event_id="x"))
    assert preview_erasure("c1")["events of the inbox"] == 1
    assert erase("c1", "ann").counts["events of the inbox"] == 1
    theirs, other = InboxEvent.objects.filter(pk__in=[row.pk for row in first]).order_by("position")
    assert (theirs.state, theirs.customer_key, theirs.event_id, theirs.metadata) == ("refused", "", "", {})
    assert theirs.reason == "the customer was erased"
    assert (other.state, other.customer_key, other.event_id) == ("waiting", "c2", "x")


@pytest.mark.django_db
def test_what_is_reported_of_an_erased_customer_is_refused_and_counted() -> None:
    make_customer(id="c1")
    erase("c1", "ann")
    refused, waiting, invalid = reported(
        event("c1", event_id="c1-8", metadata={"a": "c1"}), event("c2"), event("c1", event_type="x")
    )
    assert states(refused, waiting, invalid) == ["refused", "waiting", "refused"]
    assert (refused.customer_key, refused.event_id, refused.metadata) == ("", "", {})
    assert "c1" not in refused.reason + invalid.reason + invalid.customer_key


@pytest.mark.django_db
def test_a_customer_of_whom_only_an_event_is_known_can_be_erased() -> None:
    reported(event("c9"))
    assert erase("c9", "ann").counts == {"events of the inbox": 1}


@pytest.mark.django_db
def test_batches_expire_but_none_with_an_event_that_waits(settings: Settings) -> None:
    (kept,), (young,), (old,) = reported(event()), reported(event()), reported(event(), event())[:1]
    InboxEvent.objects.exclude(pk=kept.pk).update(state="loaded")
    Batch.objects.exclude(pk=young.batch_id).update(received_at=timezone.now() - timedelta(days=91))
    assert list(old_batches()) == [old.batch]
    settings.INBOX_DAYS = 0
    assert delete_batches() == 0
    settings.INBOX_DAYS = 90
    assert delete_batches() == 1
    assert set(Batch.objects.all()) == {kept.batch, young.batch}
    assert InboxEvent.objects.count() == 2


# --- While an import keeps the lock of SQLite -----------------------------------------------------------------------


def files(url: str) -> list[str]:
    folder = Path(f"{urlsplit(url).path}.inbox")
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_while_an_import_writes_a_batch_waits_in_a_file(url: str) -> None:
    if is_postgres():
        pytest.skip("PostgreSQL has many writers at a time")
    token, _secret = new_token()
    usual = connections["default"].cursor().execute("PRAGMA busy_timeout").fetchone()
    with write_lock(url):
        receipt = store.accept([event("c1", event_id="a", metadata={"pr_url": "é"}), {}], token)
        key = receipt.batch.pk
        assert (Batch.objects.count(), files(url)) == (0, [f"{key}.json"])
        batch, events = spool.find_spooled(key) or (None, [])
        assert batch == receipt.batch
        assert [(row.position, row.state, row.customer_key) for row in events] == [
            (0, "waiting", "c1"),
            (1, "invalid", ""),
        ]
    assert connections["default"].cursor().execute("PRAGMA busy_timeout").fetchone() == usual
    assert store.collect() == 1
    assert (store.collect(), files(url), spool.find_spooled(key)) == (0, [], None)
    first, second = Batch.objects.get(pk=key).events.order_by("position")
    assert (first.state, first.event_id, first.metadata, first.token) == ("waiting", "a", {"pr_url": "é"}, token)
    assert second.state == "invalid"
    assert abs(first.occurred_at - receipt.events[0].occurred_at) < timedelta(milliseconds=1)


def test_a_file_that_was_collected_by_a_killed_process_counts_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_postgres():
        pytest.skip("PostgreSQL has many writers at a time")
    token, _secret = new_token()
    with write_lock(url):
        store.accept([event(event_id="a")], token)
        store.accept([event(event_id="a")], token)
    with monkeypatch.context() as patch:
        patch.setattr(store, "remove", lambda path: None)
        assert store.collect() == 2
    assert len(files(url)) == 2
    assert store.collect() == 2
    assert (Batch.objects.count(), files(url)) == (2, [])
    assert sorted(InboxEvent.objects.values_list("state", flat=True)) == ["duplicate", "waiting"]


def test_what_waits_in_a_file_outlives_the_account_that_sent_it(url: str) -> None:
    if is_postgres():
        pytest.skip("PostgreSQL has many writers at a time")
    token, _secret = new_token()
    with write_lock(url):
        store.accept([event(event_id="a")], token)
    token.user.delete()
    assert store.collect() == 1
    assert (Batch.objects.get().token, InboxEvent.objects.get().token, files(url)) == (None, None, [])


def test_an_erasure_reaches_what_waits_in_files(url: str) -> None:
    if is_postgres():
        pytest.skip("PostgreSQL has many writers at a time")
    make_customer(id="c1")
    token, _secret = new_token()
    with write_lock(url):
        store.accept([event("c1")], token)
    assert erase("c1", "ann").counts["events of the inbox"] == 1
    assert files(url) == []
    assert (InboxEvent.objects.get().state, InboxEvent.objects.get().customer_key) == ("refused", "")


def test_a_file_that_was_never_finished_is_removed_after_an_hour(url: str) -> None:
    if is_postgres():
        pytest.skip("PostgreSQL has many writers at a time")
    token, _secret = new_token()
    with write_lock(url):
        store.accept([event()], token)
    store.collect()
    folder = Path(f"{urlsplit(url).path}.inbox")
    for name, age in (("new.partial", 60), ("old.partial", 3700)):
        (folder / name).write_bytes(b"{")
        then = timezone.now().timestamp() - age
        os.utime(folder / name, (then, then))
    assert store.collect() == 0
    assert files(url) == ["new.partial"]


def test_a_file_that_cannot_be_brought_in_is_set_aside_and_keeps_no_other_waiting(
    url: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    if is_postgres():
        pytest.skip("PostgreSQL has many writers at a time")
    token, _secret = new_token()
    with write_lock(url):
        good, misfit, torn = (store.accept([event("c1")], token).batch.pk for _number in range(3))
    folder = Path(f"{urlsplit(url).path}.inbox")
    (folder / f"{torn}.json").write_bytes((folder / f"{torn}.json").read_bytes()[:-20])
    text = (folder / f"{misfit}.json").read_text()
    (folder / f"{misfit}.json").write_text(text.replace('"position": 0', '"position": -1'))
    (folder / f"{'a' * 36}.json").symlink_to(folder / f"{good}.json")
    assert store.collect() == 1
    assert list(Batch.objects.values_list("pk", flat=True)) == [good]
    assert files(url) == sorted(f"{name}.unreadable" for name in (misfit, torn, "a" * 36))
    assert (spool.find_spooled(torn), has_work()) == (None, True)
    assert f"/{torn}.unreadable: DeserializationError" in caplog.text
    assert "customer_key" not in caplog.text
    client.force_login(make_staff(Role.VIEWER))
    page = words(client.get("/admin/customers/inboxevent/").text)
    assert "3 files of reported events could not be read and were set aside: /" in page
    assert store.collect() == 0
    for name in (misfit, "a" * 36):
        (folder / f"{name}.unreadable").unlink()
    assert spool.set_aside_in_words().startswith("1 file of reported events could not be read and was set aside")


def test_a_night_says_which_file_could_not_be_read(url: str, tmp_path: Path) -> None:
    if is_postgres():
        pytest.skip("PostgreSQL has many writers at a time")
    folder = Path(f"{urlsplit(url).path}.inbox")
    folder.mkdir()
    (folder / f"{'a' * 36}.json").write_bytes(b"[]")
    manage(url, "nightly", "--dir", write_feeds(tmp_path))
    step = Night.objects.get().steps[0]
    assert (step["name"], step["result"]) == ("ingest", "done with a warning")
    assert f"{folder.name}/{'a' * 36}.unreadable" in step["message"]
