"""Emails for later: given a time, canceled or sent earlier, and sent once by ``send_scheduled`` where they may go."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone

from analytics.models import Contact, Message, Task
from analytics.outreach import scheduled, sending
from customers.erasure.erase import erase
from customers.models import AuditEntry, Customer, CustomerCare
from tests.factories import make_message, make_staff
from tests.support.commands import held_elsewhere, run
from tests.support.contacting import ACME, hidden, preview, send, typed_into
from tests.support.pages import main_part, notices, section, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "from_rsolv")]
PAGE = "/admin/customer/c1001/"


def in_hours(hours: float) -> str:
    """A time from now on, as a browser's field sends it."""
    return f"{timezone.localtime(timezone.now() + timedelta(hours=hours)):%Y-%m-%dT%H:%M}"


def schedule(client: Client, at: str = "", **data: str) -> Any:
    """Preview a mail and give it a time."""
    return send(client, preview(client), action="later", at=at or in_hours(5), **data)


def waiting(author: User, **values: Any) -> Message:
    """One whose time has come."""
    due = timezone.now() - timedelta(minutes=1)
    written = {"created_at": due - timedelta(hours=8), "attempted_at": due - timedelta(hours=8)}
    usual = {"state": "scheduled", "send_at": due, "recipient": "john@acme.com", "reply_to": author.email, **written}
    return make_message(Customer.objects.get(pk="c1001"), author, **{**usual, **values})


def refuse(_backend: EmailBackend) -> None:
    raise OSError("no route")


# --- Given a time -----------------------------------------------------------------------------------------------


def test_it_is_stored_with_its_time_and_stands_where_people_look(client: Client, sofia: User) -> None:
    at = in_hours(5)
    response = schedule(client, at)
    message = Message.objects.get()
    assert (message.state, message.send_at, mail.outbox) == (
        "scheduled",
        timezone.make_aware(datetime.fromisoformat(at)),
        [],
    )
    assert response.url == f"/admin/messages/{message.pk}/"
    when = f"{timezone.localtime(message.send_at):%-d %b %Y, %H:%M}"
    page = client.get(response.url)
    assert f"Hello Acme Inc. Scheduled by Sofia Marchetti · for {when}" in words(main_part(page))
    assert f"It goes on {when.replace(', ', ' at ')} (UTC), unless somebody else writes to them first." in notices(
        page
    )
    shown = section(client.get(PAGE), "scheduled")
    assert shown == f"Scheduled email Hello Acme Inc. {when} to john@acme.com, by Sofia Marchetti Send now Cancel"
    assert "Email “Hello Acme Inc.” (scheduled)" in words(main_part(client.get(f"{PAGE}?told=emails")))
    assert f"Sofia Marchetti has an email scheduled for {when}: Hello Acme Inc." in " ".join(notices(client.get(ACME)))
    entry = AuditEntry.objects.filter(action="mail").latest("pk")
    assert (entry.actor, entry.customer, "scheduled for" in entry.text) == ("sofia", "c1001", True)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (in_hours(-1), "Choose a time to come."),
        (in_hours(24 * 91), "Choose a time within 90 days."),
        ("", "This field is required."),
        ("tomorrow", "Enter a valid date/time."),
    ],
)
def test_a_time_that_is_none_is_refused(client: Client, sofia: User, at: str, reason: str) -> None:
    previewed = preview(client)
    response = send(client, previewed, action="later", at=at)
    assert response.status_code == 422
    assert reason in words(main_part(response))
    assert not Message.objects.exists()
    assert send(client, response, action="later", at=in_hours(1)).status_code == 302
    assert Message.objects.get().state == "scheduled"


def test_a_preview_is_scheduled_or_sent_and_that_once(client: Client, sofia: User) -> None:
    previewed = preview(client)
    later = {"action": "later", "at": in_hours(1)}
    addresses = [send(client, previewed, **data).url for data in (later, later, {})]
    assert addresses == [f"/admin/messages/{Message.objects.get().pk}/"] * 3
    assert mail.outbox == []


@pytest.mark.parametrize(("today", "day"), [(date(2025, 5, 8), 9), (date(2025, 5, 9), 12), (date(2025, 5, 11), 12)])
def test_the_next_working_morning_is_offered(
    client: Client, sofia: User, today_is: Callable[[date], None], today: date, day: int
) -> None:
    today_is(today)
    assert f'name="at" value="2025-05-{day:02}T09:00"' in preview(client).text


def test_a_time_that_was_typed_stays_when_the_words_are_edited(client: Client, sofia: User) -> None:
    at = in_hours(30)
    edited = client.post(ACME, {**hidden(preview(client)), "at": at, "action": "edit"})
    assert f'name="at" value="{at}"' in edited.text
    assert f'name="at" value="{at}"' in preview(client, at=at).text


def test_who_was_written_to_lately_is_asked_for(client: Client, sofia: User) -> None:
    make_message(Customer.objects.get(pk="c1001"))
    assert schedule(client).status_code == 422
    assert schedule(client, confirmed="yes").status_code == 302


# --- Canceled, or sent earlier ----------------------------------------------------------------------------------


def test_anybody_who_writes_to_customers_cancels_it_and_its_author_alone_sends_it_now(
    client: Client, sofia: User
) -> None:
    message = waiting(sofia)
    address = f"/admin/messages/{message.pk}/"
    viewer, other = Client(), Client()
    viewer.force_login(make_staff("Viewer"))
    other.force_login(make_staff("Success manager", email="other@rsolv.example", username="otto"))
    assert viewer.post(address, {"action": "cancel"}).status_code == 403
    assert "Send now" not in main_part(other.get(address)) + section(other.get(PAGE), "scheduled")
    assert other.post(address, {"action": "again"}).url == address
    assert (mail.outbox, Message.objects.get().state) == ([], "scheduled")
    assert other.post(address, {"action": "cancel", "next": PAGE}).url == PAGE
    message.refresh_from_db()
    assert (message.state, message.error) == ("canceled", "Canceled by otto.")
    page = words(main_part(client.get(address)))
    assert "Canceled by Sofia Marchetti" in page and "Write anew with this text" in page
    assert 'aria-labelledby="scheduled"' not in client.get(PAGE).text
    client.post(address, {"action": "again"})
    assert other.post(address, {"action": "cancel"}).url == address
    assert run("send_scheduled").code == 0
    assert (mail.outbox, Message.objects.get().error) == ([], "Canceled by otto.")


def test_its_author_sends_it_now_and_no_run_sends_it_again(client: Client, sofia: User) -> None:
    message = waiting(sofia)
    response = client.post(f"/admin/messages/{message.pk}/", {"action": "again", "next": PAGE})
    assert (response.url, len(mail.outbox)) == (PAGE, 1)
    assert run("send_scheduled").lines == ["Scheduled emails: 0 sent, 0 not sent, 0 left to the next run."]
    assert len(mail.outbox) == 1


def test_it_is_canceled_and_written_anew(client: Client, sofia: User) -> None:
    message = waiting(sofia)
    response = client.post(f"/admin/messages/{message.pk}/", {"action": "edit"}, follow=True)
    assert response.redirect_chain == [(f"{ACME}?message={message.pk}", 302)]
    assert typed_into(response) == ("How is it going?", "Hello,\n\nhow is it going?")
    assert Message.objects.get().state == "canceled"


def test_what_was_read_before_it_was_canceled_is_not_sent(sofia: User) -> None:
    message = waiting(sofia)
    assert scheduled.cancel(Message.objects.get(), sofia)
    assert not sending.claim_again(message, sofia, confirmed=True)
    assert Message.objects.get().state == "canceled"


# --- Its time has come ------------------------------------------------------------------------------------------


def test_it_goes_once_its_time_has_come_and_once_only(sofia: User) -> None:
    early = waiting(sofia, send_at=timezone.now() + timedelta(minutes=1))
    message = waiting(sofia, subject="Due")
    done = run("send_scheduled")
    assert (done.code, done.lines, done.err) == (
        0,
        ["Scheduled emails: 1 sent, 0 not sent, 0 left to the next run."],
        "",
    )
    [sent] = mail.outbox
    assert (sent.subject, sent.to, sent.extra_headers["Message-ID"]) == ("Due", ["john@acme.com"], message.message_id)
    message.refresh_from_db()
    early.refresh_from_db()
    assert (message.state, early.state) == ("sent", "scheduled")
    entries = AuditEntry.objects.count()
    assert run("send_scheduled").code == 0
    assert len(mail.outbox) == 1
    assert AuditEntry.objects.count() == entries, "a run that does nothing leaves no entry"


def address_changes(_message: Message) -> None:
    Customer.objects.filter(pk="c1001").update(email="new@acme.com")


def closed(_message: Message) -> None:
    CustomerCare.objects.create(customer_id="c1001", do_not_contact=True)


def closed_elsewhere(_message: Message) -> None:
    Customer.objects.filter(pk="c1002").update(email="John@acme.com")
    CustomerCare.objects.create(customer_id="c1002", do_not_contact=True)


def copied_contact_goes(message: Message) -> None:
    Message.objects.filter(pk=message.pk).update(cc="ann@acme.com")


def author_leaves(message: Message) -> None:
    User.objects.filter(pk=message.sender_id).update(is_active=False)


def author_loses_the_right(message: Message) -> None:
    message.sender.groups.clear()


def author_has_another_address(message: Message) -> None:
    User.objects.filter(pk=message.sender_id).update(email="s.marchetti@rsolv.example")


def somebody_else_writes(message: Message) -> None:
    make_message(message.customer, make_staff(first_name="Otto", last_name="Berg"))


def a_day_passes(_message: Message) -> None:
    Message.objects.update(send_at=timezone.now() - timedelta(hours=25))


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (closed, "This customer is marked “do not contact”."),
        (closed_elsewhere, "marked “do not contact”."),
        (address_changes, "An address has changed since it was written."),
        (copied_contact_goes, "An address has changed since it was written."),
        (author_leaves, "Its author may no longer write to customers."),
        (author_loses_the_right, "Its author may no longer write to customers."),
        (author_has_another_address, "An address has changed since it was written."),
        (somebody_else_writes, "Otto Berg wrote to them on "),
        (a_day_passes, "It could not go within a day of its time."),
    ],
)
def test_what_happened_since_is_looked_at_and_somebody_gets_a_task(
    sofia: User, happens: Callable[[Message], None], reason: str
) -> None:
    message = waiting(sofia)
    happens(message)
    done = run("send_scheduled")
    assert (done.code, done.err) == (0, f"Not sent: email {message.pk}; its page says why.\n")
    assert mail.outbox == []
    message.refresh_from_db()
    assert message.state == "failed"
    assert reason in message.error
    tasks = list(Task.objects.values_list("owner__username", "what", "reason", "kind", "customer"))
    has_left = happens in (author_leaves, author_loses_the_right)
    assert tasks == (
        [] if has_left else [("sofia", "Email not sent: How is it going?", message.error, "email", "c1001")]
    )
    assert run("send_scheduled").err == ""


def test_the_owner_gets_the_task_of_an_author_who_has_left(sofia: User) -> None:
    owner = make_staff("Success manager", username="otto")
    CustomerCare.objects.create(customer_id="c1001", owner=owner)
    author_leaves(waiting(sofia))
    run("send_scheduled")
    assert Task.objects.get().owner == owner


def test_a_run_that_ends_early_has_told_of_those_before(sofia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    a_day_passes(waiting(sofia, subject="Old"))
    waiting(sofia, subject="New")
    monkeypatch.setattr(EmailBackend, "send_messages", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run("send_scheduled")
    assert [task.what for task in Task.objects.all()] == ["Email not sent: Old"]


def test_its_own_open_task_is_enough(sofia: User) -> None:
    task = Task.objects.create(customer_id="c1001", what="Write to them", due="2025-05-12", owner=sofia)
    a_day_passes(waiting(sofia, task=task))
    run("send_scheduled")
    assert Task.objects.get() == task


def test_what_its_author_wrote_meanwhile_does_not_hold_it_back(sofia: User) -> None:
    make_message(waiting(sofia).customer, sofia)
    run("send_scheduled")
    assert len(mail.outbox) == 1


def test_an_email_to_an_erased_customer_is_gone(sofia: User) -> None:
    waiting(sofia)
    erase("c1001", "ada")
    assert run("send_scheduled").code == 0
    assert (mail.outbox, Message.objects.count()) == ([], 0)


# --- The mail server --------------------------------------------------------------------------------------------


def test_a_server_that_is_down_is_asked_again_by_the_next_run(sofia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(sofia)
    waiting(sofia)
    before = set(AuditEntry.objects.values_list("pk", flat=True))
    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "open", refuse)
        done = run("send_scheduled")
    assert (done.code, done.lines) == (1, ["Scheduled emails: 0 sent, 0 not sent, 2 left to the next run."])
    assert done.err == "The mail server cannot be reached: no route. The next run tries again.\n"
    assert set(Message.objects.values_list("state", flat=True)) == {"scheduled"}
    assert not AuditEntry.objects.exclude(pk__in=before).exists(), "each entry makes every page anew"
    assert run("send_scheduled").lines == ["Scheduled emails: 2 sent, 0 not sent, 0 left to the next run."]


def test_after_a_day_it_is_given_up_though_the_server_is_down(sofia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    a_day_passes(waiting(sofia))
    monkeypatch.setattr(EmailBackend, "open", refuse)
    assert run("send_scheduled").code == 0
    assert (Message.objects.get().state, Task.objects.count()) == ("failed", 1)


def test_a_server_that_refuses_the_address_is_told_to_the_author(sofia: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_backend: EmailBackend, _messages: object) -> None:
        raise SMTPRecipientsRefused({"john@acme.com": (550, b"no such user")})

    waiting(sofia)
    monkeypatch.setattr(EmailBackend, "send_messages", unknown)
    assert run("send_scheduled").code == 0
    assert Message.objects.get().state == "failed"
    assert Task.objects.get().reason == "The mail server refused it: 550 no such user."


def test_nothing_is_sent_where_mail_is_off_and_that_is_said(sofia: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    waiting(sofia)
    assert run("send_scheduled").lines == ["No email is sent, because EMAIL_URL is not set."]
    assert Message.objects.get().state == "scheduled"


def test_one_run_at_a_time(sofia: User) -> None:
    waiting(sofia)
    with held_elsewhere("scheduled"):
        assert run("send_scheduled").code == 75
    assert mail.outbox == []


def test_what_a_killed_run_left_is_told_once_and_not_sent_again(client: Client, sofia: User) -> None:
    message = waiting(sofia, state="sending", attempted_at=timezone.now() - timedelta(minutes=11))
    assert run("send_scheduled").err == f"Not sent: email {message.pk}; its page says why.\n"
    task = Task.objects.get()
    assert (task.what, task.reason) == (
        "Email perhaps sent: How is it going?",
        "The run that sent it ended before it was recorded.",
    )
    assert notices(client.get(f"/admin/messages/{message.pk}/"))[0].startswith(
        "Nobody can know whether this was sent."
    )
    task.delete()
    run("send_scheduled")
    assert (mail.outbox, Task.objects.count()) == ([], 0)


def test_that_no_run_comes_is_said(client: Client, sofia: User) -> None:
    message = waiting(sofia, send_at=timezone.now() - timedelta(minutes=16))
    assert "This should have gone by now." in notices(client.get(f"/admin/messages/{message.pk}/"))[0]
    assert "late: scheduled emails are not being sent" in section(client.get(PAGE), "scheduled")


def test_a_copy_to_a_contact_goes_with_it(sofia: User) -> None:
    Contact.objects.create(customer_id="c1001", name="Ann", email="ann@acme.com")
    waiting(sofia, cc="ann@acme.com")
    run("send_scheduled")
    assert [one.recipients() for one in mail.outbox] == [["john@acme.com", "ann@acme.com"]]
