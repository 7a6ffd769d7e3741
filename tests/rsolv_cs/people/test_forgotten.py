"""A forgotten password: who gets a link, what is said to whom, and when the link stops to work."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.mail.message import OFF
from customers.models import AuditEntry, OpenSession
from rsolv_cs.people.links import Links
from tests.factories import make_staff
from tests.support import mails
from tests.support.mails import MailServer, parts
from tests.support.pages import words

pytestmark = pytest.mark.django_db

post = mails.post
PAGE = "/admin/forgotten-password/"
OLD, NEW = "a long password", "correct horse battery"


@pytest.fixture
def vera(settings: Settings) -> User:
    """Somebody who forgot the password."""
    settings.SITE_URL = "https://cs.example.com"
    return make_staff("Viewer", username="vera", email="vera@example.com", password=OLD)


def ask(email: str, **more: str) -> HttpResponse:
    answer = Client().post(PAGE, {"email": email}, **more)
    for thread in threading.enumerate():
        if thread.name == "password-links":
            thread.join(10)
    return answer


def link_to(user: User, post: MailServer) -> str:
    assert ask(user.email).status_code == 200
    [letter] = post.take()
    text = parts(letter)[0]
    return next(word for word in text.split() if "?link=" in word).removeprefix("https://cs.example.com")


def choose(link: str, password: str = NEW) -> int:
    path, _, query = link.partition("?link=")
    return Client().post(path, {"new_password1": password, "new_password2": password, "link": query}).status_code


def can_log_in(password: str) -> bool:
    return Client().post("/admin/login/", {"username": "vera", "password": password}).status_code == 302


def test_the_login_page_leads_to_it() -> None:
    assert f'href="{PAGE}"' in Client().get("/admin/login/").text


def test_a_link_lets_one_choose_a_new_password(vera: User, post: MailServer) -> None:
    browser = Client()
    browser.force_login(vera)
    browser.get("/admin/")
    link = link_to(vera, post)
    assert Client().get(link).status_code == 200
    assert choose(link) == 302
    assert (can_log_in(OLD), can_log_in(NEW)) == (False, True)
    assert browser.get("/admin/").status_code == 302
    assert OpenSession.objects.filter(user=vera).count() <= 2
    told = AuditEntry.objects.filter(text="Chose a new password by email").get()
    assert (told.actor, told.action, told.subject) == ("vera", "rights", "vera")


@pytest.mark.parametrize("email", ["vera@example.com", "VERA@example.com", "nobody@example.com", "gone@example.com"])
def test_the_answer_is_the_same_whoever_asks(email: str, vera: User, post: MailServer) -> None:
    make_staff("Viewer", email="gone@example.com", is_active=False)
    answer = ask(email)
    assert answer.status_code == 200
    expected = words(ask("other@example.com").text).replace("other@example.com", email)
    assert words(answer.text) == expected
    assert {str(letter["To"]).lower() for letter in post.take()} == {"vera@example.com"} & {email.lower()}


def test_only_who_can_log_in_by_a_password_gets_a_link(post: MailServer, vera: User) -> None:
    make_staff("Viewer", email="off@example.com", is_active=False)
    make_staff("Viewer", email="outside@example.com", is_staff=False)
    elsewhere = make_staff("Viewer", email="sso@example.com")
    elsewhere.set_unusable_password()
    elsewhere.save()
    for email in ("off@example.com", "outside@example.com", "sso@example.com"):
        assert ask(email).status_code == 200
    assert post.take() == []


# --- When the link stops ------------------------------------------------------------------------------------------


def gone(link: str) -> bool:
    return Client().get(link).status_code == 410 and choose(link) == 410


def test_it_works_once(vera: User, post: MailServer) -> None:
    link = link_to(vera, post)
    assert choose(link) == 302
    assert gone(link)


def test_it_expires(vera: User, post: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    link, now = link_to(vera, post), datetime.now()
    monkeypatch.setattr(Links, "_now", lambda _self: now + timedelta(hours=2, seconds=-5))
    assert Client().get(link).status_code == 200
    monkeypatch.setattr(Links, "_now", lambda _self: now + timedelta(hours=2, seconds=5))
    assert gone(link)


def new_password(user: User) -> None:
    user.set_password("another long one")
    user.save()


def other_address(user: User) -> None:
    User.objects.filter(pk=user.pk).update(email="new@example.com")


def deactivated(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def logged_in(user: User) -> None:
    Client().post("/admin/login/", {"username": "vera", "password": OLD})


@pytest.mark.parametrize("change", [new_password, other_address, deactivated, logged_in])
def test_it_ends_when_the_account_changes(change: Callable[[User], None], vera: User, post: MailServer) -> None:
    link = link_to(vera, post)
    change(vera)
    assert gone(link)


def test_it_is_of_one_account(vera: User, post: MailServer) -> None:
    other = make_staff("Administrator", username="boss", email="boss@example.com")
    theirs, mine = link_to(other, post), link_to(vera, post)
    swapped = theirs.partition(".")[0] + "." + mine.partition(".")[2]
    assert gone(swapped)
    assert gone(mine.replace("/new-password/", "/join/"))


# --- How often ----------------------------------------------------------------------------------------------------


def test_one_account_gets_three_links_an_hour(vera: User, post: MailServer) -> None:
    answers = {words(ask(vera.email, REMOTE_ADDR=f"198.51.100.{number}").text) for number in range(6)}
    assert len(answers) == 1
    assert len(post.take()) == 3


def test_one_address_asks_twenty_times_an_hour(vera: User, post: MailServer) -> None:
    codes = [ask(f"n{number}@example.com", REMOTE_ADDR="198.51.100.7").status_code for number in range(21)]
    assert codes == [200] * 20 + [429]
    assert ask(vera.email, REMOTE_ADDR="198.51.100.7").status_code == 429
    assert ask(vera.email, REMOTE_ADDR="198.51.100.8").status_code == 200
    assert len(post.take()) == 1


def test_a_new_password_opens_a_login_that_wrong_ones_have_locked(vera: User, post: MailServer) -> None:
    for _ in range(5):
        Client().post("/admin/login/", {"username": "vera", "password": "wrong"})
    assert not can_log_in(OLD)
    assert AccessAttempt.objects.exists()
    assert choose(link_to(vera, post)) == 302
    assert can_log_in(NEW)


def test_a_request_is_in_the_audit_and_no_address_of_nobody_is(vera: User, post: MailServer) -> None:
    ask(vera.email)
    ask("secret@example.com")
    [unknown, known] = AuditEntry.objects.filter(text__startswith="Password link")[:2]
    assert (known.action, known.subject, known.text) == ("mail", "vera", "Password link sent")
    assert (unknown.action, unknown.subject) == ("login_failed", "no account of that address")
    assert not AuditEntry.objects.filter(text__contains="secret").exists()


# --- What is no address, and without mail -------------------------------------------------------------------------


def test_an_address_that_no_server_takes_is_answered_alike(post: MailServer) -> None:
    make_staff("Viewer", username="odd", email="ödd@example.com")
    assert ask("ödd@example.com").status_code == ask("ädd@example.com").status_code
    assert post.take() == []


@pytest.mark.parametrize("email", ["", "x", "vera@example.com\nBcc: all@example.com", "v" * 250 + "@example.com"])
def test_what_is_no_address_is_asked_again(email: str, vera: User, post: MailServer) -> None:
    assert ask(email).status_code == 422
    assert post.take() == []


def test_without_mail_it_says_whom_to_ask(vera: User, settings: Settings) -> None:
    settings.EMAIL_BACKEND = OFF
    assert "Ask an Administrator" in Client().get(PAGE).text
    assert "Ask an Administrator" in ask(vera.email).text
    assert not AuditEntry.objects.filter(text__startswith="Password link").exists()
