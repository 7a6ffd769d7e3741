"""Where a query goes: the replica for who looks, the primary for all that decides, writes or may write."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction

from customers.core.replica import routing
from customers.models import ApiToken, Customer

router = routing.Router()


@pytest.mark.django_db(transaction=True)
def test_a_request_that_looks_reads_from_the_replica_and_everybody_else_from_the_primary() -> None:
    assert router.db_for_read(Customer) == "default"
    with routing.of_request() as reading:
        assert router.db_for_read(Customer) == "default"
        reading.from_replica = True
        assert router.db_for_read(Customer) == routing.database_of_reads() == "replica"
    assert router.db_for_read(Customer) == routing.database_of_reads() == "default"


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_all_is_read_from_the_primary() -> None:
    with routing.of_request() as reading:
        reading.from_replica = True
        with transaction.atomic():
            assert router.db_for_read(Customer) == routing.database_of_reads() == "default"
        assert router.db_for_read(Customer) == "replica"


@pytest.mark.django_db(transaction=True)
def test_who_may_do_what_is_read_from_the_primary_always() -> None:
    with routing.of_request() as reading:
        reading.from_replica = True
        assert {router.db_for_read(one) for one in (Permission, Group, ApiToken)} == {"default"}
        # Whom a page names is a row like any other.
        assert router.db_for_read(User) == "replica"


def test_each_of_those_tables_is_there() -> None:
    assert {model._meta.label_lower for model in apps.get_models()} >= routing.DECIDING


def test_everything_is_written_to_the_primary_and_that_is_noted() -> None:
    with routing.of_request() as reading:
        reading.from_replica = True
        assert router.db_for_write(Customer) == "default"
        assert reading.has_written


def test_tables_are_made_where_they_are_written() -> None:
    assert router.allow_migrate("default", "customers")
    assert not router.allow_migrate("replica", "customers")
