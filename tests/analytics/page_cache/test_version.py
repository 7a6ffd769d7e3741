"""The version of the state: another one after each change, in whatever order, and after nothing else."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import timezone

from analytics.alerts.evaluate import close_feed_alerts, evaluate
from analytics.models import PortfolioDay
from analytics.page_cache import version
from analytics.page_cache.version import StateVersion
from analytics.retention import delete_dates
from analytics.scoring.snapshots import score_day
from customers.audit import trail
from customers.jobs.lock import job_lock
from customers.models.audit import AuditEntry
from tests.factories import make_customer, make_day, make_engagement, make_run, make_staff

pytestmark = pytest.mark.django_db
Action = AuditEntry.Action


def state_version() -> StateVersion:
    """The version now, by a query about something else."""
    return version.version_of(ContentType.objects.values(**version.version_columns())[0])


def entry(pk: int, action: str = Action.CHANGE) -> None:
    AuditEntry.objects.create(pk=pk, action=action, subject="x")


def test_without_an_entry_there_is_a_version_too() -> None:
    with trail.writable():
        AuditEntry.objects.all().delete()
    assert (state_version().newest, state_version().data.newest) == (0, 0)


def test_it_is_the_same_in_a_query_about_a_user(client: Client) -> None:
    user = make_staff()
    [row] = type(user).objects.filter(pk=user.pk).values(**version.version_columns())
    assert version.version_of(row) == state_version()
    assert version.version_of(row).data == state_version().data


@pytest.mark.parametrize("action", Action.values)
def test_every_action_but_those_without_a_change_makes_another_one(action: str) -> None:
    entry(1_000)
    before = state_version()
    entry(1_001, action)
    assert (state_version() == before) == (action in {"login", "logout", "login_failed", "export"})


def test_an_entry_that_was_numbered_earlier_and_committed_later_is_seen() -> None:
    entry(1_000)
    before = state_version()
    entry(998)
    assert state_version() != before
    # Logins in between move nothing.
    later = state_version()
    for pk in range(1_001, 1_200):
        entry(pk, Action.LOGIN)
    assert state_version() == later


def test_an_entry_with_the_number_of_one_that_a_restored_backup_lacks_is_seen() -> None:
    entry(1_000, Action.IMPORT)
    before = state_version()
    with trail.writable():
        AuditEntry.objects.filter(pk=1_000).delete()
    entry(1_000, Action.IMPORT)
    assert state_version() != before
    assert state_version().data != before.data


def test_edits_leave_the_version_of_the_data_unless_they_are_very_many() -> None:
    entry(1_000, Action.IMPORT)
    before = state_version().data
    entry(1_001)
    assert state_version().data == before
    entry(1_002, Action.UNDO)
    undone = state_version().data
    assert undone != before
    entry(999, Action.ERASE)
    assert state_version().data != undone
    for pk in (2_005, 2_006):
        entry(pk)
        assert state_version().data.newest == pk


def score() -> None:
    score_day(date(2025, 5, 10))


def interrupt_an_import() -> None:
    make_run(status="running")
    with job_lock("import"):
        pass


def delete_a_scored_date() -> None:
    assert delete_dates([make_day(date=date(2025, 5, 9)).date]) == 1


def raise_alerts() -> None:
    make_run(started_at=timezone.now() - timedelta(days=30))
    assert evaluate().raised


def close_alerts() -> None:
    raise_alerts()
    for feed in ("customers", "engagement", "onboarding", "feedback", "events"):
        make_run(feed=feed, started_at=timezone.now())
    assert close_feed_alerts()


@pytest.mark.parametrize("act", [score, interrupt_an_import, delete_a_scored_date, raise_alerts, close_alerts])
def test_what_machines_change_is_in_the_audit_with_the_change(act: Callable[[], object]) -> None:
    make_engagement(make_customer(), date(2025, 5, 10), issues_tagged=1)
    before = state_version()
    act()
    assert state_version() != before


def test_a_scoring_that_is_taken_back_leaves_no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    make_engagement(make_customer(), date(2025, 5, 10), issues_tagged=1)
    before = AuditEntry.objects.count()
    monkeypatch.setattr("analytics.scoring.snapshots.analyze", lambda *_args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        score()
    assert (PortfolioDay.objects.count(), AuditEntry.objects.count()) == (0, before)


def test_rights_are_a_change() -> None:
    before = state_version()
    make_staff().groups.add(Group.objects.first())
    assert state_version() != before
