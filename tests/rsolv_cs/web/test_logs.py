"""Log records: their form, what they are about, and that nobody's text can forge one or tell who somebody is."""

import io
import json
import logging
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings as project
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from customers.core import log_context
from customers.feeds.declarations import FEEDS
from customers.models import ImportRun
from rsolv_cs.web import logs
from tests.factories import csv_row, make_staff, write_feed
from tests.support.commands import python, run
from tests.support.tokens import make_token

FORGERY = "x\n2026-01-01 00:00:00,000 ERROR root: forged\r\x1b[2K\u2028forged\u2029\x85\x0b\x0c\u202egnihton"
DETAIL = "\nDETAIL: Failing row contains (Ann Miller, ann@b.example)"
BREAKS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}[+-]\d\d:\d\d [A-Z]+ .+: .*|  \| .*)$")


class Heard:
    """What a handler with one of our formatters has written."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(formatter)
        self.handler.addFilter(logs.Context())

    @property
    def lines(self) -> list[str]:
        """Its lines, as a tool splits them that knows every kind of line break."""
        return self.stream.getvalue().splitlines()

    @property
    def objects(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.stream.getvalue().split("\n") if line]


def hear(formatter: logging.Formatter) -> Iterator[Heard]:
    heard = Heard(formatter)
    root, requests = logging.getLogger(), logging.getLogger("rsolv_cs.web.requests")
    level = requests.level
    root.addHandler(heard.handler)
    requests.setLevel(logging.INFO)
    yield heard
    root.removeHandler(heard.handler)
    requests.setLevel(level)


@pytest.fixture
def line() -> Iterator[Heard]:
    yield from hear(logs.Line())


@pytest.fixture
def as_json() -> Iterator[Heard]:
    yield from hear(logs.Json())


def log_an_error(text: str) -> None:
    try:
        try:
            raise ValueError(text)
        except ValueError as error:
            raise RuntimeError(text + DETAIL) from error
    except RuntimeError:
        logging.getLogger("customers.imports.load").exception("Run %s of %s failed", 3, text)


# --- Forgery ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [FORGERY, "\n", "\r", "\x1b[31m", "\u2028", "a\x00b", "\u0085"])
def test_no_text_can_forge_a_line(line: Heard, text: str) -> None:
    with log_context.about(request=text, run=3):
        log_an_error(text)
        logging.getLogger(text).warning("%s", text)
    assert [found for found in line.lines if not LINE.match(found)] == []
    records = [found for found in line.lines if not found.startswith("  | ")]
    assert len(records) == 2
    this_year = str(datetime.now(UTC).year)
    assert all(found.startswith(this_year) for found in records)
    assert not BREAKS.search(line.stream.getvalue())


def test_no_text_can_forge_an_object(as_json: Heard) -> None:
    with log_context.about(request=FORGERY):
        log_an_error(FORGERY)
    assert as_json.stream.getvalue().isascii()
    [said] = as_json.objects
    assert said["level"] == "ERROR"
    assert not BREAKS.search("".join([str(said["message"]), str(said["request"]), *said["trace"]]))


def test_half_a_character_of_a_file_name_is_escaped() -> None:
    assert logs.safe("\ud800") == "\\ud800"


@given(st.text())
def test_safe_text_is_one_line_without_controls(text: str) -> None:
    found = logs.safe(text)
    assert found.splitlines() in ([], [found])
    assert not BREAKS.search(found)
    found.encode()


@pytest.mark.parametrize("address", ["/x%0aforged", "/x%0d%0aforged", "/x%e2%80%a8forged", "/x%1b[2K", "/x y=1"])
@pytest.mark.django_db
def test_no_request_can_forge_a_line(line: Heard, client: Client, address: str) -> None:
    client.get(address, headers={"X-Request-ID": "a\nforged", "User-Agent": FORGERY, "Host": "evil\nforged"})
    client.get(address)
    assert [found for found in line.lines if not LINE.match(found)] == []
    assert not [found for found in line.lines if found.startswith("forged")]
    assert line.lines


@pytest.mark.django_db
def test_no_file_can_forge_a_line(line: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise ValueError(FORGERY)

    monkeypatch.setattr("customers.imports.load.merge", fail)
    write_feed(tmp_path, "customers", [csv_row("customers", organization=FORGERY)])
    run("import_csvs", "--dir", tmp_path, "--feed", "customers")
    assert "ValueError: x" in line.stream.getvalue()
    assert [found for found in line.lines if not LINE.match(found)] == []


# --- What it does not tell ----------------------------------------------------------------------------------------


def test_addresses_and_what_a_database_repeats_of_a_row_are_left_out(line: Heard, as_json: Heard) -> None:
    logging.getLogger("a").warning("Refused: {'ann.miller+x@b.example': (550, b'no')} <bob@c.example>")
    log_an_error("Key (email)=(ann@b.example) exists")
    for told in (line.stream.getvalue(), as_json.stream.getvalue()):
        assert "example" not in told
        assert "Miller" not in told
        assert "<address>" in told
        assert "RuntimeError: Key (email)=(<address>) exists" in told
        assert "test_logs.py" in told, "the frames are there"


@pytest.mark.django_db
def test_no_token_is_logged_wherever_it_is_put(line: Heard, as_json: Heard, client: Client) -> None:
    user = make_staff("Viewer")
    secret = make_token(user)
    client.get("/api/v1/runs", headers={"Authorization": f"Token {secret}"})
    assert f"path=/api/v1/runs status=200 user={user.pk} " in line.stream.getvalue()
    client.get(f"/api/v1/runs/{secret}?token={secret}", headers={"X-Api-Key": f"{secret}x"})
    log_an_error(f"Refused: {secret}")
    for told in (line.stream.getvalue(), as_json.stream.getvalue()):
        assert secret not in told
        assert "/api/v1/runs/<token>" in told
        assert "Refused: <token>" in told


@pytest.mark.django_db
def test_what_somebody_searches_for_is_not_logged(line: Heard, client: Client) -> None:
    client.force_login(make_staff("Viewer", username="ann.miller"))
    client.get("/admin/?q=Ann+Miller")
    assert "path=/admin/ " in line.stream.getvalue()
    assert "iller" not in line.stream.getvalue()


# --- What a record is about ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_request_is_logged_with_what_was_asked_and_by_whom(line: Heard, as_json: Heard, client: Client) -> None:
    user = make_staff("Viewer")
    client.force_login(user)
    response = client.get("/admin/tasks/?whose=everybody", headers={"X-Request-ID": "abc-123"})
    assert response["X-Request-ID"] == "abc-123"
    [said] = as_json.objects
    assert {name: said[name] for name in ("logger", "level", "request", "method", "path", "status", "user")} == {
        "logger": "rsolv_cs.web.requests",
        "level": "INFO",
        "request": "abc-123",
        "method": "GET",
        "path": "/admin/tasks/",
        "status": 200,
        "user": user.pk,
    }
    assert isinstance(said["ms"], int)
    assert re.search(
        rf"INFO rsolv_cs\.web\.requests request=abc-123:"
        rf" method=GET path=/admin/tasks/ status=200 user={user.pk} ms=\d+$",
        line.lines[0],
    )


@pytest.mark.parametrize("asked", ["", "a b", "a\nb", "x" * 65, "é", "a;b", "../x"])
def test_a_strange_request_id_is_replaced(asked: str) -> None:
    given = Client().get("/healthz", headers={"X-Request-ID": asked})["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", given)
    kept = "A" * 64
    assert Client().get("/healthz", headers={"X-Request-ID": kept})["X-Request-ID"] == kept


def test_health_checks_are_not_logged_and_no_user_is_looked_up(line: Heard) -> None:
    # Without the mark for a database, a query would fail the test.
    Client().get("/healthz")
    assert line.lines == []
    Client().get("/", headers={"cookie": "sessionid=abc"})
    assert "status=302 user=- " in line.lines[0]


@pytest.mark.django_db
def test_records_of_a_night_carry_its_id_and_that_of_the_run(
    as_json: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.EXPORT_DIR = tmp_path / "exports"

    def fail(*_arguments: object, **_named: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr("customers.imports.load.merge", fail)
    for name in ("customers", "onboarding", "engagement"):
        write_feed(tmp_path, name, [csv_row(name)])
    assert run("nightly", "--dir", tmp_path).code == 1
    runs = {found.pk for found in ImportRun.objects.all()}
    failed = [said for said in as_json.objects if said["logger"] == "customers.imports.load"]
    assert {said["run"] for said in failed} == runs
    assert len({said["night"] for said in failed}) == 1
    assert log_context.current() == {}
    assert len(runs) == 3
    assert set(FEEDS) >= {"customers"}


# --- The setting --------------------------------------------------------------------------------------------------

SAY = "import django, logging; django.setup(); logging.getLogger('a.b').error('it \\n broke')"
SECRET_KEY = "a random key of thirty-two letters or more"


@pytest.mark.parametrize("form", ["line", "json", "JSON"])
def test_the_setting_chooses_the_form(form: str) -> None:
    done = python("-c", SAY, SECRET_KEY=SECRET_KEY, LOG_FORMAT=form, DJANGO_SETTINGS_MODULE="rsolv_cs.settings")
    assert (done.code, done.out) == (0, "")
    [said] = done.err.splitlines()
    if form == "line":
        assert said.endswith(" ERROR a.b: it \\n broke")
    else:
        assert json.loads(said)["message"] == "it \\n broke"


@pytest.mark.parametrize(
    ("zone", "at", "said"),
    [
        ("UTC", 1_746_930_600.123, "2025-05-11 02:30:00,123+00:00"),
        ("Europe/Berlin", 1_746_930_600.0, "2025-05-11 04:30:00,000+02:00"),
        # The hour that comes twice, an hour apart.
        ("Europe/Berlin", 1_761_438_600.0, "2025-10-26 02:30:00,000+02:00"),
        ("Europe/Berlin", 1_761_442_200.0, "2025-10-26 02:30:00,000+01:00"),
        ("Asia/Kathmandu", 1_746_930_600.5, "2025-05-11 08:15:00,500+05:45"),
    ],
)
def test_a_line_says_how_far_its_time_is_from_utc(
    zone: str, at: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        record = logging.makeLogRecord({"created": at, "msg": "x", "name": "a", "levelname": "INFO"})
        assert logs.Line().format(record) == f"{said} INFO a: x"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_another_word_stops_the_start() -> None:
    done = python("-c", "import rsolv_cs.settings", DEBUG=1, LOG_FORMAT="xml")
    assert done.err.splitlines()[-1].endswith("LOG_FORMAT='xml' is none of: line, json.")


def test_the_console_is_the_only_handler_and_has_the_filter() -> None:
    assert project.LOGGING["root"]["handlers"] == ["console"]
    assert project.LOGGING["handlers"]["console"]["filters"] == ["context"]
