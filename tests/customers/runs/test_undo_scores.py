"""What was scored from an undone run: stale until it is scored again."""

from datetime import date
from pathlib import Path

import pytest
from django.conf import settings as project
from django.db import connection
from django.test import Client
from django.utils import timezone

from analytics.models import Forecast, PolicyTrial, PortfolioDay, Snapshot
from analytics.scoring.snapshots import score_day
from customers.imports.feed_states import feed_states
from customers.models import Customer, ImportRun
from customers.runs.undo import undo
from tests.factories import make_alert, make_forecast_case, make_snapshot, make_staff, write_feed
from tests.support.commands import run
from tests.support.crm import make_pushed
from tests.support.loading import load
from tests.support.playbooks import be_played
from tests.support.policies import make_draft
from tests.support.undoing import counts, customer_rows, engagement_rows, newest, undo_newest
from tests.support.webhook_events import make_event

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fixed_day")]


def stale() -> list[date]:
    return list(PortfolioDay.objects.filter(stale=True).order_by("date").values_list("date", flat=True))


MAY_1, MAY_2, MAY_3 = (date(2025, 5, day) for day in (1, 2, 3))


def test_what_was_scored_since_the_run_is_stale_until_it_is_scored_again(drop: Path, client: Client) -> None:
    score_day(MAY_1)
    write_feed(drop, "engagement", [*engagement_rows(1, 2), *engagement_rows(3, date="2025-05-03")])
    load(drop, "engagement")
    for day in (MAY_2, MAY_3):
        score_day(day)
    assert (stale(), PortfolioDay.objects.get(pk=MAY_3).day_issues_tagged) == ([], 5)
    undo_newest("engagement")
    assert stale() == [MAY_2, MAY_3]
    client.force_login(make_staff("Viewer"))
    notice = "was scored from has changed since: an import was undone"
    assert notice in client.get("/admin/").text
    assert notice in client.get("/admin/customer/c1/?as_of=2025-05-02").text
    assert notice not in client.get("/admin/?as_of=2025-05-01").text
    ran = run("score")
    assert (ran.code, ran.lines[-1]) == (0, "Scored 2 dates: 2 May 2025 to 3 May 2025.")
    assert (stale(), PortfolioDay.objects.get(pk=MAY_3).day_issues_tagged) == ([], 0)
    assert notice not in client.get("/admin/").text
    assert run("score").lines[-1] == "Scored 1 date: 2 May 2025."


def test_an_undo_that_changes_nothing_makes_nothing_stale(drop: Path) -> None:
    load(drop, "engagement")
    score_day(MAY_2)
    assert counts(undo_newest("engagement")) == {}
    assert stale() == []


def test_nightly_scores_stale_dates_again(drop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(project, "EXPORT_DIR", tmp_path / "exports")
    for day in (MAY_1, MAY_2):
        score_day(day)
    undo_newest("engagement")
    assert stale() == [MAY_1, MAY_2]
    assert run("nightly", "--dir", drop).code == 0
    assert (stale(), PortfolioDay.objects.get(pk=MAY_2).day_issues_tagged) == ([], 10)


def test_everything_that_is_computed_of_a_customer_goes_along(drop: Path) -> None:
    write_feed(drop, "customers", customer_rows(1, 2, 3))
    load(drop, "customers")
    customer = Customer.objects.get(pk="c3")
    make_alert(customer)
    make_snapshot(customer)
    Forecast.objects.create(customer=customer, date=MAY_2, quiet=500)
    make_forecast_case(customer)
    make_pushed(customer)
    make_event(customer)
    be_played(customer, "Nobody")
    PolicyTrial.objects.create(
        draft=make_draft(), date=MAY_2, key="x", made_at=timezone.now(), counts={}, cases=b"names them"
    )
    computed = {
        relation.related_model
        for relation in Customer._meta.related_objects
        if relation.related_model._meta.app_label == "analytics"
        and not getattr(relation.related_model, "KEPT_BY_HAND", False)
    }
    # A model that is new here must be made above.
    assert all(model.objects.filter(customer=customer).exists() for model in computed)
    undo_newest("customers")
    # As at a commit, where PostgreSQL and SQLite look whether anything hangs in the air.
    connection.check_constraints()
    assert not Customer.objects.filter(pk="c3").exists()
    assert not PolicyTrial.objects.exists()


def test_snapshots_go_with_their_customers_and_come_back_by_scoring(drop: Path) -> None:
    write_feed(drop, "customers", customer_rows(1, 2, 3))
    load(drop, "customers")
    score_day(MAY_2)
    undoing = undo_newest("customers")
    assert sorted(Snapshot.objects.values_list("customer", flat=True)) == ["c1", "c2"]
    undo(undoing, "test")
    run("score")
    assert sorted(Snapshot.objects.values_list("customer", flat=True)) == ["c1", "c2", "c3"]


def test_the_feeds_state_is_that_of_the_run_that_counts(drop: Path) -> None:
    first = newest("engagement")
    write_feed(drop, "engagement", engagement_rows(1, 2, 3))
    load(drop, "engagement")
    (drop / "engagement.csv").write_bytes(b"")
    load(drop, "engagement")
    refused = newest("engagement")
    undo(ImportRun.objects.filter(feed="engagement", status="loaded").latest("pk"), "test")
    [state] = [state for state in feed_states() if state.file == "engagement.csv"]
    assert (state.loaded, state.trouble) == (first, refused)
