"""What every test needs, whatever it tests."""

import gc
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.models.signals import post_migrate
from django.test import override_settings
from django.test.utils import setup_databases, teardown_databases
from django.utils import timezone
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from analytics.models import RecommendationRule
from customers.audit import trail
from customers.jobs import lock
from rsolv_cs.catalogues import compile_all
from tests.factories import load_demo_program
from tests.support.browsing import browser, context, open_page, shared_context
from tests.support.databases import create_database, drop_database, kept_migrations, leave_alone, name_in, url_of
from tests.support.months import take_all_months_as_one
from tests.support.pages import forget
from tests.support.selection import (
    COLLECTED,
    FEW_EXAMPLES,
    asked_by_a_push,
    mark_slow,
    skip_what_postgres_need_not_repeat,
    turn,
)
from tests.support.serving import ready

__all__ = ["browser", "context", "open_page", "ready", "shared_context"]

# Playwright's loop runs in the thread of the test, where Django would then refuse every query.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


# A busy machine is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(FEW_EXAMPLES, settings.get_profile("patient"), max_examples=10)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what a push asks; without the option everything is asked."""
    parser.addoption("--push", action="store_true", help="ask less, as a push does: see tests/support/selection.py")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples a property gets, before the first module of tests declares one; make the catalogues."""
    if not hasattr(config, "workerinput"):
        compile_all()
    settings.load_profile(FEW_EXAMPLES if config.getoption("push") else "patient")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the run on this database need not ask."""
    mark_slow(items)
    if connection.vendor == "postgresql":
        skip_what_postgres_need_not_repeat(items)
    config.stash[COLLECTED] = list(items)
    if config.getoption("push"):
        asked = asked_by_a_push(items, connection.vendor, turn())
        config.hook.pytest_deselected(items=[item for item in items if item not in set(asked)])
        items[:] = asked


def pytest_collection_finish() -> None:
    """What all tests share stays, so the collector of garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(autouse=True)
def lock_files_apart(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """SQLite's lock files lie beside the database, and that of the tests is in memory."""
    keep_lock_files_in(monkeypatch, tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def nothing_is_kept(django_db_blocker: DjangoDbBlocker) -> None:
    """What one test's pages keep says nothing of the next one's rows."""
    forget()
    with django_db_blocker.unblock():
        forget_content_types()


def forget_content_types() -> None:
    """A test that fills the database anew leaves keys in Django's memory that are gone with its transaction."""
    known = {(kind.app_label, kind.model): kind.pk for kind in _content_types()}
    if not known:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_label, model, id FROM django_content_type")
        there = {(app, model): key for app, model, key in cursor.fetchall()}
    if not known.items() <= there.items():
        ContentType.objects.clear_cache()


def _content_types() -> list[ContentType]:
    return [kind for kinds in ContentType.objects._cache.values() for kind in kinds.values()]


def keep_lock_files_in(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr(lock, "_lock_file", lambda job: folder / f"{job}.lock")


@pytest.fixture(scope="session", autouse=True)
def defaults_after_flush() -> Iterator[None]:
    """A test with real transactions ends in empty tables; put back what the migrations put there."""
    names = (
        "0002_default_policy",
        "0006_default_rules",
        "0016_vanished_rule",
        "0018_quarantined_rule",
        "0038_likely_quiet_rule",
        "0048_playbooks",
        "0049_webhook_rule",
    )
    creates = [import_module(f"analytics.migrations.{name}").create for name in names]
    creates.append(import_module("analytics.migrations.0019_alert_severity").set_severities)
    creates.append(import_module("analytics.migrations.0033_letters").rewrite)
    creates.append(import_module("analytics.migrations.0036_email_and_skipped").forwards)

    def put_back(**_options: Any) -> None:
        if not RecommendationRule.objects.exists():
            for change in creates:
                change(apps, connection.schema_editor())

    post_migrate.connect(put_back, sender=apps.get_app_config("analytics"))
    yield
    post_migrate.disconnect(put_back, sender=apps.get_app_config("analytics"))


@pytest.fixture(scope="session", autouse=True)
def audit_may_be_flushed() -> Iterator[None]:
    """A test with real transactions ends in empty tables; the audit's would refuse that."""
    kind = type(connection.ops)
    flush = kind.execute_sql_flush

    def flush_unsealed(self: Any, statements: Any) -> None:
        with trail.writable():
            flush(self, statements)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "execute_sql_flush", flush_unsealed)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hashes that do not take their time, no search for static files by each test client, files apart, no sockets."""
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # A browser that stays open would keep the live server's connections, and the database could not be dropped.
    connection.settings_dict["CONN_MAX_AGE"] = 0
    with override_settings(
        PASSWORD_HASHERS=hashers,
        STATIC_ROOT=None,
        WHITENOISE_USE_FINDERS=False,
        ARCHIVE_DIR=tmp_path_factory.mktemp("archive"),
        UPLOAD_DIR=tmp_path_factory.mktemp("uploads"),
        # Whoever tests live pages starts the process that keeps their sockets.
        LIVE=False,
        # Where the requests of tokens are counted.
        STATE_DIR=tmp_path_factory.mktemp("state"),
        METRICS_DIR=tmp_path_factory.mktemp("metrics"),
    ):
        yield


@pytest.fixture
def today_is(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """Sets the day of the run; the day of a given moment is its own."""
    day_of = timezone.localdate

    def set_today(day: date) -> None:
        monkeypatch.setattr(timezone, "localdate", lambda value=None, **zone: day_of(value, **zone) if value else day)

    return set_today


@pytest.fixture(scope="module")
def demo_program(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The demo program, scored on 9 and 10 May 2025, beneath all tests of a module.

    Each test's own changes are undone as ever, and the program itself after the module's last test.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        with pytest.MonkeyPatch.context() as patch:
            keep_lock_files_in(patch, tmp_path_factory.getbasetemp())
            load_demo_program()
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[str]:
    """The name of a copy of the test database as the migrations made it, before any test was there.

    The fixture of pytest-django makes no test database where no test that was chosen has its mark. A test of commands
    that was run alone would then work on the developer's own.
    """
    with django_db_blocker.unblock():
        with kept_migrations(pytestconfig.cache.mkdir("migrated")):
            made = setup_databases(verbosity=0, interactive=False, aliases={DEFAULT_DB_ALIAS})
        if connection.vendor == "sqlite":
            copy = str(tmp_path_factory.mktemp("migrated") / "db.sqlite3")
            connection.ensure_connection()
            with closing(sqlite3.connect(copy)) as target:
                connection.connection.backup(target)
        else:
            template = connection.settings_dict["NAME"]
            copy = f"{template}_migrated"
            connection.close()
            drop_database(copy)
            create_database(copy, template)
            take_all_months_as_one()
    yield copy
    with django_db_blocker.unblock():
        drop_database(copy)
        if connection.vendor == "postgresql":
            connection.close()
            leave_alone(connection.settings_dict["NAME"])
        teardown_databases(made, verbosity=0)


@pytest.fixture
def own_database(django_db_setup: str, django_db_blocker: DjangoDbBlocker, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, without any table, for commands that run in a process of their own."""
    name = name_in(tmp_path)
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock():
            create_database(name, "template0")
    yield url_of(name)
    with django_db_blocker.unblock():
        drop_database(name)


@pytest.fixture
def migrated_database(django_db_setup: str, django_db_blocker: DjangoDbBlocker, tmp_path: Path) -> Iterator[str]:
    """The URL of such a database with every table, and the rows that the migrations put there."""
    name = name_in(tmp_path)
    with django_db_blocker.unblock():
        create_database(name, django_db_setup)
    yield url_of(name)
    with django_db_blocker.unblock():
        drop_database(name)
