"""How long one stays logged in: so many hours at most, and so many minutes without doing anything.

When somebody last did something stands in a signed cookie, not in the session: a page then writes nothing to the
database, which an import may hold for itself.
"""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.signals import user_logged_in
from django.core import signing
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

STARTED = "started"
COOKIE = "seen"
# Sent by refresh.js with what the page asks for by itself.
AUTOMATIC = "X-Automatic"
_SALT = "rsolv_cs.sessions"
_RENEW_SECONDS = 30


def now() -> int:
    """Seconds; a function, so that tests can let time pass."""
    return int(time.time())


@receiver(user_logged_in)
def _begin(request: HttpRequest, **_more: Any) -> None:
    request.session[STARTED] = now()


class SessionLimits:
    """Logs out whoever is logged in for too long, or did nothing for too long."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """End the session, or note that somebody is there."""
        seen = None
        if SESSION_KEY in request.session:
            started = request.session.get(STARTED, 0)
            seen = max(started, _seen(request))
            idle = settings.IDLE_MINUTES * 60
            is_idle = bool(idle) and now() - seen > idle
            if is_idle or now() - started > settings.SESSION_COOKIE_AGE:
                logout(request)
                if "HX-Request" not in request.headers:
                    why = f"nothing was done for {settings.IDLE_MINUTES} minutes" if is_idle else "it was long ago"
                    messages.info(request, f"You have been logged out, because {why}. Please log in again.")
        key = request.session.session_key
        response = self.get_response(request)
        is_new = request.session.session_key != key
        if (
            SESSION_KEY in request.session
            and AUTOMATIC not in request.headers
            and (seen is None or is_new or now() - seen > _RENEW_SECONDS)
        ):
            response.set_cookie(
                COOKIE,
                signing.dumps([_fingerprint(request), now()], salt=_SALT),
                max_age=settings.SESSION_COOKIE_AGE,
                path=settings.SESSION_COOKIE_PATH,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite=settings.SESSION_COOKIE_SAMESITE,
            )
        return response


def _seen(request: HttpRequest) -> int:
    """When this session was last used by a person; 0 where that is not known."""
    try:
        fingerprint, seen = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return 0
    return seen if fingerprint == _fingerprint(request) else 0


def _fingerprint(request: HttpRequest) -> str:
    """Names the session without telling its key."""
    return salted_hmac(_SALT, request.session.session_key or "").hexdigest()[:20]
