"""The forecasts in the customer table: what its cells say, whom the filters find, in which order, on which date."""

from datetime import date

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.forecast.bands import BANDS, band_of
from analytics.models import Snapshot
from analytics.portfolio.score_change import ScoreChanges
from analytics.segments.filters import SnapshotFilter
from customers.models import Customer
from tests.factories import make_customer, make_day, make_forecast, make_snapshot
from tests.support.pages import forget, names, notices, rows, words
from tests.support.selection import examples_of_a_push
from tests.support.table_export import D, download, read_csv

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("manager")]

SHOWN = "/admin/?owner=&columns=forecast_quiet,forecast_first_pr"
EARLIER = date(2025, 5, 9)


@pytest.fixture
def six() -> None:
    """The bands' edges: Ada 49.5 %, shown as 50; Ben 49.4; Cleo 19.5; Dan 19.4; Eve has none; Flo's contract is over.

    A day before, Ada alone had a forecast.
    """
    probable = {"Ada": (495, None), "Ben": (494, 1000), "Cleo": (195, 500), "Dan": (194, 0), "Flo": (990, 990)}
    for day in (D, EARLIER):
        make_day(date=day, total=6)
    for name in ("Ada", "Ben", "Cleo", "Dan", "Eve", "Flo"):
        customer = make_customer(organization=name, status="churned" if name == "Flo" else "active")
        for day in (D, EARLIER):
            make_snapshot(customer, date=day)
        if name in probable:
            quiet, first_pr = probable[name]
            make_forecast(customer, quiet=quiet, first_pr=first_pr)
        if name == "Ada":
            make_forecast(customer, date=EARLIER, quiet=30)


@pytest.mark.usefixtures("six")
def test_a_cell_says_the_band_and_the_percent(manager: Client) -> None:
    response = manager.get(f"{SHOWN}&sort=customer")
    assert [row[1:] for row in rows(response)] == [
        ["Likely, 50%", "–"],
        ["Unclear, 49%", "Likely, 100%"],
        ["Unclear, 20%", "Likely, 50%"],
        ["Unlikely, 19%", "Unlikely, 0%"],
        ["–", "–"],
        ["–", "–"],
    ]
    assert "no active day in the next 30 days" in response.text


@pytest.mark.usefixtures("six")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("forecast_quiet=likely", ["Ada"]),
        ("forecast_quiet=unclear", ["Ben", "Cleo"]),
        ("forecast_quiet=unlikely", ["Dan"]),
        ("forecast_first_pr=likely", ["Ben", "Cleo"]),
        ("forecast_first_pr=unlikely&forecast_quiet=unlikely", ["Dan"]),
        ("forecast_quiet=unlikely&as_of=2025-05-09", ["Ada"]),
    ],
)
def test_a_filter_finds_those_of_a_band_and_nobody_whose_contract_is_over(
    manager: Client, query: str, found: list[str]
) -> None:
    # Also where the table does not show the column.
    for columns in ("", "&columns=forecast_quiet"):
        assert names(manager.get(f"/admin/?owner=&sort=customer&{query}{columns}")) == found


@pytest.mark.usefixtures("six")
@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("forecast_quiet", ["Dan", "Cleo", "Ben", "Ada", "Eve", "Flo"]),
        ("-forecast_quiet", ["Ada", "Ben", "Cleo", "Dan", "Eve", "Flo"]),
        ("-forecast_first_pr", ["Ben", "Cleo", "Dan", "Ada", "Eve", "Flo"]),
    ],
)
def test_those_without_a_forecast_come_last_in_either_order(manager: Client, sort: str, order: list[str]) -> None:
    for columns in ("", "&columns=score"):
        assert names(manager.get(f"/admin/?owner=&sort={sort}{columns}")) == order
    exported, _manifest = read_csv(download(manager, "csv", sort=sort))
    assert [row[1] for row in exported[1:]] == order


@pytest.mark.usefixtures("six")
def test_the_file_has_what_the_table_shows(manager: Client) -> None:
    exported, _manifest = read_csv(download(manager, "csv", sort="customer", columns="forecast_quiet"))
    assert exported[0] == ["Customer id", "Name", "As of", "forecast_quiet"]
    assert [row[3] for row in exported[1:]] == ["50", "49", "20", "19", "", ""]
    exported, _manifest = read_csv(download(manager, "csv", forecast_quiet="likely"))
    assert [(row[1], row[-5], row[-4]) for row in exported[1:]] == [("Ada", "50", "")]


@pytest.mark.usefixtures("six")
def test_an_earlier_date_has_its_own_forecasts(manager: Client) -> None:
    response = manager.get(f"{SHOWN}&sort=customer&as_of=2025-05-09")
    assert [row[1] for row in rows(response)] == ["Unlikely, 3%", *["–"] * 5]


@pytest.mark.usefixtures("six")
def test_a_set_filter_is_said_in_words_and_a_false_one_refused(manager: Client) -> None:
    said = words(manager.get("/admin/?owner=&forecast_quiet=likely&forecast_first_pr=unclear").text)
    assert "Going quiet forecast: Likely" in said
    assert "First PR forecast: Unclear" in said
    assert any("Going quiet forecast" in one for one in notices(manager.get("/admin/?owner=&forecast_quiet=maybe")))


@pytest.mark.usefixtures("six")
def test_the_columns_ask_no_query_of_their_own(manager: Client) -> None:
    counts = []
    for query in ("", "&columns=score", "&columns=forecast_quiet&sort=-forecast_quiet"):
        forget()
        with CaptureQueriesContext(connection) as captured:
            manager.get(f"/admin/?owner={query}")
        counts.append(len(captured))
    assert counts[2] <= min(counts[:2])


@settings(max_examples=examples_of_a_push(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 1000) | st.none(), min_size=1, max_size=8))
def test_the_database_and_python_agree_on_the_band(probable: list[int | None]) -> None:
    Customer.objects.all().delete()
    for place, thousandths in enumerate(probable):
        customer = make_customer(id=f"c{place}", organization=f"c{place}")
        make_snapshot(customer)
        make_forecast(customer, quiet=thousandths)
    for band in BANDS:
        address = QueryDict(f"forecast_quiet={band.name}")
        found = SnapshotFilter(address, D, changes=ScoreChanges(D), user=None, me=None).qs
        assert {one.customer_id for one in found} == {
            f"c{place}" for place, one in enumerate(probable) if one is not None and band_of(one) is band
        }
    assert Snapshot.objects.filter(date=D).with_forecasts().count() == len(probable)
