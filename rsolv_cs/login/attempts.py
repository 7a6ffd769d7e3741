"""The login: whose address it is, how many wrong passwords there may be, and what is said then."""

import ipaddress
from datetime import datetime, timedelta
from typing import TypeGuard

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import authenticate
from django.core.cache import cache
from django.db.models import Max, Q, QuerySet, Sum
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext

from customers.audit import trail
from customers.audit.signals import record_failed_login
from customers.core.client import client_address
from customers.runs.retention import expired_failures
from customers.text.say import english, in_english
from customers.text.written import number

TOO_MANY = 429
# One address tries many names: so many times the attempts of one name, and it is locked for every name.
NAMES_OF_AN_ADDRESS = 10
_MAX_NAME_LENGTH = 255
_IPV6_PREFIX = 64


Credentials = dict[str, object]


class AxesRequest(HttpRequest):
    """A request as axes completes it at a login: its address, and whether a lock stops it."""

    axes_ip_address: str | None
    axes_locked_out: bool


def is_locked_out(request: HttpRequest) -> TypeGuard[AxesRequest]:
    """Whether axes has looked at the request, and a lock stops it."""
    return bool(getattr(request, "axes_locked_out", False))


def view_name(request: HttpRequest) -> str:
    """The name of the address that is asked for."""
    return request.resolver_match.view_name if request.resolver_match else ""


def counted_address(request: HttpRequest) -> str | None:
    """The address that failures are counted by; of an IPv6 address the network, since one client has all of it."""
    address = client_address(request)
    if address is None or ":" not in address:
        return address
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False).network_address)


def tried_name(request: HttpRequest, credentials: Credentials | None) -> str:
    """The user name that was tried, no longer than its column."""
    return str((credentials or {}).get("username") or request.POST.get("username", ""))[:_MAX_NAME_LENGTH]


class Attempts(AxesDatabaseHandler):
    """Counts the wrong passwords of a name from an address, and of an address for whatever names."""

    def get_failures(self, request: AxesRequest, credentials: Credentials | None = None) -> int:
        """How often it failed within the time of the lock, on the scale of LOGIN_ATTEMPTS."""
        everything = _from_address(request).aggregate(failures=Sum("failures_since_start"))["failures"] or 0
        return max(super().get_failures(request, credentials), everything // NAMES_OF_AN_ADDRESS)

    def get_user_attempts(
        self, request: HttpRequest, credentials: Credentials | None = None
    ) -> list[QuerySet[AccessAttempt]]:
        """The failures that count, without those of a clock that was ahead."""
        return [rows.filter(_not_ahead()) for rows in super().get_user_attempts(request, credentials)]

    def clean_expired_user_attempts(
        self, request: HttpRequest | None = None, credentials: Credentials | None = None
    ) -> int:
        """Forget what does not count any more."""
        deleted, _by_model = expired_failures().delete()
        return deleted

    def user_login_failed(
        self, sender: object, credentials: Credentials, request: AxesRequest | None = None, **more: object
    ) -> None:
        """Count it, and record in the audit that a lock began; later attempts are counted, not listed."""
        was_locked = request is not None and request.axes_locked_out
        super().user_login_failed(sender, credentials, request, **more)
        if request is not None and was_locked:
            _count_locked(request)
        elif request is not None and request.axes_locked_out:
            minutes = settings.AXES_COOLOFF_TIME // timedelta(minutes=1)
            record_failed_login(english("login locked"), english(f"at this address, for {minutes} minutes"))

    def locked_until(self, request: AxesRequest, credentials: Credentials | None) -> datetime:
        """When the lock that is in force now ends."""
        own = [rows.aggregate(at=Max("attempt_time"))["at"] for rows in self.get_user_attempts(request, credentials)]
        last = max([at for at in own if at] or [_from_address(request).aggregate(at=Max("attempt_time"))["at"]])
        return (last or timezone.now()) + settings.AXES_COOLOFF_TIME


def _not_ahead() -> Q:
    return Q(attempt_time__lte=timezone.now() + settings.AXES_COOLOFF_TIME)


def _from_address(request: AxesRequest) -> QuerySet[AccessAttempt]:
    """The failures of an address; none where it is unknown or this machine, for then everybody would share it."""
    address = request.axes_ip_address
    if address is None or ipaddress.ip_address(address).is_loopback:
        return AccessAttempt.objects.none()
    return AccessAttempt.objects.filter(ip_address=address, attempt_time__gte=get_cool_off_threshold(request)).filter(
        _not_ahead()
    )


def _count_locked(request: AxesRequest) -> None:
    """Count an attempt that a lock stopped: an address' 1st, 10th, 100th … make an entry.

    In the memory of each process and for as long as a lock lasts, because whoever has no login is not to write.
    """
    name = f"login.locked.{request.axes_ip_address}"
    cache.add(name, 0, settings.AXES_COOLOFF_TIME.total_seconds())
    try:
        count = cache.incr(name)
    except ValueError:
        # Its time was over between the two.
        count = 1
    if str(count).rstrip("0") == "1":
        with in_english():
            attempts = english(f"{number(count)} more attempt{'s' if count > 1 else ''}")
        record_failed_login(english("login locked"), english(f"{attempts} at this address while it was locked"))


def locked(request: AxesRequest, _response: HttpResponse | None, credentials: Credentials | None) -> HttpResponse:
    """The page that says for how long; the same one whether the name exists or not."""
    left = Attempts().locked_until(request, credentials) - timezone.now()
    minutes = max(1, -(-left // timedelta(minutes=1)))
    context = {**admin.site.each_context(request), "title": gettext("Too many attempts"), "minutes": minutes}
    response = render(request, "login/locked.html", context, status=TOO_MANY)
    response.headers["Retry-After"] = str(max(1, int(left.total_seconds())))
    return response


class CurrentPassword(MiddlewareMixin):
    """Counts a wrong current password, when somebody wants another one, like a wrong one at the login."""

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """Ask before the page does; where there were too many wrong ones, it is not asked."""
        if request.method != "POST" or view_name(request) != "admin:password_change":
            return None
        if not request.user.is_authenticated:
            return None
        credentials: Credentials = {"username": request.user.get_username()}
        authenticate(request, **credentials, password=request.POST.get("old_password", ""))
        return locked(request, None, credentials) if is_locked_out(request) else None


@receiver(post_delete, sender=AccessAttempt, dispatch_uid="rsolv_cs.count_anew")
def count_anew(instance: AccessAttempt, **_kwargs: object) -> None:
    """Record in the audit that failures were forgotten, because a login was unlocked or succeeded.

    Not the name that was tried, which may be a password in the wrong field; and not what is over by itself, which
    the next failure of anybody removes.
    """
    if abs(timezone.now() - instance.attempt_time) > settings.AXES_COOLOFF_TIME:
        return
    failures = instance.failures_since_start
    trail.record(
        trail.Action.RIGHTS,
        english("failed logins"),
        detail=english(f"{failures} wrong passwords do not count any more"),
    )
