"""The second factor: turning it on, being asked for it, losing the phone, and what nobody reaches without it."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from customers.models import AuditEntry, Customer
from rsolv_cs.login import second_factor
from tests.factories import make_customer, make_staff
from tests.support.pages import Elements, words

pytestmark = pytest.mark.django_db

PAGE = "/admin/second-factor/"
VERIFY = "/admin/second-factor/verify/"
PASSWORD = "a long password"
WRONG = "This code is wrong, or it was used before."


@pytest.fixture(autouse=True)
def not_required(settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = ""


_passed = [0]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Lets seconds pass, for codes alone; nothing waits any more."""
    clock = SimpleNamespace(time=lambda: time.time() + _passed[0])
    monkeypatch.setattr("django_otp.plugins.otp_totp.models.time", clock)

    def pass_by(seconds: int) -> None:
        _passed[0] += seconds
        for model in (TOTPDevice, StaticDevice):
            model.objects.update(throttling_failure_timestamp=None)

    yield pass_by
    _passed[0] = 0


def code_of(user: User) -> str:
    """What the app shows now."""
    device = TOTPDevice.objects.get(user=user)
    return f"{totp(device.bin_key, t0=-_passed[0]):06d}"


def turn_on(client: Client, user: User) -> list[str]:
    """Its recovery codes."""
    assert client.post(PAGE, {"do": "begin"}).status_code == 302
    response = client.post(PAGE, {"do": "confirm", "code": code_of(user)})
    assert response.status_code == 200
    return re.findall(r"<li>([a-z0-9]{5}-[a-z0-9]{5})</li>", response.text)


def log_in(client: Client, user: User, to: str = "/admin/") -> HttpResponse:
    return client.post(
        f"/admin/login/?next={to}", {"username": user.username, "password": PASSWORD, "next": to}, follow=True
    )


@pytest.fixture
def vera(client: Client) -> User:
    user = make_staff("Viewer", username="vera", password=PASSWORD)
    log_in(client, user)
    return user


# --- Turning it on ----------------------------------------------------------------------------------------------


def test_the_account_menu_leads_to_it(client: Client, vera: User) -> None:
    links = list(Elements(client.get("/admin/").text).attributes("href"))
    assert {PAGE, "/admin/password_change/"} <= set(links)


def test_it_is_turned_on_by_a_code_and_gives_ten_recovery_codes_once(client: Client, vera: User) -> None:
    assert "It is off" in words(client.get(PAGE).text)
    client.post(PAGE, {"do": "begin"})
    page = client.get(PAGE)
    device = TOTPDevice.objects.get()
    assert not device.confirmed
    assert second_factor.secret(device) in words(page.text)
    assert "<svg" in page.text
    response = client.post(PAGE, {"do": "confirm", "code": code_of(vera)})
    codes = re.findall(r"<li>([a-z0-9]{5}-[a-z0-9]{5})</li>", response.text)
    assert len(set(codes)) == 10
    assert "no-store" in response.headers["Cache-Control"]
    after = client.get(PAGE)
    assert "It is on" in words(after.text)
    assert "10 recovery codes left" in words(after.text)
    assert not any(code in after.text for code in codes)
    assert second_factor.secret(device) not in words(after.text)
    # Whoever reads the database cannot use them.
    stored = set(StaticToken.objects.values_list("token", flat=True))
    assert len(stored) == 10
    assert not stored & {code.replace("-", "") for code in codes}
    # This session has given it already.
    assert client.get("/admin/").status_code == 200


def test_the_picture_says_who_and_which_secret(client: Client, vera: User) -> None:
    client.post(PAGE, {"do": "begin"})
    url = TOTPDevice.objects.get().config_url
    assert url.startswith("otpauth://totp/RSOLV%20Customer%20Success%3Avera?secret=")
    assert "issuer=RSOLV%20Customer%20Success" in url


def test_a_wrong_code_does_not_turn_it_on(client: Client, vera: User) -> None:
    client.post(PAGE, {"do": "begin"})
    response = client.post(PAGE, {"do": "confirm", "code": "000000"})
    assert response.status_code == 422
    assert WRONG in words(response.text)
    assert not TOTPDevice.objects.filter(confirmed=True).exists()
    assert "<svg" in response.text


def test_an_old_offer_is_no_longer_valid(client: Client, vera: User) -> None:
    client.post(PAGE, {"do": "begin"})
    TOTPDevice.objects.update(created_at="2025-01-01T00:00:00Z")
    assert "It is off" in words(client.get(PAGE).text)
    client.post(PAGE, {"do": "confirm", "code": code_of(vera)})
    assert not TOTPDevice.objects.filter(confirmed=True).exists()


def test_looking_writes_nothing(client: Client, vera: User) -> None:
    client.get(PAGE)
    assert not TOTPDevice.objects.exists()


def test_one_that_is_on_is_not_replaced_without_a_code(client: Client, vera: User) -> None:
    turn_on(client, vera)
    key = TOTPDevice.objects.get().key
    client.post(PAGE, {"do": "begin"})
    client.post(PAGE, {"do": "confirm", "code": "000000"})
    assert TOTPDevice.objects.get().key == key


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


# --- Turning it off ---------------------------------------------------------------------------------------------


def test_turning_it_off_and_new_recovery_codes_need_a_code(client: Client, vera: User, later: Any) -> None:
    old = turn_on(client, vera)
    later(60)
    for do in ("remove", "codes"):
        response = client.post(PAGE, {"do": do, "code": "000000"})
        assert response.status_code == 422
        assert WRONG in words(response.text)
        later(60)
    response = client.post(PAGE, {"do": "codes", "code": code_of(vera)})
    new = re.findall(r"<li>([a-z0-9]{5}-[a-z0-9]{5})</li>", response.text)
    assert len(new) == 10
    assert not set(new) & set(old)
    assert client.post(PAGE, {"do": "remove", "code": old[0]}).status_code == 422
    later(60)
    assert client.post(PAGE, {"do": "remove", "code": new[0]}).status_code == 302
    assert not TOTPDevice.objects.exists()
    assert not StaticDevice.objects.exists()
    assert client.get("/admin/").status_code == 200
    history = list(LogEntry.objects.filter(object_id=vera.pk).values_list("change_message", flat=True))
    assert history == [
        "Turned the second factor off.",
        "Made new recovery codes.",
        "Turned the second factor on.",
    ]


# --- Required of Administrators ---------------------------------------------------------------------------------


@pytest.fixture
def required(settings: Settings) -> None:
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
    assert "Your role needs a second factor here" in text
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


# --- Reset by an Administrator ----------------------------------------------------------------------------------


def test_an_administrator_resets_anothers(client: Client, vera: User) -> None:
    turn_on(client, vera)
    admin = Client()
    admin.force_login(make_staff("Administrator"))
    address = f"/admin/auth/user/{vera.pk}/second-factor"
    page = admin.get(f"/admin/auth/user/{vera.pk}/change/")
    [found] = [
        href for href in Elements(page.text).attributes("href") if href and "second-factor" in href and "auth" in href
    ]
    assert "Reset the second factor of vera" in words(admin.get(found).text)
    assert TOTPDevice.objects.exists()
    response = admin.post(found)
    assert (response.status_code, response.url) == (302, f"/admin/auth/user/{vera.pk}/change/")
    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()
    assert LogEntry.objects.filter(object_id=vera.pk, change_message="Reset the second factor.").exists()
    assert log_in(Client(), vera).redirect_chain == [("/admin/", 302)]
    assert found.startswith(address)


def test_nobody_resets_their_own_or_without_being_administrator(client: Client, vera: User) -> None:
    admin = make_staff("Administrator", password=PASSWORD)
    own = Client()
    log_in(own, admin)
    turn_on(own, admin)
    assert own.post(f"/admin/auth/user/{admin.pk}/second-factor/").status_code == 403
    manager = Client()
    manager.force_login(make_staff("Program manager"))
    assert manager.post(f"/admin/auth/user/{admin.pk}/second-factor/").status_code == 403
    assert TOTPDevice.objects.exists()


@pytest.mark.parametrize("app", ["otp_totp/totpdevice", "otp_static/staticdevice"])
def test_secrets_have_no_page_in_the_admin(client: Client, app: str) -> None:
    client.force_login(make_staff("Administrator", is_superuser=True))
    assert client.get(f"/admin/{app}/").status_code == 404


def test_it_costs_no_query_who_has_none(client: Client, vera: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):  # the session, the user
        assert client.get("/admin/jsi18n/").status_code == 200


# --- The audit ----------------------------------------------------------------------------------------------------


def test_the_audit_has_each_change_of_a_factor_and_no_secret(client: Client, vera: User) -> None:
    assert client.post(PAGE, {"do": "begin"}).status_code == 302
    device = TOTPDevice.objects.get(user=vera)
    device.confirmed, device.name, device.throttling_failure_count = True, "Old phone", 3
    device.save()
    device.delete()
    told = AuditEntry.objects.filter(model="otp_totp.totpdevice").order_by("pk")
    assert [(one.action, one.changes) for one in told] == [
        ("add", {"user": [None, "vera"], "name": [None, "Authenticator app"], "confirmed": [None, False]}),
        ("change", {"name": ["Authenticator app", "Old phone"], "confirmed": [False, True]}),
        ("delete", {"user": ["vera", None], "name": ["Old phone", None], "confirmed": [True, None]}),
    ]
    everything = "".join(f"{one.subject}{one.text}{one.changes}{one.source}" for one in AuditEntry.objects.all())
    assert device.key not in everything


def test_the_audit_tells_of_a_factor_that_is_turned_on_and_reset(client: Client, vera: User) -> None:
    turn_on(client, vera)
    ada = make_staff("Administrator", username="ada")
    client.force_login(ada)
    assert client.post(f"/admin/auth/user/{vera.pk}/second-factor/").status_code == 302
    told = AuditEntry.objects.filter(model="otp_totp.totpdevice").order_by("pk")
    assert [(one.action, one.actor) for one in told] == [("add", "vera"), ("rights", "vera"), ("delete", "ada")]
    assert told[1].changes == {"confirmed": [False, True]}
    said = AuditEntry.objects.filter(model="auth.user", key=vera.pk, action="rights", changes={}).order_by("pk")
    assert [(one.actor, one.text) for one in said] == [
        ("vera", "Turned the second factor on."),
        ("ada", "Reset the second factor."),
    ]


# --- What is read along with the user ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "required", "known"),
    [
        # Whether there is a factor, whether a role must have one, whether it is a program manager.
        (None, "managers", (False, False, False)),
        ("Success manager", "managers", (False, False, False)),
        ("Program manager", "managers", (False, True, True)),
        ("Program manager", "administrators", (False, False, True)),
        ("Administrator", "administrators", (False, True, False)),
    ],
)
def test_the_user_of_a_request_comes_with_factor_and_roles(
    settings: Settings, role: str | None, required: str, known: tuple[bool, bool, bool]
) -> None:
    settings.REQUIRE_SECOND_FACTOR = required
    make_staff("Program manager")
    key = make_staff(role).pk

    def read() -> tuple[bool, bool, bool]:
        user: Any = second_factor.Backend().get_user(key)
        return user.has_factor, user.has_guarded_role, user.is_program_manager

    assert read() == known
    device = TOTPDevice.objects.create(user_id=key, name="app", confirmed=False)
    assert read() == known
    TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
    assert read() == (True, *known[1:])
