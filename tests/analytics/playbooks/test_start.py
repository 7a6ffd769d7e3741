"""Playbooks start where their start begins to hold: once while it does, and once in so many days."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics.models import ForecastDay, ForecastModel, Playbook, PlaybookRun
from analytics.playbooks.start import pass_over
from customers.models import AuditEntry, Customer
from tests.analytics.playbooks.conftest import Passes
from tests.factories import make_customer
from tests.support.playbooks import AT_RISK, HEALTHY, MONDAY, forecast, look, make_playbook, run_of, task

pytestmark = pytest.mark.django_db
SUNDAY = MONDAY - timedelta(days=1)


def started() -> list[str]:
    """The customers for whom any playbook was started, in order."""
    return list(PlaybookRun.objects.exclude(state="passed").order_by("pk").values_list("customer", flat=True))


@pytest.mark.parametrize(
    ("playbook", "known", "why"),
    [
        ({"start": "at_risk"}, {"status": "at_risk", "score": 30}, "At risk, score 30"),
        (
            {"start": "inactive"},
            {"status": "inactive", "last_active": MONDAY - timedelta(days=30)},
            "No activity for 29 days",
        ),
        ({"start": "blocked"}, {"blocker_type": "github_permissions"}, "Blocked: GitHub permissions"),
        ({"start": "stage", "stage": "regular_usage"}, {"stage": "regular_usage"}, "Stage: Regular usage"),
        (
            {"start": "step", "step": "github_action_installed"},
            {"github_action_installed": True},
            "Reached the step GitHub Action",
        ),
        ({"start": "onboarded"}, {"onboarded": True}, "Onboarding completed"),
        ({"start": "first_merged"}, {"prs_merged": 1}, "1 PR merged"),
    ],
)
def test_each_start(passes: Passes, playbook: dict[str, Any], known: dict[str, Any], why: str) -> None:
    make_playbook(task(1), **playbook)
    make_customer(id="c1", signup_date=MONDAY - timedelta(days=400))
    passes(0, c1=known, c2=HEALTHY)
    assert look().started == 1
    run = run_of("c1")
    assert (run.why, run.day, run.started_on, run.state) == (why, SUNDAY, MONDAY, "running")
    assert started() == ["c1"]


def test_likely_to_go_quiet_starts_from_the_band_that_is_shown_and_only_where_it_is_known(passes: Passes) -> None:
    make_playbook(task(1), start="likely_quiet")
    passes(0, c1=HEALTHY, c2=HEALTHY)
    forecast("c1", SUNDAY, 495)
    forecast("c2", SUNDAY, 494)
    assert look().started == 0
    model = ForecastModel.objects.create(
        target="quiet", method="counts", trained_through=SUNDAY, definitions=1, fitted_at=timezone.now(),
        first_day=SUNDAY, rows=1, came_true=1, customers=20, rarer=10, numbers={},
    )  # fmt: skip
    ForecastDay.objects.create(
        date=SUNDAY, target="quiet", model=model, made_at=timezone.now(), backfilled=False, customers=20, rarer=10
    )
    look()
    assert (started(), run_of().why) == (["c1"], "Likely to go quiet: 50%")


def test_a_second_look_starts_nothing_and_is_not_in_the_audit(passes: Passes) -> None:
    make_playbook(task(1))
    passes(0, c1=AT_RISK)
    assert look().started == 1
    entries = AuditEntry.objects.count()
    assert look().is_nothing
    assert (started(), AuditEntry.objects.count()) == (["c1"], entries)


def test_one_that_is_off_starts_for_nobody(passes: Passes) -> None:
    make_playbook(task(), active=False)
    passes(0, c1=AT_RISK)
    assert look().is_nothing and started() == []


def test_a_flapping_customer_starts_one_and_again_only_after_its_days(passes: Passes) -> None:
    make_playbook(task(30), cooldown=10, end="over")
    for day, known, runs in [
        (0, AT_RISK, 1),
        (1, HEALTHY, 1),  # ends, and may start again
        (2, AT_RISK, 1),  # within its days
        (3, HEALTHY, 1),
        (4, AT_RISK, 1),
        (9, AT_RISK, 1),
        (10, AT_RISK, 2),  # it holds still, and the days are over
        (30, AT_RISK, 2),  # it held all the time
    ]:
        passes(day, c1=known)
        look()
        assert len(started()) == runs, day


def test_what_holds_for_good_starts_once(passes: Passes) -> None:
    make_playbook(task(), start="onboarded", cooldown=1)
    for day in (0, 7, 400):
        passes(day, c1={"onboarded": True})
        look()
    assert started() == ["c1"]


def test_who_is_passed_over_starts_once_it_holds_anew(passes: Passes) -> None:
    playbook = make_playbook(task(1))
    passes(0, c1=AT_RISK, c2=HEALTHY)
    assert pass_over(playbook, SUNDAY, MONDAY) == 1
    assert look().is_nothing
    passes(1, c1=AT_RISK, c2=AT_RISK)
    look()
    assert started() == ["c2"]
    passes(2, c1=HEALTHY, c2=AT_RISK)
    look()
    passes(3, c1=AT_RISK, c2=AT_RISK)
    look()
    assert started() == ["c2", "c1"]


def test_whose_contract_is_over_starts_none_nor_who_meets_its_end(passes: Passes) -> None:
    make_playbook(task(), end="onboarded")
    make_customer(id="c1", status="paused")
    passes(0, c1=AT_RISK, c2={**AT_RISK, "onboarded": True}, c3=AT_RISK)
    look()
    assert started() == ["c3"]


def test_filters_narrow_it_and_those_that_are_not_understood_start_it_for_nobody(passes: Passes) -> None:
    make_customer(id="c1", cohort="VIP")
    playbook = make_playbook(task(1), query="cohort=VIP")
    passes(0, c1=AT_RISK, c2=AT_RISK)
    look()
    assert started() == ["c1"]
    Playbook.objects.filter(pk=playbook.pk).update(query="nonsense=1")
    PlaybookRun.objects.all().delete()
    played = look()
    assert list(played.broken.values()) == ["Playbook “Rescue” starts for nobody: There is no filter “nonsense”."]
    assert started() == []


def test_who_enters_the_filters_while_the_start_holds_starts(passes: Passes) -> None:
    make_playbook(task(1), query="cohort=VIP")
    passes(0, c1=AT_RISK)
    assert look().started == 0
    Customer.objects.filter(pk="c1").update(cohort="VIP")
    assert look().started == 1


def test_only_the_customers_of_an_ingest_are_looked_at(passes: Passes) -> None:
    from analytics.playbooks.play import play

    make_playbook(task(1))
    passes(0, c1=AT_RISK, c2=AT_RISK)
    assert play({"c2"}).started == 1
    assert started() == ["c2"]
