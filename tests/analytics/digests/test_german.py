"""A digest is in the language of whoever gets it."""

from datetime import date, datetime

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.models import Preferences
from customers.models import CustomerCare
from tests.factories import make_customer, make_day, make_staff
from tests.support import mails
from tests.support.commands import run
from tests.support.digests import NIGHT, by_recipient, raised
from tests.support.mails import MailServer

pytestmark = pytest.mark.django_db

post = mails.post


def test_each_reads_a_digest_in_their_language(
    post: MailServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment: datetime = NIGHT
    monkeypatch.setattr(timezone, "now", lambda: moment)
    settings.OFFERED_LANGUAGES = ["en", "de"]
    for name, language in (("olga", "de"), ("paul", "")):
        owner = make_staff("Success manager", username=name, email=f"{name}@example.com")
        Preferences.objects.create(user=owner, language=language)
        customer = make_customer(organization="Acme {name}")
        CustomerCare.objects.create(customer=customer, owner=owner)
        raised(customer, text="Blocked for 20 days", opened_on=moment.date())
        raised(customer, kind="blocked", text="Blocked for 20 days", opened_on=moment.date())
    assert run("send_alerts").code == 0
    received = post.take()
    text = by_recipient(received)
    assert {str(mail["To"]): str(mail["Subject"]) for mail in received} == {
        "olga@example.com": "2 neue Warnungen",
        "paul@example.com": "2 new alerts",
    }
    german, english = text["olga@example.com"], text["paul@example.com"]
    assert german.startswith("Hallo olga,")
    assert "Das braucht Ihre Aufmerksamkeit" in german
    assert "NEU (2)" in german
    # What an alert says was stored in the words of then.
    assert "* Acme {name}: Blocked for 20 days (seit 11. Mai 2025)" in german
    assert "* Acme {name}: Blocked for 20 days (raised 11 May 2025)" in english
    assert "Here is what needs your attention" in english


def test_the_week_is_in_the_language_of_a_manager(
    post: MailServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment: datetime = NIGHT
    monkeypatch.setattr(timezone, "now", lambda: moment)
    settings.OFFERED_LANGUAGES = ["en", "de"]
    manager = make_staff("Program manager", username="maria", email="maria@example.com")
    Preferences.objects.create(user=manager, language="de")
    make_day(date=date(2025, 5, 3), total=9)
    make_day(date=date(2025, 5, 10), total=1_200, at_risk=1, onboarded=600, days_to_value=7, days_known=2)
    assert run("send_alerts").code == 0
    [mail] = [mail for mail in post.take() if "Woche" in str(mail["Subject"])]
    assert mail["Subject"] == "Ihre Woche bis 10. Mai 2025: 1 Kunde gefährdet"
    text = by_recipient([mail])["maria@example.com"]
    for said in (
        "So lief das Programm in der Woche bis 10. Mai 2025, verglichen mit dem 3. Mai 2025.",
        "PROGRAMM",
        "* Kunden insgesamt: 1.200 (+1.191)",
        "* Onboarding-Quote: 50\N{NO-BREAK SPACE}%",
        "* Mittlere Zeit bis zum Nutzen: 3,5 T",
        "* Gefährdet: 1",
    ):
        assert said in text
