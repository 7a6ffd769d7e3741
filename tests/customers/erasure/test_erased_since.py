"""After an erasure today's counts say so: totals stay by design, lists have who is left."""

import json
import zipfile
from datetime import date
from importlib import import_module
from io import BytesIO

import pytest
from django.apps import apps
from django.test import Client

from analytics.models import PortfolioDay
from analytics.scoring.snapshots import score_day
from customers.erasure.erase import erase
from tests.factories import make_customer, make_staff
from tests.support.pages import main_part, names, section, words

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_staff("Program manager"))
    return client


@pytest.fixture
def one_of_two() -> None:
    for key in ("gone", "left"):
        make_customer(id=key, organization=key.title(), signup_date=date(2025, 5, 1))
    for day in (date(2025, 4, 30), date(2025, 5, 3), D):
        score_day(day)


def test_the_counts_of_a_date_say_who_is_gone(manager: Client, one_of_two: None) -> None:
    page = manager.get("/admin/")
    assert section(page, "needs").count("At risk, score") == 2
    assert "erased" not in main_part(page)
    erase("gone", "ada")
    assert list(PortfolioDay.objects.order_by("date").values_list("total", "erased")) == [(0, 0), (2, 1), (2, 1)]
    page = manager.get("/admin/")
    said = section(page, "summary")
    assert said.startswith("Summary Total customers 2 1 erased since")
    assert "1 customer of 10 May 2025 was erased since. The totals of that date still count it" in said
    assert section(page, "needs").count("At risk, score") == 1
    assert names(page) == ["Left"]
    listed = section(page, "customers")
    assert "1 customer " in listed
    assert "Export this customer" in listed
    assert "1–1 of 1" in listed
    assert "1 of 1 customer" in section(manager.get("/admin/?q=left"), "customers")
    assert "was erased since" in words(main_part(manager.get("/admin/cohorts/")))
    response = manager.get("/admin/export/customers/csv/")
    with zipfile.ZipFile(BytesIO(b"".join(response.streaming_content))) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert (manifest["customers"], manifest["of_customers"]) == (1, 1)
    score_day(D)
    assert PortfolioDay.objects.values_list("total", "erased").get(date=D) == (1, 0)
    assert "erased" not in main_part(manager.get("/admin/"))


def test_a_database_of_before_knows_it_from_what_is_left(one_of_two: None) -> None:
    erase("gone", "ada")
    PortfolioDay.objects.update(erased=0)
    import_module("analytics.migrations.0012_erased_since").count_erased(apps, None)
    assert list(PortfolioDay.objects.order_by("date").values_list("erased", flat=True)) == [0, 1, 1]
