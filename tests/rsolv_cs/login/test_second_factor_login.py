"""Being asked for the second factor: the code, a lost phone, of whom it is required, and what stays closed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from customers.models import Customer
from tests.factories import make_customer, make_staff
from tests.support.pages import words
from tests.support.second_factor import PAGE, PASSWORD, VERIFY, WRONG, code_of, log_in, turn_on

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("not_required")]


# --- Being asked ------------------------------------------------------------------------------------------------


def test_after_the_password_a_code_is_asked_for_and_leads_on(client: Client, vera: User, later: Any) -> None:
    turn_on(client, vera)
    later(60)
    other = Client()
    response = log_in(other, vera, "/admin/cohorts/?by=month")
    assert response.redirect_chain[-1][0] == f"{VERIFY}?next=/admin/cohorts/%3Fby%3Dmonth"
    assert "Open your authenticator app" in words(response.text)
    key = other.cookies["sessionid"].value
    response = other.post(response.redirect_chain[-1][0], {"code": code_of(vera), "next": "/admin/cohorts/?by=month"})
    assert (response.status_code, response.url) == (302, "/admin/cohorts/?by=month")
    assert other.cookies["sessionid"].value != key
    assert other.get(response.url).status_code == 200
    assert other.get(VERIFY).status_code == 302


def test_a_code_counts_once(client: Client, vera: User, later: Any) -> None:
    turn_on(client, vera)
    later(60)
    code = code_of(vera)
    first, second = Client(), Client()
    log_in(first, vera)
    log_in(second, vera)
    assert first.post(VERIFY, {"code": code}).status_code == 302
    response = second.post(VERIFY, {"code": code})
    assert response.status_code == 422
    assert WRONG in words(response.text)
    assert second.get("/admin/").status_code == 302


def test_wrong_codes_make_the_next_one_wait_longer_in_every_session(client: Client, vera: User, later: Any) -> None:
    turn_on(client, vera)
    later(60)
    said = []
    for _ in range(4):
        other = Client()
        log_in(other, vera)
        TOTPDevice.objects.update(throttling_failure_timestamp=None)
        said.append(words(other.post(VERIFY, {"code": "000000"}).text))
    for text, wait in zip(said, ("1 second", "2 seconds", "4 seconds", "8 seconds"), strict=True):
        assert f"{WRONG} The next one is taken in {wait}." in text
    # The right one has to wait as well.
    response = other.post(VERIFY, {"code": code_of(vera)})
    assert response.status_code == 422
    assert "The next one is taken in" in words(response.text)
    later(30)
    assert other.post(VERIFY, {"code": code_of(vera)}).status_code == 302


def test_wrong_codes_of_a_clock_that_was_ahead_wait_from_now_on(client: Client, vera: User, later: Any) -> None:
    turn_on(client, vera)
    later(60)
    other = Client()
    log_in(other, vera)
    ahead = timezone.now() + timedelta(days=30)
    TOTPDevice.objects.update(throttling_failure_timestamp=ahead, throttling_failure_count=4)
    assert "The next one is taken in 8 seconds." in words(other.post(VERIFY, {"code": code_of(vera)}).text)
    # It still waits, but as long as for any other wrong code.
    TOTPDevice.objects.update(throttling_failure_timestamp=timezone.now() - timedelta(seconds=9))
    assert other.post(VERIFY, {"code": code_of(vera)}).status_code == 302


@pytest.mark.parametrize(
    "code", ["", " ", "0", "999999999999999999999", "x" * 5000, "a\0b", "\u202e", "١٢٣٤٥٦", "1e5"]
)
def test_garbage_is_a_wrong_code(client: Client, vera: User, code: str) -> None:
    turn_on(client, vera)
    other = Client()
    log_in(other, vera)
    assert other.post(VERIFY, {"code": code}).status_code == 422
    assert other.get("/admin/").status_code == 302


def test_a_recovery_code_logs_in_once(client: Client, vera: User, later: Any) -> None:
    codes = turn_on(client, vera)
    other = Client()
    log_in(other, vera)
    assert other.post(VERIFY, {"code": f" {codes[0].upper()} "}).status_code == 302
    assert other.get("/admin/").status_code == 200
    assert "9 recovery codes left" in words(other.get(PAGE).text)
    again = Client()
    log_in(again, vera)
    assert again.post(VERIFY, {"code": codes[0]}).status_code == 422
    later(60)
    assert again.post(VERIFY, {"code": codes[1].replace("-", "")}).status_code == 302


def test_anothers_code_is_no_use(client: Client, vera: User, later: Any) -> None:
    codes = turn_on(client, vera)
    wim = make_staff("Viewer", username="wim", password=PASSWORD)
    own = Client()
    log_in(own, wim)
    turn_on(own, wim)
    later(60)
    other = Client()
    log_in(other, wim)
    assert other.post(VERIFY, {"code": code_of(vera)}).status_code == 422
    assert other.post(VERIFY, {"code": codes[0]}).status_code == 422
    # Nor is another's session.
    session = other.session
    session["otp_device_id"] = TOTPDevice.objects.get(user=vera).persistent_id
    session.save()
    assert other.get("/admin/").status_code == 302


def test_other_sessions_are_asked_from_when_it_is_turned_on(client: Client, vera: User) -> None:
    before = Client()
    log_in(before, vera)
    turn_on(client, vera)
    assert before.get("/admin/").url.startswith(VERIFY)


# --- Required of Administrators ---------------------------------------------------------------------------------


@pytest.fixture
def required(settings: Settings, not_required: None) -> None:
    settings.REQUIRE_SECOND_FACTOR = "administrators"


@pytest.mark.usefixtures("required")
@pytest.mark.parametrize("kind", ["Administrator", "superuser"])
def test_an_administrator_sees_only_the_set_up_until_it_is_done(client: Client, kind: str) -> None:
    role = None if kind == "superuser" else kind
    user = make_staff(role, password=PASSWORD, is_superuser=kind == "superuser", username="ada")
    make_customer(organization="Secret Customer")
    response = log_in(client, user, "/admin/customers/customer/")
    assert response.redirect_chain[-1][0] == f"{PAGE}?next=/admin/customers/customer/"
    text = words(response.text)
    assert "Your role needs two-factor authentication here" in text
    # No sidebar, and none of its numbers.
    assert "Customers" not in text
    assert "Dashboard" not in text
    for address in ("/admin/", "/admin/auth/user/", "/admin/export/", "/admin/password_change/"):
        assert client.get(address).url.startswith(PAGE)
    assert len(turn_on(client, user)) == 10
    assert client.get("/admin/customers/customer/").status_code == 200
    # And keeps it.
    assert "Turn off" not in words(client.get(PAGE).text)
    assert client.post(PAGE, {"do": "remove", "code": code_of(user)}).status_code == 422
    assert TOTPDevice.objects.filter(confirmed=True).exists()


@pytest.mark.usefixtures("required")
def test_others_need_none_and_administrators_may_log_out(client: Client) -> None:
    client.force_login(make_staff("Program manager"))
    assert client.get("/admin/").status_code == 200
    client.force_login(make_staff("Administrator"))
    assert client.post("/admin/logout/").status_code == 200
    assert client.get("/admin/").url.startswith("/admin/login/")


@pytest.mark.parametrize(
    ("setting", "asked"),
    [
        ("", set()),
        ("administrators", {"Administrator", "superuser"}),
        ("managers", {"Administrator", "superuser", "Program manager"}),
        ("all", {"Administrator", "superuser", "Program manager", "Success manager", "Viewer"}),
    ],
)
def test_of_whom_it_is_required_is_a_setting(settings: Settings, setting: str, asked: set[str]) -> None:
    settings.REQUIRE_SECOND_FACTOR = setting
    found = set()
    for role in ("Administrator", "Program manager", "Success manager", "Viewer", "superuser"):
        client = Client()
        is_super = role == "superuser"
        client.force_login(make_staff(None if is_super else role, is_superuser=is_super))
        response = client.get("/admin/")
        if response.status_code == 302:
            assert response.url.startswith(PAGE)
            found.add(role)
    assert found == asked


def every_address() -> Iterator[str]:
    """One of each kind: ours, the admin's, parts, downloads, forms."""
    yield from (
        "/",
        "/admin/",
        "/admin/?as_of=2025-05-09",
        "/admin/my-day/?owner=",
        "/admin/cohorts/",
        "/admin/customer/c1/",
        "/admin/alerts/",
        "/admin/tasks/",
        "/admin/reports/",
        "/admin/export/",
        "/admin/export/customers/csv/",
        "/admin/export/customers/xlsx/",
        "/admin/customers/customer/",
        "/admin/customers/customer/export/",
        "/admin/customers/importrun/upload/",
        "/admin/customers/quarantinedrow/download/customers/",
        "/admin/auth/user/",
        "/admin/autocomplete/?app_label=customers&model_name=customercare&field_name=customer&term=a",
        "/admin/search/?s=a",
        "/admin/jsi18n/",
        "/admin/password_change/",
        "/admin/nothing-there/",
        "/nothing-there/",
        "//admin/",
        "/admin/second-factor/verify/../../",
        "/admin/second-factor",
        "/admin/second-factor/verify",
    )


@pytest.mark.parametrize("htmx", [{}, {"HTTP_HX_REQUEST": "true"}])
def test_nothing_is_reached_with_the_password_alone(client: Client, htmx: dict[str, str]) -> None:
    user = make_staff("Administrator", password=PASSWORD)
    make_customer(id="c1", organization="Secret Customer")
    log_in(client, user)
    turn_on(client, user)
    other = Client()
    log_in(other, user)
    for address in every_address():
        for send in (other.get, other.post, other.put, other.head):
            response = send(address, **htmx)
            assert response.status_code == 302, (address, response.status_code)
            assert response.url.startswith(VERIFY), address
            assert b"Secret" not in response.content
    assert other.post("/admin/customers/customercare/add/", {"customer": "c1"}).url == VERIFY
    assert Customer.objects.get().organization == "Secret Customer"
    # The set-up page is behind it too: a new secret would be a way around.
    assert other.post(PAGE, {"do": "begin"}).url == VERIFY
    assert TOTPDevice.objects.count() == 1
    text = words(other.get(VERIFY).text)
    assert "Customers" not in text
