"""The second factor: a code of an authenticator app (TOTP) after the password; ten recovery codes for a lost phone."""

import re
import secrets
from base64 import b32encode
from datetime import timedelta
from functools import cache
from http import HTTPStatus
from typing import Any

from axes.backends import AxesBackend
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, User
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext
from django_otp import login, verify_token
from django_otp.middleware import is_verified
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from customers.audit import trail
from customers.core.pages import StaffRequest
from customers.core.roles import Role
from customers.core.sql import table_of
from customers.text.say import english, say_n
from rsolv_cs.web.problem import is_for_people, problem

RECOVERY_CODES = 10
PENDING_FOR = timedelta(minutes=15)
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_CODE_LENGTH = 10
_APP_CODE = re.compile(r"[0-9]{6}")
AT_PROVIDER = "factor_at_provider"
"""In the session: the second factor was given to the provider that logged somebody in."""
NOT_FINISHED = english(
    "This login is not finished: open any page here and give your two-factor code. A token needs none."
)

# --- What a user has --------------------------------------------------------------------------------------------


class Backend(AxesBackend):
    """Names and passwords as Django has them, unless there were too many wrong ones.

    One class for both: code that asks who has a permission needs a backend to ask, and wants there to be one.
    It reads along with the user the preferences, whether there is a second factor, and whether there must be one.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **more: Any
    ) -> User | None:
        """The user; raises where the name is locked."""
        super().authenticate(request, username, password, **more)
        user = ModelBackend.authenticate(self, request, username, password, **more)
        # After the password was looked at, so that the answer takes as long as for any other.
        return user if isinstance(user, User) and may_use_password(user) else None

    def get_user(self, user_id: int) -> User | None:
        """The user of a session with ``has_factor``, ``has_guarded_role`` and ``is_program_manager``; one query."""
        user = _users(*_guarded_roles()).filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None


_USER = f"{table_of(User)}.id"
# As the ORM's own subqueries these would take longer to write, for each request, than the database to answer.
_HAS_FACTOR = f"EXISTS (SELECT 1 FROM {table_of(TOTPDevice)} WHERE user_id = {_USER} AND confirmed)"  # noqa: S608
_HAS_ROLE = (
    f"EXISTS (SELECT 1 FROM {table_of(User.groups.through)} AS member"  # noqa: S608 - names of tables alone
    f" JOIN {table_of(Group)} AS role ON role.id = member.group_id WHERE member.user_id = {_USER}"
    " AND role.name IN (%s))"
)


def _has_role(*roles: str) -> RawSQL:
    """Whether a user has one of the roles, as a column."""
    places = ", ".join(["%s"] * len(roles))
    return RawSQL(_HAS_ROLE % places, tuple(map(str, roles)), BooleanField())  # noqa: S611 - the roles are parameters


@cache
def _users(*guarded: str) -> QuerySet[User]:
    """All users with what ``get_user`` adds; kept, because each request would build the query anew."""
    return User.objects.select_related("preferences").annotate(
        has_factor=RawSQL(_HAS_FACTOR, (), BooleanField()),  # noqa: S611 - no value in it
        has_guarded_role=_has_role(*guarded),
        is_program_manager=_has_role(Role.PROGRAM_MANAGER),
    )


def may_use_password(user: User) -> bool:
    """Whether somebody logs in by a password; with OIDC_ONLY superusers alone do, in case the provider fails."""
    return user.has_usable_password() and (user.is_superuser or not settings.OIDC_ONLY)


def has_factor(user: User) -> bool:
    """Whether a code is asked for; a query where another backend than ours found the user."""
    known = getattr(user, "has_factor", None)
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists() if known is None else known


def is_required(user: User) -> bool:
    """Whether the user may do nothing without a second factor."""
    if not settings.REQUIRE_SECOND_FACTOR:
        return False
    if user.is_superuser or settings.REQUIRE_SECOND_FACTOR == "all":
        return True
    known = getattr(user, "has_guarded_role", None)
    return user.groups.filter(name__in=_guarded_roles()).exists() if known is None else known


def _guarded_roles() -> list[str]:
    """The roles whose members must have one, where it is not everybody."""
    managers = [Role.PROGRAM_MANAGER] if settings.REQUIRE_SECOND_FACTOR == "managers" else []
    return [Role.ADMINISTRATOR, *managers]


# --- Turning it on and off --------------------------------------------------------------------------------------


def begin(user: User) -> None:
    """Make a secret that counts only once a code of it was given."""
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user, confirmed=False).delete()
        TOTPDevice.objects.create(user=user, name=english("Authenticator app"), confirmed=False)


def pending_device(user: User) -> TOTPDevice | None:
    """The secret that waits for its first code, for a quarter of an hour."""
    now = timezone.now()
    lately = (now - PENDING_FOR, now + PENDING_FOR)
    return TOTPDevice.objects.filter(user=user, confirmed=False, created_at__range=lately).first()


def secret(device: TOTPDevice) -> str:
    """The secret as apps take it by hand, in groups of four."""
    text = b32encode(device.bin_key).decode()
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


def confirm(request: StaffRequest, device: TOTPDevice, code: str) -> list[str] | None:
    """Turn it on if the code is right; the recovery codes, for this once, or None."""
    with transaction.atomic():
        if not _is_right(device, _plain(code)):
            return None
        TOTPDevice.objects.filter(user=request.user).exclude(pk=device.pk).delete()
        trail.update_rows(TOTPDevice.objects.filter(pk=device.pk), trail.Action.RIGHTS, confirmed=True)
        device.confirmed = True
        codes = new_recovery_codes(request.user)
    _log_in(request, device)
    return codes


def new_recovery_codes(user: User) -> list[str]:
    """Ten new codes in the place of whatever is left; the database has only their keyed hashes."""
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH)) for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        device, _created = StaticDevice.objects.get_or_create(user=user, defaults={"name": english("Recovery codes")})
        device.token_set.all().delete()
        for code in codes:
            device.token_set.create(token=_hashed(code))
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def codes_left(user: User) -> int:
    """How many recovery codes are not used yet."""
    return sum(device.token_set.count() for device in StaticDevice.objects.filter(user=user))


def remove(user: User) -> int:
    """Turn it off: nothing of it is left. How many devices there were."""
    return sum(model.objects.filter(user=user).delete()[0] for model in (TOTPDevice, StaticDevice))


# --- Asking for a code ------------------------------------------------------------------------------------------


def verify_code(request: StaffRequest, code: str) -> str:
    """Take a code of the app or a recovery code; '' where it is right, else what to tell.

    A code counts once, and each wrong one makes the next wait longer, in all sessions of the user together.
    """
    text = _plain(code)
    is_of_app = bool(_APP_CODE.fullmatch(text))
    model = TOTPDevice if is_of_app else StaticDevice
    device = model.objects.filter(user=request.user, confirmed=True).first()
    if device is None:
        return gettext("This code is wrong, or it was used before.")
    if _is_right(device, text if is_of_app else _hashed(text)):
        _log_in(request, device)
        return ""
    return wrong(device)


def _is_right(device: Device, code: str) -> bool:
    """Return whether a code is right; a wrong one of a clock that was ahead counts as of now."""
    now = timezone.now()
    ahead = type(device).objects.filter(pk=device.pk, throttling_failure_timestamp__gt=now)
    ahead.update(throttling_failure_timestamp=now)
    return verify_token(device.user, device.persistent_id, code) is not None


def wrong(device: Device) -> str:
    """What to tell after a wrong code."""
    device.refresh_from_db()
    _is_allowed, why = device.verify_is_allowed()
    until = (why or {}).get("locked_until")
    seconds = max(1, round((until - timezone.now()).total_seconds())) if until else 0
    if not seconds:
        return gettext("This code is wrong, or it was used before.")
    if seconds >= 120:
        return say_n(
            "This code is wrong, or it was used before. The next one is taken in {number} minute.",
            "This code is wrong, or it was used before. The next one is taken in {number} minutes.",
            seconds // 60,
        )
    return say_n(
        "This code is wrong, or it was used before. The next one is taken in {number} second.",
        "This code is wrong, or it was used before. The next one is taken in {number} seconds.",
        seconds,
    )


def _log_in(request: HttpRequest, device: Device) -> None:
    """The session has both factors now, and another key."""
    login(request, device)
    request.session.cycle_key()


def _plain(code: str) -> str:
    return re.sub(r"[\s-]", "", code).lower()


def _hashed(code: str) -> str:
    """A recovery code as it is stored, as long as its column."""
    return salted_hmac("rsolv_cs.second_factor", code, algorithm="sha256").hexdigest()[:16]


# --- The gate ---------------------------------------------------------------------------------------------------


class BehindSecondFactor(MiddlewareMixin):
    """Lets nobody further who has a second factor and did not give it, or must have one and has none."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """Let it pass, or lead to the page that is next."""
        page = needed(request)
        if page is None or request.path in {reverse(page), reverse("admin:logout")}:
            return None
        if not is_for_people(request):
            return problem(HTTPStatus.FORBIDDEN, NOT_FINISHED)
        # What was sent by a form is not sent again after a redirect.
        return redirect_to_login(request.get_full_path(), page) if request.method == "GET" else redirect(page)


def needed(request: HttpRequest) -> str | None:
    """The page that stands between the visitor and all others; None where nothing does."""
    user = request.user
    if not user.is_authenticated or is_verified(user) or request.session.get(AT_PROVIDER):
        return None
    if has_factor(user):
        return "verify-second-factor"
    return "second-factor" if is_required(user) else None
