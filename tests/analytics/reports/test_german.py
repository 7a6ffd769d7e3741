"""Reports and boards in German: their pages, and a mail in the language of each who gets it."""

from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.models import Report
from customers.models import AuditEntry
from tests.factories import make_staff
from tests.support import mails
from tests.support.boards import make_board, saved
from tests.support.commands import run
from tests.support.german import english_left, reads_german
from tests.support.mails import MailServer, parts
from tests.support.pages import main_part, words
from tests.support.reports import make_report

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("night", "two")]

post = mails.post


def test_the_pages_are_german(client: Client, zoe: User, settings: Settings) -> None:
    reads_german(zoe, settings)
    client.force_login(zoe)
    report = make_report(zoe, name="Alle")
    board = make_board(zoe, (report, "count"), (report, "trend"), (report, "chart"), (report, "table"))
    pages = {
        "/admin/reports/": ("1 Bericht", "Von Ihnen", "Noch nicht gelaufen", "Bearbeiten", "Als Tab anheften"),
        f"/admin/reports/{report.pk}/edit/": ("Bericht bearbeiten", "Per E-Mail", "Angehängt als"),
        "/admin/reports/save/?status=at_risk": ("Als Bericht speichern", "Kein Versand"),
        "/admin/board/": ("1 Board", "4 Kacheln", "Neues Board"),
        f"/admin/board/{board.pk}/": ("Stand 10. Mai 2025", "2", "nach", "Gefährdet"),
        f"/admin/board/{board.pk}/edit/": ("Kacheln", "Kachel hinzufügen", "Nach oben", "Board löschen"),
    }
    for address, said in pages.items():
        page = client.get(address)
        text = words(main_part(page))
        assert [one for one in said if one not in text] == [], address
        assert english_left(page) == [], address


def test_each_gets_a_mail_in_their_language(post: MailServer, zoe: User, settings: Settings) -> None:
    reads_german(zoe, settings)
    mira = make_staff("Program manager", username="mira", email="mira@example.com")
    make_report(zoe, zoe, mira, query="status=at_risk")
    board = make_board(zoe, (saved(zoe, "Alle"), "count"), schedule="daily", scheduled_on=date(2025, 1, 1))
    board.recipients.set([zoe, mira])
    assert run("send_reports").code == 0
    sent = {(str(mail["To"]), str(mail["Subject"])): parts(mail)[0] for mail in post.take()}
    german = sent["zoe@example.com", "Weekly look: 1 Kunde, Stand 10. Mai 2025"]
    english = sent["mira@example.com", "Weekly look: 1 customer as of 10 May 2025"]
    assert "1 von 2 Kunden, angehängt als weekly-look_2025-05-10.zip." in german
    assert "Sie bekommen diesen Bericht, weil Zoe Sie zu den Empfängern hinzugefügt hat." in german
    assert "1 of 2 customers, attached as weekly-look_2025-05-10.zip." in english
    assert "2 Kunden" in sent["zoe@example.com", "Weekly review, Stand 10. Mai 2025"]
    assert "2 customers" in sent["mira@example.com", "Weekly review, as of 10 May 2025"]
    # What is kept of them is English, whoever gets them.
    details = AuditEntry.objects.filter(subject="report “Weekly look”").values_list("text", flat=True)
    assert ["1 customer as of 10 May 2025\nfilters: Status: At risk" in text for text in details] == [True, True]


def test_an_owner_is_told_of_a_failure_in_german_and_it_is_kept_in_english(
    post: MailServer, zoe: User, settings: Settings
) -> None:
    reads_german(zoe, settings)
    make_report(zoe, query="colour=red")
    assert run("send_reports").code == 0
    [mail] = post.take()
    assert str(mail["Subject"]).strip() == "Ihr Bericht „Weekly look“ konnte nicht gesendet werden"
    assert "* Es gibt keinen Filter „colour“." in parts(mail)[0]
    assert Report.objects.get().last_error == "There is no filter “colour”."
