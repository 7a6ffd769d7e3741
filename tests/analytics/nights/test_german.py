"""Nights in German: their steps have codes, and what each said last was stored in English."""

import pytest
from django.test import Client
from django.utils.translation import override
from pytest_django.fixtures import Settings

from analytics.models import Night
from analytics.nights.feed_health import FeedHealth
from customers.text.say import in_english
from tests.factories import make_day, make_run, make_staff
from tests.support.german import english_left, reads_german
from tests.support.nights import make_night
from tests.support.pages import main_part, words

pytestmark = pytest.mark.django_db


def test_a_night_its_steps_and_its_banner(client: Client, settings: Settings) -> None:
    user = make_staff("Program manager")
    reads_german(user, settings)
    client.force_login(user)
    make_day()
    steps = [
        {"name": "import", "result": "done with a warning", "seconds": 1.5, "message": "2 of 3 feeds loaded."},
        {"name": "forecast", "result": "failed", "seconds": 0.5, "message": "No date is scored yet."},
    ]
    night = make_night("failed", steps=steps)
    page = client.get(f"/admin/analytics/night/{night.pk}/change/")
    text = words(main_part(page))
    for said in ("Schritte", "Import", "Erledigt mit Hinweis 1,5 2 of 3 feeds loaded.", "Prognose", "Fehlgeschlagen"):
        assert said in text
    assert english_left(page) == []
    listed = client.get("/admin/analytics/night/")
    assert "Import erledigt mit Hinweis, Prognose fehlgeschlagen" in words(listed.text)
    assert english_left(listed) == []
    assert "Der nächtliche Lauf vom" in words(client.get("/admin/reports/").text)


def test_what_is_wrong_with_a_feed_is_said_in_either_language_of_the_same_facts() -> None:
    day = make_day().date
    make_run(feed="engagement", file="engagement.csv", status="refused", reason="it is empty")
    health = FeedHealth(day, day)
    with override("de"):
        assert "engagement.csv wurde am" in health.held_back
    with in_english():
        assert "engagement.csv was refused on" in health.held_back
        assert "Alerts that are computed from engagement are paused" in str(health.problems["engagement"].said)
    assert not Night.objects.exists()
