"""Invitations: who may invite, what the link does and when it stops to, and what is said of it."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail, signing
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django.fixtures import Settings

from analytics.mail.message import OFF
from analytics.models import Invitation
from customers.models import AuditEntry
from rsolv_cs.people.links import Links
from rsolv_cs.people.views import site_of
from tests.factories import make_staff
from tests.support import mails
from tests.support.forms import as_, form_on
from tests.support.mails import MailServer, parts

pytestmark = pytest.mark.django_db

post = mails.post
ADD = "/admin/auth/user/add/"
PASSWORD = "correct horse battery"
LINK = re.compile(r"https://\S+/admin/join/\?link=\S+")


@pytest.fixture(autouse=True)
def site(settings: Settings) -> None:
    settings.SITE_URL = "https://cs.example.com"


@pytest.fixture
def ada() -> Client:
    """The browser of an Administrator."""
    make_staff("Administrator", username="ada", email="ada@example.com", first_name="Ada", last_name="Admin")
    return as_("ada")


def sent(**changes: str) -> dict[str, str]:
    role = str(Group.objects.get(name="Success manager").pk)
    return {"name": "Maria del Mar López", "email": "Maria@example.com", "role": role, "login": "", **changes}


def link_of(text: str) -> str:
    return LINK.findall(text)[0].removeprefix("https://cs.example.com")


def invited(ada: Client, post: MailServer, **changes: str) -> str:
    """The link that somebody gets who is invited."""
    assert ada.post(ADD, sent(**changes)).status_code == 302
    [letter] = post.take()
    return link_of(parts(letter)[0])


def choose(link: str, password: str = PASSWORD, browser: Client | None = None) -> int:
    path, _, query = link.partition("?link=")
    chosen = {"new_password1": password, "new_password2": password, "link": query}
    return (browser or Client()).post(path, chosen).status_code


# --- The way in ---------------------------------------------------------------------------------------------------


def test_an_invitation_makes_an_account_that_nobody_can_log_in_to_yet(ada: Client, post: MailServer) -> None:
    answer = ada.post(ADD, sent(), follow=True)
    assert "Invitation sent to Maria@example.com." in answer.text
    assert "Invited, not yet joined" in answer.text
    user = User.objects.get(email="Maria@example.com")
    assert (user.username, user.first_name, user.last_name) == ("maria@example.com", "Maria del Mar", "López")
    assert (user.is_staff, user.is_active, user.is_superuser, user.has_usable_password()) == (True, True, False, False)
    assert [role.name for role in user.groups.all()] == ["Success manager"]
    [letter] = post.take()
    assert (letter["To"], letter["Subject"]) == ("Maria@example.com", "Your invitation to RSOLV Customer Success")
    text, html = parts(letter)
    assert "Ada Admin has invited you to join" in text
    assert link_of(text) == link_of(html.replace('"', " "))
    entries = AuditEntry.objects.filter(actor="ada", action__in=["add", "mail"]).order_by("pk")
    assert [(entry.action, entry.subject) for entry in entries] == [("add", user.username), ("mail", user.username)]


def test_the_link_lets_in_whoever_chooses_a_password_and_logs_in(ada: Client, post: MailServer) -> None:
    link = invited(ada, post, login="maria")
    browser = Client()
    page = browser.get(link)
    assert page.status_code == 200
    assert "Your login is <strong><bdi>maria</bdi></strong>" in page.text
    assert "_auth_user_id" not in browser.session
    assert choose(link, browser=browser) == 302
    assert "_auth_user_id" not in browser.session
    done = Client().post("/admin/login/", {"username": "maria", "password": PASSWORD})
    assert (done.status_code, done["Location"]) == (302, "/admin/start/")
    assert Invitation.objects.get().joined_at is not None
    entry = AuditEntry.objects.filter(action="rights", text="Joined by the invitation").get()
    assert entry.actor == "maria"


def test_who_must_have_a_second_factor_is_led_to_it_at_the_first_login(
    ada: Client, post: MailServer, settings: Settings
) -> None:
    link = invited(ada, post, login="maria")
    settings.REQUIRE_SECOND_FACTOR = "all"
    choose(link)
    answer = Client().post("/admin/login/", {"username": "maria", "password": PASSWORD}, follow=True)
    assert answer.redirect_chain[-1][0].startswith("/admin/second-factor/")


@pytest.mark.parametrize("password", ["short", "1234567890123", "maria@example.com"])
def test_a_weak_password_is_refused_and_the_link_still_works(password: str, ada: Client, post: MailServer) -> None:
    link = invited(ada, post)
    assert choose(link, password) == 422
    assert choose(link) == 302


# --- When the link stops ------------------------------------------------------------------------------------------


def gone(link: str) -> bool:
    return Client().get(link).status_code == 410 and choose(link) == 410


def test_it_works_once(ada: Client, post: MailServer) -> None:
    link = invited(ada, post)
    assert choose(link) == 302
    assert gone(link)


def test_it_expires(ada: Client, post: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    link = invited(ada, post)
    now = datetime.now()
    monkeypatch.setattr(Links, "_now", lambda _self: now + timedelta(days=7, seconds=-5))
    assert Client().get(link).status_code == 200
    monkeypatch.setattr(Links, "_now", lambda _self: now + timedelta(days=7, seconds=5))
    assert gone(link)


@pytest.mark.parametrize(
    "change", [lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"), lambda text: text[:-3]]
)
def test_a_tampered_link_is_none(change: Callable[[str], str], ada: Client, post: MailServer) -> None:
    link = invited(ada, post)
    assert gone(change(link))
    key, _, token = link.partition("?link=")[2].partition(".")
    other = make_staff("Administrator", username="boss")
    assert other.pk
    for wrong in (f"MQ.{token}", f"{key}.", f".{token}", key, "", ".", "%00.%00", f"{signing.dumps(1)}.{token}"):
        assert gone(f"/admin/join/?link={wrong}"), wrong


def test_a_link_of_one_kind_is_none_of_the_other(ada: Client, post: MailServer) -> None:
    assert gone(invited(ada, post).replace("/join/", "/new-password/"))


def test_sending_it_again_makes_the_first_link_worthless(ada: Client, post: MailServer) -> None:
    first = invited(ada, post)
    user = User.objects.get(email="Maria@example.com")
    page = reverse("admin:auth_user_invitation", args=[user.pk])
    assert "Send again" in ada.get(page).text
    assert ada.post(page, {"do": "send"}).status_code == 302
    second = link_of(parts(post.take()[0])[0])
    assert gone(first)
    assert choose(second) == 302
    # Whoever has joined has no invitation any more.
    assert ada.get(page).status_code == 403


def test_withdrawn_it_is_gone_with_the_account(ada: Client, post: MailServer) -> None:
    link = invited(ada, post)
    page = reverse("admin:auth_user_invitation", args=[User.objects.get(email="Maria@example.com").pk])
    ada.get(page)
    assert User.objects.filter(email="Maria@example.com").exists()
    answer = ada.post(page, {"do": "withdraw"}, follow=True)
    assert "is withdrawn, and the account is gone." in answer.text
    assert not User.objects.filter(email="Maria@example.com").exists()
    assert gone(link)
    assert AuditEntry.objects.filter(action="delete", actor="ada", model="auth.user").exists()


def test_a_deactivated_account_cannot_be_joined(ada: Client, post: MailServer) -> None:
    link = invited(ada, post)
    User.objects.filter(email="Maria@example.com").update(is_active=False)
    assert gone(link)


# --- What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "a@b.example\nBcc: all@example.com"),
        ("email", "a@b.example, c@d.example"),
        ("email", "ADA@example.com"),
        ("name", ""),
        ("name", " "),
        ("name", "N" * 151),
        ("role", ""),
        ("role", "999"),
        ("login", "ada"),
        ("login", "two words"),
    ],
)
def test_what_is_no_invitation_makes_no_account(field: str, value: str, ada: Client, post: MailServer) -> None:
    answer = ada.post(ADD, sent(**{field: value}))
    assert answer.status_code == 422
    assert "field-error" in answer.text
    assert User.objects.count() == 1
    assert post.take() == []


def test_a_name_cannot_break_the_mail(ada: Client, post: MailServer) -> None:
    ada.post(ADD, sent(name="Eve\r\nBcc: all@example.com <b>x</b>"))
    [letter] = post.take()
    assert letter["Bcc"] is None
    assert letter["To"] == "Maria@example.com"
    assert "<b>x</b>" not in parts(letter)[1]


def test_the_same_form_sent_twice_invites_once(ada: Client, post: MailServer) -> None:
    form = form_on(ada.get(ADD), "form_key", **sent())
    ada.post(ADD, form)
    answer = ada.post(ADD, form, follow=True)
    assert (len(post.take()), User.objects.count()) == (1, 2)
    assert "You sent this form twice: it was stored once." in answer.text


def test_an_address_is_of_one_account(ada: Client, post: MailServer) -> None:
    ada.post(ADD, sent())
    answer = ada.post(ADD, sent(name="Another", email="MARIA@example.com"))
    assert (answer.status_code, len(post.take()), User.objects.count()) == (422, 1, 2)
    assert "Maria del Mar López has this address already." in answer.text


@pytest.mark.parametrize("role", ["Viewer", "Success manager", "Program manager"])
def test_only_who_may_add_users_invites(role: str) -> None:
    make_staff(role, username="other")
    browser = as_("other")
    assert (browser.get(ADD).status_code, browser.post(ADD, sent()).status_code) == (403, 403)


# --- Without mail -------------------------------------------------------------------------------------------------


def test_without_mail_the_link_is_shown_once_to_hand_over(ada: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = OFF
    page = ada.post(ADD, sent())
    assert "EMAIL_URL is not set" in page.text
    assert "no-store" in page["Cache-Control"]
    link = link_of(page.text.replace("<", " "))
    assert "Invitation not sent" in ada.get("/admin/auth/user/").text
    assert (
        LINK.search(ada.get(reverse("admin:auth_user_invitation", args=[User.objects.latest("pk").pk])).text) is None
    )
    assert not any(link.partition("=")[2] in entry.text + entry.source for entry in AuditEntry.objects.all())
    assert choose(link) == 302
    assert mail.outbox == []


def test_where_the_server_refuses_the_link_can_be_handed_over(ada: Client, post: MailServer) -> None:
    post.refused = {"Maria@example.com"}
    page = ada.post(ADD, sent())
    assert "The email was not sent." in page.text
    assert "no such user" in page.text
    assert choose(link_of(page.text.replace("<", " "))) == 302


def test_a_secret_link_is_in_no_entry_of_the_audit(ada: Client, post: MailServer) -> None:
    link = invited(ada, post)
    Client().get(link)
    choose(link)
    secret = link.partition("=")[2].partition(".")[2]
    assert secret
    every = AuditEntry.objects.values_list("text", "source", "subject", "changes")
    assert not any(secret in str(entry) for entry in every)


def test_in_debug_a_link_leads_to_the_server_that_was_asked(rf: RequestFactory, settings: Settings) -> None:
    """``SITE_URL`` is then a guess of port 8000, and the server may listen on any."""
    asked = rf.get("/admin/login/", headers={"host": "127.0.0.1:8401"})
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    assert site_of(asked) == "https://cs.example.com"
    settings.DEBUG = True
    assert site_of(asked) == "http://127.0.0.1:8401"
