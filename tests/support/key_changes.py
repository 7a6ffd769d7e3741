"""A night in which a customer's key changes, and the page that decides on it."""

from pathlib import Path

from django.test import Client

from customers.models import KeyChange
from tests.factories import csv_row, write_feed
from tests.support.commands import run
from tests.support.field_nights import NIGHTS, deliver
from tests.support.loading import load
from tests.support.pages import said

RENAMED = NIGHTS / "renamed_id"
"""In the second night c1 is called A-1: the same address, organisation, onboarding and engagement."""


def load_night(drop: Path, night: str) -> None:
    """Import and score, without the alerts of a night."""
    deliver(drop, RENAMED / night)
    assert (run("import_csvs").code, run("score").code) == (0, 0)


def decide_page(pair: KeyChange) -> str:
    """The address of the page that decides on a pair."""
    return f"/admin/customers/keychange/{pair.pk}/decide/"


def decide(client: Client, pair: KeyChange, what: str) -> list[str]:
    """Send the page, and return what is said."""
    page = client.post(decide_page(pair), {"decide": what}, follow=True)
    assert page.status_code == 200
    return said(page)


def after(tmp_path: Path, before: list[dict[str, str]], then: list[dict[str, str]]) -> list[str]:
    """Load some customers, then others; the pairs that are noticed."""
    write_feed(tmp_path, "customers", before)
    load(tmp_path, "customers")
    write_feed(tmp_path, "customers", then)
    load(tmp_path, "customers")
    return sorted(f"{pair.former_id} → {pair.customer_id}" for pair in KeyChange.objects.all())


def named(key: str, email: str = "ops@acme.example", organization: str = "Acme") -> dict[str, str]:
    """A customer of that key, as its feed has it."""
    return csv_row("customers", id=key, email=email, organization=organization)
