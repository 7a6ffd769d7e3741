"""The tables of cohorts are kept as HTML: of their date, until it is scored anew."""

from datetime import date

import pytest
from django.test import Client

from analytics.scoring.snapshots import score_day
from customers.models import Customer
from tests.support.pages import main_part, words
from tests.support.scoring import D

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program")]
COHORTS = "/admin/cohorts/"


def test_each_date_has_its_own(viewer: Client) -> None:
    score_day(date(2025, 5, 3))
    pages = [words(main_part(viewer.get(f"{COHORTS}{query}"))) for query in ("", "?as_of=2025-05-03", "")]
    tables = [page.partition("Comparison")[2] for page in pages]
    assert tables[0] == tables[2] != tables[1]


def test_they_are_of_the_newest_scoring(viewer: Client) -> None:
    assert "Renamed" not in words(main_part(viewer.get(COHORTS)))
    Customer.objects.filter(pk="c1001").update(cohort="Renamed")
    score_day(D)
    assert "Renamed" in words(main_part(viewer.get(COHORTS)))
