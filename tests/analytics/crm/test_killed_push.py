"""A push that is killed anywhere is resumed: no customer is lost, and none is sent twice but what was on its way."""

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from analytics.models import Destination, Push, PushedCustomer, PushRow
from tests.support.commands import run
from tests.support.crm import agrees, counts, make_hubspot, make_scored, score
from tests.support.databases import create_database, drop_database, name_in
from tests.support.hubspot import TOKEN, FakeHubSpot, fake_hubspot
from tests.support.own_databases import COMMIT, SECONDS, database, signalled, wait_until_alone
from tests.support.processes import lock_held

CUSTOMERS = 230
HUBSPOT, SENDING = "analytics.crm.hubspot.adapter", "analytics.crm.sending"
POINTS: list[tuple[str, int]] = [
    ("analytics.crm.pushing:begin_push", 1),
    ("analytics.crm.begin:_store", 1),
    ("analytics.crm.begin:trail.record", 1),
    (f"{HUBSPOT}:HubSpot.check", 1),
    (f"{SENDING}:Sending._claimed", 1),
    (f"{HUBSPOT}:HubSpot._upsert", 1),
    (f"{HUBSPOT}:_results", 1),
    (f"{SENDING}:Sending._record", 1),
    (f"{SENDING}:Sending._remember", 1),
    (f"{SENDING}:Sending._count", 3),
    (f"{HUBSPOT}:HubSpot._upsert", 2),
    (f"{HUBSPOT}:_results", 2),
    (f"{SENDING}:Sending._record", 2),
    (f"{HUBSPOT}:_results", 3),
    (f"{SENDING}:Sending._remember", 4),
    ("analytics.crm.pushing:_end", 1),
    (COMMIT, 1),
    (COMMIT, 2),
    (COMMIT, 3),
    (COMMIT, 5),
]


@pytest.fixture(scope="module")
def scored(unblocked: None, django_db_setup: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with scored customers and a destination that is HubSpot."""
    folder = tmp_path_factory.mktemp("crm")
    name = name_in(folder)
    create_database(name, django_db_setup)
    with database(name), fake_hubspot() as hubspot, pytest.MonkeyPatch.context() as patch:
        make_scored(CUSTOMERS)
        make_hubspot(hubspot, patch)
    yield name
    drop_database(name)


@pytest.mark.slow
@pytest.mark.parametrize(("function", "nth"), POINTS)
def test_a_push_that_is_killed_is_resumed(
    own: Callable[[str], str],
    scored: str,
    hubspot: FakeHubSpot,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    nth: int,
) -> None:
    url = own(scored)
    hubspot.properties |= {"rsolv_score": False, "rsolv_status": False}
    monkeypatch.setenv("CRM_HUBSPOT_TOKEN", TOKEN)
    monkeypatch.setenv("CRM_HUBSPOT_URL", hubspot.address)
    process = signalled(url, "SIGKILL", function, nth, "push", "HubSpot")
    process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGKILL, function
    wait_until_alone()
    assert run("push").code == 0
    pushes = list(Push.objects.order_by("pk"))
    assert {push.state for push in pushes} == {"done"}
    assert counts(pushes[0]) == {"new": CUSTOMERS}
    assert all(counts(push) == {"unchanged": CUSTOMERS} for push in pushes[1:])
    assert PushRow.objects.count() == PushedCustomer.objects.count() == CUSTOMERS
    assert len(hubspot.companies) == CUSTOMERS
    # What was recorded is not sent again; of one call nobody could know.
    assert len(hubspot.written) <= CUSTOMERS + 100
    agrees(hubspot)
    score("c7", 1)
    said = f"HubSpot: 0 new, 1 changed, {CUSTOMERS - 1} unchanged, 0 refused and 0 held back of {CUSTOMERS} customers."
    assert run("push").lines == [said]


@pytest.mark.slow
def test_of_two_pushes_at_once_the_second_says_so(
    own: Callable[[str], str], scored: str, hubspot: FakeHubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, there = own(scored), Destination.objects.get()
    with lock_held(url, f"crm-{there.pk}"):
        second: Any = run("push")
    assert (second.code, hubspot.written) == (75, [])
    assert "another push is going on" in second.err
