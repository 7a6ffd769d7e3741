"""Digests at the hour that a person chose: once a day, whatever becomes of the hour, and never lost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.models import Digest, Preferences
from customers.models import AuditEntry, CustomerCare
from tests.factories import make_alert, make_customer, make_staff
from tests.support import mails
from tests.support.commands import run
from tests.support.mails import MailServer

pytestmark = pytest.mark.django_db

post = mails.post
Clock = Callable[..., None]
NIGHT = 2.5


@pytest.fixture(autouse=True)
def at(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the moment: an hour (in UTC) of a day after Sunday, 11 May 2025."""

    def set_moment(hour: float, day: int = 0) -> None:
        now = datetime(2025, 5, 11, tzinfo=UTC) + timedelta(days=day, hours=hour)
        monkeypatch.setattr(timezone, "now", lambda: now)

    set_moment(NIGHT)
    return set_moment


@pytest.fixture
def olga() -> User:
    """An owner."""
    return make_staff("Success manager", username="olga", email="olga@example.com")


def prefer(user: User, **chosen: Any) -> None:
    Preferences.objects.update_or_create(user=user, defaults=chosen)


def news(owner: User) -> None:
    """Something to tell an owner."""
    customer = make_customer()
    CustomerCare.objects.create(customer=customer, owner=owner)
    make_alert(customer, raised_at=timezone.now() - timedelta(minutes=1))


def sent(post: MailServer, command: str = "send_digests") -> list[str]:
    done = run(command)
    assert (done.code, done.err) == (0, "")
    return [str(mail["To"]) for mail in post.take()]


def every_hour(post: MailServer, at: Clock, day: int = 0) -> list[int]:
    """The hours of a day at which something was sent; the night is at half past two."""
    hours = []
    for hour in range(24):
        at(hour + 5 / 60, day)
        hours += [hour] * len(sent(post))
        if hour == 2:
            at(NIGHT, day)
            hours += [hour] * len(sent(post, "send_alerts"))
    return hours


def test_it_comes_at_the_hour_that_was_chosen(post: MailServer, at: Clock, olga: User) -> None:
    prefer(olga, digest_hour=8)
    news(olga)
    assert every_hour(post, at) == [8]
    assert every_hour(post, at, day=1) == []
    news(olga)
    assert every_hour(post, at, day=2) == [8]


def test_the_hour_is_of_ones_own_time_zone(post: MailServer, at: Clock, olga: User) -> None:
    """Eight in New York is twelve in UTC, in May."""
    prefer(olga, digest_hour=8, time_zone="America/New_York")
    assert every_hour(post, at) == []
    at(4, day=1)
    news(olga)
    at(11.9, day=1)
    assert sent(post) == []
    at(12, day=1)
    assert sent(post) == ["olga@example.com"]
    assert str(Digest.objects.get().day) == "2025-05-12"


def test_what_comes_later_in_the_day_is_told_at_once_but_never_a_second_time(
    post: MailServer, at: Clock, olga: User
) -> None:
    prefer(olga, digest_hour=8)
    at(14)
    news(olga)
    assert sent(post) == ["olga@example.com"]
    at(15)
    news(olga)
    assert sent(post) == []
    at(8, day=1)
    assert sent(post) == ["olga@example.com"]


def test_who_chose_no_hour_is_told_with_the_night_alone(post: MailServer, at: Clock, olga: User) -> None:
    prefer(olga, time_zone="Asia/Tokyo")
    news(olga)
    assert every_hour(post, at) == [2]


def test_another_hour_or_zone_sends_no_second_digest_that_day(post: MailServer, at: Clock, olga: User) -> None:
    news(olga)
    assert sent(post, "send_alerts") == ["olga@example.com"]
    at(3)
    news(olga)
    for chosen in (
        {"digest_hour": 3},
        {"digest_hour": 0, "time_zone": "Asia/Tokyo"},
        {"digest_hour": 0, "time_zone": "Europe/Berlin"},
        {"digest_hour": None, "time_zone": ""},
    ):
        prefer(olga, **chosen)
        at(4)
        assert sent(post) == []
        assert sent(post, "send_alerts") == []
    prefer(olga, digest_hour=9)
    assert every_hour(post, at, day=1) == [9]


def test_where_nothing_runs_every_hour_the_night_tells_everybody(post: MailServer, at: Clock, olga: User) -> None:
    prefer(olga, digest_hour=8)
    news(olga)
    assert sent(post, "send_alerts") == ["olga@example.com"]
    at(NIGHT, day=1)
    news(olga)
    assert sent(post, "send_alerts") == ["olga@example.com"]


def test_a_run_that_sends_nothing_leaves_no_entry(post: MailServer, at: Clock, olga: User) -> None:
    prefer(olga, digest_hour=8)
    news(olga)
    newest = AuditEntry.objects.latest("pk").pk
    assert sent(post) == []
    assert not AuditEntry.objects.filter(pk__gt=newest).exists()
    at(9)
    assert sent(post) == ["olga@example.com"]
    found = AuditEntry.objects.filter(pk__gt=newest).values_list("action", flat=True)
    assert sorted(found) == ["command", "mail"]


def test_what_could_not_be_sent_is_sent_by_the_next_run(
    post: MailServer, at: Clock, olga: User, settings: Settings
) -> None:
    prefer(olga, digest_hour=8)
    news(olga)
    post.refused = {"olga@example.com"}
    at(8)
    assert run("send_digests").code == 1
    post.refused = set()
    at(9)
    assert sent(post) == ["olga@example.com"]
    assert sent(post) == []


def test_without_mail_nothing_is_sent(olga: User, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    prefer(olga, digest_hour=1)
    news(olga)
    done = run("send_digests")
    assert (done.code, done.lines) == (0, ["No digest is sent, because EMAIL_URL is not set."])
