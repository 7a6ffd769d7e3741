"""When the replica is left out, and when it comes back."""

import time
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from pytest_django import Settings

from customers.core.replica import watch
from customers.core.replica.watch import Verdict, Watch, Why

PRIMARY, REPLICA = "default", "replica"


class Servers:
    """Two servers that say what a test wants."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.written, self.replayed, self.system, self.is_replica = 500, 500, 7, 1
        self.timeline = self.its_timeline = 1
        self.gone: set[str] = set()

    def answer(self, alias: str, sql: str) -> tuple[int, ...]:
        if alias in self.gone:
            raise OperationalError("gone")
        if alias == PRIMARY:
            return (self.written, 7, self.timeline) if "system" in sql else (self.written,)
        found = (self.is_replica, self.replayed, self.system, self.its_timeline)
        return found if "is_in_recovery" in sql else (self.replayed,)


class Connections:
    def __getitem__(self, _alias: str) -> "Connections":
        return self

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Servers]:
    servers = Servers()
    settings.DATABASE_REPLICA_LAG = 6
    monkeypatch.setattr(watch, "_numbers", servers.answer)
    monkeypatch.setattr(watch, "connections", Connections())
    monkeypatch.setattr(time, "monotonic", lambda: servers.now)
    return servers


def after(watched: Watch, servers: Servers, seconds: float = 1.0) -> Why:
    """What is known after another look."""
    servers.now += seconds
    watched.look()
    return watched.verdict().why


def test_nobody_reads_from_one_that_was_not_asked_yet(servers: Servers) -> None:
    watched = Watch()
    assert watched.verdict().why is Why.NOT_ASKED
    assert not watched.has(0)
    assert after(watched, servers) is Why.NOTHING
    assert watched.has(500)


def test_one_that_is_too_far_behind_is_left_out_and_comes_back_when_it_is_nearer(servers: Servers) -> None:
    watched = Watch()
    after(watched, servers)
    found = []
    for _ in range(7):
        servers.written += 1
        found.append(after(watched, servers))
    assert found == [Why.NOTHING] * 6 + [Why.BEHIND]
    # Of seven seconds ago it had everything; now it has all of four seconds ago, which is not near enough.
    servers.replayed = 504
    assert after(watched, servers) is Why.BEHIND
    servers.replayed = 505
    assert after(watched, servers, 0.0) is Why.NOTHING
    assert watched.verdict().lag == 3.0


@pytest.mark.parametrize(("gone", "why"), [(REPLICA, Why.NO_ANSWER), (PRIMARY, Why.NO_PRIMARY)])
def test_one_that_does_not_answer_is_left_out_until_it_does(servers: Servers, gone: str, why: Why) -> None:
    watched = Watch()
    after(watched, servers)
    servers.gone.add(gone)
    assert after(watched, servers) is why
    assert not watched.has(0)
    servers.gone.clear()
    assert after(watched, servers) is Why.NOTHING


def test_one_that_was_promoted_or_is_of_another_server_is_left_out(servers: Servers) -> None:
    watched = Watch()
    servers.is_replica = 0
    assert after(watched, servers) is Why.NO_REPLICA
    servers.is_replica, servers.system = 1, 8
    assert after(watched, servers) is Why.ANOTHER


def test_one_of_another_timeline_is_left_out_however_far_it_is(servers: Servers) -> None:
    watched = Watch()
    assert after(watched, servers) is Why.NOTHING
    # The old primary had written more than the standby had that was promoted, and the replica has that.
    servers.timeline, servers.written = 2, 490
    assert after(watched, servers) is Why.TIMELINE
    assert not watched.has(480)
    servers.written = 510
    assert after(watched, servers) is Why.TIMELINE
    servers.its_timeline, servers.replayed = 2, 510
    assert after(watched, servers) is Why.NOTHING


def test_the_header_of_a_page_of_the_log_is_nothing_that_a_replica_lacks(servers: Servers) -> None:
    servers.written = servers.replayed = 3 * 8192
    watched = Watch()
    after(watched, servers)
    assert watched.has(3 * 8192 + 24)
    assert not watched.has(3 * 8192 + 32)


def test_what_is_further_than_the_primary_was_noted_of_another_cluster(servers: Servers) -> None:
    watched = Watch()
    after(watched, servers)
    servers.written = 600
    assert [watched.is_of_another_cluster(noted) for noted in (500, 600, 601)] == [False, False, True]


def test_an_error_of_any_kind_ends_no_watch(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watched, looks = Watch(), []

    class Enough(BaseException):
        """Ends a thread that goes on for ever."""

    def look() -> None:
        looks.append(1)
        raise (Enough if len(looks) > 1 else RuntimeError)

    monkeypatch.setattr(watched, "look", look)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    with pytest.raises(Enough):
        watched._keep_asking()
    assert watched.verdict().why is Why.NO_ANSWER
    assert "The replica could not be looked at" in caplog.text


def test_nor_does_one_as_connections_are_cut(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 1:
            raise KeyboardInterrupt

    watched = Watch()
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(watched, "_is_old", lambda: 1 / 0)
    with pytest.raises(KeyboardInterrupt):
        watched._keep_cutting()
    assert "could not be freed" in caplog.text


def test_an_answer_counts_for_three_seconds_so_that_one_that_hangs_is_left_out(servers: Servers) -> None:
    watched = Watch()
    after(watched, servers)
    servers.now += 3.0
    assert watched.has(500)
    servers.now += 0.1
    assert watched.verdict() == Verdict(Why.NO_ANSWER)
    assert not watched.has(500)


def test_what_was_written_since_is_asked_for(servers: Servers) -> None:
    watched = Watch()
    after(watched, servers)
    assert not watched.has(501)
    servers.replayed = 501
    assert watched.has(501)


def test_a_question_that_fails_leaves_it_out_at_once(servers: Servers) -> None:
    watched = Watch()
    after(watched, servers)
    servers.gone.add(REPLICA)
    assert not watched.has(501)
    assert watched.verdict().why is Why.NO_ANSWER
    servers.gone.clear()
    assert not watched.has(0)
    assert after(watched, servers) is Why.NOTHING


def test_who_waits_for_what_was_done_waits_no_longer_than_it_can_matter(servers: Servers) -> None:
    waited: list[float] = []
    watched = Watch()
    after(watched, servers)

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        servers.now += seconds
        servers.replayed += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", sleep)
        watched.wait_for(500)
        assert waited == []
        watched.wait_for(503)
        assert len(waited) == 3
        servers.gone.add(REPLICA)
        watched.wait_for(10_000)
        assert len(waited) == 3
