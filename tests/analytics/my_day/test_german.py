"""My day in German: the worked example of a package whose every text is in the catalogue."""

from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.models import Deferral, Preferences, Task
from analytics.models.alerts import told_by
from analytics.wording import at_risk_with, blocked_for
from customers.models import AuditEntry
from tests.factories import make_alert
from tests.support.my_day import act, customer, my_day
from tests.support.pages import main_part, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("the_same_day", "in_german")]


@pytest.fixture
def in_german(sofia: User, settings: Settings) -> None:
    """English is offered, and Sofia prefers German."""
    settings.OFFERED_LANGUAGES = ["en", "de"]
    Preferences.objects.create(user=sofia, language="de")


def test_the_list_and_its_reasons_are_german(client: Client, sofia: User) -> None:
    one = customer("c1", before=60)
    make_alert(one, kind="blocked", **told_by(blocked_for.of(days=20, blocker="sso", at_least=True)))
    make_alert(one, kind="no_first_pr", text="Of before")
    Task.objects.create(customer=one, what="Call them", due=date(2025, 5, 9), owner=sofia)
    page = my_day(client)
    [item] = page.context["items"]
    # A task says what its maker wrote; what an alert of before was made of, nobody knows.
    assert item.reasons == [
        "Score seit 3. Mai von 60 auf 40 gefallen",
        "Blockiert seit mindestens 20 Tagen: SSO",
        "Of before",
        "Aufgabe seit 9. Mai überfällig: Call them",
    ]
    text = words(main_part(page))
    for said_here in (
        "Mein Tag",
        "Zu tun",
        "Gefährdet",
        "E-Mail schreiben",
        "Zurückstellen",
        "Daten bis 10. Mai 2025",
    ):
        assert said_here in text
    assert "Mein Tag" in words(page.text)  # the menu
    assert '<span class="score-fell" title="60 am 3. Mai 2025">−20</span>' in page.text


def test_what_is_done_is_said_in_german_and_kept_in_english(client: Client, sofia: User) -> None:
    customer("c1")
    done = act(client, "c1", "snooze", {"days": "7"})
    assert "Zurückgestellt bis 19. Mai 2025." in words(done.text)
    assert Deferral.objects.get().until == date(2025, 5, 19)
    entry = AuditEntry.objects.latest("pk")
    assert "snoozed until" in entry.changes
    waiting = my_day(client, "owner=&tab=waiting")
    assert "Wieder am 19. Mai 2025, oder sobald es schlechter wird" in words(main_part(waiting))
    assert "Zurückgestellt bis 19. Mai 2025" in words(main_part(my_day(client, "owner=&tab=done")))


def test_alerts_that_were_acknowledged_today_are_told_in_german(client: Client, sofia: User) -> None:
    one = customer("c1")
    make_alert(one, **told_by(at_risk_with.of(score=40)))
    make_alert(one, kind="blocked", text="Of before")
    act(client, "c1", "acknowledge")
    done = words(main_part(my_day(client, "owner=&tab=done")))
    assert "Warnung bestätigt: Gefährdet mit einem Score von 40, Sofia Marin" in done
    assert "Warnung bestätigt: Of before, Sofia Marin" in done
    Preferences.objects.update(language="en")
    assert "Alert acknowledged: At risk with a score of 40, Sofia Marin" in words(
        main_part(my_day(client, "owner=&tab=done"))
    )


def test_a_form_that_lacks_something_says_so_in_german(client: Client, sofia: User) -> None:
    customer("c1")
    answer = act(client, "c1", "snooze")
    assert answer.status_code == 422
    assert "Wählen Sie ein Datum." in words(answer.text)


def test_who_prefers_english_reads_english_beside_it(client: Client, sofia: User) -> None:
    """What the first one's page keeps is kept for each language."""
    customer("c1", before=60)
    assert "Gefährdet" in words(main_part(my_day(client)))
    Preferences.objects.update(language="en")
    page = my_day(client)
    assert "At risk" in words(main_part(page))
    assert "Gefährdet" not in page.text
