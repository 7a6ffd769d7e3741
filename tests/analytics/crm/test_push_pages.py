"""The pages of destinations and pushes: preview, push, ledger, export, undo, and the form."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from analytics.crm import views
from analytics.crm.pushing import push_to
from analytics.models import Destination, Push, Snapshot
from customers.models import AuditEntry, CustomerCare
from tests.factories import make_staff
from tests.support import pages
from tests.support.commands import held_elsewhere
from tests.support.crm import counts, make_destination, make_hubspot, make_scored, score
from tests.support.hubspot import FakeHubSpot

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(client: Client, settings: Settings, tmp_path: Path) -> Client:
    settings.EXPORT_DIR = tmp_path / "exports"
    client.force_login(make_staff("Program manager", username="paula"))
    return client


@pytest.fixture
def administrator(client: Client) -> Client:
    client.force_login(make_staff("Administrator", username="ada"))
    return client


def words(answer: HttpResponse) -> str:
    """The text of an answer."""
    return pages.words(answer.content.decode())


def preview(client: Client, there: Destination, **asked: Any) -> str:
    return words(client.get(reverse("analytics:push-preview", args=[there.pk]), asked))


def test_the_preview_says_what_a_push_sends_and_the_push_sends_it(manager: Client) -> None:
    make_scored(3)
    there = make_destination()
    push_to(there, "ada")
    score("c2", 40)
    CustomerCare.objects.create(customer_id="c3", do_not_sync=True)
    page = preview(manager, there)
    assert "Push 1 customer" in page
    assert "Org 2 Changed rsolv_score 75 → 40" in page
    assert "Org 3 Held back" in page and "Org 1" not in page
    assert "Org 1" in preview(manager, there, show="unchanged")
    answer = manager.post(reverse("analytics:push-now", args=[there.pk]))
    push = Push.objects.latest("pk")
    assert (answer.url, counts(push)) == (
        reverse("admin:analytics_push_change", args=[push.pk]),
        {"changed": 1, "unchanged": 1, "held_back": 1},
    )
    assert (push.started_by, push.state) == ("paula", "done")
    page = words(manager.get(answer.url))
    assert "Org 2 In the file rsolv_score 75 → 40" in page and "Together 3 customers" in page


def test_the_page_of_a_push_leads_to_each_result_and_has_the_words(
    manager: Client, hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scored(2)
    hubspot.refuse = lambda properties: "<b>No</b>" if properties["rsolv_customer_id"] == "c1" else ""
    push = push_to(make_hubspot(hubspot, monkeypatch), "ada")
    address = reverse("admin:analytics_push_change", args=[push.pk])
    page = words(manager.get(address, {"result": "refused"}))
    assert "<b>No</b>" in page and "Org 2" not in page
    assert "Refused last time 1" in preview(manager, push.destination)
    answer = manager.get(reverse("analytics:export-push", args=[push.pk]))
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))
    assert [(row["customer_id"], row["result"], row["field"], row["sent"], row["words"]) for row in rows[:2]] == [
        ("c1", "Refused", "rsolv_score", "75", "<b>No</b>"),
        ("c1", "Refused", "rsolv_status", "Healthy", "<b>No</b>"),
    ]
    assert AuditEntry.objects.latest("pk").action == "export"


def test_undo_and_resume_from_the_page(manager: Client, hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch) -> None:
    make_scored(2)
    there = make_hubspot(hubspot, monkeypatch)
    assert "whose id no company has in rsolv_customer_id becomes a new company" in preview(manager, there)
    monkeypatch.setattr(views, "SECONDS", 0.0)
    answer = manager.post(reverse("analytics:push-now", args=[there.pk]))
    push = Push.objects.get()
    assert (push.state, counts(push)) == ("unfinished", {"waiting": 2})
    page = preview(manager, there)
    assert f"Push {push.pk} is not finished" in page and "becomes a new company" not in page
    monkeypatch.setattr(views, "SECONDS", 20.0)
    address = reverse("admin:analytics_push_change", args=[push.pk])
    assert answer.url == f"{address}?goes_on=1"
    page = manager.get(answer.url)
    assert "0 of 2 customers are done. It goes on by itself as long as this page is open." in words(page)
    assert "data-goes-on" in page.text and "data-goes-on" not in manager.get(address).text
    assert "Resume" in words(manager.get(address))
    assert manager.post(reverse("analytics:resume-push", args=[push.pk])).url == address
    assert counts(push) == {"new": 2}
    undo = reverse("analytics:undo-push", args=[push.pk])
    asked = words(manager.get(undo))
    assert "What the push has replaced is written again for 2 customers. Fields that were new are emptied." in asked
    assert (Push.objects.count(), hubspot.companies["c1"]["rsolv_score"]) == (1, "75")
    answer = manager.post(undo)
    assert manager.get(undo).url == address
    assert "It writes again what" in words(manager.get(answer.url))
    assert "Undone by" in words(manager.get(address))
    assert hubspot.companies["c1"]["rsolv_score"] == ""


def test_a_push_that_says_why_it_stopped_does_not_go_on_by_itself(
    manager: Client, hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scored(1)
    there = make_hubspot(hubspot, monkeypatch)
    monkeypatch.setenv("CRM_HUBSPOT_TOKEN", "another")
    answer = manager.post(reverse("analytics:push-now", args=[there.pk]))
    assert "goes_on" not in answer.url
    assert "data-goes-on" not in manager.get(answer.url, {"goes_on": "1"}).text
    hubspot.violations.clear()


def test_why_nothing_is_pushed(manager: Client) -> None:
    make_scored(1)
    there = make_destination(enabled=False)
    address = reverse("analytics:push-now", args=[there.pk])
    answer = manager.post(address, follow=True)
    assert "Warehouse is off" in words(answer) and "This destination is off" in words(answer)
    Destination.objects.update(enabled=True)
    with held_elsewhere(f"crm-{there.pk}"):
        assert "Another push to this destination is going on" in words(manager.post(address, follow=True))
    Snapshot.objects.all().delete()
    assert not Push.objects.exists()


def test_the_file_is_downloaded_while_it_is_there(manager: Client) -> None:
    make_scored(1)
    push = push_to(make_destination(), "ada")
    address = reverse("analytics:push-file", args=[push.pk])
    answer = manager.get(address)
    assert b"".join(answer).startswith(b"PK")
    Push.objects.update(as_of="2025-05-09")
    assert manager.get(address).status_code == 404


def test_the_form_keeps_a_field_for_each_value(administrator: Client) -> None:
    sent = {
        "name": "HubSpot",
        "kind": "hubspot",
        "variables": "CRM_HUBSPOT",
        "enabled": "on",
        "prefix": "rsolv_",
        "match_key": "rsolv_customer_id",
        "mode_score": "overwrite",
        "name_score": "rsolv_score",
        "mode_owner": "fill_empty",
        "name_owner": "owner",
    }
    add = reverse("admin:analytics_destination_add")
    page = words(administrator.post(add, sent))
    assert "Owner: “owner” is no field of ours" in page
    assert administrator.post(add, {**sent, "name_owner": "rsolv_owner"}).status_code == 302
    there = Destination.objects.get()
    assert there.fields == {
        "score": {"name": "rsolv_score", "mode": "overwrite"},
        "owner": {"name": "rsolv_owner", "mode": "fill_empty"},
    }
    assert "fields" in AuditEntry.objects.filter(model="analytics.destination").latest("pk").changes
    make_scored(1)
    there.variables = "CRM_NOWHERE"
    there.save()
    push_to(there, "ada")
    change = reverse("admin:analytics_destination_change", args=[there.pk])
    administrator.post(change, {**sent, "prefix": "other_", "mode_owner": "", "enabled": "on"})
    there.refresh_from_db()
    assert (there.prefix, set(there.fields)) == ("rsolv_", {"score"})


def test_a_destination_in_salesforce_gets_names_as_salesforce_has_them(administrator: Client) -> None:
    form = {
        "name": "Sales",
        "kind": "salesforce",
        "variables": "CRM_SALESFORCE",
        "prefix": "rsolv_",
        "match_key": "rsolv_customer_id",
        "mode_score": "overwrite",
        "name_score": "rsolv_score",
        "mode_last_active": "overwrite",
        "name_last_active": "RSOLV_Seen__c",
        "enabled": "on",
    }
    administrator.post(reverse("admin:analytics_destination_add"), form)
    there = Destination.objects.get()
    assert there.ours == {"RSOLV_Customer_Id__c", "RSOLV_Score__c", "RSOLV_Seen__c"}


def test_who_may_only_push_reads_the_fields(manager: Client) -> None:
    there = make_destination()
    page = words(manager.get(reverse("admin:analytics_destination_change", args=[there.pk])))
    assert "Customer id → rsolv_customer_id (Identifier)" in page and "Score → rsolv_score (Overwrite)" in page
    assert "Every night" not in words(manager.get(reverse("admin:analytics_destination_changelist")))


def test_the_preview_asks_a_constant_number_of_queries(manager: Client, django_assert_max_num_queries: Any) -> None:
    make_scored(60)
    there = make_destination()
    with django_assert_max_num_queries(30):
        preview(manager, there)
