"""The project's own system checks: what they say, and that they are asked."""

from types import SimpleNamespace

import pytest
from django.core.checks import Tags, run_checks
from pytest_django.fixtures import Settings

from analytics.mail import channels
from rsolv_cs import checks
from tests.support.commands import python

KEY = "a key of the tests that is longer than fifty characters, as Django wishes"


@pytest.fixture
def sqlite(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The default database is SQLite, whatever it is."""
    monkeypatch.setattr(checks, "connection", SimpleNamespace(vendor="sqlite"))
    return monkeypatch


@pytest.mark.parametrize("version", [(3, 38, 5), (3, 9, 0), (2, 99, 99)])
def test_a_sqlite_without_is_distinct_from_is_an_error(version: tuple[int, ...], sqlite: pytest.MonkeyPatch) -> None:
    text = ".".join(map(str, version))
    sqlite.setattr(checks.sqlite3, "sqlite_version_info", version)
    sqlite.setattr(checks.sqlite3, "sqlite_version", text)
    [error] = checks.sqlite_version()
    assert (error.id, error.msg) == ("rsolv_cs.E001", f"SQLite {text} is too old.")
    assert error.hint == "Use a Python with SQLite 3.39 or newer, or PostgreSQL by DATABASE_URL."
    assert error.is_serious()
    assert error in run_checks(tags=[Tags.database], databases=["default"])


@pytest.mark.parametrize("version", [(3, 39, 0), (3, 40, 1), (4, 0, 0)])
def test_a_newer_sqlite_is_fine(version: tuple[int, ...], sqlite: pytest.MonkeyPatch) -> None:
    sqlite.setattr(checks.sqlite3, "sqlite_version_info", version)
    assert checks.sqlite_version() == []


def test_on_postgresql_the_version_of_sqlite_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "connection", SimpleNamespace(vendor="postgresql"))
    monkeypatch.setattr(checks.sqlite3, "sqlite_version_info", (3, 8, 0))
    assert checks.sqlite_version() == []


@pytest.mark.parametrize(
    ("debug", "hosts", "ids"),
    [
        (False, ["*"], ["rsolv_cs.W001"]),
        (False, ["cs.example.com", "*"], ["rsolv_cs.W001"]),
        (False, ["cs.example.com"], []),
        (False, [".example.com"], []),
        (True, ["*"], []),
    ],
)
def test_hosts_that_are_all_hosts_are_a_warning(
    debug: bool, hosts: list[str], ids: list[str], settings: Settings
) -> None:
    settings.DEBUG, settings.ALLOWED_HOSTS = debug, hosts
    assert [message.id for message in checks.hosts_named()] == ids
    asked = run_checks(tags=[Tags.security])
    assert [message.id for message in asked if message.id.startswith("rsolv_cs.")] == ids


def test_the_settings_of_a_server_pass_every_check() -> None:
    done = python(
        "manage.py", "check", "--fail-level", "WARNING", SECRET_KEY=KEY, ALLOWED_HOSTS="cs.example.com", HTTPS=1
    )
    assert (done.code, done.err) == (0, "")
    assert done.out == "System check identified no issues (0 silenced).\n"


def test_the_command_line_tells_of_a_wildcard_host() -> None:
    done = python("manage.py", "check", "--fail-level", "WARNING", SECRET_KEY=KEY, ALLOWED_HOSTS="*")
    assert done.code == 1
    assert "(rsolv_cs.W001) ALLOWED_HOSTS contains '*'." in done.err
    assert "HINT: Name the hosts that people use, separated by commas." in done.err


def test_migrate_begins_nothing_on_a_sqlite_that_is_too_old(tmp_path: object) -> None:
    program = (
        "import sqlite3; sqlite3.sqlite_version_info = (3, 38, 5); "
        "import django; django.setup(); "
        "from django.core.management import execute_from_command_line as run; run(['manage.py', 'migrate'])"
    )
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    done = python("-c", program, DEBUG=1, DATABASE_URL=url, DJANGO_SETTINGS_MODULE="rsolv_cs.settings")
    assert done.code == 1
    assert "(rsolv_cs.E001)" in done.err
    assert "Applying" not in done.out


def test_channels_without_apprise_are_told_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALERT_URLS = ["json://user:secret@host/x"]
    assert checks.channels_need_apprise() == []
    monkeypatch.setattr(channels, "find_spec", lambda _name: None)
    [told] = checks.channels_need_apprise()
    assert told.id == "rsolv_cs.W006"
    assert "requirements-alerts.txt" in str(told.hint)
    with pytest.raises(channels.NotDelivered, match="make setup-alerts") as failed:
        channels.notify(settings.ALERT_URLS[0], "x", "x")
    assert "secret" not in str(failed.value)
    settings.ALERT_URLS = []
    assert checks.channels_need_apprise() == []
