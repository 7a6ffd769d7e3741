"""``OTEL_*``: traces of a real server reach a real collector, and nothing of what was asked for does."""

import time
from pathlib import Path

import pytest
from django.db import connection
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from rsolv_cs.monitoring import traces
from tests.support.commands import python
from tests.support.processes import environment
from tests.support.serving import SECRET_KEY, ask, served
from tests.support.watchers import Watcher, unpacked, watching

SECRETS = ("c-secret-9", "query-secret", "cookie-secret", "rsolv_SECRETSECRETSECRETSECRET", "agent-secret")
ALLOWED = {*traces._KEPT, traces.TABLE}


def test_requests_of_a_real_server_arrive_and_name_nobody(migrated_database: str, tmp_path: Path) -> None:
    with watching() as collector:
        surroundings = {
            **environment(migrated_database),
            "SECRET_KEY": SECRET_KEY,
            "DEBUG": "1",
            "WORKERS": "1",
            "METRICS_DIR": str(tmp_path / "metrics"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-key=key-of-ours",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with served(tmp_path, surroundings) as port:
            customer, query, cookie, token, agent = SECRETS
            said = {"Cookie": f"sessionid={cookie}", "User_Agent": agent, "X_Request_ID": "abc-123"}
            assert ask(port, f"/admin/customer/{customer}/?q={query}", **said)[0] == 302
            assert ask(port, f"/{customer}?{query}", **said)[0] == 404
            assert ask(port, f"/api/v1/customers/{customer}", Authorization=f"Token {token}")[0] == 401
            assert ask(port, "/healthz")[0] == 200
            wait_for_spans(collector, 3)
        check_spans(collector)


def wait_for_spans(collector: Watcher, number: int) -> None:
    until = time.monotonic() + 30
    while sum(span.kind == SERVER for _name, _attributes, span in collector.spans()) < number:
        assert time.monotonic() < until, collector.text
        time.sleep(0.1)


SERVER, CLIENT = 2, 3
"""The kinds of spans in OTLP."""


def check_spans(collector: Watcher) -> None:
    assert {one.path for one in collector.told} == {"/v1/traces"}
    assert {one.headers["x-key"] for one in collector.told} == {"key-of-ours"}
    bodies = "".join(repr(unpacked(one)) for one in collector.told)
    assert [secret for secret in (*SECRETS, "127.0.0.1:", "sessionid", "WHERE") if secret in bodies] == []
    spans = collector.spans()
    requests = [(name, attributes) for name, attributes, span in spans if span.kind == SERVER]
    assert [name for name, _attributes in requests] == [
        "GET admin/customer/<str:pk>/",
        "GET",
        "GET api/v1/customers/<str:pk>",
    ]
    assert [
        str(attributes.get("http.status_code") or attributes["http.response.status_code"])
        for _name, attributes in requests
    ] == [
        *("302", "404", "401"),
    ]
    assert requests[0][1][traces.REQUEST] == "abc-123"
    for _name, attributes, span in spans:
        assert set(attributes) <= ALLOWED
        assert not span.events and not span.links and not span.status.message
    queries = [(name, attributes) for name, attributes, span in spans if span.kind == CLIENT]
    if connection.vendor == "postgresql":
        assert ("SELECT customers_apitoken", "customers_apitoken") in {
            (name, attributes.get(traces.TABLE)) for name, attributes in queries
        }


def exported(*, parent: bool, kind: SpanKind = SpanKind.CLIENT, **attributes: str) -> list[object]:
    """What is sent of a span that has failed."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(traces.Scrubbed(kept)))
    tracer = provider.get_tracer("tests")
    given = {name.replace("__", "."): value for name, value in attributes.items()}

    def fail() -> None:
        with tracer.start_as_current_span("Secret name", kind=kind, attributes=given) as span:
            span.add_event("secret", {"a": "secret"})
            raise ValueError("secret words")

    with pytest.raises(ValueError, match="secret"):
        if parent:
            with tracer.start_as_current_span("GET", kind=SpanKind.SERVER):
                fail()
        else:
            fail()
    return list(kept.get_finished_spans())


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ('SELECT "x" FROM "customers_customer" WHERE "email" = \'secret\'', "SELECT customers_customer"),
        ("  update customers_customer set x = 'secret'", "UPDATE customers_customer"),
        ("COPY secret_table FROM STDIN", "COPY"),
        ("/* secret */", "QUERY"),
    ],
)
def test_of_a_query_its_first_word_and_our_tables_name_are_sent(statement: str, name: str) -> None:
    [span, _request] = exported(parent=True, db__statement=statement, db__statement__parameters="('secret',)")
    assert span.name == name
    assert "secret" not in span.to_json().lower()
    assert span.status.description is None


def test_a_query_outside_of_a_request_is_not_sent() -> None:
    assert exported(parent=False, db__statement="SELECT 1") == []


def test_of_a_request_no_address_is_sent() -> None:
    [span] = exported(
        parent=False,
        kind=SpanKind.SERVER,
        http__method="GET",
        http__route="admin/customer/<str:pk>/",
        http__url="https://cs/admin/customer/secret/?q=secret",
        http__user_agent="secret",
        net__peer__ip="192.0.2.1",
    )
    assert span.name == "GET admin/customer/<str:pk>/"
    assert set(span.attributes) == {"http.method", "http.route"}
    assert "secret" not in span.to_json().lower()


def test_how_sending_went_is_passed_on() -> None:
    class Broken(InMemorySpanExporter):
        def export(self, _spans: object) -> SpanExportResult:
            return SpanExportResult.FAILURE

    assert traces.Scrubbed(Broken()).export([]) is SpanExportResult.FAILURE


def test_without_the_setting_nothing_of_opentelemetry_is_loaded() -> None:
    program = "import sys, rsolv_cs.wsgi; print('opentelemetry' in sys.modules)"
    done = python("-c", program, DEBUG=1)
    assert (done.code, done.out) == (0, "False\n")
