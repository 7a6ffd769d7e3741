"""The second factor: turning it on and off, resetting it, and what the audit has of that."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django.fixtures import Settings

from customers.models import AuditEntry
from rsolv_cs.login import second_factor
from tests.factories import make_staff
from tests.support.pages import Elements, words
from tests.support.second_factor import PAGE, PASSWORD, WRONG, code_of, log_in, turn_on

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("not_required")]


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
        "Turned two-factor authentication off.",
        "Made new recovery codes.",
        "Turned two-factor authentication on.",
    ]


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
    assert "Reset two-factor authentication of vera" in words(admin.get(found).text)
    assert TOTPDevice.objects.exists()
    response = admin.post(found)
    assert (response.status_code, response.url) == (302, f"/admin/auth/user/{vera.pk}/change/")
    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()
    assert LogEntry.objects.filter(object_id=vera.pk, change_message="Reset two-factor authentication.").exists()
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
        ("vera", "Turned two-factor authentication on."),
        ("ada", "Reset two-factor authentication."),
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
