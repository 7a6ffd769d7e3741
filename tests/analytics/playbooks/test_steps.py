"""Steps are done on their day: tasks, and emails that wait for a person or go by themselves."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from analytics.models import Deferral, MailTemplate, Message, PlaybookRun, PlaybookStep, PlaybookStepRun, Task
from analytics.playbooks import steps
from customers.models import AuditEntry, Customer, CustomerCare
from tests.analytics.playbooks.conftest import Passes
from tests.factories import make_message
from tests.support.playbooks import (
    AT_RISK,
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


def tasks() -> list[tuple[str, date]]:
    return [(one.what, one.due) for one in Task.objects.order_by("pk")]


# --- Tasks --------------------------------------------------------------------------------------------------------


def test_tasks_come_on_their_days_and_those_of_a_weekend_on_monday(passes: Passes) -> None:
    make_playbook(task(0, "Call"), task(5, "Saturday"), task(6, "Sunday"), task(7, "Monday"))
    passes(0, c1=AT_RISK)
    sofia = own("c1")
    look()
    assert tasks() == [("Call", MONDAY)]
    call = Task.objects.get()
    assert (call.owner, call.kind, call.reason, call.created_by) == (
        sofia,
        "call",
        "Rescue: At risk, score 30",
        "Playbook Rescue",
    )
    for day, count in ((4, 1), (5, 1), (6, 1), (7, 4)):
        passes(day, c1=AT_RISK)
        look()
        assert len(tasks()) == count, day
    assert {due for _what, due in tasks()[1:]} == {MONDAY + timedelta(days=7)}
    assert run_of().state == "done"


def test_a_start_on_a_weekend_counts_from_its_own_day_and_begins_on_monday(passes: Passes) -> None:
    make_playbook(task(0), task(3, "Later"))
    passes(5, c1=AT_RISK)
    played = look()
    assert (played.started, played.done) == (1, 0)
    passes(7, c1=AT_RISK)
    look()
    assert tasks() == [("Call them", MONDAY + timedelta(days=7))]
    passes(8, c1=AT_RISK)
    look()
    assert tasks()[1:] == [("Later", MONDAY + timedelta(days=8))]


def test_days_on_which_nothing_ran_are_caught_up(passes: Passes) -> None:
    make_playbook(task(0), task(1, "Next"), task(30, "Last"))
    passes(0, c1=AT_RISK)
    look()
    passes(10, c1=AT_RISK)
    look()
    assert tasks()[1:] == [("Next", MONDAY + timedelta(days=10))]


@pytest.mark.parametrize("gone", ["nobody", "inactive", "no role"])
def test_without_an_owner_who_can_act_it_is_nobodys(passes: Passes, gone: str) -> None:
    make_playbook(task())
    passes(0, c1=AT_RISK)
    if gone != "nobody":
        owner: User = own("c1", is_active=gone != "inactive")
        if gone == "no role":
            owner.groups.clear()
    look()
    assert Task.objects.get().owner is None


def test_such_a_task_is_not_created_twice(passes: Passes) -> None:
    make_playbook(task())
    passes(0, c1=AT_RISK)
    theirs = Task.objects.create(customer_id="c1", what="Call them", due=MONDAY)
    look()
    assert steps_of() == [("Call them", "skipped", "There is such a task already")]
    assert list(Task.objects.all()) == [theirs]


# --- Emails ---------------------------------------------------------------------------------------------------------


def test_an_email_waits_for_a_person(passes: Passes) -> None:
    make_playbook(email())
    passes(0, c1=AT_RISK)
    own("c1")
    assert look().waiting == 1
    assert look().is_nothing
    assert (steps_of(), emails(), run_of().state) == ([("Email: Hello", "waiting", "")], [], "running")


def test_one_that_goes_by_itself_is_scheduled_in_the_owners_name(passes: Passes) -> None:
    make_playbook(email(automatic=True))
    passes(0, c1=AT_RISK)
    own("c1")
    assert look().done == 1
    message = Message.objects.get()
    assert (message.state, message.subject, message.sent_by, message.recipient) == (
        "scheduled",
        "Hello Company c1",
        "sofia",
        Customer.objects.get(pk="c1").email,
    )
    assert message.body == "How are you?\n\nSofia"
    assert run_of().state == "done"


def test_it_is_in_the_language_of_the_customer(passes: Passes) -> None:
    make_playbook(email(automatic=True))
    hello = MailTemplate.objects.get(name="Hello")
    words = {"subject": "Hallo {organization}", "body": "Seit {signup_date}", "situation": hello.situation}
    hallo = MailTemplate.objects.create(name="Hallo", language="de", translation_of=hello, **words)
    passes(0, c1=AT_RISK, c2=AT_RISK)
    Customer.objects.update(signup_date=date(2025, 3, 4))
    CustomerCare.objects.create(customer_id="c2", owner=own("c1"))
    CustomerCare.objects.filter(customer="c1").update(language="de")
    look()
    sent = Message.objects.order_by("customer").values_list("subject", "body", "template")
    assert list(sent) == [
        ("Hallo Company c1", "Seit 4. März 2025", hallo.pk),
        ("Hello Company c2", "How are you?\n\nSofia", hello.pk),
    ]


def test_without_an_owner_it_waits_and_says_why(passes: Passes) -> None:
    make_playbook(email(automatic=True))
    passes(0, c1=AT_RISK)
    look()
    why = "It does not go by itself: there is no owner who may write to customers"
    assert steps_of() == [("Email: Hello", "waiting", why)]


def test_a_placeholder_without_a_value_makes_it_wait(passes: Passes) -> None:
    make_playbook(email(automatic=True))
    MailTemplate.objects.filter(name="Hello").update(body="Your blocker: {blocker}")
    passes(0, c1=AT_RISK)
    own("c1")
    look()
    [(_what, state, note)] = steps_of()
    assert (state, note) == ("waiting", "It does not go by itself: a placeholder of its template has no value")


@pytest.mark.parametrize("automatic", [False, True])
def test_do_not_contact_skips_every_email_and_leaves_the_tasks(passes: Passes, automatic: bool) -> None:
    make_playbook(email(0, automatic=automatic), task(1))
    passes(0, c1=AT_RISK)
    own("c1")
    CustomerCare.objects.filter(pk="c1").update(do_not_contact=True)
    look()
    passes(1, c1=AT_RISK)
    look()
    assert steps_of() == [("Email: Hello", "skipped", "Do not contact"), ("Call them", "done", "")]
    assert emails() == []


def test_a_snoozed_customer_gets_its_email_afterwards_and_a_dismissed_one_none(passes: Passes) -> None:
    make_playbook(email(automatic=True), task(30))
    passes(0, c1=AT_RISK, c2=AT_RISK)
    sofia = own("c1")
    CustomerCare.objects.create(customer_id="c2", owner=sofia)
    Deferral.objects.create(customer_id="c1", until=MONDAY + timedelta(days=2), created_by="sofia")
    Deferral.objects.create(customer_id="c2", reason="elsewhere", created_by="sofia")
    look()
    assert steps_of("c1") == [("Email: Hello", "held", "Snoozed until 14 May 2025")]
    assert steps_of("c2") == [("Email: Hello", "skipped", "Dismissed: Handled elsewhere")]
    assert look().is_nothing
    passes(2, c1=AT_RISK, c2=AT_RISK)
    look()
    assert steps_of("c1") == [("Email: Hello", "done", "")]
    assert emails() == [("scheduled", "Hello Company c1")]


def test_whoever_was_written_to_lately_is_left_in_peace_for_three_days(passes: Passes) -> None:
    make_playbook(email(automatic=True))
    passes(0, c1=AT_RISK)
    own("c1")
    written = make_message(Customer.objects.get(pk="c1"))
    look()
    assert steps_of() == [("Email: Hello", "held", "Somebody wrote to them within the last 3 days")]
    Message.objects.filter(pk=written.pk).update(attempted_at=written.attempted_at - timedelta(days=3, minutes=1))
    look()
    assert steps_of() == [("Email: Hello", "done", "")]


def test_while_another_email_is_scheduled_it_is_held(passes: Passes) -> None:
    make_playbook(email())
    passes(0, c1=AT_RISK)
    make_message(Customer.objects.get(pk="c1"), state="scheduled")
    look()
    assert steps_of() == [("Email: Hello", "held", "An email to them is scheduled")]


@pytest.mark.parametrize(("gone", "note"), [(True, "was deleted"), (False, "is turned off")])
def test_an_email_whose_template_is_gone_is_skipped(passes: Passes, gone: bool, note: str) -> None:
    make_playbook(email(1), task(2))
    passes(0, c1=AT_RISK)
    look()
    template = MailTemplate.objects.filter(name="Hello")
    template.delete() if gone else template.update(active=False)
    passes(2, c1=AT_RISK)
    look()
    [(_what, state, said), (_task, done, _note)] = steps_of()
    assert (state, said, done) == (
        "skipped",
        f"Its template {note}",
        "done",
    )
    assert run_of().state == "done"


def test_a_step_that_is_deleted_in_the_middle_stays_in_the_record_and_is_not_waited_for(passes: Passes) -> None:
    make_playbook(task(0), task(5, "Later"))
    passes(0, c1=AT_RISK)
    look()
    PlaybookStep.objects.all().delete()
    PlaybookStep.objects.create(playbook=run_of().playbook, day=1, title="Another")
    passes(1, c1=AT_RISK)
    look()
    assert [what for what, _state, _note in steps_of()] == ["Call them", "Another"]
    assert PlaybookRun.objects.get().state == "done"


# --- Many at once ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [task, email])
def test_a_step_takes_the_same_queries_for_many_customers(passes: Passes, step: Callable[[], dict[str, Any]]) -> None:
    make_playbook(step())
    counts = []
    for many in (2, 40):
        names = [f"n{many}-{number}" for number in range(many)]
        passes(0, **dict.fromkeys(names, AT_RISK))
        owner = own(names[0], username=f"owner{many}")
        CustomerCare.objects.bulk_create(CustomerCare(customer_id=name, owner=owner) for name in names[1:])
        with CaptureQueriesContext(connection) as asked:
            played = look()
        assert played.started == played.done + played.waiting == many
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 40


def test_the_audit_says_of_each_task_of_many_what_a_save_would(passes: Passes) -> None:
    make_playbook(task())
    passes(0, c1=AT_RISK, c2=AT_RISK)
    own("c1")
    look()
    one = AuditEntry.objects.get(model="analytics.task", customer="c1")
    by_hand = Task.objects.get(customer="c1")
    by_hand.pk, by_hand.what = None, "Another"
    by_hand.save(force_insert=True)
    saved = AuditEntry.objects.filter(model="analytics.task", customer="c1").latest("pk")
    assert one.changes == {**saved.changes, "title": [None, "Call them"]}
    assert (one.action, one.subject) == ("add", "Call them")


def test_those_who_have_such_a_task_already_are_skipped_among_many(passes: Passes) -> None:
    make_playbook(task())
    passes(0, c1=AT_RISK, c2=AT_RISK, c3=AT_RISK)
    theirs = Task.objects.create(customer_id="c2", what="Call them", due=MONDAY)
    look()
    assert [steps_of(key)[0][1] for key in ("c1", "c2", "c3")] == ["done", "skipped", "done"]
    assert Task.objects.filter(customer="c2").get() == theirs
    assert run_of("c2").steps.get().task == theirs


# --- What cannot be done ------------------------------------------------------------------------------------------


def test_a_customer_for_whom_a_step_fails_holds_back_nobody_else(
    passes: Passes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is held with the reason, tried again, and done once it can be."""
    make_playbook(task(0, "Call"))
    passes(0, c1=AT_RISK, c2=AT_RISK, c3=AT_RISK, c4=AT_RISK, c5=AT_RISK)
    real = steps.take_by_themselves

    def fail_for_one(wanted: list[Task], by: str) -> list[Task]:
        if any(one.customer_id == "c3" for one in wanted):
            raise ValueError("Ann Smith")
        return real(wanted, by)

    monkeypatch.setattr(steps, "take_by_themselves", fail_for_one)
    played = look()
    assert (played.started, played.done, played.held) == (5, 4, 1)
    assert sorted(Task.objects.values_list("customer", flat=True)) == ["c1", "c2", "c4", "c5"]
    held = PlaybookStepRun.objects.get(state="held")
    assert (held.run.customer_id, held.note) == ("c3", "It could not be done: ValueError. The log says more")
    assert "could not be done in playbook run" in caplog.text
    assert look().is_nothing
    monkeypatch.setattr(steps, "take_by_themselves", real)
    assert look().done == 1
    assert Task.objects.count() == 5


def test_a_database_that_is_gone_is_no_fault_of_a_customer(passes: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    make_playbook(task(0, "Call"))
    passes(0, c1=AT_RISK, c2=AT_RISK)

    def fail(*_what: object) -> list[Task]:
        raise OperationalError("gone") from ConnectionError()

    monkeypatch.setattr(steps, "take_by_themselves", fail)
    with pytest.raises(OperationalError):
        look()
    assert not PlaybookStepRun.objects.exists()
