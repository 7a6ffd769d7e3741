"""Alerts in German: their page and what is done there; what an alert says is stored in English."""

from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.translation import override
from pytest_django.fixtures import Settings

from analytics.alerts.evaluate import evaluate
from analytics.models import Alert, Preferences
from customers.models import AuditEntry
from tests.factories import make_alert, make_customer, make_day, make_engagement, make_run, make_snapshot
from tests.support.alerts import TODAY, act, of
from tests.support.pages import main_part, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]


@pytest.fixture
def in_german(olga: User, settings: Settings) -> None:
    """English is offered, and Olga prefers German."""
    settings.OFFERED_LANGUAGES = ["en", "de"]
    Preferences.objects.create(user=olga, language="de")


@pytest.mark.usefixtures("in_german")
def test_the_page_and_what_is_done_there_are_german(client: Client, olga: User) -> None:
    alert = make_alert(of(olga), text="Blocked for 20 days", opened_on=date(2025, 5, 10))
    page = client.get("/admin/alerts/?told=")
    text = words(main_part(page))
    for said in ("1 Warnung", "seit 10. Mai 2025", "Ausgewählte bestätigen", "Warnung", "Blocked for 20 days"):
        assert said in text
    assert f'id="alert-{alert.pk}" class="alert alert-critical"' in page.text  # as the styles know it
    assert "1 Warnung bestätigt." in words(act(client, alert, action="acknowledge").text)
    assert "Wählen Sie ein Datum." in words(act(client, alert, action="snooze").text)
    assert "acknowledged at" in AuditEntry.objects.filter(model="analytics.alert").latest("pk").changes


def test_what_an_alert_says_is_stored_in_english_whoever_evaluates() -> None:
    for feed in ("customers", "onboarding", "engagement"):
        make_run(feed=feed, file=f"{feed}.csv", started_at=datetime(2025, 5, 11, 2, 30, tzinfo=UTC))
    customer = make_customer(signup_date=date(2025, 1, 1))
    make_day(date=TODAY)
    make_engagement(customer, TODAY, issues_tagged=1)
    make_snapshot(customer, date=TODAY, status="at_risk", score=40, first_pr_generated=True)
    with override("de"):
        assert evaluate().raised == 1
        assert AuditEntry.objects.latest("pk").text == "1 raised, 0 worse, 0 closed"
    assert Alert.objects.get().text == "At risk with a score of 40"
