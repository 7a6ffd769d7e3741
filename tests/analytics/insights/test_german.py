"""Cohorts, milestones, impact and the forecasts' accuracy in German."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.models import ForecastDay, ForecastModel, Task
from analytics.scoring.snapshots import score_day
from tests.analytics.insights.test_forecast_accuracy import back_tested
from tests.factories import make_customer, make_day, make_engagement, make_forecast_case, make_snapshot, make_staff
from tests.support.german import english_left, reads_german
from tests.support.pages import main_part, words
from tests.support.scoring import D

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client: Client, settings: Settings) -> Client:
    """A program manager who reads German."""
    manager = make_staff("Program manager")
    reads_german(manager, settings)
    client.force_login(manager)
    return client


def says(reader: Client, address: str, *said: str) -> None:
    page = reader.get(address)
    text = words(main_part(page))
    assert [one for one in said if one not in text] == [], text
    assert english_left(page) == []


def test_cohorts(reader: Client) -> None:
    for key, cohort in (("a", "2025-Q1"), ("b", "")):
        customer = make_customer(id=key, organization=key, cohort=cohort, signup_date=D - timedelta(days=30))
        make_engagement(customer, D - timedelta(days=2), issues_tagged=1)
    score_day(D)
    says(reader, "/admin/cohorts/", "Kohorten", "Keine Kohorte", "Alle Kunden", "Erfolgsquote", "0 %")
    says(reader, "/admin/cohorts/?by=month", "April 2025")


def test_milestones(reader: Client) -> None:
    make_day(date=D - timedelta(days=7))
    make_day(date=D)
    customer = make_customer(id="a", organization="Acme", signup_date=D - timedelta(days=90))
    make_snapshot(customer, date=D - timedelta(days=7))
    make_snapshot(customer, date=D, first_issue_tagged=True)
    says(reader, "/admin/milestones/", "1 Meilenstein", "7 Tage bis 10. Mai 2025", "Erreicht", "Nicht zugewiesen")


def test_impact(reader: Client) -> None:
    done = date(2025, 4, 1)
    for key in ("case", "near"):
        customer = make_customer(id=key, organization=key)
        for days, score in ((0, 40), (14, 44)):
            make_snapshot(customer, date=done + timedelta(days=days), status="at_risk", score=score)
    Task.objects.create(customer_id="case", kind="call", what="Call", due=done, state=Task.State.DONE, closed_on=done)
    make_day(date=D)
    says(reader, "/admin/effects/?cases=call-14#cases", "Wirkung", "zu wenige Fälle: 1 von 10", "1 verglichen", "0,0")


def test_forecasts(reader: Client) -> None:
    make_day(date=D)
    back_tested()
    learnt = {"rows": 5_000, "customers": 60, "rarer": 21, "came_true": 21, "definitions": 1, "numbers": {}}
    model = ForecastModel.objects.create(
        target="quiet", method="logistic", trained_through=D, fitted_at=timezone.now(), first_day=D, **learnt
    )
    ForecastDay.objects.create(
        date=D, target="quiet", model=model, made_at=timezone.now(), backfilled=False, customers=60, rarer=55
    )
    customer = make_customer(id="a", organization="Acme")
    make_forecast_case(customer, date=date(2025, 3, 31), came_true=True, probability=700, rank=1)
    says(
        reader,
        "/admin/forecast/",
        "722 Prognosen , 121 Kunden , 4 Monatsenden (31. Dez. 2024 bis 31. März 2025): 268 verstummt .",
        "Verfahren: logistische Regression.",
        "0,86",
        "40 Fälle von Verstummen vorhergesagt . Der Median wurde 12 Tage vor dem 30. stillen Tag vorhergesagt.",
        "besser",
    )
    says(reader, "/admin/forecast/cases/?cases=quiet-top-10", "Verstummt", "70 %", "Prognosen von 4")
