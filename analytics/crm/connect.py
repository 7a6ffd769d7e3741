"""From a destination to the adapter of its kind."""

from collections.abc import Callable

from analytics.crm.changed_rows import ChangedRows
from analytics.crm.credentials import NEEDED, credential
from analytics.crm.hubspot.adapter import HubSpot
from analytics.crm.interface import Crm
from analytics.crm.salesforce.adapter import Salesforce
from analytics.crm.salesforce.connection import Credentials, Patience
from analytics.models import Destination, Push


def _salesforce(push: Push, seconds: float | None) -> Crm:
    there = push.destination
    credentials = Credentials(*(credential(there, name) for name in NEEDED[Destination.Kind.SALESFORCE]))
    patience = Patience() if seconds is None else Patience(job=seconds)
    return Salesforce(credentials, there.prefix, there.match_key, there.ours, patience)


_ADAPTERS: dict[str, Callable[[Push, float | None], Crm]] = {
    Destination.Kind.CHANGED_ROWS.value: lambda push, _seconds: ChangedRows(push),
    Destination.Kind.HUBSPOT.value: lambda push, _seconds: HubSpot(push.destination),
    Destination.Kind.SALESFORCE.value: _salesforce,
}


def connect(push: Push, seconds: float | None = None) -> Crm:
    """Return the adapter by which a push is sent; it waits no longer than ``seconds`` for a job that goes on there.

    Raises ``CrmUnavailable`` where it has no credentials.
    """
    return _ADAPTERS[push.destination.kind](push, seconds)
