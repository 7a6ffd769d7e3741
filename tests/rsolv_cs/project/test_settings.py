"""The settings: what stops the start, and what secrets are never printed."""

from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.commands import python
from tests.support.settings import SECRET, complaint, start, values


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
            "DATABASE_REPLICA_URL",
            "postgres://user@host/name",
            "DATABASE_REPLICA_URL is set, but DATABASE_URL is SQLite, which has no replicas.",
        ),
        ("DATABASE_REPLICA_LAG", "1", "DATABASE_REPLICA_LAG='1' is not a whole number from 2 to 99999."),
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
            "DEFAULT_FROM_EMAIL='RSOLV' is not an email address; use one such as RSOLV <cs@example.com>.",
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


REPLICA = "use postgres://user:password@host:5432/name."


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"{SECRET}@host", f"DATABASE_REPLICA_URL cannot be read; {REPLICA}"),
        (
            f"mysql://user:{SECRET}@host/name",
            f"DATABASE_REPLICA_URL does not name a database of PostgreSQL; {REPLICA}",
        ),
        (
            f"postgres://user:{SECRET}@host",
            f"DATABASE_REPLICA_URL does not name a database of PostgreSQL; {REPLICA}",
        ),
        ("sqlite:////tmp/x.sqlite3", f"DATABASE_REPLICA_URL does not name a database of PostgreSQL; {REPLICA}"),
    ],
)
def test_a_replica_that_is_none_stops_the_start_and_tells_no_password(url: str, message: str) -> None:
    done = start(DATABASE_URL="postgres://user@host/name", DATABASE_REPLICA_URL=url)
    assert complaint(done) == message
    assert SECRET not in done.err


def test_a_replica_is_connected_to_as_the_primary_is_and_given_up_soon() -> None:
    found = values(
        *("DATABASES", "DATABASE_ROUTERS", "MIDDLEWARE"),
        DEBUG="1",
        DATABASE_URL="postgres://user@primary/cs",
        DATABASE_POOLER="1",
        DATABASE_REPLICA_URL=f"postgres://user:{SECRET}@replica/cs?sslmode=require&connect_timeout=4",
    )
    replica = found["DATABASES"]["replica"]  # type: ignore[index]  # of JSON
    assert (replica["HOST"], replica["NAME"], replica["CONN_HEALTH_CHECKS"]) == ("replica", "cs", True)
    assert replica["ENGINE"] == "customers.core.postgresql"
    assert replica["OPTIONS"] == {
        "connect_timeout": 4,
        "tcp_user_timeout": 5_000,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "sslmode": "require",
    }
    assert found["DATABASE_ROUTERS"] == ["customers.core.replica.routing.Router"]
    assert found["MIDDLEWARE"][-1] == "rsolv_cs.web.replica.ReplicaReads"  # type: ignore[index]  # of JSON


def test_without_a_replica_nothing_asks_where_to_read() -> None:
    program = (
        "import json, rsolv_cs.settings as s; from django.conf import settings;"
        "print(json.dumps([list(s.DATABASES), 'rsolv_cs.web.replica.ReplicaReads' in s.MIDDLEWARE,"
        " hasattr(s, 'DATABASE_ROUTERS')]))"
    )
    assert python("-c", program, DEBUG=1).out == '[["default"], false, false]\n'


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
