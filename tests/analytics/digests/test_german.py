"""A digest is in the language of whoever gets it."""

from datetime import date, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.models import Alert, Preferences
from analytics.models.alerts import ended_by, told_by
from analytics.wording import at_risk_with, blocked_for, rule_turned_off
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
        raised(customer, text="Of before", opened_on=moment.date())
        told = told_by(blocked_for.of(days=20, blocker="sso", at_least=False))
        raised(customer, kind="blocked", opened_on=moment.date(), **told)
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
    assert "* Acme {name}: Blockiert seit 20 Tagen: SSO (seit 11. Mai 2025)" in german
    assert "* Acme {name}: Blocked for 20 days: SSO (raised 11 May 2025)" in english
    # What that one's words were made of, nobody knows.
    assert "* Acme {name}: Of before (seit 11. Mai 2025)" in german
    assert "Here is what needs your attention" in english


def test_the_subject_of_one_alert_is_in_the_language_of_the_receiver(
    post: MailServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment: datetime = NIGHT
    monkeypatch.setattr(timezone, "now", lambda: moment)
    settings.OFFERED_LANGUAGES = ["en", "de"]
    olga = make_staff("Success manager", username="olga", email="olga@example.com")
    Preferences.objects.create(user=olga, language="de")
    customer = make_customer(organization="Acme")
    CustomerCare.objects.create(customer=customer, owner=olga)
    alert = raised(customer, **told_by(at_risk_with.of(score=45)))
    assert run("send_alerts").code == 0
    [mail] = post.take()
    assert mail["Subject"] == "Acme: Gefährdet mit einem Score von 45"
    moment += timedelta(days=1)
    over = {"closed_on": moment.date(), "closed_at": moment, "ending": Alert.Ending.RECOVERED}
    Alert.objects.filter(pk=alert.pk).update(**over, **ended_by(rule_turned_off.of()))
    moment += timedelta(minutes=1)
    assert run("send_alerts").code == 0
    [mail] = post.take()
    assert mail["Subject"] == "Acme: Die Regel wurde ausgeschaltet"


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
