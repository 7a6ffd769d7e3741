"""``/healthz`` and ``/readyz``: what they look at, what they do not tell, and under which names they answer."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.models import Night
from customers.core.replica.watch import WATCH, Verdict, Why
from rsolv_cs.web import health

WELL = {"storage": "ok", "database": "ok", "migrations": "ok", "night": "ok"}


def ask(address: str = "/readyz", **extra: Any) -> HttpResponse:
    return Client().get(address, **extra)


def test_alive_needs_neither_database_nor_login() -> None:
    # Without the mark, any query fails the test.
    response = ask("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert "no-store" in response["Cache-Control"]
    assert not response.cookies
    assert Client().post("/healthz").status_code == 405


@pytest.mark.django_db
def test_ready_says_each_check_in_one_word() -> None:
    with CaptureQueriesContext(connection) as captured:
        response = ask()
    assert (response.status_code, response.json()) == (200, WELL)
    assert "no-store" in response["Cache-Control"]
    assert not response.cookies
    assert len(captured) <= 6
    assert Client().post("/readyz").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "hours", "word"),
    [
        ("done", 1, "ok"),
        ("running", 1, "ok"),
        ("failed", 1, "failing"),
        ("interrupted", 1, "failing"),
        ("done", 27, "failing"),
    ],
)
def test_a_night_that_failed_or_did_not_come_is_not_ready(state: str, hours: int, word: str) -> None:
    Night.objects.create(
        state=state,
        started_at=timezone.now() - timedelta(hours=hours),
        started_by="secret name",
        steps=[{"name": "import", "result": "failed", "seconds": 1, "message": "secret message"}],
    )
    response = ask()
    assert response.json() == {**WELL, "night": word}
    assert response.status_code == (200 if word == "ok" else 503)
    assert "secret" not in response.text


@pytest.mark.django_db
def test_a_migration_that_is_missing_is_not_ready() -> None:
    MigrationRecorder.Migration.objects.filter(app="analytics").latest("pk").delete()
    response = ask()
    assert (response.status_code, response.json()) == (503, {**WELL, "migrations": "failing"})


@pytest.mark.django_db
def test_a_newer_database_than_the_code_is_ready() -> None:
    MigrationRecorder(connection).record_applied("analytics", "9999_of_tomorrow")
    assert ask().json() == WELL


@pytest.mark.django_db
def test_a_database_that_does_not_answer_is_not_ready_and_why_is_in_the_log_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> bool:
        raise OperationalError("password authentication failed for user secret")

    monkeypatch.setattr(health, "_answers", fail)
    response = ask()
    assert (response.status_code, response.json()) == (503, {**dict.fromkeys(WELL, "failing"), "storage": "ok"})
    assert "secret" not in response.text + caplog.text
    assert "Not ready: database cannot be read: OperationalError" in caplog.text


@pytest.mark.parametrize("allowed", [["cs.example.com"], [".example.com"], ["*"], []])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "10.1.2.3", "evil.example", "no host/\\"])
def test_a_health_check_may_come_under_any_name_and_nothing_else_may(
    host: str, allowed: list[str], settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = allowed
    settings.DEBUG = not allowed
    response = ask("/healthz", headers={"host": host})
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert host not in json.dumps(dict(response.items()))
    if "*" not in allowed and host != "127.0.0.1:8000":
        for address in ("/admin/login/", "/healthz/", "/healthz?/../admin", "//healthz", "/"):
            if address != "/healthz?/../admin":
                assert ask(address, headers={"host": host}).status_code == 400


@pytest.mark.django_db
def test_a_health_check_is_not_led_to_https(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert ask("/healthz").status_code == 200
    assert ask("/readyz").status_code == 200
    assert ask("/admin/").status_code == 301


def test_the_words_are_the_only_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def no() -> bool:
        return False

    checks: list[Callable[[], bool]] = []
    for name in ("_can_be_written", "_answers", "_migrated", "_night_is_well"):
        monkeypatch.setattr(health, name, no)
        checks.append(no)
    assert ask().json() == dict.fromkeys(WELL, "failing")


@pytest.mark.django_db
@pytest.mark.parametrize(("why", "word"), [(Why.NOTHING, "ok"), (Why.BEHIND, "left out"), (Why.NO_ANSWER, "left out")])
def test_a_replica_that_is_left_out_is_said_and_calls_nobody(
    monkeypatch: pytest.MonkeyPatch, why: Why, word: str
) -> None:
    monkeypatch.setattr(health, "is_used", lambda: True)
    monkeypatch.setattr(WATCH, "verdict", lambda: Verdict(why))
    response = ask()
    assert (response.status_code, response.json()) == (200, {**WELL, "replica": word})
