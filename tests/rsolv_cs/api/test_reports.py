"""Reports, and their rows as their file has them."""

from datetime import date

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Report
from customers.core.roles import Role
from customers.models import AuditEntry, CustomerCare
from tests.factories import make_customer, make_day, make_snapshot, make_staff
from tests.support.api import Told, get, walk
from tests.support.table_export import read_csv
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db

D, BEFORE = date(2025, 5, 10), date(2025, 5, 3)
QUERY = "status=at_risk&status=healthy&sort=-score&columns=score,owner,forecast_quiet,change_7"


@pytest.fixture
def sofia() -> User:
    user = make_staff(Role.SUCCESS_MANAGER, username="sofia", first_name="Sofia", last_name="Marchetti")
    for day in (BEFORE, D):
        make_day(date=day, total=6)
    for number in range(6):
        customer = make_customer(id=f"c{number}", organization=f"Customer {number}")
        for day in (BEFORE, D):
            status = "champion" if number == 5 else "at_risk"
            make_snapshot(customer, date=day, score=40 + number % 3 + day.day, status=status)
    CustomerCare.objects.create(customer_id="c1", owner=user)
    return user


@pytest.fixture
def client(sofia: User) -> Client:
    return token_client(make_token(sofia))


def report(owner: User, **values: object) -> Report:
    return Report.objects.create(**{"name": "At risk", "owner": owner, "query": QUERY, **values})


def cells(row: Told) -> list[str]:
    return ["" if value is None else str(value) for value in row.values()]


@pytest.mark.parametrize("as_of", ["newest", "week_before"])
def test_rows_are_those_of_the_file_in_its_order(client: Client, sofia: User, as_of: str) -> None:
    saved = report(sofia, as_of=as_of)
    browser = Client()
    browser.force_login(sofia)
    rows, manifest = read_csv(browser.get(f"/admin/reports/{saved.pk}/export/csv/"))
    told = list(walk(client, f"reports/{saved.pk}/rows", per_page=2))
    assert [cells(row) for row in told] == rows[1:]
    assert len(told) == 5
    page = get(client, f"reports/{saved.pk}/rows")
    assert (page["report"], page["as_of"]) == ("At risk", manifest["as_of"])
    assert [column["heading"] for column in page["columns"]] == rows[0]
    assert [column["name"] for column in page["columns"]] == list(told[0])
    assert told[0]["score"] == (52 if as_of == "newest" else 45)


def test_a_date_of_ones_own(client: Client, sofia: User) -> None:
    saved = report(sofia)
    assert get(client, f"reports/{saved.pk}/rows", as_of=BEFORE)["as_of"] == "2025-05-03"


def test_the_audit_has_each_export_that_begins(client: Client, sofia: User) -> None:
    saved = report(sofia)
    list(walk(client, f"reports/{saved.pk}/rows", per_page=2))
    [entry] = AuditEntry.objects.filter(action="export")
    assert (entry.actor, entry.subject) == ("sofia", "report “At risk”")
    assert entry.text.startswith("5 customers as of 10 May 2025\nfilters: Status: At risk; Status: Healthy")


def test_ones_own_and_shared_reports_alone(client: Client, sofia: User) -> None:
    paul = make_staff(Role.SUCCESS_MANAGER, username="paul")
    mine, hidden = report(sofia, name="Mine"), report(paul, name="Hidden")
    shared = report(paul, name="Shared", shared=True, schedule="weekly")
    told = list(walk(client, "reports", per_page=1))
    assert [one["name"] for one in told] == ["Shared", "Mine"]
    assert told[0] == {
        "id": shared.pk,
        "name": "Shared",
        "owner": {"id": paul.pk, "username": "paul", "name": "paul"},
        "shared": True,
        "query": QUERY,
        "as_of": "newest",
        "schedule": "weekly",
    }
    for pk, status in ((mine.pk, 200), (shared.pk, 200), (hidden.pk, 404)):
        assert client.get(f"/api/v1/reports/{pk}/rows").status_code == status


def test_a_report_that_cannot_be_made_says_why(client: Client, sofia: User) -> None:
    saved = report(sofia, query="nothing=1&sort=x")
    response = client.get(f"/api/v1/reports/{saved.pk}/rows")
    assert response.status_code == 409
    assert response.json()["detail"] == "There is no filter “nothing”. There is no column “x” to sort by."


def test_me_is_whose_report_it_is(client: Client, sofia: User) -> None:
    shared = report(sofia, query="owner=me", shared=True)
    viewer = token_client(make_token(None, role=Role.PROGRAM_MANAGER))
    for one in (client, viewer):
        assert [row["customer_id"] for row in walk(one, f"reports/{shared.pk}/rows")] == ["c1"]


def test_who_may_not_export_reads_no_rows(sofia: User) -> None:
    shared = report(sofia, shared=True)
    viewer = token_client(make_token(None, role=Role.VIEWER))
    assert len(get(viewer, "reports")["results"]) == 1
    assert viewer.get(f"/api/v1/reports/{shared.pk}/rows").status_code == 403


def test_queries_do_not_grow_with_rows(client: Client, sofia: User) -> None:
    saved = report(sofia, query="")
    counts = []
    for more in (0, 10):
        for _number in range(more):
            make_snapshot(make_customer(), date=D)
            report(sofia, name=f"Another {_number}")
        for path in ("reports", f"reports/{saved.pk}/rows"):
            with CaptureQueriesContext(connection) as queries:
                get(client, path)
            counts.append(len(queries))
    assert counts[:2] == counts[2:]
    assert max(counts) <= 16
