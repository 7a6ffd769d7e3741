"""Where somebody is logged in: kept from login to logout, listed to them, and ended on demand.

A session is ended by deleting Django's row of it, whatever else is known of it; ``OpenSession`` is there to be read.
"""

import re
from datetime import UTC, datetime

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from customers.audit import trail
from customers.core.client import client_address
from customers.core.pages import user_of
from customers.core.sql import waiting_at_most
from customers.models import OpenSession
from customers.text.say import english, say

_BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}
"""What a browser calls itself, in the order to look for it: most also claim to be those below."""


def opened(request: HttpRequest, user: User, started: int, at: int) -> None:
    """Note whose session the one of a request is."""
    if request.session.session_key is None:
        # Somebody else was logged in before, whose session is gone.
        request.session.create()
    browser = re.sub(r"[^ -~]", "", request.headers.get("User-Agent", ""))
    OpenSession.objects.update_or_create(
        key=request.session.session_key,
        defaults={
            "user": user,
            "started": datetime.fromtimestamp(started, UTC),
            "seen": datetime.fromtimestamp(at, UTC),
            "address": client_address(request),
            "browser": browser[: OpenSession.MAX_BROWSER],
        },
    )


def seen(request: HttpRequest, started: int, at: int) -> None:
    """Note that somebody was there, unless the database is held by an import: no page waits for this."""
    try:
        with waiting_at_most(0):
            rows = OpenSession.objects.filter(key=request.session.session_key)
            if not rows.update(seen=datetime.fromtimestamp(at, UTC)):
                # It is older than this list.
                opened(request, user_of(request), started, at)
    except DatabaseError:
        return


def renamed(old: str, new: str) -> None:
    """A session has got another key."""
    OpenSession.objects.filter(key=old).update(key=new)


def of(user: User) -> list[OpenSession]:
    """The sessions that a user has now, the one last used first."""
    alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    return list(OpenSession.objects.filter(user=user, key__in=alive))


def end(keys: list[str]) -> int:
    """End sessions; return how many there were."""
    OpenSession.objects.filter(key__in=keys).delete()
    return Session.objects.filter(session_key__in=keys).delete()[0]


def end_all(user: User, but: str | None = None) -> int:
    """End every session of a user, or all but one; return how many there were."""
    alive = Session.objects.filter(expire_date__gt=timezone.now()).exclude(session_key=but or "")
    return end([one.session_key for one in alive if one.get_decoded().get(SESSION_KEY) == str(user.pk)])


def device(agent: str) -> str:
    """What a browser says of itself, in words; it may say anything."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    browser = browser or gettext("Unknown browser")
    return say("{browser} on {system}", browser=browser, system=system) if system else browser


@receiver(user_logged_out, dispatch_uid="rsolv_cs.forget_session")
def _closed(request: HttpRequest | None, **_more: object) -> None:
    if request is not None:
        OpenSession.objects.filter(key=request.session.session_key).delete()


@receiver(post_save, sender=User, dispatch_uid="rsolv_cs.end_sessions")
def _end_with_the_account(instance: User, created: bool, raw: bool, **_more: object) -> None:
    """Whoever may not log in any more is logged out for good, or would be in again with the account."""
    if raw or created or (instance.is_active and instance.is_staff):
        return
    if count := end_all(instance):
        said = english(f"{count} session{'s' if count > 1 else ''} ended, because the account cannot log in any more")
        trail.record(trail.Action.LOGOUT, instance, detail=said)
