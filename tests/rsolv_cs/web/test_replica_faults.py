"""A replica or a primary that fails while people read and write: no wrong page, nothing lost that was answered."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db import connection

from customers.models import Note
from tests.factories import make_customer, make_staff
from tests.support.live import Site, serving
from tests.support.own_databases import unblocked
from tests.support.postgres import Server
from tests.support.replication import LONG_AGO, Pair, Visitor, is_read_from_replica, pair, until

__all__ = ["pair", "unblocked"]

LAG_SECONDS = 2
NOTICED_SECONDS = 6
"""Within so many seconds a fault is noticed: an answer counts for three of them, and it may be behind for two."""
PEOPLE = 3


@pytest.fixture(scope="module")
def site(pair: Pair) -> Iterator[Site]:
    variables = {"DATABASE_REPLICA_URL": pair.replica.url, "DATABASE_REPLICA_LAG": str(LAG_SECONDS)}
    with serving(pair.primary.url, **variables) as site:
        yield site


@dataclass
class Work:
    """What people do who write something down and look at it, again and again, and what came of that."""

    customer: str
    answered: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    faults: list[tuple[float, str]] = field(default_factory=list)
    slowest: float = 0.0
    is_over: bool = False

    def do(self, visitor: Visitor, name: str) -> None:
        number = 0
        while not self.is_over:
            number += 1
            text = f"{name} did {number}."
            began = time.monotonic()
            try:
                status = visitor.add_note(self.customer, text)
                if status == 201:
                    self.answered.append(text)
                    status, page = visitor.get(f"/admin/customer/{self.customer}/")
                    if status == 200 and text not in page:
                        self.wrong.append(text)
            except OSError as error:
                status = type(error).__name__
            if status not in {200, 201}:
                self.faults.append((began, str(status)))
            self.slowest = max(self.slowest, time.monotonic() - began)
            time.sleep(0.05)


def somebody(site: Site) -> Visitor:
    return Visitor.logged_in(site.port, make_staff("Program manager", date_joined=LONG_AGO))


@contextmanager
def at_work(site: Site, customer: str) -> Iterator[Work]:
    """People at work, who are there before and after what is done to the servers."""
    work = Work(customer)
    threads = [threading.Thread(target=work.do, args=[somebody(site), f"Person {number}"]) for number in range(PEOPLE)]
    for thread in threads:
        thread.start()
    until(lambda: len(work.answered) >= PEOPLE)
    try:
        yield work
        before = len(work.answered)
        until(lambda: len(work.answered) >= before + PEOPLE)
    finally:
        work.is_over = True
        for thread in threads:
            thread.join()


@pytest.fixture
def customer(pair: Pair, site: Site) -> Iterator[str]:
    """Somebody whose page is read from the replica at the beginning, and is again some time after the end."""
    made = make_customer()
    reader = somebody(site)
    pair.wait()
    until(lambda: is_read_from_replica(pair, reader, made.pk))
    yield made.pk
    until(lambda: is_read_from_replica(pair, reader, made.pk))


def is_kept(work: Work) -> bool:
    """Whether everything that was answered is there."""
    stored = set(Note.objects.filter(customer_id=work.customer).values_list("text", flat=True))
    return set(work.answered) <= stored


def test_a_replica_that_is_killed_is_missed_by_nobody(pair: Pair, site: Site, customer: str) -> None:
    with at_work(site, customer) as work:
        pair.replica.stop()
        time.sleep(NOTICED_SECONDS)
        pair.replica.start()
        time.sleep(1)
    assert (work.wrong, work.faults) == ([], [])
    assert is_kept(work)


def test_a_replica_that_falls_behind_is_left_out_and_comes_back(pair: Pair, site: Site, customer: str) -> None:
    reader = somebody(site)
    pair.wait()
    with at_work(site, customer) as work:
        pair.pause()
        until(lambda: reader.sees(customer, work.answered[-1]) == [True], NOTICED_SECONDS)
        pair.resume()
        time.sleep(1)
    assert (work.wrong, work.faults) == ([], [])
    assert is_kept(work)


def processes(server: Server) -> list[int]:
    """The server's process, and those that it has started."""
    first = int((server.data / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [first, *map(int, children)]


def test_a_replica_that_hangs_is_waited_for_only_by_whom_it_was_answering(
    pair: Pair, site: Site, customer: str
) -> None:
    with at_work(site, customer) as work:
        for process in processes(pair.replica):
            os.kill(process, signal.SIGSTOP)
        try:
            time.sleep(2 * NOTICED_SECONDS)
        finally:
            for process in processes(pair.replica):
                os.kill(process, signal.SIGCONT)
        time.sleep(1)
    assert (work.wrong, work.faults) == ([], [])
    assert work.slowest < NOTICED_SECONDS + 4
    assert is_kept(work)


def test_a_primary_that_is_killed_and_back_fails_nobody_who_asks_afterwards(
    pair: Pair, site: Site, customer: str
) -> None:
    with at_work(site, customer) as work:
        down = time.monotonic()
        pair.primary.stop()
        time.sleep(1)
        pair.primary.start()
        # That of the test went with it.
        connection.close()
        up = time.monotonic()
        time.sleep(2)
    assert work.wrong == []
    # What was begun in the last moment before it was down was in flight.
    assert [fault for fault in work.faults if not down - 2 < fault[0] < up + 0.5] == []
    assert is_kept(work)


def test_a_replica_that_is_promoted_is_none_any_more(pair: Pair, site: Site) -> None:
    made = make_customer()
    reader = somebody(site)
    pair.wait()
    until(lambda: is_read_from_replica(pair, reader, made.pk))
    with at_work(site, made.pk) as work:
        pair.replica.run("pg_ctl", "--pgdata", str(pair.replica.data), "--wait", "promote").check_returncode()
        time.sleep(LAG_SECONDS)
        until(lambda: reader.sees(made.pk, work.answered[-1]) == [True], NOTICED_SECONDS)
    assert (work.wrong, work.faults) == ([], [])
    assert is_kept(work)
    pair.copy()
    until(lambda: is_read_from_replica(pair, reader, made.pk))
