"""A push to Salesforce that is killed anywhere is resumed: no account is lost, and none is written twice."""

import signal
from collections.abc import Callable, Iterator

import pytest

from analytics.models import Push, PushedCustomer, PushRow
from tests.support.commands import run
from tests.support.crm import counts, make_scored
from tests.support.databases import create_database, drop_database, name_in
from tests.support.own_databases import COMMIT, SECONDS, database, signalled, wait_until_alone
from tests.support.salesforce import salesforce
from tests.support.salesforce_pushes import give_credentials, make_salesforce, salesforce_agrees

CUSTOMERS = 25
JOBS, SENDING = "analytics.crm.salesforce.jobs", "analytics.crm.sending"
POINTS: list[tuple[str, int]] = [
    ("analytics.crm.begin:_store", 1),
    ("analytics.crm.salesforce.adapter:Salesforce.check", 1),
    ("analytics.crm.salesforce.connection:Connection._new_token", 1),
    (f"{SENDING}:Sending._claimed", 1),
    (f"{JOBS}:Jobs.create", 1),
    (f"{SENDING}:JobOf.save", 1),
    (f"{JOBS}:Jobs.upload", 1),
    (f"{JOBS}:Jobs.close", 1),
    (f"{JOBS}:Jobs.wait", 1),
    (f"{JOBS}:Jobs.results", 1),
    (f"{SENDING}:Sending._record", 1),
    (f"{SENDING}:Sending._remember", 2),
    (f"{SENDING}:Sending._count", 3),
    ("analytics.crm.pushing:_end", 1),
    *((COMMIT, nth) for nth in range(1, 7)),
]


@pytest.fixture(scope="module")
def scored(unblocked: None, django_db_setup: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with scored customers and a destination that is Salesforce."""
    name = name_in(tmp_path_factory.mktemp("salesforce"))
    create_database(name, django_db_setup)
    with database(name), salesforce() as server, pytest.MonkeyPatch.context() as patch:
        make_scored(CUSTOMERS)
        make_salesforce(server, patch)
    yield name
    drop_database(name)


@pytest.mark.slow
@pytest.mark.parametrize(("function", "nth"), POINTS)
def test_a_push_that_is_killed_is_resumed(
    own: Callable[[str], str], scored: str, monkeypatch: pytest.MonkeyPatch, function: str, nth: int
) -> None:
    url = own(scored)
    with salesforce(names_new_accounts=True) as server:
        give_credentials(server, monkeypatch)
        process = signalled(url, "SIGKILL", function, nth, "push", "Salesforce")
        process.communicate(timeout=SECONDS)
        assert process.returncode == -signal.SIGKILL, function
        wait_until_alone()

        assert run("push").code == 0

        first, *others = Push.objects.order_by("pk")
        assert (first.state, counts(first)) == ("done", {"new": CUSTOMERS})
        assert all((push.state, counts(push)) == ("done", {"unchanged": CUSTOMERS}) for push in others)
        assert PushRow.objects.count() == PushedCustomer.objects.count() == CUSTOMERS
        assert sorted(server.org.writes) == sorted(f"c{number}" for number in range(1, CUSTOMERS + 1))
        salesforce_agrees(server)
