"""The policy lab and the lab of rules in German; what a publishing leaves behind is English."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from customers.models import AuditEntry
from tests.factories import make_staff
from tests.support import back_tests
from tests.support.forms import form_on
from tests.support.german import english_left, reads_german
from tests.support.pages import main_part, said, words
from tests.support.policies import make_draft
from tests.support.policy_lab import MORE_ACTIVITY, plant

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client: Client, settings: Settings) -> Client:
    """A program manager who reads German."""
    manager = make_staff("Program manager", username="paula")
    reads_german(manager, settings)
    client.force_login(manager)
    return client


def test_drafts_and_a_preview(reader: Client) -> None:
    plant()
    draft = make_draft("v2", **MORE_ACTIVITY)
    page = reader.get("/admin/policy-lab/")
    assert "Entwürfe" in words(main_part(page))
    assert english_left(page) == []
    page = reader.get(f"/admin/policy-lab/{draft.pk}/?now=1&show=all")
    text = words(main_part(page))
    assert "Von 5 Kunden bekämen 3 einen anderen Status und 4 andere Punkte." in text
    assert "Betroffene Kunden" in text
    assert english_left(page) == []


@pytest.mark.usefixtures("the_day_after")
def test_a_publishing(reader: Client) -> None:
    plant()
    draft = make_draft("v2", **MORE_ACTIVITY)
    page = reader.get(f"/admin/policy-lab/{draft.pk}/publish/")
    assert "v2 veröffentlichen" in words(main_part(page))
    assert english_left(page) == []
    sent = form_on(page, "first", note="Darum.")
    answer = reader.post(f"/admin/policy-lab/{draft.pk}/publish/", sent, follow=True)
    assert said(answer) == ["„v2“ ist veröffentlicht: Es bewertet ab 11. Mai 2025."]
    entry = AuditEntry.objects.filter(subject="v2", text__startswith="Published").first()
    assert entry is not None
    assert "Published from 11 May 2025 for: Everybody, in place of v1 (Everybody)" in entry.text


def test_a_back_test(reader: Client) -> None:
    draft = back_tests.plant()
    address = f"/admin/policy-lab/{draft.pk}/back-test/"
    assert "Backtest starten" in words(main_part(reader.get(address)))
    for _month in range(2):
        reader.post(address)
    page = reader.get(address)
    text = words(main_part(page))
    assert "An 2 Monatsenden hätte der Entwurf 6-mal Kunden für gefährdet erklärt statt 4-mal." in text
    assert "Gefährdet: verstummt 25 % 33 % +8 –" in text
    assert "Reihenfolge (AUC) 0,48 0,58 +0,10 –" in text
    assert english_left(page) == []


def test_what_a_rule_would_have_raised(reader: Client) -> None:
    plant()
    rule = {"name": "Low", "severity": "1", "recovery": "2", "cooldown": "0", "audience": "owner", "active": "on"}
    page = reader.post("/admin/rule-lab/alert/", {**rule, "score_max": "100"}, headers={"HX-Request": "true"})
    text = words(page.text)
    assert "Was hätte sie ausgelöst?" in text
    assert "1 bewerteter Tag ab 10. Mai 2025: 5 Warnungen für 5 Kunden." in text
    assert english_left(page) == []
