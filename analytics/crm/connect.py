"""From a destination to the adapter of its kind."""

from collections.abc import Callable

from analytics.crm.changed_rows import ChangedRows
from analytics.crm.credentials import credential
from analytics.crm.hubspot.adapter import HubSpot
from analytics.crm.interface import Crm
from analytics.crm.salesforce.adapter import Salesforce
from analytics.crm.salesforce.connection import Credentials
from analytics.models import Destination, Push


def _salesforce(push: Push) -> Crm:
    there = push.destination
    names = ("URL", "CLIENT_ID", "CLIENT_SECRET")
    return Salesforce(Credentials(*(credential(there, name) for name in names)), there.match_key, there.ours)


_ADAPTERS: dict[str, Callable[[Push], Crm]] = {
    Destination.Kind.CHANGED_ROWS.value: ChangedRows,
    Destination.Kind.HUBSPOT.value: lambda push: HubSpot(push.destination),
    Destination.Kind.SALESFORCE.value: _salesforce,
}


def connect(push: Push) -> Crm:
    """Return the adapter by which a push is sent; raises ``CrmUnavailable`` where it has no credentials."""
    return _ADAPTERS[push.destination.kind](push)
