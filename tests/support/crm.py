"""Destinations and pushes as the tests need them."""

from datetime import date
from typing import Any

from analytics.models import Destination, Push, PushedCustomer, PushRow
from customers.models import Customer


def make_destination(**overrides: Any) -> Destination:
    """A file of changed rows with scores and statuses, unless told otherwise."""
    fields = {name: {"name": f"rsolv_{name}", "mode": "overwrite"} for name in ("score", "status")}
    return Destination.objects.create(
        **{"name": "Warehouse", "kind": Destination.Kind.CHANGED_ROWS, "fields": fields, **overrides}
    )


def make_pushed(customer: Customer, words: str = "") -> Push:
    """A push of one customer to a new destination, in its ledger and in what is known to be there."""
    destination = make_destination()
    push = Push.objects.create(destination=destination, as_of=date(2025, 5, 10), state="done", total=1, new=1)
    row = {"rsolv_score": "75", "rsolv_status": words}
    PushRow.objects.create(push=push, customer=customer, kind="new", state="created", after=row, words=words)
    PushedCustomer.objects.create(destination=destination, customer=customer, push=push, values=row)
    return push
