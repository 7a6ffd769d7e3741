"""A customer's page in German: the score explained, what changed, the history; what is stored stays English."""

from datetime import date

import pytest
from django.test import Client
from django.utils.translation import override
from pytest_django.fixtures import Settings

from analytics.models import RecommendationRule
from analytics.scoring.snapshots import score_day
from customers.models import AuditEntry, Customer, Event, Feedback, Note, Onboarding
from tests.factories import make_engagement, make_staff
from tests.support.changed_scores import scored
from tests.support.german import english_left, reads_german
from tests.support.pages import main_part, section, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program", "the_day_after")]

ACME = "/admin/customer/c1001/"


@pytest.fixture
def german(client: Client, settings: Settings) -> Client:
    """A program manager who reads German, logged in."""
    user = make_staff("Program manager")
    reads_german(user, settings)
    client.force_login(user)
    return client


def what_feeds_and_rules_say() -> str:
    """Texts that nobody translates, and that may have the words of a page."""
    found = (
        Event.objects.values_list("detail", flat=True),
        Feedback.objects.values_list("comment", flat=True),
        Onboarding.objects.values_list("notes", flat=True),
        RecommendationRule.objects.values_list("text", flat=True),
    )
    return "\n".join(text for texts in found for text in texts)


def test_the_pages_of_all_customers_are_german(german: Client) -> None:
    theirs = what_feeds_and_rules_say()
    for key in Customer.objects.values_list("pk", flat=True):
        page = german.get(f"/admin/customer/{key}/")
        assert page.status_code == 200
        assert [text for text in english_left(page) if text not in theirs] == [], key


def test_the_score_is_explained(german: Client) -> None:
    health = section(german.get(ACME), "health")
    assert health.startswith("Health Score: 45/100 (Gefährdet)")
    for said in ("Aktivität", "PR-Erfolgsquote", "Feature-Nutzung", "Support-Zufriedenheit", "NPS-Wert"):
        assert said in health
    assert "an 4 der letzten 7 Tage aktiv" in health


def test_why_the_score_changed_is_said_in_german(customer: Customer) -> None:
    for day in (date(2025, 4, 28), date(2025, 5, 3)):
        make_engagement(customer, day, issues_tagged=1)
    with override("de"):
        [why] = [reason for part in scored(customer).parts for reason in part.why]
    assert why == "−10: 2 aktive Tage sind aus dem 7-Tage-Fenster gefallen"


def test_a_note_is_told_and_the_history_is_german(german: Client) -> None:
    told = german.post(f"{ACME}notes/", {"kind": "call", "text": "They like it"}, follow=True)
    assert Note.objects.get().text == "They like it"
    assert "zum Verlauf hinzugefügt" in words(told.text)
    assert "Status: " in section(told, "timeline") or "Verlauf" in words(main_part(told))


def test_what_a_scoring_records_is_english() -> None:
    with override("de"):
        score_day(date(2025, 5, 10))
    assert AuditEntry.objects.latest("pk").text == "10 May 2025: 12 customers, 2 at risk"
