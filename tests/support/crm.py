"""Destinations and pushes as the tests need them."""

from datetime import date
from typing import Any

import pytest

from analytics.crm.sending import PERHAPS_SENT
from analytics.models import Destination, Push, PushedCustomer, PushRow, Snapshot
from customers.models import Customer
from tests.factories import make_customer, make_day, make_snapshot
from tests.support.hubspot import TOKEN, FakeHubSpot

OVERWRITTEN = {name: {"name": f"rsolv_{name}", "mode": "overwrite"} for name in ("score", "status")}


def make_destination(**overrides: Any) -> Destination:
    """A file of changed rows with scores and statuses, unless told otherwise."""
    return Destination.objects.create(
        **{"name": "Warehouse", "kind": Destination.Kind.CHANGED_ROWS, "fields": OVERWRITTEN, **overrides}
    )


def make_hubspot(hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch, **overrides: Any) -> Destination:
    """A destination that is the fake HubSpot, which has all properties that it needs."""
    monkeypatch.setenv("CRM_HUBSPOT_TOKEN", TOKEN)
    monkeypatch.setenv("CRM_HUBSPOT_URL", hubspot.address)
    monkeypatch.setattr("analytics.crm.hubspot.http.PAUSES", (0.0, 0.0, 0.0))
    destination = make_destination(
        **{"name": "HubSpot", "kind": Destination.Kind.HUBSPOT, "variables": "CRM_HUBSPOT", **overrides}
    )
    hubspot.properties |= {field["name"]: False for field in destination.fields.values()}
    return destination


def make_scored(number: int) -> list[Customer]:
    """Customers c1, c2, ... on a scored date, healthy with a score of 75."""
    customers = [make_customer(id=f"c{one}", organization=f"Org {one}") for one in range(1, number + 1)]
    for customer in customers:
        make_snapshot(customer)
    make_day(total=number)
    return customers


def score(key: str, points: int) -> None:
    """Give a customer another score on the scored date."""
    Snapshot.objects.filter(customer=key).update(score=points)


def counts(push: Push) -> dict[str, int]:
    """The counts of a push that are not zero, which add up to all customers."""
    push.refresh_from_db()
    names = ("new", "changed", "unchanged", "refused", "held_back", "waiting")
    found = {name: getattr(push, name) for name in names}
    assert sum(found.values()) == push.total
    return {name: number for name, number in found.items() if number}


def agrees(hubspot: FakeHubSpot) -> None:
    """HubSpot has what we say that we pushed, and of whom we say that nobody knows."""
    for one in PushedCustomer.objects.exclude(content_hash=""):
        assert one.values.items() <= hubspot.companies[one.customer_id].items()
    pushed = set(PushedCustomer.objects.values_list("customer", flat=True))
    perhaps = set(PushRow.objects.filter(words=PERHAPS_SENT).values_list("customer", flat=True))
    assert pushed <= set(hubspot.companies) <= pushed | perhaps


def make_pushed(customer: Customer, words: str = "", destination: Destination | None = None) -> Push:
    """A push of one customer to a destination, in its ledger and in what is known to be there."""
    destination = destination or make_destination()
    push = Push.objects.create(destination=destination, as_of=date(2025, 5, 10), state="done", total=1, new=1)
    row = {"rsolv_score": "75", "rsolv_status": words}
    PushRow.objects.create(push=push, customer=customer, kind="new", state="created", after=row, words=words)
    PushedCustomer.objects.create(destination=destination, customer=customer, push=push, values=row)
    return push
