"""``send_reports`` and boards: on their days, once, with each tile's filters in the mail."""

from collections.abc import Callable
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client

from analytics.models import Board, BoardDelivery
from customers.models import AuditEntry
from tests.factories import make_customer, make_day, make_snapshot
from tests.support import mails
from tests.support.boards import make_board, saved
from tests.support.commands import run
from tests.support.mails import MailServer, parts
from tests.support.reports import last_line, make_report

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("night", "two")]

MAIL = """\
Weekly review, as of 10 May 2025

At risk
Status: At risk
1 customer, +1 since 3 May 2025

Everybody
All customers
2 customers, +1 since 3 May 2025
* 3 May: 1
* 10 May: 2

Hers
Owner: Me (Zoe)
1 customer
* Champion: 0 (0%)
* Healthy: 0 (0%)
* Needs attention: 0 (0%)
* At risk: 1 (100%)
* Inactive: 0 (0%)

Best
All customers
2 customers
* Tide: Status: Healthy, Score: 75
* Acme Inc.: Status: At risk, Score: 45

Open the board: https://cs.example.com/admin/board/{key}/

You receive this board because Zoe added you to its recipients.
--
Sent by RSOLV Customer Success.
"""
"""The mail of the board that ``make_weekly`` makes."""

post = mails.post


def make_weekly(owner: User, *recipients: User) -> Board:
    """A weekly board with a tile of each kind, to be mailed since long ago."""
    board = make_board(
        owner,
        (saved(owner, "At risk", "status=at_risk"), "count"),
        (saved(owner, "Everybody"), "trend"),
        (saved(owner, "Hers", "owner=me"), "chart"),
        (saved(owner, "Best", "sort=-score&columns=status,score"), "table"),
        schedule="weekly",
        scheduled_on=date(2025, 1, 1),
    )
    board.recipients.set(recipients)
    return board


def test_a_weekly_board_says_each_tile_with_its_filters(post: MailServer, zoe: User, mira: User) -> None:
    make_day(date=date(2025, 5, 3), total=1)
    make_snapshot(make_customer(id="c0", organization="Early"), date=date(2025, 5, 3))
    board = make_weekly(zoe, mira)
    done = run("send_reports")
    assert (done.code, done.err, last_line(done)) == (0, "", "Reports: 1 mail sent, 0 failed.")
    [mail] = post.take()
    assert (mail["To"], mail["Subject"]) == ("mira@example.com", "Weekly review, as of 10 May 2025")
    assert mail["Message-ID"] == f"<board-{BoardDelivery.objects.get().pk}@example.com>"
    text, html = parts(mail)
    assert text.splitlines() == MAIL.format(key=board.pk).splitlines()
    assert f'<a href="https://cs.example.com/admin/board/{board.pk}/">' in html
    assert '<a href="https://cs.example.com/admin/customer/c2/">' in html
    sent = BoardDelivery.objects.get()
    assert (sent.state, sent.rows, sent.day, sent.recipient) == ("sent", 4, date(2025, 5, 12), mira)
    [entry] = AuditEntry.objects.filter(action="mail")
    assert entry.subject == "board “Weekly review”"
    assert "At risk: Status: At risk" in entry.text


def test_a_board_is_sent_once_a_week_beside_the_reports(
    post: MailServer, zoe: User, mira: User, night: Callable[[int], None]
) -> None:
    make_weekly(zoe, mira, zoe)
    make_report(zoe)
    assert last_line(run("send_reports")) == "Reports: 3 mails sent, 0 failed."
    assert last_line(run("send_reports")) == "Reports: 0 mails sent, 0 failed."
    night(1)
    # The report is a daily one.
    assert last_line(run("send_reports")) == "Reports: 1 mail sent, 0 failed."
    night(7)
    assert last_line(run("send_reports")) == "Reports: 3 mails sent, 0 failed."
    assert len(post.take()) == 7


def test_a_board_that_cannot_be_made_is_told_to_its_owner(
    post: MailServer, zoe: User, mira: User, client: Client
) -> None:
    board = make_weekly(zoe, mira)
    board.tiles.all().delete()
    done = run("send_reports")
    assert (done.code, last_line(done)) == (0, "Reports: 0 mails sent, 0 failed, 1 broken.")
    [mail] = post.take()
    assert (mail["To"], mail["Subject"].strip()) == ("zoe@example.com", "Your board “Weekly review” could not be sent")
    assert "* It has no tiles." in parts(mail)[0]
    assert "Your boards: https://cs.example.com/admin/board/" in parts(mail)[0]
    client.force_login(zoe)
    assert "It has no tiles." in client.get("/admin/board/").text


def test_a_board_is_scheduled_to_whoever_may_export(client: Client, zoe: User, mira: User) -> None:
    client.force_login(zoe)
    board = make_board(zoe)
    sent = {"name": "Weekly review", "schedule": "weekly", "recipients": [mira.pk]}
    client.post(f"/admin/board/{board.pk}/edit/", sent)
    board.refresh_from_db()
    assert (board.schedule, board.scheduled_on, list(board.recipients.all())) == ("weekly", date(2025, 5, 12), [mira])
    without = client.post(f"/admin/board/{board.pk}/edit/", {**sent, "recipients": []})
    assert "Choose who gets it." in without.text
