"""Score and forecast disagree: who stands there, in which order, and where the figures lead."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.dashboard.disagreements import disagreements
from analytics.models import Forecast, ForecastDay, ForecastModel, PortfolioDay
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import forget, links, names, section
from tests.support.scoring import D

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client: Client, today_is: Callable[[date], None]) -> Client:
    today_is(D)
    client.force_login(make_staff("Viewer"))
    return client


def forecast_of(day: date, **overrides: object) -> None:
    """Store that a date was forecast."""
    model = ForecastModel.objects.create(
        target="quiet", method="counts", trained_through=day, definitions=1, fitted_at=timezone.now(),
        first_day=day, rows=100, came_true=50, customers=60, rarer=50, numbers={},
    )  # fmt: skip
    known = {"model": model, "made_at": timezone.now(), "backfilled": False, "customers": 60, "rarer": 50}
    ForecastDay.objects.create(date=day, target="quiet", **{**known, **overrides})


def customer(name: str, status: str, score: int, quiet: int | None, contract: str = "active") -> None:
    """Make a customer of D with a forecast in thousandths."""
    one = make_customer(id=name, organization=name, status=contract)
    make_snapshot(one, date=D, status=status, score=score)
    if quiet is not None:
        Forecast.objects.create(date=D, customer=one, quiet=quiet)


@pytest.fixture
def program() -> PortfolioDay:
    customer("well", "healthy", 75, 495)
    customer("star", "champion", 90, 910)
    customer("well-unclear", "healthy", 75, 494)
    customer("well-unknown", "healthy", 75, None)
    customer("well-over", "healthy", 75, 900, contract="churned")
    customer("poor", "at_risk", 30, 194)
    customer("poor-unclear", "at_risk", 30, 195)
    customer("poor-likely", "at_risk", 30, 990)
    customer("middle", "needs_attention", 60, 990)
    forecast_of(D)
    return make_day(date=D)


def test_who_does_well_and_may_go_quiet_and_the_other_way_round(viewer: Client, program: PortfolioDay) -> None:
    shown = viewer.get("/admin/")
    # As percents: 50 and 91, 49 is unclear; 19, and 20 is unclear. The most surprising one first.
    assert section(shown, "disagreements") == (
        "Score and forecast disagree Forecast accuracy "
        "Healthy or Champion, but likely to go quiet: 2 customers star Champion 90 91% well Healthy 75 50% "
        "At risk, but unlikely to go quiet: 1 customer poor ⚠ At risk 30 19%"
    )
    [well], [poor] = links(shown, "2 customers"), links(shown, "1 customer")
    assert {*names(viewer.get(well))} == {"well", "star"}
    assert names(viewer.get(poor)) == ["poor"]


def test_as_of_an_earlier_date(viewer: Client, program: PortfolioDay) -> None:
    make_day(date=D + timedelta(days=1))
    shown = viewer.get(f"/admin/?as_of={D}")
    assert "2 customers star" in section(shown, "disagreements")
    [well] = links(shown, "2 customers")
    assert f"as_of={D}" in well
    assert "No forecast of this date is stored." in section(viewer.get("/admin/"), "disagreements")


def test_too_little_to_learn_from(viewer: Client) -> None:
    make_day(date=D)
    forecast_of(D, model=None, customers=12, rarer=7)
    assert section(viewer.get("/admin/"), "disagreements") == (
        "Score and forecast disagree Forecast accuracy "
        "Too little to learn from: 12 of 20 customers and 7 of 10 outcomes."
    )


def test_nobody(viewer: Client) -> None:
    make_day(date=D)
    forecast_of(D)
    assert section(viewer.get("/admin/"), "disagreements").count("Nobody.") == 2


def test_five_are_shown_and_all_are_counted_by_two_queries(program: PortfolioDay) -> None:
    for number in range(6):
        customer(f"more{number}", "healthy", 80, 800 + number)
    forget()
    with CaptureQueriesContext(connection) as asked:
        well, poor = disagreements(program)["sides"]
    assert len(asked) == 2
    assert well.total == 8
    assert [one.customer_id for one, _percent in well.customers] == ["star", "more5", "more4", "more3", "more2"]
    assert poor.total == 1


def test_they_are_asked_for_once_whatever_the_address_has(viewer: Client, program: PortfolioDay) -> None:
    viewer.get("/admin/")
    with CaptureQueriesContext(connection) as asked:
        shown = viewer.get("/admin/?status=at_risk")
    assert "2 customers star" in section(shown, "disagreements")
    assert not [one for one in asked if "forecastday" in one["sql"] or "ROW_NUMBER" in one["sql"]]
