"""Playbooks in German; why one started, and what a step became, is stored in English."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from analytics.models import Playbook, PlaybookRun, PlaybookStepRun
from tests.analytics.playbooks.conftest import Passes
from tests.factories import make_staff
from tests.support.forms import as_
from tests.support.german import english_left, reads_german
from tests.support.pages import main_part, words
from tests.support.playbooks import AT_RISK, email, look, make_playbook, own, task

pytestmark = pytest.mark.django_db

STORED = {"At risk"}
"""The beginning of why it started, in the words of then."""


@pytest.fixture
def paula(settings: Settings, passes: Passes) -> Client:
    """The browser of a Program manager who reads German, with a playbook that runs for a customer."""
    make_playbook(email(), task(30))
    passes(0, c1=AT_RISK)
    own("c1")
    look()
    reads_german(make_staff("Program manager", username="paula", email="paula@rsolv.example"), settings)
    return as_("paula")


def test_the_pages_are_german(paula: Client) -> None:
    here = reverse("analytics:playbook", args=[PlaybookRun.objects.get().playbook_id])
    waiting = f"/admin/playbooks/emails/{PlaybookStepRun.objects.get().pk}/"
    pages = ["/admin/playbooks/", here, f"{here}turn-off/", waiting]
    Playbook.objects.exclude(name="Rescue").delete()
    assert {page: left for page in pages if (left := set(english_left(paula.get(page))) - STORED)} == {}
    text = words(main_part(paula.get(f"{here}turn-off/")))
    assert "endet für den 1 Kunden, für den es läuft" in text
    assert "1 E-Mail, die auf Freigabe wartet, wird nicht gesendet" in text


def test_it_is_turned_off_in_german_and_kept_in_english(paula: Client) -> None:
    here = reverse("analytics:playbook", args=[PlaybookRun.objects.get().playbook_id])
    off = paula.post(f"{here}turn-off/", follow=True)
    assert "„Rescue“ ist aus; für 1 Kunden wurde es beendet." in words(off.text)
    run = PlaybookRun.objects.get()
    assert (run.why, run.ended_why) == ("At risk, score 30", "The playbook was turned off")
    on = paula.post(f"{here}turn-on/", {"for": "new"}, follow=True)
    assert "„Rescue“ ist an." in words(on.text)
