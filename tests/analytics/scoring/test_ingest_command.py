"""``manage.py ingest``: after it the pages' date has what the product reported, of those concerned alone."""

from datetime import date
from pathlib import Path

import pytest
from django.core.management import call_command

from analytics.models import Alert, AlertRule, Night, PortfolioDay, Snapshot
from analytics.scoring.snapshots import score_day
from analytics.scoring.unscored import unscored
from customers.core.signals import command_done
from customers.feeds.declarations import ENGAGEMENT
from customers.imports import load as loading
from customers.imports.load import load_rows
from customers.jobs.lock import is_short, job_lock
from customers.models import AuditEntry, ImportRun, InboxEvent
from customers.runs.undo import undo
from tests.factories import make_customer, make_engagement, make_onboarding, make_run
from tests.support.commands import held_elsewhere, run
from tests.support.inbox import event, reported
from tests.support.scoring import D, make_acme

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]

NEXT = "2025-05-11T09:00:00+00:00"


@pytest.fixture
def scored() -> None:
    """Acme and another customer, scored: 45, at risk; and nobody's events."""
    make_run()  # The one that the rows name.
    make_acme()
    other = make_customer(id="c2", signup_date=date(2025, 5, 1))
    make_onboarding(other)
    make_engagement(other, D, issues_tagged=1)
    score_day(D)


def three_merged() -> None:
    """Three issues with a PR each, all of them merged."""
    reported(
        *(event("c1001", metadata={"pr_url": "https://x"}, occurred_at=NEXT) for _number in range(3)),
        *(event("c1001", "pr_merged", occurred_at=NEXT) for _number in range(3)),
    )


@pytest.mark.usefixtures("scored")
def test_those_concerned_are_scored_again_and_nobody_else() -> None:
    before = Snapshot.objects.get(customer="c2")
    three_merged()
    done = run("ingest")
    assert done.code == 0
    assert done.lines == [
        "Engagement: 6 events: 1 created, 5 updated, 0 unchanged, 0 quarantined",
        "6 events; 1 customer scored again; alerts: 0 raised, 0 worse, 0 closed.",
    ]
    acme = Snapshot.objects.get(customer="c1001")
    # 5 x 5 active days, 25 x 3 of 3 merged, 3 steps, two support requests.
    assert (acme.activity, acme.pr_success, acme.adoption, acme.support) == (25, 25, 15, 10)
    assert (acme.score, acme.status, acme.provisional_to) == (75, "healthy", date(2025, 5, 11))
    assert Snapshot.objects.get(customer="c2").pk == before.pk
    portfolio = PortfolioDay.objects.get()
    assert (portfolio.date, portfolio.healthy, portfolio.so_far, portfolio.active_today) == (D, 1, 1, 2)
    assert unscored() is None
    assert AuditEntry.objects.filter(subject="score", text__contains="1 customer again").exists()


@pytest.mark.usefixtures("scored")
def test_where_nothing_waits_it_says_nothing_and_leaves_no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each minute somebody would be told of it, and look at all feeds."""
    monkeypatch.setattr(command_done, "send_robust", lambda **_named: 1 / 0)
    entries = AuditEntry.objects.count()
    assert run("ingest") == run("ingest")
    assert run("ingest").out == ""
    assert AuditEntry.objects.count() == entries
    assert not ImportRun.objects.filter(scope="events").exists()


@pytest.mark.usefixtures("scored")
def test_a_scoring_that_was_cut_short_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    three_merged()
    with monkeypatch.context() as patch:
        patch.setattr("analytics.management.commands.ingest.score_changed_by_api", lambda: set())
        run("ingest")
    assert Snapshot.objects.get(customer="c1001").score == 45
    assert run("ingest").lines == ["0 events; 1 customer scored again; alerts: 0 raised, 0 worse, 0 closed."]
    assert Snapshot.objects.get(customer="c1001").score == 75


@pytest.mark.usefixtures("scored")
def test_alerts_follow_for_those_concerned() -> None:
    AlertRule.objects.update(recovery=1)
    rule = AlertRule.objects.get(kind="at_risk")
    for key in ("c1001", "c2"):
        Alert.objects.create(rule=rule, customer_id=key, opened_on=date(2025, 5, 9), text="At risk", value=45)
    Snapshot.objects.filter(customer="c2").update(status="healthy")
    three_merged()
    assert "alerts: 0 raised, 0 worse, 1 closed" in run("ingest").out
    assert set(Alert.objects.filter(closed_on=None).values_list("customer", flat=True)) == {"c2"}


@pytest.mark.usefixtures("scored")
def test_rows_that_came_by_the_api_are_scored_too() -> None:
    cells = ["e77", "c1001", "2025-05-09", "1", "1", "1", "0", "0"]
    with job_lock("import") as lock:
        load_rows(ENGAGEMENT, [(0, cells)], name="api", started_by="token", lock=lock)
    assert unscored() is None
    run("ingest")
    acme = Snapshot.objects.get(customer="c1001")
    assert (acme.prs_merged, acme.last_active, acme.provisional_to) == (1, date(2025, 5, 9), None)


@pytest.mark.usefixtures("scored")
def test_a_date_that_waits_to_be_scored_again_is_left_to_that() -> None:
    three_merged()
    run("ingest")
    undo(ImportRun.objects.get(scope="events"), "test")
    assert PortfolioDay.objects.get().stale
    reported(event("c1001", occurred_at=NEXT))
    run("ingest")
    assert Snapshot.objects.get(customer="c1001").score == 75
    run("score", "--as-of", D)
    assert Snapshot.objects.get(customer="c1001").issues_tagged == 6


@pytest.mark.usefixtures("scored")
@pytest.mark.parametrize("job", ["import", "score", "ingest"])
def test_it_waits_for_nobody(job: str) -> None:
    three_merged()
    with held_elsewhere(job):
        assert run("ingest").code == 75
    assert run("ingest").code == 0
    assert Snapshot.objects.get(customer="c1001").score == 75
    assert not InboxEvent.objects.waiting().exists()


@pytest.mark.usefixtures("scored")
def test_a_run_that_fails_keeps_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    three_merged()
    with monkeypatch.context() as patch:
        patch.setattr(loading, "save_after", lambda *_arguments: 1 / 0)
        done = run("ingest")
    assert done.code == 1
    assert "Engagement: failed: ZeroDivisionError" in done.out
    assert InboxEvent.objects.waiting().count() == 6
    assert run("ingest").code == 0


@pytest.mark.usefixtures("scored")
def test_a_night_loads_them_first_and_goes_on_if_it_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three_merged()
    run("nightly", "--dir", tmp_path)
    steps = {step["name"]: step["result"] for step in Night.objects.get().steps}
    assert list(steps)[:2] == ["ingest", "import"]
    assert steps["ingest"] == "done"
    reported(event("c1001", occurred_at=NEXT))
    monkeypatch.setattr("analytics.management.commands.ingest.has_work", lambda: 1 / 0)
    run("nightly", "--dir", tmp_path)
    steps = {step["name"]: step["result"] for step in Night.objects.latest("pk").steps}
    assert steps["ingest"] == "done with a warning"
    assert "import" in steps


@pytest.mark.usefixtures("scored")
@pytest.mark.parametrize("in_night", [False, True])
def test_whoever_meets_an_ingest_waits_for_it_but_not_for_a_night(
    monkeypatch: pytest.MonkeyPatch, *, in_night: bool
) -> None:
    short: list[bool] = []
    monkeypatch.setattr(
        "analytics.management.commands.ingest.score_changed_by_api", lambda: short.append(is_short()) or set()
    )
    call_command("ingest", in_night=in_night)
    assert short == [not in_night]
