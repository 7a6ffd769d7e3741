"""``send_reports``: the scheduled reports by a real mail server, on their days."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import date

import pytest
from django.contrib.auth.models import User
from openpyxl import load_workbook
from pytest_django.fixtures import Settings

from analytics.models import Report, ReportDelivery
from customers.models import Customer, CustomerCare
from tests.support import mails
from tests.support.commands import run
from tests.support.mails import MailServer, parts
from tests.support.reports import NIGHT, attached, last_line, make_report

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("night", "two")]

post = mails.post


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
        "",
        "1 of 2 customers, attached as mine-at-risk_2025-05-10.zip.",
        "",
        "* Owner: Me (Zoe)",
        "* Sorted by: Score, descending",
        "",
        f"Open the report: https://cs.example.com/admin/reports/{report.pk}/",
        "",
        "You receive this report because Zoe added you to its recipients.",
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
    assert "in a file that is too large to attach (0.0 MB, the limit is 0 MB)" in text
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
    assert "because Z Bcc: a@b.example added you" in text
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
