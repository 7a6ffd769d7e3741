"""``send_reports``: the scheduled reports by a real mail server, on their days; once, whatever breaks."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from openpyxl import load_workbook
from pytest_django.fixtures import Settings

from analytics.mail import outbox
from analytics.models import Report, ReportDelivery
from analytics.reports import mails as report_mails
from customers.models import Customer, CustomerCare
from customers.workbooks import writer
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support import mails
from tests.support.commands import Ran, held_elsewhere, run
from tests.support.mails import MailServer, parts

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
post = mails.post
NIGHT = datetime(2025, 5, 12, 2, 30, tzinfo=UTC)
"""A Monday."""


@pytest.fixture(autouse=True)
def night(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the night of the run, by days after that Monday."""

    def set_night(days: int) -> None:
        monkeypatch.setattr(timezone, "now", lambda: NIGHT + timedelta(days=days))

    set_night(0)
    return set_night


@pytest.fixture
def zoe() -> User:
    return make_staff("Success manager", username="zoe", first_name="Zoe", email="zoe@example.com")


@pytest.fixture
def mira() -> User:
    return make_staff("Program manager", username="mira", email="mira@example.com")


@pytest.fixture(autouse=True)
def two(zoe: User) -> None:
    """Acme, at risk and Zoe's, and Tide, healthy and nobody's."""
    make_day(total=2)
    acme = make_customer(id="c1", organization="Acme Inc.")
    make_snapshot(acme, status="at_risk", score=45)
    CustomerCare.objects.create(customer=acme, owner=zoe)
    make_snapshot(make_customer(id="c2", organization="Tide"), score=75)


def make_report(owner: User, *recipients: User, **overrides: Any) -> Report:
    """A daily report as CSV of every customer, to its owner unless to others; scheduled long ago."""
    values = {
        "name": "Weekly look",
        "schedule": "daily",
        "format": "csv",
        "scheduled_on": date(2025, 1, 1),
        **overrides,
    }
    report = Report.objects.create(owner=owner, **values)
    report.recipients.set(recipients or [owner])
    return report


def attached(mail: EmailMessage) -> tuple[str, str, bytes]:
    """Name, kind and content of the one file that a mail carries."""
    [file] = mail.iter_attachments()
    return file.get_filename(), file.get_content_type(), file.get_content()


def last_line(ran: Ran) -> str:
    return ran.lines[-1]


@pytest.mark.parametrize("query", ["cohort=+", "cohort=Beta", "industry=Games", "owner=999999", "owner=me"])
def test_a_report_about_nobody_is_sent(query: str, post: MailServer, zoe: User) -> None:
    """What nobody has at the moment matches nobody; only what does not exist at all is a mistake."""
    CustomerCare.objects.all().delete()
    Customer.objects.update(cohort="VIP")
    report = make_report(zoe, query=query)
    done = run("send_reports")
    assert (done.code, last_line(done)) == (0, "Reports: 1 mail sent, 0 failed.")
    [mail] = post.take()
    assert mail["Subject"] == "Weekly look: 0 customers as of 10 May 2025"
    assert ReportDelivery.objects.get(report=report).rows == 0


# --- What is in the mail ------------------------------------------------------------------------------------------


def test_the_mail_carries_the_export_with_its_manifest(post: MailServer, zoe: User, mira: User) -> None:
    report = make_report(zoe, mira, query="owner=me&columns=score&sort=-score", name="Mine at risk")
    done = run("send_reports")
    assert (done.code, done.err, last_line(done)) == (0, "", "Reports: 1 mail sent, 0 failed.")
    [mail] = post.take()
    assert (mail["To"], mail["Subject"]) == ("mira@example.com", "Mine at risk: 1 customer as of 10 May 2025")
    assert mail["Message-ID"] == f"<report-{ReportDelivery.objects.get().pk}@example.com>"
    text, html = parts(mail)
    assert text.splitlines() == [
        "Mine at risk: 1 customer as of 10 May 2025",
        "Customers as of Saturday, 10 May 2025",
        "",
        "1 of 2 customers, attached as mine-at-risk_2025-05-10.zip.",
        "",
        "* Owner: Me (Zoe)",
        "* Sorted by: Score, descending",
        "",
        f"Open the report: https://cs.example.com/admin/reports/{report.pk}/",
        "",
        "You get this report because Zoe has it sent to you.",
        "--",
        "Sent by RSOLV Customer Success.",
    ]
    assert f'<a href="https://cs.example.com/admin/reports/{report.pk}/">' in html
    name, kind, content = attached(mail)
    assert (name, kind) == ("mine-at-risk_2025-05-10.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        rows = list(csv.reader(io.StringIO(archive.read("customer_table.csv").decode("utf-8-sig"), newline="")))
        manifest = json.loads(archive.read("manifest.json"))
    assert rows == [["Customer id", "Name", "Score", "As of"], ["c1", "Acme Inc.", "45", "2025-05-10"]]
    assert (manifest["report"], manifest["exported_by"], manifest["customers"]) == ("Mine at risk", "zoe", 1)
    assert manifest["filters"] == [{"filter": "Owner", "value": "Me (Zoe)"}]
    sent = ReportDelivery.objects.get()
    assert (sent.state, sent.rows, sent.day, sent.recipient) == ("sent", 1, date(2025, 5, 12), mira)
    report.refresh_from_db()
    assert (report.last_run_at, report.last_error) == (NIGHT, "")


def test_as_a_workbook(post: MailServer, zoe: User) -> None:
    make_report(zoe, format="xlsx", query="status=healthy", name="Well")
    run("send_reports")
    name, kind, content = attached(post.take()[0])
    assert name == "well_2025-05-10.xlsx"
    assert kind == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    book = load_workbook(io.BytesIO(content))
    assert [row[:2] for row in book["Customers"].iter_rows(values_only=True)][1:] == [("c2", "Tide")]
    assert dict(book["About"].iter_rows(values_only=True))["Report"] == "Well"


def test_a_file_too_large_for_a_mail_is_a_link(post: MailServer, zoe: User, settings: Settings) -> None:
    settings.REPORT_MAX_MB = 0
    report = make_report(zoe)
    run("send_reports")
    [mail] = post.take()
    assert list(mail.iter_attachments()) == []
    text, html = parts(mail)
    assert "in a file of 0.0 MB. That is more than the 0 MB" in text
    link = f"https://cs.example.com/admin/reports/{report.pk}/export/csv/"
    assert link in text
    assert f'<a href="{link}">download it</a>' in html


def test_hostile_names_break_neither_headers_nor_file_names(post: MailServer, zoe: User) -> None:
    User.objects.filter(pk=zoe.pk).update(first_name="Z\r\nBcc: a@b.example")
    make_report(zoe, name='=1+1\r\nBcc: v@example.com\u202e ../../"x".exe <script>ж')
    run("send_reports")
    [mail] = post.take()
    assert post.recipients == ["zoe@example.com"]
    assert (mail["Bcc"], mail.defects) == (None, [])
    assert mail["Subject"].strip().startswith('=1+1 Bcc: v@example.com ../../"x".exe <script>ж: 2 customers')
    name, _kind, _content = attached(mail)
    assert name == "11-bcc-vexamplecom-xexe-scriptж_2025-05-10.zip"
    text, html = parts(mail)
    assert "because Z Bcc: a@b.example has it sent" in text
    assert "<script" not in html
    assert "\u202e" not in text + html


# --- On which days ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "today", "due"),
    [
        ("", date(2025, 5, 12), None),
        ("daily", date(2025, 5, 14), date(2025, 5, 14)),
        ("weekly", date(2025, 5, 12), date(2025, 5, 12)),
        ("weekly", date(2025, 5, 18), date(2025, 5, 12)),
        ("weekly", date(2025, 5, 19), date(2025, 5, 19)),
        ("monthly", date(2025, 5, 1), date(2025, 5, 1)),
        ("monthly", date(2025, 5, 31), date(2025, 5, 1)),
        ("monthly", date(2025, 6, 1), date(2025, 6, 1)),
    ],
)
def test_the_day_on_which_it_is_due(schedule: str, today: date, due: date | None) -> None:
    assert Report(schedule=schedule).due_day(today) == due


def test_each_schedule_but_never_has_a_due_day_that_is_not_to_come() -> None:
    today = date(2025, 5, 14)
    assert Report.Schedule.NEVER.due_day(today) is None
    days = [one.due_day(today) for one in Report.Schedule if one != Report.Schedule.NEVER]
    assert days and all(day is not None and day <= today for day in days)


def test_nothing_is_due_before_the_day_after_it_was_scheduled() -> None:
    report = Report(schedule="weekly", scheduled_on=date(2025, 5, 14))
    assert report.due_day(date(2025, 5, 18)) is None
    assert report.due_day(date(2025, 5, 19)) == date(2025, 5, 19)
    assert Report(schedule="daily", scheduled_on=date(2025, 5, 14)).due_day(date(2025, 5, 14)) is None


@pytest.mark.parametrize(
    ("schedule", "nights"),
    # From Monday 12 May to 2 June, the nights on which a mail comes; 1 June is the 20th.
    [("daily", list(range(22))), ("weekly", [0, 7, 14, 21]), ("monthly", [0, 20])],
)
def test_the_nights_of_three_weeks(
    schedule: str, nights: list[int], post: MailServer, zoe: User, night: Callable[[int], None]
) -> None:
    make_report(zoe, schedule=schedule)
    sent = []
    for number in range(22):
        night(number)
        run("send_reports")
        sent += [number for _mail in post.take()]
    # The first of May was missed, and is made good on the 12th.
    assert sent == nights


def test_a_second_run_sends_nothing(post: MailServer, zoe: User, mira: User) -> None:
    make_report(zoe, zoe, mira)
    assert last_line(run("send_reports")) == "Reports: 2 mails sent, 0 failed."
    before = list(ReportDelivery.objects.values())
    assert last_line(run("send_reports")) == "Reports: 0 mails sent, 0 failed."
    assert (len(post.take()), list(ReportDelivery.objects.values())) == (2, before)


def test_a_monday_that_was_missed_is_made_good_once(post: MailServer, zoe: User, night: Callable[[int], None]) -> None:
    make_report(zoe, schedule="weekly")
    for number, sent in ((2, 1), (3, 0), (7, 1)):
        night(number)
        run("send_reports")
        assert len(post.take()) == sent
    assert list(ReportDelivery.objects.order_by("day").values_list("day", flat=True)) == [
        date(2025, 5, 12),
        date(2025, 5, 19),
    ]


def test_who_is_added_later_gets_the_next_one(
    post: MailServer, zoe: User, mira: User, night: Callable[[int], None]
) -> None:
    report = make_report(zoe, schedule="weekly")
    run("send_reports")
    report.recipients.add(mira)
    night(1)
    run("send_reports")
    assert [mail["To"] for mail in post.take()] == ["zoe@example.com"]
    night(7)
    run("send_reports")
    assert {mail["To"] for mail in post.take()} == {"zoe@example.com", "mira@example.com"}


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
    assert failure["Subject"].strip() == "The report “Weekly look” could not be sent"
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
    assert mail["Subject"].strip() == "The report “Weekly look” could not be sent"


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
        "The report “Weekly look” could not be sent",
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
        "Not mailed: Weekly look: mute: no e-mail address.",
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
