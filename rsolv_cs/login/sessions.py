"""How long one stays logged in: so many hours at most, and so many minutes without doing anything.

When somebody last did something stands in a signed cookie, not in the session: a page then writes nothing to the
database, which an import may hold for itself.
"""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage
from django.core import signing
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext

from customers.text.say import say_n
from rsolv_cs.login import own_sessions

STARTED = "started"
AUTHENTICATED = "authenticated"
"""When the provider last saw who it is, which may be long before a session here began."""
COOKIE = f"{settings.COOKIE_PREFIX}seen"
# Sent by refresh.js with what the page asks for by itself.
AUTOMATIC = "X-Automatic"
_SALT = "rsolv_cs.sessions"
_RENEW_SECONDS = 30
# So often is it written down for the list of one's sessions that one was there.
_NOTE_SECONDS = 15 * 60


def now() -> int:
    """Seconds; a function, so that tests can let time pass."""
    return int(time.time())


@receiver(user_logged_in)
def _begin(request: HttpRequest, user: User, **_more: object) -> None:
    started = request.session[STARTED] = now()
    request.session.pop(AUTHENTICATED, None)
    own_sessions.opened(request, user, started, started)


class _CookieMessages(CookieStorage):
    cookie_name = f"{settings.COOKIE_PREFIX}messages"


class Messages(FallbackStorage):
    """Messages in a cookie named as all others are, or in the session where they are too long."""

    storage_classes = (_CookieMessages, SessionStorage)


class SessionLimits:
    """Logs out whoever is logged in for too long, or did nothing for too long."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """End the session, or note that somebody is there."""
        seen, noted = _end_or_seen(request) if SESSION_KEY in request.session else (None, 0)
        key = request.session.session_key
        response = self.get_response(request)
        new = request.session.session_key
        is_new = new != key
        if SESSION_KEY not in request.session:
            return response
        if is_new and key and new:
            own_sessions.renamed(key, new)
        if AUTOMATIC in request.headers or not (seen is None or is_new or now() - seen > _RENEW_SECONDS):
            return response
        started = request.session.get(STARTED, 0)
        noted = max(noted, started)
        if now() - noted > _NOTE_SECONDS:
            noted = now()
            own_sessions.seen(request, started, noted)
        response.set_cookie(
            COOKIE,
            signing.dumps([_fingerprint(request), now(), noted], salt=_SALT),
            max_age=settings.SESSION_COOKIE_AGE,
            path=settings.SESSION_COOKIE_PATH,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite=settings.SESSION_COOKIE_SAMESITE,
        )
        return response


def _end_or_seen(request: HttpRequest) -> tuple[int | None, int]:
    """Log out who is there too long or may not be there; else return when they were seen and noted."""
    if not (request.user.is_authenticated and request.user.is_staff):
        # For good: the account may be given back, this session is not.
        logout(request)
        return None, 0
    last, noted = _seen(request)
    seen = max(request.session.get(STARTED, 0), last)
    if why := why_over(request):
        logout(request)
        if "HX-Request" not in request.headers:
            messages.info(request, why)
    return seen, noted


def why_over(request: HttpRequest) -> str:
    """Return what to tell whoever's session is over; '' where it goes on."""
    started = request.session.get(STARTED, 0)
    seen = max(started, _seen(request)[0])
    idle = settings.IDLE_MINUTES * 60
    # What a clock that was ahead has written down would hold until it is that time.
    if idle and abs(now() - seen) > idle:
        return say_n(
            "You have been logged out, because nothing was done for {number} minute. Please log in again.",
            "You have been logged out, because nothing was done for {number} minutes. Please log in again.",
            settings.IDLE_MINUTES,
        )
    if abs(now() - started) > settings.SESSION_COOKIE_AGE:
        return gettext("You have been logged out, because it was long ago. Please log in again.")
    return ""


def _seen(request: HttpRequest) -> tuple[int, int]:
    """Return when a person last used this session, and when that was last noted; 0 where unknown."""
    try:
        fingerprint, seen, *noted = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return 0, 0
    return (seen, noted[0] if noted else 0) if fingerprint == _fingerprint(request) else (0, 0)


def _fingerprint(request: HttpRequest) -> str:
    """Names the session without telling its key."""
    return salted_hmac(_SALT, request.session.session_key or "").hexdigest()[:20]
