"""How long one stays logged in: the session's end, idle time, and the refresh that keeps nobody in."""

from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from rsolv_cs.login import sessions
from tests.factories import make_staff
from tests.support.pages import words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("five_attempts")]

Pass = Callable[..., None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Pass:
    """Lets minutes pass, for the sessions alone."""
    settings.IDLE_MINUTES = 60
    settings.SESSION_COOKIE_AGE = 12 * 3600
    clock = [sessions.now()]
    monkeypatch.setattr(sessions, "now", lambda: clock[0])

    def pass_by(minutes: float) -> None:
        clock[0] += round(minutes * 60)

    return pass_by


REFRESH = {"HTTP_HX_REQUEST": "true", "HTTP_X_AUTOMATIC": "1"}


def is_in(client: Client, **headers: str) -> bool:
    return client.get("/admin/", **headers).status_code == 200


@pytest.fixture
def visitor(client: Client, later: Pass) -> Client:
    client.force_login(make_staff("Viewer"))
    assert is_in(client)
    return client


def test_who_does_something_now_and_then_stays_until_the_sessions_end(visitor: Client, later: Pass) -> None:
    for _ in range(12):
        later(59)
        assert is_in(visitor)
    later(13)
    assert not is_in(visitor)


def test_who_does_nothing_for_an_hour_is_logged_out_and_told_why(visitor: Client, later: Pass) -> None:
    later(60)
    assert is_in(visitor)
    later(61)
    response = visitor.get("/admin/", follow=True)
    assert response.redirect_chain == [("/admin/login/?next=/admin/", 302)]
    told = "You have been logged out, because nothing was done for 60 minutes. Please log in again."
    assert told in words(response.text)


@pytest.mark.parametrize("minutes", [61, 13 * 60, 30 * 24 * 60])
def test_a_session_of_a_clock_that_was_ahead_ends(client: Client, later: Pass, minutes: int) -> None:
    later(minutes)
    client.force_login(make_staff("Viewer"))
    assert is_in(client)
    later(-minutes)
    assert not is_in(client)


def test_the_automatic_refresh_keeps_nobody_logged_in(visitor: Client, later: Pass) -> None:
    for _ in range(60):
        later(1)
        assert is_in(visitor, **REFRESH)
    later(1)
    response = visitor.get("/admin/", **REFRESH)
    assert response.status_code == 302
    assert response.url == "/admin/login/?next=/admin/"
    assert not is_in(visitor)


def test_a_refresh_by_the_button_is_somebody(visitor: Client, later: Pass) -> None:
    later(50)
    assert is_in(visitor, HTTP_HX_REQUEST="true")
    later(50)
    assert is_in(visitor)


def test_without_a_limit_nobody_is_idle(visitor: Client, later: Pass, settings: Settings) -> None:
    settings.IDLE_MINUTES = 0
    later(11 * 60)
    assert is_in(visitor)


def test_the_cookie_of_the_last_visit_is_signed_and_of_one_session(visitor: Client, later: Pass) -> None:
    later(50)
    assert is_in(visitor)
    later(50)
    other = Client()
    other.force_login(make_staff("Viewer"))
    later(1)
    assert is_in(other)
    good, foreign = visitor.cookies["seen"].value, other.cookies["seen"].value
    session = Session.objects.get(pk=visitor.cookies["sessionid"].value)
    for value, expected in [(foreign, False), (good[:-1], False), ("", False), ("[]", False), (good, True)]:
        thief = Client()
        thief.cookies["sessionid"], thief.cookies["seen"] = session.pk, value
        # Without a cookie of its own it counts from the login on, an hour and 41 minutes ago.
        assert is_in(thief) is expected, value
        session.save()


def test_a_page_writes_nothing_to_the_database(visitor: Client, later: Pass) -> None:
    later(5)
    with CaptureQueriesContext(connection) as queries:
        assert is_in(visitor)
    assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT")] == []


def test_a_session_from_before_these_limits_ends(visitor: Client, later: Pass) -> None:
    session = visitor.session
    del session["started"]
    session.save()
    assert not is_in(visitor)
