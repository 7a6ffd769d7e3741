"""A destination that is the Salesforce of the tests, and what must hold after any push to it."""

from dataclasses import replace
from typing import Any

import pytest

from analytics.models import Destination, PushedCustomer
from tests.support.crm import make_destination
from tests.support.salesforce import KEY, QUICK, FakeSalesforce
from tests.support.salesforce_answers import CLIENT, SECRET


def give_credentials(server: FakeSalesforce, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put what the destination needs into the environment."""
    monkeypatch.setenv("CRM_SALESFORCE_URL", server.url)
    monkeypatch.setenv("CRM_SALESFORCE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("CRM_SALESFORCE_CLIENT_SECRET", SECRET)


def make_salesforce(server: FakeSalesforce, monkeypatch: pytest.MonkeyPatch, **modes: str) -> Destination:
    """A destination with scores and statuses, unless told otherwise; whoever is new there is named by a flow."""
    give_credentials(server, monkeypatch)
    monkeypatch.setattr("analytics.crm.connect.Patience", lambda **how: replace(QUICK, **how))
    server.org.names_new_accounts = True
    return make_destination(
        name="Salesforce",
        kind=Destination.Kind.SALESFORCE,
        variables="CRM_SALESFORCE",
        prefix="RSOLV_",
        match_key=KEY,
        fields=fields(**modes or {"score": "overwrite", "status": "overwrite"}),
    )


def fields(**modes: str) -> dict[str, Any]:
    """What is pushed, each value with its mode: ``score="overwrite"``."""
    return {name: {"name": f"RSOLV_{name.title()}__c", "mode": mode} for name, mode in modes.items()}


def account(server: FakeSalesforce, key: str) -> dict[str, str]:
    """Our fields of an account, as texts; an empty one is not named."""
    found = server.org.find(KEY, key)
    assert found is not None
    ours = {name: value for name, value in found.items() if name.startswith("RSOLV_") and value is not None}
    return {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in ours.items()}


def salesforce_agrees(server: FakeSalesforce) -> None:
    """Salesforce has what we say that we pushed."""
    for one in PushedCustomer.objects.all():
        there = account(server, one.customer_id)
        assert {name: there.get(name, "") for name in one.values} == one.values
