"""The summary: six figures, what changed and the worst, on one screen, of the date that is asked for."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import make_staff
from tests.support.pages import words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demo_program")]

PAGE = "/admin/summary/"


def as_role(role: str) -> Client:
    client = Client()
    client.force_login(make_staff(role))
    return client


def test_it_has_the_six_figures_of_the_newest_date() -> None:
    said = words(as_role("Viewer").get(PAGE).text)
    assert "As of 10 May 2025" in said
    for label, value in (
        ("Total customers", "12"),
        ("Active today", "8"),
        ("At risk", "2"),
        ("Onboarding rate", "50%"),
    ):
        assert f"{label} {value}" in said
    assert "Success rate 82%" in said
    assert "Average time to value 3.5d" in said


def test_it_names_the_three_who_need_most() -> None:
    page = as_role("Viewer").get(PAGE)
    assert [item.snapshot.customer.organization for item in page.context["worst"]][:1] == ["Acme Inc."]
    assert len(page.context["worst"]) <= 3
    assert 'href="/admin/customer/c1001/"' in page.text


def test_it_is_about_the_date_that_is_asked_for() -> None:
    said = words(as_role("Viewer").get(f"{PAGE}?as_of=2025-05-09").text)
    assert "As of 9 May 2025" in said
    assert "At risk 3" in said


def test_a_visit_that_finds_it_kept_asks_little() -> None:
    client = as_role("Viewer")
    client.get(PAGE)
    with CaptureQueriesContext(connection) as queries:
        client.get(PAGE)
    assert len(queries) <= 10
