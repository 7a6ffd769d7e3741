"""What processes count while they work: requests by their page's name, and the sockets of open pages."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from rsolv_cs.monitoring import shared

logger = logging.getLogger(__name__)

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds in seconds about what pages take; few, because each page has them all."""
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
OTHER = "other"
"""Instead of a method or a page that nobody has declared: a stranger's words make no new series."""

_requests = shared.declare_counter(
    "rsolv_http_requests", "Requests that were answered, by the page’s name.", ("page", "method", "status")
)
_seconds = shared.declare_histogram(
    "rsolv_http_request_duration_seconds", "How long requests took to answer, by the page’s name.", ("page",), BUCKETS
)
_queries = shared.declare_counter("rsolv_http_request_queries", "Queries of requests to the database.", ("page",))
_query_seconds = shared.declare_counter(
    "rsolv_http_request_query_seconds", "How long requests waited for the database.", ("page",)
)
_looked = shared.declare_counter(
    "rsolv_replica_requests", "Requests that looked at something, by the database that they were read from.", ("from",)
)
_sockets = shared.declare_gauge("rsolv_websockets", "WebSockets of open pages.", ("state",))
_messages = shared.declare_counter(
    "rsolv_websocket_messages", "What was said to open pages, by what it was.", ("kind",)
)


class QueryTimer:
    """Counts the queries of a request, and how long they took."""

    def __init__(self) -> None:
        self.queries = 0
        self.seconds = 0.0

    def __call__(self, execute: Callable[..., object], *asked: object) -> object:
        """Run a query."""
        began = time.perf_counter()
        try:
            return execute(*asked)
        finally:
            self.queries += 1
            self.seconds += time.perf_counter() - began


def count_request(request: HttpRequest, response: HttpResponse, seconds: float, database: QueryTimer) -> None:
    """Count a request that was answered."""
    page, method = page_of(request), request.method
    with _worth_more():
        _requests.labels(page, method if method in METHODS else OTHER, str(response.status_code)).inc()
        _seconds.labels(page).observe(seconds)
        if database.queries:
            _queries.labels(page).inc(database.queries)
            _query_seconds.labels(page).inc(database.seconds)


@contextmanager
def _worth_more() -> Iterator[None]:
    """Let a page be answered though it cannot be counted."""
    try:
        yield
    except OSError as error:
        logger.warning("A request was not counted: %s", error.strerror)


def count_looked(*, from_replica: bool) -> None:
    """Count a request of who looked at something, where there is a replica."""
    with _worth_more():
        _looked.labels("replica" if from_replica else "primary").inc()


def page_of(request: HttpRequest) -> str:
    """Return the name of the page that was asked for, in which no customer stands."""
    if request.resolver_match:
        return request.resolver_match.view_name
    return "static" if request.path.startswith(settings.STATIC_URL) else OTHER


def count_sockets(number: int) -> None:
    """Note how many sockets this process keeps."""
    _sockets.labels("open").set(number)


def count_messages(kind: str, number: int) -> None:
    """Count what was said to sockets: the ``state``, or good-bye (``closed``)."""
    _messages.labels(kind).inc(number)
