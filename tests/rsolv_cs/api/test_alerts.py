"""Alerts by the filters of their page, now and as of an earlier date."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.models import AlertRule
from analytics.models.alerts import ended_by, told_by
from analytics.wording import at_risk_with, rule_turned_off
from customers.core.roles import Role
from customers.models import CustomerCare
from tests.factories import make_alert, make_customer, make_day, make_staff
from tests.support.api import get, refused, walk
from tests.support.german import reads_german
from tests.support.tokens import make_token, token_client

pytestmark = pytest.mark.django_db

D = date(2025, 5, 10)


@pytest.fixture
def sofia() -> User:
    make_day(date=D)
    return make_staff(Role.SUCCESS_MANAGER, username="sofia")


@pytest.fixture
def client(sofia: User) -> Client:
    return token_client(make_token(sofia))


def keys(client: Client, **asked: object) -> list[int]:
    return [row["id"] for row in walk(client, "alerts", per_page=1, **asked)]


def test_an_alert(client: Client) -> None:
    customer = make_customer(id="c1", organization="Acme Inc.")
    alert = make_alert(customer, raised_at=datetime(2025, 5, 11, 2, tzinfo=UTC), note="They know")
    [told] = get(client, "alerts")["results"]
    assert told == {
        "id": alert.pk,
        "rule": {"kind": "at_risk", "name": "Became at risk"},
        "severity": "critical",
        "customer": "c1",
        "organization": "Acme Inc.",
        "feed": "",
        "text": "At risk with a score of 45",
        "value": 45,
        "state": "waiting",
        "opened_on": "2025-05-10",
        "raised_at": "2025-05-11T02:00:00Z",
        "worse_on": None,
        "acknowledged_at": None,
        "acknowledged_by": "",
        "snoozed_until": None,
        "snoozed_by": "",
        "note": "They know",
        "closed_on": None,
        "closed_at": None,
        "ending": "",
    }


def test_programs_read_english_whatever_their_owner_reads(client: Client, sofia: User, settings: Settings) -> None:
    reads_german(sofia, settings)
    ended = {"closed_on": D, "closed_at": timezone.now(), **ended_by(rule_turned_off.of())}
    make_alert(make_customer(id="c1"), **told_by(at_risk_with.of(score=45)), **ended)
    [told] = get(client, "alerts", state="all")["results"]
    assert (told["text"], told["ending"]) == ("At risk with a score of 45", "The rule was turned off")
    texts = [one["text"] for one in walk(client, "customers/c1/timeline", told="alerts")]
    assert texts == ["Alert resolved: The rule was turned off", "Alert: At risk with a score of 45"]


def test_of_a_feed_and_of_a_rule_that_is_gone(client: Client) -> None:
    make_alert(kind="feed")
    gone = make_alert()
    gone.rule.delete()
    closed, of_feed = get(client, "alerts", state="all")["results"]
    assert (of_feed["customer"], of_feed["organization"], of_feed["feed"]) == (None, "", "engagement")
    assert (closed["rule"], closed["severity"], closed["state"], closed["ending"]) == (
        None,
        None,
        "closed",
        "The rule was deleted",
    )


def test_the_filters_are_those_of_the_page(client: Client, sofia: User) -> None:
    mine, theirs = (make_customer(id=key, organization=name) for key, name in (("c1", "Acme"), ("c2", "Tide")))
    CustomerCare.objects.create(customer=mine, owner=sofia)
    tomorrow = timezone.localdate() + timedelta(days=1)
    waiting = make_alert(mine).pk
    known = make_alert(theirs, acknowledged_at=timezone.now(), acknowledged_by="sofia").pk
    snoozed = make_alert(mine, kind="inactive", snoozed_until=tomorrow, snoozed_by="sofia").pk
    closed = make_alert(theirs, kind="inactive", closed_on=D, ending="recovered").pk
    assert keys(client) == [snoozed, known, waiting]
    assert keys(client, state="all") == [closed, snoozed, known, waiting]
    for state, found in (("waiting", waiting), ("acknowledged", known), ("snoozed", snoozed), ("closed", closed)):
        assert keys(client, state=state) == [found]
        assert get(client, "alerts", state=state)["results"][0]["state"] == state
    assert (
        keys(client, owner=sofia.pk) == keys(client, mine="true") == keys(client, told=sofia.pk) == [snoozed, waiting]
    )
    assert [keys(client, mine=yes) for yes in ("1", "TRUE")] == [[snoozed, waiting]] * 2
    assert keys(client, owner="none") == keys(client, customer="c2") == [known]
    assert keys(client, q="tide", page=1, told="") == [known]
    assert keys(client, rule="inactive") == [snoozed]
    severity = AlertRule.objects.get(kind="inactive").get_severity_display().lower()
    assert snoozed in keys(client, severity=severity)


def test_as_of_a_date_they_are_those_that_were_open_on_it(client: Client) -> None:
    make_day(date=date(2025, 5, 12))
    then = make_alert(opened_on=D, closed_on=date(2025, 5, 11)).pk
    make_alert(opened_on=date(2025, 5, 9), closed_on=D)
    later = make_alert(opened_on=date(2025, 5, 12)).pk
    assert keys(client, as_of=D) == [then]
    assert keys(client) == keys(client, as_of="2025-05-12") == [later]


@pytest.mark.parametrize(
    ("query", "pointer", "words"),
    [
        ("state=new", "state", "Allowed: open, waiting, acknowledged, snoozed, closed, all."),
        ("severity=high", "severity", "Allowed: critical, warning, info."),
        ("rule=nothing", "rule", "Allowed: at_risk, inactive,"),
        ("owner=sofia", "owner", "Allowed: none"),
        ("customer=%00", "customer", "Allowed: the id of a customer."),
        ("mine=null", "mine", "Allowed: true, false."),
        ("kind=at_risk", "kind", "There is no such parameter. Allowed: as_of, cursor, customer, mine,"),
    ],
)
def test_what_is_not_understood(client: Client, query: str, pointer: str, words: str) -> None:
    said = refused(client.get(f"/api/v1/alerts?{query}"))
    assert list(said) == [f"#/{pointer}"]
    assert words in said[f"#/{pointer}"]


def test_queries_do_not_grow_with_alerts(client: Client) -> None:
    get(client, "alerts")
    counts = []
    for _time in range(2):
        for _number in range(3):
            make_alert(make_customer())
        with CaptureQueriesContext(connection) as queries:
            get(client, "alerts")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 14


def test_who_may_not_see_alerts(client: Client, sofia: User) -> None:
    sofia.groups.clear()
    assert client.get("/api/v1/alerts").status_code == 403
