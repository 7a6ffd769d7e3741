"""Two servers of PostgreSQL, of which one is the other's replica, and somebody at the pages that use both."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from uuid import uuid4

import dj_database_url
import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils.dateparse import parse_datetime

from customers.core.sql import is_postgres
from customers.models import Note
from tests.support.live import cookies_of
from tests.support.postgres import Server, server_folders
from tests.support.processes import manage

SECONDS = 60


def until(holds: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} seconds"
        time.sleep(0.05)


@dataclass
class Pair:
    """A primary and its replica."""

    primary: Server
    replica: Server

    def copy(self) -> None:
        """Make the replica anew of the primary, and start it."""
        self.replica.follow(self.primary)

    @contextmanager
    def primary_is_default(self) -> Iterator[None]:
        """Let the test's own queries go to the primary."""
        ours = connections["default"]
        other = ours.copy()
        other.settings_dict = {**ours.settings_dict, **dj_database_url.parse(self.primary.url)}
        connections["default"] = other
        try:
            yield
        finally:
            other.close()
            connections["default"] = ours

    def pause(self) -> None:
        """Let the replica stay as it is."""
        _run(self.replica, "SELECT pg_wal_replay_pause()")
        until(lambda: _run(self.replica, "SELECT pg_get_wal_replay_pause_state()") == [("paused",)])

    def resume(self) -> None:
        """Let the replica go on, and wait until it is as far as the primary is."""
        _run(self.replica, "SELECT pg_wal_replay_resume()")
        self.wait()

    def wait(self) -> None:
        """Wait until the replica is as far as the primary is now."""
        [(there,)] = _run(self.primary, "SELECT pg_current_wal_flush_lsn()")
        until(lambda: _run(self.replica, "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", there) == [(True,)])


def _run(server: Server, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def replicated() -> Iterator[Pair]:
    """A primary and its replica, both with the tables of the application."""
    with server_folders("p", "r") as [primary, replica]:
        pair = Pair(primary, replica)
        # What was answered survives the end of the server, though not that of the machine.
        primary.initialise(synchronous_commit="on")
        primary.start()
        manage(primary.url, "migrate", "--verbosity", "0").check_returncode()
        pair.copy()
        yield pair


@pytest.fixture(scope="module")
def pair(unblocked: None) -> Iterator[Pair]:
    """Two servers; the test's own queries go to the primary."""
    if not is_postgres():
        pytest.skip("SQLite has no replicas")
    with replicated() as pair, pair.primary_is_default():
        yield pair


LONG_AGO = parse_datetime("2020-01-01T00:00:00Z")
"""When accounts were made that the replica has."""


@dataclass
class Visitor:
    """Somebody's browser, or a program with a token."""

    port: int
    cookies: SimpleCookie = field(default_factory=SimpleCookie)
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def logged_in(cls, port: int, user: User) -> "Visitor":
        """A browser in which a user has been logged in for longer than it is remembered who wrote."""
        return cls(port, SimpleCookie(cookies_of(user)))

    def get(self, address: str, **headers: str) -> tuple[int, str]:
        status, answer = self._ask("GET", address, None, headers)
        return status, answer.decode()

    def download(self, address: str) -> bytes:
        status, answer = self._ask("GET", address, None, {})
        assert status == 200
        return answer

    def post(self, address: str, what: object) -> tuple[int, str]:
        self.cookies["csrftoken"] = "c" * 32
        more = {"X-CSRFToken": "c" * 32, "Content-Type": "application/json"}
        status, answer = self._ask("POST", address, json.dumps(what), more)
        return status, answer.decode()

    def add_note(self, customer: str, text: str) -> int:
        return self.post("/api/v1/notes", {"customer": customer, "text": text})[0]

    def sees(self, customer: str, *texts: str, **headers: str) -> list[bool]:
        """Which of the texts a customer's page shows."""
        status, page = self.get(f"/admin/customer/{customer}/", **headers)
        assert status == 200, page
        return [text in page for text in texts]

    def _ask(self, method: str, address: str, body: str | None, more: dict[str, str]) -> tuple[int, bytes]:
        sent = {name: morsel.value for name, morsel in self.cookies.items()}
        headers = {**self.headers, **{name.replace("_", "-"): value for name, value in more.items()}}
        if sent:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in sent.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, address, body, headers)
            response = connection.getresponse()
            for cookie in response.headers.get_all("Set-Cookie") or []:
                self.cookies.load(cookie)
            return response.status, response.read()
        finally:
            connection.close()


def note(customer: str, text: str) -> None:
    """What somebody else writes down."""
    Note.objects.create(customer_id=customer, author="Mary", text=text)


def is_read_from_replica(pair: Pair, reader: Visitor, customer: str) -> bool:
    """Whether a page lacks what only the primary has."""
    pair.pause()
    text = f"Marker {uuid4()}"
    note(customer, text)
    found = reader.sees(customer, text) == [False]
    pair.resume()
    return found
