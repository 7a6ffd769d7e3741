"""What is kept as long as the program is in the same state: right for everybody, and never too old."""

import re
from datetime import date

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from analytics.models import Alert, AlertRule
from analytics.program import Program
from customers.models import Customer, CustomerCare
from tests.factories import make_run, make_staff
from tests.pages import main_part, names

pytestmark = pytest.mark.django_db

ADDRESSES = (
    "",
    "?as_of=2025-05-03",
    "?owner=",
    "?owner=me",
    "?owner=nobody",
    "?per_page=50&sort=-score",
    "?q=a&sort=customer",
    "?status=at_risk&columns=score,email",
    "?status=at_risk&history=30&days=90",
    "?status=nonsense",
    "?page=2",
)


# --- Each visitor's own page --------------------------------------------------------------------------------------


def shown(response: HttpResponse) -> str:
    """A page but for what is new each time."""
    assert response.status_code == 200
    page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", main_part(response))
    return re.sub(r"Updated \d\d:\d\d", "", page)


@pytest.fixture
def visitors(demo_program: None) -> list[Client]:
    """One of each role, one who looks after a customer, and one for whom an alert waits."""
    people = [
        make_staff("Viewer"),
        make_staff("Success manager"),
        make_staff("Success manager"),
        make_staff("Program manager"),
        make_staff(is_superuser=True),
    ]
    care = CustomerCare.objects.create(customer=Customer.objects.get(pk="c1001"), owner=people[1])
    opened = {"opened_on": date(2025, 5, 9), "raised_at": timezone.now(), "text": "At risk"}
    Alert.objects.create(rule=AlertRule.objects.filter(kind="at_risk").get(), customer=care.customer, **opened)
    clients = [Client() for _ in people]
    for client, person in zip(clients, people, strict=True):
        client.force_login(person)
    return clients


def test_everybody_gets_the_page_that_would_be_made_anew(visitors: list[Client]) -> None:
    asked = [(client, f"/admin/{query}") for query in ADDRESSES for client in visitors]
    anew = []
    for client, address in asked:
        cache.clear()
        anew.append(shown(client.get(address)))
    assert len(set(anew)) > len(ADDRESSES)
    cache.clear()
    for _ in range(2):
        assert [shown(client.get(address)) for client, address in asked] == anew


# --- The state's name ---------------------------------------------------------------------------------------------


def entry(user: User, pk: int) -> LogEntry:
    return LogEntry.objects.create(pk=pk, user=user, object_id="1", object_repr="one", action_flag=CHANGE)


def test_an_edit_that_was_numbered_earlier_and_stored_later_is_seen(client: Client) -> None:
    make_run()
    user = make_staff("Viewer")
    client.force_login(user)
    entry(user, 1000)
    tags = [client.get("/admin/").headers["ETag"] for _ in range(2)]
    entry(user, 998)
    assert len({*tags, client.get("/admin/").headers["ETag"]}) == 2


def test_kept_until_the_name_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    one, other = Program("a", "d", 0), Program("b", "d", 0)
    assert [one.kept("x", make), one.kept("x", make), one.kept("y", make), other.kept("x", make)] == [1, 1, 2, 3]
    # What stands in an address cannot be taken for another one's name.
    assert one.kept("x b", make) != Program("b a", "d", 0).kept("x", make)
    made.clear()
    assert [each.kept("z", make, data_alone=True) for each in (one, other, Program("a", "e", 0))] == [1, 1, 2]


def test_nothing_is_kept_where_there_is_nothing() -> None:
    calls: list[None] = []
    for _ in range(2):
        assert Program("a", "d", 0).kept("none", lambda: calls.append(None)) is None
    assert len(calls) == 1


def test_the_name_of_a_customer_is_new_on_the_next_page(client: Client, demo_program: None) -> None:
    client.force_login(make_staff("Viewer"))
    before = names(client.get("/admin/?sort=customer"))
    Customer.objects.filter(organization=before[0]).update(organization="Zuletzt GmbH")
    make_run(feed="customers", file="customers.csv")
    after = names(client.get("/admin/?sort=customer"))
    assert sorted(after) == sorted([*before[1:], "Zuletzt GmbH"])
