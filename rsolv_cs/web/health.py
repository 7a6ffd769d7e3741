"""Whether the application is alive, and whether it is fit for work: for those who watch it, without a login.

Neither says more than words of its own: no names, figures, versions or errors; the log has those.
"""

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from analytics.nights import ledger
from customers.core.replica.watch import WATCH, is_used
from customers.core.sql import fetch
from customers.core.storage import areas
from customers.jobs.schema import lacking
from customers.text.say import english

logger = logging.getLogger(__name__)

PATHS = ("/healthz", "/readyz", "/metrics")
"""What those ask for who watch us, again and again; the last of them is elsewhere, and not for everybody."""
OK, FAILING, LEFT_OUT = "ok", "failing", english("left out")


@require_safe
@never_cache
def alive(_request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is looked at, so that a broken database restarts no web server."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
def ready(_request: HttpRequest) -> HttpResponse:
    """The storage can be written, the database answers and is migrated, the last night was well; 503 where not."""
    checks: dict[str, Callable[[], bool]] = {
        "storage": _can_be_written,
        "database": _answers,
        "migrations": _migrated,
        "night": _night_is_well,
    }
    found = dict.fromkeys(checks, FAILING)
    for name, check in checks.items():
        try:
            found[name] = OK if check() else FAILING
        except Error as error:
            logger.warning("Not ready: %s cannot be read: %s", name, type(error).__name__)
            if name == "database":
                # The others would each wait for it as long.
                break
    status = 200 if set(found.values()) == {OK} else 503
    if is_used():
        # Without it everything works, only that the primary has all of it to do.
        found["replica"] = LEFT_OUT if WATCH.verdict().why else OK
    return JsonResponse(found, status=status)


class AnyHost(MiddlewareMixin):
    """Lets who watches come under any name, such as the machine's address, and with any cookies.

    ALLOWED_HOSTS guards what a page makes of the name that it was asked under; these make nothing of it. To look
    for the session of a cookie would take the database, which may be down.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Take a name of ours for what was asked, and drop the cookies."""
        if request.path in PATHS:
            name = next(iter(settings.ALLOWED_HOSTS), "localhost")
            request.META["HTTP_HOST"] = "localhost" if name == "*" else name.lstrip(".")
            request.META.pop("HTTP_COOKIE", None)


def _answers() -> bool:
    return fetch("SELECT 1") == [(1,)]


def _can_be_written() -> bool:
    if problem := areas.problem():
        logger.warning("Not ready: storage cannot be written: %s", problem)
    return not problem


def _migrated() -> bool:
    return not lacking()


def _night_is_well() -> bool:
    return ledger.night_problem(ledger.read_status()) is None
