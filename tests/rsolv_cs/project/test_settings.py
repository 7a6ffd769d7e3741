"""The settings: what stops the start, what the environment makes of them, and what the database really does."""

import json
import os
import traceback
from pathlib import Path
from runpy import run_path
from unittest.mock import patch

import pytest
from django.core.exceptions import ImproperlyConfigured

from rsolv_cs import settings as read_before
from tests.support import ROOT
from tests.support.commands import Ran, python

SECRET = "s3cr3t-of-the-database"
SHOW = "import json, rsolv_cs.settings as s; print(json.dumps({name: getattr(s, name) for name in %r}, default=str))"


def start(**environment: str) -> Ran:
    """Read the settings anew, with nothing else in the environment, and DEBUG on unless it is said."""
    with patch.dict(os.environ, {"DEBUG": "1", **environment}, clear=True):
        try:
            run_path(read_before.__file__)
        except ImproperlyConfigured as error:
            return Ran(1, "", "".join(traceback.format_exception(error)))
    return Ran(0, "", "")


def values(*names: str, **environment: object) -> dict[str, object]:
    """Some settings, as the environment makes them in a process of its own."""
    done = python("-c", SHOW % (names,), **environment)
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def complaint(done: Ran) -> str:
    """The last line, which tells the operator what to do."""
    assert (done.code, done.out) == (1, "")
    last = done.err.splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: ")
    return last.partition(": ")[2]


# --- What stops the start -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", [{}, {"SECRET_KEY": " "}, {"DEBUG": "0"}])
def test_outside_debug_there_is_no_start_without_a_secret_key(environment: dict[str, str]) -> None:
    assert complaint(start(**{"DEBUG": "", **environment})) == (
        "SECRET_KEY is not set. Make one with `python -c 'import secrets; print(secrets.token_urlsafe(50))'` "
        "and put it into the environment; DEBUG=1 does without, on your own machine only."
    )


def test_migrations_are_made_without_a_secret_key(tmp_path: Path) -> None:
    done = python(
        "manage.py", "makemigrations", "--check", "--dry-run", DATABASE_URL=f"sqlite:///{tmp_path}/x.sqlite3"
    )
    assert (done.code, done.out, done.err) == (0, "No changes detected\n", "")


def test_the_seconds_of_hsts_are_read_with_https_only() -> None:
    assert complaint(start(HTTPS="1", HSTS_SECONDS="1e9")) == (
        "HSTS_SECONDS='1e9' is not a whole number from 0 to 999999999."
    )
    assert values("SECURE_HSTS_SECONDS", DEBUG="1", HSTS_SECONDS="60") == {"SECURE_HSTS_SECONDS": 0}
    assert values("SECURE_HSTS_SECONDS", DEBUG="1", HTTPS="1") == {"SECURE_HSTS_SECONDS": 2_592_000}


URLS = "use sqlite:////absolute/path.sqlite3 or postgres://user:password@host:5432/name."


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DEBUG", "maybe", "DEBUG='maybe' is neither true nor false; use 1 or 0."),
        ("HTTPS", "2", "HTTPS='2' is neither true nor false; use 1 or 0."),
        (
            "TIME_ZONE",
            "Berlin",
            "TIME_ZONE='Berlin' is not a time zone; use a name such as UTC or Europe/Berlin.",
        ),
        ("TIME_ZONE", "Europe", "TIME_ZONE='Europe' is not a time zone; use a name such as UTC or Europe/Berlin."),
        (
            "TIME_ZONE",
            "../UTC",
            "TIME_ZONE='../UTC' is not a time zone; use a name such as UTC or Europe/Berlin.",
        ),
        ("CSV_DIR", "manage.py", "CSV_DIR='{root}/manage.py' is not a folder."),
        ("EXPORT_DIR", "/dev/null", "EXPORT_DIR='/dev/null' is not a folder."),
        ("ARCHIVE_DIR", "/dev/null", "ARCHIVE_DIR='/dev/null' is not a folder."),
        ("STATIC_DIR", "/dev/null", "STATIC_DIR='/dev/null' is not a folder."),
        (
            "TRUST_PROXY",
            "1",
            "TRUST_PROXY is gone: set TRUSTED_PROXIES to how many proxies of yours there are.",
        ),
        ("NIGHTLY_HOURS", "a day", "NIGHTLY_HOURS='a day' is not a whole number from 0 to 99999."),
        ("LOG_FORMAT", "xml", "LOG_FORMAT='xml' is none of: line, json."),
        ("ARCHIVE_DAYS", "-1", "ARCHIVE_DAYS='-1' is not a whole number from 0 to 99999."),
        ("ARCHIVE_DAYS", "1.5", "ARCHIVE_DAYS='1.5' is not a whole number from 0 to 99999."),
        ("ARCHIVE_DAYS", "100000", "ARCHIVE_DAYS='100000' is not a whole number from 0 to 99999."),
        ("ARCHIVE_DAYS", "٣", "ARCHIVE_DAYS='٣' is not a whole number from 0 to 99999."),
        ("LOGIN_ATTEMPTS", "0", "LOGIN_ATTEMPTS='0' is not a whole number from 1 to 99999."),
        ("LOGIN_LOCK_MINUTES", "0", "LOGIN_LOCK_MINUTES='0' is not a whole number from 1 to 99999."),
        ("SESSION_HOURS", "0", "SESSION_HOURS='0' is not a whole number from 1 to 99999."),
        ("IDLE_MINUTES", "-5", "IDLE_MINUTES='-5' is not a whole number from 0 to 99999."),
        ("TRUSTED_PROXIES", "10.0.0.1", "TRUSTED_PROXIES='10.0.0.1' is not a whole number from 0 to 99999."),
        (
            "REQUIRE_SECOND_FACTOR",
            "2",
            "REQUIRE_SECOND_FACTOR='2' is none of: 0, 1, administrators, managers, all.",
        ),
        ("ARCHIVE_DAYS", "ever", "ARCHIVE_DAYS='ever' is not a whole number from 0 to 99999."),
        ("DATABASE_URL", "rubbish", f"DATABASE_URL cannot be read; {URLS}"),
        ("DATABASE_URL", "foo://user@host/name", f"DATABASE_URL cannot be read; {URLS}"),
        (
            "DATABASE_URL",
            "mysql://user@host/name",
            f"DATABASE_URL names a database that is neither SQLite nor PostgreSQL; {URLS}",
        ),
        ("DATABASE_URL", "sqlite://db.sqlite3", f"DATABASE_URL does not name a database; {URLS}"),
        ("DATABASE_URL", "sqlite://:memory:", f"DATABASE_URL does not name a database; {URLS}"),
        ("DATABASE_URL", "postgres://user@host", f"DATABASE_URL does not name a database; {URLS}"),
        (
            "DATABASE_URL",
            "sqlite:////no/such/dir/db.sqlite3",
            "DATABASE_URL names '/no/such/dir/db.sqlite3': the folder /no/such/dir does not exist.",
        ),
        (
            "DATABASE_URL",
            "sqlite:////dev/null/db.sqlite3",
            "DATABASE_URL names '/dev/null/db.sqlite3': File exists.",
        ),
        (
            "SITE_URL",
            "cs.example.com",
            "SITE_URL='cs.example.com' is not an address; use one such as https://cs.example.com.",
        ),
        ("SITE_URL", "https://a b/?x=1", "SITE_URL='https://a b/?x=1' has more than a host and a path."),
        (
            "DEFAULT_FROM_EMAIL",
            "RSOLV",
            "DEFAULT_FROM_EMAIL='RSOLV' is not an e-mail address; use one such as RSOLV <cs@example.com>.",
        ),
    ],
)
def test_a_bad_value_stops_the_start_and_is_named(name: str, value: str, message: str) -> None:
    assert complaint(start(**{name: value})) == message.replace("{root}", str(ROOT))


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://user:{SECRET}@host/name",
        f"foo://user:{SECRET}@host/name",
        f"postgres://user:{SECRET}/x@host/name",
        f"postgres://user:{SECRET}[@host/name",
        f"postgres://user:{SECRET}@host:port/name",
        f"postgres://user:{SECRET}@host",
        f"{SECRET}://user@host/name",
        f"{SECRET}:x@host/name",
    ],
)
def test_the_password_of_the_database_is_nowhere_in_what_is_printed(url: str) -> None:
    done = start(DATABASE_URL=url)
    assert complaint(done).startswith("DATABASE_URL ")
    assert SECRET not in done.err


ENCODE = (
    "has a special character that must be percent-encoded. In a user name or a password write "
    "%23 for #, %2F for /, %3F for ?, %40 for @, %25 for %, and %20 for a blank."
)
MAIL = "use smtp://user:password@host:587/?tls=1, smtps://user:password@host, or console:."


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("EMAIL_URL", f"{SECRET}@host", f"EMAIL_URL cannot be read; {MAIL}"),
        ("EMAIL_URL", f"imap://user:{SECRET}@host", f"EMAIL_URL cannot be read; {MAIL}"),
        ("EMAIL_URL", f"smtp://user:{SECRET}@host:port", f"EMAIL_URL cannot be read; {MAIL}"),
        ("EMAIL_URL", f"smtp://user:{SECRET}/x@host", f"EMAIL_URL {ENCODE}"),
        ("EMAIL_URL", f"smtp://user:12#{SECRET}@mail.example:587/?tls=1", f"EMAIL_URL {ENCODE}"),
        ("EMAIL_URL", f"smtp://user:12?{SECRET}@mail.example:587/?tls=1", f"EMAIL_URL {ENCODE}"),
        ("EMAIL_URL", f"smtp://user:12/{SECRET}@mail.example:587/?tls=1", f"EMAIL_URL {ENCODE}"),
        ("EMAIL_URL", f"smtp://user:12@3/{SECRET}@mail.example:587/?tls=1", f"EMAIL_URL {ENCODE}"),
        ("EMAIL_URL", f"smtp://user:12%{SECRET}@mail.example", f"EMAIL_URL {ENCODE}"),
        ("EMAIL_URL", f"smtp://user:12\t{SECRET}@mail.example", f"EMAIL_URL {ENCODE}"),
        ("DATABASE_URL", f"postgres://user:12#{SECRET}@db.example/name", f"DATABASE_URL {ENCODE}"),
        ("DATABASE_URL", f"postgres://user:12?{SECRET}@db.example/name", f"DATABASE_URL {ENCODE}"),
        ("DATABASE_URL", f"postgres://user:1@2/{SECRET}@db.example/name", f"DATABASE_URL {ENCODE}"),
        ("DATABASE_URL", f"sqlite:////data/{SECRET}#2.sqlite3", f"DATABASE_URL {ENCODE}"),
        ("DATABASE_URL", f"sqlite:////data/{SECRET}?.sqlite3", f"DATABASE_URL {ENCODE}"),
        ("ALERT_URLS", f"json://host json://user:12#{SECRET}@host/x", f"ALERT_URLS: number 2 {ENCODE}"),
        (
            "EMAIL_URL",
            f"smtp://user:{SECRET}@host/?tsl=1",
            f"EMAIL_URL has an option that is not tls=1 or tls=0; {MAIL}",
        ),
        (
            "EMAIL_URL",
            f"smtps://user:{SECRET}@host/?tls=1",
            "EMAIL_URL: smtps:// speaks TLS from the start, so leave tls=1 away.",
        ),
        (
            "ALERT_URLS",
            f"json://host/{SECRET}, {SECRET}",
            "ALERT_URLS: number 2 is not a URL of Apprise, such as json://host/path.",
        ),
    ],
)
def test_no_secret_of_mail_or_channels_is_printed(name: str, value: str, message: str) -> None:
    done = start(**{name: value})
    assert complaint(done) == message
    assert SECRET not in done.err


# --- What the environment makes of them ---------------------------------------------------------------------------


def test_a_blank_environment_is_that_of_ones_own_machine() -> None:
    names = (
        *("DEBUG", "ALLOWED_HOSTS", "TIME_ZONE", "CSV_DIR", "EXPORT_DIR", "ARCHIVE_DIR", "ARCHIVE_DAYS"),
        *("UPLOAD_DIR", "UPLOAD_MAX_MB", "REPORT_MAX_MB"),
        *("DATABASE_URL", "SESSION_COOKIE_SECURE"),
    )
    assert values(*names, DEBUG="yes", TIME_ZONE="", DATABASE_URL=" ", HTTPS="", ARCHIVE_DIR="", UPLOAD_DIR="") == {
        "DEBUG": True,
        "ALLOWED_HOSTS": ["localhost", "127.0.0.1", "[::1]"],
        "TIME_ZONE": "UTC",
        "CSV_DIR": f"{ROOT}/var/csv",
        "EXPORT_DIR": f"{ROOT}/var/exports",
        "ARCHIVE_DIR": f"{ROOT}/var/archive",
        "ARCHIVE_DAYS": 400,
        "UPLOAD_DIR": f"{ROOT}/var/uploads",
        "UPLOAD_MAX_MB": 50,
        "REPORT_MAX_MB": 20,
        "DATABASE_URL": f"sqlite:///{ROOT}/var/db.sqlite3",
        "SESSION_COOKIE_SECURE": False,
    }


def test_each_variable_is_heard(tmp_path: Path) -> None:
    names = (
        *("DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "TIME_ZONE", "CSV_DIR", "EXPORT_DIR"),
        *("ARCHIVE_DIR", "ARCHIVE_DAYS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "DATABASES"),
    )
    found = values(
        *names,
        SECRET_KEY="a random key of thirty-two letters or more",
        ALLOWED_HOSTS="cs.example.com, ,www.example.com",
        CSRF_TRUSTED_ORIGINS="https://cs.example.com",
        TIME_ZONE="Europe/Berlin",
        CSV_DIR=tmp_path / "drop",
        EXPORT_DIR="~/exports",
        ARCHIVE_DIR=tmp_path / "kept",
        ARCHIVE_DAYS="0",
        HTTPS="on",
        HOME=tmp_path,
        DATABASE_URL=f"postgres://rsolv:{SECRET}%2F@db.example.com:6432/cs?sslmode=require",
    )
    database = found.pop("DATABASES")["default"]
    assert found == {
        "DEBUG": False,
        "SECRET_KEY": "a random key of thirty-two letters or more",
        "ALLOWED_HOSTS": ["cs.example.com", "www.example.com"],
        "CSRF_TRUSTED_ORIGINS": ["https://cs.example.com"],
        "TIME_ZONE": "Europe/Berlin",
        "CSV_DIR": f"{tmp_path}/drop",
        "EXPORT_DIR": f"{tmp_path}/exports",
        "ARCHIVE_DIR": f"{tmp_path}/kept",
        "ARCHIVE_DAYS": 0,
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
    }
    expected = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "db.example.com",
        "PORT": 6432,
        "NAME": "cs",
        "USER": "rsolv",
        "PASSWORD": f"{SECRET}/",
        "OPTIONS": {"connect_timeout": 10, "sslmode": "require"},
        "CONN_HEALTH_CHECKS": True,
    }
    assert {name: database[name] for name in expected} == expected


MAIL_SETTINGS = ("EMAIL_BACKEND", "EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD")
MAIL_SETTINGS += ("EMAIL_USE_TLS", "EMAIL_USE_SSL")
SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"smtp://user%40a:{SECRET}%2F@host:2525/?tls=1", [SMTP, "host", 2525, "user@a", f"{SECRET}/", True, False]),
        ("smtp://us@er:p@ss:%23@host", [SMTP, "host", 25, "us@er", "p@ss:#", False, False]),
        ("smtp://host/?tls=1", [SMTP, "host", 587, "", "", True, False]),
        ("smtp://host", [SMTP, "host", 25, "", "", False, False]),
        ("smtps://user:x@host", [SMTP, "host", 465, "user", "x", False, True]),
    ],
)
def test_the_mail_server(url: str, expected: list[object]) -> None:
    assert list(values(*MAIL_SETTINGS, DEBUG="1", EMAIL_URL=url).values()) == expected


def test_what_leaves_us_is_in_ascii() -> None:
    found = values(
        *("DEFAULT_FROM_EMAIL", "SITE_URL", "EMAIL_HOST", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS"),
        DEBUG="1",
        DEFAULT_FROM_EMAIL="Müller <cs@müller.example>",
        SITE_URL="https://cs.müller.example:8443/größe",
        EMAIL_URL="smtp://mail.müller.example",
        ALLOWED_HOSTS="cs.müller.example,[::1],.example.com",
        CSRF_TRUSTED_ORIGINS="https://cs.müller.example,https://*.example.com",
    )
    assert found == {
        "DEFAULT_FROM_EMAIL": "Müller <cs@xn--mller-kva.example>",
        "SITE_URL": "https://cs.xn--mller-kva.example:8443/gr%C3%B6%C3%9Fe",
        "EMAIL_HOST": "mail.xn--mller-kva.example",
        "ALLOWED_HOSTS": ["cs.xn--mller-kva.example", "[::1]", ".example.com"],
        "CSRF_TRUSTED_ORIGINS": ["https://cs.xn--mller-kva.example", "https://*.example.com"],
    }


def test_a_command_tells_what_is_wrong_in_one_line() -> None:
    done = python("manage.py", "check", DEBUG="1", TIME_ZONE="Mars")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "The settings are wrong: TIME_ZONE='Mars' is not a time zone; use a name such as UTC or Europe/Berlin.\n"
    )


def test_the_web_server_tells_what_is_wrong_in_one_line_and_gives_up() -> None:
    serve = ("-m", "gunicorn", "rsolv_cs.wsgi", "--bind", "127.0.0.1:0", "--no-control-socket")
    done = python(*serve, DEBUG="1", TIME_ZONE="Mars")
    assert done.code == 3
    assert "The settings are wrong: TIME_ZONE='Mars' is not a time zone" in done.err
    assert "Traceback" not in done.err


def test_mails_are_printed_under_debug_and_off_elsewhere() -> None:
    names = ("EMAIL_BACKEND", "SITE_URL", "ALERT_URLS", "DEFAULT_FROM_EMAIL")
    sender = "RSOLV Customer Success <rsolv@localhost>"
    console, dummy = (f"django.core.mail.backends.{name}.EmailBackend" for name in ("console", "dummy"))
    assert list(values(*names, DEBUG="1").values()) == [console, "http://127.0.0.1:8000", [], sender]
    assert list(values(*names, SECRET_KEY="k" * 50).values()) == [dummy, "", [], sender]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("", ""),
        ("0", ""),
        ("1", "administrators"),
        ("yes", "administrators"),
        ("Administrators", "administrators"),
        ("managers", "managers"),
        ("all", "all"),
    ],
)
def test_who_needs_a_second_factor(said: str, meant: str) -> None:
    found = values("REQUIRE_SECOND_FACTOR", DEBUG="1", REQUIRE_SECOND_FACTOR=said)
    assert found == {"REQUIRE_SECOND_FACTOR": meant}


def test_channels_and_the_address_of_the_site() -> None:
    urls = "slack://a/b/c,  json://user:pass@host/?to=x,y\n mailto://z"
    found = values("ALERT_URLS", "SITE_URL", DEBUG="1", ALERT_URLS=urls, SITE_URL="https://cs.example.com/rsolv/")
    assert found == {
        "ALERT_URLS": ["slack://a/b/c", "json://user:pass@host/?to=x,y", "mailto://z"],
        "SITE_URL": "https://cs.example.com/rsolv",
    }


# --- SQLite -------------------------------------------------------------------------------------------------------

PRAGMAS = """
import django, json, sqlite3
django.setup()
from django.db import connection, transaction

found = {}
with connection.cursor() as cursor:
    for name in ("journal_mode", "busy_timeout", "synchronous", "foreign_keys"):
        found[name] = cursor.execute(f"PRAGMA {name}").fetchone()[0]
other = sqlite3.connect(connection.settings_dict["NAME"], timeout=0, isolation_level=None)
with transaction.atomic():
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        found["a second writer"] = str(error)
    found["a reader"] = other.execute("SELECT 1").fetchone()[0]
other.execute("BEGIN IMMEDIATE")
other.execute("ROLLBACK")
other.close()
connection.close()
print(json.dumps(found))
"""


def test_sqlite_is_in_wal_mode_waits_for_others_and_announces_a_writer_at_once(tmp_path: Path) -> None:
    """Before its first statement, a transaction holds the write lock."""
    done = python(
        "-c",
        PRAGMAS,
        DEBUG="1",
        DJANGO_SETTINGS_MODULE="rsolv_cs.settings",
        DATABASE_URL=f"sqlite:///{tmp_path}/db.sqlite3",
    )
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "journal_mode": "wal",
        "busy_timeout": 30_000,
        "synchronous": 1,
        "foreign_keys": 1,
        "a second writer": "database is locked",
        "a reader": 1,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_HOSTS", "https://cs.example.com"),
        ("ALLOWED_HOSTS", "cs.example.com,a b"),
        ("CSRF_TRUSTED_ORIGINS", "cs.example.com"),
        ("SECRET_KEY", "short"),
    ],
)
def test_values_that_would_fail_later_are_refused_at_the_start(name: str, value: str) -> None:
    environment = {"SECRET_KEY": "k" * 50, "DEBUG": "0", name: value}
    ran = python("manage.py", "check", **environment)
    assert ran.code != 0
    assert name in ran.err
