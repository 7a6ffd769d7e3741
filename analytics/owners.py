"""Whose customers the list shows at first, and how many have no owner."""

from collections.abc import Iterable

from django.core.cache import cache
from django.http import QueryDict

from analytics.models import PortfolioDay, Snapshot
from analytics.refresh import KEPT_SECONDS

OWNER, ME = "owner", "me"
"""The list's filter by owner, and its value for the user."""


def first_view(address: QueryDict, filters: Iterable[str], *, owns: bool) -> QueryDict:
    """The address as the list is to read it: with the user's own customers where it asks for nothing.

    It asks for something as soon as it names a filter, be it an empty one: ``?owner=`` shows all customers. So it does
    to a user who looks after none, who ``owns`` not.
    """
    if not owns or any(name in address for name in filters):
        return address
    mine = address.copy()
    mine[OWNER] = ME
    return mine


def unassigned(portfolio: PortfolioDay, program: str) -> int:
    """How many customers of a scored date nobody looks after now.

    One query, which looks at each of them; so the answer is kept as long as the ``program``'s state has this name.
    """
    nobodys = Snapshot.objects.filter(date=portfolio.date, customer__care__owner__isnull=True).order_by()
    return cache.get_or_set(f"unassigned-{portfolio.date}-{program}", nobodys.count, KEPT_SECONDS)
