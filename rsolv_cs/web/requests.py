"""A record and a count for each request, and an id that all records of a request share."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import quote

from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from customers.core import log_context
from rsolv_cs.monitoring import counted
from rsolv_cs.web.errors import not_found
from rsolv_cs.web.health import PATHS

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_METHOD = re.compile(r"[A-Z]{1,20}")


def log_requests(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Log method, path (without what is searched for), status, the user's id and the time; answer with the id."""

    def answer(request: HttpRequest) -> HttpResponse:
        asked = request.headers.get(HEADER, "")
        name = asked if _ID.fullmatch(asked) else uuid.uuid4().hex
        started, queries = time.monotonic(), counted.QueryTimer()
        with log_context.about(request=name):
            with ExitStack() as counting:
                for connection in connections.all():
                    counting.enter_context(connection.execute_wrapper(queries))
                response = get_response(request)
            response.headers[HEADER] = name
            took = time.monotonic() - started
            counted.count_request(request, response, took, queries)
            # A health check every few seconds would hide all else.
            level = logging.DEBUG if request.path in PATHS and response.status_code < 500 else logging.INFO
            if logger.isEnabledFor(level):
                _log(level, request, response, took)
        return response

    return answer


class RefuseNul(MiddlewareMixin):
    """No page has a NUL in its address, and PostgreSQL would not even look for what has one."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """Let it pass, or say that there is no such page."""
        return not_found(request) if "\0" in request.path else None


def _log(level: int, request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    # Known only where the page asked for it, or a token said so; to ask now would cost a query.
    token = getattr(request, "api_token", None)
    user = token.user if token else getattr(request, "_cached_user", None)
    method = request.method if _METHOD.fullmatch(request.method or "") else "?"
    details = {
        "method": method,
        "path": quote(request.path),
        "status": response.status_code,
        "user": user.pk if user else None,
        "ms": round(seconds * 1000),
    }
    logger.log(
        level, " ".join(f"{name}={'-' if value is None else value}" for name, value in details.items()), extra=details
    )
