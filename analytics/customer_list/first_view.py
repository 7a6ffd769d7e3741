"""Whose customers the list shows at first, and how many have no owner."""

from collections.abc import Iterable
from datetime import date

from django.http import QueryDict

from analytics.models import PortfolioDay, Snapshot
from analytics.page_cache import page_cache
from analytics.page_cache.version import StateVersion
from customers.models import CustomerCare

OWNER, ME = "owner", "me"
"""The list's filter by owner, and its value for the user."""


def first_view(address: QueryDict, filters: Iterable[str], *, owns: bool) -> QueryDict:
    """Return the address as the list is to read it: with the user's own customers where it asks for nothing.

    It asks for something as soon as it names a filter, be it an empty one: ``?owner=`` shows all customers. So it does
    to a user who looks after none, who ``owns`` not.
    """
    if not owns or any(name in address for name in filters):
        return address
    mine = address.copy()
    mine[OWNER] = ME
    return mine


def with_owner_named(address: QueryDict, me: int | None) -> QueryDict:
    """The address with the key of whom "me" means instead, so that it means the same to whoever opens it."""
    return address if me is None else _with_owner(address, ME, str(me))


def with_owner_as_me(address: QueryDict, me: int | None) -> QueryDict:
    """Return the address as a report keeps it: its owner is "me", whoever that is later."""
    return address if me is None else _with_owner(address, str(me), ME)


def _with_owner(address: QueryDict, old: str, new: str) -> QueryDict:
    owners = address.getlist(OWNER)
    if old not in owners:
        return address
    changed = address.copy()
    changed.setlist(OWNER, list(dict.fromkeys(new if owner == old else owner for owner in owners)))
    return changed


class UnassignedKey(page_cache.StateKey):
    """Of how many customers of a scored date have no owner."""

    day: date


def unassigned(portfolio: PortfolioDay, version: StateVersion) -> int:
    """Return how many customers of a scored date nobody looks after now.

    One query, which looks at those with an owner; so the answer is kept. How many there are is known, unless an
    undone import took some away.
    """

    def count() -> int:
        snapshots = Snapshot.objects.filter(date=portfolio.date).order_by()
        # By the keys of those who have one, who may be few: not by each customer of the date.
        owners = CustomerCare.objects.filter(owner__isnull=False).values("customer")
        owned = snapshots.filter(customer__in=owners).count()
        return max((snapshots.count() if portfolio.stale else portfolio.listed) - owned, 0)

    return page_cache.get_or_set(UnassignedKey(version=version, day=portfolio.date), count)
