"""``send_reports`` where something is broken, somebody is not there, or the clock was wrong: once, whatever breaks."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.mail import outbox
from analytics.models import Report, ReportDelivery
from analytics.reports import mails as report_mails
from customers.workbooks import writer
from tests.factories import make_staff
from tests.support import mails
from tests.support.commands import held_elsewhere, run
from tests.support.mails import MailServer, parts
from tests.support.reports import last_line, make_report

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("night", "two")]

D = date(2025, 5, 10)
post = mails.post


# --- When something is broken -------------------------------------------------------------------------------------


def test_while_the_server_is_down_it_waits_for_the_next_run(
    post: MailServer, settings: Settings, zoe: User, mira: User, night: Callable[[int], None]
) -> None:
    report = make_report(zoe, zoe, mira, schedule="weekly")
    settings.EMAIL_PORT = 9
    done = run("send_reports")
    assert (done.code, last_line(done)) == (1, "Reports: 0 mails sent, 1 failed.")
    assert set(ReportDelivery.objects.values_list("state", "error")) == {("failed", "[Errno 111] Connection refused")}
    report.refresh_from_db()
    assert report.last_error == "Zoe: [Errno 111] Connection refused mira: [Errno 111] Connection refused"
    settings.EMAIL_PORT = post.port
    night(1)
    assert last_line(run("send_reports")) == "Reports: 2 mails sent, 0 failed."
    assert sorted(mail["To"] for mail in post.take()) == ["mira@example.com", "zoe@example.com"]
    report.refresh_from_db()
    assert report.last_error == ""


def test_one_whom_the_server_refuses_is_told_to_the_owner_once(
    post: MailServer, zoe: User, mira: User, night: Callable[[int], None]
) -> None:
    make_report(zoe, mira, zoe, schedule="weekly")
    post.refused = {"mira@example.com"}
    assert run("send_reports").code == 1
    report, failure = post.take()
    assert (report["To"], failure["To"]) == ("zoe@example.com", "zoe@example.com")
    assert failure["Subject"].strip() == "Your report “Weekly look” could not be sent"
    assert "* mira: {'mira@example.com': (550, b'no such user')}" in parts(failure)[0]
    night(1)
    assert run("send_reports").code == 1
    assert post.take() == []


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("region=emea", "There is no filter “region”."),
        ("sort=region", "There is no column “region” to sort by."),
        ("columns=score,region", "There is no column “region” to show."),
        ("status=great", "Status: Select a valid choice. great is not one of the available choices."),
        ("stage=Gone", "Stage: Select a valid choice. Gone is not one of the available choices."),
    ],
)
def test_a_query_that_is_not_understood_is_told_and_not_sent(
    query: str, why: str, post: MailServer, zoe: User, mira: User, night: Callable[[int], None]
) -> None:
    report = make_report(zoe, mira, query=query, schedule="weekly")
    other = make_report(zoe, mira, name="Other")
    done = run("send_reports")
    # Only its owner can mend it: no failure of the run.
    assert (done.code, done.err, last_line(done)) == (0, "", "Reports: 1 mail sent, 0 failed, 1 broken.")
    assert f"Broken, for its owner to mend: Weekly look: {why}" in done.lines
    failure, fine = post.take()
    assert (failure["To"], fine["To"]) == ("zoe@example.com", "mira@example.com")
    assert f"* {why}" in parts(failure)[0].splitlines()
    report.refresh_from_db()
    assert (report.last_error, report.failure_told) == (why, date(2025, 5, 12))
    other.delete()
    # Once it is mended, the Monday is made good.
    Report.objects.update(query="")
    night(1)
    assert last_line(run("send_reports")) == "Reports: 1 mail sent, 0 failed."
    assert post.take()[0]["To"] == "mira@example.com"


def test_no_date_to_report_on(post: MailServer, zoe: User) -> None:
    make_report(zoe, as_of="week_before")
    assert "Nothing is scored 7 to 14 days before 10 May 2025, which this report is about." in run("send_reports").out
    [mail] = post.take()
    assert mail["Subject"].strip() == "Your report “Weekly look” could not be sent"


def test_too_many_rows_for_excel(post: MailServer, zoe: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_ROWS", 2)
    make_report(zoe, format="xlsx")
    run("send_reports")
    assert "2 rows do not fit into a sheet of Excel" in parts(post.take()[0])[0]


def test_an_error_of_the_program_does_not_keep_the_others(
    post: MailServer, zoe: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _second = make_report(zoe), make_report(zoe, name="Other")
    make = report_mails.write_report

    def fail(report: Report, *rest: Any) -> Any:
        if report == first:
            raise RuntimeError("boom")
        return make(report, *rest)

    monkeypatch.setattr(report_mails, "write_report", fail)
    assert run("send_reports").code == 1
    assert [mail["Subject"].strip() for mail in post.take()] == [
        "Your report “Weekly look” could not be sent",
        "Other: 2 customers as of 10 May 2025",
    ]


def test_a_kill_between_sending_and_recording_repeats_one_mail(
    post: MailServer, zoe: User, mira: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_report(zoe, zoe, mira)

    def die(*_arguments: Any, **_values: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(outbox, "record", die)
        run("send_reports")
    [first] = post.take()
    assert last_line(run("send_reports")) == "Reports: 2 mails sent, 0 failed."
    again, other = post.take()
    assert again["Message-ID"] == first["Message-ID"]
    assert {first["To"], other["To"]} == {"zoe@example.com", "mira@example.com"}


def test_a_claim_is_won_once(zoe: User) -> None:
    delivery = ReportDelivery.objects.create(report=make_report(zoe), recipient=zoe, day=D)
    assert outbox.claim(delivery, timezone.now())
    assert not outbox.claim(delivery, timezone.now())


def test_while_another_run_goes_on_it_ends_with_75(post: MailServer, zoe: User) -> None:
    make_report(zoe)
    with held_elsewhere("reports"):
        done = run("send_reports")
    assert (done.code, done.out, post.take()) == (75, "", [])


def test_without_a_mail_server_nothing_is_claimed(settings: Settings, zoe: User) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    make_report(zoe)
    done = run("send_reports")
    assert (done.code, done.lines) == (0, ["No report is sent, because EMAIL_URL is not set."])
    assert not ReportDelivery.objects.exists()


# --- People who are not there -------------------------------------------------------------------------------------


def test_who_may_not_get_it_is_passed_over(post: MailServer, zoe: User, mira: User) -> None:
    viewer = make_staff("Viewer", username="vera", email="vera@example.com")
    gone = make_staff("Success manager", username="gone", email="gone@example.com", is_active=False)
    mute = make_staff("Success manager", username="mute")
    make_report(zoe, mira, viewer, gone, mute)
    done = run("send_reports")
    assert [mail["To"] for mail in post.take()] == ["mira@example.com"]
    assert {line for line in done.lines if line.startswith("Not mailed")} == {
        "Not mailed: Weekly look: vera: may not export customers.",
        "Not mailed: Weekly look: gone: the account is not active.",
        "Not mailed: Weekly look: mute: no email address.",
    }
    Report.objects.get().recipients.remove(mira)
    ReportDelivery.objects.all().delete()
    assert "None of its recipients can be sent a report." in run("send_reports").out


def test_a_report_stops_with_its_owner(post: MailServer, zoe: User, mira: User) -> None:
    make_report(zoe, mira, shared=True)
    zoe.groups.set([Group.objects.get(name="Viewer")])
    lines = run("send_reports").lines
    assert "Not mailed: Weekly look: its owner may no longer export customers." in lines
    User.objects.filter(pk=zoe.pk).update(is_active=False)
    assert "Not mailed: Weekly look: its owner’s account is not active." in run("send_reports").lines
    zoe.delete()
    done = run("send_reports")
    assert "Not mailed: Weekly look: its owner has been deleted." in done.lines
    assert (done.code, post.take(), Report.objects.get().owner) == (0, [], None)


# --- A wrong clock ------------------------------------------------------------------------------------------------


def test_a_night_with_a_wrong_clock_keeps_no_later_report_back(
    post: MailServer, zoe: User, night: Callable[[int], None]
) -> None:
    make_report(zoe)
    sent = []
    for days in (0, 30, 1, 2, 29, 30, 30, 31):
        night(days)
        assert run("send_reports").code == 0
        sent.append(len(post.take()))
    assert sent == [1, 1, 1, 1, 1, 1, 0, 1]


def test_a_schedule_that_was_set_while_the_clock_was_ahead_begins_now(
    post: MailServer, zoe: User, night: Callable[[int], None]
) -> None:
    make_report(zoe, scheduled_on=date(2025, 6, 11))
    assert run("send_reports").code == 0
    assert len(post.take()) == 1
