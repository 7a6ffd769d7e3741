"""The alert about rows in quarantine: when it is raised, worse and over, and that a digest tells of it."""

from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.core import mail
from django.db import connection
from pytest_django.fixtures import Settings

from analytics.alerts.evaluate import evaluate
from analytics.models import Alert, AlertRule
from customers.models import AuditEntry, QuarantinedRow
from tests.factories import csv_row, make_staff, write_feed
from tests.support.commands import run
from tests.support.loading import load

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rule() -> AlertRule:
    found = AlertRule.objects.get(kind="quarantined")
    assert (found.threshold, found.audience, found.active) == (10, "managers", True)
    AlertRule.objects.exclude(pk=found.pk).update(active=False)
    AlertRule.objects.filter(pk=found.pk).update(threshold=3)
    return found


def told() -> tuple[int, int, int]:
    """How many alerts an evaluation raised, found worse, and closed."""
    found = evaluate()
    return found.raised, found.worse, found.closed


def bad_rows(folder: Path, bad: int) -> None:
    """Load customers of whom so many have a team of a size that is none; the guardrail is forced."""
    rows = [csv_row("customers", id=f"c{number}", team_size="many" if number < bad else "3") for number in range(10)]
    write_feed(folder, "customers", rows)
    load(folder, "customers", force=True)


def test_it_is_raised_once_grows_worse_and_is_over(tmp_path: Path) -> None:
    bad_rows(tmp_path, 2)
    assert told() == (0, 0, 0)
    bad_rows(tmp_path, 3)
    assert told() == (1, 0, 0)
    alert = Alert.objects.get()
    assert (alert.feed, alert.text, alert.value) == ("customers", "3 rows of customers.csv in quarantine.", 3)
    bad_rows(tmp_path, 5)
    assert told() == (0, 0, 0)
    bad_rows(tmp_path, 6)
    assert told() == (0, 1, 0)
    bad_rows(tmp_path, 1)
    assert told() == (0, 0, 1)
    alert.refresh_from_db()
    assert alert.ending_text == "Fewer than 3 rows of the feed in quarantine"


def test_newer_words_alone_are_an_entry_of_the_audit_so_that_no_page_shows_the_former(tmp_path: Path) -> None:
    def entries() -> list[str]:
        return list(AuditEntry.objects.filter(subject="alerts").order_by("pk").values_list("text", flat=True))

    bad_rows(tmp_path, 3)
    told()
    assert entries() == ["1 raised, 0 worse, 0 closed"]
    bad_rows(tmp_path, 5)
    assert told() == (0, 0, 0)
    assert Alert.objects.get().text == "5 rows of customers.csv in quarantine."
    assert entries()[1:] == ["0 raised, 0 worse, 0 closed, 1 in newer words"]
    # The same words again are no news.
    assert told() == (0, 0, 0)
    assert len(entries()) == 2


@pytest.mark.django_db(transaction=True)
def test_it_is_over_as_soon_as_the_rows_are_loaded(tmp_path: Path) -> None:
    bad_rows(tmp_path, 3)
    assert told() == (1, 0, 0)
    bad_rows(tmp_path, 0)
    assert not QuarantinedRow.objects.filter(status="open").exists()
    assert not Alert.objects.open().exists()


def test_managers_read_of_it_in_their_digest(tmp_path: Path, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    make_staff("Program manager", email="mira@example.com")
    bad_rows(tmp_path, 4)
    assert run("send_alerts").code == 0
    [message] = mail.outbox
    assert "4 rows of customers.csv in quarantine." in message.body


def test_the_migration_can_be_taken_back() -> None:
    migration = import_module("analytics.migrations.0018_quarantined_rule")
    editor = connection.schema_editor()
    migration.remove(apps, editor)
    assert not AlertRule.objects.filter(kind="quarantined").exists()
    migration.create(apps, editor)
    migration.create(apps, editor)
    assert AlertRule.objects.filter(kind="quarantined", threshold=10).count() == 1
