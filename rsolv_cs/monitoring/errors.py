"""Errors for Sentry, by ``SENTRY_DSN``: what broke and where, and nothing of what it was about.

An event is written anew from what is named here, so that nothing else of it leaves: neither an error's own words, in
which a row may stand, nor variables, requests, headers, users or arguments of a log record. Its tags lead to the lines
of our log, which have the words.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus

import sentry_sdk
from django.conf import settings
from django.http import HttpRequest
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.integrations.threading import ThreadingIntegration
from sentry_sdk.types import Event, Hint

from customers.core import log_context
from rsolv_cs.monitoring.counted import METHODS, OTHER, page_of

_KEPT = ("event_id", "timestamp", "level", "logger", "platform", "release", "environment", "server_name", "sdk")
_OF_A_FRAME = ("filename", "module", "function", "lineno", "in_app")
_OUR_LOGGERS = ("rsolv_cs", "analytics", "customers")


def send_errors() -> None:
    """Send each error that is logged, and each that ends a thread or a process."""
    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR),
            AtexitIntegration(callback=lambda _pending, _timeout: None),
            DedupeIntegration(),
            ExcepthookIntegration(),
            ThreadingIntegration(),
        ],
        before_send=told,
        max_breadcrumbs=0,
        include_local_variables=False,
        include_source_context=False,
        send_client_reports=False,
        auto_session_tracking=False,
        max_request_body_size="never",
        in_app_include=["rsolv_cs", "analytics", "customers"],
    )


def told(event: Event, hint: Hint) -> Event | None:
    """Return what is sent in the place of an event; None where an outage makes one of every request."""
    given: Mapping[str, object] = event
    record = hint.get("log_record")
    if _is_of_an_outage(record):
        return None
    sent: dict[str, object] = {name: given[name] for name in _KEPT if name in given}
    tags = sent["tags"] = {name: str(value) for name, value in log_context.current().items()}
    request = getattr(record, "request", None)
    if isinstance(request, HttpRequest):
        sent["transaction"] = tags["page"] = page_of(request)
        tags["method"] = str(request.method) if request.method in METHODS else OTHER
    if isinstance(record, logging.LogRecord):
        sent["logentry"] = {"message": _words(record)}
    if "exception" in given:
        sent["exception"] = {"values": [_error(one) for one in _below(given["exception"], "values")]}
    return sent  # type: ignore[return-value]  # a dictionary of an event's parts is one


def _is_of_an_outage(record: object) -> bool:
    """Whether a record says that the database is down, as /readyz and /metrics do, or the collector of traces."""
    unavailable = getattr(record, "status_code", None) == HTTPStatus.SERVICE_UNAVAILABLE
    return unavailable or str(getattr(record, "name", "")).startswith("opentelemetry")


def _words(record: logging.LogRecord) -> str:
    """The words of a record as they stand in the code; others may have put anything into theirs."""
    is_ours = record.name.partition(".")[0] in _OUR_LOGGERS
    return record.msg if isinstance(record.msg, str) and (is_ours or record.args) else f"A record of {record.name}"


def _error(error: Mapping[str, object]) -> dict[str, object]:
    """The kind of an error, and the lines of code that led to it."""
    frames = _below(error.get("stacktrace"), "frames")
    return {
        "type": error.get("type"),
        "module": error.get("module"),
        "stacktrace": {"frames": [{name: one[name] for name in _OF_A_FRAME if name in one} for one in frames]},
    }


def _below(found: object, name: str) -> list[Mapping[str, object]]:
    """What is listed in an event's part, or below a name of it."""
    listed = found.get(name) if isinstance(found, dict) else found
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
