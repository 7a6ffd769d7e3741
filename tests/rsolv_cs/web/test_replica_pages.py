"""Every page while it is read from a replica: nothing of it comes from elsewhere, and nothing is written there.

The replica is here another session on the same database, which has everything at once.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain

import pytest
from django.apps import apps
from django.db import Error, InterfaceError, OperationalError, ProgrammingError, connections
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from customers.core.replica import routing
from customers.core.replica.watch import WATCH, Verdict, Watch, Why
from customers.core.sql import is_postgres
from customers.models import Customer
from rsolv_cs.api import reading
from tests.factories import load_demo_program, make_customer, make_staff
from tests.support.tokens import make_token, token_client
from tests.support.walking import addresses

pytestmark = pytest.mark.django_db(transaction=True)

ROUTER = "customers.core.replica.routing.Router"
MIDDLEWARE = "rsolv_cs.web.replica.ReplicaReads"
TABLE = re.compile(r'(?:FROM|JOIN|INTO|UPDATE) "?(\w+)"?')
LONG_AGO = "2020-01-01T00:00:00Z"


@dataclass
class Asked:
    """The SQL of a request that is read from the replica."""

    replica: list[str] = field(default_factory=list)
    primary: list[str] = field(default_factory=list)

    def watcher(self, found: list[str]) -> Callable[..., object]:
        def watch(execute: Callable[..., object], sql: str, *more: object) -> object:
            if routing.reading_now().from_replica:
                found.append(sql)
            return execute(sql, *more)

        return watch


@pytest.fixture
def asked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    if not is_postgres():
        pytest.skip("SQLite has no replicas")
    settings.DATABASE_ROUTERS = [ROUTER]
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, MIDDLEWARE]
    monkeypatch.setattr(Watch, "start", lambda _self: None)
    monkeypatch.setattr(WATCH, "verdict", lambda: Verdict(Why.NOTHING, 0.0, 2**62))
    monkeypatch.setattr(reading, "is_used", lambda: True)
    asked = Asked()
    replica = connections["default"].copy("replica")
    connections["replica"] = replica
    with ExitStack() as stack:
        stack.callback(replica.close)
        stack.enter_context(connections["default"].execute_wrapper(asked.watcher(asked.primary)))
        stack.enter_context(replica.execute_wrapper(asked.watcher(asked.replica)))
        yield asked
    del connections["replica"]


def deciding_tables() -> set[str]:
    models = [apps.get_model(label) for label in routing.DECIDING]
    through = [one.remote_field.through for model in models for one in model._meta.many_to_many]
    return {model._meta.db_table for model in chain(models, through)} | {
        "auth_user_groups",
        "auth_user_user_permissions",
    }


def test_no_page_mixes_two_databases(asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    load_demo_program()
    client = Client(raise_request_exception=False)
    user = make_staff("Program manager", is_superuser=True, date_joined=LONG_AGO)
    client.force_login(user)
    token = token_client(make_token(user, "read"))
    customer = Customer.objects.order_by("pk").first()
    assert customer
    mixed: dict[str, list[str]] = {}
    with caplog.at_level(logging.WARNING, "rsolv_cs.web.replica"):
        for address in addresses(customer.pk):
            for visitor in (client, token) if address.startswith("/api/v1") else (client,):
                asked.primary.clear()
                with closing(visitor.get(address)) as response:
                    failed = ["failed"] if response.status_code >= 500 else []
                mixed[address] = [*failed, *filter(is_of_page, asked.primary), *mixed.get(address, [])]
    assert [f"{address}: {found}" for address, found in mixed.items() if found] == []
    assert [record.getMessage() for record in caplog.records if record.name == "rsolv_cs.web.replica"] == []
    assert len(asked.replica) > 300
    assert [sql for sql in asked.replica if re.match(r"\s*(INSERT|UPDATE|DELETE|CREATE|COPY)", sql)] == []


def is_of_page(sql: str) -> bool:
    """Whether a query is for rows of another table than who may do what, and is none that writes."""
    first, *_joined = [*TABLE.findall(sql), ""]
    ours = {model._meta.db_table for model in apps.get_models()}
    return first in ours - deciding_tables() and sql.lstrip().startswith("SELECT")


@pytest.mark.parametrize("failing", [OperationalError, InterfaceError, ProgrammingError])
def test_what_the_replica_fails_is_answered_by_the_primary(asked: Asked, failing: type[Error]) -> None:
    customer = make_customer()
    user = make_staff("Program manager", is_superuser=True, date_joined=LONG_AGO)
    client = Client()
    client.force_login(user)
    token = token_client(make_token(user, "read"))
    list_page = reverse("admin:customers_customer_changelist")
    for visitor, address in (
        *((client, address) for address in ("/admin/", f"/admin/customer/{customer.pk}/", list_page)),
        *((visitor, f"/api/v1/customers/{customer.pk}") for visitor in (client, token)),
    ):
        with failing_replica(failing) as failed:
            response = visitor.get(address)
        assert (response.status_code, failed) == (200, [True]), address
        assert customer.email in response.text or address == "/admin/"


@contextmanager
def failing_replica(failing: type[Error]) -> Iterator[list[bool]]:
    """Let each query of the replica fail; gives a list with an entry for each."""
    failed: list[bool] = []

    def fail(*_asked: object) -> None:
        failed.append(True)
        raise failing("terminating connection")

    with connections["replica"].execute_wrapper(fail):
        yield failed
