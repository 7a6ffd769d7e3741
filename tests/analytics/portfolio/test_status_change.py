"""Which way a status went over 7 and 30 days: its rule in Python and in SQL, the column, the order, the filter."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.models import HealthStatus, Snapshot
from analytics.portfolio.score_change import ScoreChanges
from analytics.portfolio.status_change import (
    StatusMove,
    move_in_words,
    places_risen,
    places_risen_in_sql,
)
from customers.models import Customer
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.pages import main_part, names, notices, rows, section, words
from tests.support.selection import examples_of_a_push

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
ANT, BEE, CAT, DOG, ELK = "Ant", "Bee", "Cat", "Dog", "Elk"


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(make_staff("Viewer"))
    return client


def before(days: int) -> date:
    return D - timedelta(days=days)


@pytest.fixture
def five() -> dict[str, Customer]:
    """Now, 7 and 31 days ago: Ant fell by 2 places, Bee rose by 1, Cat came since, Dog stayed, Elk became inactive."""
    for days in (0, 7, 31):
        make_day(date=before(days), total=5)
    statuses = {
        ANT: ("at_risk", "healthy", "at_risk"),
        BEE: ("champion", "healthy", "inactive"),
        CAT: ("at_risk",),
        DOG: ("healthy", "healthy", "healthy"),
        ELK: ("inactive", "at_risk", "champion"),
    }
    customers = {}
    for number, (name, known) in enumerate(statuses.items()):
        customers[name] = make_customer(id=f"c{number}", organization=name)
        for days, status in zip((0, 7, 31), known, strict=False):
            make_snapshot(customers[name], date=before(days), status=status)
    return customers


@pytest.mark.parametrize(
    ("was", "now", "risen", "said"),
    [
        ("champion", "champion", 0, "Same"),
        ("champion", "healthy", -1, "Worse, was Champion"),
        ("healthy", "needs_attention", -1, "Worse, was Healthy"),
        ("champion", "at_risk", -3, "Worse, was Champion"),
        ("at_risk", "inactive", -1, "Worse, was At risk"),
        ("inactive", "at_risk", 1, "Better, was Inactive"),
        ("inactive", "champion", 4, "Better, was Inactive"),
        ("needs_attention", "healthy", 1, "Better, was Needs attention"),
        (None, "healthy", None, ""),
    ],
)
def test_from_champion_to_inactive_each_place_is_worse(
    was: str | None, now: str, risen: int | None, said: str
) -> None:
    assert (places_risen(was, now), move_in_words(was, now)) == (risen, said)


STATUSES = st.sampled_from([status.value for status in HealthStatus])


@settings(
    max_examples=examples_of_a_push(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pairs=st.lists(st.tuples(st.none() | STATUSES, STATUSES), min_size=1, max_size=12))
def test_sql_says_what_python_says(db: None, pairs: list[tuple[str | None, str]]) -> None:
    for model in (Snapshot, Customer):
        model.objects.all().delete()
    expected = {}
    for number, (was, now) in enumerate(pairs):
        customer = make_customer(id=f"p{number}")
        make_snapshot(customer, date=D, status=now)
        if was:
            make_snapshot(customer, date=before(7), status=was)
        expected[customer.pk] = places_risen(was, now)
    changes = ScoreChanges(D)
    changes.__dict__["since"] = {7: before(7), 30: None}
    found = changes.beside(Snapshot.objects.on(D)).annotate(risen=places_risen_in_sql(7))
    assert {one.customer_id: one.risen for one in found} == expected
    for move, holds in (
        (StatusMove.WORSE, lambda risen: risen < 0),
        (StatusMove.BETTER, lambda risen: risen > 0),
        (StatusMove.CHANGED, lambda risen: risen != 0),
    ):
        kept = {one.customer_id for one in changes.moved(Snapshot.objects.on(D), 7, move)}
        assert kept == {key for key, risen in expected.items() if risen is not None and holds(risen)}


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sort=status_change_7", [ANT, ELK, DOG, BEE, CAT]),
        ("sort=-status_change_7", [BEE, DOG, ELK, ANT, CAT]),
        ("sort=status_change_30", [ELK, ANT, DOG, BEE, CAT]),
        ("sort=customer&status_change_7=worse", [ANT, ELK]),
        ("sort=customer&status_change_7=better", [BEE]),
        ("sort=customer&status_change_7=changed", [ANT, BEE, ELK]),
        ("sort=customer&status_change_30=worse", [ELK]),
        ("sort=customer&status_change_30=better", [BEE]),
        ("sort=customer&status_change_7=worse&status_change_30=worse", [ELK]),
        ("sort=-status_change_30&status_change_7=changed", [BEE, ANT, ELK]),
        (f"sort=customer&status_change_7=changed&as_of={before(31)}", []),
    ],
)
def test_orders_and_filters(viewer: Client, query: str, found: list[str]) -> None:
    assert names(viewer.get(f"/admin/?{query}")) == found


@pytest.mark.usefixtures("five")
def test_the_columns_say_which_way_in_a_sign_and_words(viewer: Client) -> None:
    page = viewer.get("/admin/?columns=status_change_7,status_change_30&sort=customer")
    assert [row[1:] for row in rows(page)] == [
        ["↓ Worse, was Healthy", "→ Same"],
        ["↑ Better, was Healthy", "↑ Better, was Inactive"],
        ["–", "–"],
        ["→ Same", "→ Same"],
        ["↓ Worse, was At risk", "↓ Worse, was Champion"],
    ]
    assert '<span class="status-worse" title="Healthy on 3 May 2025">' in page.text
    assert "Status change, 7 days Status change, 30 days" in words(main_part(page).split('id="table-box"')[1])


@pytest.mark.usefixtures("five")
def test_a_filter_is_said_and_what_is_no_way_is_refused(viewer: Client) -> None:
    page = viewer.get("/admin/?status_change_7=worse&status_change_30=changed")
    assert "Status in 7 days: Got worse" in section(page, "customers")
    assert "Status in 30 days: Changed" in section(page, "customers")
    refused = viewer.get("/admin/?status_change_7=sideways")
    assert "Status in 7 days: Select a valid choice. sideways is not one of the available choices." in notices(refused)


@pytest.mark.usefixtures("five")
@pytest.mark.parametrize(("query", "opened"), [("", False), ("fell_7=5", True), ("status_change_30=x", True)])
def test_more_filters_are_open_only_while_one_of_them_is_set(viewer: Client, query: str, opened: bool) -> None:
    page = viewer.get(f"/admin/?{query}")
    assert ('<details class="more-filters" open>' in page.text) == opened
    assert ("More filters 1" in words(page.text)) == opened


def test_both_spans_cost_no_query_more(viewer: Client, five: dict[str, Customer]) -> None:
    counts = []
    for query in ("", "&status_change_7=worse&status_change_30=changed&columns=status_change_7,status_change_30"):
        with CaptureQueriesContext(connection) as captured:
            viewer.get(f"/admin/?sort=-status_change_7&q=c&owner={query}")
        counts.append(len(captured))
    assert counts[1] <= counts[0]
