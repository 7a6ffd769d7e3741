"""How often a token may ask, over all processes of a machine; and that its use is noted once an hour."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from customers.models import ApiToken, AuditEntry
from rsolv_cs.api import throttle
from tests.factories import make_staff
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db

RUNS = "/api/v1/runs"


@pytest.fixture(autouse=True)
def clock(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A file of its own, and the seconds that it is now."""
    settings.STATE_DIR = tmp_path
    now = [1_000.0]
    monkeypatch.setattr("rsolv_cs.api.throttle.time.time", lambda: now[0])
    throttle._descriptor.cache_clear()
    yield now
    os.close(throttle._descriptor())
    throttle._descriptor.cache_clear()


def test_too_many_requests_are_told_when_to_come_again(clock: list[float]) -> None:
    client = token_client(make_token(per_minute=3))
    assert [client.get(RUNS).status_code for _ in range(4)] == [200, 200, 200, 429]
    clock[0] += 12.5
    refused = client.get(RUNS)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "48")
    assert refused.headers["Content-Type"] == "application/problem+json"
    clock[0] += 47.5
    assert client.get(RUNS).status_code == 200


def test_each_token_has_its_own_count() -> None:
    one, other = (token_client(make_token(per_minute=1)) for _ in range(2))
    assert [one.get(RUNS).status_code, one.get(RUNS).status_code, other.get(RUNS).status_code] == [200, 429, 200]


def test_what_is_refused_counts_as_well() -> None:
    client = token_client(make_token(None, "ingest", per_minute=1))
    assert [client.get(RUNS).status_code for _ in range(2)] == [403, 429]


def test_the_number_of_another_database_is_another_token(clock: list[float]) -> None:
    token, _secret = ApiToken.make(make_staff(), "a", ["read"], per_minute=1)
    assert throttle.wait(token) is None
    assert throttle.wait(token) == 60
    token.digest = "f" * 64
    assert throttle.wait(token) is None


def test_a_clock_that_was_ahead_stops_nobody(clock: list[float]) -> None:
    token, _secret = ApiToken.make(make_staff(), "a", ["read"], per_minute=1)
    throttle.wait(token)
    clock[0] -= 500
    assert throttle.wait(token) is None


def test_processes_and_threads_count_together() -> None:
    token, _secret = ApiToken.make(make_staff(), "a", ["read"], per_minute=500)
    children = []
    for _ in range(4):
        child = os.fork()
        if not child:
            throttle._descriptor.cache_clear()
            with ThreadPoolExecutor(3) as threads:
                passed = sum(answer is None for answer in threads.map(lambda _n: throttle.wait(token), range(300)))
            os._exit(min(passed // 10, 255))
        children.append(child)
    tens = sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
    # Each child tells how many tens were let through, so up to nine of each are not told.
    assert 500 - 9 * 4 <= tens * 10 <= 500
    assert throttle.wait(token) is not None


def test_without_a_file_a_process_counts_alone(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.STATE_DIR = Path("/nowhere/at/all")
    client = token_client(make_token(per_minute=1))
    assert [client.get(RUNS).status_code for _ in range(2)] == [200, 429]
    assert "Requests of tokens are counted in each process apart" in caplog.text


def test_a_login_is_not_counted(client: Client) -> None:
    client.force_login(make_staff("Viewer"))
    assert {client.get(RUNS).status_code for _ in range(5)} == {200}


# --- When a token was last used ---------------------------------------------------------------------------------


def test_its_use_is_noted_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2025, 5, 10, 12, 40, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    client = token_client(make_token(last_used_at=None))
    entries = AuditEntry.objects.count()
    client.get(RUNS)
    assert ApiToken.objects.get().last_used_at == datetime(2025, 5, 10, 12, tzinfo=UTC)
    with CaptureQueriesContext(connection) as queries:
        client.get(RUNS)
    assert [query["sql"] for query in queries if query["sql"].startswith(("UPDATE", "INSERT"))] == []
    now = datetime(2025, 5, 10, 13, 1, tzinfo=UTC)
    client.get(RUNS)
    assert ApiToken.objects.get().last_used_at == datetime(2025, 5, 10, 13, tzinfo=UTC)
    assert AuditEntry.objects.count() == entries


def test_a_refused_use_is_none() -> None:
    token_client(make_token(networks=["192.0.2.0/24"], last_used_at=None)).get(RUNS)
    assert ApiToken.objects.get().last_used_at is None
