"""A program whose forecasts were tested on the past: all that *Forecast accuracy* and its cases can show."""

from datetime import date, timedelta
from io import StringIO

from django.core.management import call_command
from django.utils import timezone

from analytics.models import Forecast, ForecastAccuracy, PolicyTrial
from customers.models import Customer, Note
from tests.factories import make_day, make_forecast_case, make_run
from tests.support.policies import make_draft
from tests.support.programs import simulated, store

FIRST = date(2024, 1, 1)
LAST = date(2024, 10, 26)


def back_tested_program() -> None:
    """Store 120 customers over 300 days, a call to half of them, forecasts of two dates, and a back-test."""
    store(simulated(120, 300, seed=11, first=FIRST.toordinal()), make_run())
    called = Customer.objects.order_by("pk")[:60]
    Note.objects.bulk_create(Note(customer=customer, kind=Note.Kind.CALL, text="Called") for customer in called)
    Note.objects.update(created_at="2024-09-15T12:00:00Z")
    before = LAST - timedelta(days=30)
    for day in (before, LAST):
        make_day(date=day)
    call_command("forecast", "--from", str(before), "--to", str(LAST), "--backtest", stdout=StringIO())


def be_forecast(customer: Customer, other: Customer) -> None:
    """A forecast, a case of a back-test, and a place among the misses that are published."""
    Forecast.objects.create(customer=customer, date=date(2025, 5, 9), quiet=700, quiet_features=[1])
    make_forecast_case(customer)
    ForecastAccuracy.objects.create(
        target="quiet",
        through=date(2025, 5, 9),
        made_at=timezone.now(),
        months=1,
        cases=2,
        customers=2,
        came_true=1,
        figures={},
        misses=[{"customer": one.pk, "date": "2025-04-30"} for one in (customer, other)],
    )
    PolicyTrial.objects.create(
        draft=make_draft(), date=date(2025, 4, 30), key="x", made_at=timezone.now(), counts={}, cases=b"names them"
    )
