"""What is kept of a page of the customer list: through which edits, and that each of them shows at once."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import connection
from django.http import QueryDict
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from analytics.customer_list.columns import TABLE_COLUMNS
from analytics.customer_list.customer_table import CustomerTable
from analytics.customer_list.list_page import ListPage
from analytics.customer_list.listing import CustomerList
from analytics.models import PortfolioDay, Snapshot, Task
from analytics.pages.user_summary import user_summary
from analytics.portfolio.score_change import ScoreChanges
from analytics.segments.filters import READ_EDITS, SnapshotFilter
from customers.audit import trail
from customers.models import CustomerCare, Note
from tests.factories import make_customer, make_day, make_run, make_snapshot, make_staff
from tests.support.pages import forget, rows

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)
DATA_TABLES = {"analytics_forecast", "analytics_snapshot", "customers_customer", "customers_importrun"}
DATA_TABLES |= {"analytics_scoringpolicy"}
"""What imports, scorings and forecasts alone write, and policies: one that scored a customer is never changed."""
ASKED = {
    "q": "a",
    "status": "at_risk",
    "stage": "onboarding",
    "cohort": "VIP",
    "industry": "Games",
    "owner": "nobody",
    "lacks": "account_created",
    "only": "missing",
    "last_active": "over_7",
    "score_min": "1",
    "score_max": "99",
    "fell_7": "5",
    "fell_30": "5",
    "status_change_7": "worse",
    "status_change_30": "changed",
    "trend": "declining",
    "success_rate_min": "10",
    "success_rate_max": "90",
    "days_active_min": "1",
    "days_active_max": "20",
    "team_size_min": "2",
    "team_size_max": "50",
    "signup_from": "2025-01-01",
    "signup_to": "2025-02-01",
    "signup": "2025-01",
    "done": "account_created",
    "crossed": "at_risk",
    "quiet_week": "0",
    "forecast_quiet": "likely",
    "forecast_first_pr": "unlikely",
}
ORDERS = [f"{sign}{name}" for name in TABLE_COLUMNS for sign in ("", "-")]


@pytest.fixture
def owner() -> User:
    return make_staff("Viewer", username="max", first_name="Max", last_name="Moss")


@pytest.fixture
def viewer(client: Client, owner: User) -> Client:
    """Who sees 30 customers of whom every third has an owner, with an earlier date to compare with."""
    make_day(date=D - timedelta(days=7), total=30)
    make_day(date=D, total=30)
    run = make_run()
    for number in range(30):
        of_customer = {"cohort": "VIP", "industry": "Games", "signup_date": date(2025, 1, 1 + number)}
        missing = {"missing_since": run} if number % 2 else {}
        customer = make_customer(id=f"c{number:02}", organization=f"Ada {number:02}", **of_customer, **missing)
        make_snapshot(customer, date=D - timedelta(days=7), score=90)
        make_snapshot(customer, date=D, score=30 + number % 7, status="at_risk", stage="onboarding")
        if number % 3 == 0:
            CustomerCare.objects.create(customer=customer, owner=owner)
    client.force_login(make_staff("Viewer", username="zoe"))
    return client


# --- What is declared to read edits ------------------------------------------------------------------------------


def tables_of(address: dict[str, str]) -> set[str]:
    """The tables that the database looks at to find who is on a page, and in which order."""
    asked = CustomerList(QueryDict(urlencode(address)), User(pk=1), D, me=None)
    assert not asked.filters.errors
    sql = str(asked.customers.select_related(None).values("pk").query)
    return set(re.findall(r'(?:FROM|JOIN) "(\w+)"', sql))


def test_only_filters_that_are_declared_look_at_more_than_the_data(viewer: Client) -> None:
    assert set(ASKED) == set(SnapshotFilter.base_filters)
    reading = [name for name, value in ASKED.items() if tables_of({name: value}) - DATA_TABLES]
    assert reading == [*READ_EDITS] == ["owner"]


def test_only_orders_of_columns_that_are_declared_look_at_more_than_the_data() -> None:
    reading = [order for order in ORDERS if tables_of({"sort": order}) - DATA_TABLES]
    assert reading == [order for order in ORDERS if TABLE_COLUMNS[order.removeprefix("-")].reads_edits]
    assert reading == ["owner", "-owner"]


@pytest.mark.parametrize(
    ("address", "reads"),
    [
        ("", False),
        ("owner=", False),
        ("owner=nobody", True),
        ("status=at_risk&q=a&sort=-score", False),
        ("sort=score&sort=-owner", True),
        ("sort=score&owner=&owner=7", True),
    ],
)
def test_a_list_reads_edits_where_a_filter_or_an_order_does(address: str, reads: bool) -> None:
    assert CustomerList(QueryDict(address), User(pk=1), D, me=None).reads_edits == reads


# --- Each edit shows at once --------------------------------------------------------------------------------------


def give_others(owner: User) -> None:
    for care in CustomerCare.objects.filter(customer__in=["c00", "c03"]):
        care.owner = None
        care.save()
    CustomerCare.objects.create(customer_id="c01", owner=owner)
    CustomerCare.objects.create(customer_id="c02", owner=make_staff(username="amy"))


def rename(owner: User) -> None:
    owner.first_name = "Bert"
    owner.save()


def name_another_alike(owner: User) -> None:
    make_staff(username="moss", first_name=owner.first_name, last_name=owner.last_name)


def edit_all_else(owner: User) -> None:
    for care in CustomerCare.objects.all():
        care.notes, care.do_not_contact = "Call first", True
        care.save()
    Note.objects.create(customer_id="c00", author="Max", text="Called")
    Task.objects.create(customer_id="c00", kind="call", what="Call", due=D, owner=owner)


ADDRESSES = [
    "",
    f"columns={','.join(TABLE_COLUMNS)}&per_page=100",
    "page=2",
    "q=nobody-at-all&owner=nobody",
    *(urlencode({name: value}) for name, value in ASKED.items()),
    *(urlencode({"sort": order}) for order in ORDERS[::2]),
    "sort=-owner",
]


@pytest.mark.parametrize("edit", [give_others, rename, name_another_alike, edit_all_else])
def test_each_page_is_that_which_would_be_made_anew(
    viewer: Client, owner: User, rf: RequestFactory, edit: Callable[[User], None]
) -> None:
    def shown() -> list[tuple[int, str]]:
        portfolio, found = PortfolioDay.objects.get(date=D), []
        for address in ADDRESSES:
            request = rf.get(f"/admin/?{address}")
            request.user = owner
            version = user_summary(request).version
            asked = CustomerList(request.GET, owner, D, me=owner, version=version)
            found.append(ListPage(request, asked, portfolio).rows(version))
        return found

    before = shown()
    edit(owner)
    after = shown()
    assert (after == before) == (edit == edit_all_else)
    forget()
    assert after == shown()


def test_an_owner_who_comes_back_shows_again(viewer: Client, owner: User) -> None:
    amy = make_staff(username="amy")
    care = CustomerCare.objects.get(customer="c00")
    seen = []
    for person in (owner, amy, owner, None, amy):
        care.owner = person
        care.save()
        seen.append([row[1] for row in rows(viewer.get("/admin/?q=c00&columns=owner"))])
    assert seen == [["Max Moss"], ["amy"], ["Max Moss"], ["–"], ["amy"]]


def test_what_is_drawn_is_what_was_looked_up_and_not_what_somebody_edits_meanwhile(owner: User) -> None:
    make_day(date=D)
    row = make_snapshot(make_customer(), date=D)
    CustomerCare.objects.create(customer=row.customer, owner=owner)
    table = CustomerTable(Snapshot.objects.on(D), changes=ScoreChanges(D))
    for name in set(TABLE_COLUMNS) - {"owner"}:
        table.columns.hide(name)
    edits = table.edits_of([row.pk])
    assert edits == {row.pk: {"owner": "Max Moss"}}
    rename(owner)
    records = list(ScoreChanges(D).beside(Snapshot.objects.on(D)))
    table.turn_to(Paginator(records, 25).page(1), records, edits)
    assert [cells for _record, cells in table.lines()] == ['<td class="cut">Max Moss</td>']
    table.turn_to(Paginator(records, 25).page(1), records)
    assert [cells for _record, cells in table.lines()] == ['<td class="cut">Bert Moss</td>']


# --- What an edit costs -------------------------------------------------------------------------------------------


def test_after_an_edit_nothing_of_the_data_is_asked_for_again(viewer: Client) -> None:
    for address in ("/admin/", "/admin/?status=at_risk&q=ada&sort=-score", "/admin/?columns=score"):
        viewer.get(address)
        trail.record(trail.Action.CHANGE, "something")
        with CaptureQueriesContext(connection) as captured:
            viewer.get(address)
        asked = [query["sql"] for query in captured.captured_queries]
        # Session, user and twice permissions; the tag; the scored dates, who has no owner, what was done about
        # customers to act on, what the rules say of them, and how many have an alert alone; the filters' choices, how
        # staff are called; the owners, where the page shows them.
        assert len(asked) == (12 if "columns" in address else 13), asked
