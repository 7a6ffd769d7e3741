"""Playbooks end: by their end, with the contract, as they are turned off, and by hand, which can be undone."""

from datetime import timedelta
from typing import Any

import pytest

from analytics.models import Message, Playbook, PlaybookRun, Task
from analytics.playbooks.end import end_all, stop, undo_stop
from analytics.playbooks.play import play
from customers.erasure.erase import erase
from customers.models import AuditEntry, Customer
from tests.analytics.playbooks.conftest import Passes
from tests.factories import make_staff
from tests.support.commands import held_elsewhere, run
from tests.support.playbooks import (
    AT_RISK,
    HEALTHY,
    MONDAY,
    email,
    emails,
    look,
    make_playbook,
    own,
    run_of,
    steps_of,
    task,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("end", "goes_on", "ends"),
    [
        ("over", AT_RISK, HEALTHY),
        ("doing_well", {"status": "needs_attention", "score": 55}, HEALTHY),
        ("active", {**AT_RISK, "last_active": MONDAY - timedelta(days=1)}, {**AT_RISK, "last_active": MONDAY}),
        ("onboarded", AT_RISK, {**AT_RISK, "onboarded": True}),
        ("first_pr", AT_RISK, {**AT_RISK, "first_pr_generated": True}),
    ],
)
def test_each_end_ends_it_in_the_middle(
    passes: Passes, end: str, goes_on: dict[str, Any], ends: dict[str, Any]
) -> None:
    make_playbook(task(0), task(3, "Later"), end=end)
    passes(0, c1=AT_RISK)
    look()
    passes(1, c1=goes_on)
    look()
    assert run_of().state == "running"
    passes(3, c1=ends)
    look()
    ended = run_of()
    assert (ended.state, ended.ended_why) == ("ended", Playbook.End(end).label)
    assert [what for what, _state, _note in steps_of()] == ["Call them"]


def test_without_an_end_it_goes_on_while_the_start_no_longer_holds(passes: Passes) -> None:
    make_playbook(task(3))
    passes(0, c1=AT_RISK)
    look()
    passes(3, c1=HEALTHY)
    look()
    assert (run_of().state, run_of().ended_why) == ("done", "All steps are done")
    assert Task.objects.count() == 1


def test_it_ends_with_the_contract(passes: Passes) -> None:
    make_playbook(task(3))
    passes(0, c1=AT_RISK)
    look()
    Customer.objects.filter(pk="c1").update(status="churned")
    passes(1, c1=AT_RISK)
    look()
    assert (run_of().state, run_of().ended_why) == ("ended", "The account is paused or has ended")


def test_an_email_that_has_not_gone_is_withdrawn(passes: Passes) -> None:
    make_playbook(email(automatic=True), task(5), end="over")
    passes(0, c1=AT_RISK)
    own("c1")
    look()
    assert emails() == [("scheduled", "Hello Company c1")]
    passes(1, c1=HEALTHY)
    look()
    assert (emails(), Message.objects.get().error) == (
        [("canceled", "Hello Company c1")],
        "The playbook ended: The start no longer holds.",
    )


def test_turned_off_it_ends_for_everybody(passes: Passes) -> None:
    playbook = make_playbook(task(3))
    passes(0, c1=AT_RISK, c2=AT_RISK)
    look()
    assert end_all(playbook, "olga") == 2
    assert set(PlaybookRun.objects.values_list("state", "ended_why", "ended_by")) == {
        ("ended", "The playbook was turned off", "olga")
    }


def test_stopped_by_hand_and_undone(passes: Passes) -> None:
    make_playbook(email(automatic=True), task(3))
    passes(0, c1=AT_RISK)
    own("c1")
    look()
    olga, other = make_staff("Success manager", username="olga"), make_staff("Success manager")
    assert stop(run_of(), olga) and not stop(run_of(), olga)
    assert (run_of().state, run_of().ended_by, emails()[0][0]) == ("stopped", "olga", "canceled")
    entry = AuditEntry.objects.filter(model="analytics.playbookrun").latest("pk")
    assert (entry.customer, entry.changes["state"]) == ("c1", ["Running", "Stopped"])
    assert undo_stop([run_of().pk], other) == 0
    assert undo_stop([run_of().pk], olga) == 1
    assert (run_of().state, steps_of()) == ("running", [("Email: Hello", "waiting", "")])
    passes(3, c1=AT_RISK)
    look()
    assert Task.objects.count() == 1


def test_a_stop_is_not_undone_where_it_was_started_anew(passes: Passes) -> None:
    make_playbook(task(3), cooldown=1, end="over")
    passes(0, c1=AT_RISK)
    look()
    olga, stopped = make_staff("Success manager", username="olga"), run_of()
    stop(stopped, olga)
    for day, known in ((1, HEALTHY), (2, AT_RISK)):
        passes(day, c1=known)
        look()
    assert PlaybookRun.objects.filter(state="running").count() == 1
    assert undo_stop([stopped.pk], olga) == 0


def test_an_erased_customer_takes_its_playbooks_along(passes: Passes) -> None:
    make_playbook(email(automatic=True), task(3))
    passes(0, c1=AT_RISK)
    own("c1")
    look()
    erase("c1", "olga")
    assert not PlaybookRun.objects.exists() and not Message.objects.exists()
    assert play().is_nothing


# --- The command ----------------------------------------------------------------------------------------------------


def test_the_command_says_what_it_did_and_nothing_the_second_time(passes: Passes) -> None:
    make_playbook(task(0), email(0))
    passes(0, c1=AT_RISK, c2=HEALTHY)
    words = "Playbooks: 1 started, 0 ended; 1 steps done, 1 wait for approval, 0 skipped, 0 held."
    assert run("playbooks").lines == [words]
    entries = AuditEntry.objects.filter(subject="playbooks")
    assert entries.count() == 2  # what was done, and that the command ran
    again = run("playbooks")
    nothing = "Playbooks: 0 started, 0 ended; 0 steps done, 0 wait for approval, 0 skipped, 0 held."
    assert (again.code, again.lines, entries.count()) == (0, [nothing], 3)  # that it ran, which puts a night right


def test_one_at_a_time(passes: Passes) -> None:
    make_playbook(task())
    passes(0, c1=AT_RISK)
    for job in ("playbooks", "import", "score"):
        with held_elsewhere(job):
            assert run("playbooks").code == 75
    assert not PlaybookRun.objects.exists()


def test_while_engagement_cannot_be_believed_nothing_is_done(passes: Passes) -> None:
    make_playbook(task(), end="over")
    passes(0, c1=AT_RISK)
    Customer.objects.get(pk="c1").engagement_set.all().delete()
    [said] = run("playbooks").lines
    assert said == "Playbooks: nothing is done now: engagement is not there, but 11 May 2025 is scored."
    assert not PlaybookRun.objects.exists()
