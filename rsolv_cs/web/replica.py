"""Which requests are read from the replica, where there is one: whoever looks, and has seen nothing newer.

Nobody is shown an older state than one that they have made, seen, or been told of. How far the primary was then
goes with the browser in two cookies, and with a token of the API in its row: a replica that is as far is read from.
After ``kept_seconds`` each that is read from has it anyway. Two cookies, because the answer to what somebody looked at
may arrive after the answer to what they have done meanwhile.
"""

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.db import Error
from django.db.models import BigIntegerField
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.exceptions import NotFound

from customers.core.database_errors import is_busy, is_unavailable
from customers.core.replica import routing
from customers.core.replica.watch import COUNTS_SECONDS, INSERTED, WATCH, position
from customers.models import ApiToken
from rsolv_cs.monitoring import counted

logger = logging.getLogger(__name__)

TOLD = "X-Told"
"""How far the primary was when an open page was told by its socket; live.js passes it on."""
SAFE = {"GET", "HEAD"}
WROTE, SAW = (f"{settings.COOKIE_PREFIX}{name}" for name in ("wrote", "saw"))
OF_THE_PRIMARY = (
    *("_add", "_change", "_delete", "_invitation"),
    *("edit-board", "edit-report", "erase-customer", "undo-run"),
)
"""End the names of pages that read in a transaction, so from the primary: whole, and not half of them."""
UNKNOWN = 2**62
"""Further than any server: nothing but the primary has it."""
_NUMBER = re.compile(r"[0-9]{1,19}")
_SALT = "rsolv_cs.replica"
_SPARE_SECONDS = 7
_PERHAPS_THERE = (Error, Http404, NotFound, ObjectDoesNotExist)
"""What the primary may answer where the replica fails, or lacks what was asked for."""


def kept_seconds() -> int:
    """Return for how long it is kept how far the primary was."""
    return round(settings.DATABASE_REPLICA_LAG + COUNTS_SECONDS) + _SPARE_SECONDS


class ReplicaReads:
    """Lets a request read from the replica once it is known who asks; it is the last middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        WATCH.start()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and note how far the primary is where that was read or written."""
        WATCH.start()
        with routing.of_request() as reading:
            response = self.get_response(request)
        has_written = reading.has_written or request.method not in SAFE
        if not has_written and isinstance(request.user, User):
            counted.count_looked(from_replica=reading.from_replica)
        if has_written or not reading.from_replica:
            _remember(request, response, has_written=has_written)
        return response

    def process_view(self, request: HttpRequest, _view: object, _positional: object, _named: object) -> None:
        """Begin to read from the replica where somebody who is logged in looks at something."""
        name = (request.resolver_match and request.resolver_match.url_name) or ""
        if isinstance(request.user, User) and not name.endswith(OF_THE_PRIMARY):
            read_from_replica(
                request, request.user, max(_cookie(request, WROTE), _cookie(request, SAW), _told(request))
            )

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """Ask the primary where the replica fails, or lacks what was asked for."""
        reading, match = routing.reading_now(), request.resolver_match
        if match is None or not reading.from_replica or not isinstance(error, _PERHAPS_THERE):
            return None
        if is_unavailable(error) and not is_busy(error):
            WATCH.doubt()
        if isinstance(error, Error):
            logger.warning("The replica could not answer: %s", type(error).__name__)
        reading.from_replica, reading.has_failed = False, True
        answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        render = getattr(answer, "render", None)
        return render() if render else answer


def read_from_replica(request: HttpRequest, user: User, needed: int) -> None:
    """Let a request that looks read from the replica, where that has what was written up to a position."""
    reading, lately = routing.reading_now(), timezone.now() - timedelta(seconds=kept_seconds())
    if reading.has_failed or request.method not in SAFE:
        return
    # The row of an account that was just made may not be there, and each page asks for it.
    reading.from_replica = user.date_joined < lately and WATCH.has(needed)


def read_with_token(request: HttpRequest, token: ApiToken) -> None:
    """Let a request of a token that looks read from the replica, where that has what the token has written."""
    with suppress(Error):
        if WATCH.is_of_another_cluster(token.written):
            _note_written(token)
    read_from_replica(request, token.user, token.written)


def _note_written(token: ApiToken) -> None:
    """Note how far the primary is, of whatever cluster the one before was: only here it never goes back by itself.

    The server says so as it writes the row, so that of two requests at a time the later one has the last word.
    """
    ApiToken.objects.filter(pk=token.pk).update(written=RawSQL(INSERTED, (), BigIntegerField()))  # noqa: S611 - no value in it


def _remember(request: HttpRequest, response: HttpResponse, *, has_written: bool) -> None:
    token: ApiToken | None = getattr(request, "api_token", None)
    is_known = isinstance(request.user, User)
    if not (has_written or (is_known and not token)):
        return
    try:
        if token:
            _note_written(token)
            return
        there = position()
    except Error:
        there = UNKNOWN
    if token is None:
        response.set_signed_cookie(
            WROTE if has_written else SAW,
            str(there),
            salt=_SALT,
            max_age=kept_seconds(),
            path=settings.SESSION_COOKIE_PATH,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite=settings.SESSION_COOKIE_SAMESITE,
        )


def _cookie(request: HttpRequest, name: str) -> int:
    return _number(request.get_signed_cookie(name, default="", salt=_SALT, max_age=kept_seconds()) or "")


def _told(request: HttpRequest) -> int:
    return _number(request.headers.get(TOLD, ""))


def _number(text: str) -> int:
    return min(int(text), UNKNOWN) if _NUMBER.fullmatch(text) else 0
