"""What is forecast of a customer with its reasons, and what happened, page after page."""

from datetime import UTC, date, datetime, timedelta
from math import log

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.customer_page.timeline import timeline
from analytics.models import ForecastDay, ForecastModel, Snapshot
from customers.models import Customer, Note
from tests.factories import make_customer, make_day, make_engagement, make_event, make_forecast, make_snapshot
from tests.support.api import get, refused, walk
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
LOGISTIC = {
    "features": ("rate_7", "rate_21", "rate_60", "rate_180", "days_since_active", "own_quiet"),
    "means": [0] * 6,
    "scales": [1] * 6,
    "coefficients": [0, 0, 0, -1, 0.5, 0.1],
    "intercept": 0,
    "lows": [0, 0, 0, 0, 0, -2],
    "highs": [1, 1, 1, 1, 2.5, 2],
    "groups": [{"until": 1, "rows": 1200, "customers": 80, "came_true": 710}],
}
FEATURES = [0.0, 0.125, 0.0, 0.25, round(log(16), 4), round(-log(3), 4)]
"""Quiet for 15 days, active on every fourth day, a quarter of whose spells are empty."""


@pytest.fixture
def client() -> Client:
    return token_client(make_token())


@pytest.fixture
def acme() -> Customer:
    found = make_customer(id="c1", organization="Acme Inc.", signup_date=date(2025, 1, 1))
    make_day(date=D, total=1)
    make_snapshot(found, date=D, last_active=date(2025, 4, 25), first_pr_generated=True)
    return found


def learnt() -> None:
    """A model of going quiet, and the forecasts of D by it."""
    model = ForecastModel.objects.create(
        target="quiet",
        method="logistic",
        trained_through=D,
        definitions=1,
        fitted_at=datetime(2025, 5, 11, tzinfo=UTC),
        first_day=date(2025, 1, 1),
        rows=2100,
        came_true=810,
        customers=170,
        rarer=60,
        numbers=LOGISTIC,
    )
    ForecastDay.objects.create(
        date=D, target="quiet", model=model, customers=170, rarer=60, backfilled=False, made_at=model.fitted_at
    )


def test_a_forecast_with_reasons_that_add_up(client: Client, acme: Customer) -> None:
    learnt()
    # 0.5 x 2.7726 = 1.3863, less 1 x 0.25, less 0.1 x 1.0986: together 1.0264, which is 73.6 %.
    make_forecast(acme, quiet=736, quiet_features=FEATURES)
    [told] = get(client, "customers/c1")["forecasts"]
    assert told.pop("definition").startswith("How probable it is that there is no active day in the next 30 days.")
    assert told == {
        "target": "quiet",
        "percent": 74,
        "words": "Likely to go quiet",
        "like": "Of 1,200 like this one, 710 went quiet.",
        "average_percent": 50,
        "reasons": [
            {"reason": "quiet for 15 days, usually active about every 4 days", "points": 139, "beyond": True},
            {
                "reason": "active on about 12% of the days lately, and on 25% over half a year",
                "points": -25,
                "beyond": False,
            },
            {
                "reason": "by its own past, about 25% of spells of 30 days are without activity",
                "points": -11,
                "beyond": False,
            },
        ],
        "other_points": 0,
    }
    Customer.objects.update(status="churned")
    told = get(client, "customers/c1")
    assert (told["forecasts"], told["snapshot"]["forecast_quiet"]) == ([], None)


def test_without_a_snapshot_on_the_date_the_customer_is_there(client: Client, acme: Customer) -> None:
    make_customer(id="c2", organization="New")
    told = get(client, "customers/c2")
    assert (told["organization"], told["as_of"], told["snapshot"], told["components"]) == (
        "New",
        "2025-05-10",
        None,
        [],
    )


def test_so_far_today_says_through_which_day(client: Client, acme: Customer) -> None:
    assert get(client, "customers/c1")["snapshot"]["provisional_to"] is None
    Snapshot.objects.update(provisional_to=date(2025, 5, 11))
    [row] = get(client, "customers")["results"]
    assert row["snapshot"]["provisional_to"] == "2025-05-11"


def test_the_timeline_is_that_of_the_page(client: Client, acme: Customer) -> None:
    make_day(date=date(2025, 5, 2))
    make_event(acme, date(2025, 5, 2), "account_created", detail="Account made by phone")
    make_engagement(acme, date(2025, 5, 3), issues_tagged=3)
    Note.objects.create(customer=acme, author="Sofia", text="<b>Hello</b>", kind="call")
    told = get(client, "customers/c1/timeline")
    assert [(row["day"], row["text"]) for row in told["results"]] == [
        (entry.day.isoformat(), entry.text) for entry in timeline(acme, D).entries
    ]
    assert told["results"][0] | {"day": "", "moment": ""} == {
        "day": "",
        "moment": "",
        "kind": "note",
        "text": "Call: <b>Hello</b>",
        "who": "Sofia",
        "run": None,
    }
    assert [row["text"] for row in walk(client, "customers/c1/timeline", told="product")] == [
        "Tagged 3 issues",
        "Account made by phone",
    ]
    assert [row["text"] for row in walk(client, "customers/c1/timeline", as_of="2025-05-02")] == [
        "Account made by phone"
    ]


def test_the_timeline_page_after_page_while_notes_come(client: Client, acme: Customer) -> None:
    for number in range(120):
        make_engagement(acme, D - timedelta(days=number), issues_tagged=number + 1)
    first = get(client, "customers/c1/timeline")
    Note.objects.create(customer=acme, author="Sofia", text="Meanwhile")
    texts = [row["text"] for row in [*first["results"], *walk(client, first["next"])]]
    assert texts == [f"Tagged {number + 1} issue{'s' if number else ''}" for number in range(120)]
    assert "Meanwhile" in get(client, "customers/c1/timeline")["results"][0]["text"]


def test_what_the_timeline_does_not_take(client: Client, acme: Customer) -> None:
    assert "Allowed: staff, notes" in refused(client.get("/api/v1/customers/c1/timeline?told=x"))["#/told"]
    assert list(refused(client.get("/api/v1/customers/c1/timeline?per_page=5"))) == ["#/per_page"]


@pytest.mark.parametrize("path", ["customers/c1", "customers/c1/timeline"])
def test_few_queries(client: Client, acme: Customer, path: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        get(client, path)
    assert len(queries) <= 12
