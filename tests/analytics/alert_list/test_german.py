"""Alerts in German: their page and what is done there; what an alert says is stored in English, too."""

from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.translation import override
from pytest_django.fixtures import Settings

from analytics.alerts import words as words_of
from analytics.alerts.evaluate import evaluate
from analytics.models import Alert, Preferences, Task
from analytics.models.alerts import ended_by, told_by
from analytics.wording import at_risk_with, blocked_for
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
    told = told_by(blocked_for.of(days=1, blocker="sso", at_least=False))
    alert = make_alert(of(olga), opened_on=date(2025, 5, 10), **told)
    page = client.get("/admin/alerts/?told=")
    text = words(main_part(page))
    for said in ("1 Warnung", "seit 10. Mai 2025", "Ausgewählte bestätigen", "Warnung", "Blockiert seit 1 Tag: SSO"):
        assert said in text
    assert f'id="alert-{alert.pk}" class="alert alert-critical"' in page.text  # as the styles know it
    assert "1 Warnung bestätigt." in words(act(client, alert, action="acknowledge").text)
    assert "Wählen Sie ein Datum." in words(act(client, alert, action="snooze").text)
    entry = AuditEntry.objects.filter(model="analytics.alert").latest("pk")
    assert entry.subject == "Blocked for 1 day: SSO"
    assert "acknowledged at" in AuditEntry.objects.filter(model="analytics.alert").latest("pk").changes


@pytest.mark.usefixtures("in_german")
def test_each_reads_what_an_alert_says_and_how_it_ended_in_their_language(client: Client, olga: User) -> None:
    ended = ended_by(words_of.status_with_score.of(status="healthy", score=75))
    over = {"closed_on": date(2025, 5, 11), "closed_at": datetime(2025, 5, 11, 2, 30, tzinfo=UTC)}
    make_alert(of(olga), **told_by(at_risk_with.of(score=45)), **ended, **over)
    make_alert(of(olga), text="Of before", said=None)
    german, english = (
        ["Gefährdet mit einem Score von 45", "Gesund mit einem Score von 75", "Of before"],
        ["At risk with a score of 45", "Healthy with a score of 75", "Of before"],
    )
    for expected, language in ((german, "de"), (english, "en")):
        Preferences.objects.update(language=language)
        page = words(main_part(client.get("/admin/alerts/?told=&state=all")))
        assert [one for one in expected if one not in page] == []


@pytest.mark.usefixtures("in_german")
def test_a_task_of_an_alert_keeps_what_its_maker_read(client: Client, olga: User) -> None:
    alert = make_alert(of(olga), **told_by(at_risk_with.of(score=45)))
    act(client, alert, action="task", what="Anrufen", due="2025-05-14")
    assert Task.objects.get().reason == "Gefährdet mit einem Score von 45"


@pytest.mark.usefixtures("in_german")
def test_search_knows_the_english_words(client: Client, olga: User) -> None:
    make_alert(of(olga), **told_by(at_risk_with.of(score=45)))
    pages = [client.get(f"/admin/alerts/?told=&q={text}") for text in ("score+of", "Gefährdet")]
    assert ["Gefährdet mit einem Score von 45" in words(main_part(page)) for page in pages] == [True, False]


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
