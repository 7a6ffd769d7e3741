"""An event is stored with what it tells, while somebody listens, and says no more than it may."""

import json
import re
from datetime import UTC, date, datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from analytics.models import EventKind, WebhookEndpoint, WebhookEvent
from analytics.webhook_events.announce import Told, announce, listened
from analytics.webhook_events.envelope import envelope
from analytics.webhook_events.kinds import KINDS
from tests.factories import make_customer
from tests.support import ROOT
from tests.support.webhook_events import listen, make_event, told

pytestmark = pytest.mark.django_db
DAY = date(2025, 5, 10)


def at_risk(customer: str) -> Told:
    return Told(EventKind.AT_RISK, "healthy", "at_risk", customer, DAY, {"score": 42})


def test_what_is_announced_is_stored_with_its_values_and_the_organisation() -> None:
    listen()
    acme = make_customer(organization="Acme Inc.")
    announce([at_risk(acme.pk), Told(EventKind.RUN_FINISHED, "running", "loaded", more={"run": 7})])
    first, second = WebhookEvent.objects.all()
    assert (first.kind, first.customer, first.as_of) == ("customer.at_risk", acme, DAY)
    assert first.data == {"old": "healthy", "new": "at_risk", "score": 42, "organization": "Acme Inc."}
    assert (second.kind, second.customer, second.as_of) == ("run.finished", None, None)
    assert second.data == {"old": "running", "new": "loaded", "run": 7}
    assert re.fullmatch(r"evt_[a-z2-7]{26}", first.uid)
    assert first.uid != second.uid
    assert abs((datetime.now(UTC) - first.occurred_at).total_seconds()) < 60


def test_only_what_somebody_listens_to_is_stored() -> None:
    listen(EventKind.RUN_FINISHED)
    listen(EventKind.AT_RISK, enabled=False)
    announce([at_risk(make_customer().pk), Told(EventKind.RUN_FINISHED, "running", "loaded")])
    assert told() == [("run.finished", None, "running", "loaded")]
    assert listened() == {"run.finished"}
    assert listened(EventKind.AT_RISK, EventKind.NIGHT_FAILED) == set()


def test_nothing_is_read_of_the_news_while_nobody_listens() -> None:
    WebhookEndpoint.objects.all().delete()
    announce(pytest.fail("it was read") for _once in range(1))
    assert told() == []


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_rolled_back_leaves_none_and_outside_of_one_none_is_stored() -> None:
    listen()
    customer = make_customer()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        announce([at_risk(customer.pk)])
        raise ZeroDivisionError
    with pytest.raises(transaction.TransactionManagementError):
        announce([at_risk(customer.pk)])
    assert told() == []


def test_many_customers_take_as_many_queries_as_one() -> None:
    listen()

    def queries(number: int) -> int:
        news = [at_risk(make_customer().pk) for _customer in range(number)]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            announce(news)
        return len(captured)

    assert queries(1) == queries(19)


# --- What is sent -------------------------------------------------------------------------------------------------


def test_the_body_says_who_what_when_and_where(settings: Settings) -> None:
    settings.SITE_URL = "https://cs.example.com"
    acme = make_customer(id="c#1", organization="Acme Inc.")
    event = make_event(acme, as_of=DAY, occurred_at=datetime(2025, 5, 11, 2, 30, 1, 500_000, tzinfo=UTC))
    assert envelope(event) == {
        "type": "customer.at_risk",
        "timestamp": "2025-05-11T02:30:01.500000Z",
        "data": {
            "id": event.uid,
            "as_of": "2025-05-10",
            "customer": {"id": "c#1", "organization": "Acme Inc."},
            "old": "healthy",
            "new": "at_risk",
            "score": 42,
            "link": "https://cs.example.com/admin/customer/c%231/",
        },
    }
    settings.SITE_URL = ""
    body = envelope(make_event())
    assert body["data"] == {**body["data"], "customer": None, "as_of": None, "link": None}  # type: ignore[dict-item]


@pytest.mark.parametrize("character", ["x", '"', "\\", "\x01", "é", "\N{PILE OF POO}"])
def test_no_body_reaches_20_kb_whatever_the_customer_is_called(character: str, settings: Settings) -> None:
    settings.SITE_URL = f"https://cs.example.com/{'x' * 100}"
    customer = make_customer(id=character * 64, organization=character * 200)
    listen()
    announce([at_risk(customer.pk)])
    body = json.dumps(envelope(WebhookEvent.objects.get()))
    assert len(body.encode()) < 10_000
    assert json.loads(body)["data"]["customer"] == {"id": character * 64, "organization": character * 200}


@pytest.mark.parametrize(
    ("kind", "data", "link"),
    [
        ("alert.opened", {"alert": 3}, "/admin/alerts/"),
        ("task.closed", {"task": 4}, "/admin/tasks/4/"),
        ("run.finished", {"run": 5}, "/admin/customers/importrun/5/change/"),
        ("night.failed", {"night": 6}, "/admin/analytics/night/6/change/"),
    ],
)
def test_the_link_leads_to_what_it_is_about(kind: str, data: dict[str, int], link: str, settings: Settings) -> None:
    settings.SITE_URL = "https://cs.example.com"
    body = envelope(make_event(kind=kind, data={"old": None, "new": None, **data}))
    assert body["data"]["link"] == f"https://cs.example.com{link}"  # type: ignore[index]


# --- Declared -----------------------------------------------------------------------------------------------------


def test_each_kind_is_declared() -> None:
    assert list(KINDS) == list(EventKind)


def test_the_documentation_lists_each_kind_with_what_it_holds() -> None:
    rows = []
    for kind, what in KINDS.items():
        more = "; ".join(f"`{name}`: {meaning}" for name, meaning in what.more.items())
        rows.append(f"| `{kind}` | {what.when} | {what.old} | {what.new} | {more} |")
    assert "\n".join(rows) in (ROOT / "docs" / "integrations.md").read_text()
