"""Destinations and pushes in German; what a CRM is sent, why a push stopped and the CSV stay English."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from analytics.crm.pushing import push_to
from analytics.models import Push
from customers.models import AuditEntry
from tests.factories import make_staff
from tests.support.crm import make_destination, make_scored
from tests.support.forms import as_
from tests.support.german import english_left, reads_german
from tests.support.pages import words

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(settings: Settings, tmp_path: object) -> Client:
    """The browser of an Administrator who reads German."""
    settings.EXPORT_DIR = tmp_path
    reads_german(make_staff("Administrator", username="ada"), settings)
    return as_("ada")


def test_the_pages_are_german(ada: Client) -> None:
    make_scored(2)
    there = make_destination()
    preview = ada.get(f"/admin/destinations/{there.pk}/")
    assert "2 Kunden übertragen" in words(preview.text)
    push = push_to(there, "ada")
    pages = [
        "/admin/analytics/destination/",
        "/admin/analytics/destination/add/",
        f"/admin/analytics/destination/{there.pk}/change/",
        f"/admin/destinations/{there.pk}/",
        "/admin/analytics/push/",
        f"/admin/analytics/push/{push.pk}/change/",
        f"/admin/pushes/{push.pk}/undo/",
    ]
    assert {page: left for page in pages if (left := english_left(ada.get(page)))} == {}
    assert "Zusammen 2 Kunden." in words(ada.get(f"/admin/analytics/push/{push.pk}/change/").text)


def test_what_is_stored_and_sent_is_english(ada: Client) -> None:
    make_scored(1)
    there = make_destination()
    done = ada.post(f"/admin/destinations/{there.pk}/push/", follow=True)
    assert english_left(done) == []
    push = Push.objects.get()
    assert push.rows.get().after == {"rsolv_score": "75", "rsolv_status": "Healthy"}
    said = AuditEntry.objects.filter(model="analytics.push", key=str(push.pk)).order_by("pk")
    assert [entry.text for entry in said] == [
        "as of 10 May 2025: 1 customer to be sent",
        "1 new, 0 changed, 0 unchanged, 0 refused and 0 held back of 1 customer",
    ]
