"""``SENTRY_DSN``: errors reach a real HTTP server, and nothing of what they were about does."""

import re
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from rsolv_cs import checks
from rsolv_cs.monitoring import optional
from tests.support.commands import Ran, python
from tests.support.settings import complaint, start
from tests.support.watchers import Watcher, watching

SECRETS = ("Acme Secret", "ann.secret@acme.example", "rsolv_SECRETSECRETSECRETSECRET", "cookie-secret", "query-secret")
PROGRAM = """
import logging, sys, threading
import django
django.setup()
from django.db import IntegrityError
from django.test import Client
from customers.core import log_context
from rsolv_cs.web import health

SECRETS = {secrets!r}

def fail():
    customer, mail, token, *_more = SECRETS
    try:
        raise IntegrityError(f"Key (email)=({{mail}}) exists\\nDETAIL: ({{customer}}, {{token}})")
    except IntegrityError as error:
        raise ValueError(f"{{customer}} {{mail}} {{token}}") from error

health._answers = fail
headers = {{"Authorization": f"Token {{SECRETS[2]}}", "User-Agent": SECRETS[0]}}
client = Client(raise_request_exception=False, headers=headers)
client.cookies["sessionid"] = SECRETS[3]
answer = client.get(f"/readyz?q={{SECRETS[4]}}", headers={{"X-Request-ID": "abc-123"}})
assert answer.status_code == 500
with log_context.about(night=7, run=9):
    try:
        fail()
    except ValueError:
        logging.getLogger("customers.imports.load").exception("Run %s of %s failed", 9, SECRETS[0], stack_info=True)
logging.getLogger("somebody.else").error(f"All of {{SECRETS[0]}}")
logging.getLogger("customers").warning("No error")
logging.getLogger("django.request").error("Unavailable: %s", "/x", extra={{"status_code": 503}})
logging.getLogger("opentelemetry.exporter").error("The collector is down")

def ends():
    secret = SECRETS[1]
    raise RuntimeError(secret)

thread = threading.Thread(target=ends)
thread.start()
thread.join()
raise KeyError(SECRETS[0])
"""


@pytest.fixture
def sentry() -> Iterator[Watcher]:
    with watching() as watcher:
        yield watcher


def broken(watcher: Watcher) -> Ran:
    """A process in which errors happen, and which ends by one."""
    return python(
        "-c",
        PROGRAM.format(secrets=SECRETS),
        DEBUG=1,
        SENTRY_DSN=f"http://key@127.0.0.1:{watcher.port}/42",
        SENTRY_ENVIRONMENT="tests",
        DJANGO_SETTINGS_MODULE="rsolv_cs.settings",
    )


def test_errors_arrive_with_where_and_without_what(sentry: Watcher) -> None:
    done = broken(sentry)
    assert done.code == 1
    sentry.wait(5)
    assert {one.path for one in sentry.told} == {"/api/42/envelope/"}
    for secret in (*SECRETS, "Acme", "acme.example", "DETAIL"):
        assert secret not in sentry.text
    events = {event.get("logger") or event["exception"]["values"][-1]["type"]: event for event in sentry.events()}
    assert set(events) == {"django.request", "customers.imports.load", "somebody.else", "RuntimeError", "KeyError"}
    page = events["django.request"]
    assert page["transaction"] == "readyz"
    assert page["tags"] == {"request": "abc-123", "page": "readyz", "method": "GET"}
    assert page["environment"] == "tests"
    assert [one["type"] for one in page["exception"]["values"]] == ["IntegrityError", "ValueError"]
    frame = page["exception"]["values"][-1]["stacktrace"]["frames"][-1]
    assert (frame["function"], set(frame)) == ("fail", {"filename", "module", "function", "lineno", "in_app"})
    night = events["customers.imports.load"]
    assert night["tags"] == {"night": "7", "run": "9"}
    assert night["logentry"] == {"message": "Run %s of %s failed"}
    assert events["somebody.else"]["logentry"] == {"message": "A record of somebody.else"}


def test_nothing_but_the_named_parts_of_an_event_leaves(sentry: Watcher) -> None:
    broken(sentry)
    sentry.wait(5)
    parts = set().union(*map(set, sentry.events()))
    assert parts <= {
        *("event_id", "timestamp", "level", "logger", "platform", "release", "environment", "server_name", "sdk"),
        *("tags", "transaction", "logentry", "exception"),
    }
    assert not re.search(r"vars|abs_path|context_line|breadcrumbs|\"request\":{|\"user\"|modules", sentry.text)


def test_without_the_setting_nothing_of_sentry_is_loaded() -> None:
    program = "import sys, django; django.setup(); print('sentry_sdk' in sys.modules)"
    done = python("-c", program, DEBUG=1, DJANGO_SETTINGS_MODULE="rsolv_cs.settings")
    assert (done.code, done.out) == (0, "False\n")


@pytest.mark.parametrize("outlet", [optional.ERRORS, optional.TRACES])
def test_a_missing_package_is_told_of_and_nothing_is_sent(
    outlet: optional.Outlet, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    setattr(settings, outlet.setting, "http://key@127.0.0.1:9/1")
    assert checks.watch_needs_packages() == []
    monkeypatch.setattr(optional, "find_spec", lambda _name: None)
    [told] = checks.watch_needs_packages()
    assert (told.id, outlet.setting in told.msg) == ("rsolv_cs.W020", True)
    assert "requirements-watch.txt" in str(told.hint)
    outlet.start()
    assert f"{outlet.setting} is set, but nothing is sent: make setup-watch" in caplog.text
    setattr(settings, outlet.setting, "")
    assert checks.watch_needs_packages() == []


# --- Settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "SENTRY_DSN",
            "s3cr3t@host/1",
            "SENTRY_DSN cannot be read; use https://key@host/number, as the project's page has it.",
        ),
        (
            "SENTRY_DSN",
            "https://s3cr3t@host/",
            "SENTRY_DSN cannot be read; use https://key@host/number, as the project's page has it.",
        ),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "s3cr3t:4317",
            "OTEL_EXPORTER_OTLP_ENDPOINT is not an address; use one such as http://127.0.0.1:4318.",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "a=b,s3cr3t",
            "OTEL_EXPORTER_OTLP_HEADERS: number 2 is not as in name=value,name=value.",
        ),
        (
            "METRICS_NETWORKS",
            "10.0.0.0/8, 10.0.5.1/24",
            "METRICS_NETWORKS: '10.0.5.1/24' is not a network; use one such as 192.0.2.0/24 or 2001:db8::/32.",
        ),
        ("METRICS_DIR", "/dev/null", "METRICS_DIR='/dev/null' is not a folder."),
    ],
)
def test_a_bad_value_stops_the_start_and_no_secret_is_told(name: str, value: str, message: str) -> None:
    done = start(**{name: value})
    assert complaint(done) == message
    assert "s3cr3t" not in done.err
