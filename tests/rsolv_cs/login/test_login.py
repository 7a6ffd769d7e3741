"""The login: how often one may be wrong, whose address counts, and which passwords are refused."""

import re
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from customers.audit import signals, trail
from customers.models import AuditEntry
from rsolv_cs.login.attempts import counted_address
from tests.factories import make_staff
from tests.support.access import addresses
from tests.support.pages import words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("five_attempts")]

PASSWORD = "a long password"
LOCKED = "There were too many wrong passwords. Try again in 15 minutes, or ask an Administrator to unlock the login."


def log_in(client: Client, username: str = "vera", password: str = "", **more: Any) -> HttpResponse:
    return client.post("/admin/login/?next=/admin/", {"username": username, "password": password or "wrong"}, **more)


def statuses(client: Client, times: int, **more: Any) -> list[int]:
    return [log_in(client, **more).status_code for _ in range(times)]


# --- Throttling -------------------------------------------------------------------------------------------------


def test_the_fifth_wrong_password_locks_and_says_for_how_long(client: Client) -> None:
    make_staff("Viewer", username="vera", password=PASSWORD)
    assert statuses(client, 4) == [200] * 4
    response = log_in(client)
    assert response.status_code == 429
    assert LOCKED in words(response.text)
    assert 890 <= int(response.headers["Retry-After"]) <= 900
    # The right password does not help now.
    assert log_in(client, password=PASSWORD).status_code == 429
    assert client.get("/admin/").status_code == 302


def test_a_name_that_does_not_exist_is_answered_to_the_word_like_one_that_does(client: Client) -> None:
    make_staff("Viewer", username="vera", password=PASSWORD)
    make_staff("Viewer", username="gone", password=PASSWORD, is_active=False)

    def answers(name: str) -> list[tuple[int, str]]:
        found = [log_in(Client(), name) for _ in range(6)]
        return [(response.status_code, words(response.text).replace(name, "NAME")) for response in found]

    assert answers("vera") == answers("nobody") == answers("gone")


def test_the_lock_ends_by_itself_and_trying_meanwhile_does_not_prolong_it(client: Client) -> None:
    make_staff("Viewer", username="vera", password=PASSWORD)
    statuses(client, 5)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=9, seconds=30))
    assert "Try again in 6 minutes" in words(log_in(client).text)
    assert "Try again in 6 minutes" in words(log_in(client).text)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=1))
    assert log_in(client, password=PASSWORD).status_code == 302


def test_a_right_password_forgets_the_wrong_ones_before(client: Client) -> None:
    make_staff("Viewer", username="vera", password=PASSWORD)
    for _ in range(3):
        assert statuses(client, 4) == [200] * 4
        assert log_in(client, password=PASSWORD).status_code == 302
        client.logout()


def test_others_are_not_locked_out_with_a_name_nor_by_who_tries_theirs(client: Client) -> None:
    make_staff("Viewer", username="vera", password=PASSWORD)
    make_staff("Viewer", username="wim", password=PASSWORD)
    statuses(client, 5, REMOTE_ADDR="198.51.100.7")
    assert log_in(client, password=PASSWORD, REMOTE_ADDR="198.51.100.8").status_code == 302
    assert log_in(Client(), "wim", PASSWORD, REMOTE_ADDR="198.51.100.7").status_code == 302


def test_another_browser_is_no_way_around(client: Client) -> None:
    make_staff("Viewer", username="vera", password=PASSWORD)
    codes = [log_in(client, HTTP_USER_AGENT=f"browser {number}").status_code for number in range(6)]
    assert codes == [200, 200, 200, 200, 429, 429]


def test_an_address_that_tries_many_names_is_locked_for_all(client: Client) -> None:
    make_staff("Viewer", username="vera", password=PASSWORD)
    codes = [log_in(client, f"name{n}", REMOTE_ADDR="198.51.100.7").status_code for n in range(50)]
    assert codes == [200] * 49 + [429]
    assert log_in(client, password=PASSWORD, REMOTE_ADDR="198.51.100.7").status_code == 429
    assert log_in(client, password=PASSWORD, REMOTE_ADDR="198.51.100.8").status_code == 302


def test_this_machine_is_not_locked_for_all_since_a_proxy_may_hide_everybody_behind_it(client: Client) -> None:
    make_staff("Viewer", username="vera", password=PASSWORD)
    assert [log_in(client, f"name{n}").status_code for n in range(60)] == [200] * 60
    assert log_in(client, password=PASSWORD).status_code == 302


@pytest.mark.parametrize("name", ["x" * 3000, "\N{RIGHT-TO-LEFT OVERRIDE}", "a\nb", "<script>", "名前", "a\0b", " "])
def test_any_name_can_be_tried(client: Client, name: str) -> None:
    codes = statuses(client, 6, username=name, HTTP_USER_AGENT="u" * 3000, HTTP_ACCEPT="a" * 3000)
    # A blank name and a NUL do not get as far as the password.
    assert codes == ([200] * 6 if name in {"a\0b", " "} else [200, 200, 200, 200, 429, 429])


def test_neither_passwords_nor_tokens_are_kept(client: Client) -> None:
    log_in(client, password="hunter2-hunter2", HTTP_COOKIE="csrftoken=" + "c" * 32)
    kept = AccessAttempt.objects.values().get()
    assert "hunter2" not in str(kept)
    assert "csrfmiddlewaretoken=c" not in kept["post_data"]


# --- What is written without a login ----------------------------------------------------------------------------


def failures() -> list[tuple[str, str]]:
    found = AuditEntry.objects.filter(action="login_failed").order_by("pk")
    return list(found.values_list("subject", "text"))


def test_a_lock_is_in_the_audit_once_and_what_it_stops_is_counted(client: Client) -> None:
    make_staff("Viewer", username="vera", password=PASSWORD)
    statuses(client, 5)
    assert failures() == [("vera", "")] * 5 + [("login locked", "at this address, for 15 minutes")]
    before = AuditEntry.objects.count(), AccessAttempt.objects.count()
    with CaptureQueriesContext(connection) as queries:
        assert set(statuses(client, 120)) == {429}
    assert failures()[6:] == [
        ("login locked", "1 more attempt at this address while it was locked"),
        ("login locked", "10 more attempts at this address while it was locked"),
        ("login locked", "100 more attempts at this address while it was locked"),
    ]
    assert (AuditEntry.objects.count(), AccessAttempt.objects.count()) == (before[0] + 3, before[1])
    assert sum(query["sql"].startswith("INSERT") for query in queries) == 3
    assert not Session.objects.exists()


def test_an_address_that_is_locked_for_all_names_writes_no_more_either(client: Client) -> None:
    statuses_ = [log_in(client, f"name{n}", REMOTE_ADDR="198.51.100.7").status_code for n in range(90)]
    assert statuses_.count(429) == 41
    # 50 failures, the beginning of the lock, and the 1st and 10th of the 40 that it stopped.
    assert len(failures()) == 53
    assert AccessAttempt.objects.count() == 50


def test_what_is_over_by_itself_leaves_no_entry_when_it_goes(client: Client) -> None:
    statuses(client, 3)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    log_in(client, "another")
    assert AccessAttempt.objects.get().username == "another"
    assert not AuditEntry.objects.filter(subject="failed logins").exists()


AHEAD = timedelta(days=30)


def test_a_clock_that_was_ahead_locks_nobody_until_it_is_that_time(client: Client) -> None:
    make_staff("Viewer", username="vera", password=PASSWORD)
    statuses(client, 5)
    AccessAttempt.objects.update(attempt_time=timezone.now() + AHEAD)
    assert statuses(client, 4) == [200] * 4
    assert not AuditEntry.objects.filter(subject="failed logins").exists()
    assert log_in(client, password=PASSWORD).status_code == 302


def test_a_clock_that_was_ahead_locks_no_address_until_it_is_that_time(client: Client) -> None:
    many = {"REMOTE_ADDR": "198.51.100.7"}
    for number in range(50):
        log_in(client, f"name{number}", **many)
    assert log_in(client, "another", **many).status_code == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() + AHEAD)
    assert log_in(client, "another", **many).status_code == 200


def test_failed_logins_are_listed_though_a_clock_was_ahead(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "MAX_FAILURES", 3)
    for number in range(3):
        log_in(client, f"name{number}")
    with trail.writable():
        AuditEntry.objects.filter(action="login_failed").update(at=timezone.now() + AHEAD)
    assert len(failures()) == 3
    log_in(client, "another")
    assert failures()[-1] == ("no login of that name", "")
    assert len(failures()) == 4


def test_of_an_hours_failed_logins_only_so_many_are_listed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "MAX_FAILURES", 3)
    for number in range(2):
        log_in(client, f"name{number}")
    statuses(client, 30)
    assert failures() == [
        ("no login of that name", ""),
        ("no login of that name", ""),
        ("no login of that name", "No more of this hour are listed."),
    ]


def test_nothing_else_is_written_for_a_visitor_without_a_login(client: Client) -> None:
    client.raise_request_exception = False
    for one in addresses():
        path = "/" + re.sub(r"<[^>]+>|\(\?P<[^>]+>[^)]*\)\$?", "1", one.route)
        for ask in (client.get, client.post):
            with CaptureQueriesContext(connection) as queries:
                ask(path, {"q": "x"})
            if one.name != "admin:login":
                written = [query["sql"] for query in queries if re.match(r"INSERT|UPDATE|DELETE", query["sql"])]
                assert written == [], path
    assert not Session.objects.exists()


# --- Unlocking --------------------------------------------------------------------------------------------------


def test_an_administrator_unlocks_in_the_admin(client: Client) -> None:
    make_staff("Viewer", username="vera", password=PASSWORD)
    statuses(Client(), 5)
    client.force_login(make_staff("Administrator"))
    page = client.get("/admin/axes/accessattempt/")
    assert "vera" in page.text
    assert "Failed logins" in page.text
    row = AccessAttempt.objects.get()
    assert client.get(f"/admin/axes/accessattempt/{row.pk}/change/").status_code == 200
    client.post("/admin/axes/accessattempt/", {"action": "unlock", "_selected_action": [row.pk]})
    assert log_in(Client(), password=PASSWORD).status_code == 302


def test_a_command_unlocks(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    make_staff("Viewer", username="vera", password=PASSWORD)
    statuses(client, 5)
    call_command("axes_reset_username", "vera")
    assert "1 attempts removed" in capsys.readouterr().out
    assert log_in(client, password=PASSWORD).status_code == 302


@pytest.mark.parametrize("role", ["Viewer", "Success manager", "Program manager"])
def test_nobody_else_sees_or_unlocks_failed_logins(client: Client, role: str) -> None:
    statuses(Client(), 5)
    row = AccessAttempt.objects.get()
    client.force_login(make_staff(role))
    assert client.get("/admin/axes/accessattempt/").status_code == 403
    data = {"action": "unlock", "_selected_action": [row.pk]}
    assert client.post("/admin/axes/accessattempt/", data).status_code == 403
    assert client.post(f"/admin/axes/accessattempt/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert AccessAttempt.objects.exists()


# --- Whose address ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, None, "10.0.0.1"),
        (0, "198.51.100.7", "10.0.0.1"),
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        (1, "6.6.6.6,,, 198.51.100.7:4711", "198.51.100.7"),
        (2, "6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        # It came past a proxy, so the header is the client's own.
        (2, "6.6.6.6", "10.0.0.1"),
        (1, None, "10.0.0.1"),
        (1, " , ", "10.0.0.1"),
        (1, "garbage", None),
        (1, "' OR 1=1 --", None),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        (1, "[2001:db8:1:2:ffff::1]:443", "2001:db8:1:2::"),
        (1, "::ffff:198.51.100.7", "198.51.100.7"),
        (1, "fe80::1%eth0", "fe80::"),
    ],
)
def test_the_address_is_what_our_own_proxies_say(
    settings: Settings, rf: RequestFactory, proxies: int, forwarded: str | None, expected: str | None
) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    assert counted_address(rf.get("/", REMOTE_ADDR="10.0.0.1", **headers)) == expected


def test_the_current_password_can_be_tried_as_seldom_as_the_login(client: Client) -> None:
    """Whoever sits down at an open session could otherwise try them all, and keep the account."""
    vera = make_staff("Viewer", username="vera", password=PASSWORD)
    client.force_login(vera)
    new = {"new_password1": "quite another one", "new_password2": "quite another one"}

    def change(password: str) -> HttpResponse:
        return client.post("/admin/password_change/", {"old_password": password, **new})

    assert [change("wrong").status_code for _ in range(5)] == [200, 200, 200, 200, 429]
    response = change(PASSWORD)
    assert (response.status_code, LOCKED in words(response.text)) == (429, True)
    vera.refresh_from_db()
    assert vera.check_password(PASSWORD)
    AccessAttempt.objects.all().delete()
    assert change(PASSWORD).status_code == 302
    vera.refresh_from_db()
    assert vera.check_password("quite another one")


def test_no_address_is_no_error(client: Client) -> None:
    assert statuses(client, 6, REMOTE_ADDR="") == [200, 200, 200, 200, 429, 429]


@pytest.mark.parametrize("proxies", [0, 1])
def test_a_forged_header_gives_no_more_attempts(client: Client, settings: Settings, proxies: int) -> None:
    settings.TRUSTED_PROXIES = proxies
    make_staff("Viewer", username="vera", password=PASSWORD)
    seen_by_proxy = ", 198.51.100.7" if proxies else ""
    codes = [
        log_in(client, HTTP_X_FORWARDED_FOR=f"203.0.113.{n}{seen_by_proxy}", HTTP_X_REAL_IP=f"9.9.9.{n}").status_code
        for n in range(6)
    ]
    assert codes == [200, 200, 200, 200, 429, 429]


def test_behind_a_proxy_each_client_has_attempts_of_its_own(client: Client, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    make_staff("Viewer", username="vera", password=PASSWORD)
    statuses(client, 5, HTTP_X_FORWARDED_FOR="198.51.100.7")
    assert log_in(client, password=PASSWORD, HTTP_X_FORWARDED_FOR="198.51.100.8").status_code == 302


# --- Passwords --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["elevenchars", "123456789012", "password1234", "vera-marchetti"])
def test_weak_passwords_are_refused(client: Client, password: str) -> None:
    user = make_staff("Viewer", username="vera-marchetti", password=PASSWORD)
    client.force_login(user)
    data = {"old_password": PASSWORD, "new_password1": password, "new_password2": password}
    assert client.post("/admin/password_change/", data).status_code == 200
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)
