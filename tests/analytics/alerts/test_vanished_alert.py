"""The alert about customers who vanished from the feed: when it is raised, worse and over, and who hears of it."""

from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.alerts.evaluate import evaluate
from analytics.digests.digest import LastTold, vanished_since
from analytics.models import Alert, AlertRule
from customers.models import AuditEntry, ImportRun
from customers.runs.undo import undo
from tests.factories import make_staff, write_feed, write_feeds
from tests.support.commands import run
from tests.support.loading import customer_row, load
from tests.support.pages import links, main_part, words

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rule() -> AlertRule:
    found = AlertRule.objects.get(kind="vanished")
    assert (found.threshold, found.audience, found.active) == (3, "managers", True)
    AlertRule.objects.exclude(pk=found.pk).update(active=False)
    return found


def deliver(folder: Path, *numbers: int, **options: object) -> ImportRun:
    """Load these customers alone; the run."""
    write_feed(folder, "customers", [customer_row(number) for number in numbers])
    load(folder, "customers", **options)
    return ImportRun.objects.first()


def text_of(one: ImportRun, gone: int) -> str:
    moment = f"{timezone.localtime(one.started_at):%-d %b %Y, %H:%M}"
    return f"{gone} customers are missing from customers.csv since run {one.pk} of {moment}"


def told() -> tuple[int, int, int]:
    """How many alerts an evaluation raised, found worse, and closed."""
    found = evaluate()
    return found.raised, found.worse, found.closed


def the_alert() -> Alert:
    return Alert.objects.get(rule__kind="vanished", closed_on=None)


def ending() -> str:
    [alert] = Alert.objects.closed().filter(rule__kind="vanished")
    assert alert.ending == "recovered"
    return alert.ending_text


def test_n_or_more_raise_one_alert_and_the_same_file_no_other(tmp_path: Path) -> None:
    deliver(tmp_path, *range(10))
    assert told() == (0, 0, 0)
    gone = deliver(tmp_path, *range(7))
    assert told() == (1, 0, 0)
    assert (the_alert().text, the_alert().value, the_alert().feed) == (text_of(gone, 3), 3, "customers")
    assert told() == (0, 0, 0)
    deliver(tmp_path, *range(7))
    assert told() == (0, 0, 0)


def test_fewer_than_n_raise_none(tmp_path: Path) -> None:
    deliver(tmp_path, *range(10))
    deliver(tmp_path, *range(8))
    assert told() == (0, 0, 0)
    # Nor do two files that lack too few each: what is new in a file counts.
    deliver(tmp_path, *range(6))
    assert told() == (0, 0, 0)


def test_n_is_the_rules_own(tmp_path: Path, rule: AlertRule) -> None:
    AlertRule.objects.filter(pk=rule.pk).update(threshold=1)
    deliver(tmp_path, 1, 2)
    deliver(tmp_path, 1)
    assert told() == (1, 0, 0)
    assert the_alert().text.startswith("1 customer is missing from customers.csv since run")


def test_a_file_between_two_nights_is_not_forgotten(tmp_path: Path) -> None:
    deliver(tmp_path, *range(10))
    gone = deliver(tmp_path, *range(6))
    deliver(tmp_path, *range(6))
    assert told() == (1, 0, 0)
    assert the_alert().run == gone


def test_who_came_back_before_anybody_was_told_is_no_news(tmp_path: Path) -> None:
    deliver(tmp_path, *range(10))
    deliver(tmp_path, *range(6))
    deliver(tmp_path, *range(11))
    assert told() == (0, 0, 0)


def test_the_same_words_write_no_entry_and_newer_ones_do(tmp_path: Path) -> None:
    deliver(tmp_path, *range(10))
    gone = deliver(tmp_path, *range(6))
    assert told() == (1, 0, 0)
    entries = AuditEntry.objects.filter(subject="alerts")
    assert entries.count() == 1
    assert told() == (0, 0, 0)
    assert entries.count() == 1
    deliver(tmp_path, *range(7))
    assert told() == (0, 0, 0)
    assert (the_alert().text, entries.count()) == (text_of(gone, 3), 2)


def test_it_is_over_when_they_are_back(tmp_path: Path) -> None:
    deliver(tmp_path, *range(10))
    deliver(tmp_path, *range(6))
    told()
    deliver(tmp_path, *range(8))
    assert told() == (0, 0, 1)
    assert ending() == "Fewer than 3 are still missing: 2"
    deliver(tmp_path, *range(9))
    assert told() == (0, 0, 0)


def test_it_is_over_when_the_file_is_undone(tmp_path: Path) -> None:
    deliver(tmp_path, *range(10))
    gone = deliver(tmp_path, *range(6))
    told()
    undo(gone, "test")
    assert told() == (0, 0, 1)
    assert ending() == "All of them are in the feed again"


def test_once_acknowledged_it_is_over_with_the_next_file(tmp_path: Path) -> None:
    deliver(tmp_path, *range(10))
    deliver(tmp_path, *range(6))
    told()
    Alert.objects.update(acknowledged_at=timezone.now())
    assert told() == (0, 0, 0)
    deliver(tmp_path, *range(6))
    assert told() == (0, 0, 1)
    assert ending() == "Acknowledged, and no 3 more are missing since"
    assert told() == (0, 0, 0)


def test_more_make_it_worse_and_after_an_acknowledgement_a_new_one(tmp_path: Path) -> None:
    deliver(tmp_path, *range(20))
    first = deliver(tmp_path, *range(16))
    told()
    deliver(tmp_path, *range(14))
    assert told() == (0, 0, 0)
    assert the_alert().text == text_of(first, 6)
    deliver(tmp_path, *range(13))
    assert told() == (0, 1, 0)
    assert (the_alert().value, the_alert().worse_at is not None) == (7, True)
    Alert.objects.update(acknowledged_at=timezone.now())
    more = deliver(tmp_path, *range(9))
    assert told() == (1, 0, 1)
    assert (the_alert().text, the_alert().acknowledged_at) == (text_of(more, 4), None)


def test_a_rule_that_is_off_raises_none_and_ends_its_own(tmp_path: Path, rule: AlertRule) -> None:
    deliver(tmp_path, *range(10))
    deliver(tmp_path, *range(6))
    told()
    AlertRule.objects.filter(pk=rule.pk).update(active=False)
    assert told() == (0, 0, 1)


def test_the_night_tells_the_managers(
    settings: Settings, tmp_path: Path, today_is: Callable[[date], None], client: Client
) -> None:
    today_is(date(2026, 1, 31))
    settings.CSV_DIR, settings.EXPORT_DIR = tmp_path / "in", tmp_path / "exports"
    settings.SITE_URL = "https://rsolv.example"
    settings.CSV_DIR.mkdir()
    mary = make_staff("Program manager", username="mary", email="mary@rsolv.example")
    make_staff("Success manager", username="zoe", email="zoe@rsolv.example")
    write_feeds(settings.CSV_DIR, customers=[customer_row(number) for number in range(10)])
    assert run("nightly").code == 0
    today_is(date(2026, 2, 1))
    write_feed(settings.CSV_DIR, "customers", [customer_row(number) for number in range(6)])
    assert run("nightly").code == 0
    text = "4 customers are missing from customers.csv since run"
    digests = [one for one in mail.outbox if text in one.body]
    assert [one.to for one in digests] == [["mary@rsolv.example"]]
    assert "https://rsolv.example/admin/?owner=&only=missing#customers" in digests[0].body
    client.force_login(mary)
    page = client.get("/admin/alerts/")
    assert text in words(main_part(page))
    assert links(page, "Feed: Customers") == ["/admin/?owner=&only=missing#customers"]
    assert "3 or more customers vanished from the feed" in words(client.get("/admin/analytics/alertrule/").text)


def test_a_digest_counts_also_fewer(settings: Settings, tmp_path: Path) -> None:
    before = timezone.now()
    deliver(tmp_path, *range(10))
    deliver(tmp_path, *range(9))
    assert vanished_since(LastTold(before, timezone.localdate())) == 1
    assert vanished_since(LastTold(timezone.now(), timezone.localdate())) == 0


def test_the_migration_adds_the_rule_where_it_lacks_and_takes_it_away(rule: AlertRule) -> None:
    migration = import_module("analytics.migrations.0016_vanished_rule")
    editor = connection.schema_editor()
    migration.remove(apps, editor)
    assert not AlertRule.objects.filter(kind="vanished").exists()
    migration.create(apps, editor)
    migration.create(apps, editor)
    assert AlertRule.objects.filter(kind="vanished", threshold=3).count() == 1
