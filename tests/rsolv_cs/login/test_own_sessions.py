"""One's sessions: listed with an end for each, ended with the account; and the password again for what guards it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from customers.models import AuditEntry, OpenSession
from rsolv_cs.login import own_sessions, sessions
from rsolv_cs.login.confirm import ASKS
from tests.factories import make_staff
from tests.support.access import addresses
from tests.support.commands import run
from tests.support.forms import form_on
from tests.support.pages import words

pytestmark = pytest.mark.django_db

PAGE = "/admin/sessions/"
PASSWORD = "a long password"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"
EDGE = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/129.0 Safari/537.36 Edg/129.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 Version/17.5 Mobile Safari/604"

Pass = Callable[[float], None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Pass:
    """Lets minutes pass, for the sessions alone."""
    settings.IDLE_MINUTES = 600
    clock = [sessions.now()]
    monkeypatch.setattr(sessions, "now", lambda: clock[0])

    def pass_by(minutes: float) -> None:
        clock[0] += round(minutes * 60)

    return pass_by


def logged_in(user: User, agent: str = FIREFOX, address: str = "198.51.100.7") -> Client:
    client = Client(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)
    response = client.post("/admin/login/?next=/admin/", {"username": user.username, "password": PASSWORD})
    assert response.status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


@pytest.fixture
def vera() -> User:
    return make_staff("Viewer", username="vera", password=PASSWORD)


def newest() -> AuditEntry:
    return AuditEntry.objects.latest("pk")


# --- The list ---------------------------------------------------------------------------------------------------


def test_it_lists_where_one_is_logged_in_and_nobody_elses(vera: User) -> None:
    here, _phone = logged_in(vera), logged_in(vera, PHONE, "2001:db8::7")
    logged_in(make_staff("Viewer", username="wim", password=PASSWORD), EDGE, "203.0.113.9")
    text = words(here.get(PAGE).text)
    assert "Firefox on Windows This session 198.51.100.7" in text
    assert "Safari on iPhone 2001:db8::7" in text
    assert "Edge" not in text
    assert "203.0.113.9" not in text
    assert [row["is_current"] for row in here.get(PAGE).context["rows"]] == [True, False]
    assert PAGE in here.get("/admin/").text


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (FIREFOX, "Firefox on Windows"),
        (EDGE, "Edge on Linux"),
        (PHONE, "Safari on iPhone"),
        ("curl/8.1", "Unknown browser"),
        ("<script>alert(1)</script>", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_named_in_words(agent: str, said: str) -> None:
    assert own_sessions.device(agent) == said


@pytest.mark.parametrize("agent", ["x" * 5000, "\x00\x01é\u202e", "'; DROP TABLE"])
def test_a_browser_may_call_itself_anything(vera: User, agent: str) -> None:
    here = logged_in(vera, agent)
    assert here.get(PAGE).status_code == 200
    assert len(OpenSession.objects.get().browser) <= 300


def test_one_is_ended_and_the_others_go_on(vera: User) -> None:
    here, phone, third = logged_in(vera), logged_in(vera, PHONE), logged_in(vera, EDGE)
    [row] = [row["session"] for row in here.get(PAGE).context["rows"] if "iPhone" in row["device"]]
    response = here.post(PAGE, {"session": row.pk}, follow=True)
    assert "1 session ended." in words(response.text)
    assert (is_in(here), is_in(phone), is_in(third)) == (True, False, True)
    assert (newest().action, newest().actor, newest().text) == ("logout", "vera", "1 session ended")


def test_all_others_are_ended_at_once_even_one_that_is_not_in_the_list(vera: User) -> None:
    here, phone, older = logged_in(vera), logged_in(vera, PHONE), logged_in(vera, EDGE)
    wim = logged_in(make_staff("Viewer", username="wim", password=PASSWORD))
    OpenSession.objects.filter(browser=EDGE).delete()
    assert "2 sessions ended." in words(here.post(PAGE, {"do": "others"}, follow=True).text)
    assert [is_in(one) for one in (here, phone, older, wim)] == [True, False, False, True]


def test_neither_anothers_nor_the_current_one_nor_nonsense_is_ended(vera: User) -> None:
    here = logged_in(vera)
    wim = logged_in(make_staff("Viewer", username="wim", password=PASSWORD))
    for asked in [*OpenSession.objects.values_list("pk", flat=True), "", "x", "٣", "9" * 40, "1\0"]:
        response = here.post(PAGE, {"session": asked}, follow=True)
        assert "There was nothing to end" in words(response.text)
    assert is_in(here)
    assert is_in(wim)


def test_last_seen_is_written_down_now_and_then_and_a_new_key_is_followed(vera: User, later: Pass) -> None:
    here = logged_in(vera)
    began = OpenSession.objects.get().seen
    later(14)
    with CaptureQueriesContext(connection) as queries:
        assert is_in(here)
    assert not [query for query in queries if query["sql"].startswith("UPDATE")]
    later(2)
    assert is_in(here)
    assert OpenSession.objects.get().seen - began == timedelta(minutes=16)
    here.post("/admin/password_change/", {"old_password": PASSWORD, **new_password("quite another one")})
    assert OpenSession.objects.get().key == here.cookies["sessionid"].value
    assert is_in(here)


def test_one_that_is_older_than_the_list_comes_into_it(vera: User, later: Pass) -> None:
    here = logged_in(vera)
    OpenSession.objects.all().delete()
    later(16)
    assert is_in(here)
    assert OpenSession.objects.get().user == vera


def test_a_logout_and_the_end_of_its_time_take_it_out(vera: User) -> None:
    here, other = logged_in(vera), logged_in(vera, EDGE)
    other.post("/admin/logout/")
    assert len(here.get(PAGE).context["rows"]) == 1
    logged_in(vera, PHONE)
    Session.objects.exclude(pk=here.cookies["sessionid"].value).update(expire_date=timezone.now())
    assert len(here.get(PAGE).context["rows"]) == 1
    assert OpenSession.objects.count() == 2
    assert "1 session" in run("expire").lines[-1]
    assert OpenSession.objects.count() == 1


def new_password(password: str) -> dict[str, str]:
    return {"new_password1": password, "new_password2": password}


# --- What ends them ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["is_active", "is_staff"])
def test_a_deactivated_user_is_out_for_good(vera: User, field: str) -> None:
    here = logged_in(vera)
    ada = logged_in(make_staff("Administrator", username="ada", password=PASSWORD))
    address = f"/admin/auth/user/{vera.pk}/change/"
    assert ada.post(address, form_on(ada.get(address), **{field: []})).status_code == 302
    entry = AuditEntry.objects.get(action="logout")
    assert (entry.subject, entry.text) == ("vera", "1 session ended, because the account cannot log in any more")
    assert ada.post(address, form_on(ada.get(address), **{field: "on"})).status_code == 302
    vera.refresh_from_db()
    assert vera.is_active
    assert vera.is_staff
    assert not is_in(here)
    assert is_in(ada)


def test_who_comes_while_deactivated_past_the_admin_is_out_for_good(vera: User) -> None:
    here = logged_in(vera)
    User.objects.filter(pk=vera.pk).update(is_active=False)
    assert not is_in(here)
    User.objects.filter(pk=vera.pk).update(is_active=True)
    assert not is_in(here)


def test_another_password_ends_the_others(vera: User) -> None:
    here, other = logged_in(vera), logged_in(vera, EDGE)
    here.post("/admin/password_change/", {"old_password": PASSWORD, **new_password("quite another one")})
    assert (is_in(here), is_in(other)) == (True, False)


def test_a_role_that_was_taken_is_gone_at_once(vera: User) -> None:
    here = logged_in(vera)
    vera.groups.clear()
    assert here.get("/admin/").status_code == 403


# --- The password again -----------------------------------------------------------------------------------------


@pytest.fixture
def ada(later: Pass) -> Client:
    """An Administrator who logged in eleven minutes ago."""
    client = logged_in(make_staff("Administrator", username="ada", password=PASSWORD, email="ada@rsolv.example"))
    later(11)
    return client


def confirm(client: Client, address: str, data: dict[str, Any], password: str = PASSWORD) -> HttpResponse:
    return client.post(address, data | {"password_again": password})


def test_every_page_that_asks_is_a_page() -> None:
    assert set(ASKS) <= {one.name for one in addresses()}


def test_an_address_is_changed_only_with_the_password_and_nothing_typed_is_lost(ada: Client, vera: User) -> None:
    address = f"/admin/auth/user/{vera.pk}/change/"
    groups = [str(group.pk) for group in Group.objects.filter(name__in=["Viewer", "Administrator"])]
    form = form_on(ada.get(address), email="thief@x.example", last_name='"><script>', groups=groups)
    response = ada.post(address, form, headers={"Sec-Fetch-Site": "same-origin"})
    assert response.status_code == 403
    assert "Confirm your password" in words(response.text)
    assert '"><script>' not in response.text
    assert 'name="email" value="thief@x.example"' in response.text
    assert response.text.count('name="groups"') == 2
    vera.refresh_from_db()
    assert (vera.email, vera.groups.count()) == ("", 1)
    response = confirm(ada, address, form, "wrong")
    assert response.status_code == 403
    assert "This is not your password." in words(response.text)
    assert confirm(ada, address, form).status_code == 302
    vera.refresh_from_db()
    assert (vera.email, vera.groups.count()) == ("thief@x.example", 2)
    assert AuditEntry.objects.filter(actor="ada", action="login", text="password given again").count() == 1


def test_it_holds_for_ten_minutes(ada: Client, vera: User, later: Pass) -> None:
    key = ada.cookies["sessionid"].value
    assert ada.post("/admin/auth/group/add/", {"name": "one"}).status_code == 403
    assert confirm(ada, "/admin/auth/group/add/", {"name": "one"}).status_code == 302
    assert ada.cookies["sessionid"].value != key
    later(9)
    assert ada.post("/admin/auth/group/add/", {"name": "two"}).status_code == 302
    later(2)
    assert ada.post("/admin/auth/group/add/", {"name": "three"}).status_code == 403
    assert set(Group.objects.filter(name__in=["one", "two", "three"]).values_list("name", flat=True)) == {"one", "two"}


def test_a_clock_that_was_ahead_confirms_nothing_afterwards(ada: Client, later: Pass) -> None:
    later(60)
    assert confirm(ada, "/admin/auth/group/add/", {"name": "one"}).status_code == 302
    later(-60)
    assert ada.post("/admin/auth/group/add/", {"name": "two"}).status_code == 403
    assert confirm(ada, "/admin/auth/group/add/", {"name": "two"}).status_code == 302
    assert ada.post("/admin/auth/group/add/", {"name": "three"}).status_code == 302


def test_a_form_for_passwords_is_shown_only_with_it_and_carries_none(ada: Client) -> None:
    new = make_staff("Viewer", username="new")
    address = f"/admin/auth/user/{new.pk}/password/"
    assert ada.get(address).status_code == 403
    form = {"password1": "quite a long one", "password2": "quite a long one"}
    response = ada.post(address, form | {"usable_password": "true"}, headers={"Sec-Fetch-Site": "same-origin"})
    assert response.status_code == 403
    assert "quite a long one" not in response.text
    response = confirm(ada, address, {"password_then": "1"})
    assert (response.status_code, response.url) == (302, address)
    assert ada.get(address).status_code == 200
    assert ada.post(address, form | {"usable_password": "true"}).status_code == 302
    new.refresh_from_db()
    assert new.check_password("quite a long one")


def test_neither_a_factor_nor_a_session_is_touched_without_it(vera: User, later: Pass) -> None:
    here, other = logged_in(vera), logged_in(vera, EDGE)
    later(11)
    for address, data in (("/admin/second-factor/", {"do": "begin"}), (PAGE, {"do": "others"})):
        assert here.get(address).status_code == 200
        assert here.post(address, data).status_code == 403
    assert not TOTPDevice.objects.exists()
    assert is_in(other)
    assert confirm(here, "/admin/second-factor/", {"do": "begin"}).status_code == 302
    assert TOTPDevice.objects.filter(user=vera).exists()


def test_another_ones_password_is_none_and_wrong_ones_lock(ada: Client, vera: User) -> None:
    make_staff("Administrator", username="eve", password="another long one")
    form = {"name": "one"}
    codes = [confirm(ada, "/admin/auth/group/add/", form, "another long one").status_code for _ in range(5)]
    assert codes == [403, 403, 403, 403, 429]
    assert confirm(ada, "/admin/auth/group/add/", form).status_code == 429
    assert AuditEntry.objects.filter(action="login_failed", subject="ada").count() == 5
    AccessAttempt.objects.all().delete()
    assert confirm(ada, "/admin/auth/group/add/", form).status_code == 302


def test_who_has_no_password_here_logs_in_again(ada: Client) -> None:
    user = User.objects.get(username="ada")
    user.set_unusable_password()
    user.save()
    client = Client()
    client.force_login(user)
    session = client.session
    session["started"] -= 11 * 60
    session.save()
    response = client.post("/admin/auth/group/add/", {"name": "one"})
    assert response.status_code == 403
    assert "You have no password here. Log out and in again" in words(response.text)
    assert confirm(client, "/admin/auth/group/add/", {"name": "one"}).status_code == 403


def test_nobody_without_a_login_is_asked() -> None:
    for address in ("/admin/auth/group/add/", PAGE, "/admin/second-factor/"):
        response = Client().post(address, {"password_again": PASSWORD})
        assert response.status_code == 302
        assert response.url.startswith("/admin/login/")
    assert not AccessAttempt.objects.exists()
