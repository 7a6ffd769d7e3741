"""Who may have a socket: judged by its cookies as a page would, without writing anything."""

from collections.abc import Mapping
from importlib import import_module

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host
from django_otp.middleware import OTPMiddleware

from rsolv_cs.login import second_factor, sessions

Headers = list[tuple[bytes, bytes]]
PERMISSIONS = (
    "customers.view_customer",
    "customers.view_importrun",
    "analytics.view_alert",
    "analytics.view_task",
)
"""Of the pages that follow the state; whoever has none of them sees none of these."""

_Session = import_module(settings.SESSION_ENGINE).SessionStore


def _nothing(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


_identify = AuthenticationMiddleware(OTPMiddleware(_nothing))


def visitor(cookies: Mapping[str, str]) -> int | None:
    """Return the key of the user whose page may follow the state; None where the cookies let nobody in."""
    request = HttpRequest()
    request.COOKIES = dict(cookies)
    request.session = _Session(cookies.get(settings.SESSION_COOKIE_NAME))
    _identify(request)
    user = request.user
    if not isinstance(user, User) or not user.is_staff:
        return None
    if sessions.why_over(request) or second_factor.needed(request):
        return None
    return user.pk if any(map(user.has_perm, PERMISSIONS)) else None


def is_of_our_page(headers: Headers) -> bool:
    """Return whether a page of our own asks for the socket; a browser says which page does."""
    said = {name: value.decode("latin-1").lower() for name, value in headers}
    origin, host = said.get(b"origin", ""), said.get(b"host", "")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    return origin.partition("://")[2] == host and validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)
