"""What the environment makes of the settings, and what the database really does."""

import json
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.commands import python
from tests.support.settings import SECRET, values

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


DATABASE = {
    "ENGINE": "customers.core.postgresql",
    "HOST": "db.example.com",
    "PORT": 6432,
    "NAME": "cs",
    "USER": "rsolv",
    "PASSWORD": f"{SECRET}/",
    "OPTIONS": {"connect_timeout": 10, "sslmode": "require"},
    "CONN_HEALTH_CHECKS": True,
}
"""What the address of a database in the next test becomes."""


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
    assert {name: database[name] for name in DATABASE} == DATABASE


def test_a_replica_is_connected_to_as_the_primary_is() -> None:
    urls = {"DATABASE_URL": "postgres://rsolv@db/cs", "DATABASE_REPLICA_URL": f"postgres://rsolv:{SECRET}%2F@copy/cs"}
    found = values("DATABASES", "DATABASE_POOLER", DEBUG="1", DATABASE_POOLER="1", **urls)
    assert found["DATABASE_POOLER"]
    primary, replica = found["DATABASES"]["default"], found["DATABASES"]["replica"]
    assert (replica["HOST"], replica["PASSWORD"]) == ("copy", f"{SECRET}/")
    assert replica["ENGINE"] == primary["ENGINE"] == "customers.core.postgresql"


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
