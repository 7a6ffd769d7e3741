"""Traces by OTLP, of requests and of their queries on PostgreSQL: which page, how long, how it ended.

A span is written anew from what is named here, so that nothing else of it leaves: no address with its query, no
header, no client, no statement, no error's words.
"""

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, SpanKind, Status
from opentelemetry.util.types import AttributeValue

from rsolv_cs.web.health import PATHS

SERVICE = "rsolv-customer-success"
REQUEST, TABLE = "rsolv.request_id", "db.collection.name"
_METHODS = ("http.request.method", "http.method")
_STATEMENTS = ("db.query.text", "db.statement")
_KEPT = {
    *_METHODS,
    *("http.route", "http.response.status_code", "http.status_code", "error.type", "db.system", "db.system.name"),
    REQUEST,
}
_FIRST_WORD = re.compile(r"\s*([A-Za-z]+)")
_NAMES = re.compile(r"\w+")


def trace_requests() -> None:
    """Trace the requests of this process, which has not loaded its middleware yet."""
    resource = Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME") or SERVICE})
    provider = TracerProvider(resource=resource)
    address = f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(endpoint=address, headers=settings.OTEL_EXPORTER_OTLP_HEADERS)
    provider.add_span_processor(BatchSpanProcessor(Scrubbed(exporter)))
    unwatched = ",".join(f"{path}$" for path in PATHS)
    DjangoInstrumentor().instrument(tracer_provider=provider, excluded_urls=unwatched, response_hook=_name_request)
    PsycopgInstrumentor().instrument(tracer_provider=provider)


def _name_request(span: Span, _request: HttpRequest, response: HttpResponse) -> None:
    """Give a span the id by which our log has the request."""
    span.set_attribute(REQUEST, response.headers.get("X-Request-ID", ""))


class Scrubbed(SpanExporter):
    """Sends of each span what is known to name nobody; queries outside of a request are not sent."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them."""
        sent = [_kept(span) for span in spans if span.parent or span.kind != SpanKind.CLIENT]
        return self._exporter.export(sent)

    def shutdown(self) -> None:
        """End."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until all is sent."""
        return self._exporter.force_flush(timeout_millis)


def _kept(span: ReadableSpan) -> ReadableSpan:
    """Return what is sent in the place of a span."""
    given = span.attributes or {}
    attributes = {name: value for name, value in given.items() if name in _KEPT}
    statement = str(_first(given, _STATEMENTS))
    if statement:
        word = _FIRST_WORD.match(statement)
        name = word[1].upper() if word else "QUERY"
        if table := next((one for one in _NAMES.findall(statement) if one in _tables()), ""):
            attributes[TABLE] = table
            name = f"{name} {table}"
    else:
        name = f"{_first(given, _METHODS)} {given.get('http.route', '')}".strip() or "request"
    return ReadableSpan(
        name=name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _first(given: Mapping[str, AttributeValue], names: Sequence[str]) -> AttributeValue:
    return next((given[name] for name in names if name in given), "")


@cache
def _tables() -> frozenset[str]:
    return frozenset(model._meta.db_table for model in apps.get_models(include_auto_created=True))
