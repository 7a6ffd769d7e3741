"""``manage.py push``, and the step of the night."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.crm.begin import NotPushable
from analytics.crm.pushing import undo_push
from analytics.models import Destination, Night, Push, PushRow
from analytics.retention import remove_old
from customers.jobs.lock import job_lock
from tests.factories import csv_row, write_feeds
from tests.support.commands import held_elsewhere, run
from tests.support.crm import counts, make_destination, make_hubspot, make_scored
from tests.support.hubspot import FakeHubSpot

pytestmark = pytest.mark.django_db
ALL_DONE = (
    "Nightly: import done, score done, forecast done, alerts done, playbooks done, export done, reports done, "
    "expire done."
)


@pytest.fixture(autouse=True)
def exports(settings: Settings, tmp_path: Path) -> Path:
    settings.EXPORT_DIR = tmp_path / "exports"
    return Path(settings.EXPORT_DIR)


def test_it_pushes_to_all_that_are_on_or_to_one() -> None:
    make_scored(2)
    assert run("push").lines == ["No destination is on, so nothing is pushed."]
    for name in ("One", "Two"):
        make_destination(name=name)
    make_destination(name="Off", enabled=False)
    said = "2 new, 0 changed, 0 unchanged, 0 refused and 0 held back of"
    assert run("push").lines == [f"One: {said} 2 customers.", f"Two: {said} 2 customers."]
    assert run("push", "One").lines == [
        "One: 0 new, 0 changed, 2 unchanged, 0 refused and 0 held back of 2 customers."
    ]
    assert run("push", "One", "--all").lines == [
        "One: 0 new, 2 changed, 0 unchanged, 0 refused and 0 held back of 2 customers."
    ]


def test_a_dry_run_changes_nothing(exports: Path) -> None:
    make_scored(2)
    make_destination()
    said = "Warehouse: 2 new, 0 changed, 0 unchanged, 0 refused last time, 0 held back of 2 customers"
    assert run("push", "--dry-run").lines == [f"{said}; nothing was pushed."]
    assert (Push.objects.exists(), exports.exists()) == (False, False)


def test_what_cannot_be_pushed_has_a_code_and_holds_no_other_up(
    hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scored(1)
    make_destination(name="A", kind=Destination.Kind.HUBSPOT, variables="CRM_NOWHERE")
    make_hubspot(hubspot, monkeypatch)
    done = run("push")
    assert (done.code, hubspot.written) == (1, ["c1"])
    assert "The environment has no CRM_NOWHERE_TOKEN" in done.err
    assert run("push", "Nobody").code == 2
    assert run("push", "Nobody").err == "There is no destination Nobody. There are: A, HubSpot.\n"


def test_while_another_push_goes_on_it_says_so() -> None:
    make_scored(1)
    there = make_destination()
    with held_elsewhere(f"crm-{there.pk}"):
        assert run("push").code == 75
    with job_lock(f"crm-{there.pk + 1}"):
        assert run("push").code == 0


def test_destinations_of_the_night_are_pushed_and_hold_nothing_back(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    feeds = {name: [csv_row(name)] for name in ("customers", "onboarding", "engagement")}
    drop = write_feeds(tmp_path / "csv", **feeds)
    make_destination(name="Off", nightly=True, enabled=False)
    make_destination(name="By hand")
    assert run("nightly", "--dir", drop).lines[-1] == ALL_DONE
    make_destination(nightly=True)
    assert run("nightly", "--dir", drop).lines[-1] == ALL_DONE.replace("expire", "push done, expire")
    assert Push.objects.get().destination.name == "Warehouse"
    make_destination(name="HubSpot", kind="hubspot", variables="CRM_NOWHERE", nightly=True)
    assert run("nightly", "--dir", drop).lines[-1] == ALL_DONE.replace("expire", "push failed, expire")
    step = Night.objects.latest("pk").steps[-2]
    assert (step["name"], step["message"]) == ("push", "Not pushed to the end: HubSpot.")


def test_the_rows_of_old_pushes_go_and_their_counts_stay(settings: Settings) -> None:
    make_scored(2)
    make_destination()
    run("push")
    push = Push.objects.get()
    remove_old()
    assert PushRow.objects.count() == 2
    settings.PUSH_DAYS = 30
    Push.objects.update(finished_at=timezone.now() - timedelta(days=31))
    assert (remove_old()["rows of pushes"], PushRow.objects.count(), counts(push)) == (2, 0, {"new": 2})
    with pytest.raises(NotPushable, match="no longer kept"):
        undo_push(push, "ada")
