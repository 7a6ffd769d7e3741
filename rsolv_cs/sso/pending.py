"""Logins that have begun: kept in a signed cookie of the browser, since a visitor has no session in the database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.http import HttpRequest, HttpResponse

COOKIE = f"{settings.COOKIE_PREFIX}login"
SECONDS = 900
MOST_LETTERS = 3_800
"""Browsers keep no cookie that has, with its name and attributes, more than 4,096."""
_STATES, _NEXT, _AGAIN = "oidc_states", "next", "again"


class Pending(SessionStore):
    """What the package keeps of logins by their state, as it would keep it in a session."""

    def get_session_cookie_age(self) -> int:
        """Return for how many seconds it holds."""
        return SECONDS


@dataclass(frozen=True)
class Begun:
    """A login that has begun here."""

    nonce: str
    verifier: str
    next: str
    again: bool
    """Whether the provider was to ask for the password again."""


@contextmanager
def in_place_of_session(request: HttpRequest) -> Iterator[Pending]:
    """Let the package keep its states there."""
    session, pending = request.session, Pending(request.COOKIES.get(COOKIE))
    request.session = pending
    try:
        yield pending
    finally:
        request.session = session


def remember(pending: Pending, page: str, *, again: bool) -> None:
    """Keep with the newest login the page that it leads to, and whether the password was to be asked for again."""
    states = pending[_STATES]
    states[list(states)[-1]] |= {_NEXT: page, _AGAIN: again}


def take_begun(request: HttpRequest, response_to: str) -> tuple[Begun | None, Pending]:
    """Return the login that an answer belongs to, which counts once, and those that are left."""
    pending = Pending(request.COOKIES.get(COOKIE))
    found = pending.get(_STATES, {}).pop(response_to, None)
    pending.modified = True
    if not found or abs(time.time() - found["added_on"]) > SECONDS:
        return None, pending
    return Begun(found["nonce"], found["code_verifier"], found.get(_NEXT, ""), found.get(_AGAIN, False)), pending


def send_pending(response: HttpResponse, pending: Pending) -> None:
    """Send the cookie, or remove it where no login is left."""
    if not pending.get(_STATES):
        response.delete_cookie(COOKIE, samesite="Lax")
        return
    pending.save()
    for older in pending[_STATES].values():
        if len(str(pending.session_key)) > MOST_LETTERS:
            # That tab comes to the first page then, instead of no tab to any.
            older.pop(_NEXT, None)
            pending.save()
    response.set_cookie(
        COOKIE,
        str(pending.session_key),
        max_age=SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
